//! The relay: rows of `messages` onto the bus.
//!
//! The rows are the truth. A batch is locked, published, confirmed, marked and committed; whatever
//! fails on the way, the rows stay as they were and are published again, which the bus refuses
//! as a repetition. Word of new rows only wakes the relay: looking decides. Steps of the kitchen go first: they are
//! few, and end on the bus.

use std::time::{Duration, Instant};

use contracts::topology::STREAM;
use contracts::{
    Code, Decision, Failure, FailureKind, Message, MessageId, Received, Service, Topic, TrailEntry,
};
use futures::future::join_all;
use runtime::{Bus, BusError, Handle, StartError, Trace, spans};
use store::Store;
use tracing::Instrument;

use crate::admit::{Refusal, admit};
use crate::config::Config;
use crate::kitchen;
use crate::room::{Room, room};

/// How long the answer to how much room there is holds.
const ROOM_HOLDS: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Puts rows on the bus, until it is told to stop.
pub struct Relay {
    store: Store,
    handle: Handle,
    batch: u16,
    poll: Duration,
    watermark_percent: u8,
    allowance: u64,
    looked: Option<Instant>,
}

/// What a look at the table came to.
#[derive(Debug, PartialEq, Eq)]
enum Pass {
    /// The batch was full.
    ThereIsMore,
    /// Nothing is left that could be relayed now.
    Done,
}

/// Why the relay pauses.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: FailureKind,
    code: Code,
    reason: String,
}

impl<E: Failure> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble { kind: error.kind(), code: error.code(), reason: error.to_string() }
    }
}

impl Relay {
    /// A relay with these settings.
    pub fn new(store: Store, handle: Handle, config: &Config) -> Self {
        Relay {
            store,
            handle,
            batch: config.batch,
            poll: config.poll(),
            watermark_percent: config.watermark_percent,
            allowance: 0,
            looked: None,
        }
    }

    /// Relays until the service stops.
    pub async fn run(mut self) -> Result<(), StartError> {
        let stopping = self.handle.shutdown_token();
        let mut words = self.store.new_messages();
        let mut paused: Option<Paused> = None;
        self.handle.note("relay", "at work");
        while !stopping.is_cancelled() {
            if stopping.run_until_cancelled(self.handle.unpaused()).await.is_none() {
                break;
            }
            let wait = match self.pass().await {
                Ok(pass) => {
                    if let Some(paused) = paused.take() {
                        paused.over();
                        self.handle.note("relay", "at work");
                    }
                    if pass == Pass::ThereIsMore {
                        continue;
                    }
                    self.poll
                }
                Err(trouble) if trouble.kind == FailureKind::Fatal => {
                    return Err(StartError::new(trouble.code, trouble.reason));
                }
                Err(trouble) => {
                    let paused = paused.get_or_insert_with(Paused::begin);
                    if paused.say(&trouble) {
                        self.handle.note("relay", format!("paused, {}: {}", trouble.code, trouble.reason));
                    }
                    paused.wait()
                }
            };
            let resumed = async {
                match &paused {
                    // New rows change nothing about what is in the way; the bus being back does.
                    Some(paused)
                        if paused.code == Some(Code::BusOutage) && !self.handle.bus().is_connected() =>
                    {
                        tokio::select! {
                            () = self.handle.bus().connected() => {}
                            () = tokio::time::sleep(wait) => {}
                        }
                    }
                    Some(_) => tokio::time::sleep(wait).await,
                    None => words.wait(wait).await,
                }
            };
            tokio::select! {
                () = stopping.cancelled() => {}
                () = resumed => {}
            }
        }
        Ok(())
    }

