//! `greenbite journey`

use chrono::{DateTime, Utc};
use contracts::topology::{DEAD_LETTER_STREAM, STREAM};
use contracts::{DeadLetter, Message, MessageId, Topic, TrailEntry, subject};
use runtime::Stored;
use serde::{Deserialize, Serialize};
use store::kitchen::TakenStep;
use store::notifications::NotificationRow;
use store::registration::Journey;
use store::replies::ReplyRow;

use crate::cli::{End, complain, say, say_json, table};
use crate::replies;
use crate::site::Site;

/// Events of one message that are shown at most.
const MOST: usize = 500;

/// `greenbite journey`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The message's id, as in `nats sub 'greenbite.*.*.<id>'`
    id: MessageId,
    /// For a program
    #[arg(long)]
    json: bool,
}

/// What an event has, whichever it is.
#[derive(Debug, Deserialize)]
struct AnyEvent {
    message: Option<Message>,
    #[serde(default)]
    trail: Vec<TrailEntry>,
}

/// One step of the way.
#[derive(Debug, Serialize)]
struct Step {
    at: Option<DateTime<Utc>>,
    sequence: u64,
    topic: String,
    generation: u32,
    /// What the station that published it decided: the last entry of the trail.
    decision: Option<TrailEntry>,
}

#[derive(Debug, Serialize)]
struct Report {
    id: MessageId,
    text: Option<String>,
    source: Option<String>,
    received_at: Option<DateTime<Utc>>,
    published_at: Option<DateTime<Utc>>,
    generation: Option<u32>,
    outcome: Option<&'static str>,
    outcome_at: Option<DateTime<Utc>>,
    rejected_reason: Option<String>,
    steps: Vec<Step>,
    dead_letters: Vec<DeadLetter>,
    notifications: Vec<String>,
    kitchen: Vec<TakenStep>,
    replies: Vec<ReplyRow>,
}

/// Prints the way of one message.
pub async fn run(site: &Site, args: Args) -> anyhow::Result<End> {
    let id = args.id;
    let row = match site.store().await {
        Ok(store) => store.journey(id).await?,
        Err(error) => {
            complain(&format!("without the database: {error}"));
            None
        }
    };
    let (mut events, mut letters) = (Vec::new(), Vec::new());
    match site.bus().await {
        Ok(bus) => {
            events = bus.messages(STREAM, &subject::journey(id), MOST).await?;
            letters = bus.messages(DEAD_LETTER_STREAM, &subject::dead_letters_of(id), MOST).await?;
        }
        Err(error) => complain(&format!("without the bus: {error}")),
    }
    if row.is_none() && events.is_empty() && letters.is_empty() {
        complain(&format!("nobody knows a message {id}"));
        return Ok(End::NeedsPerson);
    }
    let report = report(id, row, &events, &letters);
    if args.json {
        say_json(&report)?;
    } else {
        print(&report);
    }
    Ok(End::Done)
}

fn report(id: MessageId, row: Option<Journey>, events: &[Stored], letters: &[Stored]) -> Report {
    let steps: Vec<(Step, Option<Message>)> = events.iter().map(step).collect();
    // The row has the text; where it is gone, the events have it as well.
    let spoken = steps.iter().find_map(|(_, message)| message.clone());
    let message = row.as_ref().map(|row| row.message.message.clone()).or(spoken);
    let notifications = row.as_ref().map(|row| row.notifications.iter().map(told).collect());
    let replies = row.as_ref().map(|row| row.replies.clone());
    let (row, kitchen) = row.map(|row| (row.message, row.kitchen)).unzip();
    Report {
        id,
        text: message.as_ref().map(|message| message.text.clone()),
        source: message.as_ref().map(|message| message.source.clone()),
        received_at: message.as_ref().map(|message| message.received_at),
        generation: message.map(|message| message.generation),
        published_at: row.as_ref().and_then(|row| row.published_at),
        outcome: row.as_ref().and_then(|row| row.outcome).map(|outcome| outcome.as_str()),
        outcome_at: row.as_ref().and_then(|row| row.outcome_at),
        rejected_reason: row.and_then(|row| row.rejected_reason),
        steps: steps.into_iter().map(|(step, _)| step).collect(),
        dead_letters: letters
            .iter()
            .filter_map(|letter| serde_json::from_slice(&letter.payload).ok())
            .collect(),
        notifications: notifications.unwrap_or_default(),
        kitchen: kitchen.unwrap_or_default(),
        replies: replies.unwrap_or_default(),
    }
}

