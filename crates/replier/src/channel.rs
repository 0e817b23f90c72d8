//! What a channel to customers is, and what all that speak HTTP have in common.

use std::future::Future;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use runtime::http::{self, in_words};
use store::replies::Reply;

use crate::compose::Words;

/// A way to tell a customer something.
pub trait Channel: Send + Sync + 'static {
    /// As the tables have it: `webhook`.
    const NAME: &'static str;
    /// Whether the other side recognises what it was sent before, so that it may be sent again when in doubt.
    const REPEATABLE: bool;

    /// Sends a reply, once.
    fn send(&self, reply: &Reply, words: &Words) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Whether the other side answers, found out without telling anybody anything.
    fn probe(&self) -> impl Future<Output = Result<(), Refusal>> + Send {
        async { Ok(()) }
    }
}

/// Why a reply was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It surely was not; later it may be.
    Later {
        /// How long the other side wants nothing at all, where it says so.
        wait: Option<Duration>,
        /// Why.
        why: String,
    },
    /// Nobody knows whether it was.
    Unknown(String),
    /// It never will be: this customer cannot be told.
    Never(String),
}

impl Refusal {
    /// Not now, and nobody says until when.
    pub fn later(why: impl Into<String>) -> Refusal {
        Refusal::Later { wait: None, why: why.into() }
    }

    /// Of a request that had no answer: without a connection nothing was sent.
    pub fn of(error: reqwest::Error) -> Refusal {
        match error.is_connect() {
            true => Refusal::later(in_words(error)),
            false => Refusal::Unknown(in_words(error)),
        }
    }

    /// Why, in words.
    pub fn why(&self) -> &str {
        match self {
            Refusal::Later { why, .. } | Refusal::Unknown(why) | Refusal::Never(why) => why,
        }
    }
}

/// A client for this address. It gives up on a connection well before it gives up on an answer: what never found the
/// other side was surely not sent.
pub fn client(url: &Url, timeout: Duration) -> Result<Client, String> {
    http::client(url, timeout).connect_timeout(timeout / 2).build().map_err(in_words)
}

/// How long the other side wants nothing, by its header: seconds, or a time.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let until = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            (until.to_utc() - chrono::Utc::now()).num_milliseconds() as f64 / 1_000.0
        }
    };
    seconds.is_finite().then(|| Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds_or_as_a_time() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("NaN"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
