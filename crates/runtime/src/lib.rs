//! What every station stands on: bus, lanes, publish-once, dead letters, settings, health, telemetry.

mod app;
mod bus;
mod cli;
pub mod dead_letter;
mod delivery;
mod error;
mod feed;
mod health;
mod lane;
mod lanes;
mod load;
mod metrics;
mod outage;
mod provision;
mod publish;
mod run;
mod secret;
mod service;
mod settings;
mod stage;
mod stats;
mod telemetry;
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
    Database, Http, LaneCount, Lanes, LogFormat, Memcached, Nats, Process, Retry, Settings, Telemetry,
    Validate,
};
pub use stage::{Context, Outcome, Stage, StageError};
pub use trace::Trace;
pub use upkeep::{DurableState, StreamState};
