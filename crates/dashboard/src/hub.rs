//! One fan-out from the bus for all browsers.
//!
//! A ring of the latest events answers a browser that reconnects and names the last one it saw; a
//! broadcast carries the new ones. Both are bounded: a browser that falls behind loses its place and starts
//! over from a snapshot, and never makes the server hold what it has not read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use contracts::{Topic, TrailEntry};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Events kept for browsers that reconnect: more than half a minute at a hundred messages a second.
const RING: usize = 20_000;
/// Events that a browser may be behind before it is told to start over.
const BEHIND: usize = 4_096;
/// Characters of a customer's message that a list shows.
const EXCERPT: usize = 140;

/// What lists and the drawing need of an event.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Sequence in the stream.
    pub seq: u64,
    /// Topic, such as `classified.order`.
    pub topic: Topic,
    /// The message's id.
    pub id: i64,
    /// When the stream stored it, in milliseconds since 1970.
    pub at: i64,
    /// How long the station worked, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_us: Option<u64>,
    /// Why the station decided as it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// On a message that has just come in: its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// An event as the bus had it.
#[derive(Debug)]
pub struct Passed {
    /// Sequence in its stream.
    pub seq: u64,
    /// Its subject.
    pub subject: String,
    /// When the stream stored it, in milliseconds since 1970.
    pub at: i64,
    /// Its headers.
    pub headers: Vec<(String, Vec<String>)>,
    /// Its payload.
    pub payload: Bytes,
    /// What lists need of it; none on a dead letter or on what is not the line's.
    pub summary: Option<Summary>,
}

#[derive(Deserialize)]
struct Glance {
    message: GlanceMessage,
    #[serde(default)]
    trail: Vec<TrailEntry>,
}

#[derive(Deserialize)]
struct GlanceMessage {
    text: String,
}

impl Passed {
    /// Reads what lists need out of an event of the line.
    pub fn new(
        seq: u64,
        subject: String,
        at: i64,
        headers: Vec<(String, Vec<String>)>,
        payload: Bytes,
    ) -> Self {
        let summary = Topic::parse(&subject).map(|(topic, id)| {
            let glance: Option<Glance> = serde_json::from_slice(&payload).ok();
            let (text, entry) = match glance {
                Some(glance) => (Some(glance.message.text), glance.trail.into_iter().next_back()),
                None => (None, None),
            };
            Summary {
                seq,
                topic,
                id: id.0,
                at,
                took_us: entry.as_ref().map(|entry| entry.took_us),
                text: text.filter(|_| entry.is_none()).map(|text| text.chars().take(EXCERPT).collect()),
                reason: entry.map(|entry| entry.decision.reason),
            }
        });
        Passed { seq, subject, at, headers, payload, summary }
    }
}

/// The fan-out.
pub struct Hub {
    ring: Mutex<VecDeque<Summary>>,
    sender: broadcast::Sender<Arc<Passed>>,
}

/// What a browser that connects gets first.
pub enum Backlog {
    /// All that it missed, oldest first.
    Missed(Vec<Summary>),
    /// It missed more than is kept, or the stream began anew: it starts over.
    TooFar,
}

impl Default for Hub {
    fn default() -> Self {
        Hub::new()
    }
}

impl Hub {
    /// A fan-out with nothing in it.
    pub fn new() -> Self {
        Hub { ring: Mutex::new(VecDeque::with_capacity(RING)), sender: broadcast::channel(BEHIND).0 }
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<Summary>> {
        // A poisoned ring holds whole summaries all the same: nothing in here leaves it half written.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an event on to all browsers.
    pub fn pass(&self, event: Passed) {
        if let Some(summary) = &event.summary {
            let mut ring = self.ring();
            if ring.len() == RING {
                ring.pop_front();
            }
            ring.push_back(summary.clone());
        }
        // Nobody listening is no failure.
        let _ = self.sender.send(Arc::new(event));
    }

    /// Forgets all: the stream began anew.
    pub fn clear(&self) {
        self.ring().clear();
    }

    /// The events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Passed>> {
        self.sender.subscribe()
    }

    /// The sequence of the latest event, 0 if there is none.
    pub fn last_sequence(&self) -> u64 {
        self.ring().back().map_or(0, |summary| summary.seq)
    }

    /// The latest events, oldest first.
    pub fn recent(&self, most: usize) -> Vec<Summary> {
        let ring = self.ring();
        ring.iter().skip(ring.len().saturating_sub(most)).cloned().collect()
    }

    /// What came after this sequence.
    pub fn after(&self, seq: u64) -> Backlog {
        let ring = self.ring();
        let (Some(first), Some(last)) = (ring.front(), ring.back()) else {
            return if seq == 0 { Backlog::Missed(Vec::new()) } else { Backlog::TooFar };
        };
        if seq > last.seq || seq + 1 < first.seq {
            return Backlog::TooFar;
        }
        let from = ring.partition_point(|summary| summary.seq <= seq);
        Backlog::Missed(ring.iter().skip(from).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64) -> Passed {
        let payload = format!(
            r#"{{"message":{{"id":{seq},"received_at":"2026-01-01T00:00:00Z","source":"csv","text":"two teas"}}}}"#
        );
        Passed::new(seq, format!("greenbite.received.message.{seq}"), 0, vec![], payload.into())
    }

    #[test]
    fn a_browser_that_comes_back_gets_what_it_missed_and_no_more() {
        let hub = Hub::new();
        (10..20).for_each(|seq| hub.pass(event(seq)));
        let Backlog::Missed(missed) = hub.after(16) else { panic!("kept") };
        assert_eq!(missed.iter().map(|s| s.seq).collect::<Vec<_>>(), [17, 18, 19]);
        assert!(matches!(hub.after(19), Backlog::Missed(missed) if missed.is_empty()));
        assert!(matches!(hub.after(9), Backlog::Missed(missed) if missed.len() == 10));
    }

    #[test]
    fn a_browser_from_before_the_ring_or_from_another_stream_starts_over() {
        let hub = Hub::new();
        (10..20).for_each(|seq| hub.pass(event(seq)));
        assert!(matches!(hub.after(3), Backlog::TooFar));
        assert!(matches!(hub.after(500), Backlog::TooFar));
        hub.clear();
        assert!(matches!(hub.after(19), Backlog::TooFar));
        assert!(matches!(hub.after(0), Backlog::Missed(missed) if missed.is_empty()));
    }

    #[test]
    fn the_ring_is_bounded() {
        let hub = Hub::new();
        (1..=RING as u64 + 5).for_each(|seq| hub.pass(event(seq)));
        assert_eq!(hub.recent(usize::MAX).len(), RING);
        assert_eq!(hub.recent(usize::MAX)[0].seq, 6);
    }

    #[test]
    fn a_new_message_shows_its_words_and_a_decided_one_its_reason() {
        let summary = event(1).summary.unwrap();
        assert_eq!(summary.text.as_deref(), Some("two teas"));
        assert!(Passed::new(1, "greenbite-dlq.a.GB101.1".into(), 0, vec![], Bytes::new()).summary.is_none());
        let broken =
            Passed::new(1, "greenbite.received.message.1".into(), 0, vec![], Bytes::from_static(b"{"));
        assert!(broken.summary.unwrap().text.is_none());
    }
}
