//! The HTTP door: `POST /messages`, and `GET /messages/{id}` for what became of one.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use contracts::{Failure, FailureKind, MessageId, Topic};
use runtime::{Handle, StartError, Trace, spans};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Store;
use store::messages::NewMessage;
use tokio::net::TcpListener;
use tracing::Instrument;

use crate::admit::admit;
use crate::config::Config;
use crate::key::Key;
use crate::limiter::Limiter;
use crate::rows::MAX_KEY_BYTES;

/// Largest request.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// The header with the key.
const KEY_HEADER: &str = "x-api-key";
/// Wrong keys that are answered at once, and a second.
const WRONG_KEYS: u32 = 5;
/// How often it is tried whether an address that another process has is free.
const ADDRESS_TAKEN: Duration = Duration::from_secs(5);

/// The door.
pub struct Door {
    store: Store,
    key: Option<Key>,
    limiter: Limiter,
    wrong_keys: Limiter,
}

impl Door {
    /// A door with these settings.
    pub fn new(store: Store, config: &Config) -> Self {
        Door {
            store,
            key: Key::from_setting(&config.key),
            limiter: Limiter::new(config.rate_per_second, config.rate_burst),
            wrong_keys: Limiter::new(WRONG_KEYS, WRONG_KEYS),
        }
    }

    /// Keeps the door until the service stops. Replicas on one machine take turns at one address.
    pub async fn run(self, address: SocketAddr, handle: Handle) -> Result<(), StartError> {
        let stopping = handle.shutdown_token();
        let locked = self.key.is_some();
        let router = router(self);
        let mut said = false;
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                    if !said {
                        said = true;
                        let word =
                            format!("closed: another process listens on {address}; taken over when it ends");
                        tracing::warn!("the door for messages is {word}");
                        handle.note("door", word);
                    }
                    tokio::select! {
                        () = stopping.cancelled() => return Ok(()),
                        () = tokio::time::sleep(ADDRESS_TAKEN) => {}
                    }
                }
                Err(error) => {
                    return Err(StartError::listen("ingest.listen", address, &error));
                }
            }
        };
        let bound = listener.local_addr().unwrap_or(address);
        let who =
            if locked { "with a key" } else { "without a key, so for this machine only (set ingest.key)" };
        tracing::info!("messages come in at http://{bound}/messages {who}");
        handle.note("door", format!("http://{bound}/messages, {who}"));
        let serve = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(async move { stopping.cancelled().await });
        serve.await.map_err(|error| StartError::settings(format!("the door at {bound} broke: {error}")))
    }
}

/// The door's routes.
pub fn router(door: Door) -> Router {
    Router::new()
        .route("/messages", post(take_in))
        .route("/messages/{id}", get(status))
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "There is POST /messages and GET /messages/{id}.",
            )
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "There is POST /messages and GET /messages/{id}.",
            )
        })
        .with_state(Arc::new(door))
}

/// What a client is told when something is wrong.
#[derive(Debug, PartialEq)]
struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    index: Option<usize>,
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { status, code: code.into(), message: message.into(), index: None, retry_after: None }
    }

    fn of_message(code: impl Into<String>, message: impl Into<String>, index: Option<usize>) -> Self {
        Problem { index, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, message) }
    }

    fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause.as_secs_f64().ceil().max(1.0) as u64);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(index) = self.index {
            error["index"] = index.into();
        }
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        let code = error.code().as_str();
        match error.kind() {
            FailureKind::Outage | FailureKind::Transient => {
                tracing::warn!(%code, "a message could not be taken in: {error}");
                let words = "The message could not be stored. Send it again, with the same external_id.";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, words).retry_after(Duration::from_secs(2))
            }
            FailureKind::Permanent => {
                Problem::of_message(code, "The database does not take the message.", None)
            }
            FailureKind::Fatal => {
                tracing::error!(%code, "a message could not be taken in: {error}");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, code, "The message could not be stored.")
            }
        }
    }
}

/// A message as a client sends it.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    text: String,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    customer: Option<String>,
}

#[derive(Debug, PartialEq)]
struct Request {
    messages: Vec<Incoming>,
    /// Sent as a list, so answered as one.
    list: bool,
}

