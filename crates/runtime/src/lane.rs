//! A lane: takes one message, sees it through, and takes the next.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use contracts::topology::STREAM;
use contracts::{Code, Failure, FailureKind, MessageId, Topic, TrailEntry, header};
use futures::FutureExt;
use tokio::sync::MutexGuard;
use tracing::Instrument;

use crate::app::{AnyStage, Decoded, Shared, StageState};
use crate::bus::BusError;
use crate::dead_letter::{self, Verdict};
use crate::delivery::Delivery;
use crate::error::StartError;
use crate::feed::{Feed, Lost};
use crate::metrics::Metrics;
use crate::outage::backoff;
use crate::provision::{Found, look_for};
use crate::publish::{Once, event_headers};
use crate::spans;
use crate::stage::{Context, Outcome, StageError, What};
use crate::stats::InWork;
use crate::trace::Trace;

/// A handler that fails like this will fail again; the second try is for bad luck.
const TRIES_OF_A_BUG: u32 = 2;
/// How often an acknowledgement is said before it is left to the redelivery.
const TRIES_OF_AN_ACK: u32 = 3;
/// Pause between two looks for a durable that is missing.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A durable that was seen this recently is taken to be there still.
const STILL_THERE: Duration = Duration::from_secs(1);
/// How long a closing lane waits for what is on its way to it.
const LAST_DELIVERIES: Duration = Duration::from_secs(1);
/// The longest pause that another side may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// What all lanes of a stage share.
pub(crate) struct Line {
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Arc<StageState>,
    pub(crate) stage: Arc<dyn AnyStage>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) failures: Failures,
}

/// How a lane is done with a message.
enum Ending {
    /// Acknowledge it.
    Done,
    /// Give it back, to be delivered again after this pause.
    Release(Duration),
}

/// What one run of the handler came to.
enum Ran {
    Decided(Outcome, Duration),
    Failed(StageError),
    Panicked(String),
    OutOfTime,
}

impl Line {
    /// Runs one lane until the service stops.
    pub(crate) async fn lane(self: Arc<Self>) {
        let (shared, state) = (&self.shared, &self.state);
        let mut feed = Feed::new(shared.bus.clone(), STREAM, state.spec.durable);
        loop {
            let next = async {
                // What is on its way has to be taken, or it would lie in the inbox until its ack wait is over; in an
                // outage it waits in hand.
                if !feed.has_asked() {
                    shared.dependencies_up().await;
                    state.gate.opened().await;
                }
                feed.next().await
            };
            let next = tokio::select! {
                biased;
                () = shared.stopping.cancelled() => break,
                () = shared.pause.begun() => None,
                next = next => Some(next),
            };
            let Some(next) = next else {
                // What the server already sends to this lane goes back at once; it has asked for nothing more.
                let fresh = Feed::new(shared.bus.clone(), STREAM, state.spec.durable);
                std::mem::replace(&mut feed, fresh).close(LAST_DELIVERIES).await;
                tokio::select! {
                    () = shared.stopping.cancelled() => break,
                    () = shared.pause.over() => continue,
                }
            };
            match next {
                Ok(delivery) => self.take(delivery, &mut feed).await,
                Err(Lost::Missing | Lost::Unsure) => self.find_durable().await,
                Err(Lost::Closed(reason)) => {
                    tracing::debug!("the lane ends: {reason}");
                    break;
                }
            }
        }
        feed.close(LAST_DELIVERIES).await;
    }

