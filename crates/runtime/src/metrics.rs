//! Metrics, by the names of OpenTelemetry's conventions where there are some. Nothing is measured
//! without an exporter. A message id is never an attribute.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use contracts::Topic;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, global};

use crate::app::{Shared, StageState};
use crate::outage::{Dependency, Gate};
use crate::telemetry::is_exporting;

/// Bounds of durations in seconds, from a lookup in the menu to a handler's deadline.
pub(crate) const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The instruments of one process.
pub(crate) struct Metrics {
    duration: Histogram<f64>,
    consumed: Counter<u64>,
    outcomes: Counter<u64>,
    redeliveries: Counter<u64>,
    dead_letters: Counter<u64>,
}

static SENT: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("greenbite")
        .u64_counter("messaging.client.sent.messages")
        .with_unit("{message}")
        .with_description("Events that the bus has taken")
        .build()
});

/// The bus has taken an event of this topic.
pub(crate) fn sent(topic: Topic) {
    if !is_exporting() {
        return;
    }
    SENT.add(1, &[system(), template(topic), KeyValue::new("messaging.operation.name", "publish")]);
}

impl Metrics {
    pub(crate) fn new(shared: &Shared) -> Self {
        let meter = global::meter("greenbite");
        watch_stages(&meter, shared.stages());
        let of_stages = shared.stages().iter().cloned().map(Watched::Stage);
        let of_dependencies = shared.dependencies().iter().cloned().map(Watched::Dependency);
        watch_outages(&meter, of_stages.chain(of_dependencies).collect());
        let counter = |name, description| {
            meter.u64_counter(name).with_unit("{message}").with_description(description).build()
        };
        Metrics {
            duration: meter
                .f64_histogram("messaging.process.duration")
                .with_unit("s")
                .with_boundaries(SECONDS.to_vec())
                .with_description("How long the handler worked on a message")
                .build(),
            consumed: counter("messaging.client.consumed.messages", "Messages that were delivered"),
            outcomes: counter(
                "greenbite.stage.outcomes",
                "What came of the messages, and who or what decided",
            ),
            redeliveries: counter("greenbite.stage.redeliveries", "Messages that were delivered again"),
            dead_letters: counter("greenbite.stage.dead_letters", "Messages that the line could not handle"),
        }
    }

    pub(crate) fn taken(&self, stage: &StageState) {
        if !is_exporting() {
            return;
        }
        self.consumed.add(1, &[system(), template(stage.spec.input), group(stage), stage_name(stage)]);
    }

    pub(crate) fn processed(
        &self,
        stage: &StageState,
        outcome: &'static str,
        decided_by: &str,
        took: Duration,
    ) {
        if !is_exporting() {
            return;
        }
        let process = KeyValue::new("messaging.operation.name", "process");
        self.duration.record(
            took.as_secs_f64(),
            &[system(), template(stage.spec.input), process, group(stage), stage_name(stage)],
        );
        let outcome = KeyValue::new("outcome", outcome);
        let decided_by = KeyValue::new("decided_by", decided_by.to_owned());
        self.outcomes.add(1, &[stage_name(stage), outcome, decided_by]);
    }

    pub(crate) fn redelivered(&self, stage: &StageState) {
        self.redeliveries.add(1, &[stage_name(stage)]);
    }

    pub(crate) fn dead_letter(&self, stage: &StageState, code: contracts::Code) {
        self.dead_letters.add(1, &[stage_name(stage), KeyValue::new("code", code.as_str())]);
    }
}

/// What waits for a stage, and how much of it is busy.
fn watch_stages(meter: &Meter, stages: &[Arc<StageState>]) {
    let gauge = |name, unit, description, read: fn(&StageState) -> u64| {
        let stages = stages.to_vec();
        let _ = meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(description)
            .with_callback(move |gauge| {
                stages.iter().for_each(|stage| gauge.observe(read(stage), &[stage_name(stage)]));
            })
            .build();
    };
    gauge(
        "greenbite.stage.lag",
        "{message}",
        "Messages that wait behind the last one that was delivered",
        |stage| stage.stats.pending.load(Relaxed),
    );
    gauge("greenbite.stage.lanes", "{lane}", "Messages that it can work on at once", |stage| {
        stage.lanes as u64
    });
    gauge("greenbite.stage.lanes_in_use", "{lane}", "Messages that it works on", |stage| {
        stage.stats.in_work.load(Relaxed)
    });
}

/// What an outage may pause.
enum Watched {
    Stage(Arc<StageState>),
    Dependency(Arc<Dependency>),
}

impl Watched {
    fn gate(&self) -> &Gate {
        match self {
            Watched::Stage(stage) => &stage.gate,
            Watched::Dependency(dependency) => &dependency.gate,
        }
    }
}

/// How often and how long something was paused by an outage, and whether it is.
fn watch_outages(meter: &Meter, watched: Vec<Watched>) {
    let watched = Arc::new(watched);
    let each = |tell: fn(&Gate) -> f64| {
        let watched = watched.clone();
        move |instrument: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
            for gate in watched.iter().map(Watched::gate) {
                instrument.observe(tell(gate), &[KeyValue::new("paused", gate.name().to_owned())]);
            }
        }
    };
    let _ = meter
        .f64_observable_counter("greenbite.outages")
        .with_unit("{outage}")
        .with_description("Outages that paused a stage, or the stages that need a server")
        .with_callback(each(|gate| gate.times() as f64))
        .build();
    let _ = meter
        .f64_observable_counter("greenbite.outage.duration")
        .with_unit("s")
        .with_description("How long they paused it")
        .with_callback(each(|gate| gate.paused().as_secs_f64()))
        .build();
    let _ = meter
        .f64_observable_gauge("greenbite.paused")
        .with_description("1 while an outage pauses it")
        .with_callback(each(|gate| if gate.is_open() { 0.0 } else { 1.0 }))
        .build();
}

fn stage_name(stage: &StageState) -> KeyValue {
    KeyValue::new("stage", stage.spec.durable)
}

fn group(stage: &StageState) -> KeyValue {
    KeyValue::new("messaging.consumer.group.name", stage.spec.durable)
}

fn system() -> KeyValue {
    KeyValue::new("messaging.system", "nats")
}

fn template(topic: Topic) -> KeyValue {
    KeyValue::new("messaging.destination.template", topic.filter())
}
