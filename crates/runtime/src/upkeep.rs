//! What keeping the house and looking after the line ask of the bus: how full it is, who is how far
//! behind, what lies where.
//!
//! Plain requests to the JetStream API: each needs one permission, and nothing that a server before
//! 2.10 does not know.

use std::fmt;

use async_nats::{HeaderMap, StatusCode};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use contracts::topology::{ADVISORY_DURABLE, CONSUMERS, DEAD_LETTER_STREAM, STREAM};
use contracts::{Code, ConsumerSpec, DeadLetter, MessageId, subject};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bus::{Bus, BusError, Stored};
use crate::dead_letter;
use crate::trace::Trace;

/// How full a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StreamState {
    /// Messages in it.
    pub messages: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that it may hold; 0 where there is no limit.
    pub max_bytes: u64,
    /// Place of the first message.
    pub first_sequence: u64,
    /// Place of the last message that was ever in it.
    pub last_sequence: u64,
    /// When it was made: later than what was published to a stream that lost its storage.
    pub created: DateTime<Utc>,
}

impl StreamState {
    /// How full it is, in percent of the bytes that it may hold.
    pub fn percent(&self) -> f64 {
        if self.max_bytes == 0 { 0.0 } else { self.bytes as f64 * 100.0 / self.max_bytes as f64 }
    }
}

/// How far a durable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DurableState {
    /// Messages that were not delivered yet.
    pub pending: u64,
    /// Messages that were delivered and not acknowledged yet.
    pub ack_pending: u64,
    /// Messages among them that were delivered more than once.
    pub redelivered: u64,
    /// Lanes that wait for a message.
    pub waiting: u64,
    /// Everything up to here is acknowledged; 0 while nothing ever was.
    pub ack_floor: u64,
}

impl DurableState {
    /// Messages that wait or are being worked on.
    pub fn lag(&self) -> u64 {
        self.pending + self.ack_pending
    }

    /// Whether it has yet to finish a message at this place, as far as can be known: a message above
    /// the floor may be acknowledged while one before it is not.
    pub fn may_still_need(&self, sequence: u64) -> bool {
        self.lag() > 0 && sequence > self.ack_floor
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    error: Option<ApiFailure>,
    #[serde(flatten)]
    answer: Option<T>,
}

#[derive(Deserialize)]
struct ApiFailure {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct StreamInfo {
    created: DateTime<Utc>,
    config: StreamConfig,
    state: RawStreamState,
}

#[derive(Deserialize)]
struct StreamConfig {
    max_bytes: i64,
}

#[derive(Deserialize)]
struct RawStreamState {
    messages: u64,
    bytes: u64,
    first_seq: u64,
    last_seq: u64,
}

#[derive(Deserialize)]
struct ConsumerInfo {
    ack_floor: Floor,
    num_pending: u64,
    num_ack_pending: u64,
    num_redelivered: u64,
    #[serde(default)]
    num_waiting: u64,
}

#[derive(Deserialize)]
struct Floor {
    stream_seq: u64,
}

#[derive(Deserialize)]
struct Purged {
    purged: u64,
}

#[derive(Deserialize)]
struct Deleted {
    success: bool,
}

const STREAM_NOT_FOUND: u64 = 10_059;
const CONSUMER_NOT_FOUND: u64 = 10_014;
const MESSAGE_NOT_FOUND: [u64; 2] = [10_037, 10_057];

impl Bus {
    async fn api<T: DeserializeOwned>(
        &self,
        subject: &str,
        what: impl fmt::Display,
        body: Option<serde_json::Value>,
    ) -> Result<Result<T, u64>, BusError> {
        let payload = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let answer = self.request(subject, None, payload).await?;
        let unreadable =
            |error: &dyn fmt::Display| BusError::Unknown(format!("answer about {what}: {error}"));
        let envelope: Envelope<T> =
            serde_json::from_slice(&answer.payload).map_err(|error| unreadable(&error))?;
        match (envelope.error, envelope.answer) {
            (Some(error), _) if [STREAM_NOT_FOUND, CONSUMER_NOT_FOUND].contains(&error.err_code) => {
                Err(BusError::Missing(what.to_string()))
            }
            (Some(error), _) if MESSAGE_NOT_FOUND.contains(&error.err_code) => Ok(Err(error.err_code)),
            (Some(error), _) => Err(unreadable(&format!("{} ({})", error.description, error.err_code))),
            (None, Some(answer)) => Ok(Ok(answer)),
            (None, None) => Err(unreadable(&"it is empty")),
        }
    }

