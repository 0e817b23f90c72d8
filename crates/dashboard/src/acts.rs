//! What a browser with the token may change.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::Utc;
use contracts::kitchen::Step;
use contracts::topology::{DEAD_LETTER_STREAM, STREAM};
use contracts::{
    Decision, Event, MatchedItem, Message, MessageId, Registered, Service, Settlement, Topic, TrailEntry,
    Validated, ValidatedLine, Verdict,
};
use runtime::{Published, Trace, spans};
use serde::Deserialize;
use serde_json::{Value, json};
use store::answers::Answering;
use store::kitchen::{NewStep, Pressed, StepError};
use store::messages::NewMessage;
use store::reviews::{Decided, Review, ReviewDecision, Settled};
use tracing::Instrument;

use crate::Page;
use crate::simulation::Plan;
use crate::views::{Answer, Trouble};

fn bad(reason: impl Into<String>) -> Trouble {
    Trouble(StatusCode::BAD_REQUEST, reason.into())
}

fn done() -> Answer<Value> {
    Ok(Json(json!({ "done": true })))
}

/// `POST /api/unlock`: whether the token is right. The guard has answered that already.
pub async fn unlock() -> Answer<Value> {
    done()
}

/// A message of the class's own.
#[derive(Deserialize)]
pub struct Own {
    text: String,
}

/// `POST /api/messages`: takes a message in.
pub async fn send(State(page): State<Page>, Json(Own { text }): Json<Own>) -> Answer<Value> {
    if text.trim().is_empty() {
        return Err(bad("The message has no text."));
    }
    let message = NewMessage {
        source: Service::Dashboard.to_string(),
        external_id: None,
        customer: None,
        text,
        received_at: None,
    };
    let inserted = page.store.insert_message(&message).await?;
    Ok(Json(json!({ "id": inserted.id })))
}

/// A person's decision over a review.
#[derive(Deserialize)]
pub struct Settle {
    by: String,
    decision: Choice,
    #[serde(default)]
    lines: Vec<Chosen>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Accept,
    Refuse,
}

/// Which item a line is; none leaves the line out.
#[derive(Deserialize)]
struct Chosen {
    line: usize,
    slug: Option<String>,
}

/// `POST /api/reviews/{message id}/settle`: writes the decision, then sends it down the line.
pub async fn settle(
    State(page): State<Page>,
    Path(id): Path<i64>,
    Json(settle): Json<Settle>,
) -> Answer<Value> {
    let id = MessageId(id);
    let by = name(&settle.by)?;
    let review = page
        .store
        .review(id)
        .await?
        .ok_or_else(|| Trouble(StatusCode::NOT_FOUND, format!("There is no review of message {id}.")))?;
    let (decision, lines) = match settle.decision {
        Choice::Accept => (ReviewDecision::Accepted, chosen(&review, &settle.lines, by)?),
        Choice::Refuse => (ReviewDecision::Rejected, review.lines.clone()),
    };
    match page.store.settle_review(id, decision, by, &lines).await? {
        Settled::Now(decided) => {
            // The decision is safe now. Should the bus be away, it is sent again until it gets there.
            if let Err(error) = announce(&page, &review, decided).await {
                tracing::warn!(
                    message_id = id.0,
                    "the decision is written and will be sent later: {}",
                    error.1
                );
            }
            done()
        }
        Settled::Before(decided) => Err(Trouble(
            StatusCode::CONFLICT,
            format!("{} has decided already: {}.", decided.by, decided.decision.as_str()),
        )),
        Settled::Unknown => {
            Err(Trouble(StatusCode::NOT_FOUND, format!("There is no review of message {id}.")))
        }
    }
}

/// Who decides.
fn name(by: &str) -> Result<&str, Trouble> {
    let by = by.trim();
    if by.is_empty() || by.chars().count() > 80 || by.chars().any(char::is_control) {
        return Err(bad("Say who decides, in 80 characters at most."));
    }
    Ok(by)
}

