//! A local server that answers like Discord's webhook endpoint, with faults on demand.
//!
//! It refuses what Discord refuses, counts as Discord counts, and remembers what it accepted, so
//! that a test, the demo or a chaos run can ask who was told what, how often, and whether a
//! repeat was marked as one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// 429 with this wait, for this webhook or, with `global`, for all.
    TooManyRequests {
        /// How long to wait.
        retry_after: Duration,
        /// Whether it holds for every webhook of the sender.
        global: bool,
    },
    /// 429 with a page of HTML and no word on how long: the front bans the sender's address.
    Banned,
    /// This status, with a body that says nothing: 500, 502, 401, 403, 404, ...
    Status(u16),
    /// Takes the request and never answers; what was sent is not accepted.
    NeverAnswers,
    /// Accepts what was sent and answers after this long; longer than the sender's patience, it is
    /// a notification that was shown and of which the sender does not know.
    Slow(Duration),
}

/// A message that was accepted, and so shown in its channel.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The name that its webhook was asked for by, such as `order`.
    pub webhook: String,
    /// The id that the stand-in gave it.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The request's body.
    pub body: Bytes,
    /// The customer's message that it is about, read from the footer.
    pub message_id: Option<i64>,
    /// What it is about, without the mark of a repeat: the embed's title.
    pub title: String,
    /// Whether it says of itself that it may have been shown before.
    pub possible_repeat: bool,
}

impl Accepted {
    /// What was sent.
    pub fn payload(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Two notifications with the same key tell of the same thing: message and kind (order, review, ...).
    pub fn key(&self) -> (Option<i64>, String) {
        (self.message_id, self.title.split_whitespace().next().unwrap_or_default().to_owned())
    }
}

/// What a run left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many were accepted.
    pub accepted: usize,
    /// The same, by the webhook's name.
    pub by_webhook: BTreeMap<String, usize>,
    /// How many different things were told.
    pub distinct: usize,
    /// The messages of which something was told more than once.
    pub repeated: Vec<i64>,
    /// Those of them where a repeat did not say that it may be one.
    pub repeated_unmarked: Vec<i64>,
    /// How many said that they may be repeats.
    pub marked: usize,
}

/// A request that was answered, whatever the answer was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The name of the webhook; empty where there is none with this id and token.
    pub webhook: String,
    /// When the request came.
    pub at: Instant,
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The answer's status; 0 where there was none.
    pub status: u16,
}

/// The server; it ends when dropped.
pub struct StandIn {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

struct Shared {
    inner: Mutex<Inner>,
    stopping: watch::Receiver<bool>,
}

#[derive(Default)]
struct Inner {
    limit: Option<(u32, Duration)>,
    windows: HashMap<String, Window>,
    script: VecDeque<Fault>,
    standing: Option<Fault>,
    standing_of: HashMap<String, Fault>,
    accepted: Vec<Accepted>,
    answered: Vec<Answered>,
}

struct Window {
    used: u32,
    ends: Instant,
}

impl StandIn {
    /// Starts on a free port of this machine, without a rate limit and without faults.
    pub async fn start() -> std::io::Result<StandIn> {
        StandIn::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on this address; the webhooks' URLs are the same whenever it is started there.
    pub async fn start_on(address: SocketAddr) -> std::io::Result<StandIn> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let shared = Arc::new(Shared { inner: Mutex::default(), stopping: stopping.clone() });
        let webhook = get(look).post(execute);
        let app = Router::new()
            .route("/api/webhooks/{id}/{token}", webhook.clone())
            .route("/api/v10/webhooks/{id}/{token}", webhook)
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            let ended = async move { stopped(stopping).await };
            if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(ended).await {
                tracing::error!(%error, "the stand-in for Discord failed");
            }
        });
        Ok(StandIn { address, shared, stop, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the webhook with this name; every name has one.
    pub fn webhook(&self, name: &str) -> String {
        format!("http://{}/api/webhooks/{}/{}", self.address, webhook_id(name), token(name))
    }

    /// From now on takes so many requests a webhook in such a time, and says so in its headers.
    pub fn limit(&self, requests: u32, window: Duration) {
        self.lock().limit = Some((requests, window));
    }

    /// These faults hit the next notifications, one each, on whatever webhook; then all is well again.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().script.extend(faults);
    }

    /// This fault hits every request until it is changed.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.lock().standing = fault;
    }

