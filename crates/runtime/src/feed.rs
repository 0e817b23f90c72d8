//! The feed of one lane: asks for one message, and for the next when the lane is free again, or about to be.
//!
//! Nothing waits in a buffer, so nothing goes stale there: what is in hand is in work. Each feed
//! has an inbox of its own; when its request may be lost (a new connection, silence), it takes a
//! new inbox, and the server drops a request whose inbox nobody reads.

use std::time::Duration;

use async_nats::{StatusCode, Subscriber};
use bytes::Bytes;
use futures::StreamExt;

use crate::bus::Bus;
use crate::delivery::Delivery;

/// How long a request waits at the server.
const EXPIRES: Duration = Duration::from_secs(60);
/// How often the server says that it still waits.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A request is taken for lost when nothing was heard for this long.
const SILENCE: Duration = Duration::from_secs(35);
/// Pause after the server refused a request.
const REFUSED: Duration = Duration::from_millis(250);

pub(crate) struct Feed {
    bus: Bus,
    /// Where to ask.
    subject: String,
    request: Bytes,
    inbox: Option<Inbox>,
}

struct Inbox {
    subject: String,
    subscriber: Subscriber,
    epoch: u64,
    /// A request waits at the server.
    asked: bool,
}

impl Inbox {
    /// Makes sure that exactly one request waits at the server.
    async fn ask<'a>(
        slot: &'a mut Option<Inbox>,
        bus: &Bus,
        pull: &str,
        request: &Bytes,
    ) -> Result<&'a mut Inbox, Lost> {
        if slot.is_none() {
            bus.connected().await;
            let subject = bus.client().new_inbox();
            let epoch = bus.epoch();
            let subscriber = bus.client().subscribe(subject.clone()).await.map_err(closed)?;
            *slot = Some(Inbox { subject, subscriber, epoch, asked: false });
        }
        let Some(inbox) = slot else { return Err(closed("no inbox")) };
        if !inbox.asked {
            let reply = inbox.subject.clone();
            let asking = bus.client().publish_with_reply(pull.to_owned(), reply, request.clone());
            asking.await.map_err(closed)?;
            inbox.asked = true;
        }
        Ok(inbox)
    }
}

/// Why there is no next message.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The server says that stream or durable do not exist.
    Missing,
    /// There is a new connection, or nothing was heard for long. A server whose durable is gone
    /// says nothing to a pull, so it is time to look.
    Unsure,
    /// The connection is closed for good.
    Closed(String),
}

impl Feed {
    pub(crate) fn new(bus: Bus, stream: &str, durable: &str) -> Self {
        let request = format!(
            "{{\"batch\":1,\"expires\":{},\"idle_heartbeat\":{}}}",
            EXPIRES.as_nanos(),
            HEARTBEAT.as_nanos()
        );
        Feed {
            bus,
            subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"),
            request: request.into(),
            inbox: None,
        }
    }

    /// The next message, or why there is none; it may be asked again after both.
    ///
    /// A caller may drop the future and ask again: no message is lost by that.
    pub(crate) async fn next(&mut self) -> Result<Delivery, Lost> {
        loop {
            let inbox = Inbox::ask(&mut self.inbox, &self.bus, &self.subject, &self.request).await?;
            let heard = tokio::select! {
                biased;
                message = inbox.subscriber.next() => message,
                () = self.bus.reconnected_since(inbox.epoch) => None,
                () = tokio::time::sleep(SILENCE) => None,
            };
            let Some(message) = heard else {
                self.inbox = None;
                return Err(Lost::Unsure);
            };
            match message.status {
                None | Some(StatusCode::OK) => {
                    inbox.asked = false;
                    match Delivery::new(message) {
                        Some(delivery) => return Ok(delivery),
                        None => tracing::warn!("something that is no delivery reached a lane's inbox"),
                    }
                }
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(StatusCode::NO_RESPONDERS) => {
                    inbox.asked = false;
                    return Err(Lost::Missing);
                }
                Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => inbox.asked = false,
                Some(status) => {
                    inbox.asked = false;
                    let description = message.description.as_deref().unwrap_or_default();
                    if description.contains("Consumer Deleted") {
                        return Err(Lost::Missing);
                    }
                    tracing::debug!("a pull was refused: {status} {description}");
                    tokio::time::sleep(REFUSED).await;
                }
            }
        }
    }

    /// Asks for the next message already: for a lane that only has to say that it is done with the one in hand, so
    /// that both words go to the server together. [`Feed::next`] gives what comes.
    pub(crate) async fn ask_ahead(&mut self) {
        if self.inbox.as_ref().is_some_and(|inbox| inbox.epoch == self.bus.epoch()) {
            // What is wrong here is found again, and said, when the next message is waited for.
            let _ = Inbox::ask(&mut self.inbox, &self.bus, &self.subject, &self.request).await;
        }
    }

    /// Whether a message may be on its way here.
    pub(crate) fn has_asked(&self) -> bool {
        self.inbox.as_ref().is_some_and(|inbox| inbox.asked)
    }

    /// Stops asking, and gives back at once what was on its way.
    pub(crate) async fn close(mut self, most: Duration) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let handing_back = async {
            if inbox.subscriber.drain().await.is_err() {
                return;
            }
            while let Some(message) = inbox.subscriber.next().await {
                if let Some(delivery) = Delivery::new(message) {
                    delivery.release(&self.bus, Duration::ZERO).await;
                }
            }
        };
        let _ = tokio::time::timeout(most, handing_back).await;
    }
}

fn closed(error: impl std::fmt::Display) -> Lost {
    Lost::Closed(error.to_string())
}
