//! Pausing: a dependency that is away stops the pulling, is said once, and ends by itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contracts::Code;
use tokio::sync::{Mutex, MutexGuard, watch};

/// Why nothing is pulled.
#[derive(Debug, Clone)]
pub struct Outage {
    /// Its code.
    pub code: Code,
    /// What happened.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Instant,
}

/// Open, or closed by an outage. One for each stage and each dependency.
#[derive(Debug)]
pub(crate) struct Gate {
    name: Arc<str>,
    state: watch::Sender<Option<Outage>>,
    /// Whoever holds it may try whether the outage is over.
    turn: Mutex<()>,
    failures: AtomicU32,
    /// How often it was closed, and for how long in all; what is under way is not in that.
    times: AtomicU64,
    paused_ms: AtomicU64,
}

impl Gate {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Self {
        Gate {
            name: name.into(),
            state: watch::Sender::new(None),
            turn: Mutex::new(()),
            failures: AtomicU32::new(0),
            times: AtomicU64::new(0),
            paused_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How often it was closed.
    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }

    /// How long it was closed in all, until now.
    pub(crate) fn paused(&self) -> Duration {
        let now = self.outage().map(|outage| outage.since.elapsed()).unwrap_or_default();
        Duration::from_millis(self.paused_ms.load(Ordering::Relaxed)) + now
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.borrow().is_none()
    }

    pub(crate) fn outage(&self) -> Option<Outage> {
        self.state.borrow().clone()
    }

    /// Closes it. Said once, and again only when the reason is of another kind.
    pub(crate) fn close(&self, code: Code, reason: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.state.send_if_modified(|state| {
            if let Some(outage) = state.as_mut().filter(|outage| outage.code == code) {
                // Whoever asks hears how it stands now; the log has heard enough.
                outage.reason = reason.into();
                return false;
            }
            tracing::warn!(paused = %self.name, %code, "paused, goes on by itself: {reason}");
            let since = state.as_ref().map_or_else(Instant::now, |outage| outage.since);
            self.times.fetch_add(u64::from(state.is_none()), Ordering::Relaxed);
            *state = Some(Outage { code, reason: reason.into(), since });
            true
        });
    }

    /// Opens it, if it was closed.
    pub(crate) fn open(&self) {
        if self.is_open() {
            return;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.state.send_if_modified(|state| {
            let Some(outage) = state.take() else { return false };
            let paused_ms = outage.since.elapsed().as_millis() as u64;
            self.paused_ms.fetch_add(paused_ms, Ordering::Relaxed);
            tracing::info!(paused = %self.name, code = %outage.code, paused_ms, "the outage is over, going on");
            true
        });
    }

    pub(crate) async fn opened(&self) {
        if !self.is_open() {
            let _ = self.state.subscribe().wait_for(Option::is_none).await;
        }
    }

    /// Waits until it is open (`None`), or until it is this caller's turn to try whether the
    /// outage is over: after a pause that grows, one caller at a time.
    pub(crate) async fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let waited = async {
            let guard = self.turn.lock().await;
            let failures = self.failures.load(Ordering::Relaxed);
            tokio::time::sleep(backoff(failures, Duration::from_millis(100), Duration::from_secs(5))).await;
            guard
        };
        tokio::select! {
            biased;
            () = self.opened() => None,
            guard = waited => Some(guard),
        }
    }
}

/// Doubles from `first` with each failure up to `most`, give or take a fifth.
pub(crate) fn backoff(failures: u32, first: Duration, most: Duration) -> Duration {
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(most);
    doubled.mul_f64(0.8 + 0.4 * rand::random::<f64>())
}

pub(crate) type Probe =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Something that the service needs, and how to find out whether it is there.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) code: Code,
    pub(crate) gate: Gate,
    probe: Probe,
}

/// A probe that takes longer has failed.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

impl Dependency {
    pub(crate) fn new(name: String, code: Code, probe: Probe) -> Self {
        Dependency { gate: Gate::new(name.as_str()), name, code, probe }
    }

    /// Asks it, and opens or closes its gate.
    pub(crate) async fn check(&self) -> bool {
        let answer = tokio::time::timeout(PROBE_TIMEOUT, (self.probe)())
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", PROBE_TIMEOUT.as_secs())));
        match answer {
            Ok(()) => self.gate.open(),
            Err(reason) => self.gate.close(self.code, &format!("{}: {reason}", self.name)),
        }
        self.gate.is_open()
    }

    /// Asks it for ever: seldom while it is there, more often while it is away.
    pub(crate) async fn watch(&self, every: Duration) {
        let mut failures = 0;
        loop {
            let pause = match failures {
                0 => every,
                n => backoff(n, Duration::from_millis(200), every.max(Duration::from_millis(200))),
            };
            tokio::time::sleep(pause).await;
            failures = if self.check().await { 0 } else { failures + 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        let pause = |n| backoff(n, Duration::from_millis(100), Duration::from_secs(5));
        for n in 0..40 {
            assert!(pause(n) >= Duration::from_millis(80) && pause(n) <= Duration::from_secs(6), "{n}");
        }
        assert!(pause(6) > pause(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_tries_whether_the_outage_is_over_and_all_go_on_when_it_is() {
        let gate = Gate::new("stage");
        gate.close(Code::DatabaseOutage, "away");
        let first = gate.turn().await;
        assert!(first.is_some());
        let second = tokio::time::timeout(Duration::from_secs(60), gate.turn()).await;
        assert!(second.is_err(), "a second one got its turn beside the first");
        gate.close(Code::DatabaseOutage, "away until noon");
        assert_eq!(gate.outage().map(|outage| outage.reason.to_string()).as_deref(), Some("away until noon"));
        assert_eq!(gate.times(), 1, "a new reason is no new outage");
        gate.open();
        assert!(gate.turn().await.is_none());
        assert!(gate.outage().is_none());
        gate.close(Code::DatabaseOutage, "away again");
        assert_eq!(gate.times(), 2);
    }
}
