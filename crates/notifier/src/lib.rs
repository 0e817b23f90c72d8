//! Station: tells the kitchen on Discord, one webhook a category.
//!
//! `compose.rs` is the decision: what is written, as a pure function. `send.rs` delivers it, and
//! `stage.rs` claims each notification in the database before it goes out, since Discord would
//! show it twice without a word.
//!
//! Its `main` is `runtime::main(Service::Notifier, notifier::build)`. Within another process, as tests do:
//!
//! ```no_run
//! # async fn example() -> Result<(), runtime::StartError> {
//! use contracts::Service;
//! use runtime::Settings;
//!
//! let (settings, config) = (Settings::default(), notifier::Config::default()); // servers on this machine
//! let running = runtime::start(Service::Notifier, settings, config, notifier::build).await?;
//! running.stop().await
//! # }
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};

use contracts::{Category, Code};
use runtime::{App, StartError};
use store::Store;

pub mod compose;
pub mod config;
pub mod limiter;
mod markdown;
mod metrics;
pub mod send;
pub mod stage;

pub use config::Config;

use compose::Style;
use send::{Ban, Outbox, Silence, Sink, Webhook};
use stage::{Announcer, Enquiries, Misc, Orders, Reviews};

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    app.server("database", Code::DatabaseOutage, store.probe());

    let sinks = sinks(app.config())?;
    for category in Category::ALL {
        let channel = match app.config().webhook_for(category) {
            Some((whose, _)) => format!("Discord, by the webhook of '{whose}'"),
            None => format!("no webhook: written to {}", app.config().file.display()),
        };
        if matches!(sinks.get(&category), Some(Sink::File(_))) {
            tracing::warn!(%category, "{channel}; set notifier.webhooks.{category} to post on Discord");
        }
        app.note(format!("{category} notifications"), channel);
    }

    let style = Style { currency: app.settings().restaurant.currency.clone() };
    let (lease, answer_wait) = (app.settings().lanes.deadline(), app.config().answer_wait());
    let announcer = Arc::new(Announcer::new(sinks, style, store, lease, answer_wait));
    app.stage(Orders(announcer.clone()));
    app.stage(Reviews(announcer.clone()));
    app.stage(Enquiries(announcer.clone()));
    app.stage(Misc(announcer));
    Ok(())
}

/// Where each category goes: its webhook, or the file.
pub fn sinks(config: &Config) -> Result<HashMap<Category, Sink>, StartError> {
    let mut sinks: HashMap<Category, Sink> =
        webhooks(config)?.into_iter().map(|(category, webhook)| (category, Sink::Discord(webhook))).collect();
    for category in Category::ALL {
        if let Entry::Vacant(free) = sinks.entry(category) {
            let outbox = Outbox::new(config.file.clone()).map_err(|error| {
                let path = config.file.display();
                StartError::settings(format!("notifier.file = {path} cannot be written: {error}"))
            })?;
            free.insert(Sink::File(outbox));
        }
    }
    Ok(sinks)
}

/// The webhooks of the categories that have one. Those that use the same share its limits and its health.
fn webhooks(config: &Config) -> Result<HashMap<Category, Arc<Webhook>>, StartError> {
    let silence = Silence::default();
    let mut bans: HashMap<String, Arc<Mutex<Ban>>> = HashMap::new();
    let mut known: HashMap<String, Arc<Webhook>> = HashMap::new();
    let mut webhooks = HashMap::new();
    for category in Category::ALL {
        let Some((whose, secret)) = config.webhook_for(category) else { continue };
        let url = config::address(secret)
            .map_err(|hint| StartError::settings(format!("notifier.webhooks.{whose} {hint}")))?;
        let webhook = match known.get(url.as_str()) {
            Some(webhook) => webhook.clone(),
            None => {
                let webhook = {
                    let host = url.host_str().unwrap_or_default().to_owned();
                    let ban = bans.entry(host).or_default().clone();
                    Webhook::new(whose, url.clone(), config, silence.clone(), ban)
                };
                let webhook = Arc::new(webhook.map_err(StartError::settings)?);
                known.insert(url.into(), webhook.clone());
                webhook
            }
        };
        webhooks.insert(category, webhook);
    }
    Ok(webhooks)
}

/// How a trial of one webhook went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The categories that use it.
    pub categories: Vec<Category>,
    /// What Discord said against it, without the address.
    pub outcome: Result<(), String>,
}

/// Posts a few words to every webhook that is set, each once, so that an owner sees that they arrive.
pub async fn try_webhooks(config: &Config) -> Result<Vec<Trial>, StartError> {
    let mut trials: Vec<(Arc<Webhook>, Vec<Category>)> = Vec::new();
    let mut webhooks = webhooks(config)?;
    for category in Category::ALL {
        let Some(webhook) = webhooks.remove(&category) else { continue };
        match trials.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &webhook)) {
            Some((_, categories)) => categories.push(category),
            None => trials.push((webhook, vec![category])),
        }
    }
    let mut done = Vec::with_capacity(trials.len());
    for (webhook, categories) in trials {
        let outcome = webhook.announce(&compose::trial(&categories)).await;
        done.push(Trial { categories, outcome: outcome.map(drop).map_err(|error| error.to_string()) });
    }
    Ok(done)
}
