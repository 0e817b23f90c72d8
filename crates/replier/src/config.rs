//! The table `[replier]`.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use runtime::{Secret, Settings, Validate};
use serde::{Deserialize, Serialize};

use crate::webhook;

/// By which channels customers are answered, and how patiently. Without a channel nobody is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A bot of Telegram's.
    pub telegram: TelegramSettings,
    /// An address of one's own, for customers of all other doors.
    pub webhook: WebhookSettings,
    /// The texts; those that GreenBite comes with if not set.
    pub templates: Option<PathBuf>,
    /// How often it is looked for replies that are due.
    pub poll_ms: u64,
    /// Replies that a channel sends at once, each to another customer.
    pub at_once: u32,
    /// How long one request may take.
    pub timeout_ms: u64,
    /// Pause after the first failure; it doubles with each further one.
    pub first_ms: u64,
    /// The longest pause.
    pub most_ms: u64,
    /// After so long a reply is no longer worth sending.
    pub give_up_s: u64,
}

/// A bot of Telegram's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramSettings {
    /// What @BotFather gave: whoever has it is the bot.
    pub token: Secret,
    /// Where the Bot API is.
    pub api: String,
}

/// An address of one's own.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where to: it may hold a key, so all of it is a secret.
    pub url: Secret,
    /// What is signed with.
    pub key: Secret,
}

impl Default for TelegramSettings {
    fn default() -> Self {
        TelegramSettings { token: Secret::default(), api: "https://api.telegram.org".to_owned() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            telegram: TelegramSettings::default(),
            webhook: WebhookSettings::default(),
            templates: None,
            poll_ms: 500,
            at_once: 8,
            timeout_ms: 5_000,
            first_ms: 1_000,
            most_ms: 60_000,
            give_up_s: 6 * 3_600,
        }
    }
}

impl Config {
    /// How long one request may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// After so long a reply is no longer worth sending.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.give_up_s)
    }

    /// For how long a claim holds against others: a request's time, and some to note what came of it.
    pub fn lease(&self) -> Duration {
        self.timeout() + Duration::from_secs(5)
    }

    /// The token, where a bot is set.
    pub fn token(&self) -> Option<&str> {
        Some(self.telegram.token.expose().trim()).filter(|token| !token.is_empty())
    }

    /// The webhook's address and key, where one is set.
    pub fn webhook(&self) -> Option<(&str, &str)> {
        let (url, key) = (self.webhook.url.expose().trim(), self.webhook.key.expose().trim());
        (!url.is_empty()).then_some((url, key))
    }
}

/// An address as it is set; says what is wrong with it, and does not quote it.
pub fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).ok();
    url.filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty())
    })
    .ok_or_else(|| "is no address such as https://example.com/replies".to_owned())
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("telegram.token", "what @BotFather gave; customers write to that bot and are answered by it"),
        ("telegram.api", "where Telegram's Bot API is"),
        ("webhook.url", "where replies to customers of all other doors are posted, signed"),
        ("webhook.key", "what they are signed with: whsec_ and 24 to 64 bytes in base64"),
        ("templates", "the texts, a CSV file reply,language,text; those of data/replies.csv if not set"),
        ("poll_ms", "how often it is looked for replies that are due"),
        ("at_once", "replies that a channel sends at once, each to another customer"),
        ("timeout_ms", "how long one request may take"),
        ("first_ms", "pause after the first failure; it doubles with each further one"),
        ("most_ms", "the longest pause"),
        ("give_up_s", "after so many seconds a reply is no longer worth sending: `greenbite reply failed`"),
    ];
    const SECRETS: &'static [&'static str] = &["telegram.token", "webhook.url", "webhook.key"];

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        if let Some(token) = self.token() {
            if settings.database.max_connections < 3 {
                return Err(format!(
                    "database.max_connections = {}: a replier with a bot needs at least 3 (one asks Telegram, one takes in, one sends)",
                    settings.database.max_connections
                ));
            }
            address(&self.telegram.api).map_err(|hint| format!("replier.telegram.api {hint}"))?;
            // Anything else would change where requests go to.
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
            if !token.contains(':') || !token.chars().all(known) {
                return Err("replier.telegram.token is no token such as 123456:ABC-DEF: @BotFather gives it"
                    .to_owned());
            }
        }
        if let Some((url, key)) = self.webhook() {
            address(url).map_err(|hint| format!("replier.webhook.url {hint}"))?;
            webhook::signer(key).map_err(|hint| format!("replier.webhook.key {hint}"))?;
        }
        let positive = [
            ("poll_ms", self.poll_ms),
            ("at_once", self.at_once.into()),
            ("timeout_ms", self.timeout_ms),
            ("first_ms", self.first_ms),
            ("give_up_s", self.give_up_s),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("replier.{name} must be more than 0"));
        }
        if self.most_ms < self.first_ms {
            return Err(format!(
                "replier.most_ms = {} is below replier.first_ms = {}",
                self.most_ms, self.first_ms
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_channel_all_is_well_and_a_wrong_one_is_named_and_not_quoted() {
        let settings = Settings::default();
        assert_eq!(Config::default().validate(&settings), Ok(()));
        let said = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            let said = config.validate(&settings).unwrap_err();
            assert!(!said.contains("s3cr3t") && !format!("{config:?}").contains("s3cr3t"), "{said}");
            said
        };
        assert!(said(|c| c.telegram.token = "s3cr3t".into()).contains("replier.telegram.token is no token"));
        assert!(said(|c| c.telegram.token = "1:s3cr3t/../x".into()).contains("replier.telegram.token"));
        assert!(
            said(|c| c.webhook.url = "ftp://s3cr3t".into()).contains("replier.webhook.url is no address")
        );
        assert!(
            said(|c| c.webhook.url = "https://a/s3cr3t".into()).contains("replier.webhook.key is no key")
        );
        assert!(said(|c| c.first_ms = 90_000).contains("replier.most_ms = 60000 is below"));
    }
}
