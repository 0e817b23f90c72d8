//! The table `[notifier]`.

use std::path::PathBuf;
use std::time::Duration;

use contracts::Category;
use reqwest::Url;
use runtime::{Secret, Settings, Validate};
use serde::{Deserialize, Serialize};

/// Where the notifications go, and how patiently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// One Discord webhook a category.
    pub webhooks: Webhooks,
    /// Whose webhook a category without its own uses.
    pub fallback: Fallback,
    /// What would have been sent is written here where a category has no webhook at all.
    pub file: PathBuf,
    /// How long one request may take.
    pub timeout_ms: u64,
    /// How long a message waits for Discord's limits before the category pauses.
    pub patience_ms: u64,
    /// How long after it was registered an enquiry's notification waits for the answer that is proposed; 0 for not at all.
    pub answer_wait_ms: u64,
    /// After so many failures in a row the category pauses until Discord answers again.
    pub outage_after: u32,
    /// How long a webhook that is gone is left alone before it is looked at again.
    pub recheck_s: u64,
    /// How long all webhooks of a host pause when its front bans us; twice as long each time, up to an hour.
    pub ban_pause_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            webhooks: Webhooks::default(),
            // What is not an order must not look like one: the order room's webhook is for nothing else unless it is asked for.
            fallback: Fallback::None,
            file: PathBuf::from("notifications.jsonl"),
            timeout_ms: 5_000,
            patience_ms: 10_000,
            answer_wait_ms: 2_000,
            outage_after: 5,
            recheck_s: 900,
            ban_pause_s: 300,
        }
    }
}

/// One Discord webhook a category; the address is the key, so all of it is a secret.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// For the kitchen.
    pub order: Option<Secret>,
    /// For who decides about reviews.
    pub review: Option<Secret>,
    /// For who answers.
    pub enquiry: Option<Secret>,
    /// For the rest.
    pub misc: Option<Secret>,
}

impl Webhooks {
    /// The webhook of this category's own. Compose files like to set empty ones: they are none.
    pub fn of(&self, category: Category) -> Option<&Secret> {
        let secret = match category {
            Category::Order => &self.order,
            Category::Review => &self.review,
            Category::Enquiry => &self.enquiry,
            Category::Misc => &self.misc,
        };
        secret.as_ref().filter(|secret| !secret.expose().trim().is_empty())
    }
}

/// Whose webhook a category without its own uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// The orders'.
    Order,
    /// The reviews'.
    Review,
    /// The enquiries'.
    Enquiry,
    /// The rest's.
    Misc,
    /// Nobody's: it is written to the file.
    None,
}

impl Fallback {
    fn category(self) -> Option<Category> {
        match self {
            Fallback::Order => Some(Category::Order),
            Fallback::Review => Some(Category::Review),
            Fallback::Enquiry => Some(Category::Enquiry),
            Fallback::Misc => Some(Category::Misc),
            Fallback::None => None,
        }
    }
}

