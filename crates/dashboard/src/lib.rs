//! The web page: a class watches a message travel, an owner sees the pass.
//!
//! One follower of the bus feeds one [`hub::Hub`], from which every browser gets its events; one look a second
//! gives all of them the state of the line. What a browser may change needs a token, see [`guard`].
//!
//! Its `main` is `runtime::main(Service::Dashboard, dashboard::build)`. Within another process, as tests do:
//!
//! ```no_run
//! # async fn example() -> Result<(), runtime::StartError> {
//! use contracts::Service;
//! use runtime::Settings;
//!
//! let (settings, config) = (Settings::default(), dashboard::config::Config::default()); // servers on this machine
//! let running = runtime::start(Service::Dashboard, settings, config, dashboard::build).await?;
//! running.stop().await
//! # }
//! ```

pub mod acts;
pub mod assets;
pub mod charts;
pub mod config;
pub mod dead_letters;
pub mod error_pages;
pub mod guard;
pub mod hub;
pub mod simulation;
pub mod state;
pub mod stream;
pub mod tail;
pub mod tap;
pub mod views;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use chrono_tz::Tz;
use contracts::Code;
use contracts::topology::{DEAD_LETTER_STREAM, MAX_EVENT_BYTES, STREAM};
use runtime::{App, Bus, Secret, StartError};
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use charts::Charts;
use config::{Config, Mode};
use dead_letters::DeadLetters;
use guard::Guard;
use hub::Hub;
use simulation::Simulation;
use state::Watch;

/// How often decisions that did not get through are sent again.
const SEND_AGAIN: Duration = Duration::from_secs(15);

/// What every request needs.
#[derive(Clone)]
pub struct Page {
    bus: Bus,
    store: Store,
    hub: Arc<Hub>,
    charts: Arc<Mutex<Charts>>,
    watch: Arc<Watch>,
    simulation: Arc<Simulation>,
    dead_letters: Arc<DeadLetters>,
    state: watch::Receiver<Arc<str>>,
    trace_url: Option<Arc<str>>,
    /// Where the restaurant's days begin.
    zone: Tz,
    stopping: CancellationToken,
}

/// Puts the page together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let config = app.config();
    let address = config.address()?;
    let mode = config.mode;
    let given = config.token().cloned();
    let token = given.clone().unwrap_or_else(|| Secret::new(format!("{:032x}", rand::random::<u128>())));
    let read_token = config.read_token().cloned();
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    let hub = Arc::new(Hub::new());
    let charts = Arc::new(Mutex::new(Charts::default()));
    let simulation = Arc::new(Simulation::new(&config.dataset));
    let watch = Arc::new(Watch::new(
        app.bus().clone(),
        store.clone(),
        app.settings().restaurant.currency.clone(),
        simulation.clone(),
    ));
    let (said, state) = watch::channel(Arc::from("null"));
    let page = Page {
        bus: app.bus().clone(),
        dead_letters: Arc::new(DeadLetters::new(app.bus().clone(), store.clone())),
        store: store.clone(),
        hub: hub.clone(),
        charts: charts.clone(),
        watch: watch.clone(),
        simulation,
        state,
        trace_url: config.trace_url.as_deref().map(Arc::from),
        zone: app.settings().restaurant.timezone,
        stopping: app.shutdown_token(),
    };

    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| StartError::listen("dashboard.listen", address, &error))?;
    let address = listener.local_addr().map_err(StartError::settings)?;
    app.note("page", format!("http://{address}/"));
    // For the person who started it, not for the log: whoever has the token may change things.
    if given.is_none() {
        println!("dashboard: http://{address}/#token={}", token.expose());
    } else {
        println!("dashboard: http://{address}/");
    }

    app.server("postgres", Code::DatabaseOutage, store.probe());
    let stopping = app.shutdown_token();
    let guard = Guard::new(token, address.ip().is_loopback());
    let routes = match mode {
        Mode::Class => routes(page.clone(), guard, mode),
        Mode::Production => routes(page.clone(), guard.closed_to_others(read_token), mode),
    };
    app.task("page", async move {
        let serve = axum::serve(listener, routes).with_graceful_shutdown(stopping.cancelled_owned());
        serve.await.map_err(|error| StartError::settings(format!("the page cannot be served: {error}")))
    });

    let stopping = app.shutdown_token();
    let (counting, following) = (watch.clone(), hub.clone());
    let line = tail::follow(app.bus().clone(), STREAM, hub.clone(), move |event| {
        if let Some(summary) = &event.summary {
            counting.count(summary.topic);
            charts.lock().unwrap_or_else(PoisonError::into_inner).count(summary);
        }
        following.pass(event);
    });
    let dead_hub = hub.clone();
    let dead = tail::follow(app.bus().clone(), DEAD_LETTER_STREAM, Arc::new(Hub::new()), move |event| {
        dead_hub.pass(event)
    });
    app.task("tail", async move {
        tokio::select! {
            () = stopping.cancelled() => {}
            () = line => {}
            () = dead => {}
        }
    });

    let stopping = app.shutdown_token();
    app.task("state", async move {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut again = tokio::time::interval(SEND_AGAIN);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = second.tick() => {
                    watch.renew_pauses().await;
                    if let Ok(state) = serde_json::to_string(&watch.look().await) {
                        said.send_replace(state.into());
                    }
                }
                _ = again.tick() => acts::send_decisions_again(&page).await,
            }
        }
    });
    Ok(())
}