fn step(event: &Stored) -> (Step, Option<Message>) {
    let read = serde_json::from_slice::<AnyEvent>(&event.payload).ok();
    let (message, decision) = match read {
        Some(mut read) => (read.message, read.trail.pop()),
        None => (None, None),
    };
    let topic =
        Topic::parse(&event.subject).map_or_else(|| event.subject.clone(), |(topic, _)| topic.to_string());
    let at = event.headers.get("Nats-Time-Stamp").and_then(|at| at.as_str().parse().ok());
    (Step { at, sequence: event.sequence, topic, generation: event.generation(), decision }, message)
}

fn print(report: &Report) {
    let none = || "-".to_owned();
    say(&format!(
        "message {}, generation {}",
        report.id,
        report.generation.map_or_else(none, |n| n.to_string())
    ));
    if let Some(text) = &report.text {
        say(&format!("  said      {}", text.escape_debug()));
    }
    if let (Some(source), Some(at)) = (&report.source, report.received_at) {
        say(&format!("  came in   {} by {source}", clock(at)));
    }
    match (report.published_at, &report.rejected_reason) {
        (_, Some(reason)) => say(&format!("  closed    {reason}")),
        (Some(at), None) => say(&format!("  relayed   {}", clock(at))),
        (None, None) => say("  relayed   not yet"),
    }
    if let (Some(outcome), Some(at)) = (report.outcome, report.outcome_at) {
        say(&format!("  outcome   {outcome}, {}", clock(at)));
    } else {
        say("  outcome   none yet");
    }
    if !report.steps.is_empty() {
        let mut steps = table(&["after", "event", "gen", "try", "verdict", "reason", "score", "by", "took"]);
        let first = report.steps.iter().find_map(|step| step.at);
        for step in &report.steps {
            let after = match (step.at, first) {
                (Some(at), Some(first)) => {
                    duration((at - first).num_microseconds().unwrap_or(0).max(0) as u64)
                }
                _ => none(),
            };
            let mut cells = vec![after, step.topic.clone(), step.generation.to_string()];
            match &step.decision {
                Some(entry) => {
                    let decision = &entry.decision;
                    let by = match &decision.menu_version {
                        Some(version) => format!("{}, menu {version}", decision.decided_by),
                        None => decision.decided_by.clone(),
                    };
                    cells.extend([
                        entry.attempt.to_string(),
                        decision.verdict.clone(),
                        decision.reason.clone(),
                        decision.score.map_or_else(none, |score| format!("{score:.2}")),
                        by,
                        duration(entry.took_us),
                    ]);
                }
                None => cells.extend([none(), none(), "not an event of this version".to_owned()]),
            }
            steps.add_row(cells);
        }
        say(&steps.to_string());
    }
    for letter in &report.dead_letters {
        say(&format!(
            "  dead letter {} of {} after {} tries, {}: {} (see {})",
            letter.code,
            letter.service,
            letter.attempts,
            clock(letter.at),
            letter.reason,
            letter.code.page()
        ));
    }
    for notification in &report.notifications {
        say(&format!("  told      {notification}"));
    }
    for taken in &report.kitchen {
        say(&format!("  kitchen   {}, {}", taken.state, taken.told()));
    }
    for reply in &report.replies {
        say(&format!("  customer  {}", replies::told(reply)));
    }
}

/// What became of a notification, in words.
fn told(row: &NotificationRow) -> String {
    let mut words = match row.sent_at {
        Some(at) => format!("{}, {}", row.category, clock(at)),
        None => format!("{}, not yet ({} since {})", row.category, row.state, clock(row.claimed_at)),
    };
    if let Some(id) = &row.discord_message_id {
        words.push_str(&format!(", Discord's message {id}"));
    }
    if row.attempts > 1 {
        words.push_str(&format!(", {} attempts", row.attempts));
    }
    if row.possible_repeat {
        words.push_str(", perhaps twice");
    }
    words
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string()
}

/// Microseconds for people.
fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1_000.0),
        _ => format!("{:.1} s", us as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use contracts::Category;

    use super::*;

    #[test]
    fn a_notification_is_told_of_in_words() {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut row = NotificationRow {
            category: Category::Misc,
            state: "waiting".to_owned(),
            claimed_at: at,
            sent_at: None,
            attempts: 1,
            possible_repeat: false,
            discord_message_id: None,
        };
        assert_eq!(told(&row), "misc, not yet (waiting since 2026-01-02 03:04:05.000 UTC)");
        row = NotificationRow { sent_at: Some(at), attempts: 2, possible_repeat: true, ..row };
        row.discord_message_id = Some("42".to_owned());
        assert_eq!(
            told(&row),
            "misc, 2026-01-02 03:04:05.000 UTC, Discord's message 42, 2 attempts, perhaps twice"
        );
    }

    #[test]
    fn a_duration_is_short_and_in_its_unit() {
        assert_eq!(duration(999), "999 µs");
        assert_eq!(duration(1_540), "1.5 ms");
        assert_eq!(duration(62_000_000), "62.0 s");
    }
}
