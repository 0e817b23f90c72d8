//! `/healthz` and `/readyz`.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::Shared;
use crate::outage::Outage;

/// The routes that every service has.
pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(shared)
}

async fn ready(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Value>) {
    let report = report(&shared);
    let status = if report["ready"] == true { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}

/// All that is to be said about the service's state.
pub(crate) fn report(shared: &Shared) -> Value {
    let connected = shared.bus.is_connected();
    let stopping = shared.stopping.is_cancelled();
    let dependencies = shared.dependencies().iter().map(|dependency| {
        json!({
            "name": dependency.name,
            "ok": dependency.gate.is_open(),
            "outage": dependency.gate.outage().as_ref().map(outage),
        })
    });
    let stages = shared.stages().iter().map(|stage| {
        json!({
            "durable": stage.spec.durable,
            "lanes": stage.lanes,
            "paused": stage.gate.outage().as_ref().map(outage),
            "in_work": stage.stats.in_work.load(Relaxed),
            "pending": stage.stats.pending.load(Relaxed),
            "processed": stage.stats.processed.load(Relaxed),
            "failed": stage.stats.failed.load(Relaxed),
            "redelivered": stage.stats.redelivered.load(Relaxed),
            "dead_letters": stage.stats.dead_letters.load(Relaxed),
        })
    });
    json!({
        "service": shared.service,
        "instance": shared.instance,
        "version": env!("CARGO_PKG_VERSION"),
        "ready": connected && !stopping && shared.outages().is_empty(),
        "stopping": stopping,
        "paused": shared.pause.shown(),
        "bus": { "connected": connected },
        "dependencies": dependencies.collect::<Vec<_>>(),
        "stages": stages.collect::<Vec<_>>(),
        "notes": shared.notes(),
    })
}

fn outage(outage: &Outage) -> Value {
    json!({
        "code": outage.code,
        "reason": outage.reason.as_ref(),
        "page": outage.code.page(),
        "seconds": outage.since.elapsed().as_secs(),
    })
}