/// Characters of an answer or a question at most.
const LONGEST: usize = 2_000;

/// A person's words, where there are any and not too many.
fn words(text: &str) -> Result<&str, Trouble> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST {
        return Err(bad(format!("Write something, in {LONGEST} characters at most.")));
    }
    Ok(text)
}

/// A person's answer to an enquiry.
#[derive(Deserialize)]
pub struct Reply {
    by: String,
    text: String,
}

/// `POST /api/enquiries/{message id}/answer`: notes the answer, which closes the enquiry. One that was not proposed is a
/// draft of an entry from then on.
pub async fn answer(
    State(page): State<Page>,
    Path(id): Path<i64>,
    Json(reply): Json<Reply>,
) -> Answer<Value> {
    let (by, text) = (name(&reply.by)?, words(&reply.text)?);
    match page.store.answer_enquiry(MessageId(id), text, by).await? {
        Answering::Now { draft } => Ok(Json(json!({ "done": true, "draft": draft }))),
        Answering::Before(before) => Err(Trouble(
            StatusCode::CONFLICT,
            format!("{} has answered already: {}", before.by, before.answer),
        )),
        Answering::Unknown => {
            Err(Trouble(StatusCode::NOT_FOUND, format!("There is no enquiry of message {id}.")))
        }
    }
}

/// Who confirms a draft, and how its question is put in general words.
#[derive(Deserialize)]
pub struct Confirm {
    by: String,
    question: String,
}

/// `POST /api/knowledge/{id}/confirm`: from now on customers are answered by it.
pub async fn confirm_draft(
    State(page): State<Page>,
    Path(id): Path<String>,
    Json(confirm): Json<Confirm>,
) -> Answer<Value> {
    let (by, question) = (name(&confirm.by)?, words(&confirm.question)?);
    match page.store.confirm_draft(&id, by, Some(question)).await? {
        true => done(),
        false => Err(no_draft(&id)),
    }
}

/// `POST /api/knowledge/{id}/discard`: nothing is learned from that answer.
pub async fn discard_draft(State(page): State<Page>, Path(id): Path<String>) -> Answer<Value> {
    match page.store.discard_draft(&id).await? {
        true => done(),
        false => Err(no_draft(&id)),
    }
}

fn no_draft(id: &str) -> Trouble {
    Trouble(StatusCode::NOT_FOUND, format!("There is no draft '{id}': somebody has settled it already."))
}

/// The lines that a person keeps, each as the item that was chosen, at the menu's price.
fn chosen(review: &Review, choices: &[Chosen], by: &str) -> Result<Vec<ValidatedLine>, Trouble> {
    let mut kept = Vec::new();
    for (at, line) in review.lines.iter().enumerate() {
        let choice = choices
            .iter()
            .find(|choice| choice.line == at)
            .ok_or_else(|| bad(format!("Decide about '{}' too.", line.line.phrase)))?;
        let Some(slug) = &choice.slug else { continue };
        let matched = item(line, slug)
            .ok_or_else(|| bad(format!("'{slug}' is not among the candidates of '{}'.", line.line.phrase)))?;
        let mut line = line.clone();
        line.verdict = Verdict::Accepted;
        line.reason = format!("{by} chose {}", matched.name);
        line.line.doubts.clear();
        line.matched = Some(matched);
        kept.push(line);
    }
    if kept.is_empty() {
        return Err(bad("Keep a line at least, or refuse the order."));
    }
    Ok(kept)
}

