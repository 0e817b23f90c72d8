//! Server-sent events: the live line, and the subject tap.
//!
//! Events go out in batches a few times a second, so that a page is as calm at a hundred messages a second as at
//! one. The id of a batch is the stream's sequence of its last event.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::Page;
use crate::hub::{Backlog, Passed, Summary};
use crate::tap::{Pattern, payload};

/// Events gather for this long before they are sent.
const BATCH: Duration = Duration::from_millis(150);
/// Events of one batch at the most.
const MOST: usize = 500;

/// Where a page goes on.
#[derive(Deserialize)]
pub struct From {
    after: Option<u64>,
}

/// `GET /api/stream`: the events, the state once a second, and `reset` for a page that starts over.
pub async fn live(
    State(page): State<Page>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // A browser that reconnects by itself names the last batch that it saw; that is newer than its address.
    let named =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|id| id.parse().ok());
    let after = named.or(from.after).unwrap_or(0);
    // Listening begins before the backlog is read, so that nothing falls between the two.
    let events = page.hub.subscribe();
    let (missed, ended) = match page.hub.after(after) {
        Backlog::Missed(missed) => (missed, false),
        Backlog::TooFar => (Vec::new(), true),
    };
    let live = Live {
        last: after,
        missed,
        events,
        state: page.state.clone(),
        ended,
        stopping: page.stopping.clone(),
    };
    Sse::new(stream::unfold(live, Live::next)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

struct Live {
    last: u64,
    missed: Vec<Summary>,
    events: broadcast::Receiver<Arc<Passed>>,
    state: watch::Receiver<Arc<str>>,
    ended: bool,
    stopping: tokio_util::sync::CancellationToken,
}

impl Live {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.ended {
            // The page closes the connection when it reads this; one that does not is cut off.
            self.ended = false;
            self.missed.clear();
            self.last = u64::MAX;
            return Some((Ok(Event::default().event("reset").data("start over")), self));
        }
        if self.last == u64::MAX {
            return None;
        }
        let batch = if self.missed.is_empty() {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return None,
                changed = self.state.changed() => {
                    changed.ok()?;
                    let state = self.state.borrow_and_update().clone();
                    return Some((Ok(Event::default().event("state").data(state)), self));
                }
                // Only the wait for the first may be given up for a state: what is gathered would be lost with it.
                first = self.events.recv() => match gather(first, &mut self.events).await {
                    Ok(passed) => passed.iter().filter_map(|event| event.summary.clone()).collect(),
                    Err(TooSlow) => {
                        self.ended = true;
                        return Box::pin(self.next()).await;
                    }
                }
            }
        } else {
            let rest = self.missed.split_off(self.missed.len().min(MOST));
            std::mem::replace(&mut self.missed, rest)
        };
        let fresh: Vec<Summary> = batch.into_iter().filter(|event| event.seq > self.last).collect();
        let event = match fresh.last() {
            Some(last) => {
                self.last = last.seq;
                json("events", &fresh).id(self.last.to_string())
            }
            None => Event::default().comment("nothing for the line"),
        };
        Some((Ok(event), self))
    }
}

struct TooSlow;

/// Gathers what comes within a moment of the first.
async fn gather(
    first: Result<Arc<Passed>, RecvError>,
    events: &mut broadcast::Receiver<Arc<Passed>>,
) -> Result<Vec<Arc<Passed>>, TooSlow> {
    let first = match first {
        Ok(event) => event,
        Err(RecvError::Lagged(_)) => return Err(TooSlow),
        Err(RecvError::Closed) => std::future::pending().await,
    };
    let mut batch = vec![first];
    let end = Instant::now() + BATCH;
    while batch.len() < MOST {
        match events.try_recv() {
            Ok(event) => batch.push(event),
            Err(TryRecvError::Lagged(_)) => return Err(TooSlow),
            Err(TryRecvError::Closed) => break,
            Err(TryRecvError::Empty) => match tokio::time::timeout_at(end, events.recv()).await {
                Ok(Ok(event)) => batch.push(event),
                Ok(Err(RecvError::Lagged(_))) => return Err(TooSlow),
                Ok(Err(RecvError::Closed)) | Err(_) => break,
            },
        }
    }
    Ok(batch)
}

fn json(name: &str, value: &impl Serialize) -> Event {
    // Everything that is sent can be written as JSON; should it not be, the page hears of it.
    let data = serde_json::to_string(value).unwrap_or_else(|error| format!("\"{error}\""));
    Event::default().event(name).data(data)
}

/// What to tap.
#[derive(Deserialize)]
pub struct Subject {
    subject: String,
}

/// An event as the tap shows it.
#[derive(Serialize)]
struct Tapped<'a> {
    seq: u64,
    at: i64,
    subject: &'a str,
    headers: serde_json::Map<String, serde_json::Value>,
    payload: serde_json::Value,
}

impl<'a> Tapped<'a> {
    fn new(event: &'a Passed) -> Self {
        let headers = event
            .headers
            .iter()
            .map(|(name, values)| (name.clone(), serde_json::Value::from(values.join(", "))))
            .collect();
        Tapped {
            seq: event.seq,
            at: event.at,
            subject: &event.subject,
            headers,
            payload: payload(&event.payload),
        }
    }
}

/// `GET /api/tap?subject=`: what passes on a subject from now on, whole.
pub async fn tap(
    State(page): State<Page>,
    Query(Subject { subject }): Query<Subject>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start =
        Pattern::parse(&subject).map(|pattern| (pattern, page.hub.subscribe(), page.stopping.clone()));
    let tapped = stream::unfold(Some(start), |at| async {
        let (pattern, mut events, stopping) = match at? {
            Ok(open) => open,
            Err(reason) => return Some((Ok(Event::default().event("refused").data(reason)), None)),
        };
        let gathered = tokio::select! {
            () = stopping.cancelled() => return None,
            first = events.recv() => gather(first, &mut events).await,
        };
        let event = match gathered {
            Ok(batch) => {
                let matching: Vec<_> = batch
                    .iter()
                    .filter(|event| pattern.matches(&event.subject))
                    .map(|event| Tapped::new(event))
                    .collect();
                if matching.is_empty() {
                    Event::default().comment("nothing on that subject")
                } else {
                    json("events", &matching)
                }
            }
            // Too much passes for this page: it misses some and goes on with the newest.
            Err(TooSlow) => {
                events = events.resubscribe();
                Event::default().comment("some were left out")
            }
        };
        Some((Ok(event), Some(Ok((pattern, events, stopping)))))
    });
    Sse::new(tapped).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::hub::Hub;

    #[tokio::test]
    async fn a_state_that_comes_while_events_gather_costs_none_of_them() {
        let hub = Hub::new();
        let (state, watched) = watch::channel(Arc::from("{}"));
        let live = Live {
            last: 0,
            missed: Vec::new(),
            events: hub.subscribe(),
            state: watched,
            ended: false,
            stopping: tokio_util::sync::CancellationToken::new(),
        };
        hub.pass(Passed::new(7, "greenbite.received.message.1".into(), 0, Vec::new(), Bytes::new()));
        let look = async {
            let (_, live) = live.next().await.unwrap();
            live.next().await.unwrap().1
        };
        let change = async {
            tokio::time::sleep(BATCH / 3).await;
            state.send_replace(Arc::from("{}"));
            std::future::pending::<()>().await;
        };
        let within = tokio::time::timeout(Duration::from_secs(10), async {
            tokio::select! {
                live = look => live,
                () = change => unreachable!("it waits for ever"),
            }
        });
        assert_eq!(within.await.map(|live| live.last), Ok(7), "the event never reached the page");
    }
}