/// The views, all of them one document.
const VIEWS: [&str; 8] =
    ["/", "/messages", "/messages/{id}", "/kitchen", "/desk", "/report", "/tap", "/dead-letters"];
/// What a teacher may do, beside sending a message.
const TEACHING: [&str; 5] = [
    "/api/simulation/start",
    "/api/simulation/stop",
    "/api/stations/{service}/pause",
    "/api/stations/{service}/resume",
    "/api/clear",
];

/// What is for classes: traffic that is made up, pauses, a clearing. A restaurant's page refuses all of it.
fn teaching(mode: Mode) -> Router<Page> {
    let mut router = Router::new();
    if mode == Mode::Production {
        for view in VIEWS {
            router = router.route(view, get(assets::page_of_a_restaurant));
        }
        for path in TEACHING.into_iter().chain(["/teach"]) {
            router = router.route(path, any(acts::not_in_production));
        }
        return router.route("/api/messages", get(views::messages).post(acts::not_in_production));
    }
    for view in VIEWS.into_iter().chain(["/teach"]) {
        router = router.route(view, get(assets::page));
    }
    router
        .route("/api/messages", get(views::messages).post(acts::send))
        .route("/api/simulation/start", post(acts::start_simulation))
        .route("/api/simulation/stop", post(acts::stop_simulation))
        .route("/api/stations/{service}/pause", post(acts::pause))
        .route("/api/stations/{service}/resume", post(acts::resume))
        .route("/api/clear", post(acts::clear))
}

fn routes(page: Page, guard: Guard, mode: Mode) -> Router {
    teaching(mode)
        .route("/assets/{*path}", get(assets::file))
        .route("/errors/{code}", get(views::error_page))
        .route("/api/snapshot", get(views::snapshot))
        .route("/api/stream", get(stream::live))
        .route("/api/tap", get(stream::tap))
        .route("/api/charts", get(views::charts))
        .route("/api/messages/{id}", get(views::journey))
        .route("/api/desk", get(views::desk))
        .route("/api/kitchen", get(views::kitchen))
        .route("/api/orders/{number}/steps", post(acts::step))
        .route("/api/report", get(views::report))
        .route("/api/reviews/{id}/settle", post(acts::settle))
        .route("/api/enquiries/{id}/answer", post(acts::answer))
        .route("/api/knowledge/{id}/confirm", post(acts::confirm_draft))
        .route("/api/knowledge/{id}/discard", post(acts::discard_draft))
        .route("/api/dead-letters", get(views::dead_letters))
        .route("/api/dead-letters/replay", post(acts::replay_code))
        .route("/api/dead-letters/{sequence}/replay", post(acts::replay))
        .route("/api/dead-letters/{sequence}/discard", post(acts::discard))
        .route("/api/unlock", post(acts::unlock))
        .route("/api/enter", post(guard::enter).with_state(guard.clone()))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .layer(DefaultBodyLimit::max(MAX_EVENT_BYTES * 2))
        .with_state(page)
}
