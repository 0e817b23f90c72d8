//! What every station stands on: bus, lanes, publish-once, dead letters, settings, health, telemetry.

mod app;
mod bus;
mod error;
mod lanes;
mod outage;
mod publish;
mod secret;
mod settings;
mod stage;
mod stats;
mod trace;

pub use app::{App, Config, Handle, TaskEnd};
pub use bus::{Bus, BusError, Stored};
pub use error::StartError;
pub use outage::Outage;
pub use publish::{Published, event_headers};
pub use secret::Secret;
pub use settings::{
    Database, Http, LaneCount, Lanes, LogFormat, Memcached, Nats, Process, Retry, Settings, Telemetry,
    Validate,
};
pub use stage::{Context, Outcome, Stage, StageError};
pub use trace::Trace;
