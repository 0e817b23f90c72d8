//! What customers are told: the outbox that `migrations/0014_replies.sql` fills, and what becomes of its rows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::kitchen::State;
use contracts::{Message, MessageId, Modifier};
use serde::{Deserialize, Serialize};

use crate::messages::{BEGIN_RELAY, generation};
use crate::registration::from_json;
use crate::{Error, Store};

/// What was not sent of itself: said of a reply that is older than a channel's patience.
const TOO_OLD: &str = "it could not be sent in time";
/// Said of a reply whose sender died, where the channel cannot recognise a repeat.
const MAY_HAVE_BEEN_SENT: &str = "its sender ended before it knew whether it was taken";

/// A step of a message's way that its customer is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyStep {
    /// The order is registered, and read back.
    Accepted,
    /// A person looks at it first.
    Asked,
    /// Something of it is not on the menu.
    Rejected,
    /// A person answered the enquiry.
    Answered,
    /// The order waits to be collected.
    Ready,
    /// The order was called off.
    Voided,
}

impl ReplyStep {
    /// All of them.
    pub const ALL: [ReplyStep; 6] = [
        ReplyStep::Accepted,
        ReplyStep::Asked,
        ReplyStep::Rejected,
        ReplyStep::Answered,
        ReplyStep::Ready,
        ReplyStep::Voided,
    ];

    /// As the column has it: `accepted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ReplyStep::Accepted => "accepted",
            ReplyStep::Asked => "asked",
            ReplyStep::Rejected => "rejected",
            ReplyStep::Answered => "answered",
            ReplyStep::Ready => "ready",
            ReplyStep::Voided => "voided",
        }
    }

    fn parse(stored: &str) -> Result<ReplyStep, Error> {
        ReplyStep::ALL
            .into_iter()
            .find(|step| step.as_str() == stored)
            .ok_or_else(|| Error::unreadable(format!("the unknown step '{stored}' of a reply")))
    }
}

/// An order as its customer is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyOrder {
    /// Its number.
    pub number: i64,
    /// How far it is.
    pub state: State,
    /// Its total in cents.
    pub total_cents: i64,
    /// Its lines.
    pub lines: Vec<ReplyLine>,
    /// Why it was called off, in the words of who did.
    pub why: Option<String>,
}

/// A line of an order as its customer is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyLine {
    /// The item's name on the menu.
    pub item: String,
    /// How many.
    pub quantity: u32,
    /// The size under its canonical name.
    pub size: Option<String>,
    /// Wishes about the item.
    pub modifiers: Vec<Modifier>,
}

/// A reply that is to be sent, with all that can be said in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its row.
    pub id: i64,
    /// What it tells of.
    pub step: ReplyStep,
    /// Whom.
    pub customer: String,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// When the step was taken.
    pub created_at: DateTime<Utc>,
    /// The message that it answers.
    pub message: Message,
    /// The sender's own id of that message.
    pub external_id: Option<String>,
    /// Its order, where it has one.
    pub order: Option<ReplyOrder>,
    /// What is not on the menu, in the customer's words.
    pub not_on_menu: Vec<String>,
    /// What is offered instead.
    pub closest: Option<String>,
    /// What a person answered.
    pub answer: Option<String>,
}

/// How a channel sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// The channel: `telegram` or `webhook`.
    pub channel: &'static str,
    /// For how long a claim holds against others. Who sends must be done by then, or be dead.
    pub lease: Duration,
    /// After so long a reply is no longer worth sending.
    pub patience: Duration,
    /// Whether the other side recognises what it was sent before, so that it may be sent again when in doubt.
    pub repeatable: bool,
}

/// What became of a reply that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyOutcome {
    /// The other side took it.
    Sent,
    /// It surely was not taken, or may be sent again: after this long.
    Again {
        /// How long to wait.
        after: Duration,
        /// Why it was not taken.
        trouble: String,
    },
    /// It may have been taken, and is not sent again.
    Unknown(String),
    /// It is never going to be taken.
    GivenUp(String),
}

/// A row of `replies`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplyRow {
    /// Its number.
    pub id: i64,
    /// The message that it answers.
    pub message_id: i64,
    /// What it tells of.
    pub step: String,
    /// By which channel.
    pub channel: String,
    /// When the step was taken.
    pub created_at: DateTime<Utc>,
    /// How often it was tried.
    pub attempts: i32,
    /// Why the last try failed, or why it was not sent at all.
    pub trouble: Option<String>,
    /// `sent`, `skipped`, `unknown`, `given_up`; none while it is to be sent.
    pub outcome: Option<String>,
    /// Since when.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What is to be done with a reply that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Send,
    Skip,
    Unknown,
    GiveUp,
}

impl Fate {
    /// The outcome that it writes; none where it is sent.
    const fn outcome(self) -> Option<&'static str> {
        match self {
            Fate::Send => None,
            Fate::Skip => Some("skipped"),
            Fate::Unknown => Some("unknown"),
            Fate::GiveUp => Some("given_up"),
        }
    }

    const fn trouble(self) -> Option<&'static str> {
        match self {
            Fate::Send | Fate::Skip => None,
            Fate::Unknown => Some(MAY_HAVE_BEEN_SENT),
            Fate::GiveUp => Some(TOO_OLD),
        }
    }
}