fn item(line: &ValidatedLine, slug: &str) -> Option<MatchedItem> {
    if let Some(matched) = line.matched.as_ref().filter(|matched| matched.slug == slug) {
        return Some(matched.clone());
    }
    // What size and extras cost is the same whatever the item: the price of the best guess over the bare item.
    let extras = line.matched.as_ref().map_or(0, |guess| {
        let bare = line.candidates.iter().find(|candidate| candidate.slug == guess.slug);
        bare.map_or(0, |bare| guess.unit_price_cents - bare.price_cents)
    });
    let candidate = line.candidates.iter().find(|candidate| candidate.slug == slug)?;
    Some(MatchedItem {
        slug: candidate.slug.clone(),
        name: candidate.name.clone(),
        unit_price_cents: candidate.price_cents + extras,
    })
}

/// Sends a decision that was written down the line.
async fn announce(page: &Page, review: &Review, decided: Decided) -> Result<Published, Trouble> {
    let id = review.message.id;
    let before = page.bus.direct_get(STREAM, &Topic::RegisteredReview.subject(id)).await?;
    let trace = before.as_ref().and_then(|stored| Trace::from_headers(&stored.headers));
    let mut trail = before
        .and_then(|stored| serde_json::from_slice::<Registered>(&stored.payload).ok())
        .map_or_else(Vec::new, |mut event| std::mem::take(event.trail_mut()));
    let accepted = decided.decision == ReviewDecision::Accepted;
    let (topic, reason) = match accepted {
        true => (Topic::ValidatedAccepted, format!("{} looked at it and said yes", decided.by)),
        false => (Topic::ValidatedRejected, format!("{} looked at it and said no", decided.by)),
    };
    let decision = Decision::by_rules(topic.outcome(), reason.clone())
        .decided_by(decided.by.clone())
        .menu_version(review.menu_version.clone());
    trail.push(TrailEntry::by_person(Service::Dashboard, decision, decided.at));
    let mut message = review.message.clone();
    message.generation = generation(page, topic, &message).await?;
    let event = Validated {
        message,
        proposed_reply: (!accepted).then(|| refusal(&decided.lines)),
        lines: decided.lines,
        reason,
        menu_version: review.menu_version.clone(),
        settled: Some(Settlement { by: decided.by, at: decided.at }),
        trail,
    };
    let (span, trace) = spans::publish(topic, id, trace, false);
    Ok(page.bus.publish_event("review-desk", topic, &event, &trace).instrument(span).await?)
}

/// As which generation a decision is told: an order that came too fast was accepted by the line before, under the
/// subject that the decision takes now.
async fn generation(page: &Page, topic: Topic, message: &Message) -> Result<u32, Trouble> {
    let before = page.bus.direct_get(STREAM, &topic.subject(message.id)).await?;
    let before = before.and_then(|stored| serde_json::from_slice::<Validated>(&stored.payload).ok());
    Ok(match before {
        Some(event) if event.settled.is_none() => message.generation.max(event.message.generation + 1),
        _ => message.generation,
    })
}

/// What to answer a customer whose order a person refused.
fn refusal(lines: &[ValidatedLine]) -> String {
    let doubtful: Vec<&str> = lines
        .iter()
        .filter(|line| line.verdict != Verdict::Accepted)
        .map(|line| line.line.phrase.as_str())
        .collect();
    let closest = lines
        .iter()
        .filter(|line| line.verdict != Verdict::Accepted)
        .find_map(|line| line.candidates.first());
    let wish = if doubtful.is_empty() { "that".to_owned() } else { doubtful.join(" and ") };
    match closest {
        Some(candidate) => {
            format!("Sorry, we can't make {wish} as ordered. The closest we have is {}.", candidate.name)
        }
        None => format!("Sorry, we can't make {wish} as ordered."),
    }
}

/// Sends decisions that were written but did not reach the registrar, because somebody died in between.
pub async fn send_decisions_again(page: &Page) {
    let before = Utc::now() - chrono::TimeDelta::seconds(15);
    let Ok(waiting) = page.store.decided_reviews(before).await else { return };
    for id in waiting {
        let (Ok(Some(review)), Ok(Some(decided))) =
            (page.store.review(id).await, page.store.decision(id).await)
        else {
            continue;
        };
        if let Err(error) = announce(page, &review, decided).await {
            tracing::warn!(message_id = id.0, "the decision waits to be sent: {}", error.1);
        }
    }
}

