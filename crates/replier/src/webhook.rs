//! The generic channel: a POST to an address of the owner's, signed as <https://www.standardwebhooks.com> has it.
//!
//! The address and the key are secrets. `webhook-id` is the same at every try, so the receiver recognises a repeat.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use serde_json::{Value, json};
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer,
};
use store::replies::Reply;

use crate::channel::{Channel, Refusal, client, retry_after};
use crate::compose::Words;

/// The owner's address.
pub struct Webhook {
    url: Url,
    client: Client,
    signer: Signer,
}

impl Webhook {
    /// To this address, signed with this key (`whsec_` and base64).
    pub fn new(url: Url, key: &str, timeout: Duration) -> Result<Webhook, String> {
        Ok(Webhook { client: client(&url, timeout)?, url, signer: signer(key)? })
    }
}

/// Who signs with this key; says what is wrong with it, and does not quote it.
pub fn signer(key: &str) -> Result<Signer, String> {
    let key = key.trim();
    let hint = "is no key of Standard Webhooks: `whsec_` and 24 to 64 random bytes in base64, such as `echo \
                whsec_$(openssl rand -base64 32)` makes";
    let signer = Signer::new(key).map_err(|_| hint.to_owned())?;
    // 24 bytes are 32 letters.
    let letters = key.strip_prefix("whsec_").unwrap_or(key).len();
    if (32..=88).contains(&letters) { Ok(signer) } else { Err(hint.to_owned()) }
}

impl Channel for Webhook {
    const NAME: &'static str = "webhook";
    const REPEATABLE: bool = true;

    async fn send(&self, reply: &Reply, words: &Words) -> Result<(), Refusal> {
        let id = format!("reply_{}_{}", reply.message.id, reply.step.as_str());
        let now = Utc::now();
        let body = payload(reply, words, &now.to_rfc3339_opts(SecondsFormat::Millis, true)).to_string();
        let signature = self
            .signer
            .sign(&id, now.timestamp(), body.as_bytes())
            .map_err(|error| Refusal::Never(format!("it cannot be signed: {error}")))?;
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER_WEBHOOK_ID, id)
            .header(HEADER_WEBHOOK_TIMESTAMP, now.timestamp())
            .header(HEADER_WEBHOOK_SIGNATURE, signature)
            .body(body);
        let response = request.send().await.map_err(Refusal::of)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let why = format!("the webhook answered {status}");
        Err(Refusal::Later { wait: retry_after(response.headers()), why })
    }
}

/// What is posted.
fn payload(reply: &Reply, words: &Words, at: &str) -> Value {
    let order = reply.order.as_ref().map(|order| {
        json!({
            "number": order.number,
            "state": order.state,
            "total_cents": order.total_cents,
            "lines": order.lines,
        })
    });
    json!({
        "type": format!("reply.{}", reply.step.as_str()),
        "timestamp": at,
        "data": {
            "message_id": reply.message.id,
            "external_id": reply.external_id,
            "source": reply.message.source,
            "customer": reply.customer,
            "language": words.language,
            "text": words.text,
            "order": order,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_standards_own_example() {
        let signer = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_not_quoted() {
        for wrong in ["", "hunter2", "whsec_short", "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"] {
            let said = signer(wrong).err().unwrap();
            assert!(said.contains("whsec_") && (wrong.is_empty() || !said.contains(wrong)), "{said}");
        }
    }
}
