//! What people answered to enquiries, and the drafts that come of it.

use chrono::{DateTime, Utc};
use contracts::MessageId;

use crate::{Error, Store};

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenAnswer {
    /// The words.
    pub answer: String,
    /// Whose.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answering {
    /// It stands, and the enquiry is closed. `draft` is the entry that may be learned from it, by its id.
    Now {
        /// None where the answer is the one that was proposed.
        draft: Option<String>,
    },
    /// Somebody has answered before.
    Before(GivenAnswer),
    /// There is no such enquiry.
    Unknown,
}

impl Store {
    /// Notes a person's answer to an enquiry; the first stands. One that was not proposed becomes a draft of an entry in
    /// the same transaction: the customer's question, in the question's language, and this answer.
    pub async fn answer_enquiry(&self, id: MessageId, answer: &str, by: &str) -> Result<Answering, Error> {
        let mut tx = self.pool.begin().await?;
        let enquiry = sqlx::query!(
            r#"SELECT m.text, coalesce(p.answer, e.proposed_reply) AS proposed, p.language AS "language?"
               FROM enquiries e JOIN messages m ON m.id = e.message_id
                    LEFT JOIN proposals p ON p.message_id = e.message_id
               WHERE e.message_id = $1 AND m.anonymised_at IS NULL"#,
            id.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(enquiry) = enquiry else { return Ok(Answering::Unknown) };
        // As a browser gives back what it was shown.
        let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
        let as_proposed = enquiry.proposed.is_some_and(|proposed| plain(&proposed) == plain(answer));
        let written = sqlx::query!(
            "INSERT INTO answers (message_id, answer, as_proposed, answered_by) VALUES ($1, $2, $3, $4)
             ON CONFLICT (message_id) DO NOTHING",
            id.0,
            answer,
            as_proposed,
            by,
        )
        .execute(&mut *tx)
        .await?;
        if written.rows_affected() == 0 {
            let before = sqlx::query!(
                "SELECT answer, answered_by, answered_at FROM answers WHERE message_id = $1",
                id.0
            )
            .fetch_one(&mut *tx)
            .await?;
            let (answer, by, at) = (before.answer, before.answered_by, before.answered_at);
            return Ok(Answering::Before(GivenAnswer { answer, by, at }));
        }
        let draft = (!as_proposed).then(|| format!("learned-{id}"));
        if let Some(draft) = &draft {
            let questions = vec![enquiry.text];
            sqlx::query!(
                "INSERT INTO knowledge (id, topic, language, questions, answer, source, position, learned_from, draft)
                 SELECT $1, 'learned', $2, $3, $4, $5, coalesce(max(position), 0) + 1, $6, true FROM knowledge
                 ON CONFLICT (id) DO NOTHING",
                draft,
                enquiry.language.as_deref().unwrap_or("en"),
                &questions,
                answer,
                format!("answered by {by}"),
                id.0,
            )
            .execute(&mut *tx)
            .await?;
        }
        tx.commit().await?;
        Ok(Answering::Now { draft })
    }
}
