//! What the house has written down for customers.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::{Error, Store};

/// An answer, and the questions that it answers: a row of `knowledge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name, unique: `parking`.
    pub id: String,
    /// What it is about.
    pub topic: String,
    /// The language of questions and answer, as an ISO 639-1 code.
    pub language: String,
    /// How the question is put; one at least.
    pub questions: Vec<String>,
    /// What to answer.
    pub answer: String,
    /// The first day on which it is true.
    pub valid_from: Option<NaiveDate>,
    /// The last day on which it is true.
    pub valid_until: Option<NaiveDate>,
    /// Where it comes from.
    pub source: String,
    /// Who said that it may be told to customers.
    pub approved_by: String,
}

impl Entry {
    /// Whether it is true on this day.
    pub fn holds_on(&self, day: NaiveDate) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_until.is_none_or(|until| day <= until)
    }
}

impl Store {
    /// Puts these entries in the place of those before, at once for all readers. What was learned from people's answers
    /// stays, unless one of these has its id.
    pub async fn replace_knowledge(&self, entries: &[Entry]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        // A second import waits for this one; readers go on.
        sqlx::query!("LOCK TABLE knowledge IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
        let ids: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
        sqlx::query!("DELETE FROM knowledge WHERE learned_from IS NULL OR id = ANY($1)", &ids)
            .execute(&mut *tx)
            .await?;
        for (entry, position) in entries.iter().zip(1..) {
            sqlx::query!(
                "INSERT INTO knowledge (id, topic, language, questions, answer, valid_from, valid_until, source,
                                        approved_by, position)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                entry.id,
                entry.topic,
                entry.language,
                &entry.questions,
                entry.answer,
                entry.valid_from,
                entry.valid_until,
                entry.source,
                entry.approved_by,
                position,
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Drafts of entries, from people's answers, in their order.
    pub async fn drafts(&self) -> Result<Vec<Entry>, Error> {
        Ok(sqlx::query_as!(
            Entry,
            "SELECT id, topic, language, questions, answer, valid_from, valid_until, source, approved_by
             FROM knowledge WHERE draft ORDER BY position, id"
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Makes a draft an entry by which customers are answered, with the question in other words where they are given.
    /// Whether there was such a draft.
    pub async fn confirm_draft(&self, id: &str, by: &str, question: Option<&str>) -> Result<bool, Error> {
        let confirmed = sqlx::query!(
            "UPDATE knowledge SET draft = false, approved_by = $2,
                    questions = CASE WHEN $3::text IS NULL THEN questions ELSE ARRAY[$3] END
             WHERE id = $1 AND draft",
            id,
            by,
            question,
        )
        .execute(&self.pool)
        .await?;
        Ok(confirmed.rows_affected() > 0)
    }

    /// Deletes a draft; the answer stays with its enquiry. Whether there was such a draft.
    pub async fn discard_draft(&self, id: &str) -> Result<bool, Error> {
        let gone =
            sqlx::query!("DELETE FROM knowledge WHERE id = $1 AND draft", id).execute(&self.pool).await?;
        Ok(gone.rows_affected() > 0)
    }

    /// All entries, in their order; drafts are none.
    pub async fn knowledge(&self) -> Result<Vec<Entry>, Error> {
        Ok(sqlx::query_as!(
            Entry,
            "SELECT id, topic, language, questions, answer, valid_from, valid_until, source, approved_by
             FROM knowledge WHERE NOT draft ORDER BY position, id"
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// What customers asked since then and nobody has answered, in their words, the latest first.
    pub async fn asked_since(&self, since: DateTime<Utc>, most: u32) -> Result<Vec<String>, Error> {
        Ok(sqlx::query_scalar!(
            "SELECT m.text FROM enquiries e JOIN messages m ON m.id = e.message_id
             WHERE e.created_at >= $1 AND m.anonymised_at IS NULL AND NOT EXISTS (SELECT FROM answers a WHERE a.message_id = e.message_id)
             ORDER BY e.id DESC LIMIT $2",
            since,
            i64::from(most),
        )
        .fetch_all(&self.pool)
        .await?)
    }
}
