//! Station: writes orders, reviews and enquiries to PostgreSQL, the rest to a file.
//!
//! `register.rs` is the decision: what is written of an event, as pure functions. `stage.rs` writes what
//! has arrived together in one commit and tells of what stands, `miscellaneous.rs` keeps the file.
//!
//! Its `main` is `runtime::main(Service::Registrar, registrar::build)`. Within another process, as tests do:
//!
//! ```no_run
//! # async fn example() -> Result<(), runtime::StartError> {
//! use contracts::Service;
//! use runtime::Settings;
//!
//! let (settings, config) = (Settings::default(), registrar::Config::default()); // servers on this machine
//! let running = runtime::start(Service::Registrar, settings, config, registrar::build).await?;
//! running.stop().await
//! # }
//! ```

use std::sync::Arc;

use contracts::Code;
use runtime::{App, StartError};
use store::Store;
use store::pace::Pace;

pub mod config;
pub mod miscellaneous;
pub mod register;
pub mod stage;

pub use config::Config;

use miscellaneous::Miscellaneous;
use stage::{
    AcceptedOrders, Enquiries, MiscellaneousMessages, Registrar, RejectedOrders, Reviews, UnclearOrders,
};

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    app.server("database", Code::DatabaseOutage, store.probe());

    let limits = &app.settings().restaurant.limits;
    let pace = Pace { of_customer: limits.customer_a_minute, of_all: limits.all_a_minute };
    let file = Miscellaneous::open(&app.config().file)
        .map_err(|error| StartError::settings(format!("registrar.file cannot be used: {error}")))?;
    app.note("miscellaneous messages", file.path().display().to_string());

    let registrar = Arc::new(Registrar::new(store, pace, file));
    app.stage(AcceptedOrders(registrar.clone()));
    app.stage(Reviews(registrar.clone()));
    app.stage(RejectedOrders(registrar.clone()));
    app.stage(UnclearOrders(registrar.clone()));
    app.stage(Enquiries(registrar.clone()));
    app.stage(MiscellaneousMessages(registrar));
    Ok(())
}
