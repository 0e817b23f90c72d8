//! `greenbite dlq`

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use chrono::{DateTime, Utc};
use contracts::subject::{DEAD_LETTERS, TAP};
use contracts::topology::{DEAD_LETTER_STREAM, STREAM};
use contracts::{Code, DeadLetter, MessageId, Payload, Service, Topic, header};
use runtime::{Bus, StartError, Stored, dead_letter};
use serde::Serialize;
use store::Store;

use crate::cli::{End, complain, say, say_json, table};
use crate::site::Site;

/// Dead letters that are read at once.
const MOST: usize = 100_000;

/// `greenbite dlq`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// One line for each dead letter
    List {
        /// Which of them
        #[command(flatten)]
        which: Which,
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// Dead letters whole: the original, its headers, why it was given up
    Show {
        /// Which of them
        #[command(flatten)]
        which: Which,
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// Sends them down the line again, as a new generation
    Replay {
        /// Which of them
        #[command(flatten)]
        which: Which,
    },
    /// Gives them up for good: their messages get the outcome discarded
    Discard {
        /// Which of them
        #[command(flatten)]
        which: Which,
        /// Why; kept with the message
        #[arg(long, default_value = "discarded by an operator")]
        reason: String,
    },
}

/// Which dead letters: those that fit everything that is given.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Ids of messages
    ids: Vec<String>,
    /// Those with this code, such as GB301
    #[arg(long)]
    code: Option<String>,
    /// Those of this service, such as menu-validator
    #[arg(long)]
    service: Option<String>,
    /// All of them
    #[arg(long, conflicts_with_all = ["ids", "code", "service"])]
    all: bool,
}

impl Which {
    fn names_none(&self) -> bool {
        self.ids.is_empty() && self.code.is_none() && self.service.is_none() && !self.all
    }

    fn check(&self) -> Result<(), StartError> {
        if let Some(code) = &self.code
            && Code::parse(code).is_none()
        {
            return Err(StartError::settings(format!(
                "there is no code {code}; docs/errors/ has one page for each"
            )));
        }
        if let Some(service) = &self.service
            && Service::STATIONS.iter().all(|known| known.as_str() != service)
        {
            return Err(StartError::settings(format!("there is no station {service}")));
        }
        Ok(())
    }

    fn fits(&self, entry: &Entry) -> bool {
        (self.ids.is_empty() || self.ids.contains(&entry.id))
            && self.code.as_ref().is_none_or(|code| entry.letter.code.as_str() == code)
            && self.service.as_ref().is_none_or(|service| entry.letter.service.as_str() == service)
    }
}

/// A dead letter, and where it lies.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Its place among the dead letters.
    pub sequence: u64,
    /// The last token of its subject: the message's id, mostly.
    pub id: String,
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
}

impl Entry {
    /// Reads what lies in the stream; `None` where it is no dead letter.
    pub fn read(stored: &Stored) -> Option<Entry> {
        let id = stored.subject.rsplit('.').next()?.to_owned();
        Some(Entry { sequence: stored.sequence, id, letter: serde_json::from_slice(&stored.payload).ok()? })
    }

    fn generation(&self) -> u32 {
        let header = self.letter.headers.get(header::GENERATION).and_then(|values| values.first());
        header.and_then(|value| value.parse().ok()).unwrap_or(1)
    }

    /// A person's decision over a review travels in the event only as far as the registrar: a new
    /// generation of the message would ask the person again.
    fn is_settlement(&self) -> bool {
        let Payload::Utf8(text) = &self.letter.payload else { return false };
        serde_json::from_str::<serde_json::Value>(text)
            .is_ok_and(|event| event.get("settled").is_some_and(|s| !s.is_null()))
    }
}

/// Every dead letter that can be read, oldest first.
pub async fn entries(bus: &Bus) -> anyhow::Result<Vec<Entry>> {
    let stored = bus.messages(DEAD_LETTER_STREAM, DEAD_LETTERS, MOST).await?;
    Ok(stored.iter().filter_map(Entry::read).collect())
}

/// Lists, shows, replays or discards.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let which = match &command {
        Command::List { which, .. } | Command::Show { which, .. } => which.clone(),
        Command::Replay { which } | Command::Discard { which, .. } => {
            if which.names_none() {
                bail!(StartError::settings("say which: ids of messages, --code, --service, or --all"));
            }
            which.clone()
        }
    };
    which.check()?;
    let bus = site.bus().await?;
    let entries: Vec<Entry> = entries(&bus).await?.into_iter().filter(|entry| which.fits(entry)).collect();
    match command {
        Command::List { json: true, .. } | Command::Show { json: true, .. } => say_json(&entries)?,
        Command::List { .. } => list(&entries),
        Command::Show { .. } => entries.iter().for_each(show),
        Command::Replay { .. } => return replay_all(&bus, &site.store().await?, &entries).await,
        Command::Discard { reason, .. } => discard_all(&bus, &site.store().await?, &entries, &reason).await?,
    }
    Ok(End::Done)
}