    /// This fault hits every request on one webhook until it is changed.
    pub fn set_fault_of(&self, webhook: &str, fault: Option<Fault>) {
        let mut inner = self.lock();
        match fault {
            Some(fault) => inner.standing_of.insert(webhook.to_owned(), fault),
            None => inner.standing_of.remove(webhook),
        };
    }

    /// What was accepted, in its order.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.lock().accepted.clone()
    }

    /// How many were accepted.
    pub fn count(&self) -> usize {
        self.lock().accepted.len()
    }

    /// Every request so far, accepted or not.
    pub fn requests(&self) -> Vec<Answered> {
        self.lock().answered.clone()
    }

    /// Counts, repeats and marks of what was accepted.
    pub fn summary(&self) -> Summary {
        let inner = self.lock();
        let mut summary = Summary { accepted: inner.accepted.len(), ..Summary::default() };
        // How often each thing was told, and how often without the mark.
        let mut told: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for one in &inner.accepted {
            *summary.by_webhook.entry(one.webhook.clone()).or_default() += 1;
            summary.marked += usize::from(one.possible_repeat);
            let (times, unmarked) = told.entry(one.key()).or_default();
            *times += 1;
            *unmarked += usize::from(!one.possible_repeat);
        }
        summary.distinct = told.len();
        for ((message_id, _), (times, unmarked)) in told {
            let Some(id) = message_id.filter(|_| times > 1) else { continue };
            summary.repeated.push(id);
            if unmarked > 1 {
                summary.repeated_unmarked.push(id);
            }
        }
        summary
    }

    /// Waits until so many were accepted; `false` if they were not in this time.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.count() < count {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        true
    }

    /// Closes the port and all connections; what was accepted is handed back.
    pub async fn stop(mut self) -> Vec<Accepted> {
        self.stop.send_replace(true);
        if tokio::time::timeout(Duration::from_secs(5), &mut self.server).await.is_err() {
            self.server.abort();
        }
        std::mem::take(&mut self.lock().accepted)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.server.abort();
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // The sender lives as long as the stand-in; without it there is nothing left to wait for.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn webhook_id(name: &str) -> u64 {
    let hash = name.bytes().fold(0u64, |hash, byte| hash.wrapping_mul(131).wrapping_add(u64::from(byte)));
    1_100_000_000_000_000_000 + hash % 1_000_000_000_000_000
}

fn token(name: &str) -> String {
    format!("{name}-{}", "s3cr3t-0f-th3-st4nd-1n-".repeat(3))
}

fn name_of(token_text: &str) -> Option<&str> {
    let (name, _) = token_text.split_once("-s3cr3t")?;
    (token(name) == token_text).then_some(name)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, webhook: &str, method: &'static str, status: u16) {
        self.lock().answered.push(Answered {
            webhook: webhook.to_owned(),
            at: Instant::now(),
            method,
            status,
        });
    }
}

/// `GET`: what the webhook is; sends nothing.
async fn look(State(shared): State<Arc<Shared>>, Path((id, token)): Path<(String, String)>) -> Response {
    let response = async {
        let name = known(&id, &token)?;
        let fault = shared.lock().standing_fault(name);
        if let Some(fault) = fault {
            suffer(&shared, name, "GET", fault).await?;
        }
        Ok(axum::Json(json!({ "type": 1, "id": id, "name": name, "channel_id": "1", "guild_id": "1" }))
            .into_response())
    }
    .await
    .unwrap_or_else(|refusal: Response| refusal);
    shared.note(name_of(&token).unwrap_or_default(), "GET", response.status().as_u16());
    response
}

