//! What a stage counts: for `$SRV.STATS`, `/readyz` and the metrics.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counters of one stage, since the process started.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) processed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) redelivered: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) in_work: AtomicU64,
    /// Messages that wait behind the last one that was delivered.
    pub(crate) pending: AtomicU64,
    busy_us: AtomicU64,
    last_error: Mutex<String>,
}

impl Stats {
    pub(crate) fn count(&self, took: Duration) {
        self.processed.fetch_add(1, Relaxed);
        self.busy_us.fetch_add(took.as_micros() as u64, Relaxed);
    }

    pub(crate) fn error(&self, text: String) {
        self.failed.fetch_add(1, Relaxed);
        if let Ok(mut last) = self.last_error.lock() {
            *last = text;
        }
    }

    pub(crate) fn last_error(&self) -> String {
        self.last_error.lock().map(|text| text.clone()).unwrap_or_default()
    }

    pub(crate) fn busy(&self) -> Duration {
        Duration::from_micros(self.busy_us.load(Relaxed))
    }
}

/// Counts a message as in work for as long as it lives.
pub(crate) struct InWork<'a>(&'a Stats);

impl<'a> InWork<'a> {
    pub(crate) fn new(stats: &'a Stats) -> Self {
        stats.in_work.fetch_add(1, Relaxed);
        InWork(stats)
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        self.0.in_work.fetch_sub(1, Relaxed);
    }
}
