//! Telegram's Bot API: the calls, and what its answers mean. The token stands in the address, so no address is shown.

use std::time::Duration;

use reqwest::{Client, Url};
use runtime::http::in_words;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::replies::Reply;

use crate::channel::{Channel, Refusal, client};
use crate::compose::Words;

/// How a customer of Telegram's is called in the tables: this, and the chat's number.
pub const CUSTOMER: &str = "telegram:";
/// The door's name in the tables.
pub const SOURCE: &str = "telegram";
/// How long Telegram holds a question for news open, in seconds.
const LONG_POLL_S: u64 = 25;

/// A bot.
#[derive(Clone)]
pub struct Telegram {
    base: Url,
    client: Client,
    timeout: Duration,
}

/// What every answer looks like.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error_code: u16,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Default, Deserialize)]
struct Parameters {
    retry_after: Option<f64>,
}

/// Something that happened in a chat of the bot's.
#[derive(Debug, Clone, Deserialize)]
pub struct Update {
    /// Counts up.
    pub update_id: i64,
    /// A new message; nothing where something else happened.
    pub message: Option<Incoming>,
}

/// A message that somebody wrote to the bot.
#[derive(Debug, Clone, Deserialize)]
pub struct Incoming {
    /// Its number within the chat.
    pub message_id: i64,
    /// When, in seconds since 1970.
    pub date: i64,
    /// Where.
    pub chat: Chat,
    /// What; nothing where it is a picture or the like.
    pub text: Option<String>,
}

/// Where somebody writes to the bot.
#[derive(Debug, Clone, Deserialize)]
pub struct Chat {
    /// Its number.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Telegram {
    /// The bot with this token.
    pub fn new(api: &Url, token: &str, timeout: Duration) -> Result<Telegram, String> {
        let mut base = api.clone();
        let path = format!("{}/bot{}/", base.path().trim_end_matches('/'), token.trim());
        base.set_path(&path);
        Ok(Telegram { client: client(&base, timeout)?, base, timeout })
    }

    /// The bot's name.
    pub async fn name(&self) -> Result<String, Refusal> {
        let me: Value = self.call("getMe", json!({}), self.timeout).await?;
        Ok(me["username"].as_str().unwrap_or_default().to_owned())
    }

    /// What happened from this update on; waits for a while where nothing did. All before it are forgotten by Telegram.
    pub async fn updates(&self, from: i64) -> Result<Vec<Update>, Refusal> {
        let asked = json!({ "offset": from, "timeout": LONG_POLL_S, "allowed_updates": ["message"] });
        self.call("getUpdates", asked, Duration::from_secs(LONG_POLL_S) + self.timeout).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        body: Value,
        timeout: Duration,
    ) -> Result<T, Refusal> {
        let url = self.base.join(method).map_err(|_| Refusal::Never(format!("{method} has no address")))?;
        let response =
            self.client.post(url).timeout(timeout).json(&body).send().await.map_err(Refusal::of)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|error| Refusal::Unknown(in_words(error)))?;
        // Something in between answers in words of its own, and does not know what Telegram did.
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|_| Refusal::Unknown(format!("an answer {status} that is not Telegram's")))?;
        if answer.ok {
            // What is wrong with it is not said: it would quote customers' words.
            return serde_json::from_value(answer.result)
                .map_err(|_| Refusal::Unknown("an answer of Telegram's that cannot be read".to_owned()));
        }
        Err(refusal(&answer))
    }
}

/// What a refusal of Telegram's own means: nothing was done.
fn refusal(answer: &Answer) -> Refusal {
    let why = format!("Telegram refused: {} ({})", answer.description, answer.error_code);
    let wait = answer.parameters.retry_after.filter(|seconds| seconds.is_finite());
    match (wait, answer.error_code) {
        (Some(seconds), _) => {
            Refusal::Later { wait: Some(Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))), why }
        }
        // The customer has blocked the bot, or there is no such chat.
        (None, 400 | 403) => Refusal::Never(why),
        (None, _) => Refusal::later(why),
    }
}

impl Channel for Telegram {
    const NAME: &'static str = "telegram";
    // The Bot API knows no key by which a repeat could be told.
    const REPEATABLE: bool = false;

    async fn send(&self, reply: &Reply, words: &Words) -> Result<(), Refusal> {
        let chat: Option<i64> = reply.customer.strip_prefix(CUSTOMER).and_then(|chat| chat.parse().ok());
        let Some(chat) = chat else {
            return Err(Refusal::Never("the customer is no chat of Telegram's".to_owned()));
        };
        let body = json!({ "chat_id": chat, "text": words.text });
        self.call::<Value>("sendMessage", body, self.timeout).await.map(drop)
    }

    async fn probe(&self) -> Result<(), Refusal> {
        self.name().await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Refusal {
        refusal(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_refusal_says_whether_and_when_it_is_worth_another_try() {
        let flood = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}"#;
        let Refusal::Later { wait: Some(wait), .. } = refused(flood) else { panic!("{flood}") };
        assert_eq!(wait, Duration::from_secs(5));
        let blocked =
            r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
        assert!(matches!(refused(blocked), Refusal::Never(why) if why.contains("blocked by the user")));
        let down = r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#;
        assert!(matches!(refused(down), Refusal::Later { wait: None, .. }));
        let token = r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#;
        assert!(matches!(refused(token), Refusal::Later { wait: None, .. }), "an owner may set a new token");
    }
}
