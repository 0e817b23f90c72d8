//! Station: every item against the menu: accepted, review or rejected.
//!
//! `matching.rs` is the decision, a pure function over a scorer of phrases; `meaning.rs` scores by a model,
//! `calibration.rs` finds its bounds, `resolver.rs` gives the reasons; `available.rs` knows what has run out, `limits.rs`
//! what is no normal order; `stage.rs` reads and publishes.
//!
//! Its `main` is `runtime::main(Service::MenuValidator, menu_validator::build)`. Within another process, as tests do:
//!
//! ```no_run
//! # async fn example() -> Result<(), runtime::StartError> {
//! use contracts::Service;
//! use runtime::Settings;
//!
//! let (settings, config) = (Settings::default(), menu_validator::Config::default()); // servers on this machine
//! let running = runtime::start(Service::MenuValidator, settings, config, menu_validator::build).await?;
//! running.stop().await
//! # }
//! ```

pub mod available;
pub mod calibration;
pub mod config;
pub mod held;
pub mod judge;
pub mod limits;
pub mod matching;
pub mod meaning;
pub mod model;
pub mod resolver;
pub mod stage;

use std::fs::File;
use std::sync::Arc;

use contracts::Code;
use menu::Lexicon;
use menu::SoldOutHandle;
use menu::cache::Cache;
use menu::live::MenuHandle;
use runtime::{App, StartError};
use store::Store;

pub use config::Config;
use judge::Judge;
use meaning::Meaning;
use resolver::ByRule;
use stage::{Bench, MenuValidator};

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    // The menu comes from the cache as well: that the database is away does not stop the station, a wrong password does.
    app.admitted_by("database", store.probe());
    let address = app.settings().memcached.address.clone();
    let cache = move || Cache::new(&address);
    let sold_out = SoldOutHandle::new(store.clone(), cache());
    let menu = MenuHandle::new(store, cache());
    let probe = menu.clone();
    app.dependency("menu", Code::NoMenu, move || {
        let menu = probe.clone();
        async move { menu.probe().await }
    });
    let config = app.config().clone();
    let pairs = pairs(&config).map_err(|reason| StartError::new(Code::Settings, reason))?;
    let chosen = model::open(&config, false).await;
    let mut note = chosen.note;
    let meaning = match chosen.embedder {
        Some(embedder) => Some(ready(embedder, &mut note, &config, &cache, &menu, pairs.clone()).await),
        None => None,
    };
    if chosen.may_come {
        note.push_str("; the model takes over as soon as it can be had");
    }
    tracing::info!("names are matched by {note}");
    app.note(NOTE, note);
    let judge = |meaning, config| Judge::new(meaning, config, Arc::new(ByRule));
    let bench = Bench::new(judge(meaning, config.clone()));
    if chosen.may_come {
        let (handle, bench, menu, cache) = (app.handle(), bench.clone(), menu.clone(), cache.clone());
        let stopping = app.shutdown_token();
        app.task("model", async move {
            let coming = async {
                let embedder = model::come(&config).await?;
                let mut note = embedder.model().to_owned();
                let meaning = ready(embedder, &mut note, &config, &cache, &menu, pairs).await;
                bench.take_over(judge(Some(meaning), config));
                tracing::info!("the model has come: names are matched by {note} from now on");
                handle.note(NOTE, note);
                Ok::<_, embed::Error>(())
            };
            tokio::select! {
                () = stopping.cancelled() => {}
                came = coming => if let Err(error) = came {
                    tracing::warn!("the model will not come: {error}");
                }
            }
        });
    }
    let house = app.settings().restaurant.clone();
    let handle = app.handle();
    app.stage(MenuValidator::new(menu, sold_out, house, bench, handle));
    Ok(())
}

/// Under which name the station says what decides.
const NOTE: &str = "names are matched by";

/// A model that has read the menu, so that the first message need not wait for it; in 8-bit blocks where that is
/// asked for and as good. Without a menu there is nothing to prepare yet.
async fn ready(
    embedder: embed::Embedder,
    note: &mut String,
    config: &Config,
    cache: &impl Fn() -> Cache,
    menu: &MenuHandle,
    pairs: Vec<calibration::Pair>,
) -> Arc<Meaning> {
    let exact = Arc::new(Meaning::new(embedder, Some(cache()), pairs.clone()));
    let Ok(lexicon) = menu.lexicon().await else { return exact };
    if let Err(error) = exact.prepare(&lexicon).await {
        tracing::warn!(%error, "the menu could not be read by the model");
        return exact;
    }
    if !config.quantised {
        return exact;
    }
    match quantised(&exact, config, cache(), &lexicon, pairs).await {
        Ok(quantised) => {
            note.push_str(", in 8-bit blocks");
            quantised
        }
        Err(reason) => {
            tracing::warn!("8-bit blocks stay off: {reason}");
            note.push_str(&format!(", not in 8-bit blocks, because {reason}"));
            exact
        }
    }
}

/// The labelled phrases that the settings name.
pub fn pairs(config: &Config) -> Result<Vec<calibration::Pair>, String> {
    if config.calibration.is_empty() {
        return calibration::own_pairs().map_err(|e| e.to_string());
    }
    let file = File::open(&config.calibration).map_err(|e| format!("{}: {e}", config.calibration))?;
    calibration::read_pairs(file).map_err(|e| format!("{}: {e}", config.calibration))
}

/// How many of a hundred labelled phrases 8-bit blocks may lose.
const LOSS: f32 = 0.02;

/// The same model in 8-bit blocks, if the labelled phrases fare as well with it.
async fn quantised(
    exact: &Meaning,
    config: &Config,
    cache: Cache,
    lexicon: &Lexicon,
    pairs: Vec<calibration::Pair>,
) -> Result<Arc<Meaning>, String> {
    let embedder = model::open(config, true).await.embedder.ok_or("it could not be opened")?;
    let quantised = Meaning::new(embedder, Some(cache), pairs);
    let quality = |prepared: &meaning::Prepared| prepared.calibrated.map(|calibrated| calibrated.quality);
    let [exact, blocks] = [exact.prepare(lexicon).await, quantised.prepare(lexicon).await]
        .map(|prepared| prepared.map_err(|error| error.to_string()).map(|prepared| quality(&prepared)));
    match (exact?, blocks?) {
        (Some(exact), Some(blocks)) if blocks.recall() + LOSS >= exact.recall() => Ok(Arc::new(quantised)),
        (Some(exact), Some(blocks)) => Err(format!(
            "they accept {} of the labelled phrases, exact weights {}",
            blocks.accepted, exact.accepted
        )),
        _ => Err("the labelled phrases are not about this menu".to_owned()),
    }
}
