//! A local server that answers like Telegram's Bot API for one bot, with faults on demand.
//!
//! It keeps updates until a later one is asked for, lets one ask at a time, and remembers what was sent to whom.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The bot's token.
pub const TOKEN: &str = "123456:stand-in_token";

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 429, and how many seconds to wait.
    TooManyRequests(u64),
    /// Telegram's own refusal with this code, such as 403 of a customer who has blocked the bot, or 500.
    Refused(u16),
    /// A page of something in between, with this status.
    Gateway(u16),
    /// Takes the call and never answers; nothing was done.
    NeverAnswers,
    /// Does what was asked and answers after this long.
    Slow(Duration),
}

/// A message that was shown to somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// In which chat.
    pub chat: i64,
    /// What it says.
    pub text: String,
    /// When.
    pub at: Instant,
}

/// The server; it ends when dropped.
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    news: Notify,
}

#[derive(Default)]
struct Inner {
    updates: VecDeque<Value>,
    last_update: i64,
    last_message: i64,
    asked: u64,
    conflicts: usize,
    script: VecDeque<Fault>,
    standing: Option<Fault>,
    shown: Vec<Shown>,
    calls: Vec<(String, Instant)>,
}

impl StandIn {
    /// Starts on a free port of this machine, without faults.
    pub async fn start() -> std::io::Result<StandIn> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let app = Router::new().route("/{bot}/{method}", post(call)).with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(StandIn { address, shared, server })
    }

    /// Its address, for `replier.telegram.api`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody writes to the bot: the message's number.
    pub fn write(&self, chat: i64, text: &str) -> i64 {
        let number = {
            let mut inner = self.lock();
            inner.last_message += 1;
            inner.last_message
        };
        self.tell("message", chat, number, text);
        number
    }

    /// Somebody changes what he wrote.
    pub fn edit(&self, chat: i64, message: i64, text: &str) {
        self.tell("edited_message", chat, message, text);
    }

    fn tell(&self, what: &str, chat: i64, message: i64, text: &str) {
        let mut inner = self.lock();
        inner.last_update += 1;
        let told = json!({
            "message_id": message,
            "date": chrono::Utc::now().timestamp(),
            "chat": { "id": chat, "type": "private" },
            "from": { "id": chat, "is_bot": false, "first_name": "Ada" },
            "text": text,
        });
        let update = json!({ "update_id": inner.last_update, what: told });
        inner.updates.push_back(update);
        drop(inner);
        self.shared.news.notify_waiters();
    }

    /// Tells of a message once more, as a new update, as happens after a failure of Telegram's.
    pub fn repeat(&self, chat: i64, message: i64, text: &str) {
        self.tell("message", chat, message, text);
    }

    /// These faults hit the next messages that are sent, one each; then all is well again.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().script.extend(faults);
    }

    /// This fault hits every call until it is changed.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.lock().standing = fault;
    }

    /// What was shown, in its order.
    pub fn shown(&self) -> Vec<Shown> {
        self.lock().shown.clone()
    }

    /// Updates that nobody has confirmed.
    pub fn waiting(&self) -> usize {
        self.lock().updates.len()
    }

    /// When this method was called.
    pub fn calls(&self, method: &str) -> Vec<Instant> {
        self.lock().calls.iter().filter(|(name, _)| name == method).map(|(_, at)| *at).collect()
    }

    /// How often one asked for updates while another did.
    pub fn conflicts(&self) -> usize {
        self.lock().conflicts
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn done(result: Value) -> Response {
    Json(json!({ "ok": true, "result": result })).into_response()
}

fn refused(code: u16, description: &str, parameters: Value) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body =
        json!({ "ok": false, "error_code": code, "description": description, "parameters": parameters });
    (status, Json(body)).into_response()
}

async fn call(
    State(shared): State<Arc<Shared>>,
    Path((bot, method)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    if bot != format!("bot{TOKEN}") {
        return refused(401, "Unauthorized", json!({}));
    }
    let fault = {
        let mut inner = shared.lock();
        inner.calls.push((method.clone(), Instant::now()));
        let scripted = if method == "sendMessage" { inner.script.pop_front() } else { None };
        scripted.or_else(|| inner.standing.clone())
    };
    match fault {
        None => {}
        Some(Fault::TooManyRequests(seconds)) => {
            let description = format!("Too Many Requests: retry after {seconds}");
            return refused(429, &description, json!({ "retry_after": seconds }));
        }
        Some(Fault::Refused(code)) => return refused(code, "refused on demand", json!({})),
        Some(Fault::Gateway(code)) => {
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
            return (status, Html("<html>Bad Gateway</html>")).into_response();
        }
        Some(Fault::NeverAnswers) => return std::future::pending().await,
        Some(Fault::Slow(time)) => {
            let answer = carry_out(&shared, &method, &body).await;
            tokio::time::sleep(time).await;
            return answer;
        }
    }
    carry_out(&shared, &method, &body).await
}

async fn carry_out(shared: &Shared, method: &str, body: &Value) -> Response {
    match method {
        "getMe" => {
            done(json!({ "id": 123_456, "is_bot": true, "first_name": "Green", "username": "green_bot" }))
        }
        "sendMessage" => {
            let (Some(chat), Some(text)) = (body["chat_id"].as_i64(), body["text"].as_str()) else {
                return refused(400, "Bad Request: chat_id or text is missing", json!({}));
            };
            let mut inner = shared.lock();
            inner.last_message += 1;
            let number = inner.last_message;
            inner.shown.push(Shown { chat, text: text.to_owned(), at: Instant::now() });
            done(json!({ "message_id": number, "chat": { "id": chat, "type": "private" }, "text": text }))
        }
        "getUpdates" => updates(shared, body).await,
        _ => refused(404, "Not Found", json!({})),
    }
}

/// As Telegram does: what lies before `offset` is forgotten, and who asks while another one waits has that one refused.
async fn updates(shared: &Shared, body: &Value) -> Response {
    let offset = body["offset"].as_i64().unwrap_or(0);
    let until = Instant::now() + Duration::from_secs(body["timeout"].as_u64().unwrap_or(0));
    let allowed: Vec<&str> =
        body["allowed_updates"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mine = {
        let mut inner = shared.lock();
        inner.updates.retain(|update| update["update_id"].as_i64() >= Some(offset));
        inner.asked += 1;
        inner.asked
    };
    shared.news.notify_waiters();
    loop {
        let news = shared.news.notified();
        tokio::pin!(news);
        news.as_mut().enable();
        {
            let mut inner = shared.lock();
            if inner.asked != mine {
                inner.conflicts += 1;
                return refused(409, "Conflict: terminated by other getUpdates request", json!({}));
            }
            let wanted = |update: &&Value| {
                allowed.is_empty() || allowed.iter().any(|kind| update.get(*kind).is_some())
            };
            let found: Vec<Value> = inner.updates.iter().filter(wanted).take(100).cloned().collect();
            if !found.is_empty() || Instant::now() >= until {
                return done(Value::Array(found));
            }
        }
        let left = until.saturating_duration_since(Instant::now());
        let _ = tokio::time::timeout(left, news).await;
    }
}
