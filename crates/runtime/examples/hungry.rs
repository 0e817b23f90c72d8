//! The smallest station: takes every message for an order. The tests run it as a process.

use contracts::topology::CLASSIFIER;
use contracts::{Classified, ConsumerSpec, Decision, Received, Service, Topic};
use runtime::{App, Context, Outcome, Stage, StageError, StartError};

#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
struct Config {
    work_ms: u64,
}

impl runtime::Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] =
        &[("work_ms", "how long it thinks about a message")];
}

struct Hungry {
    work: std::time::Duration,
}

impl Stage for Hungry {
    const SPEC: &'static ConsumerSpec = &CLASSIFIER;
    type In = Received;

    async fn handle(&self, event: Received, _cx: &Context) -> Result<Outcome, StageError> {
        if !self.work.is_zero() {
            tokio::time::sleep(self.work).await;
        }
        let Received { message, trail } = event;
        let order = Classified { message, language: "en".into(), topic: None, trail };
        Ok(Outcome::publish(
            Topic::ClassifiedOrder,
            order,
            Decision::by_rules("order", "everybody is hungry"),
        ))
    }
}

async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let work = std::time::Duration::from_millis(app.config().work_ms);
    app.stage(Hungry { work });
    Ok(())
}

fn main() -> std::process::ExitCode {
    runtime::main(Service::Classifier, build)
}