/// Whether what a reply tells is still so: nothing is told after `voided` or after the order was handed over, `ready` is
/// not told of an order that was recalled, nor that a person looks at what a person has decided.
fn still_true(step: ReplyStep, outcome: Option<&str>, state: Option<State>) -> bool {
    match step {
        ReplyStep::Accepted => matches!(state, Some(State::Accepted | State::Preparing | State::Ready)),
        ReplyStep::Ready => state == Some(State::Ready),
        ReplyStep::Voided => state == Some(State::Voided),
        ReplyStep::Asked => outcome == Some("review"),
        ReplyStep::Rejected | ReplyStep::Answered => outcome == Some("enquiry"),
    }
}

impl Store {
    /// Says that customers are answered by these channels for so long, and by no others.
    pub async fn open_reply_channels(&self, channels: &[&str], holds: Duration) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!("DELETE FROM reply_channels WHERE channel <> ALL ($1)", channels as &[&str])
            .execute(&mut *tx)
            .await?;
        sqlx::query!(
            "INSERT INTO reply_channels (channel, until)
             SELECT channel, now() + make_interval(secs => $2) FROM unnest($1::text[]) AS new (channel)
             ORDER BY channel ON CONFLICT (channel) DO UPDATE SET until = excluded.until",
            channels as &[&str],
            holds.as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Claims replies that are due, those first that were tried least, the oldest of each customer's, and never one while an older one of the same customer
    /// is open: so a customer is told of the steps in their order, whoever sends.
    ///
    /// The rows are locked while it is decided whether they are still true: a step that makes one true again meanwhile
    /// waits for that, and then has it told.
    pub async fn claim_replies(&self, sending: &Sending, limit: u32) -> Result<Vec<Reply>, Error> {
        let mut tx = self.pool.begin_with(BEGIN_RELAY).await?;
        let due = sqlx::query_scalar!(
            "SELECT r.id FROM replies r
             WHERE r.channel = $1 AND r.outcome IS NULL AND r.due_at <= clock_timestamp()
               AND NOT EXISTS (SELECT FROM replies e WHERE e.channel = r.channel AND e.customer = r.customer
                                                       AND e.outcome IS NULL AND e.id < r.id)
             ORDER BY r.attempts, r.id FOR UPDATE OF r SKIP LOCKED LIMIT $2",
            sending.channel,
            i64::from(limit),
        )
        .fetch_all(&mut *tx)
        .await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // A statement of its own: it sees what was committed before the rows were locked.
        let rows = sqlx::query!(
            r#"SELECT r.id, r.step, r.customer, r.attempts, r.sending, r.created_at,
                      clock_timestamp() - r.created_at > make_interval(secs => $2) AS "too_old!",
                      m.id AS message_id, m.generation, m.received_at, m.source, m.external_id, m.text, m.outcome,
                      o.id AS "number?", o.state AS "state?", o.total_cents AS "total_cents?",
                      (SELECT coalesce(jsonb_agg(jsonb_build_object('item', item, 'quantity', quantity, 'size', size,
                                                 'modifiers', modifiers) ORDER BY position), '[]')
                       FROM order_items i WHERE i.order_id = o.id) AS "lines!",
                      (SELECT why FROM order_steps s WHERE s.message_id = m.id AND s.state = 'voided') AS why,
                      e.not_on_menu AS "not_on_menu?", e.closest AS "closest?",
                      a.answer AS "answer?"
               FROM replies r JOIN messages m ON m.id = r.message_id
                    LEFT JOIN orders o ON o.message_id = m.id LEFT JOIN enquiries e ON e.message_id = m.id
                    LEFT JOIN answers a ON a.message_id = m.id
               WHERE r.id = ANY ($1) ORDER BY r.id"#,
            &due,
            sending.patience.as_secs_f64(),
        )
        .fetch_all(&mut *tx)
        .await?;
        let (mut replies, mut ids, mut fates) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let id = MessageId(row.message_id);
            let step = ReplyStep::parse(&row.step)?;
            let state: Option<State> =
                row.state.as_deref().map(str::parse).transpose().map_err(Error::unreadable)?;
            let fate = match (&row.customer, row.sending) {
                (None, _) => Fate::Skip,
                (Some(_), true) if !sending.repeatable => Fate::Unknown,
                _ if !still_true(step, row.outcome.as_deref(), state) => Fate::Skip,
                _ if row.too_old => Fate::GiveUp,
                _ => Fate::Send,
            };
            ids.push(row.id);
            fates.push(fate);
            let (Fate::Send, Some(customer)) = (fate, row.customer) else { continue };
            let order = match (row.number, state, row.total_cents) {
                (Some(number), Some(state), Some(total_cents)) => {
                    let lines = from_json(row.lines, "order lines", id)?;
                    Some(ReplyOrder { number, state, total_cents, lines, why: row.why })
                }
                _ => None,
            };
            let not_on_menu =
                row.not_on_menu.map(|list| from_json(list, "what is not on the menu", id)).transpose()?;
            replies.push(Reply {
                id: row.id,
                step,
                customer: customer.clone(),
                attempt: row.attempts.unsigned_abs() + 1,
                created_at: row.created_at,
                message: Message {
                    id,
                    generation: generation(row.generation),
                    received_at: row.received_at,
                    source: row.source,
                    customer: Some(customer),
                    text: row.text,
                },
                external_id: row.external_id,
                order,
                not_on_menu: not_on_menu.unwrap_or_default(),
                closest: row.closest,
                answer: row.answer,
            });
        }
        sqlx::query!(
            "UPDATE replies r
             SET outcome = new.outcome, finished_at = CASE WHEN new.outcome IS NOT NULL THEN now() END,
                 trouble = coalesce(new.trouble, r.trouble), sending = new.outcome IS NULL,
                 attempts = r.attempts + CASE WHEN new.outcome IS NULL THEN 1 ELSE 0 END,
                 due_at = clock_timestamp() + make_interval(secs => $4)
             FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (id, outcome, trouble) WHERE r.id = new.id",
            &ids,
            &fates.iter().map(|fate| fate.outcome()).collect::<Vec<_>>() as &[Option<&str>],
            &fates.iter().map(|fate| fate.trouble()).collect::<Vec<_>>() as &[Option<&str>],
            sending.lease.as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(replies)
    }

    /// Notes what became of a reply that was claimed by this try. Who comes too late, since another one has claimed it
    /// meanwhile or it is finished, changes nothing, unless to say that it was sent.
    pub async fn note_reply(&self, reply: &Reply, outcome: &ReplyOutcome) -> Result<(), Error> {
        let (word, after, trouble) = match outcome {
            ReplyOutcome::Sent => (Some("sent"), Duration::ZERO, None),
            ReplyOutcome::Again { after, trouble } => (None, *after, Some(trouble.as_str())),
            ReplyOutcome::Unknown(trouble) => (Some("unknown"), Duration::ZERO, Some(trouble.as_str())),
            ReplyOutcome::GivenUp(trouble) => (Some("given_up"), Duration::ZERO, Some(trouble.as_str())),
        };
        sqlx::query!(
            "UPDATE replies
             SET outcome = $3, finished_at = CASE WHEN $3::text IS NOT NULL THEN now() END, sending = false,
                 trouble = $4, due_at = clock_timestamp() + make_interval(secs => $5)
             WHERE id = $1 AND (sending AND attempts = $2 OR $3 = 'sent' AND outcome IS DISTINCT FROM 'sent')",
            reply.id,
            i32::try_from(reply.attempt).unwrap_or(i32::MAX),
            word,
            trouble,
            after.as_secs_f64(),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What a message's customer was told, or is to be.
    pub async fn replies_to(&self, id: MessageId) -> Result<Vec<ReplyRow>, Error> {
        Ok(sqlx::query_as!(
            ReplyRow,
            "SELECT id, message_id, step, channel, created_at, attempts, trouble, outcome, finished_at
             FROM replies WHERE message_id = $1 ORDER BY id",
            id.0,
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Replies that were not sent, or of which nobody knows, the latest first.
    pub async fn failed_replies(&self, limit: u32) -> Result<Vec<ReplyRow>, Error> {
        Ok(sqlx::query_as!(
            ReplyRow,
            "SELECT id, message_id, step, channel, created_at, attempts, trouble, outcome, finished_at
             FROM replies WHERE outcome IN ('unknown', 'given_up') ORDER BY finished_at DESC LIMIT $1",
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Has a reply sent once more that was given up or of which nobody knows, as a person decided; false where it is
    /// neither. Nothing that is no longer true is sent by it.
    pub async fn reply_again(&self, id: i64) -> Result<bool, Error> {
        let done = sqlx::query!(
            "UPDATE replies SET outcome = NULL, finished_at = NULL, trouble = NULL, due_at = now(), created_at = now()
             WHERE id = $1 AND outcome IN ('unknown', 'given_up') AND customer IS NOT NULL",
            id,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends a reply that was given up or of which nobody knows, as a person decided; false where it is neither.
    pub async fn reply_done(&self, id: i64) -> Result<bool, Error> {
        let done = sqlx::query!(
            "UPDATE replies SET outcome = 'skipped' WHERE id = $1 AND outcome IN ('unknown', 'given_up')",
            id,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_true_is_not_told() {
        use ReplyStep::{Accepted, Asked, Ready, Rejected, Voided};
        let told = |state: State| {
            ReplyStep::ALL
                .into_iter()
                .filter(|step| still_true(*step, Some("order"), Some(state)))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(State::Accepted), [Accepted]);
        assert_eq!(told(State::Preparing), [Accepted]);
        assert_eq!(told(State::Ready), [Accepted, Ready]);
        assert!(told(State::Collected).is_empty());
        assert_eq!(told(State::Voided), [Voided]);
        assert!(still_true(Asked, Some("review"), None) && !still_true(Asked, Some("order"), None));
        assert!(still_true(Rejected, Some("enquiry"), None) && !still_true(Rejected, Some("order"), None));
    }
}
