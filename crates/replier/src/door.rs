//! Telegram as a door: what customers write to the bot becomes rows of `messages`, through the same statement as at
//! ingest's doors. It stands here and not in ingest, since a bot has one token and one reader: so one station holds both.
//!
//! Telegram forgets an update when a later one is asked for, and that is done only when its message is committed. What is
//! told twice all the same is known again by chat and message number.

use std::time::Duration;

use chrono::DateTime;
use contracts::{Failure, FailureKind};
use runtime::{Handle, StartError};
use store::Store;
use store::messages::NewMessage;

use crate::channel::Refusal;
use crate::config::Config;
use crate::sender::Pauses;
use crate::telegram::{CUSTOMER, SOURCE, Telegram, Update};

/// Until it is looked again whether another replica still reads.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Takes in what is written to a bot.
pub struct Door {
    telegram: Telegram,
    store: Store,
    handle: Handle,
    pauses: Pauses,
    /// The bot's own number, which its token begins with and which is no secret: another bot numbers its messages from the
    /// beginning.
    bot: String,
    /// The first update that is not committed yet.
    from: i64,
}

/// What a look came to.
enum Look {
    /// It was read, and committed.
    Read,
    /// Another replica reads.
    Elsewhere,
}

/// Why nothing could be taken in.
enum Trouble {
    Telegram(Refusal),
    Database(store::Error),
}

impl Door {
    /// The door of this bot.
    pub fn new(telegram: Telegram, store: Store, handle: Handle, config: &Config) -> Door {
        let bot = config.token().and_then(|token| token.split(':').next()).unwrap_or_default().to_owned();
        Door { telegram, store, handle, pauses: Pauses::of(config), bot, from: 0 }
    }

    /// Takes messages in until the service stops.
    pub async fn run(mut self) -> Result<(), StartError> {
        let stopping = self.handle.shutdown_token();
        let mut failures = 0_u32;
        while let Some(looked) = stopping.run_until_cancelled(self.look()).await {
            let wait = match looked {
                Ok(look) => {
                    if failures > 0 {
                        tracing::info!("messages come in from Telegram again");
                    }
                    failures = 0;
                    match look {
                        Look::Read => continue,
                        Look::Elsewhere => LOOK_AGAIN,
                    }
                }
                Err(Trouble::Database(error)) if error.kind() == FailureKind::Fatal => {
                    return Err(error.into());
                }
                Err(trouble) => {
                    let (why, wait) = match &trouble {
                        Trouble::Database(error) => (error.to_string(), None),
                        Trouble::Telegram(Refusal::Later { wait, why }) => (why.clone(), *wait),
                        Trouble::Telegram(refusal) => (refusal.why().to_owned(), None),
                    };
                    if failures == 0 {
                        tracing::warn!("no messages come in from Telegram, where they wait: {why}");
                    }
                    failures = failures.saturating_add(1);
                    wait.unwrap_or_else(|| self.pauses.after(failures))
                }
            };
            stopping.run_until_cancelled(tokio::time::sleep(wait)).await;
        }
        Ok(())
    }

    /// Asks once what was written, and takes it in.
    async fn look(&mut self) -> Result<Look, Trouble> {
        // Of two who ask at once Telegram refuses one: whoever has the key asks.
        let Some(_key) = self.store.take_telegram_key().await.map_err(Trouble::Database)? else {
            return Ok(Look::Elsewhere);
        };
        let updates = match self.telegram.updates(self.from).await {
            // That nothing was heard in time only means that nothing was written.
            Err(Refusal::Unknown(why)) => return Err(Trouble::Telegram(Refusal::later(why))),
            asked => asked.map_err(Trouble::Telegram)?,
        };
        let messages: Vec<NewMessage> =
            updates.iter().filter_map(|update| message(&self.bot, update)).collect();
        if !messages.is_empty() {
            self.store.insert_messages(&messages).await.map_err(Trouble::Database)?;
        }
        if let Some(last) = updates.iter().map(|update| update.update_id).max() {
            self.from = last + 1;
        }
        Ok(Look::Read)
    }
}

/// What is taken in of an update: words that one person wrote to the bot alone. An edited message is no new one, a picture
/// says nothing that the line could read, a command (`/start`) is for the bot, and in a group everybody would be answered.
fn message(bot: &str, update: &Update) -> Option<NewMessage> {
    let incoming = update.message.as_ref().filter(|incoming| incoming.chat.kind == "private")?;
    let text = incoming.text.as_deref().filter(|text| !text.starts_with('/'))?;
    let chat = incoming.chat.id;
    Some(NewMessage {
        source: SOURCE.to_owned(),
        external_id: Some(format!("{bot}:{chat}:{}", incoming.message_id)),
        customer: Some(format!("{CUSTOMER}{chat}")),
        // The database's texts cannot hold it, and all messages after it would wait.
        text: text.replace('\0', " "),
        received_at: DateTime::from_timestamp(incoming.date, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(update: &str) -> Option<NewMessage> {
        message("123", &serde_json::from_str(update).unwrap())
    }

    #[test]
    fn what_a_person_writes_to_the_bot_is_taken_in_and_nothing_else() {
        let written = r#"{"update_id":9,"message":{"message_id":3,"date":1767323045,"chat":{"id":555,"type":"private"},"text":"two\u0000 teas"}}"#;
        let message = taken(written).unwrap();
        assert_eq!(
            (message.source.as_str(), message.external_id.as_deref()),
            ("telegram", Some("123:555:3"))
        );
        assert_eq!((message.customer.as_deref(), message.text.as_str()), (Some("telegram:555"), "two  teas"));
        assert_eq!(message.received_at.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
        for other in [
            written.replace("private", "group"),
            written.replace("two\\u0000 teas", "/start"),
            written.replace("\"text\"", "\"caption\""),
            written.replace("\"message\"", "\"edited_message\""),
        ] {
            assert_eq!(taken(&other), None, "{other}");
        }
    }
}
