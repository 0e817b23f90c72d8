//! The connection to the bus, and the few things that are said over it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, HeaderMap, RequestErrorKind, StatusCode};
use bytes::Bytes;
use contracts::topology::{STREAM, inbox_prefix};
use contracts::{Code, Failure, FailureKind, header};
use tokio::sync::watch;

use crate::error::StartError;
use crate::settings::Nats;

/// The connection to the bus. Cheap to clone; all clones share one connection.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    link: Arc<Link>,
    timeout: Duration,
}

/// What is known of the connection.
#[derive(Debug)]
struct Link {
    /// How often it was established; 0 before the first time, odd counts do not matter.
    state: watch::Sender<LinkState>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct LinkState {
    up: bool,
    closed: bool,
    /// Raised by each new connection, so that waiting pulls can be asked for anew.
    epoch: u64,
    /// The last thing that the server refused us.
    refused: Option<Arc<str>>,
    /// The server does not take our user or password.
    unauthorised: bool,
}

/// Why something said on the bus has no good answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// No answer in time, or no connection: whether the server did it is unknown.
    #[error("the bus did not answer: {0}")]
    Unknown(String),
    /// Nobody is there who could answer: the stream or the durable does not exist.
    #[error("{0} does not exist on the bus: run `greenbite provision`")]
    Missing(String),
    /// The stream has no room.
    #[error("the stream has no room: {0}")]
    Full(String),
    /// Our user may not do that.
    #[error("the bus does not permit it: {0}")]
    Denied(String),
    /// The server refuses the message for good.
    #[error("the bus refuses the message: {0}")]
    Refused(String),
    /// It is larger than the bus carries.
    #[error("the message is larger than the bus carries: {0}")]
    TooLarge(String),
}

impl Failure for BusError {
    fn kind(&self) -> FailureKind {
        match self {
            BusError::Unknown(_) | BusError::Missing(_) | BusError::Full(_) => FailureKind::Outage,
            BusError::Denied(_) => FailureKind::Fatal,
            BusError::Refused(_) | BusError::TooLarge(_) => FailureKind::Permanent,
        }
    }

    fn code(&self) -> Code {
        match self {
            BusError::Unknown(_) => Code::BusOutage,
            BusError::Missing(_) => Code::Topology,
            BusError::Full(_) => Code::StreamFull,
            BusError::Denied(_) => Code::Permission,
            BusError::Refused(_) => Code::Refused,
            BusError::TooLarge(_) => Code::TooLarge,
        }
    }
}

/// A message as a stream has it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its subject.
    pub subject: String,
    /// Its place in the stream.
    pub sequence: u64,
    /// Its headers, those of the direct get among them.
    pub headers: HeaderMap,
    /// Its payload.
    pub payload: Bytes,
}

impl Stored {
    /// Which publication of its row it descends from; 1 where the header is missing.
    pub fn generation(&self) -> u32 {
        generation(&self.headers)
    }
}

/// The generation that the headers name; 1 where they name none.
pub(crate) fn generation(headers: &HeaderMap) -> u32 {
    headers.get(header::GENERATION).and_then(|value| value.as_str().parse().ok()).unwrap_or(1)
}

