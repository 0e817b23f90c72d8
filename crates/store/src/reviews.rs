//! Orders that a person decides about.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::{Message, MessageId, Registration, ValidatedLine};

use crate::group::Operation;
use crate::registration::{Registered, from_json, to_json};
use crate::{Error, Store};

/// A review to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReview {
    /// The message that it comes from.
    pub message_id: MessageId,
    /// The lines with their verdicts and candidates.
    pub lines: Vec<ValidatedLine>,
    /// Why a person has to decide.
    pub reason: String,
    /// The menu version that it was judged by.
    pub menu_version: String,
}

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewDecision {
    /// It becomes an order.
    Accepted,
    /// It becomes an enquiry.
    Rejected,
}

impl ReviewDecision {
    /// As the column has it: `accepted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            ReviewDecision::Accepted => "accepted",
            ReviewDecision::Rejected => "rejected",
        }
    }

    fn parse(stored: &str) -> Result<Self, Error> {
        [ReviewDecision::Accepted, ReviewDecision::Rejected]
            .into_iter()
            .find(|decision| decision.as_str() == stored)
            .ok_or_else(|| Error::unreadable(format!("the unknown decision '{stored}'")))
    }
}

/// A decision that was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// What.
    pub decision: ReviewDecision,
    /// By whom.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The lines as they were decided.
    pub lines: Vec<ValidatedLine>,
}

/// A review as a person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// Its number.
    pub number: i64,
    /// The message that it comes from.
    pub message: Message,
    /// The lines with their verdicts and candidates.
    pub lines: Vec<ValidatedLine>,
    /// Why a person has to decide.
    pub reason: String,
    /// The menu version that it was judged by.
    pub menu_version: String,
    /// Since when it waits.
    pub created_at: DateTime<Utc>,
}

/// A settled review beside the message that it was about.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    /// The message.
    pub message_id: MessageId,
    /// What the customer wrote.
    pub text: String,
    /// The lines as the person saw them.
    pub lines: Vec<ValidatedLine>,
    /// What the person made of them.
    pub decided: Decided,
}

/// What came of settling a review.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// This decision stands now.
    Now(Decided),
    /// Somebody had decided before: that stands.
    Before(Decided),
    /// There is no review of that message.
    Unknown,
}

impl NewReview {
    /// What is told of it once it is written under this number.
    pub(crate) fn registered_as(&self, number: i64) -> Registered {
        Registered::New(Registration::Review { number, lines: self.lines.clone() })
    }
}

impl Operation for NewReview {
    type Context = Store;
    type Output = Registered;
    type Error = Error;

    fn message_id(&self) -> MessageId {
        self.message_id
    }

    async fn run(store: &Store, chunk: &[Self]) -> Result<Vec<Registered>, Error> {
        store.register_reviews(chunk).await
    }
}

impl Store {
    /// Registers reviews, all or none, in one statement. Answers in their order.
    pub async fn register_reviews(&self, reviews: &[NewReview]) -> Result<Vec<Registered>, Error> {
        let reviews: Vec<&NewReview> = reviews.iter().collect();
        let mut numbers = Store::write_reviews(&self.pool, &reviews).await?;
        let mut results = Vec::with_capacity(reviews.len());
        for review in reviews {
            results.push(match numbers.remove(&review.message_id.0) {
                Some(number) => review.registered_as(number),
                None => self.registered(review.message_id).await?,
            });
        }
        Ok(results)
    }

