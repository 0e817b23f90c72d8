//! Other people's data: what is known of a customer, and how it is forgotten.
//!
//! What forgetting changes is said by the function `anonymise` of `migrations/0016_forgotten.sql`, and by triggers on
//! `messages.anonymised_at` for tables that came later.

use chrono::{DateTime, Utc};
use contracts::MessageId;
use serde::Serialize;

use crate::{Error, Store};

/// What stands in place of what is forgotten.
pub const ANONYMISED: &str = "(anonymised)";

/// Whose data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// All that came with this key.
    Customer(String),
    /// One message that came without one.
    Message(MessageId),
}

/// A message of a customer's, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Its row.
    pub message_id: i64,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// By which door.
    pub source: String,
    /// The sender's own id of it.
    pub external_id: Option<String>,
    /// What the customer wrote.
    pub text: String,
    /// What became of it.
    pub outcome: Option<String>,
    /// The number of its order.
    pub order: Option<i64>,
    /// What that came to, in cents.
    pub total_cents: Option<i64>,
    /// Nobody waits for anything of it any more: it has an outcome that no person has to decide about, and the kitchen
    /// is done with its order, or has had it for a day.
    pub settled: bool,
}

impl Store {
    /// Whom a name means: the key of a customer, or else the number of one of his or her messages.
    pub async fn whom(&self, name: &str) -> Result<Option<Whom>, Error> {
        let key = sqlx::query_scalar!(
            r#"SELECT customer AS "key!" FROM messages WHERE customer = $1 LIMIT 1"#,
            name
        )
        .fetch_optional(&self.pool)
        .await?;
        if let Some(key) = key {
            return Ok(Some(Whom::Customer(key)));
        }
        let Ok(id) = name.parse::<MessageId>() else { return Ok(None) };
        let row = sqlx::query!("SELECT customer FROM messages WHERE id = $1 AND anonymised_at IS NULL", id.0)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.customer.map_or(Whom::Message(id), Whom::Customer)))
    }

    /// All that is known of a customer, oldest first.
    pub async fn known(&self, whom: &Whom) -> Result<Vec<Known>, Error> {
        let (customer, message) = match whom {
            Whom::Customer(key) => (Some(key.as_str()), None),
            Whom::Message(id) => (None, Some(id.0)),
        };
        Ok(sqlx::query_as!(
            Known,
            r#"SELECT m.id AS message_id, m.received_at, m.source, m.external_id, m.text, m.outcome,
                      o.id AS "order?", o.total_cents AS "total_cents?",
                      coalesce(m.outcome, 'none') NOT IN ('none', 'review')
                      AND (o.id IS NULL OR o.state IN ('collected', 'voided')
                           OR o.created_at < now() - interval '1 day') AS "settled!"
               FROM messages m LEFT JOIN orders o ON o.message_id = m.id
               WHERE (m.customer = $1 OR m.id = $2) AND m.anonymised_at IS NULL ORDER BY m.id"#,
            customer,
            message,
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Messages that were done with before a time and are not anonymous yet, oldest first.
    ///
    /// When the line had them counts, not when they were written: an old file may be imported today. A review that
    /// nobody has decided is not done with: without the words nobody could decide it any more.
    pub async fn kept_since_before(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<MessageId>, Error> {
        let ids = sqlx::query_scalar!(
            "SELECT id FROM messages
             WHERE anonymised_at IS NULL AND coalesce(outcome_at, published_at) < $1 AND outcome IS DISTINCT FROM 'review'
             ORDER BY coalesce(outcome_at, published_at) LIMIT $2",
            before,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(MessageId).collect())
    }

    /// How many messages have waited since before a time for a person to decide.
    pub async fn undecided_since_before(&self, before: DateTime<Utc>) -> Result<u64, Error> {
        let count = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM messages
               WHERE anonymised_at IS NULL AND coalesce(outcome_at, published_at) < $1 AND outcome = 'review'"#,
            before,
        );
        Ok(count.fetch_one(&self.pool).await?.unsigned_abs())
    }

    /// Makes messages and all that came of them nobody's. Says how many were somebody's. One that has no outcome and was
    /// published within the last hour stays as it is: somebody has just sent it down the line again.
    pub async fn anonymise(&self, ids: &[MessageId]) -> Result<u64, Error> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let done =
            sqlx::query_scalar!(r#"SELECT anonymise($1) AS "done!""#, &ids).fetch_one(&self.pool).await?;
        Ok(done.unsigned_abs())
    }
}
