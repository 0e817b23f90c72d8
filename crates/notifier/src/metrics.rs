//! What Discord costs: how long notifications wait for its limits, and how often it refuses.

use std::sync::LazyLock;
use std::time::Duration;

use contracts::Category;
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

static WAITS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("greenbite")
        .f64_histogram("greenbite.discord.wait.duration")
        .with_unit("s")
        .with_boundaries(vec![0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
        .with_description("How long a notification waited for room within Discord's limits")
        .build()
});

static REFUSALS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("greenbite")
        .u64_counter("greenbite.discord.refusals")
        .with_description("Notifications that Discord did not take, by why")
        .build()
});

/// A notification waited so long for its turn at this category's webhook.
pub(crate) fn waited(webhook: Category, wait: Duration) {
    WAITS.record(wait.as_secs_f64(), &[category(webhook)]);
}

/// Discord did not take a notification, for this reason.
pub(crate) fn refused(webhook: Category, reason: &'static str) {
    REFUSALS.add(1, &[category(webhook), KeyValue::new("reason", reason)]);
}

fn category(webhook: Category) -> KeyValue {
    KeyValue::new("webhook", webhook.as_str())
}