/// `POST`: shows a message in the webhook's channel.
async fn execute(
    State(shared): State<Arc<Shared>>,
    Path((id, token)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    body: Bytes,
) -> Response {
    let mut headers = HeaderMap::new();
    let wait = query.get("wait").is_some_and(|wait| wait == "true");
    let result = accept(&shared, &id, &token, wait, body, &mut headers).await;
    let mut response = result.unwrap_or_else(|refusal| refusal);
    response.headers_mut().extend(headers);
    shared.note(name_of(&token).unwrap_or_default(), "POST", response.status().as_u16());
    response
}

async fn accept(
    shared: &Shared,
    id: &str,
    token: &str,
    wait: bool,
    body: Bytes,
    headers: &mut HeaderMap,
) -> Result<Response, Response> {
    let name = known(id, token)?;
    let fault = {
        let mut inner = shared.lock();
        inner.spend(id, headers)?;
        let scripted = inner.script.pop_front();
        scripted.or_else(|| inner.standing_fault(name))
    };
    let delay = match fault {
        Some(Fault::Slow(delay)) => Some(delay),
        Some(fault) => {
            suffer(shared, name, "POST", fault).await?;
            None
        }
        None => None,
    };
    let payload: Value = serde_json::from_slice(&body)
        .map_err(|_| refusal(400, 50109, "The request body contains invalid JSON.", None))?;
    check(&payload).map_err(IntoResponse::into_response)?;

    let at = Utc::now();
    let message_id = {
        let mut inner = shared.lock();
        let message_id = (1_200_000_000_000_000_000 + inner.accepted.len() as u64).to_string();
        inner.accepted.push(read(name, message_id.clone(), at, &payload, body));
        message_id
    };
    if let Some(delay) = delay {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stopped(shared.stopping.clone()) => {}
        }
    }
    if !wait {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(axum::Json(json!({
        "id": message_id,
        "type": 0,
        "webhook_id": id,
        "channel_id": "1",
        "author": { "id": id, "username": name, "bot": true },
        "content": payload.get("content").cloned().unwrap_or_else(|| json!("")),
        "embeds": payload.get("embeds").cloned().unwrap_or_else(|| json!([])),
        "timestamp": at.to_rfc3339(),
    }))
    .into_response())
}

/// The name of the webhook with this id and token; else what Discord says to a wrong one.
#[allow(clippy::result_large_err)] // the refusal is the answer, and there are few
fn known<'a>(id: &str, token: &'a str) -> Result<&'a str, Response> {
    let name = name_of(token).ok_or_else(|| refusal(401, 50027, "Invalid Webhook Token", None))?;
    if webhook_id(name).to_string() != id {
        return Err(refusal(404, 10015, "Unknown Webhook", None));
    }
    Ok(name)
}

