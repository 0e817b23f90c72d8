//! Metrics, by the names of OpenTelemetry's conventions where there are some. Nothing is measured
//! without an exporter. A message id is never an attribute.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use crate::app::StageState;

/// The instruments of one process.
pub(crate) struct Metrics {
    duration: Histogram<f64>,
    outcomes: Counter<u64>,
    redeliveries: Counter<u64>,
    dead_letters: Counter<u64>,
}

impl Metrics {
    pub(crate) fn new(stages: &[Arc<StageState>]) -> Self {
        let meter = global::meter("greenbite");
        let watched = stages.to_vec();
        let _lag = meter
            .u64_observable_gauge("greenbite.stage.lag")
            .with_description("Messages that wait behind the last one that was delivered")
            .with_callback(move |gauge| {
                for stage in &watched {
                    gauge.observe(stage.stats.pending.load(Relaxed), &[stage_name(stage)]);
                }
            })
            .build();
        Metrics {
            duration: meter
                .f64_histogram("messaging.process.duration")
                .with_unit("s")
                .with_description("How long the handler worked on a message")
                .build(),
            outcomes: meter
                .u64_counter("greenbite.stage.outcomes")
                .with_description("What came of the messages")
                .build(),
            redeliveries: meter
                .u64_counter("greenbite.stage.redeliveries")
                .with_description("Messages that were delivered again")
                .build(),
            dead_letters: meter
                .u64_counter("greenbite.stage.dead_letters")
                .with_description("Messages that the line could not handle")
                .build(),
        }
    }

    pub(crate) fn processed(&self, stage: &StageState, outcome: &'static str, took: Duration) {
        self.duration.record(
            took.as_secs_f64(),
            &[
                stage_name(stage),
                KeyValue::new("messaging.system", "nats"),
                KeyValue::new("messaging.operation.name", "process"),
                KeyValue::new("messaging.destination.template", stage.spec.input.filter()),
            ],
        );
        self.outcomes.add(1, &[stage_name(stage), KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn redelivered(&self, stage: &StageState) {
        self.redeliveries.add(1, &[stage_name(stage)]);
    }

    pub(crate) fn dead_letter(&self, stage: &StageState, code: contracts::Code) {
        self.dead_letters.add(1, &[stage_name(stage), KeyValue::new("code", code.as_str())]);
    }
}

fn stage_name(stage: &StageState) -> KeyValue {
    KeyValue::new("stage", stage.spec.durable)
}
