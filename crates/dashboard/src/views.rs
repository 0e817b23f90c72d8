//! What a browser may read.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contracts::topology::STREAM;
use contracts::{Code, MessageId, Topic, TrailEntry, header};
use daybook::Day;
use futures::future::join_all;
use greenbite::report::DayInFigures;
use runtime::{BusError, Trace};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::dashboard::{ListedEnquiry, ListedMessage, ListedOrder};
use store::kitchen::Ticket;
use text::health::{self, Piece};

use crate::Page;
use crate::dead_letters::Letter;

/// Rows of a list.
const LISTED: u32 = 300;
/// Events that a page begins with.
const RECENT: usize = 200;

/// Why a request has no good answer, in words for the page.
pub struct Trouble(pub StatusCode, pub String);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        Trouble(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<BusError> for Trouble {
    fn from(error: BusError) -> Self {
        Trouble(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

/// An answer, or why there is none.
pub type Answer<T> = Result<Json<T>, Trouble>;

/// `GET /api/snapshot`: what a page begins with.
pub async fn snapshot(State(page): State<Page>) -> Response {
    let state = page.state.borrow().clone();
    let recent = page.hub.recent(RECENT);
    let last = recent.last().map_or(0, |event| event.seq);
    // The state is JSON already; it is not parsed to be written again.
    let Ok(recent) = serde_json::to_string(&recent) else {
        return Trouble(StatusCode::INTERNAL_SERVER_ERROR, "the events cannot be written".to_owned())
            .into_response();
    };
    let body = format!(r#"{{"state":{state},"recent":{recent},"last_sequence":{last}}}"#);
    ([(axum::http::header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `GET /api/charts`
pub async fn charts(State(page): State<Page>) -> Json<crate::charts::Drawn> {
    let charts = page.charts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Json(charts.draw(chrono::Utc::now().timestamp_millis()))
}

/// `GET /api/messages`: the latest, newest first.
pub async fn messages(State(page): State<Page>) -> Answer<Vec<ListedMessage>> {
    Ok(Json(page.store.latest_messages(LISTED).await?))
}

/// A message's way: its row, and each event about it as the stream has it.
#[derive(Serialize)]
pub struct Journey {
    row: Value,
    steps: Vec<Step>,
    dead_letters: Vec<Letter>,
    trace_id: Option<String>,
    trace_url: Option<String>,
}

/// One event of a message's way.
#[derive(Serialize)]
struct Step {
    seq: u64,
    topic: Topic,
    station: String,
    /// When the stream stored it, in milliseconds since 1970.
    stored_at: f64,
    headers: Map<String, Value>,
    body: Value,
    #[serde(flatten)]
    entry: Option<Entry>,
}

/// What the station wrote into the trail.
#[derive(Serialize)]
struct Entry {
    took_us: u64,
    attempt: u32,
    verdict: String,
    reason: String,
    score: Option<f32>,
    decided_by: String,
    menu_version: Option<String>,
}

/// `GET /api/messages/{id}`: its journey.
pub async fn journey(State(page): State<Page>, Path(id): Path<i64>) -> Answer<Journey> {
    let id = MessageId(id);
    let row = page.store.message(id).await?;
    let found = join_all(Topic::ALL.iter().map(|topic| async {
        let stored = page.bus.direct_get(STREAM, &topic.subject(id)).await?;
        Ok::<_, BusError>(stored.map(|stored| step(*topic, stored)))
    }))
    .await;
    let mut steps = Vec::new();
    for one in found {
        steps.extend(one?);
    }
    steps.sort_by_key(|step: &Step| step.seq);
    let dead_letters = page.dead_letters.of_message(id).await?;
    let Some(row) = row else {
        return Err(Trouble(StatusCode::NOT_FOUND, format!("There is no message {id}.")));
    };
    let trace_id = steps
        .iter()
        .find_map(|step| Trace::parse(step.headers.get(header::TRACEPARENT)?.as_str()?))
        .map(|trace| trace.trace_id());
    let trace_url =
        trace_id.as_ref().and_then(|trace| Some(page.trace_url.as_ref()?.replace("{trace_id}", trace)));
    let row = json!({
        "id": id, "received_at": row.message.received_at, "source": row.message.source,
        "customer": row.message.customer, "text": row.message.text, "generation": row.message.generation,
        "outcome": row.outcome, "outcome_at": row.outcome_at, "rejected_reason": row.rejected_reason,
    });
    Ok(Json(Journey { row, steps, dead_letters, trace_id, trace_url }))
}

fn step(topic: Topic, stored: runtime::Stored) -> Step {
    let headers: Map<String, Value> = stored
        .headers
        .iter()
        .map(|(name, values)| {
            let values: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
            (name.to_string(), Value::from(values.join(", ")))
        })
        .collect();
    let stored_at = headers
        .get("Nats-Time-Stamp")
        .and_then(|value| chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok())
        .map_or(0.0, |time| time.timestamp_micros() as f64 / 1_000.0);
    let body: Value = crate::tap::payload(&stored.payload);
    let entry = body.get("trail").and_then(|trail| {
        let trail: Vec<TrailEntry> = serde_json::from_value(trail.clone()).ok()?;
        trail.into_iter().next_back()
    });
    let station = match &entry {
        Some(entry) => entry.station.to_string(),
        None => topic.publisher().to_string(),
    };
    let entry = entry.map(|entry| Entry {
        took_us: entry.took_us,
        attempt: entry.attempt,
        verdict: entry.decision.verdict,
        reason: entry.decision.reason,
        score: entry.decision.score,
        decided_by: entry.decision.decided_by,
        menu_version: entry.decision.menu_version,
    });
    Step { seq: stored.sequence, topic, station, stored_at, headers, body, entry }
}

/// Which day.
#[derive(serde::Deserialize)]
pub struct Which {
    day: Option<String>,
}

/// `GET /api/report?day=today`: a day in figures.
pub async fn report(State(page): State<Page>, Query(which): Query<Which>) -> Answer<DayInFigures> {
    let wrong = |reason: String| Trouble(StatusCode::BAD_REQUEST, reason);
    let day: Day = which.day.as_deref().unwrap_or("today").parse().map_err(wrong)?;
    let figures = DayInFigures::of(&page.store, day, page.zone).await?;
    figures.map(Json).ok_or_else(|| wrong(format!("There is no such day in {}.", page.zone)))
}

/// The order desk.
#[derive(Serialize)]
pub struct Desk {
    order_count: u64,
    order_total_cents: i64,
    orders: Vec<ListedOrder>,
    reviews: Vec<Value>,
    enquiries: Vec<Value>,
    drafts: Vec<store::knowledge::Entry>,
}

/// `GET /api/desk`: orders, reviews, enquiries, and what may be learned from their answers.
pub async fn desk(State(page): State<Page>) -> Answer<Desk> {
    let ((order_count, order_total_cents), orders, reviews, enquiries, drafts) = tokio::try_join!(
        page.store.order_totals(),
        page.store.latest_orders(LISTED),
        page.store.open_reviews(LISTED),
        page.store.latest_enquiries(LISTED),
        page.store.drafts(),
    )?;
    let reviews = reviews
        .into_iter()
        .map(|review| {
            json!({
                "number": review.number, "message_id": review.message.id, "text": review.message.text,
                "reason": review.reason, "lines": review.lines, "created_at": review.created_at,
            })
        })
        .collect();
    let enquiries = enquiries.iter().map(enquiry).collect();
    Ok(Json(Desk { order_count, order_total_cents, orders, reviews, enquiries, drafts }))
}

/// An enquiry, with where its proposed answer comes from in words.
fn enquiry(listed: &ListedEnquiry) -> Value {
    let mut value = json!(listed);
    let source = listed.source.as_deref();
    value["comes_from"] = json!(source.map(|source| contracts::event::comes_from(source, listed.sure)));
    value
}

/// A ticket with what its customer says of allergens.
#[derive(Serialize)]
struct Shown {
    /// The allergens that the customer must not have; none where the customer speaks of none.
    warning: Option<Vec<&'static str>>,
    /// The customer's words.
    words: Vec<Piece>,
    /// The wishes that name an allergen.
    delicate: Vec<String>,
    #[serde(flatten)]
    ticket: Ticket,
}

impl Shown {
    fn new(ticket: Ticket) -> Shown {
        let wishes = ticket.lines.iter().flat_map(|line| &line.modifiers).map(|modifier| &modifier.name);
        let delicate = wishes.filter(|name| health::names_allergen(name, &[])).cloned().collect();
        Shown {
            warning: health::warning(&ticket.text),
            words: health::pieces(&ticket.text),
            delicate,
            ticket,
        }
    }
}

/// `GET /api/kitchen`: the newest tickets, oldest first, and the server's time, by which their age is told.
pub async fn kitchen(State(page): State<Page>) -> Answer<Value> {
    let tickets: Vec<Shown> = page.store.tickets(LISTED).await?.into_iter().map(Shown::new).collect();
    Ok(Json(json!({ "now": chrono::Utc::now(), "tickets": tickets, "most": LISTED })))
}

/// `GET /api/dead-letters`: the oldest first.
pub async fn dead_letters(State(page): State<Page>) -> Answer<Vec<Letter>> {
    Ok(Json(page.dead_letters.list().await?))
}

/// `GET /errors/{code}`: the code's page, as text.
pub async fn error_page(Path(code): Path<String>) -> Result<Response, Trouble> {
    let code = Code::parse(&code)
        .ok_or_else(|| Trouble(StatusCode::NOT_FOUND, format!("There is no code {code}.")))?;
    let text = crate::error_pages::text(code);
    Ok(([(axum::http::header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
