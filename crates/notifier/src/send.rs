//! Delivers a payload: by a Discord webhook, or into a file where there is none.
//!
//! A webhook's address is its key. It is in no error and no log: errors of the HTTP client are
//! stripped of it before anybody sees them.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{SecondsFormat, Utc};
use contracts::{Category, Channel, Code, Failure, FailureKind, MessageId};
use reqwest::header::HeaderMap;
use reqwest::{Client, StatusCode, Url};
use runtime::http::{self, in_words};
use runtime::spans::Request;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::config::Config;
use crate::limiter::{Limiter, Stated};
use crate::metrics;

/// Why a notification was not accepted, and whether it may have been shown all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SendError {
    kind: FailureKind,
    code: Code,
    reason: String,
    /// It surely was not shown, so a next try is no repeat.
    pub surely_not_shown: bool,
}

impl Failure for SendError {
    fn kind(&self) -> FailureKind {
        self.kind
    }

    fn code(&self) -> Code {
        self.code
    }
}

impl SendError {
    fn not_shown(kind: FailureKind, code: Code, reason: String) -> Self {
        SendError { kind, code, reason, surely_not_shown: true }
    }
}

/// Where the notifications of a category go.
pub enum Sink {
    /// By this webhook, which other categories may use as well.
    Discord(Arc<Webhook>),
    /// Into this file.
    File(Outbox),
}

impl Sink {
    /// How the notifications of this category go out.
    pub fn channel(&self) -> Channel {
        match self {
            Sink::Discord(_) => Channel::Discord,
            Sink::File(_) => Channel::File,
        }
    }

    /// Until when a message that comes now waits for Discord's limits.
    pub fn give_up(&self) -> Instant {
        match self {
            Sink::Discord(webhook) => Instant::now() + webhook.patience,
            Sink::File(_) => Instant::now(),
        }
    }

    /// Waits until the notification may be sent.
    pub async fn admit(&self, give_up: Instant) -> Result<(), SendError> {
        match self {
            Sink::Discord(webhook) => webhook.admit(give_up).await,
            Sink::File(_) => Ok(()),
        }
    }

    /// Sends what was admitted; gives Discord's id of it.
    pub async fn send(
        &self,
        about: MessageId,
        category: Category,
        payload: &Value,
        give_up: Instant,
    ) -> Result<Option<String>, SendError> {
        match self {
            Sink::Discord(webhook) => webhook.send(payload, give_up).await,
            Sink::File(outbox) => outbox.write(about, category, payload).map(|()| None),
        }
    }
}

/// The file for what no webhook takes: a JSON line each, with exactly the payload that would have been sent.
pub struct Outbox {
    path: PathBuf,
}

impl Outbox {
    /// Finds out whether the file can be written.
    pub fn new(path: PathBuf) -> std::io::Result<Self> {
        OpenOptions::new().append(true).create(true).open(&path)?;
        Ok(Outbox { path })
    }

    /// One write a line, on a file opened anew: several notifiers may share it, and it may be moved away.
    fn write(&self, about: MessageId, category: Category, payload: &Value) -> Result<(), SendError> {
        let at = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let line = json!({ "at": at, "message_id": about, "category": category, "payload": payload })
            .to_string()
            + "\n";
        let file = OpenOptions::new().append(true).create(true).open(&self.path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| SendError {
            kind: FailureKind::Transient,
            code: Code::RetriesUsedUp,
            reason: format!("the notifications' file {} cannot be written: {error}", self.path.display()),
            surely_not_shown: false,
        })
    }
}

/// Until when Discord wants nothing at all from us; shared by all webhooks.
pub type Silence = Arc<Mutex<Option<Instant>>>;

/// What the front of a host thinks of us; shared by all webhooks of that host.
///
/// The front bans by address, for a while that it does not state, and each request meanwhile may make it longer.
#[derive(Debug, Default)]
pub struct Ban {
    until: Option<Instant>,
    /// Bans in a row, without a notification that was taken in between.
    times: u32,
}

