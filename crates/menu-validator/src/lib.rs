//! Station: every item against the menu: accepted, review or rejected.
//!
//! `matching.rs` is the decision, a pure function over a scorer of phrases; `stage.rs` reads and publishes.

pub mod config;
pub mod matching;
pub mod stage;

use std::sync::Arc;

use contracts::Code;
use menu::cache::Cache;
use menu::live::MenuHandle;
use runtime::{App, StartError};
use store::Store;

pub use config::Config;
use matching::{PhraseScorer, Thresholds, WordScorer};
use stage::MenuValidator;

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    let menu = MenuHandle::new(store, Cache::new(&app.settings().memcached.address));
    let probe = menu.clone();
    app.dependency("menu", Code::NoMenu, move || {
        let menu = probe.clone();
        async move { menu.probe().await }
    });
    let scorer = Arc::new(WordScorer);
    app.note("names are matched by", scorer.name());
    let thresholds = app.config().thresholds(Thresholds::default());
    app.stage(MenuValidator::new(menu, scorer, thresholds));
    Ok(())
}
