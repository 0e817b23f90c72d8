//! What stands about a message: the first outcome wins, and there is exactly one.
//!
//! Each family writes its rows and the outcome in `messages` in one statement. Where the message
//! has an outcome already nothing is written, and what stands is read instead, so that it can be
//! told again.

use chrono::{DateTime, Utc};
use contracts::{MessageId, MessageOutcome, Registration};
use serde::de::DeserializeOwned;

use crate::kitchen::TakenStep;
use crate::messages::{MessageRow, outcome};
use crate::notifications::NotificationRow;
use crate::replies::ReplyRow;
use crate::reviews::Decided;
use crate::{Error, Store};

/// What came of registering a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Registered {
    /// It was written now.
    New(Registration),
    /// The message had been registered before, as this.
    Stands(Standing),
    /// The message was refused or discarded.
    Closed(MessageOutcome),
    /// There is no such message.
    Unknown,
}

/// A registration that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// What was written.
    pub registration: Registration,
    /// Why, where a table says so.
    pub reason: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// What the database knows of one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// Its row.
    pub message: MessageRow,
    /// What was registered.
    pub standing: Option<Standing>,
    /// What a person decided over its review.
    pub decided: Option<Decided>,
    /// The steps that people took with its order.
    pub kitchen: Vec<TakenStep>,
    /// What went out about it.
    pub notifications: Vec<NotificationRow>,
    /// What its customer was told.
    pub replies: Vec<ReplyRow>,
}

impl Store {
    /// What stands about a message.
    pub async fn registered(&self, id: MessageId) -> Result<Registered, Error> {
        let Some(row) = sqlx::query!("SELECT outcome, outcome_at FROM messages WHERE id = $1", id.0)
            .fetch_optional(&self.pool)
            .await?
        else {
            return Ok(Registered::Unknown);
        };
        let (Some(stored), Some(at)) = (row.outcome, row.outcome_at) else {
            // Asked for only where a registration found an outcome, which then stays.
            return Err(Error::unreadable(format!("no outcome of message {id}")));
        };
        let (registration, reason) = match outcome(&stored)? {
            MessageOutcome::Order => self.standing_order(id).await?,
            MessageOutcome::Review => self.standing_review(id).await?,
            MessageOutcome::Enquiry => self.standing_enquiry(id).await?,
            MessageOutcome::Misc => (Registration::Misc, None),
            closed @ (MessageOutcome::Refused | MessageOutcome::Discarded) => {
                return Ok(Registered::Closed(closed));
            }
        };
        Ok(Registered::Stands(Standing { registration, reason, at }))
    }

    /// Marks messages as miscellaneous; answers in their order. What they say goes to the registrar's file.
    pub async fn register_misc(&self, ids: &[MessageId]) -> Result<Vec<Registered>, Error> {
        let wanted: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let written = sqlx::query_scalar!(
            "UPDATE messages SET outcome = 'misc', outcome_at = now()
             WHERE id = ANY($1) AND outcome IS NULL RETURNING id",
            &wanted,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut written: std::collections::HashSet<i64> = written.into_iter().collect();
        let mut results = Vec::with_capacity(ids.len());
        for id in ids {
            results.push(match written.remove(&id.0) {
                true => Registered::New(Registration::Misc),
                false => self.registered(*id).await?,
            });
        }
        Ok(results)
    }

    /// What the database knows of a message.
    pub async fn journey(&self, id: MessageId) -> Result<Option<Journey>, Error> {
        let Some(message) = self.message(id).await? else {
            return Ok(None);
        };
        let standing = match message.outcome {
            Some(_) => match self.registered(id).await? {
                Registered::Stands(standing) => Some(standing),
                Registered::New(_) | Registered::Closed(_) | Registered::Unknown => None,
            },
            None => None,
        };
        let decided = self.decision(id).await?;
        let kitchen = self.order_steps(id).await?;
        let notifications = self.notifications(id).await?;
        let replies = self.replies_to(id).await?;
        Ok(Some(Journey { message, standing, decided, kitchen, notifications, replies }))
    }
}

/// Reads JSON that this crate wrote.
pub(crate) fn from_json<T: DeserializeOwned>(
    value: serde_json::Value,
    what: &str,
    id: MessageId,
) -> Result<T, Error> {
    serde_json::from_value(value)
        .map_err(|error| Error::unreadable(format!("{what} of message {id} that cannot be read: {error}")))
}

/// Writes JSON that only a bug could make impossible.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<serde_json::Value, Error> {
    serde_json::to_value(value)
        .map_err(|error| Error::unreadable(format!("nothing, as JSON failed: {error}")))
}