    /// How full a stream is.
    pub async fn stream_state(&self, stream: &str) -> Result<StreamState, BusError> {
        let what = format!("stream {stream}");
        let info: StreamInfo =
            found(self.api(&format!("$JS.API.STREAM.INFO.{stream}"), &what, None).await?, what)?;
        Ok(StreamState {
            messages: info.state.messages,
            bytes: info.state.bytes,
            max_bytes: u64::try_from(info.config.max_bytes).unwrap_or(0),
            first_sequence: info.state.first_seq,
            last_sequence: info.state.last_seq,
            created: info.created,
        })
    }

    /// How far a durable is.
    pub async fn durable_state(&self, stream: &str, durable: &str) -> Result<DurableState, BusError> {
        let what = format!("durable {durable}");
        let subject = format!("$JS.API.CONSUMER.INFO.{stream}.{durable}");
        let info: ConsumerInfo = found(self.api(&subject, &what, None).await?, what)?;
        Ok(DurableState {
            pending: info.num_pending,
            ack_pending: info.num_ack_pending,
            redelivered: info.num_redelivered,
            waiting: info.num_waiting,
            ack_floor: info.ack_floor.stream_seq,
        })
    }

    /// How far every durable of the line is.
    pub async fn line_state(&self) -> Result<Vec<(&'static ConsumerSpec, DurableState)>, BusError> {
        futures::future::try_join_all(
            CONSUMERS
                .iter()
                .map(|spec| async move { Ok((*spec, self.durable_state(STREAM, spec.durable).await?)) }),
        )
        .await
    }

    /// Drops everything before this place, on all subjects or on those of a filter; says how much that was.
    pub async fn purge_before(
        &self,
        stream: &str,
        filter: Option<&str>,
        sequence: u64,
    ) -> Result<u64, BusError> {
        let mut body = json!({ "seq": sequence });
        if let Some(filter) = filter {
            body["filter"] = filter.into();
        }
        let what = format!("stream {stream}");
        let subject = format!("$JS.API.STREAM.PURGE.{stream}");
        let purged: Purged = found(self.api(&subject, &what, Some(body)).await?, what)?;
        Ok(purged.purged)
    }

    /// Deletes one message; `false` when it was not there any more.
    pub async fn delete_message(&self, stream: &str, sequence: u64) -> Result<bool, BusError> {
        let what = format!("message {sequence} of stream {stream}");
        let subject = format!("$JS.API.STREAM.MSG.DELETE.{stream}");
        let body = json!({ "seq": sequence, "no_erase": true });
        Ok(self.api::<Deleted>(&subject, &what, Some(body)).await?.is_ok_and(|deleted| deleted.success))
    }

    /// The message at this place.
    pub async fn message_at(&self, stream: &str, sequence: u64) -> Result<Option<Stored>, BusError> {
        self.get(stream, json!({ "seq": sequence })).await
    }

    /// The first message from this place on whose subject fits the filter.
    pub async fn next_message(
        &self,
        stream: &str,
        filter: &str,
        from: u64,
    ) -> Result<Option<Stored>, BusError> {
        self.get(stream, json!({ "seq": from.max(1), "next_by_subj": filter })).await
    }

    /// The last message whose subject fits the filter.
    pub async fn last_message(&self, stream: &str, filter: &str) -> Result<Option<Stored>, BusError> {
        self.get(stream, json!({ "last_by_subj": filter })).await
    }