    /// Looks for the stage's durable until it is there, or the service stops. One lane looks, the
    /// others take its word.
    ///
    /// Storage that was wiped and a line that is not provisioned yet are outages; a durable that
    /// is otherwise than this version wants it is fatal.
    pub(crate) async fn find_durable(&self) {
        let (gate, spec) = (&self.state.gate, self.state.spec);
        let stopping = &self.shared.stopping;
        let Some(mut seen) = stopping.run_until_cancelled(self.state.durable.seen.lock()).await else {
            return;
        };
        let epoch = self.shared.bus.epoch();
        if seen.is_some_and(|(on, at)| on == epoch && at.elapsed() < STILL_THERE) {
            return;
        }
        loop {
            match look_for(&self.shared.bus, spec, &self.shared.settings.line).await {
                Found::Ready(created) => {
                    self.state.durable.created.store(created, Relaxed);
                    *seen = Some((self.shared.bus.epoch(), Instant::now()));
                    if gate.outage().is_some_and(|o| matches!(o.code, Code::Topology | Code::BusOutage)) {
                        gate.open();
                    }
                    return;
                }
                Found::Missing => gate.close(
                    Code::Topology,
                    &format!(
                        "durable {} or its stream does not exist: run `greenbite provision`",
                        spec.durable
                    ),
                ),
                Found::Unknown(reason) => {
                    gate.close(Code::BusOutage, &format!("durable {}: {reason}", spec.durable));
                }
                Found::Different(reason) => {
                    return self.shared.fatal(different(spec.durable, &reason));
                }
            }
            let pause = async {
                tokio::time::sleep(LOOK_AGAIN).await;
                self.shared.bus.connected().await;
            };
            if stopping.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Sees one message through.
    async fn take(&self, delivery: Delivery, feed: &mut Feed) {
        let stats = &self.state.stats;
        let _in_work = InWork::new(stats);
        stats.pending.store(delivery.pending, Relaxed);
        self.metrics.taken(&self.state);
        if delivery.attempt > 1 {
            stats.redelivered.fetch_add(1, Relaxed);
            self.metrics.redelivered(&self.state);
        }
        let (span, trace) = spans::process(self.state.spec, &delivery);
        async {
            let ending = match self.kept_alive(&delivery, self.work(&delivery, &trace)).await {
                Ok(ending) | Err(ending) => ending,
            };
            match ending {
                Ending::Done => {
                    self.failures.forget(delivery.sequence);
                    if self.goes_on() {
                        feed.ask_ahead().await;
                    }
                    self.acknowledge(&delivery).await;
                }
                Ending::Release(pause) => delivery.release(&self.shared.bus, pause).await,
            }
        }
        .instrument(span)
        .await;
    }

    /// Whether nothing keeps the lane from taking another message.
    fn goes_on(&self) -> bool {
        let Shared { stopping, pause, .. } = &*self.shared;
        !stopping.is_cancelled() && !pause.is_on() && self.is_clear()
    }

    fn is_clear(&self) -> bool {
        self.state.gate.is_open() && self.shared.dependencies().iter().all(|d| d.gate.is_open())
    }

    /// Says every third of the ack wait that the message is still in work.
    async fn kept_alive(
        &self,
        delivery: &Delivery,
        work: impl Future<Output = Result<Ending, Ending>>,
    ) -> Result<Ending, Ending> {
        let mut work = pin!(work);
        let third = self.shared.settings.line.ack_wait() / 3;
        loop {
            tokio::select! {
                biased;
                ending = &mut work => return ending,
                () = self.shared.abandoning.cancelled() => return Err(Ending::Release(Duration::ZERO)),
                () = tokio::time::sleep(third) => delivery.in_progress(&self.shared.bus).await,
            }
        }
    }

    /// Everything up to the acknowledgement. Either side of the result says how it ends.
    async fn work(&self, delivery: &Delivery, trace: &Trace) -> Result<Ending, Ending> {
        self.clear_to_work().await?;
        let verdict = match self.read(delivery) {
            Err(verdict) => verdict,
            Ok(event) => {
                let (id, generation) = (event.id, event.generation);
                // A durable that was created anew counts from 1 again what the one before delivered.
                let maybe_again =
                    delivery.attempt > 1 || delivery.stored_at < self.state.durable.created.load(Relaxed);
                if maybe_again && self.is_done_already(id, generation).await? {
                    tracing::debug!("was done before its acknowledgement was heard; only acknowledged");
                    return Ok(Ending::Done);
                }
                let cx =
                    Context { message_id: id, attempt: delivery.attempt, generation, trace: trace.clone() };
                match self.handle(delivery, event, cx.clone()).await? {
                    Ran::Decided(outcome, took) => match self.conclude(outcome, took, &cx).await? {
                        None => return Ok(Ending::Done),
                        Some(verdict) => verdict,
                    },
                    failed => self.judge(delivery, failed)?,
                }
            }
        };
        self.bury(delivery, verdict, trace).await
    }

    /// A message that arrives in an outage waits in hand: a pause costs it no delivery.
    async fn clear_to_work(&self) -> Result<(), Ending> {
        if self.is_clear() {
            return Ok(());
        }
        let clear = async {
            self.shared.dependencies_up().await;
            self.state.gate.opened().await;
        };
        tokio::select! {
            () = clear => Ok(()),
            () = self.shared.stopping.cancelled() => Err(Ending::Release(Duration::ZERO)),
        }
    }

    /// The event, or why it is none of this stage's.
    fn read(&self, delivery: &Delivery) -> Result<Decoded, Verdict> {
        let subject = delivery.message.subject.as_str();
        let dead = |code, reason: String| Err(Verdict { code, reason });
        let id = match Topic::parse(subject) {
            Some((topic, id)) if topic == self.state.spec.input => id,
            _ => {
                return dead(
                    Code::UnknownSubject,
                    format!("{subject} is not {}", self.state.spec.input.filter()),
                );
            }
        };
        let version = delivery.headers().and_then(|headers| headers.get(header::VERSION));
        let version = version.map_or("1", |value| value.as_str());
        if version.parse() != Ok(self.stage.version()) {
            return dead(
                Code::UnknownVersion,
                format!("version {version} of {}, known is {}", self.state.spec.input, self.stage.version()),
            );
        }
        match self.stage.clone().decode(&delivery.message.payload) {
            Ok(event) if event.id == id => Ok(event),
            Ok(event) => {
                dead(Code::WrongId, format!("the subject says message {id}, the event says {}", event.id))
            }
            Err(error) => {
                // Its own words may quote the customer.
                tracing::debug!("malformed event: {error}");
                let place = format!("line {}, column {}", error.line(), error.column());
                let kind = match error.classify() {
                    serde_json::error::Category::Data => "a field is missing or of another type",
                    serde_json::error::Category::Eof => "it ends too early",
                    _ => "it is not JSON",
                };
                dead(Code::Malformed, format!("{kind}, at {place}"))
            }
        }
    }

    /// Whether the stage published for this generation before.
    async fn is_done_already(&self, id: MessageId, generation: u32) -> Result<bool, Ending> {
        for output in self.state.spec.outputs {
            let subject = output.subject(id);
            let found = self.insist(|| self.shared.bus.last_for(&subject)).await?;
            match found {
                Ok(Some(last)) if last.generation() >= generation => return Ok(true),
                Ok(_) => {}
                Err(error) => return Err(self.cannot_go_on(&error)),
            }
        }
        Ok(false)
    }

    /// Runs the handler, and again after an outage, until it comes to something else.
    async fn handle(&self, delivery: &Delivery, event: Decoded, cx: Context) -> Result<Ran, Ending> {
        let (mut turn, mut event) = (None, Some(event));
        loop {
            // The handler takes the event with it; for another run it is read again.
            let again = || self.stage.clone().decode(&delivery.message.payload).ok();
            let Some(next) = event.take().or_else(again) else { return Err(Ending::Release(Duration::ZERO)) };
            let ran = self.run_once(next, cx.clone()).await;
            if let Ran::Failed(StageError::Outage { code, reason }) = &ran {
                self.state.stats.error(format!("{code}: {reason}"));
                self.state.gate.close(*code, reason);
                drop(turn.take());
                turn = self.hold(*code).await?;
                continue;
            }
            if turn.is_some() {
                self.state.gate.open();
            }
            return Ok(ran);
        }
    }

    async fn run_once(&self, event: Decoded, cx: Context) -> Ran {
        let started = Instant::now();
        let run = AssertUnwindSafe((event.run)(cx)).catch_unwind();
        match tokio::time::timeout(self.shared.settings.lanes.deadline(), run).await {
            Ok(Ok(Ok(outcome))) => Ran::Decided(outcome, started.elapsed()),
            Ok(Ok(Err(error))) => Ran::Failed(error),
            Ok(Err(panic)) => Ran::Panicked(panic_text(panic.as_ref())),
            Err(_) => Ran::OutOfTime,
        }
    }

    /// Publishes the outcome. `Some` is why the message has to be given up instead.
    async fn conclude(
        &self,
        outcome: Outcome,
        took: Duration,
        cx: &Context,
    ) -> Result<Option<Verdict>, Ending> {
        self.state.stats.count(took);
        let (topic, id, version, decision, write) = match outcome.0 {
            What::Nothing { reason } => {
                self.metrics.processed(&self.state, "nothing", "", took);
                tracing::debug!("nothing to publish: {reason}");
                return Ok(None);
            }
            What::Publish { topic, id, version, decision, write } => (topic, id, version, decision, write),
        };
        self.metrics.processed(&self.state, topic.outcome(), &decision.decided_by, took);
        spans::decided(topic.outcome(), &decision.decided_by);
        let bug = |reason: String| Ok(Some(Verdict { code: Code::Panicked, reason }));
        if !self.state.spec.outputs.contains(&topic) || id != cx.message_id {
            return bug(format!("the station wants to publish {topic}.{id} for message {}", cx.message_id));
        }
        let entry = TrailEntry {
            station: self.shared.service,
            decision,
            attempt: cx.attempt,
            at: Utc::now(),
            took_us: took.as_micros() as u64,
        };
        let payload = match write(entry) {
            Ok(payload) => Bytes::from(payload),
            Err(error) => return bug(format!("the outcome cannot be written as JSON: {error}")),
        };
        let msg_id = format!("{id}:{}:{}", self.state.spec.durable, cx.generation);
        let headers = event_headers(version, &cx.trace);
        let once = Once::new(topic, id, cx.generation, &msg_id, headers, payload);
        match self.insist(|| self.shared.bus.publish(&once)).await? {
            Ok(_) => Ok(None),
            Err(error) if error.kind() == FailureKind::Fatal => Err(self.cannot_go_on(&error)),
            Err(error) => Ok(Some(Verdict { code: error.code(), reason: error.to_string() })),
        }
    }

    /// After a failure: give the message back for another try, or give it up.
    fn judge(&self, delivery: &Delivery, failed: Ran) -> Result<Verdict, Ending> {
        let retry = &self.shared.settings.retry;
        let (code, reason, tries, after) = match failed {
            Ran::Failed(StageError::Permanent { code, reason }) => {
                self.state.stats.error(format!("{code}: {reason}"));
                return Ok(Verdict { code, reason });
            }
            Ran::Failed(StageError::Fatal { code, reason }) => {
                self.state.stats.error(format!("{code}: {reason}"));
                self.shared.fatal(StartError { code, reason });
                return Err(Ending::Release(Duration::ZERO));
            }
            Ran::Failed(StageError::Transient { reason, retry_after }) => {
                (Code::RetriesUsedUp, reason, retry.tries, retry_after)
            }
            Ran::Panicked(text) => (Code::Panicked, format!("panicked: {text}"), TRIES_OF_A_BUG, None),
            Ran::OutOfTime => {
                let ms = self.shared.settings.lanes.deadline_ms;
                (Code::Deadline, format!("not done within {ms} ms"), TRIES_OF_A_BUG, None)
            }
            // Both are handled where the handler ran.
            Ran::Decided(..) | Ran::Failed(StageError::Outage { .. }) => {
                return Err(Ending::Release(Duration::ZERO));
            }
        };
        self.state.stats.error(format!("{code}: {reason}"));
        let failures = self.failures.count(delivery.sequence, code);
        let last_delivery = i64::from(delivery.attempt) >= self.shared.settings.line.max_deliver;
        if failures >= tries || last_delivery {
            return Ok(Verdict { code, reason: format!("{reason} (try {failures} of {tries})") });
        }
        let pause = after.map(|after| after.min(LONGEST_RETRY_AFTER)).unwrap_or_else(|| {
            backoff(failures, Duration::from_millis(retry.first_ms), Duration::from_millis(retry.most_ms))
        });
        let pause_ms = pause.as_millis() as u64;
        spans::failed(code);
        tracing::warn!(failures, pause_ms, "failed, is tried again (try {failures} of {tries}): {reason}");
        Err(Ending::Release(pause))
    }

    /// Makes a dead letter of the message. While it cannot be stored, the message stays in hand.
    async fn bury(&self, delivery: &Delivery, verdict: Verdict, trace: &Trace) -> Result<Ending, Ending> {
        let letter = dead_letter::of(delivery, self.shared.service, &verdict, trace);
        // The time is in it, since sequences begin anew when the storage was lost.
        let msg_id = format!("dlq:{}:{}:{}", delivery.sequence, self.state.spec.durable, delivery.stored_at);
        match self.insist(|| self.shared.bus.publish_dead_letter(&letter, &msg_id)).await? {
            Ok(()) => {
                let Verdict { code, reason } = &verdict;
                self.state.stats.dead_letters.fetch_add(1, Relaxed);
                self.state.stats.error(format!("{code}: {reason}"));
                self.metrics.dead_letter(&self.state, *code);
                spans::failed(*code);
                tracing::error!(%code, subject = %delivery.message.subject, trace_id = %trace.trace_id(),
                    "dead letter after {} deliveries: {reason}; see {}", delivery.attempt, code.page());
                Ok(Ending::Done)
            }
            Err(error) if error.kind() == FailureKind::Fatal => Err(self.cannot_go_on(&error)),
            Err(error) => {
                tracing::error!(code = %error.code(), "the dead letter cannot be stored, the message is kept: {error}");
                Err(Ending::Release(Duration::from_millis(self.shared.settings.retry.most_ms)))
            }
        }
    }

    /// Says something on the bus until it is known what came of it, with the message in hand. The
    /// outer error is that the service stops meanwhile.
    async fn insist<T, F>(&self, mut say: impl FnMut() -> F) -> Result<Result<T, BusError>, Ending>
    where
        F: Future<Output = Result<T, BusError>>,
    {
        let mut turn = None;
        loop {
            match say().await {
                Err(error) if error.kind() == FailureKind::Outage => {
                    self.state.stats.error(error.to_string());
                    self.state.gate.close(error.code(), &error.to_string());
                    drop(turn.take());
                    turn = self.hold(error.code()).await?;
                }
                known => {
                    if turn.is_some() {
                        self.state.gate.open();
                    }
                    return Ok(known);
                }
            }
        }
    }

    /// Waits until the outage is over (`None`) or until this lane may try whether it is.
    async fn hold(&self, code: Code) -> Result<Option<MutexGuard<'_, ()>>, Ending> {
        let waiting = async {
            let turn = self.state.gate.turn().await;
            if turn.is_some() {
                for dependency in self.shared.dependencies().iter().filter(|d| d.code == code) {
                    dependency.check().await;
                }
            }
            self.shared.bus.connected().await;
            self.shared.dependencies_up().await;
            turn
        };
        tokio::select! {
            biased;
            () = self.shared.stopping.cancelled() => Err(Ending::Release(Duration::ZERO)),
            turn = waiting => Ok(turn),
        }
    }

    fn cannot_go_on(&self, error: &BusError) -> Ending {
        self.state.stats.error(error.to_string());
        self.shared.fatal(StartError::new(error.code(), error));
        Ending::Release(Duration::ZERO)
    }

    /// Says that the message is done until the server has heard it. Where it has not, the message
    /// comes again and is recognised.
    async fn acknowledge(&self, delivery: &Delivery) {
        for _ in 0..TRIES_OF_AN_ACK {
            match delivery.ack(&self.shared.bus).await {
                Ok(()) => return,
                Err(BusError::Unknown(reason)) => {
                    tracing::debug!("acknowledgement not confirmed: {reason}");
                    tokio::select! {
                        () = self.shared.abandoning.cancelled() => return,
                        () = self.shared.bus.connected() => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(code = %error.code(), "the acknowledgement went nowhere: {error}");
                    return;
                }
            }
        }
        tracing::warn!(
            "the acknowledgement was not confirmed; the message may come again and is recognised then"
        );
    }
}

/// A durable that is otherwise than wanted.
pub(crate) fn different(durable: &str, reason: &str) -> StartError {
    StartError::new(
        Code::Topology,
        format!(
            "durable {durable} is otherwise than these settings want it: {reason}. Run `greenbite provision` with the same [line] settings"
        ),
    )
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned())
}

/// How often messages failed here, by their place in the stream.
///
/// The server's count of deliveries will not do: it also counts restarts, for which the message
/// is not to blame. What is forgotten is counted anew, and the server's limit is the last wall.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<BTreeMap<(u64, Code), u32>>);

impl Failures {
    /// More than this many messages that fail at once are an outage by another name.
    const MOST: usize = 10_000;