/// Answers as the fault wants it, or not at all.
async fn suffer(shared: &Shared, name: &str, method: &'static str, fault: Fault) -> Result<(), Response> {
    match fault {
        Fault::TooManyRequests { retry_after, global } => Err(too_many(retry_after, global)),
        Fault::Banned => {
            let page = axum::response::Html("<html><title>Access denied</title>error code: 1015</html>");
            Err((StatusCode::TOO_MANY_REQUESTS, page).into_response())
        }
        Fault::Status(status) => Err(match status {
            401 => refusal(401, 50027, "Invalid Webhook Token", None),
            403 => refusal(403, 50013, "Missing Permissions", None),
            404 => refusal(404, 10015, "Unknown Webhook", None),
            other => {
                (StatusCode::from_u16(other).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "").into_response()
            }
        }),
        Fault::NeverAnswers => {
            shared.note(name, method, 0);
            stopped(shared.stopping.clone()).await;
            Err(StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
        Fault::Slow(delay) => {
            tokio::time::sleep(delay).await;
            Ok(())
        }
    }
}

fn too_many(retry_after: Duration, global: bool) -> Response {
    let seconds = retry_after.as_secs_f64();
    let body = json!({ "message": "You are being rate limited.", "retry_after": seconds, "global": global });
    let mut response = (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    put(headers, "retry-after", seconds.ceil().to_string());
    put(headers, "x-ratelimit-scope", if global { "global" } else { "user" }.to_owned());
    if global {
        put(headers, "x-ratelimit-global", "true".to_owned());
    }
    response
}

fn put(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn refusal(status: u16, code: u32, message: &str, errors: Option<Value>) -> Response {
    Refusal { status, code, message: message.to_owned(), errors }.into_response()
}

impl Inner {
    fn standing_fault(&self, name: &str) -> Option<Fault> {
        self.standing_of.get(name).or(self.standing.as_ref()).cloned()
    }

    /// Takes one request out of the webhook's window, or says how long the window lasts.
    #[allow(clippy::result_large_err)] // the refusal is the answer, and there are few
    fn spend(&mut self, id: &str, headers: &mut HeaderMap) -> Result<(), Response> {
        let Some((limit, length)) = self.limit else { return Ok(()) };
        let now = Instant::now();
        let fresh = || Window { used: 0, ends: now + length };
        let window = self.windows.entry(id.to_owned()).or_insert_with(fresh);
        if window.ends <= now {
            *window = fresh();
        }
        let left = window.ends - now;
        let allowed = window.used < limit;
        if allowed {
            window.used += 1;
        }
        put(headers, "x-ratelimit-limit", limit.to_string());
        put(headers, "x-ratelimit-remaining", (limit - window.used).to_string());
        put(headers, "x-ratelimit-reset-after", format!("{:.3}", left.as_secs_f64()));
        put(headers, "x-ratelimit-bucket", format!("bucket-{id}"));
        if allowed { Ok(()) } else { Err(too_many(left, false)) }
    }
}

/// What Discord answers to a body that it does not take.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The answer's status.
    pub status: u16,
    /// Discord's own code.
    pub code: u32,
    /// What is wrong.
    pub message: String,
    /// Where, as Discord nests it.
    pub errors: Option<Value>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = self.errors {
            body["errors"] = errors;
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, axum::Json(body)).into_response()
    }
}

/// Whether Discord would take this body; all of it is refused for one thing that is too long.
pub fn check(payload: &Value) -> Result<(), Refusal> {
    let mut complaints = Complaints::default();
    let content = text(payload, "content");
    complaints.at_most(&["content"], content, 2000);
    let embeds = payload.get("embeds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if content.is_empty() && embeds.is_empty() {
        let message = "Cannot send an empty message".to_owned();
        return Err(Refusal { status: 400, code: 50006, message, errors: None });
    }
    if embeds.len() > 10 {
        complaints.add(&["embeds"], "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.");
    }
    let mut all = 0;
    for (index, embed) in embeds.iter().enumerate() {
        all += check_embed(&index.to_string(), embed, &mut complaints);
    }
    if all > 6000 {
        complaints.add(&["embeds"], "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000");
    }
    if complaints.errors.is_empty() {
        return Ok(());
    }
    let message = "Invalid Form Body".to_owned();
    Err(Refusal { status: 400, code: 50035, message, errors: Some(Value::Object(complaints.errors)) })
}

/// Checks one embed and returns how much it adds to the 6000 that all may have together.
fn check_embed(index: &str, embed: &Value, complaints: &mut Complaints) -> usize {
    let at = ["embeds", index];
    let none = Value::Null;
    let footer = text(embed.get("footer").unwrap_or(&none), "text");
    let author = text(embed.get("author").unwrap_or(&none), "name");
    let (title, description) = (text(embed, "title"), text(embed, "description"));
    complaints.at_most(&[at[0], at[1], "title"], title, 256);
    complaints.at_most(&[at[0], at[1], "description"], description, 4096);
    complaints.at_most(&[at[0], at[1], "footer", "text"], footer, 2048);
    complaints.at_most(&[at[0], at[1], "author", "name"], author, 256);
    let mut size: usize = [title, description, footer, author].iter().map(|text| count(text)).sum();

    let fields = embed.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if fields.len() > 25 {
        complaints.add(&[at[0], at[1], "fields"], "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.");
    }
    for (index, field) in fields.iter().enumerate() {
        let index = index.to_string();
        for (key, limit) in [("name", 256), ("value", 1024)] {
            let path = [at[0], at[1], "fields", &index, key];
            let text = text(field, key);
            if text.is_empty() {
                complaints.add(&path, "BASE_TYPE_REQUIRED", "This field is required");
            }
            complaints.at_most(&path, text, limit);
            size += count(text);
        }
    }
    let timestamp = embed.get("timestamp").and_then(Value::as_str);
    if timestamp.is_some_and(|time| DateTime::parse_from_rfc3339(time).is_err()) {
        complaints.add(
            &[at[0], at[1], "timestamp"],
            "DATE_TIME_TYPE_PARSE",
            "Could not be parsed as a timestamp.",
        );
    }
    if size == 0 {
        complaints.add(&[at[0], at[1], "description"], "BASE_TYPE_REQUIRED", "This field is required");
    }
    size
}

/// Discord trims before it counts.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default().trim()
}

fn count(text: &str) -> usize {
    text.chars().count()
}

#[derive(Default)]
struct Complaints {
    errors: Map<String, Value>,
}

impl Complaints {
    fn at_most(&mut self, path: &[&str], text: &str, limit: usize) {
        if count(text) > limit {
            self.add(path, "BASE_TYPE_MAX_LENGTH", &format!("Must be {limit} or fewer in length."));
        }
    }

    fn add(&mut self, path: &[&str], code: &str, message: &str) {
        let mut place = &mut self.errors;
        for key in path {
            let next = place.entry(*key).or_insert_with(|| json!({}));
            let Value::Object(object) = next else { return };
            place = object;
        }
        place.insert("_errors".to_owned(), json!([{ "code": code, "message": message }]));
    }
}

fn read(webhook: &str, id: String, at: DateTime<Utc>, payload: &Value, body: Bytes) -> Accepted {
    const MARK: &str = "possible repeat";
    let title = payload.pointer("/embeds/0/title").and_then(Value::as_str).unwrap_or_default();
    let footer = payload.pointer("/embeds/0/footer/text").and_then(Value::as_str).unwrap_or_default();
    let message_id = footer
        .split_once("message ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    let marked_title = title.to_lowercase().starts_with(MARK);
    let bare = if marked_title { title.split_once(": ").map_or(title, |(_, rest)| rest) } else { title };
    Accepted {
        webhook: webhook.to_owned(),
        id,
        at,
        message_id,
        possible_repeat: marked_title || text(payload, "content").to_lowercase().contains(MARK),
        title: bare.to_owned(),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(payload: Value) -> Value {
        check(&payload).err().and_then(|refusal| refusal.errors).unwrap_or(Value::Null)
    }

    fn embed(embed: Value) -> Value {
        json!({ "embeds": [embed] })
    }

    #[test]
    fn each_limit_is_taken_when_it_is_just_kept_and_refused_beyond() {
        for (length, limit) in [(256, true), (257, false)] {
            assert_eq!(complaints(embed(json!({ "title": "é".repeat(length) }))).is_null(), limit);
        }
        for (path, payload) in [
            ("/content/_errors", json!({ "content": "x".repeat(2001) })),
            ("/embeds/0/description/_errors", embed(json!({ "description": "x".repeat(4097) }))),
            ("/embeds/0/footer/text/_errors", embed(json!({ "footer": { "text": "x".repeat(2049) } }))),
            (
                "/embeds/0/fields/0/value/_errors",
                embed(json!({ "fields": [{ "name": "n", "value": "x".repeat(1025) }] })),
            ),
            ("/embeds/0/fields/0/name/_errors", embed(json!({ "fields": [{ "name": " ", "value": "v" }] }))),
            (
                "/embeds/0/fields/_errors",
                embed(json!({ "fields": vec![json!({ "name": "n", "value": "v" }); 26] })),
            ),
            ("/embeds/_errors", json!({ "embeds": vec![json!({ "description": "x".repeat(2001) }); 3] })),
            ("/embeds/_errors", json!({ "embeds": vec![json!({ "title": "x" }); 11] })),
        ] {
            assert!(complaints(payload).pointer(path).is_some(), "{path}");
        }
    }

    #[test]
    fn blanks_around_a_text_do_not_count() {
        let padded = format!("  {}\n", "x".repeat(256));
        assert_eq!(check(&embed(json!({ "title": padded }))), Ok(()));
    }

    #[test]
    fn an_empty_message_is_refused() {
        assert_eq!(check(&json!({ "content": " " })).unwrap_err().code, 50006);
        assert!(check(&embed(json!({}))).is_err());
    }

    fn accepted(title: &str, content: &str, message: i64) -> Accepted {
        let footer = format!("GreenBite · message {message}");
        let payload =
            json!({ "content": content, "embeds": [{ "title": title, "footer": { "text": footer } }] });
        read("order", "1".into(), Utc::now(), &payload, Bytes::new())
    }

    #[tokio::test]
    async fn repeats_are_counted_and_unmarked_ones_stand_out() {
        let discord = StandIn::start().await.unwrap();
        discord.lock().accepted.extend([
            accepted("Order 1 · $5", "", 7),
            accepted("POSSIBLE REPEAT: Order 1 · $5", "⚠️ **Possible repeat** of order 1", 7),
            accepted("Review 1 · please decide", "", 8),
            accepted("Order 2 · $6", "", 8),
            accepted("Order 3 · $7", "", 9),
            accepted("Order 3 · $7", "", 9),
        ]);
        let summary = discord.summary();
        assert_eq!((summary.accepted, summary.distinct, summary.marked), (6, 4, 1));
        assert_eq!((summary.repeated, summary.repeated_unmarked), (vec![7, 9], vec![9]));
    }

    #[tokio::test]
    async fn started_again_on_the_same_address_it_has_the_same_webhooks() {
        let discord = StandIn::start().await.unwrap();
        let (address, url) = (discord.address(), discord.webhook("order"));
        discord.stop().await;
        let again = StandIn::start_on(address).await.unwrap();
        assert_eq!(again.webhook("order"), url);
        assert_eq!(name_of(url.rsplit('/').next().unwrap()), Some("order"));
        assert_eq!(name_of("s3cr3t"), None);
    }
}