impl Config {
    /// Whose webhook tells of this category, if anybody's: its own, else the fallback's.
    pub fn webhook_for(&self, category: Category) -> Option<(Category, &Secret)> {
        let own = self.webhooks.of(category).map(|secret| (category, secret));
        own.or_else(|| {
            let other = self.fallback.category()?;
            self.webhooks.of(other).map(|secret| (other, secret))
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    pub(crate) fn answer_wait(&self) -> Duration {
        Duration::from_millis(self.answer_wait_ms)
    }

    pub(crate) fn recheck(&self) -> Duration {
        Duration::from_secs(self.recheck_s)
    }

    pub(crate) fn ban_pause(&self) -> Duration {
        Duration::from_secs(self.ban_pause_s)
    }
}

/// The address to post to, waiting for Discord's word on it. The error does not quote the secret.
pub(crate) fn address(secret: &Secret) -> Result<Url, &'static str> {
    let hint = "is not a webhook's address; it looks like https://discord.com/api/webhooks/<id>/<token>";
    let mut url = Url::parse(secret.expose().trim()).map_err(|_| hint)?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(hint);
    }
    if !url.query_pairs().any(|(name, _)| name == "wait") {
        url.query_pairs_mut().append_pair("wait", "true");
    }
    Ok(url)
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("webhooks.order", "Discord webhook for orders"),
        ("webhooks.review", "Discord webhook for reviews"),
        ("webhooks.enquiry", "Discord webhook for enquiries"),
        ("webhooks.misc", "Discord webhook for the rest"),
        (
            "fallback",
            "whose webhook a category without its own uses: order, review, enquiry, misc, or none: the file",
        ),
        ("file", "where notifications are written that have no webhook"),
        ("timeout_ms", "how long one request to Discord may take"),
        ("patience_ms", "how long a message waits for Discord's limits before its category pauses"),
        (
            "answer_wait_ms",
            "how long an enquiry's notification waits for the answer that is proposed; 0 for not at all",
        ),
        ("outage_after", "failures in a row after which a category pauses until Discord answers again"),
        ("recheck_s", "how long a webhook that is gone is left alone before it is looked at again"),
        (
            "ban_pause_s",
            "how long all webhooks of a host pause when its front bans us; doubled each time, up to an hour",
        ),
    ];
    const SECRETS: &'static [&'static str] =
        &["webhooks.order", "webhooks.review", "webhooks.enquiry", "webhooks.misc"];

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        for category in Category::ALL {
            if let Some(secret) = self.webhooks.of(category) {
                address(secret).map_err(|hint| format!("notifier.webhooks.{category} {hint}"))?;
            }
        }
        for (name, value) in [
            ("timeout_ms", self.timeout_ms),
            ("patience_ms", self.patience_ms),
            ("outage_after", self.outage_after.into()),
            ("recheck_s", self.recheck_s),
            ("ban_pause_s", self.ban_pause_s),
        ] {
            if value == 0 {
                return Err(format!("notifier.{name} must be more than 0"));
            }
        }
        let longest = self.timeout_ms.saturating_add(self.patience_ms).saturating_add(self.answer_wait_ms);
        if longest >= settings.lanes.deadline_ms {
            return Err(format!(
                "notifier.timeout_ms + notifier.patience_ms + notifier.answer_wait_ms = {longest} is not below \
                 lanes.deadline_ms = {}: a message that waits for Discord would be given up; lower the former or raise \
                 the latter",
                settings.lanes.deadline_ms
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(order: &str, misc: &str) -> Config {
        let webhooks = Webhooks { order: Some(order.into()), misc: Some(misc.into()), ..Webhooks::default() };
        Config { webhooks, ..Config::default() }
    }

    #[test]
    fn a_category_without_its_own_webhook_uses_the_fallbacks_and_never_the_orders_by_itself() {
        let mut config = with("https://a/1/x", "https://a/2/y");
        let whose = |config: &Config, category| config.webhook_for(category).map(|(whose, _)| whose);
        assert_eq!(whose(&config, Category::Misc), Some(Category::Misc));
        assert_eq!(
            whose(&config, Category::Review),
            None,
            "the kitchen reads of orders alone, unless asked for otherwise"
        );
        config.fallback = Fallback::Misc;
        assert_eq!(whose(&config, Category::Review), Some(Category::Misc));
        assert_eq!(whose(&with("", " "), Category::Order), None, "an empty address is none");
    }

    #[test]
    fn a_wrong_address_is_named_and_not_quoted() {
        for wrong in ["s3cr3t", "ftp://discord.com/s3cr3t", "https:///s3cr3t:x"] {
            let said = with(wrong, "").validate(&Settings::default()).unwrap_err();
            assert!(said.contains("notifier.webhooks.order is not a webhook's address"), "{said}");
            assert!(!said.contains("s3cr3t"), "{said}");
        }
        assert!(!format!("{:?}", with("https://a/s3cr3t", "")).contains("s3cr3t"));
    }

    #[test]
    fn a_thread_in_the_address_is_kept_and_discords_word_is_waited_for() {
        let url = address(&"https://discord.com/api/webhooks/1/t?thread_id=7".into()).unwrap();
        assert_eq!(url.query(), Some("thread_id=7&wait=true"));
    }

    #[test]
    fn waiting_longer_than_a_handler_may_take_is_a_contradiction() {
        let config = Config { patience_ms: 15_000, ..Config::default() };
        let said = config.validate(&Settings::default()).unwrap_err();
        assert!(said.contains("22000 is not below lanes.deadline_ms = 20000"), "{said}");
    }
}