    /// Writes those reviews whose message has no outcome yet: their numbers by message.
    pub(crate) async fn write_reviews(
        database: impl sqlx::PgExecutor<'_>,
        reviews: &[&NewReview],
    ) -> Result<HashMap<i64, i64>, Error> {
        let lines = reviews.iter().map(|review| to_json(&review.lines)).collect::<Result<Vec<_>, _>>()?;
        let written = sqlx::query!(
            r#"WITH new AS (
                   SELECT * FROM unnest($1::bigint[], $2::jsonb[], $3::text[], $4::text[])
                   AS new (message_id, lines, reason, menu_version)
               ), first AS (
                   UPDATE messages m SET outcome = 'review', outcome_at = now() FROM new
                   WHERE m.id = new.message_id AND m.outcome IS NULL RETURNING m.id
               )
               INSERT INTO reviews (message_id, lines, reason, menu_version)
               SELECT message_id, lines, reason, menu_version
               FROM new JOIN first ON first.id = new.message_id ORDER BY message_id
               RETURNING id, message_id"#,
            &reviews.iter().map(|review| review.message_id.0).collect::<Vec<_>>(),
            &lines,
            &reviews.iter().map(|review| review.reason.as_str()).collect::<Vec<_>>() as &[&str],
            &reviews.iter().map(|review| review.menu_version.as_str()).collect::<Vec<_>>() as &[&str],
        )
        .fetch_all(database)
        .await?;
        Ok(written.into_iter().map(|row| (row.message_id, row.id)).collect())
    }

    /// Notes a person's decision, with the lines as they are to be registered. The first decision stands.
    ///
    /// It takes effect when the registrar has it; until then [`Store::decided_reviews`] lists it.
    pub async fn settle_review(
        &self,
        id: MessageId,
        decision: ReviewDecision,
        by: &str,
        lines: &[ValidatedLine],
    ) -> Result<Settled, Error> {
        let done = sqlx::query!(
            "UPDATE reviews SET decision = $2, decided_by = $3, decided_at = now(), decided_lines = $4
             WHERE message_id = $1 AND decision IS NULL",
            id.0,
            decision.as_str(),
            by,
            to_json(&lines)?,
        )
        .execute(&self.pool)
        .await?
        .rows_affected();
        Ok(match self.decision(id).await? {
            Some(decided) if done > 0 => Settled::Now(decided),
            Some(decided) => Settled::Before(decided),
            None => Settled::Unknown,
        })
    }

    /// What a person decided over a message's review.
    pub async fn decision(&self, id: MessageId) -> Result<Option<Decided>, Error> {
        let row = sqlx::query!(
            r#"SELECT decision AS "decision!", decided_by AS "by!", decided_at AS "at!",
                      decided_lines AS "lines!"
               FROM reviews WHERE message_id = $1 AND decision IS NOT NULL"#,
            id.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(Decided {
                decision: ReviewDecision::parse(&row.decision)?,
                by: row.by,
                at: row.at,
                lines: from_json(row.lines, "decided lines", id)?,
            })
        })
        .transpose()
    }

    /// What people decided over reviews, with what the customers wrote where it is still known, oldest first.
    pub async fn corrections(&self) -> Result<Vec<Correction>, Error> {
        let rows = sqlx::query!(
            r#"SELECT m.id, m.text, r.lines, r.decision AS "decision!", r.decided_by AS "by!",
                      r.decided_at AS "at!", r.decided_lines AS "decided_lines!"
               FROM reviews r JOIN messages m ON m.id = r.message_id
               WHERE r.decision IS NOT NULL AND m.anonymised_at IS NULL ORDER BY m.id"#,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let message_id = MessageId(row.id);
                Ok(Correction {
                    message_id,
                    text: row.text,
                    lines: from_json(row.lines, "lines", message_id)?,
                    decided: Decided {
                        decision: ReviewDecision::parse(&row.decision)?,
                        by: row.by,
                        at: row.at,
                        lines: from_json(row.decided_lines, "decided lines", message_id)?,
                    },
                })
            })
            .collect()
    }

    /// Reviews that wait for a decision, oldest first.
    pub async fn open_reviews(&self, limit: u32) -> Result<Vec<Review>, Error> {
        let rows = sqlx::query_as!(
            ReviewRow,
            "SELECT r.id AS number, m.id, m.generation, m.received_at, m.source, m.customer, m.text,
                    r.lines, r.reason, r.menu_version, r.created_at
             FROM reviews r JOIN messages m ON m.id = r.message_id
             WHERE r.decision IS NULL AND m.outcome = 'review' ORDER BY r.id LIMIT $1",
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(ReviewRow::review).collect()
    }

    /// The review of a message, whether or not it is decided.
    pub async fn review(&self, id: MessageId) -> Result<Option<Review>, Error> {
        let row = sqlx::query_as!(
            ReviewRow,
            "SELECT r.id AS number, m.id, m.generation, m.received_at, m.source, m.customer, m.text,
                    r.lines, r.reason, r.menu_version, r.created_at
             FROM reviews r JOIN messages m ON m.id = r.message_id WHERE m.id = $1",
            id.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(ReviewRow::review).transpose()
    }

    /// Messages whose review was decided before a time, but that still are reviews: their decision
    /// did not reach the registrar, and can be published again.
    pub async fn decided_reviews(&self, decided_before: DateTime<Utc>) -> Result<Vec<MessageId>, Error> {
        Ok(sqlx::query_scalar!(
            "SELECT m.id FROM reviews r JOIN messages m ON m.id = r.message_id
             WHERE m.outcome = 'review' AND r.decided_at < $1 ORDER BY m.id",
            decided_before,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(MessageId)
        .collect())
    }

    pub(crate) async fn standing_review(
        &self,
        id: MessageId,
    ) -> Result<(Registration, Option<String>), Error> {
        let row = sqlx::query!("SELECT id, lines, reason FROM reviews WHERE message_id = $1", id.0)
            .fetch_one(&self.pool)
            .await?;
        let lines = from_json(row.lines, "lines", id)?;
        Ok((Registration::Review { number: row.id, lines }, Some(row.reason)))
    }
}

struct ReviewRow {
    number: i64,
    id: i64,
    generation: i32,
    received_at: DateTime<Utc>,
    source: String,
    customer: Option<String>,
    text: String,
    lines: serde_json::Value,
    reason: String,
    menu_version: String,
    created_at: DateTime<Utc>,
}

impl ReviewRow {
    fn review(self) -> Result<Review, Error> {
        let id = MessageId(self.id);
        Ok(Review {
            number: self.number,
            message: Message {
                id,
                generation: crate::messages::generation(self.generation),
                received_at: self.received_at,
                source: self.source,
                customer: self.customer,
                text: self.text,
            },
            lines: from_json(self.lines, "lines", id)?,
            reason: self.reason,
            menu_version: self.menu_version,
            created_at: self.created_at,
        })
    }
}
