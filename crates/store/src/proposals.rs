//! What the answerer proposes to answer to enquiries.

use contracts::{MessageId, Proposal};

use crate::{Error, Store};

/// What came of looking for an answer: a row of `proposals`.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// What may be answered; none where only a person can tell.
    pub proposal: Option<Proposal>,
    /// What the enquiry is about, or seems to be about.
    pub topic: String,
    /// The question's language, as an ISO 639-1 code.
    pub language: String,
    /// Why this is proposed, or nothing.
    pub reason: String,
    /// What decided: `words`, a model's name.
    pub decided_by: String,
}

impl Store {
    /// Notes what came of looking for an answer, unless that is known already: the first stands, and comes back, with
    /// whether it was written now.
    pub async fn propose(&self, id: MessageId, looked: &Looked) -> Result<(Looked, bool), Error> {
        let proposal = looked.proposal.as_ref();
        let written = sqlx::query!(
            "INSERT INTO proposals (message_id, state, answer, source, topic, language, sure, careful, reason, decided_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (message_id) DO NOTHING",
            id.0,
            if proposal.is_some() { "proposed" } else { "open" },
            proposal.map(|proposal| proposal.text.as_str()),
            proposal.map(|proposal| proposal.source.as_str()),
            looked.topic,
            looked.language,
            proposal.and_then(|proposal| proposal.sure),
            proposal.is_some_and(|proposal| proposal.careful),
            looked.reason,
            looked.decided_by,
        )
        .execute(&self.pool)
        .await?;
        if written.rows_affected() > 0 {
            return Ok((looked.clone(), true));
        }
        let stands = self.proposal(id).await?;
        Ok((stands.ok_or_else(|| Error::unreadable(format!("no proposal for message {id}")))?, false))
    }

    /// What came of looking for an answer to this message; none where nobody has looked.
    pub async fn proposal(&self, id: MessageId) -> Result<Option<Looked>, Error> {
        let row = sqlx::query!(
            "SELECT answer, source, topic, language, sure, careful, reason, decided_by
             FROM proposals WHERE message_id = $1",
            id.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| Looked {
            proposal: row.answer.zip(row.source).map(|(text, source)| Proposal {
                text,
                source,
                topic: row.topic.clone(),
                language: row.language.clone(),
                sure: row.sure,
                careful: row.careful,
            }),
            topic: row.topic,
            language: row.language,
            reason: row.reason,
            decided_by: row.decided_by,
        }))
    }
}
