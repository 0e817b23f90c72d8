//! Station: takes customer messages in by HTTP and CSV, and relays them to the bus.
//!
//! | file | what it holds |
//! |---|---|
//! | [`admit`] | what the line carries: the decision |
//! | [`room`] | whether the line has room for more: the decision |
//! | [`relay`] | rows of `messages` onto the bus |
//! | [`kitchen`] | the kitchen's steps, which the same relay tells on the bus |
//! | [`door`] | `POST /messages`, with [`key`] and [`limiter`] |
//! | [`watch`] | a CSV file to which lines are appended, with [`rows`], [`times`] and [`tail`] |
//! | [`house`] | what one replica does for all: [`reconcile`], [`janitor`], given-up deliveries |
//! | `chore` | why either is left for now |
//! | [`daily`] | what one replica does for all once a day: the orders' file, and what was kept long enough |
//!
//! Its `main` is `runtime::main(Service::Ingest, ingest::build)`. Within another process, as tests do:
//!
//! ```no_run
//! # async fn example() -> Result<(), runtime::StartError> {
//! use contracts::Service;
//! use runtime::Settings;
//!
//! let (settings, config) = (Settings::default(), ingest::Config::default()); // servers on this machine
//! let running = runtime::start(Service::Ingest, settings, config, ingest::build).await?;
//! running.stop().await
//! # }
//! ```

pub mod admit;
mod chore;
pub mod config;
pub mod daily;
pub mod door;
pub mod house;
pub mod janitor;
pub mod key;
pub mod kitchen;
pub mod limiter;
pub mod reconcile;
pub mod rejects;
pub mod relay;
pub mod room;
pub mod rows;
pub mod tail;
pub mod times;
pub mod watch;

use std::path::Path;
use std::time::Duration;

use contracts::Code;
use runtime::{App, StartError};
use store::Store;

pub use config::Config;

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    let config = app.config().clone();

    app.server("database", Code::DatabaseOutage, store.probe());
    app.task("relay", relay::Relay::new(store.clone(), app.handle(), &config).run());
    match config.listen() {
        Some(address) => {
            app.task("door", door::Door::new(store.clone(), &config).run(address, app.handle()));
        }
        None => app.note("door", "closed: ingest.listen is empty"),
    }
    if let Some(path) = &config.watch {
        let poll = Duration::from_millis(config.watch_poll_ms);
        let rejects = config.watch_rejects.as_deref();
        let watch = watch(&store, app, path, rejects, poll)?;
        app.task("watch", watch.run());
    }
    let zone = app.settings().restaurant.timezone;
    app.task("daily", daily::Daily::new(store.clone(), app.handle(), &config, zone).run());
    if config.house.every_s > 0 {
        app.task("house", house::Housekeeper::new(store, app.handle(), &config).run());
    }
    Ok(())
}

fn watch(
    store: &Store,
    app: &App<Config>,
    path: &Path,
    rejects: Option<&Path>,
    poll: Duration,
) -> Result<watch::Watch, StartError> {
    let times = times::Times {
        zone: app.settings().restaurant.timezone,
        month_first: app.config().watch_month_first,
    };
    watch::Watch::new(store.clone(), app.handle(), path, rejects, times, poll)
        .map_err(|error| StartError::settings(format!("ingest.watch = {}: {error}", path.display())))
}
