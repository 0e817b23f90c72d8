//! Station: proposes an answer to every enquiry, or says that only a person can tell.
//!
//! The decision is the crate `knowledge`; `house.rs` is what is true at this moment, `library.rs` follows what the house has
//! written down, `stage.rs` notes the proposal and tells of it.

pub mod config;
pub mod house;
pub mod library;
pub mod stage;

use contracts::Code;
use menu::{Cache, MenuHandle, SoldOutHandle};
use menu_validator::model;
use runtime::{App, Handle, StartError};
use store::Store;

pub use config::Config;
use library::Library;
use stage::Enquiries;

/// Under which name the station says what decides.
const NOTE: &str = "answers are found by";

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    app.server("database", Code::DatabaseOutage, store.probe());
    let cache = || Cache::new(&app.settings().memcached.address);
    let menu = MenuHandle::new(store.clone(), cache());
    let sold_out = SoldOutHandle::new(store.clone(), cache());
    let probe = menu.clone();
    app.dependency("menu", Code::NoMenu, move || {
        let menu = probe.clone();
        async move { menu.probe().await }
    });

    let restaurant = app.settings().restaurant.clone();
    let library = Library::new(store.clone(), restaurant.clone());
    let (following, stopping) = (library.clone(), app.shutdown_token());
    app.task(
        "knowledge",
        async move { stopping.run_until_cancelled(following.follow()).await.unwrap_or(Ok(())) },
    );
    app.note(NOTE, "words");
    let (waiting, stopping) = (library.clone(), app.shutdown_token());
    let (config, handle) = (app.config().model(), app.handle());
    app.task("model", async move {
        stopping.run_until_cancelled(model_comes(waiting, config, handle)).await;
    });
    app.stage(Enquiries::new(store, menu, sold_out, library, restaurant));
    Ok(())
}

/// Words answer until the model has read the entries, which may take it some seconds, and longer where it has to be
/// fetched: no enquiry waits for that.
async fn model_comes(library: Library, config: menu_validator::Config, handle: Handle) {
    let chosen = model::open(&config, false).await;
    if let Some(embedder) = chosen.embedder {
        library.take_model(embedder).await;
    }
    tracing::info!("answers are found by {}", chosen.note);
    handle.note(NOTE, chosen.note);
    if !chosen.may_come {
        return;
    }
    match model::come(&config).await {
        Ok(embedder) => {
            let name = embedder.model().to_owned();
            library.take_model(embedder).await;
            tracing::info!("the model has come: answers are found by {name} from now on");
            handle.note(NOTE, name);
        }
        Err(error) => tracing::warn!("the model will not come: {error}"),
    }
}