async fn take_in(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let caller = headers.get(contracts::header::TRACEPARENT).and_then(|value| value.to_str().ok());
    let request = spans::Request::served("POST", "/messages", caller.and_then(Trace::parse));
    let work = accept(&door, peer.ip(), &headers, body, &request.trace).instrument(request.span.clone());
    let answer = work.await.into_response();
    request.answered(Some(answer.status().as_u16()));
    answer
}

async fn accept(
    door: &Door,
    peer: IpAddr,
    headers: &HeaderMap,
    body: Body,
    trace: &Trace,
) -> Result<Response, Problem> {
    door.may_enter(peer, headers)?;
    let json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
    if !json {
        let words = "Send JSON, with the header Content-Type: application/json.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", words));
    }
    let request = read(&arrive(headers, body).await?)?;
    let count = u32::try_from(request.messages.len()).unwrap_or(u32::MAX);
    door.limiter.take(count).map_err(|pause| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            "Too many messages at once; wait and send again.",
        )
        .retry_after(pause)
    })?;

    let new: Vec<NewMessage> = request
        .messages
        .into_iter()
        .map(|message| NewMessage {
            source: "http".to_owned(),
            external_id: message.external_id,
            customer: message.customer,
            text: message.text,
            received_at: None,
        })
        .collect();
    // A message alone goes on with its request's trace; of several each has one of its own.
    let begin = || if new.len() == 1 { trace.clone() } else { spans::create(Topic::ReceivedMessage, trace) };
    let traceparents: Vec<String> = new.iter().map(|_| begin().traceparent()).collect();
    let inserted = door.store.insert_traced(&new, &traceparents).await?;
    let mut answers = Vec::with_capacity(inserted.len());
    let mut any_new = false;
    for (index, (inserted, sent)) in inserted.iter().zip(&new).enumerate() {
        any_new |= !inserted.repeated;
        if inserted.repeated {
            let known = door.store.message(inserted.id).await?;
            // Of one that is forgotten nobody knows any more what it said.
            let other = |text: &str| text != sent.text && text != store::customers::ANONYMISED;
            if known.is_some_and(|known| other(&known.message.text)) {
                let name = sent.external_id.as_deref().unwrap_or_default();
                let words = format!(
                    "The external_id '{name}' is that of message {}, which has another text.",
                    inserted.id
                );
                return Err(Problem {
                    index: request.list.then_some(index),
                    ..Problem::new(StatusCode::CONFLICT, "external_id_taken", words)
                });
            }
        }
        answers.push(json!({ "id": inserted.id, "repeated": inserted.repeated }));
    }
    let status = if any_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let answer = if request.list { json!({ "messages": answers }) } else { answers.swap_remove(0) };
    Ok((status, Json(answer)).into_response())
}

async fn status(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    door.may_enter(peer.ip(), &headers)?;
    let id: MessageId = id.parse().map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "not_an_id", "The id of a message is a number.")
    })?;
    let Some(row) = door.store.message(id).await? else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", format!("There is no message {id}.")));
    };
    let state = match (&row.outcome, row.published_at) {
        (Some(outcome), _) => outcome.as_str(),
        (None, Some(_)) => "on the line",
        (None, None) => "waiting",
    };
    Ok(Json(json!({
        "id": id,
        "state": state,
        "external_id": row.external_id,
        "received_at": row.message.received_at,
        "outcome_at": row.outcome_at,
        "reason": row.rejected_reason,
    }))
    .into_response())
}

impl Door {
    /// Whether this client may enter: with the key, or, where none is set, from this machine.
    fn may_enter(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(key) = &self.key else {
            return if is_local(peer, headers) {
                Ok(())
            } else {
                let words =
                    "No key is configured (ingest.key), so the door is open to the machine itself only.";
                Err(Problem::new(StatusCode::FORBIDDEN, "no_key_configured", words))
            };
        };
        if headers.get(KEY_HEADER).is_some_and(|sent| key.is(sent.as_bytes())) {
            return Ok(());
        }
        // Whoever guesses gets few guesses; whoever has the key is not held up by that.
        self.wrong_keys.take(1).map_err(|pause| {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many wrong keys; wait.")
                .retry_after(pause)
        })?;
        let words = "Show the key in the header X-Api-Key.";
        Err(Problem::new(StatusCode::UNAUTHORIZED, "wrong_key", words))
    }
}

/// Whether a request comes from this machine: not through a proxy, and not by a web page that gave
/// this machine a name of its own.
fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let own_name =
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    let proxied = headers.contains_key("forwarded") || headers.contains_key("x-forwarded-for");
    peer.to_canonical().is_loopback() && own_name && !proxied
}