    fn count(&self, sequence: u64, code: Code) -> u32 {
        let Ok(mut counts) = self.0.lock() else { return 1 };
        if counts.len() >= Self::MOST {
            counts.pop_first();
        }
        let count = counts.entry((sequence, code)).or_default();
        *count += 1;
        *count
    }

    fn forget(&self, sequence: u64) {
        let Ok(mut counts) = self.0.lock() else { return };
        if !counts.is_empty() {
            counts.retain(|(counted, _), _| *counted != sequence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_message_and_kind_and_forgotten_when_it_is_done() {
        let failures = Failures::default();
        assert_eq!(failures.count(7, Code::Panicked), 1);
        assert_eq!(failures.count(7, Code::Panicked), 2);
        assert_eq!(failures.count(7, Code::Deadline), 1);
        assert_eq!(failures.count(8, Code::Panicked), 1);
        failures.forget(7);
        assert_eq!(failures.count(7, Code::Panicked), 1);
        assert_eq!(failures.count(8, Code::Panicked), 2);
    }

    #[test]
    fn counts_are_bounded() {
        let failures = Failures::default();
        for sequence in 0..2 * Failures::MOST as u64 {
            failures.count(sequence, Code::Panicked);
        }
        assert!(failures.0.lock().unwrap().len() <= Failures::MOST);
    }
}