fn list(entries: &[Entry]) {
    if entries.is_empty() {
        say("no dead letters");
        return;
    }
    let mut lines = table(&["message", "code", "service", "since", "tries", "reason"]);
    for Entry { id, letter, .. } in entries {
        lines.add_row([
            id,
            letter.code.as_str(),
            letter.service.as_str(),
            &clock(letter.at),
            &letter.attempts.to_string(),
            &letter.reason,
        ]);
    }
    say(&lines.to_string());
    say(&format!(
        "{} in all; `greenbite dlq show <message>` has the original, `replay` sends it down the line again",
        entries.len()
    ));
}

fn show(entry: &Entry) {
    let letter = &entry.letter;
    say(&format!("message {}, dead letter {} of {}", entry.id, letter.code, letter.service));
    say(&format!("  why       {} (see {})", letter.reason, letter.code.page()));
    say(&format!("  since     {}, after {} tries", clock(letter.at), letter.attempts));
    say(&format!("  subject   {}", letter.subject));
    if let Some(trace) = &letter.trace_id {
        say(&format!("  trace     {trace}"));
    }
    for (name, values) in &letter.headers {
        say(&format!("  header    {name}: {}", values.join(", ")));
    }
    match &letter.payload {
        Payload::Utf8(text) => {
            let pretty = serde_json::from_str::<serde_json::Value>(text)
                .and_then(|json| serde_json::to_string_pretty(&json));
            // What came from outside is shown escaped: it must not steer the terminal.
            let text = pretty.unwrap_or_else(|_| text.escape_debug().to_string());
            say(&text);
        }
        Payload::Base64(data) => say(&format!("  payload   base64 {data}")),
    }
}

/// What became of one dead letter that was to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replayed {
    /// Its row goes down the line again.
    Again,
    /// It was published again as it was.
    Original,
    /// Somebody has replayed it before.
    Before,
    /// Left: its message is refused or discarded.
    Closed,
    /// Left: it was not on a subject of the line.
    NotOurs,
}

impl Replayed {
    /// Whether the dead letter is gone with it.
    pub const fn is_done(self) -> bool {
        !matches!(self, Replayed::Closed | Replayed::NotOurs)
    }

    /// In an operator's words.
    pub const fn word(self) -> &'static str {
        match self {
            Replayed::Again => "down the line again, as a new generation",
            Replayed::Original => "published again as they were: there is no row to publish from",
            Replayed::Before => "had been published again before",
            Replayed::Closed => "left: the message is refused or discarded",
            Replayed::NotOurs => "left: the original is not on a subject of the line",
        }
    }
}

async fn replay_all(bus: &Bus, store: &Store, entries: &[Entry]) -> anyhow::Result<End> {
    let mut counts: BTreeMap<Replayed, usize> = BTreeMap::new();
    for entry in entries {
        let replayed = replay(bus, store, entry)
            .await
            .with_context(|| format!("message {}; run it again for the rest", entry.id))?;
        *counts.entry(replayed).or_default() += 1;
    }
    if counts.is_empty() {
        say("no such dead letter");
    }
    for (replayed, count) in &counts {
        say(&format!("{count} {}", replayed.word()));
    }
    let left = counts.keys().any(|replayed| !replayed.is_done());
    Ok(if left { End::NeedsPerson } else { End::Done })
}

/// Sends one down the line again; the dead letter goes once the new generation is safe.
///
/// Whoever replays the same one at the same time, or again after a crash in between, gets nowhere: a row
/// is raised only from the generation that died, and an original is known to the bus by its message id.
pub async fn replay(bus: &Bus, store: &Store, entry: &Entry) -> anyhow::Result<Replayed> {
    let row = match entry.id.parse::<MessageId>() {
        Ok(id) => store.message(id).await?,
        Err(_) => None,
    };
    let replayed = match row {
        Some(row) if !entry.is_settlement() => {
            let generation = entry.generation();
            if row.rejected_reason.is_some() {
                Replayed::Closed
            } else if row.message.generation > generation {
                Replayed::Before
            } else {
                let raised = store.next_generation(&[(row.message.id, row.message.generation)]).await?;
                if !raised.is_empty() {
                    Replayed::Again
                } else {
                    // Between the look and the try somebody replayed it, or it was given up: made nobody's, for one.
                    let row = store.message(row.message.id).await?;
                    let closed = row.is_some_and(|row| row.rejected_reason.is_some());
                    if closed { Replayed::Closed } else { Replayed::Before }
                }
            }
        }
        _ => {
            let bytes =
                dead_letter::payload_bytes(&entry.letter.payload).context("its payload cannot be read")?;
            publish_again(bus, entry, bytes).await?
        }
    };
    if replayed.is_done() {
        bus.delete_message(DEAD_LETTER_STREAM, entry.sequence).await?;
    }
    Ok(replayed)
}

