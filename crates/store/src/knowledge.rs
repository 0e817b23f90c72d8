//! What the house has written down for customers.

use chrono::{DateTime, NaiveDate, Utc};
use contracts::MessageId;

use crate::{Error, Store};

/// A row of `knowledge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnowledgeRow {
    /// Its name, unique.
    pub id: String,
    /// What it is about.
    pub topic: String,
    /// The language of questions and answer.
    pub language: String,
    /// How the question is put.
    pub questions: Vec<String>,
    /// What to answer.
    pub answer: String,
    /// The first day on which it is true.
    pub valid_from: Option<NaiveDate>,
    /// The last day on which it is true.
    pub valid_until: Option<NaiveDate>,
    /// Where it comes from.
    pub source: String,
    /// Who approved it.
    pub approved_by: String,
}

/// A customer's enquiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedRow {
    /// The message.
    pub message_id: MessageId,
    /// What the customer wrote.
    pub text: String,
}

impl Store {
    /// Puts these entries in the place of those before, at once for all readers.
    pub async fn replace_knowledge(&self, entries: &[KnowledgeRow]) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        // A second import waits for this one; readers go on.
        sqlx::query!("LOCK TABLE knowledge IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM knowledge").execute(&mut *tx).await?;
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

    /// All entries, in their order.
    pub async fn knowledge(&self) -> Result<Vec<KnowledgeRow>, Error> {
        Ok(sqlx::query_as!(
            KnowledgeRow,
            "SELECT id, topic, language, questions, answer, valid_from, valid_until, source, approved_by
             FROM knowledge ORDER BY position"
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// What customers asked since then, the latest first.
    pub async fn asked_since(&self, since: DateTime<Utc>, most: u32) -> Result<Vec<AskedRow>, Error> {
        let rows = sqlx::query!(
            r#"SELECT m.id, m.text FROM enquiries e JOIN messages m ON m.id = e.message_id
               WHERE e.created_at >= $1 ORDER BY e.id DESC LIMIT $2"#,
            since,
            i64::from(most),
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| AskedRow { message_id: MessageId(row.id), text: row.text }).collect())
    }

    /// The number and the state of an order; none where there is no such order.
    pub async fn order_by_number(&self, number: i64) -> Result<Option<(i64, String)>, Error> {
        let row = sqlx::query!("SELECT id, state FROM orders WHERE id = $1", number);
        Ok(row.fetch_optional(&self.pool).await?.map(|row| (row.id, row.state)))
    }
}