/// The longest pause after a ban.
const LONGEST_BAN: Duration = Duration::from_secs(3_600);

impl Ban {
    /// The front refused: a pause as long as it states, else one that doubles from `first` with each ban.
    fn extend(&mut self, now: Instant, stated: Option<Duration>, first: Duration) {
        // Requests that were on their way together are refused together: that is one ban.
        if self.until.is_none_or(|until| until <= now) {
            self.times = self.times.saturating_add(1);
        }
        let doubled = first.saturating_mul(1 << (self.times.saturating_sub(1)).min(16)).min(LONGEST_BAN);
        self.until = self.until.max(Some(now + stated.unwrap_or(doubled)));
    }

    /// How long nothing may be sent.
    fn left(&self, now: Instant) -> Option<Duration> {
        self.until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

/// One Discord webhook: its limits, its health, and the way to it.
pub struct Webhook {
    category: Category,
    url: Url,
    client: Client,
    patience: Duration,
    outage_after: u32,
    recheck: Duration,
    state: Mutex<State>,
    silence: Silence,
    ban: Arc<Mutex<Ban>>,
    ban_pause: Duration,
    /// Waiting for the limit is first come, first served.
    queue: tokio::sync::Mutex<()>,
    learnt: Notify,
}

struct State {
    limiter: Limiter,
    failures: u32,
    closed: Option<Closed>,
}

/// The circuit is open: the webhook is gone, and asking again would only get us banned.
struct Closed {
    until: Instant,
    reason: String,
}

/// What Discord made of a request.
enum Answer {
    Accepted(Option<String>),
    /// Not now; the limiter knows until when.
    Wait,
    Gone(String),
    Refused(String),
    /// Not reached: surely not shown.
    Unreached(String),
    /// No answer, or one that does not say: it may have been shown.
    Unknown(String),
}

impl Answer {
    /// Why it did not take the notification, in a word.
    fn refusal(&self) -> Option<&'static str> {
        match self {
            Answer::Accepted(_) => None,
            Answer::Wait => Some("limit"),
            Answer::Gone(_) => Some("gone"),
            Answer::Refused(_) => Some("refused"),
            Answer::Unreached(_) => Some("unreached"),
            Answer::Unknown(_) => Some("unknown"),
        }
    }
}

impl Webhook {
    /// The webhook of this category's setting, at this address.
    pub fn new(
        category: Category,
        url: Url,
        config: &Config,
        silence: Silence,
        ban: Arc<Mutex<Ban>>,
    ) -> Result<Self, String> {
        let client = http::client(&url, config.timeout()).build().map_err(in_words)?;
        Ok(Webhook {
            category,
            url,
            client,
            patience: config.patience(),
            outage_after: config.outage_after,
            recheck: config.recheck(),
            state: Mutex::new(State { limiter: Limiter::new(Instant::now()), failures: 0, closed: None }),
            silence,
            ban,
            ban_pause: config.ban_pause(),
            queue: tokio::sync::Mutex::new(()),
            learnt: Notify::new(),
        })
    }

    fn ban(&self) -> MutexGuard<'_, Ban> {
        self.ban.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn and sends, for what is not claimed.
    pub async fn announce(&self, payload: &Value) -> Result<Option<String>, SendError> {
        let give_up = Instant::now() + self.patience;
        self.admit(give_up).await?;
        self.send(payload, give_up).await
    }

    /// Refuses while the circuit is open, else waits for room within Discord's limits; where there
    /// will be none in time, the category pauses.
    async fn admit(&self, give_up: Instant) -> Result<(), SendError> {
        self.check_circuit()?;
        let began = Instant::now();
        let told = self.told_to_wait();
        if Instant::now() + told > give_up {
            return Err(self.no_room(told));
        }
        let turn = async {
            let _turn = self.queue.lock().await;
            loop {
                let told = self.told_to_wait();
                // Even to sleep for no time takes a millisecond, which here would be one for all.
                if !told.is_zero() {
                    tokio::time::sleep(told).await;
                }
                let learnt = self.learnt.notified();
                let Err(wait) = self.state().limiter.admit(Instant::now()) else { return };
                // Whichever comes first: room by the clock, or an answer that states more room.
                let _ = tokio::time::timeout(wait, learnt).await;
            }
        };
        let admitted = tokio::time::timeout_at(give_up.into(), turn).await;
        metrics::waited(self.category, began.elapsed());
        admitted.map_err(|_| self.no_room(self.patience))
    }

