//! Dead letters for the page: listed, mended, replayed, discarded, by the operator's own means.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use contracts::subject::{DEAD_LETTER_ROOT, DEAD_LETTERS, dead_letters_of};
use contracts::topology::DEAD_LETTER_STREAM;
use contracts::{Code, MessageId, Payload, Service};
use greenbite::dlq::{self, Entry, Replayed};
use runtime::{Bus, BusError};
use serde::Serialize;
use store::Store;

use crate::views::Trouble;

/// Dead letters that a page lists.
const LISTED: usize = 300;
/// Dead letters of one message that its journey shows.
const OF_ONE: usize = 20;
/// Who discards, as the message's row has it.
const DISCARDED: &str = "discarded on the page";

/// A dead letter as the page shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Letter {
    sequence: u64,
    code: Code,
    title: &'static str,
    service: Service,
    reason: String,
    attempts: u32,
    at: DateTime<Utc>,
    subject: String,
    headers: BTreeMap<String, String>,
    payload: Payload,
    message_id: Option<MessageId>,
}

impl From<Entry> for Letter {
    fn from(entry: Entry) -> Self {
        let Entry { sequence, id, letter } = entry;
        Letter {
            sequence,
            code: letter.code,
            title: letter.code.title(),
            service: letter.service,
            reason: letter.reason,
            attempts: letter.attempts,
            at: letter.at,
            subject: letter.subject,
            headers: letter.headers.into_iter().map(|(name, values)| (name, values.join(", "))).collect(),
            payload: letter.payload,
            message_id: id.parse().ok(),
        }
    }
}

/// The dead letters of the line.
pub struct DeadLetters {
    bus: Bus,
    store: Store,
}

fn failed(error: anyhow::Error) -> Trouble {
    Trouble(StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}"))
}

impl DeadLetters {
    /// Of this bus, about messages of this database.
    pub fn new(bus: Bus, store: Store) -> Self {
        DeadLetters { bus, store }
    }

    async fn entries(&self, filter: &str, most: usize) -> Result<Vec<Entry>, BusError> {
        let stored = self.bus.messages(DEAD_LETTER_STREAM, filter, most).await?;
        Ok(stored.iter().filter_map(Entry::read).collect())
    }

    /// The oldest ones, oldest first.
    pub async fn list(&self) -> Result<Vec<Letter>, BusError> {
        Ok(self.entries(DEAD_LETTERS, LISTED).await?.into_iter().map(Letter::from).collect())
    }

    /// Those about one message.
    pub async fn of_message(&self, id: MessageId) -> Result<Vec<Letter>, BusError> {
        Ok(self.entries(&dead_letters_of(id), OF_ONE).await?.into_iter().map(Letter::from).collect())
    }

    async fn entry(&self, sequence: u64) -> Result<Entry, Trouble> {
        let stored = self.bus.message_at(DEAD_LETTER_STREAM, sequence).await?;
        stored.as_ref().and_then(Entry::read).ok_or_else(|| {
            Trouble(
                StatusCode::NOT_FOUND,
                "This dead letter is gone: somebody replayed or discarded it.".to_owned(),
            )
        })
    }

    /// Sends one down the line again: with a payload of its own where a person has mended it, else as a new
    /// generation of its message.
    pub async fn replay(&self, sequence: u64, mended: Option<String>) -> Result<(), Trouble> {
        let entry = self.entry(sequence).await?;
        let replayed = match mended {
            Some(payload) => dlq::replay_mended(&self.bus, &entry, payload.into_bytes()).await,
            None => dlq::replay(&self.bus, &self.store, &entry).await,
        }
        .map_err(failed)?;
        answer(replayed)
    }

    /// Sends all of one code down the line again; says how many went.
    pub async fn replay_code(&self, code: &str) -> Result<usize, Trouble> {
        let code = Code::parse(code)
            .ok_or_else(|| Trouble(StatusCode::BAD_REQUEST, format!("There is no code '{code}'.")))?;
        let mut went = 0;
        for entry in self.entries(&format!("{DEAD_LETTER_ROOT}.*.{code}.*"), usize::MAX).await? {
            let replayed = dlq::replay(&self.bus, &self.store, &entry).await.map_err(failed)?;
            went += usize::from(replayed.is_done());
        }
        Ok(went)
    }

    /// Gives one up for good.
    pub async fn discard(&self, sequence: u64) -> Result<(), Trouble> {
        let entry = self.entry(sequence).await?;
        dlq::discard(&self.bus, &self.store, &entry, DISCARDED).await.map_err(failed)?;
        Ok(())
    }
}

fn answer(replayed: Replayed) -> Result<(), Trouble> {
    if replayed.is_done() {
        return Ok(());
    }
    Err(Trouble(StatusCode::CONFLICT, format!("It stays where it is: {}.", replayed.word())))
}

#[cfg(test)]
mod tests {
    use contracts::DeadLetter;

    use super::*;

    fn entry(id: &str) -> Entry {
        let letter = DeadLetter {
            service: Service::Extractor,
            code: Code::Malformed,
            reason: "it is not JSON".into(),
            attempts: 1,
            at: Utc::now(),
            subject: format!("greenbite.classified.order.{id}"),
            headers: BTreeMap::from([("A".to_owned(), vec!["1".to_owned(), "2".to_owned()])]),
            payload: Payload::Utf8("{".into()),
            stream_sequence: Some(1),
            trace_id: None,
        };
        Entry { sequence: 9, id: id.into(), letter }
    }

    #[test]
    fn a_letter_names_its_message_and_shows_its_payload_as_it_was() {
        let shown = serde_json::to_value(Letter::from(entry("42"))).unwrap();
        assert_eq!(
            (&shown["message_id"], &shown["sequence"], &shown["code"]),
            (&42.into(), &9.into(), &"GB101".into())
        );
        assert_eq!(shown["payload"], serde_json::json!({ "encoding": "utf8", "data": "{" }));
        assert_eq!(shown["headers"]["A"], "1, 2");
        assert!(serde_json::to_value(Letter::from(entry("x"))).unwrap()["message_id"].is_null());
    }

    #[test]
    fn what_stays_is_said() {
        assert!(answer(Replayed::Again).is_ok() && answer(Replayed::Before).is_ok());
        assert!(answer(Replayed::Closed).is_err_and(|Trouble(status, _)| status == StatusCode::CONFLICT));
    }
}