    /// Every message whose subject fits the filter, in order, at most so many.
    pub async fn messages(&self, stream: &str, filter: &str, most: usize) -> Result<Vec<Stored>, BusError> {
        let mut list: Vec<Stored> = Vec::new();
        while list.len() < most {
            let from = list.last().map_or(1, |last| last.sequence + 1);
            match self.next_message(stream, filter, from).await? {
                Some(message) => list.push(message),
                None => break,
            }
        }
        Ok(list)
    }

    /// Publishes bytes as they are, known to the server by the message id in their headers.
    pub async fn publish_raw(
        &self,
        stream: &str,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<(), BusError> {
        self.store(stream, subject, headers, payload).await.map(drop)
    }

    /// The last event of the line about a customer's message.
    pub async fn last_event(&self, id: MessageId) -> Result<Option<Stored>, BusError> {
        self.last_message(STREAM, &subject::journey(id)).await
    }

    /// The last dead letter about a customer's message.
    pub async fn last_dead_letter(&self, id: MessageId) -> Result<Option<Stored>, BusError> {
        self.last_message(DEAD_LETTER_STREAM, &subject::dead_letters_of(id)).await
    }

    /// Deletes the dead letters of a message, and says how many there were.
    pub async fn delete_dead_letters(&self, id: MessageId) -> Result<usize, BusError> {
        let letters = self.messages(DEAD_LETTER_STREAM, &subject::dead_letters_of(id), usize::MAX).await?;
        for letter in &letters {
            self.delete_message(DEAD_LETTER_STREAM, letter.sequence).await?;
        }
        Ok(letters.len())
    }

    async fn get(&self, stream: &str, body: serde_json::Value) -> Result<Option<Stored>, BusError> {
        let api = format!("$JS.API.DIRECT.GET.{stream}");
        let answer = match self.request(&api, None, body.to_string().into()).await {
            Err(BusError::Missing(_)) => return Err(BusError::Missing(format!("stream {stream}"))),
            other => other?,
        };
        match answer.status {
            None | Some(StatusCode::OK) => {}
            Some(StatusCode::NOT_FOUND) => return Ok(None),
            Some(status) => return Err(BusError::Unknown(format!("direct get {body}: status {status}"))),
        }
        let headers = answer.headers.unwrap_or_default();
        let subject = text(&headers, "Nats-Subject");
        let sequence = text(&headers, "Nats-Sequence").and_then(|sequence| sequence.parse().ok());
        match (subject, sequence) {
            (Some(subject), Some(sequence)) => {
                Ok(Some(Stored { subject: subject.to_owned(), sequence, headers, payload: answer.payload }))
            }
            _ => {
                Err(BusError::Unknown(format!("direct get {body}: the answer names no subject or sequence")))
            }
        }
    }
}

fn found<T>(answer: Result<T, u64>, what: String) -> Result<T, BusError> {
    answer.map_err(|_| BusError::Missing(what))
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    headers.get(name).map(|value| value.as_str())
}

/// The server's word that it gave a message up: delivered as often as allowed, never acknowledged.
#[derive(Debug)]
pub struct GivenUp {
    /// The durable that it was for.
    pub durable: String,
    /// Its place in the stream of the line.
    pub sequence: u64,
    /// How often it was delivered.
    pub deliveries: u32,
    advisory: async_nats::jetstream::Message,
}

#[derive(Deserialize)]
struct Advisory {
    consumer: String,
    stream_seq: u64,
    #[serde(default)]
    deliveries: u32,
}

/// What became of a message that the server gave up.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// It is a whole dead letter now.
    Buried(Box<DeadLetter>),
    /// The station was done with it: what came of it is on the line, or it is a dead letter already.
    WasDone,
    /// The stream does not hold it any more.
    Gone,
}

impl Bus {
    /// Messages that the server gave up and that nobody has looked after yet, at most so many.
    pub async fn given_up(&self, most: usize) -> Result<Vec<GivenUp>, BusError> {
        let unknown =
            |error: &dyn fmt::Display| BusError::Unknown(format!("durable {ADVISORY_DURABLE}: {error}"));
        let consumer: async_nats::jetstream::consumer::PullConsumer = self
            .jetstream()
            .get_consumer_from_stream(ADVISORY_DURABLE, DEAD_LETTER_STREAM)
            .await
            .map_err(|error| unknown(&error))?;
        let mut advisories =
            consumer.fetch().max_messages(most).messages().await.map_err(|error| unknown(&error))?;
        let mut list = Vec::new();
        while let Some(advisory) = advisories.next().await {
            let advisory = advisory.map_err(|error| unknown(&error))?;
            match serde_json::from_slice::<Advisory>(&advisory.payload) {
                Ok(Advisory { consumer, stream_seq, deliveries }) => {
                    list.push(GivenUp { durable: consumer, sequence: stream_seq, deliveries, advisory });
                }
                Err(error) => {
                    tracing::warn!("an advisory of the server cannot be read and is passed over: {error}");
                    acknowledge(&advisory).await?;
                }
            }
        }
        Ok(list)
    }

