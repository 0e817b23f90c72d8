//! `greenbite doctor`

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use contracts::Service;
use contracts::topology::{DEAD_LETTER_STREAM, STREAM};
use futures::StreamExt;
use menu::Cache;
use runtime::{Bus, DurableState, StreamState};
use serde::Serialize;
use store::Store;
use store::sold_out::SoldOutItem;

use crate::cli::{End, say, say_json, table};
use crate::site::Site;
use crate::{dlq, menus};

/// How long the stations have to answer.
const ANSWER: Duration = Duration::from_millis(700);
/// From this part of its room on, a stream is for a person to look at.
const FULL_PERCENT: f64 = 80.0;
/// So many deliveries that were repeated are for a person to look at.
const REDELIVERED: u64 = 100;

/// Replies that are counted at most.
const FAILED: u32 = 1_000;

/// `greenbite doctor`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For a program
    #[arg(long)]
    json: bool,
}

/// What is where, and what is wrong.
#[derive(Debug, Default, Serialize)]
struct Report {
    messages: Option<Messages>,
    stations: BTreeMap<&'static str, usize>,
    streams: BTreeMap<&'static str, StreamState>,
    durables: BTreeMap<&'static str, DurableState>,
    dead_letters: BTreeMap<&'static str, usize>,
    menu: Option<Menu>,
    sold_out: Vec<SoldOutItem>,
    /// Why no order is taken now; nothing where the house is open.
    closed: Option<String>,
    /// What needs a person: what is wrong, and what to do.
    findings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Messages {
    total: u64,
    to_relay: u64,
    on_the_line: u64,
    outcomes: BTreeMap<&'static str, u64>,
    unannounced: u64,
    oldest_without_outcome: Option<chrono::DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
struct Menu {
    in_database: Option<String>,
    in_cache: Option<String>,
}

/// Looks at everything.
pub async fn run(site: &Site, args: Args) -> anyhow::Result<End> {
    let mut report = Report::default();
    let store = match site.store().await {
        Ok(store) => Some(store),
        Err(error) => {
            report.findings.push(format!("The database: {error}."));
            None
        }
    };
    if let Some(store) = &store {
        let overdue = TimeDelta::minutes(site.config.overdue_minutes.into());
        look_at_messages(store, overdue, &mut report).await;
        look_at_menu(store, &site.cache(), &mut report).await;
        match store.failed_replies(FAILED).await {
            Ok(failed) if !failed.is_empty() => report.findings.push(format!(
                "{} customers were not told something, or nobody knows: `greenbite reply failed` lists it, `reply again` sends it.",
                failed.len()
            )),
            Ok(_) => {}
            Err(error) => report.findings.push(format!("The replies to customers: {error}.")),
        }
        match store.sold_out().await {
            Ok(items) => report.sold_out = items,
            Err(error) => report.findings.push(format!("What is sold out: {error}.")),
        }
    }
    report.closed = site.settings.restaurant.takes_no_order(Utc::now());
    match site.bus().await {
        Ok(bus) => look_at_bus(&bus, &mut report).await,
        Err(error) => report.findings.push(format!("The bus: {error}.")),
    }
    if args.json {
        say_json(&report)?
    } else {
        print(site, &report)
    }
    Ok(if report.findings.is_empty() { End::Done } else { End::NeedsPerson })
}

async fn look_at_messages(store: &Store, overdue: TimeDelta, report: &mut Report) {
    let counts = match store.counts().await {
        Ok(counts) => counts,
        Err(error) => return report.findings.push(format!("The table of messages: {error}.")),
    };
    if let Some(oldest) = counts.oldest_without_outcome
        && Utc::now() - oldest > overdue
    {
        let age = (Utc::now() - oldest).num_minutes();
        report.findings.push(format!(
            "The oldest message without an outcome has waited for {age} minutes: see which durable lags, and whether its \
             station runs."
        ));
    }
    report.messages = Some(Messages {
        total: counts.total(),
        to_relay: counts.to_relay,
        on_the_line: counts.on_the_line,
        outcomes: counts.outcomes.iter().map(|(outcome, count)| (outcome.as_str(), *count)).collect(),
        unannounced: counts.unannounced,
        oldest_without_outcome: counts.oldest_without_outcome,
    });
}

async fn look_at_menu(store: &Store, cache: &Cache, report: &mut Report) {
    let in_database = match store.menu_version().await {
        Ok(version) => version,
        Err(error) => return report.findings.push(format!("The menu: {error}.")),
    };
    let in_cache = match cache.menu_version().await {
        Ok(version) => version,
        Err(error) => {
            report.findings.push(format!("The cache: {error}. The line goes on by the database, slower."));
            None
        }
    };
    match (&in_database, &in_cache) {
        (None, _) => report.findings.push("There is no menu: run `greenbite menu import`.".to_owned()),
        (Some(database), Some(cached)) if database != cached => report.findings.push(format!(
            "The cache has menu {cached}, the database {database}: run `greenbite menu import` again if that lasts."
        )),
        _ => {}
    }
    report.menu = Some(Menu { in_database, in_cache });
}

async fn look_at_bus(bus: &Bus, report: &mut Report) {
    let findings = &mut report.findings;
    for stream in [STREAM, DEAD_LETTER_STREAM] {
        match bus.stream_state(stream).await {
            Ok(state) => {
                if state.percent() >= FULL_PERCENT {
                    findings.push(format!(
                        "The stream {stream} is {:.0} % full: look for a durable that lags; new messages wait in the database.",
                        state.percent()
                    ));
                }
                report.streams.insert(stream, state);
            }
            Err(error) => findings.push(format!("The stream {stream}: {error}.")),
        }
    }
    match bus.line_state().await {
        Ok(line) => {
            for (spec, state) in line {
                if state.redelivered >= REDELIVERED {
                    findings.push(format!(
                        "{} messages of the durable {} are tried again and again: see the log of {}.",
                        state.redelivered, spec.durable, spec.service
                    ));
                }
                report.durables.insert(spec.durable, state);
            }
        }
        Err(error) => findings.push(format!("The durables: {error}.")),
    }
    match dlq::entries(bus).await {
        Ok(entries) => {
            for entry in &entries {
                *report.dead_letters.entry(entry.letter.code.as_str()).or_default() += 1;
            }
            if !entries.is_empty() {
                findings.push(format!(
                    "{} dead letters: `greenbite dlq list` shows them, `replay` or `discard` settles them.",
                    entries.len()
                ));
            }
        }
        Err(error) => findings.push(format!("The dead letters: {error:#}.")),
    }
    report.stations = Service::STATIONS.into_iter().map(|service| (service.as_str(), 0)).collect();
    match roll_call(bus).await {
        Ok(pings) => {
            for ping in pings {
                // Tools group replicas by this name, among other systems' on the same bus.
                let Some(name) = ping.name.strip_prefix("greenbite-") else { continue };
                let paused =
                    ping.metadata.iter().filter_map(|(key, why)| Some((key.strip_prefix("paused.")?, why)));
                for (what, why) in paused {
                    let finding = format!("{name} pauses {what}: {why}.");
                    // Replicas that stand before the same outage are one finding.
                    if !findings.contains(&finding) {
                        findings.push(finding);
                    }
                }
                if let Some(count) = Service::STATIONS
                    .into_iter()
                    .find(|service| service.as_str() == name)
                    .and_then(|service| report.stations.get_mut(service.as_str()))
                {
                    *count += 1;
                }
            }
            for (station, _) in report.stations.iter().filter(|(_, count)| **count == 0) {
                findings.push(format!("No {station} answers: start one."));
            }
        }
        Err(error) => findings.push(format!("The stations cannot be asked: {error}.")),
    }
}

#[derive(serde::Deserialize)]
struct Ping {
    name: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Each instance that answers, with what pauses it.
async fn roll_call(bus: &Bus) -> anyhow::Result<Vec<Ping>> {
    let client = bus.client();
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await?;
    client.publish_with_reply("$SRV.PING", inbox, "".into()).await?;
    let mut pings = Vec::new();
    let deadline = tokio::time::sleep(ANSWER);
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            () = &mut deadline => return Ok(pings),
            answer = answers.next() => match answer {
                Some(answer) => pings.extend(serde_json::from_slice::<Ping>(&answer.payload)),
                None => return Ok(pings),
            },
        }
    }
}

fn print(site: &Site, report: &Report) {
    if let Some(messages) = &report.messages {
        let mut rows = table(&["messages", "count"]);
        rows.add_row(["waiting for the relay".to_owned(), messages.to_relay.to_string()]);
        rows.add_row(["on the line".to_owned(), messages.on_the_line.to_string()]);
        for (outcome, count) in &messages.outcomes {
            rows.add_row([(*outcome).to_owned(), count.to_string()]);
        }
        rows.add_row(["all".to_owned(), messages.total.to_string()]);
        rows.add_row(["with an outcome, not announced yet".to_owned(), messages.unannounced.to_string()]);
        say(&rows.to_string());
        if let Some(oldest) = messages.oldest_without_outcome {
            let age = (Utc::now() - oldest).num_seconds().max(0);
            say(&format!("the oldest without an outcome came in {age} s ago"));
        }
    }
    if !report.durables.is_empty() {
        let mut rows = table(&["durable", "waiting", "in work", "redelivered", "lanes asking"]);
        for (durable, state) in &report.durables {
            rows.add_row([
                (*durable).to_owned(),
                state.pending.to_string(),
                state.ack_pending.to_string(),
                state.redelivered.to_string(),
                state.waiting.to_string(),
            ]);
        }
        say(&rows.to_string());
    }
    for (stream, state) in &report.streams {
        say(&format!("stream {stream}: {} messages, {:.1} % of its room", state.messages, state.percent()));
    }
    if !report.stations.is_empty() {
        let list: Vec<String> =
            report.stations.iter().map(|(station, count)| format!("{station} {count}")).collect();
        say(&format!("instances: {}", list.join(", ")));
    }
    for (code, count) in &report.dead_letters {
        say(&format!("dead letters {code}: {count}"));
    }
    if let Some(menu) = &report.menu {
        let or_none = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
        say(&format!("menu: database {}, cache {}", or_none(&menu.in_database), or_none(&menu.in_cache)));
    }
    for out in &report.sold_out {
        say(&format!("sold out: {}, {}", out.item, menus::said(site, out)));
    }
    match &report.closed {
        Some(closed) => say(&format!("no order is taken: {closed}")),
        None if site.settings.restaurant.hours.are_given() => say("orders are taken"),
        None => {}
    }
    let reviews = report.messages.as_ref().and_then(|messages| messages.outcomes.get("review"));
    if let Some(reviews) = reviews.filter(|reviews| **reviews > 0) {
        say(&format!("\nReviews that wait for a decision, at the page's order desk: {reviews}"));
    }
    match report.findings.as_slice() {
        [] => say("\nThe line itself needs nobody."),
        findings => {
            say("\nThis needs a person:");
            findings.iter().for_each(|finding| say(&format!("  - {finding}")));
        }
    }
}