async fn arrive(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let words = format!("The request is larger than {MAX_BODY_BYTES} bytes.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, contracts::Code::TooLarge.as_str(), words)
    };
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    match tokio::time::timeout(ARRIVAL, axum::body::to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "The request did not arrive within 10 seconds.",
        )),
    }
}

/// Reads a request: an object, or a list of them; all good or none taken.
fn read(body: &[u8]) -> Result<Request, Problem> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let words = format!("The request is not JSON: {error}.");
        Problem::new(StatusCode::BAD_REQUEST, "not_json", words)
    })?;
    let (values, list) = match value {
        Value::Array(values) => (values, true),
        one => (vec![one], false),
    };
    if values.is_empty() {
        return Err(Problem::of_message("no_messages", "The list holds no message.", None));
    }
    let messages = values
        .into_iter()
        .enumerate()
        .map(|(index, value)| read_one(value, list.then_some(index)))
        .collect::<Result<_, _>>()?;
    Ok(Request { messages, list })
}

fn read_one(value: Value, index: Option<usize>) -> Result<Incoming, Problem> {
    let mut message: Incoming = serde_json::from_value(value).map_err(|error| {
        let words = format!(
            "A message is an object with `text`, and if you like `external_id` and `customer`: {error}."
        );
        Problem::of_message("not_a_message", words, index)
    })?;
    admit(&message.text)
        .map_err(|refusal| Problem::of_message(refusal.code.as_str(), refusal.reason, index))?;
    for (name, value) in [("external_id", &mut message.external_id), ("customer", &mut message.customer)] {
        let Some(text) = value else { continue };
        if text.is_empty() || text.len() > MAX_KEY_BYTES || text.contains(char::is_control) {
            let words = format!("`{name}` is 1 to {MAX_KEY_BYTES} bytes of text.");
            return Err(Problem::of_message("not_a_message", words, index));
        }
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_or_a_list_of_them_is_read() {
        let one = read(br#"{"text":"2 burgers","external_id":"a-1","customer":"c"}"#).unwrap();
        assert!(!one.list);
        assert_eq!(one.messages[0].external_id.as_deref(), Some("a-1"));
        let list = read(br#"[{"text":"a"},{"text":"b"}]"#).unwrap();
        assert!(list.list);
        assert_eq!(list.messages.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_a_code_and_the_place_in_the_list() {
        let long = format!(r#"{{"text":"a","external_id":"{}"}}"#, "x".repeat(MAX_KEY_BYTES + 1));
        let table: [(&str, &str, Option<usize>); 10] = [
            ("", "not_json", None),
            ("{", "not_json", None),
            ("[]", "no_messages", None),
            (r#""2 burgers""#, "not_a_message", None),
            (r#"{"message":"2 burgers"}"#, "not_a_message", None),
            (r#"{"text":"a","external_Id":"1"}"#, "not_a_message", None),
            (&long, "not_a_message", None),
            (r#"{"text":"  "}"#, "GB202", None),
            (r#"[{"text":"a"},{"text":"b\u0000"}]"#, "GB203", Some(1)),
            (r#"[{"text":"a"},5]"#, "not_a_message", Some(1)),
        ];
        for (body, code, index) in table {
            let problem = read(body.as_bytes()).unwrap_err();
            assert_eq!((problem.code.as_str(), problem.index), (code, index), "{body:.60}");
            assert!(problem.status.is_client_error());
        }
        assert_eq!(read(b"\xff\xfe").unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn only_a_direct_request_under_its_own_name_is_local() {
        let headers = |list: &[(&'static str, &'static str)]| {
            list.iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<HeaderMap>()
        };
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(is_local(here, &headers(&[("host", "localhost:8080")])));
        assert!(is_local("::1".parse().unwrap(), &headers(&[("host", "[::1]:8080")])));
        assert!(is_local("::ffff:127.0.0.1".parse().unwrap(), &headers(&[("host", "127.0.0.1")])));
        assert!(!is_local("172.17.0.1".parse().unwrap(), &headers(&[("host", "localhost")])));
        assert!(!is_local(here, &headers(&[("host", "burgers.example")])));
        assert!(!is_local(here, &headers(&[("host", "localhost"), ("x-forwarded-for", "203.0.113.9")])));
        assert!(!is_local(here, &headers(&[])));
    }
}