/// Publishes it where it was, with its headers and with what a person made of its payload; then it is gone.
pub async fn replay_mended(bus: &Bus, entry: &Entry, payload: Vec<u8>) -> anyhow::Result<Replayed> {
    let replayed = publish_again(bus, entry, payload).await?;
    if replayed.is_done() {
        bus.delete_message(DEAD_LETTER_STREAM, entry.sequence).await?;
    }
    Ok(replayed)
}

async fn publish_again(bus: &Bus, entry: &Entry, payload: Vec<u8>) -> anyhow::Result<Replayed> {
    let letter = &entry.letter;
    let root = TAP.trim_end_matches('>');
    if !letter.subject.starts_with(root) || Topic::parse_tokens(&letter.subject).is_none() {
        return Ok(Replayed::NotOurs);
    }
    let mut headers = HeaderMap::new();
    for (name, values) in letter.headers.iter().filter(|(name, _)| !name.starts_with("Nats-")) {
        for value in values {
            headers.append(name.as_str(), value.as_str());
        }
    }
    headers.insert(NATS_MESSAGE_ID, format!("{}:replay:{}", entry.id, entry.sequence));
    bus.publish_raw(STREAM, &letter.subject, headers, payload.into()).await?;
    Ok(Replayed::Original)
}

async fn discard_all(bus: &Bus, store: &Store, entries: &[Entry], reason: &str) -> anyhow::Result<()> {
    let mut discarded = 0;
    for entry in entries {
        discarded += usize::from(discard(bus, store, entry, reason).await?);
    }
    say(&format!("{} dead letters gone, {discarded} messages discarded", entries.len()));
    if discarded < entries.len() {
        complain("the others had an outcome already, or no row");
    }
    Ok(())
}

/// Gives one up for good; says whether its message has the outcome discarded now.
pub async fn discard(bus: &Bus, store: &Store, entry: &Entry, reason: &str) -> anyhow::Result<bool> {
    let discarded = match entry.id.parse::<MessageId>() {
        Ok(id) => !store.discard(&[id], &format!("{}: {reason}", entry.letter.code)).await?.is_empty(),
        Err(_) => false,
    };
    bus.delete_message(DEAD_LETTER_STREAM, entry.sequence).await?;
    Ok(discarded)
}

fn clock(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, code: Code, service: Service) -> Entry {
        let letter = DeadLetter {
            service,
            code,
            reason: String::new(),
            attempts: 1,
            at: Utc::now(),
            subject: format!("greenbite.classified.order.{id}"),
            headers: BTreeMap::from([(header::GENERATION.to_owned(), vec!["3".to_owned()])]),
            payload: Payload::Utf8("{}".to_owned()),
            stream_sequence: Some(1),
            trace_id: None,
        };
        Entry { sequence: 9, id: id.to_owned(), letter }
    }

    #[test]
    fn a_selection_takes_what_fits_everything_that_is_given() {
        let entries = [
            entry("1", Code::Malformed, Service::Extractor),
            entry("2", Code::Malformed, Service::Classifier),
            entry("3", Code::Panicked, Service::Extractor),
        ];
        let chosen = |which: Which| {
            entries
                .iter()
                .filter(|entry| which.fits(entry))
                .map(|entry| entry.id.as_str())
                .collect::<Vec<_>>()
        };
        let code = || Some("GB101".to_owned());
        let service = || Some("extractor".to_owned());
        assert_eq!(chosen(Which { all: true, ..Which::default() }), ["1", "2", "3"]);
        assert_eq!(chosen(Which { code: code(), ..Which::default() }), ["1", "2"]);
        assert_eq!(chosen(Which { code: code(), service: service(), ..Which::default() }), ["1"]);
        assert_eq!(chosen(Which { ids: vec!["3".to_owned()], ..Which::default() }), ["3"]);
        assert!(Which { code: Some("GB999".to_owned()), ..Which::default() }.check().is_err());
        assert!(Which { service: Some("kitchen".to_owned()), ..Which::default() }.check().is_err());
        assert_eq!(entries[0].generation(), 3);
    }

    #[test]
    fn a_persons_decision_is_told_from_a_verdict_of_the_line() {
        let mut settled = entry("1", Code::Panicked, Service::Registrar);
        assert!(!settled.is_settlement());
        settled.letter.payload =
            Payload::Utf8(r#"{"settled":{"by":"Ann","at":"2026-07-01T10:00:00Z"}}"#.to_owned());
        assert!(settled.is_settlement());
    }
}