/// What a person in the kitchen does with an order.
#[derive(Deserialize)]
pub struct Press {
    step: Step,
    who: String,
    why: Option<String>,
    /// How many steps the order had on the screen: the same press, sent again, is no second one.
    after: Option<i32>,
}

/// `POST /api/orders/{number}/steps`: takes a step, or says that it is so already.
pub async fn step(
    State(page): State<Page>,
    Path(number): Path<i64>,
    Json(press): Json<Press>,
) -> Answer<Value> {
    let Press { step, who, why, after } = press;
    let (state, taken) = match page.store.take_step(&NewStep { number, step, who, why, after }).await? {
        Pressed::Now(taken) => (taken.state, true),
        Pressed::Before(state, _) => (state, false),
    };
    Ok(Json(json!({ "state": state, "taken": taken })))
}

impl From<StepError> for Trouble {
    fn from(error: StepError) -> Self {
        let status = match &error {
            StepError::Illegal { .. } | StepError::Overtaken { .. } => StatusCode::CONFLICT,
            StepError::NoOrder(_) => StatusCode::NOT_FOUND,
            StepError::NoName(_) | StepError::NoReason(_) | StepError::TooLong(_) => StatusCode::BAD_REQUEST,
            StepError::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Trouble(status, error.to_string())
    }
}

fn station(name: &str) -> Result<Service, Trouble> {
    Service::STATIONS
        .into_iter()
        .find(|service| service.as_str() == name)
        .ok_or_else(|| Trouble(StatusCode::NOT_FOUND, format!("There is no station '{name}'.")))
}

/// `POST /api/stations/{service}/pause`
pub async fn pause(State(page): State<Page>, Path(name): Path<String>) -> Answer<Value> {
    page.watch.pause(station(&name)?).await;
    done()
}

/// `POST /api/stations/{service}/resume`
pub async fn resume(State(page): State<Page>, Path(name): Path<String>) -> Answer<Value> {
    page.watch.resume(station(&name)?).await;
    done()
}

/// What only a class's page does.
pub async fn not_in_production() -> Trouble {
    let reason = "This is for classes, and not to be had with dashboard.mode = production.";
    Trouble(StatusCode::FORBIDDEN, reason.to_owned())
}

/// `POST /api/simulation/start`
pub async fn start_simulation(State(page): State<Page>, Json(plan): Json<Plan>) -> Answer<Value> {
    page.simulation.start(&page.store, plan).map_err(|reason| Trouble(StatusCode::CONFLICT, reason))?;
    done()
}

/// `POST /api/simulation/stop`
pub async fn stop_simulation(State(page): State<Page>) -> Answer<Value> {
    page.simulation.stop();
    done()
}

/// How long a clearing waits for what is on its way.
const MOMENT: Duration = Duration::from_secs(5);

/// The word that clears a class's data.
#[derive(Deserialize)]
pub struct Clear {
    confirm: String,
}

/// `POST /api/clear`: removes every message and all that came of it.
pub async fn clear(State(page): State<Page>, Json(Clear { confirm }): Json<Clear>) -> Answer<Value> {
    if confirm != "CLEAR" {
        return Err(bad("Type CLEAR to remove every message and every order."));
    }
    page.simulation.stop();
    // What is in a station's hands gets a moment to arrive: it would go on, and be a dead letter for want of its row.
    let idle = async {
        while page.bus.line_state().await.is_ok_and(|line| line.iter().any(|(_, durable)| durable.lag() > 0))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let _ = tokio::time::timeout(MOMENT, idle).await;
    // The bus first: an event whose row is gone would be a dead letter.
    let jetstream = page.bus.jetstream();
    let trouble = |error: &dyn std::fmt::Display| Trouble(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
    for name in [STREAM, DEAD_LETTER_STREAM] {
        let stream = jetstream.get_stream(name).await.map_err(|error| trouble(&error))?;
        stream.purge().await.map_err(|error| trouble(&error))?;
    }
    page.store.clear_class().await?;
    page.hub.clear();
    done()
}

/// What to replay a dead letter with: its own payload, or a mended one.
#[derive(Deserialize)]
pub struct Replay {
    payload: Option<String>,
}

/// `POST /api/dead-letters/{sequence}/replay`
pub async fn replay(
    State(page): State<Page>,
    Path(sequence): Path<u64>,
    Json(Replay { payload }): Json<Replay>,
) -> Answer<Value> {
    page.dead_letters.replay(sequence, payload).await?;
    done()
}

/// Every dead letter with this code.
#[derive(Deserialize)]
pub struct OfCode {
    code: String,
}

/// `POST /api/dead-letters/replay`: all of one code.
pub async fn replay_code(State(page): State<Page>, Json(OfCode { code }): Json<OfCode>) -> Answer<Value> {
    let replayed = page.dead_letters.replay_code(&code).await?;
    Ok(Json(json!({ "replayed": replayed })))
}

/// `POST /api/dead-letters/{sequence}/discard`
pub async fn discard(State(page): State<Page>, Path(sequence): Path<u64>) -> Answer<Value> {
    page.dead_letters.discard(sequence).await?;
    done()
}

#[cfg(test)]
mod tests {
    use contracts::{Candidate, OrderLine};

    use super::*;

    fn candidate(slug: &str, price_cents: i64) -> Candidate {
        Candidate {
            slug: slug.into(),
            name: slug.to_uppercase(),
            description: String::new(),
            price_cents,
            score: 0.6,
        }
    }

    fn review() -> Review {
        let line = OrderLine {
            phrase: "mushroom pizza".into(),
            quantity: 2,
            size: Some("Large".into()),
            modifiers: vec![],
            item: None,
            doubts: vec!["no pizza on the menu".into()],
        };
        Review {
            number: 1,
            message: Message {
                id: MessageId(4),
                generation: 1,
                received_at: Utc::now(),
                source: "http".into(),
                customer: None,
                text: "two mushroom pizzas".into(),
            },
            lines: vec![ValidatedLine {
                line,
                verdict: Verdict::Review,
                reason: "close".into(),
                matched: Some(MatchedItem { slug: "a".into(), name: "A".into(), unit_price_cents: 1150 }),
                candidates: vec![candidate("a", 1000), candidate("b", 900)],
            }],
            reason: "close".into(),
            menu_version: "1".into(),
            created_at: Utc::now(),
        }
    }

    fn choose(slug: Option<&str>) -> Vec<Chosen> {
        vec![Chosen { line: 0, slug: slug.map(str::to_owned) }]
    }

    #[test]
    fn a_person_chooses_among_the_candidates_and_extras_keep_their_price() {
        let price = |slug| {
            let lines = chosen(&review(), &choose(Some(slug)), "Ana").ok().unwrap();
            assert_eq!((lines[0].verdict, lines[0].line.doubts.len()), (Verdict::Accepted, 0));
            lines[0].matched.as_ref().unwrap().unit_price_cents
        };
        assert_eq!(price("a"), 1150);
        assert_eq!(price("b"), 1050);
    }

    #[test]
    fn what_was_not_weighed_is_not_chosen_and_nothing_is_left_undecided() {
        assert!(chosen(&review(), &choose(Some("c")), "Ana").is_err());
        assert!(chosen(&review(), &choose(None), "Ana").is_err());
        assert!(chosen(&review(), &[], "Ana").is_err());
    }

    #[test]
    fn a_refusal_names_the_wish_and_the_closest_item() {
        let reply = refusal(&review().lines);
        assert!(reply.contains("mushroom pizza") && reply.contains('A'), "{reply}");
    }
}
