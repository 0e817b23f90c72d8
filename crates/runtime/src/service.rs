//! The NATS service API (ADR-32), so that `nats micro ls`, `info` and `stats` show the stations.
//!
//! Written here rather than taken from the client: there, only requests answered by an endpoint
//! are counted, and the metadata is fixed at the start. A stage is shown as an endpoint on the
//! subject that its durable reads, with its own counts, and the metadata say what pauses it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use chrono::{DateTime, SecondsFormat, Utc};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::app::{Shared, StageState};

/// Everything that is asked of services; which verb and whom is in the subject.
const SUBJECT: &str = "$SRV.>";
/// As the name that tools group replicas by.
fn name(shared: &Shared) -> String {
    format!("greenbite-{}", shared.service)
}

/// Answers until the service stops.
pub(crate) async fn answer(shared: Arc<Shared>) {
    let started = Utc::now();
    let Ok(mut questions) = shared.bus.client().subscribe(SUBJECT).await else { return };
    let name = name(&shared);
    loop {
        let question = tokio::select! {
            () = shared.abandoning.cancelled() => break,
            question = questions.next() => question,
        };
        let Some(question) = question else { break };
        let Some(reply) = question.reply else { continue };
        let Some(verb) = asked(&question.subject, &name, &shared.instance) else { continue };
        let Some(answer) = respond(verb, &name, started, &shared) else { continue };
        let _ = shared.bus.client().publish(reply, answer.to_string().into()).await;
    }
}

/// The verb, if the question is for us: `$SRV.<verb>[.<name>[.<id>]]`.
fn asked<'a>(subject: &'a str, name: &str, id: &str) -> Option<&'a str> {
    let mut tokens = subject.split('.').skip(1);
    let verb = tokens.next()?;
    let for_us = tokens.next().is_none_or(|asked| asked == name)
        && tokens.next().is_none_or(|asked| asked == id)
        && tokens.next().is_none();
    for_us.then_some(verb)
}

fn respond(verb: &str, name: &str, started: DateTime<Utc>, shared: &Shared) -> Option<Value> {
    let mut answer = json!({
        "name": name,
        "id": shared.instance,
        "version": env!("CARGO_PKG_VERSION"),
        "metadata": metadata(shared),
    });
    let (kind, more) = match verb {
        "PING" => ("ping", json!({})),
        "INFO" => (
            "info",
            json!({
                "description": format!("GreenBite's {}", shared.service),
                "endpoints": shared.stages().iter().map(|stage| endpoint(stage)).collect::<Vec<_>>(),
            }),
        ),
        "STATS" => (
            "stats",
            json!({
                "started": started.to_rfc3339_opts(SecondsFormat::Nanos, true),
                "endpoints": shared.stages().iter().map(|stage| stats(stage)).collect::<Vec<_>>(),
            }),
        ),
        _ => return None,
    };
    let fields = answer.as_object_mut()?;
    fields.insert("type".to_owned(), json!(format!("io.nats.micro.v1.{kind}_response")));
    fields.extend(more.as_object().cloned().unwrap_or_default());
    Some(answer)
}

fn metadata(shared: &Shared) -> BTreeMap<String, String> {
    let mut metadata = shared.notes();
    metadata.extend(shared.pause.shown().map(|shown| ("paused".to_owned(), shown)));
    for (name, outage) in shared.outages() {
        metadata.insert(format!("paused.{name}"), format!("{}: {}", outage.code, outage.reason));
    }
    metadata
}

fn endpoint(stage: &StageState) -> Value {
    json!({
        "name": stage.spec.durable,
        "subject": stage.spec.input.filter(),
        "queue_group": stage.spec.durable,
        "metadata": { "lanes": stage.lanes.to_string() },
    })
}

fn stats(stage: &StageState) -> Value {
    let processed = stage.stats.processed.load(Relaxed);
    let busy = stage.stats.busy().as_nanos() as u64;
    json!({
        "name": stage.spec.durable,
        "subject": stage.spec.input.filter(),
        "queue_group": stage.spec.durable,
        "num_requests": processed,
        "num_errors": stage.stats.failed.load(Relaxed),
        "last_error": stage.stats.last_error(),
        "processing_time": busy,
        "average_processing_time": busy.checked_div(processed).unwrap_or(0),
        "data": {
            "lanes": stage.lanes,
            "in_work": stage.stats.in_work.load(Relaxed),
            "pending": stage.stats.pending.load(Relaxed),
            "redelivered": stage.stats.redelivered.load(Relaxed),
            "dead_letters": stage.stats.dead_letters.load(Relaxed),
            "paused": stage.gate.outage().map(|outage| outage.code.as_str()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_for_all_for_a_name_or_for_one() {
        let ask = |subject| asked(subject, "greenbite-classifier", "abc");
        assert_eq!(ask("$SRV.PING"), Some("PING"));
        assert_eq!(ask("$SRV.STATS.greenbite-classifier"), Some("STATS"));
        assert_eq!(ask("$SRV.INFO.greenbite-classifier.abc"), Some("INFO"));
        for other in ["$SRV.PING.greenbite-extractor", "$SRV.PING.greenbite-classifier.x", "$SRV.A.b.c.d"] {
            assert_eq!(ask(other), None, "{other}");
        }
    }
}
