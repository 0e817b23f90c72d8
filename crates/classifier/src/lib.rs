//! Station: is it an order, an enquiry or neither, and why.
//!
//! The decision is the crate `reader`'s, a pure function; `stage.rs` reads and publishes.
//!
//! Its `main` is `runtime::main(Service::Classifier, classifier::build)`. Within another process, as tests do:
//!
//! ```no_run
//! # async fn example() -> Result<(), runtime::StartError> {
//! use contracts::Service;
//! use runtime::Settings;
//!
//! let (settings, config) = (Settings::default(), classifier::Config::default()); // servers on this machine
//! let running = runtime::start(Service::Classifier, settings, config, classifier::build).await?;
//! running.stop().await
//! # }
//! ```

pub mod config;
pub mod stage;

use contracts::Code;
use menu::cache::Cache;
use menu::live::MenuHandle;
use runtime::{App, StartError};
use store::Store;

pub use config::Config;
use stage::Classifier;

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    // The menu comes from the cache as well: that the database is away does not stop the station, a wrong password does.
    app.admitted_by("database", store.probe());
    let menu = MenuHandle::new(store, Cache::new(&app.settings().memcached.address));
    let probe = menu.clone();
    app.dependency("menu", Code::NoMenu, move || {
        let menu = probe.clone();
        async move { menu.probe().await }
    });
    let stage = Classifier::new(menu);
    app.stage(stage);
    Ok(())
}
