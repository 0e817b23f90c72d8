//! Station: tells customers what became of their messages, by the channels that are set; off where none is.
//!
//! It stands beside the line: the database writes a row of `replies` with each step that concerns a customer, in the
//! step's own transaction (`migrations/0014_replies.sql`), and here the rows are sent. So it needs no durable: what is
//! told was committed, and a bus that is away delays nothing.
//!
//! | file | what it holds |
//! |---|---|
//! | [`compose`] | which words a customer gets: the decision |
//! | [`templates`] | the texts, from a file that an owner edits |
//! | [`sender`] | claim, send, note; patience |
//! | [`channel`] | what a channel is |
//! | [`webhook`] | an address of the owner's, signed |
//! | [`telegram`] | Telegram's Bot API |
//! | [`door`] | what customers write to the bot |

pub mod channel;
pub mod compose;
pub mod config;
pub mod door;
pub mod sender;
pub mod telegram;
pub mod templates;
pub mod webhook;

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Code, Failure, FailureKind};
use runtime::{App, Handle, StartError};
use store::Store;

pub use config::Config;

use channel::Channel;
use door::Door;
use sender::{Sender, Voice};
use telegram::Telegram;
use templates::Templates;
use webhook::Webhook;

/// How often it is said again that customers are answered.
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Until it is tried again to say so.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Puts the station together.
pub async fn build(app: &mut App<Config>) -> Result<(), StartError> {
    let database = &app.settings().database;
    let store = Store::connect(database.url.expose(), database.max_connections).await?;
    app.server("database", Code::DatabaseOutage, store.probe());

    let config = app.config().clone();
    let voice = Arc::new(Voice {
        templates: templates(&config)?,
        currency: app.settings().restaurant.currency.clone(),
    });
    let mut channels = Vec::new();
    if let Some((url, key)) = config.webhook() {
        let url = config::address(url).map_err(StartError::settings)?;
        let webhook = Webhook::new(url, key, config.timeout()).map_err(StartError::settings)?;
        channels.push(Webhook::NAME);
        let sender = Sender::new(webhook, store.clone(), app.handle(), voice.clone(), &config);
        app.task(Webhook::NAME, sender.run());
    }
    if let Some(token) = config.token() {
        let api = config::address(&config.telegram.api).map_err(StartError::settings)?;
        let telegram = Telegram::new(&api, token, config.timeout()).map_err(StartError::settings)?;
        channels.push(Telegram::NAME);
        app.task("Telegram's door", Door::new(telegram.clone(), store.clone(), app.handle(), &config).run());
        let sender = Sender::new(telegram, store.clone(), app.handle(), voice, &config);
        app.task(Telegram::NAME, sender.run());
    }
    if channels.is_empty() {
        let off =
            "none is set: customers are not answered; set replier.telegram.token or replier.webhook.url";
        tracing::warn!("{off}");
        app.note("channels", off);
    }
    app.task(
        "channels",
        say_who_is_answered(store, channels, config.patience().max(2 * SAY_AGAIN), app.handle()),
    );
    Ok(())
}

/// The owner's texts, or those that GreenBite comes with.
fn templates(config: &Config) -> Result<Templates, StartError> {
    let Some(path) = &config.templates else {
        return Templates::built_in().map_err(StartError::settings);
    };
    let name = path.display().to_string();
    let file = File::open(path)
        .map_err(|error| StartError::settings(format!("replier.templates = {name}: {error}")))?;
    Templates::read(&name, file).map_err(StartError::settings)
}

/// Says by which channels customers are answered: while that holds, the database writes down what they are to be told. It
/// holds for as long as a reply is worth sending, so that an outage of this station loses none, and its end fills nothing.
async fn say_who_is_answered(
    store: Store,
    channels: Vec<&'static str>,
    holds: Duration,
    handle: Handle,
) -> Result<(), StartError> {
    let stopping = handle.shutdown_token();
    while !stopping.is_cancelled() {
        let wait = match store.open_reply_channels(&channels, holds).await {
            Ok(()) => SAY_AGAIN,
            Err(error) if error.kind() == FailureKind::Fatal => return Err(error.into()),
            Err(error) => {
                tracing::debug!("it cannot be said yet who is answered: {error}");
                TRY_AGAIN
            }
        };
        stopping.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
    Ok(())
}