impl Bus {
    /// Connects, or goes on trying in the background: a bus that is away is an outage, not an error.
    ///
    /// `name` is the service or tool: the connection's name, the prefix of its inboxes, and the
    /// user where only a password is set.
    pub async fn connect(name: &str, settings: &Nats) -> Result<Bus, StartError> {
        let user = settings.user.clone().unwrap_or_else(|| name.to_owned());
        let link = Arc::new(Link { state: watch::Sender::new(LinkState::default()) });
        let timeout = Duration::from_millis(settings.request_timeout_ms);
        let mut options = ConnectOptions::new()
            .name(format!("greenbite-{name}"))
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay)
            .custom_inbox_prefix(inbox_prefix(&user))
            .request_timeout(Some(timeout))
            .subscription_capacity(1_024)
            .client_capacity(512)
            .event_callback({
                let link = link.clone();
                move |event| {
                    link.note(&event);
                    async {}
                }
            });
        if let Some(password) = &settings.password {
            options = options.user_and_password(user, password.expose().to_owned());
        }
        let urls: Vec<&str> = settings.url.split(',').map(str::trim).filter(|url| !url.is_empty()).collect();
        let client = options.connect(urls).await.map_err(|error| {
            StartError::settings(format!("nats.url = {}: {error}", redact(&settings.url)))
        })?;
        Ok(Bus { client, link, timeout })
    }

    /// The connection itself, for what the runtime has no words for (taps, the dashboard).
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// JetStream over this connection, for tools.
    pub fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(self.client.clone())
    }

    /// Whether the connection is up.
    pub fn is_connected(&self) -> bool {
        self.link.state.borrow().up
    }

    /// Waits until the connection is up (at once if it is).
    pub async fn connected(&self) {
        let mut state = self.link.state.subscribe();
        let _ = state.wait_for(|state| state.up || state.closed).await;
    }

    /// Waits until the server refuses our user or password; a bus that is only away never ends it.
    pub async fn unauthorised(&self) {
        let mut state = self.link.state.subscribe();
        if state.wait_for(|state| state.unauthorised).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Raised by each new connection.
    pub(crate) fn epoch(&self) -> u64 {
        self.link.state.borrow().epoch
    }

    /// Waits for a connection newer than this one.
    pub(crate) async fn reconnected_since(&self, epoch: u64) {
        let mut state = self.link.state.subscribe();
        if state.wait_for(|state| state.epoch > epoch).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What the server refused us last, if its words name this subject.
    pub(crate) fn refusal(&self, subject: &str) -> Option<String> {
        let refused = self.link.state.borrow().refused.clone()?;
        refused.contains(subject).then(|| refused.to_string())
    }

    /// Asks and waits for the answer.
    pub async fn request(
        &self,
        subject: &str,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<async_nats::Message, BusError> {
        let mut request = async_nats::Request::new().payload(payload).timeout(Some(self.timeout));
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        self.client.send_request(subject.to_owned(), request).await.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => BusError::Missing(format!("who answers on {subject}")),
            RequestErrorKind::MaxPayloadExceeded => BusError::TooLarge(error.to_string()),
            RequestErrorKind::InvalidSubject => BusError::Refused(format!("{subject} is not a subject")),
            RequestErrorKind::TimedOut | RequestErrorKind::Other => match self.refusal(subject) {
                Some(refusal) => BusError::Denied(refusal),
                None => BusError::Unknown(format!("{error} on {subject}")),
            },
        })
    }

    /// The last message of the line on this subject, by direct get.
    pub async fn last_for(&self, subject: &str) -> Result<Option<Stored>, BusError> {
        self.direct_get(STREAM, subject).await
    }

    /// The last message of this stream on this subject, by direct get.
    pub async fn direct_get(&self, stream: &str, subject: &str) -> Result<Option<Stored>, BusError> {
        let api = format!("$JS.API.DIRECT.GET.{stream}.{subject}");
        let answer = match self.request(&api, None, Bytes::new()).await {
            Err(BusError::Missing(_)) => return Err(BusError::Missing(format!("stream {stream}"))),
            other => other?,
        };
        match answer.status {
            None | Some(StatusCode::OK) => {}
            Some(StatusCode::NOT_FOUND) => return Ok(None),
            Some(status) => {
                return Err(BusError::Unknown(format!("direct get of {subject}: status {status}")));
            }
        }
        let headers = answer.headers.unwrap_or_default();
        let sequence = headers
            .get(async_nats::header::NATS_SEQUENCE)
            .and_then(|value| value.as_str().parse().ok())
            .ok_or_else(|| {
                BusError::Unknown(format!("direct get of {subject}: the answer names no sequence"))
            })?;
        Ok(Some(Stored { subject: subject.to_owned(), sequence, headers, payload: answer.payload }))
    }

    /// Sends all that was said and waits until the server has it, at most this long.
    pub async fn flush(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.client.flush()).await;
    }

    /// Says goodbye: sends what is left, closes, and waits until it is closed, at most this long.
    pub async fn close(&self, most: Duration) {
        let mut state = self.link.state.subscribe();
        let closing = async {
            if self.client.drain().await.is_ok() {
                let _ = state.wait_for(|state| state.closed).await;
            }
        };
        let _ = tokio::time::timeout(most, closing).await;
    }
}

impl Link {
    fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                tracing::info!("connected to the bus");
                self.state.send_modify(|state| {
                    state.up = true;
                    state.unauthorised = false;
                    state.epoch += 1;
                });
            }
            Event::Disconnected => {
                tracing::warn!(code = %Code::BusOutage, "the connection to the bus is lost; reconnecting");
                self.state.send_modify(|state| state.up = false);
            }
            Event::Closed => self.state.send_modify(|state| {
                state.up = false;
                state.closed = true;
            }),
            Event::ServerError(error) => {
                let text = error.to_string();
                let lower = text.to_lowercase();
                if lower.contains("permissions violation") {
                    tracing::error!(code = %Code::Permission, "the bus does not permit it: {text}");
                } else {
                    tracing::error!("the bus reports: {text}");
                }
                self.state.send_modify(|state| {
                    state.unauthorised |= lower.contains("authorization violation");
                    state.refused = Some(text.into());
                });
            }
            Event::ClientError(error) => {
                let text = error.to_string();
                if text.contains("authorization violation") {
                    self.state.send_modify(|state| state.unauthorised = true);
                } else {
                    tracing::debug!("bus client: {text}");
                }
            }
            Event::SlowConsumer(subscription) => {
                tracing::warn!(subscription, "messages arrive faster than they are read and were dropped");
            }
            Event::LameDuckMode => tracing::info!("the bus is about to stop; another server will do"),
            Event::Draining => {}
        }
    }
}

/// At once the first time, then with growing pauses: quick enough for a restarted server.
fn reconnect_delay(attempt: usize) -> Duration {
    match attempt {
        0 | 1 => Duration::ZERO,
        n => Duration::from_millis((50 << n.min(6)).min(2_000)),
    }
}

/// The address without user and password.
fn redact(url: &str) -> String {
    url.split(',')
        .map(|one| match (one.find("://"), one.rfind('@')) {
            (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &one[..scheme + 3], &one[at + 1..]),
            _ => one.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_an_error_shows_no_password() {
        assert_eq!(redact("nats://me:secret@host:4222, host2"), "nats://host:4222, host2");
    }

    #[test]
    fn reconnecting_begins_at_once_and_never_waits_long() {
        assert_eq!(reconnect_delay(1), Duration::ZERO);
        assert!(reconnect_delay(2) <= Duration::from_millis(250));
        assert_eq!(reconnect_delay(1_000), Duration::from_secs(2));
    }
}
