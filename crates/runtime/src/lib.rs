//! What every station stands on: bus, lanes, publish-once, dead letters, settings, health, telemetry.
//!
//! # Overview
//!
//! A station is a [`Stage`]: a handler that receives a typed event and returns the [`Outcome`] to
//! publish, or a [`StageError`] that says what kind of failure it was. Everything else is done
//! here, the same for all stations:
//!
//! | what | how | where |
//! |---|---|---|
//! | concurrency | *lanes*: each asks for one message, sees it through, asks for the next; nothing waits in a buffer. Their number comes from cores, open files and load | `lane`, `feed`, `lanes` |
//! | published once | message id, and compare-and-set on the subject's last sequence; a newer *generation* (replay) supersedes an older one | `publish` |
//! | acknowledged last | only after the publication is known to be stored, and by a request, so that the server has heard it | `lane`, `delivery` |
//! | redelivery | a message that was delivered before is looked up among the stage's outputs first; if one is there, it is only acknowledged | `lane` |
//! | long work | a sign of life every third of the ack wait | `lane` |
//! | passing failures | given back with growing pauses, then a dead letter (GB301) | `lane` |
//! | panics, deadlines | one more try, then a dead letter (GB303, GB302); the process lives | `lane` |
//! | pauses by word | a class pauses a station on `greenbite-control.<service>`, for a minute at most; renewed, or over by itself | `control` |
//! | outages | the message stays in hand, nothing more is pulled; said once; one lane at a time tries whether it is over; no message loses a try by it | `outage`, `lane` |
//! | dead letters | the whole original with headers, reason and trace, in a stream of their own | [`dead_letter`] |
//! | stopping | lanes ask for nothing more, what was on its way is given back at once, handlers finish within their grace, the connection drains, telemetry last | `run` |
//! | watching | `/healthz`, `/readyz`, `$SRV.PING/INFO/STATS`, logs, W3C trace context in headers; traces, metrics and logs by OTLP where an endpoint is set | `health`, `service`, `telemetry`, [`spans`], `metrics` |
//! | settings | defaults ← `greenbite.toml` ← environment; unknown keys and contradictions are refused with exit code 64 | `settings`, `load`, `cli` |
//!
//! # How to write a station
//!
//! ```no_run
//! use contracts::topology::CLASSIFIER;
//! use contracts::{Classified, ConsumerSpec, Decision, Received, Service, Topic};
//! use runtime::{App, Context, Outcome, Stage, StageError, StartError};
//!
//! #[derive(Default, serde::Serialize, serde::Deserialize)]
//! #[serde(default)]
//! pub struct Config {
//!     politeness: u8, // [classifier] politeness = 3, or GREENBITE_CLASSIFIER__POLITENESS
//! }
//!
//! impl runtime::Validate for Config {
//!     const HELP: &'static [(&'static str, &'static str)] = &[("politeness", "how polite is polite")];
//! }
//!
//! struct Hungry;
//!
//! impl Stage for Hungry {
//!     const SPEC: &'static ConsumerSpec = &CLASSIFIER;
//!     type In = Received;
//!
//!     async fn handle(&self, event: Received, _cx: &Context) -> Result<Outcome, StageError> {
//!         let order = Classified {
//!             message: event.message,
//!             language: "en".into(),
//!             topic: None,
//!             trail: event.trail, // the runtime appends the decision
//!         };
//!         Ok(Outcome::publish(Topic::ClassifiedOrder, order, Decision::by_rules("order", "everybody is hungry")))
//!     }
//! }
//!
//! pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
//!     app.note("politeness", app.config().politeness.to_string());
//!     app.stage(Hungry);
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     runtime::main(Service::Classifier, build)
//! }
//! ```
//!
//! An error type that implements [`contracts::Failure`] becomes a [`StageError`] by `?`. Things
//! that the station needs are told to [`App::dependency`] with a probe, background work goes to
//! [`App::task`], and HTTP routes to [`App::http`]. Tests start the same in one process by
//! [`start`] and stop it by [`Running::stop`].
//!
//! What a handler must know: it may run again for the same event (after a crash, a failure, a
//! restored server), so what it writes elsewhere must bear repeating; and it must not block its
//! thread.

mod app;
mod bus;
mod cli;
mod control;
pub mod dead_letter;
mod delivery;
mod error;
mod feed;
mod health;
pub mod hours;
pub mod http;
mod lane;
mod lanes;
mod load;
mod metrics;
mod outage;
mod provision;
mod publish;
mod receiver;
mod run;
mod secret;
mod service;
mod settings;
pub mod spans;
mod stage;
mod stats;
mod telemetry;
mod tls;
mod trace;
mod upkeep;

pub use app::{App, Config, Handle, TaskEnd};
pub use bus::{Bus, BusError, Stored};
pub use cli::{main, settings_help};
pub use error::StartError;
pub use load::{Loaded, load, load_from};
pub use outage::Outage;
pub use provision::{Report, provision};
pub use publish::{Published, event_headers};
pub use run::{Running, start};
pub use secret::Secret;
pub use settings::{
    Database, Http, LaneCount, Lanes, LogFormat, Memcached, Nats, OrderLimits, Process, Restaurant, Retry,
    Settings, Telemetry, Validate,
};
pub use stage::{Context, Outcome, Stage, StageError};
pub use tls::use_ring;
pub use trace::Trace;
pub use upkeep::{DurableState, GivenUp, Resolved, StreamState};
