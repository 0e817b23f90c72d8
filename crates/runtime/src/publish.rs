//! Publishing once: whatever is repeated, a subject gets one message a generation.
//!
//! Two walls: the message id, which the server remembers for a while, and compare-and-set on the
//! last sequence of the subject, which holds for as long as the stream holds the message. What the
//! server refuses as a repetition is looked at: an older generation is superseded, the same or a
//! newer one means that the work is done.

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use bytes::Bytes;
use contracts::topology::{MAX_EVENT_BYTES, STREAM};
use contracts::{Event, MessageId, Topic, header};
use serde::Deserialize;

use crate::bus::{Bus, BusError};
use crate::metrics;
use crate::trace::Trace;

/// A publication that is to happen once a generation.
pub(crate) struct Once {
    topic: Topic,
    subject: String,
    generation: u32,
    headers: HeaderMap,
    payload: Bytes,
}

impl Once {
    pub(crate) fn new(
        topic: Topic,
        id: MessageId,
        generation: u32,
        msg_id: &str,
        mut headers: HeaderMap,
        payload: Bytes,
    ) -> Self {
        headers.insert(NATS_MESSAGE_ID, msg_id);
        headers.insert(NATS_EXPECTED_STREAM, STREAM);
        headers.insert(header::GENERATION, generation.to_string());
        Once { topic, subject: topic.subject(id), generation, headers, payload }
    }
}

/// How a publication went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The stream holds it now, at this place.
    Stored(u64),
    /// The stream held it, or a newer generation, already.
    AlreadyThere,
}

/// The server's word on a publication.
#[derive(Deserialize)]
struct PubAck {
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    #[serde(default)]
    error: Option<ApiError>,
}

#[derive(Deserialize)]
pub(crate) struct ApiError {
    #[serde(default)]
    pub(crate) err_code: u64,
    #[serde(default)]
    pub(crate) description: String,
}

/// The subject's last message has another sequence than expected.
const WRONG_LAST_SEQUENCE: u64 = 10_071;
/// The server could not store it: no room, by bytes or messages.
const STORE_FAILED: u64 = 10_077;
/// Account or server are out of storage.
const OUT_OF_STORAGE: [u64; 3] = [10_023, 10_047, 10_002];
/// Larger than the stream takes.
const MESSAGE_TOO_LARGE: u64 = 10_054;
/// The message reached another stream than it was meant for.
const OTHER_STREAM: u64 = 10_060;

impl Bus {
    /// Publishes one event under its topic and id, once a generation.
    ///
    /// `msg_id` is `<message id>:<service or durable>:<generation>`. An error of
    /// [`BusError::Unknown`] means that the server may have stored it: say the same again.
    pub async fn publish_once(
        &self,
        topic: Topic,
        id: MessageId,
        generation: u32,
        msg_id: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Published, BusError> {
        self.publish(&Once::new(topic, id, generation, msg_id, headers, payload)).await
    }

    /// Says a publication that is to happen once. It may be said again.
    pub(crate) async fn publish(&self, once: &Once) -> Result<Published, BusError> {
        let Once { topic, subject, generation, headers, payload } = once;
        if payload.len() > MAX_EVENT_BYTES {
            return Err(BusError::TooLarge(format!("{} bytes, {MAX_EVENT_BYTES} at most", payload.len())));
        }
        let mut expected = 0;
        loop {
            let mut headers = headers.clone();
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
            match self.store(STREAM, subject, headers, payload.clone()).await? {
                Stored::At(sequence) => {
                    metrics::sent(*topic);
                    return Ok(Published::Stored(sequence));
                }
                Stored::Duplicate => return Ok(Published::AlreadyThere),
                Stored::NotExpected => match self.last_for(subject).await? {
                    Some(last) if last.generation() >= *generation => return Ok(Published::AlreadyThere),
                    Some(last) => expected = last.sequence,
                    None => expected = 0,
                },
            }
        }
    }

    /// Publishes an event that begins its way here: what ingest and the operator's tools do.
    ///
    /// `writer` is the service or tool; the generation is the one in the event's message.
    pub async fn publish_event<E: Event>(
        &self,
        writer: &str,
        topic: Topic,
        event: &E,
        trace: &Trace,
    ) -> Result<Published, BusError> {
        let message = event.message();
        let payload = serde_json::to_vec(event).map_err(|error| BusError::Refused(error.to_string()))?;
        let headers = event_headers(E::VERSION, trace);
        let msg_id = format!("{}:{writer}:{}", message.id, message.generation);
        self.publish_once(topic, message.id, message.generation, &msg_id, headers, payload.into()).await
    }

    /// One publication to a stream, and what the server said to it.
    pub(crate) async fn store(
        &self,
        stream: &str,
        subject: &str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Stored, BusError> {
        let answer = match self.request(subject, Some(headers), payload).await {
            Err(BusError::Missing(_)) => return Err(BusError::Missing(format!("stream {stream}"))),
            other => other?,
        };
        let ack: PubAck = serde_json::from_slice(&answer.payload)
            .map_err(|error| BusError::Unknown(format!("answer to a publication on {subject}: {error}")))?;
        match ack.error {
            None if ack.duplicate => Ok(Stored::Duplicate),
            None => Ok(Stored::At(ack.seq)),
            Some(error) => match error.err_code {
                WRONG_LAST_SEQUENCE => Ok(Stored::NotExpected),
                STORE_FAILED => Err(BusError::Full(error.description)),
                code if OUT_OF_STORAGE.contains(&code) => Err(BusError::Full(error.description)),
                MESSAGE_TOO_LARGE => Err(BusError::TooLarge(error.description)),
                OTHER_STREAM => Err(BusError::Missing(format!("stream {stream}"))),
                code => Err(BusError::Unknown(format!("{} ({code}) on {subject}", error.description))),
            },
        }
    }
}

/// What the server said to one publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    At(u64),
    Duplicate,
    NotExpected,
}

/// The headers that every event carries, beside those of publish-once.
pub fn event_headers(version: u32, trace: &Trace) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::VERSION, version.to_string());
    trace.write(&mut headers);
    headers
}