    /// How long Discord wants nothing of this webhook, or of any.
    fn told_to_wait(&self) -> Duration {
        let now = Instant::now();
        let silence = *self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = silence.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let ban = self.ban().left(now).unwrap_or_default();
        silence.max(ban).max(self.state().limiter.blocked(now).unwrap_or_default())
    }

    fn check_circuit(&self) -> Result<(), SendError> {
        let state = self.state();
        match &state.closed {
            Some(closed) if Instant::now() < closed.until => {
                Err(SendError::not_shown(FailureKind::Outage, Code::WebhookClosed, closed.reason.clone()))
            }
            _ => Ok(()),
        }
    }

    fn no_room(&self, wait: Duration) -> SendError {
        if let Some(left) = self.ban().left(Instant::now()) {
            let over = Utc::now() + left;
            let reason = format!(
                "Discord's front refuses every request from here (429, and no word of Discord's own): nothing is sent \
                 to {} before {}, for no webhook",
                self.url.host_str().unwrap_or_default(),
                over.to_rfc3339_opts(SecondsFormat::Secs, true),
            );
            return SendError::not_shown(FailureKind::Outage, Code::DiscordOutage, reason);
        }
        let reason = format!(
            "Discord's limits for the webhook of '{}' leave no room within {:.1} s",
            self.category,
            wait.as_secs_f64()
        );
        SendError::not_shown(FailureKind::Outage, Code::DiscordOutage, reason)
    }

    /// Sends what was admitted; waits and tries again where Discord says so.
    async fn send(&self, payload: &Value, give_up: Instant) -> Result<Option<String>, SendError> {
        loop {
            let answer = self.post(payload).await;
            if let Some(reason) = answer.refusal() {
                metrics::refused(self.category, reason);
            }
            match answer {
                Answer::Accepted(id) => {
                    let mut state = self.state();
                    (state.failures, state.closed) = (0, None);
                    *self.ban() = Ban::default();
                    return Ok(id);
                }
                Answer::Wait => {}
                Answer::Gone(what) => return Err(self.close(&what)),
                Answer::Refused(what) => {
                    let reason = format!("Discord refused the notification: {what}");
                    return Err(SendError::not_shown(FailureKind::Permanent, Code::Refused, reason));
                }
                Answer::Unreached(what) => return Err(self.failed(&what, true)),
                Answer::Unknown(what) => return Err(self.failed(&what, false)),
            }
            self.admit(give_up).await?;
        }
    }

    /// Opens the circuit, so that nobody asks again before the pause is over.
    fn close(&self, what: &str) -> SendError {
        let reason = format!(
            "the webhook of '{}' does not work ({what}): set notifier.webhooks.{} to a new one and start the \
             notifier again; until then it is looked at every {} s",
            self.category,
            self.category,
            self.recheck.as_secs()
        );
        self.state().closed = Some(Closed { until: Instant::now() + self.recheck, reason: reason.clone() });
        SendError::not_shown(FailureKind::Outage, Code::WebhookClosed, reason)
    }

    /// One failure passes by itself; many in a row are an outage.
    fn failed(&self, what: &str, surely_not_shown: bool) -> SendError {
        let failures = {
            let mut state = self.state();
            state.failures = state.failures.saturating_add(1);
            state.failures
        };
        let (kind, code) = if failures >= self.outage_after {
            (FailureKind::Outage, Code::DiscordOutage)
        } else {
            (FailureKind::Transient, Code::RetriesUsedUp)
        };
        let reason = format!("the webhook of '{}' did not take the notification: {what}", self.category);
        SendError { kind, code, reason, surely_not_shown }
    }