    /// Makes a message that the server gave up a whole dead letter, unless the station was done with it.
    pub async fn resolve(&self, given_up: GivenUp) -> Result<Resolved, BusError> {
        let resolved = self.look_after(&given_up).await?;
        acknowledge(&given_up.advisory).await?;
        Ok(resolved)
    }

    async fn look_after(&self, given_up: &GivenUp) -> Result<Resolved, BusError> {
        let Some(spec) = CONSUMERS.iter().find(|spec| spec.durable == given_up.durable) else {
            return Ok(Resolved::WasDone); // A class's own durable: not the line's business.
        };
        let Some(original) = self.message_at(STREAM, given_up.sequence).await? else {
            return Ok(Resolved::Gone);
        };
        let id = original.subject.rsplit('.').next().unwrap_or_default().to_owned();
        if let Ok(id) = id.parse::<MessageId>() {
            for output in spec.outputs {
                let there = self.last_for(&output.subject(id)).await?;
                if there.is_some_and(|there| {
                    there.sequence > original.sequence && there.generation() >= original.generation()
                }) {
                    return Ok(Resolved::WasDone);
                }
            }
            if let Some(letter) = self.last_dead_letter(id).await?
                && serde_json::from_slice::<DeadLetter>(&letter.payload)
                    .is_ok_and(|letter| letter.stream_sequence == Some(given_up.sequence))
            {
                return Ok(Resolved::WasDone);
            }
        }
        let mut headers = dead_letter::headers(Some(&original.headers));
        // What the direct get added.
        headers.retain(|name, _| !ADDED_BY_GET.contains(&name.as_str()));
        let letter = DeadLetter {
            service: spec.service,
            code: Code::MaxDeliveries,
            reason: format!(
                "It was delivered {} times to {}, which never said that it was done.",
                given_up.deliveries, spec.durable
            ),
            attempts: given_up.deliveries,
            at: chrono::Utc::now(),
            subject: original.subject.clone(),
            headers,
            payload: dead_letter::payload(&original.payload),
            stream_sequence: Some(given_up.sequence),
            trace_id: Trace::from_headers(&original.headers).map(|trace| trace.trace_id()),
        };
        let msg_id = format!("{id}:{}:given-up:{}", spec.durable, given_up.sequence);
        self.publish_dead_letter(&letter, &msg_id).await?;
        Ok(Resolved::Buried(Box::new(letter)))
    }
}

const ADDED_BY_GET: [&str; 5] =
    ["Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Last-Sequence"];

async fn acknowledge(message: &async_nats::jetstream::Message) -> Result<(), BusError> {
    message.ack().await.map_err(|error| BusError::Unknown(format!("acknowledgement of an advisory: {error}")))
}
