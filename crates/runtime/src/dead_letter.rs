//! Dead letters: the whole of a message that the line cannot handle, and why.

use std::collections::BTreeMap;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use chrono::Utc;
use contracts::topology::DEAD_LETTER_STREAM;
use contracts::{Code, DeadLetter, Payload, Service, header, subject};

use crate::bus::{Bus, BusError};
use crate::delivery::Delivery;
use crate::trace::Trace;

/// A payload whose JSON string would be longer is written as base64: escapes can grow it sixfold.
const LONGEST_AS_TEXT: usize = 600 * 1024;

/// The bytes of a payload, as a dead letter holds them.
pub fn payload(bytes: &[u8]) -> Payload {
    let as_text = std::str::from_utf8(bytes).ok().filter(|text| {
        let escaped = text.chars().map(|c| match c {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            c if (c as u32) < 0x20 => 6,
            c => c.len_utf8(),
        });
        escaped.sum::<usize>() <= LONGEST_AS_TEXT
    });
    match as_text {
        Some(text) => Payload::Utf8(text.to_owned()),
        None => Payload::Base64(BASE64_STANDARD.encode(bytes)),
    }
}

/// The bytes that a dead letter holds; `None` where its base64 is none.
pub fn payload_bytes(payload: &Payload) -> Option<Vec<u8>> {
    match payload {
        Payload::Utf8(text) => Some(text.clone().into_bytes()),
        Payload::Base64(text) => BASE64_STANDARD.decode(text).ok(),
    }
}

/// The headers, as a dead letter holds them.
pub fn headers(headers: Option<&HeaderMap>) -> BTreeMap<String, Vec<String>> {
    headers
        .into_iter()
        .flat_map(HeaderMap::iter)
        .map(|(name, values)| {
            (name.to_string(), values.iter().map(|value| value.as_str().to_owned()).collect())
        })
        .collect()
}

/// Why a message is given up.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) code: Code,
    pub(crate) reason: String,
}

/// The dead letter of a delivery.
pub(crate) fn of(delivery: &Delivery, service: Service, verdict: &Verdict, trace: &Trace) -> DeadLetter {
    DeadLetter {
        service,
        code: verdict.code,
        reason: verdict.reason.clone(),
        attempts: delivery.attempt,
        at: Utc::now(),
        subject: delivery.message.subject.to_string(),
        headers: headers(delivery.headers()),
        payload: payload(&delivery.message.payload),
        stream_sequence: Some(delivery.sequence),
        trace_id: Some(trace.trace_id()),
    }
}

impl Bus {
    /// Stores a dead letter. `msg_id` names what it is made from, so that it is stored once.
    pub async fn publish_dead_letter(&self, letter: &DeadLetter, msg_id: &str) -> Result<(), BusError> {
        let id = letter.subject.rsplit('.').next().unwrap_or_default();
        let subject = subject::dead_letter(letter.service, letter.code, id);
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, msg_id);
        headers.insert(header::CODE, letter.code.as_str());
        headers.insert(header::REASON, one_line(&letter.reason));
        for name in [header::TRACEPARENT, header::TRACESTATE, header::GENERATION] {
            if let Some(value) = letter.headers.get(name).and_then(|values| values.first()) {
                headers.insert(name, one_line(value));
            }
        }
        let body = serde_json::to_vec(letter).map_err(|error| BusError::Refused(error.to_string()))?;
        self.store(DEAD_LETTER_STREAM, &subject, headers, Bytes::from(body)).await.map(drop)
    }
}

/// What a header can hold: one line of plain characters, not too long.
fn one_line(text: &str) -> String {
    text.chars().take(500).map(|c| if (' '..='~').contains(&c) { c } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_read_back_byte_by_byte_whatever_it_was() {
        let control = vec![1u8; 256 * 1024];
        for bytes in [b"{\"a\": 1}".as_slice(), b"\xff\x00\xfe", b"", &control] {
            assert_eq!(payload_bytes(&payload(bytes)).unwrap(), bytes);
        }
        assert!(matches!(payload(b"\xff"), Payload::Base64(_)));
        assert!(serde_json::to_vec(&payload(&control)).unwrap().len() < 1 << 20);
    }

    #[test]
    fn a_reason_fits_into_a_header_whatever_it_says() {
        assert_eq!(one_line("two\r\nlines: é"), "two  lines:  ");
        assert_eq!(one_line(&"x".repeat(10_000)).len(), 500);
    }
}
