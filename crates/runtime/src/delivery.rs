//! One delivery of one message, and what can be said about it to the server.

use std::time::Duration;

use async_nats::{HeaderMap, Message};
use bytes::Bytes;

use crate::bus::{Bus, BusError};

/// A message in hand.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// Which delivery this is; 1 is the first.
    pub(crate) attempt: u32,
    /// Its place in the stream.
    pub(crate) sequence: u64,
    /// When the stream got it, in nanoseconds since 1970.
    pub(crate) stored_at: u64,
    /// Messages that wait behind it.
    pub(crate) pending: u64,
}

impl Delivery {
    /// Reads what the reply subject says of the delivery; `None` where it is no delivery.
    pub(crate) fn new(message: Message) -> Option<Self> {
        let reply = message.reply.as_ref()?.as_str();
        let (attempt, sequence, stored_at, pending) = read_reply(reply)?;
        Some(Delivery { message, attempt, sequence, stored_at, pending })
    }

    pub(crate) fn headers(&self) -> Option<&HeaderMap> {
        self.message.headers.as_ref()
    }

    /// Done with it, and the server has heard so: an ordinary request, which asks for the same as
    /// a double acknowledgement without a subscription of its own each time.
    pub(crate) async fn ack(&self, bus: &Bus) -> Result<(), BusError> {
        let Some(reply) = &self.message.reply else { return Ok(()) };
        bus.request(reply.as_str(), None, Bytes::from_static(b"+ACK")).await.map(drop)
    }

    /// Not done with it: deliver it again, to anyone, after this pause.
    pub(crate) async fn release(&self, bus: &Bus, pause: Duration) {
        let body = match pause.as_nanos() {
            0 => Bytes::from_static(b"-NAK"),
            nanos => Bytes::from(format!("-NAK {{\"delay\": {nanos}}}")),
        };
        self.say(bus, body).await;
    }

    /// Still at it.
    pub(crate) async fn in_progress(&self, bus: &Bus) {
        self.say(bus, Bytes::from_static(b"+WPI")).await;
    }

    async fn say(&self, bus: &Bus, body: Bytes) {
        if let Some(reply) = &self.message.reply
            && let Err(error) = bus.client().publish(reply.clone(), body).await
        {
            // Nothing is lost: the message comes back when its ack wait is over.
            tracing::debug!("no word about a delivery could be sent: {error}");
        }
    }
}

/// `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`, or
/// with domain and account after `ACK`, and sometimes a token at the end.
fn read_reply(reply: &str) -> Option<(u32, u64, u64, u64)> {
    let rest = reply.strip_prefix("$JS.ACK.")?;
    let skip = match rest.split('.').count() {
        7 => 2,
        9.. => 4,
        _ => return None,
    };
    let mut tokens = rest.split('.').skip(skip);
    let attempt = tokens.next()?.parse().ok()?;
    let sequence = tokens.next()?.parse().ok()?;
    let _consumer_sequence = tokens.next()?;
    let stored_at = tokens.next()?.parse().ok()?;
    let pending = tokens.next()?.parse().ok()?;
    Some((attempt, sequence, stored_at, pending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_reply_subjects_say_the_same() {
        let said = Some((2, 17, 1_700_000_000_000_000_000, 5));
        let tail = "GREENBITE.classifier.2.17.33.1700000000000000000.5";
        assert_eq!(read_reply(&format!("$JS.ACK.{tail}")), said);
        assert_eq!(read_reply(&format!("$JS.ACK.hub.ACCOUNT.{tail}")), said);
        assert_eq!(read_reply(&format!("$JS.ACK._.ACCOUNT.{tail}.token")), said);
        assert_eq!(read_reply("_INBOX.x.y"), None);
        assert_eq!(read_reply("$JS.ACK.GREENBITE.classifier.2"), None);
    }
}
