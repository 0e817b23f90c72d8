//! The kitchen's steps onto the bus, as `greenbite.kitchen.<state>.<message id>`.
//!
//! A step is a committed row first; here it is published, confirmed and marked. Its number is the publication's
//! generation: said twice it is refused, and `preparing` after a recall is a newer one.

use contracts::{Decision, Event, FailureKind, Kitchen, Service, TrailEntry};
use contracts::{Failure, kitchen::State};
use futures::future::join_all;
use runtime::{Bus, BusError, Published, Trace, event_headers};
use store::Store;
use store::kitchen::{TakenStep, UntoldStep};

use crate::relay::Trouble;

/// Tells of one batch of steps; whether there may be more.
pub(crate) async fn tell(store: &Store, bus: &Bus, most: u16) -> Result<bool, Trouble> {
    let batch = store.steps_to_tell(u32::from(most)).await?;
    if batch.steps().is_empty() {
        return Ok(false);
    }
    let results = join_all(batch.steps().iter().map(|step| publish(bus, step))).await;
    let mut told = Vec::with_capacity(results.len());
    let mut trouble: Option<Trouble> = None;
    for (at, result) in results.into_iter().enumerate() {
        match result {
            Ok(_) => told.push(at),
            Err(error) if error.kind() == FailureKind::Permanent => {
                // It stays in the table, where `greenbite journey` shows it; the bus never takes it.
                let step = &batch.steps()[at];
                tracing::warn!(
                    message_id = %step.message.id, code = %error.code(),
                    "the bus is not told that order {} is {}: {error}", step.number, step.taken.state
                );
                told.push(at);
            }
            // Unknown whether it is there: the row stays as it is and is said again.
            Err(error) => trouble = Some(error.into()),
        }
    }
    batch.commit(&told).await?;
    match trouble {
        Some(trouble) => Err(trouble),
        // The next step of the same order was left for the next batch.
        None => Ok(true),
    }
}

async fn publish(bus: &Bus, step: &UntoldStep) -> Result<Published, BusError> {
    let event = event(step);
    let payload = serde_json::to_vec(&event).map_err(|error| BusError::Refused(error.to_string()))?;
    let headers = event_headers(Kitchen::VERSION, &Trace::start());
    let (id, generation) = (event.message.id, event.step);
    let msg_id = format!("{id}:kitchen:{generation}");
    bus.publish_once(event.state.topic(), id, generation, &msg_id, headers, payload.into()).await
}

fn event(UntoldStep { number, message, taken }: &UntoldStep) -> Kitchen {
    let decision = Decision::by_rules(taken.state.as_str(), reason(*number, taken)).decided_by(&*taken.who);
    Kitchen {
        message: message.clone(),
        order: *number,
        step: taken.step.unsigned_abs(),
        state: taken.state,
        at: taken.at,
        who: taken.who.clone(),
        why: taken.why.clone(),
        trail: vec![TrailEntry::by_person(Service::Ingest, decision, chrono::Utc::now())],
    }
}

/// What happened, in a cook's words.
fn reason(number: i64, taken: &TakenStep) -> String {
    let what = match taken.state {
        State::Accepted => "is accepted",
        State::Preparing => "is being made",
        State::Ready => "is ready",
        State::Collected => "was handed over",
        State::Voided => "was called off",
    };
    match &taken.why {
        Some(why) => format!("Order {number} {what}: {why}"),
        None => format!("Order {number} {what}."),
    }
}