    /// Relays one batch.
    async fn pass(&mut self) -> Result<Pass, Trouble> {
        let bus = self.handle.bus().clone();
        if !bus.is_connected() {
            return Err(BusError::Unknown("there is no connection".to_owned()).into());
        }
        // Customers' messages come in whatever becomes of the kitchen's steps.
        let steps = kitchen::tell(&self.store, &bus, self.batch).await;
        let mut batch = self.store.relay_batch(u32::from(self.batch)).await?;
        if batch.messages().is_empty() {
            return Ok(if steps? { Pass::ThereIsMore } else { Pass::Done });
        }
        let room = self.look_for_room(&bus).await?;
        let messages =
            &batch.messages()[..batch.messages().len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        let there_is_more =
            batch.messages().len() == usize::from(self.batch) || messages.len() < batch.messages().len();
        let traced = messages.iter().zip(batch.traceparents());
        let results =
            join_all(traced.map(|(message, trace)| relay_one(&bus, message, trace.as_deref()))).await;

        let mut published: Vec<MessageId> = Vec::with_capacity(messages.len());
        let mut refused = Vec::new();
        let mut trouble: Option<Trouble> = None;
        for (message, result) in messages.iter().zip(results) {
            match result {
                Ok(()) => published.push(message.id),
                Err(Failed::Refused(refusal)) => refused.push((message.id, refusal)),
                // Unknown whether it is there: the row stays as it is and is said again.
                Err(Failed::Trouble(one)) => {
                    let worse = one.kind == FailureKind::Fatal;
                    if worse || trouble.is_none() {
                        trouble = Some(one);
                    }
                }
            }
        }
        self.allowance = self.allowance.saturating_sub(published.len() as u64);
        if !published.is_empty() {
            batch.mark_published(&published).await?;
        }
        for (id, refusal) in &refused {
            batch.refuse(*id, &format!("{}: {}", refusal.code, refusal.reason)).await?;
        }
        batch.commit().await?;
        for (id, refusal) in refused {
            tracing::warn!(message_id = %id, code = %refusal.code, "message {id} is refused: {}", refusal.reason);
        }
        if !published.is_empty() {
            tracing::debug!(count = published.len(), "put {} messages on the line", published.len());
        }
        match trouble {
            Some(trouble) => Err(trouble),
            None if steps? || there_is_more => Ok(Pass::ThereIsMore),
            None => Ok(Pass::Done),
        }
    }

    /// How many messages may be put on the line now.
    async fn look_for_room(&mut self, bus: &Bus) -> Result<u64, Trouble> {
        let fresh = self.looked.is_some_and(|at| at.elapsed() < ROOM_HOLDS);
        if !fresh || self.allowance == 0 {
            let stream = bus.stream_state(STREAM).await?;
            // No more can wait than what is there. To count what does wait the bus looks through all that it holds,
            // so it is asked only where that makes a difference.
            let mut room_now = room(&stream, stream.messages, self.watermark_percent);
            if !matches!(room_now, Room::For(count) if count >= u64::from(self.batch)) {
                let line = bus.line_state().await?;
                let on_the_line = line.iter().map(|(_, durable)| durable.lag()).sum();
                room_now = room(&stream, on_the_line, self.watermark_percent);
            }
            self.looked = Some(Instant::now());
            self.allowance = match room_now {
                Room::For(count) => count,
                Room::Full(reason) => {
                    self.allowance = 0;
                    return Err(Trouble { kind: FailureKind::Outage, code: Code::StreamFull, reason });
                }
            };
        }
        Ok(self.allowance)
    }
}

enum Failed {
    Refused(Refusal),
    Trouble(Trouble),
}

async fn relay_one(bus: &Bus, message: &Message, traceparent: Option<&str>) -> Result<(), Failed> {
    admit(&message.text).map_err(Failed::Refused)?;
    let before = traceparent.and_then(Trace::parse);
    let (span, trace) = spans::publish(Topic::ReceivedMessage, message.id, before, message.generation > 1);
    let began = Instant::now();
    let decision = Decision::by_rules("received", format!("Came in by {}.", door(&message.source)));
    let entry = TrailEntry {
        station: Service::Ingest,
        decision,
        attempt: 1,
        at: chrono::Utc::now(),
        took_us: began.elapsed().as_micros() as u64,
    };
    let event = Received { message: message.clone(), trail: vec![entry] };
    let publishing = bus.publish_event(Service::Ingest.as_str(), Topic::ReceivedMessage, &event, &trace);
    match publishing.instrument(span).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == FailureKind::Permanent => {
            Err(Failed::Refused(Refusal::new(error.code(), error.to_string())))
        }
        Err(error) => Err(Failed::Trouble(error.into())),
    }
}

/// A door in a cook's words.
fn door(source: &str) -> &str {
    match source {
        "http" => "the web",
        "csv" => "a file",
        "watch" => "the watched file",
        "simulation" => "the simulation",
        "dashboard" => "the dashboard",
        "telegram" => "Telegram",
        other => other,
    }
}

/// A pause that is under way.
struct Paused {
    since: Instant,
    tries: u32,
    code: Option<Code>,
}

impl Paused {
    fn begin() -> Self {
        Paused { since: Instant::now(), tries: 0, code: None }
    }

    /// Says why, once a reason; says whether it did.
    fn say(&mut self, trouble: &Trouble) -> bool {
        self.tries += 1;
        let news = self.code != Some(trouble.code);
        if news {
            self.code = Some(trouble.code);
            tracing::warn!(
                code = %trouble.code,
                "no new messages are put on the line, they wait safely in the database; goes on by itself: {}",
                trouble.reason
            );
        }
        news
    }

    fn wait(&self) -> Duration {
        Duration::from_millis(100 << self.tries.min(6)).min(LONGEST_PAUSE)
    }

    fn over(self) {
        let paused_ms = self.since.elapsed().as_millis() as u64;
        tracing::info!(paused_ms, "new messages are put on the line again");
    }
}