    async fn post(&self, payload: &Value) -> Answer {
        let request = Request::asked("POST", self.url.host_str().unwrap_or_default());
        let sent = self.client.post(self.url.clone()).json(payload).send().await;
        request.answered(sent.as_ref().ok().map(|response| response.status().as_u16()));
        let response = match sent {
            Ok(response) => response,
            Err(error) if error.is_connect() => return Answer::Unreached(in_words(error)),
            Err(error) => return Answer::Unknown(in_words(error)),
        };
        let status = response.status();
        let stated = stated(response.headers());
        let header_wait = number(response.headers(), "retry-after");
        let body: Value = match response.bytes().await {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            Err(error) if status.is_success() => return Answer::Unknown(in_words(error)),
            Err(_) => Value::Null,
        };
        let seconds = |seconds: f64| Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0));
        let header_wait = header_wait.map(seconds);
        {
            let mut state = self.state();
            let now = Instant::now();
            // An error page of something in between states no limits, which does not mean that there are none.
            if stated.is_some() || status.is_success() {
                state.limiter.learn(now, stated);
            }
            if status == StatusCode::TOO_MANY_REQUESTS {
                match body["retry_after"].as_f64().map(seconds) {
                    Some(retry_after) => {
                        state.limiter.block(now + retry_after);
                        if body["global"] == true {
                            let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
                            *silence = (*silence).max(Some(now + retry_after));
                        }
                    }
                    // Discord's own answers always state it: this is a page of its front.
                    None => self.ban().extend(now, header_wait, self.ban_pause),
                }
            }
        }
        self.learnt.notify_waiters();
        match status {
            status if status.is_success() => Answer::Accepted(body["id"].as_str().map(str::to_owned)),
            StatusCode::TOO_MANY_REQUESTS => Answer::Wait,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Answer::Gone(said(status, &body))
            }
            // Codes from 220000 on say that the channel behind the webhook wants something else (a thread).
            status
                if status.is_redirection()
                    || body["code"].as_u64().is_some_and(|code| code / 1000 == 220) =>
            {
                Answer::Gone(said(status, &body))
            }
            StatusCode::REQUEST_TIMEOUT => Answer::Unknown(said(status, &body)),
            status if status.is_client_error() => Answer::Refused(said(status, &body)),
            status => Answer::Unknown(said(status, &body)),
        }
    }
}

/// The answer in one line: status, Discord's code and words, and which parts it complains about.
fn said(status: StatusCode, body: &Value) -> String {
    let mut said = format!("status {}", status.as_u16());
    if let Some(message) = body["message"].as_str() {
        let message: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
        said += &format!(", {message}");
    }
    if let Some(code) = body["code"].as_u64() {
        said += &format!(" (Discord's code {code})");
    }
    let mut parts = Vec::new();
    complaints(&body["errors"], String::new(), &mut parts);
    if !parts.is_empty() {
        said += &format!(" at {}", parts.join(", "));
    }
    said
}

/// The paths that Discord nests its complaints under: `embeds.0.title`.
fn complaints(errors: &Value, path: String, found: &mut Vec<String>) {
    let Some(object) = errors.as_object() else { return };
    for (key, value) in object {
        if key == "_errors" {
            found.push(path.clone());
        } else if found.len() < 5 && path.len() < 100 {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            complaints(value, path, found);
        }
    }
}

fn stated(headers: &HeaderMap) -> Option<Stated> {
    let reset_after = number(headers, "x-ratelimit-reset-after")?;
    Some(Stated {
        limit: number(headers, "x-ratelimit-limit")? as u32,
        remaining: number(headers, "x-ratelimit-remaining")? as u32,
        reset_after: Duration::try_from_secs_f64(reset_after).ok()?,
    })
}

fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers
        .get(name)?
        .to_str()
        .ok()?
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite() && *number >= 0.0)
}
