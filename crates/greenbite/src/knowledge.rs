//! `greenbite knowledge`

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use answerer::house::House;
use anyhow::{Context, bail};
use chrono::{Days, NaiveDate, Utc};
use contracts::kitchen::State;
use knowledge::answer::{Answer, Source};
use knowledge::{Answerer, Doors, Entry, check, entry, facts, gaps};
use menu::{Lexicon, MenuHandle, SoldOutHandle};
use menu_validator::model;

use crate::calibrate::Model;
use crate::cli::{End, complain, say, say_json, table};
use crate::eval::read_menu;
use crate::orders;
use crate::site::Site;

/// Enquiries that are looked at for gaps, the latest.
const MOST: u32 = 2_000;

/// `greenbite knowledge`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Puts the entries of a CSV file in the place of those before
    Import {
        /// Columns id,topic,language,questions,answer and, if you like, valid_from,valid_until,source,approved_by;
        /// questions are separated by |
        #[arg(default_value = "data/knowledge.csv")]
        file: PathBuf,
    },
    /// Prints the entries
    List {
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// Prints what may be learned from people's answers, until somebody confirms it
    Drafts {
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// Makes a draft an entry, by which customers are answered from then on
    Confirm {
        /// The draft, as `drafts` names it
        draft: String,
        /// Who says that it may be told to customers; your login name, if not given
        #[arg(long)]
        who: Option<String>,
        /// The question in general words; the customer's own, if not given
        #[arg(long)]
        question: Option<String>,
    },
    /// Deletes a draft: nothing is learned from that answer
    Discard {
        /// The draft, as `drafts` names it
        draft: String,
    },
    /// What customers ask that nobody has answered, the most frequent first
    Gaps {
        /// How many days back
        #[arg(long, default_value_t = 30)]
        days: u64,
        /// Which model
        #[command(flatten)]
        model: Model,
    },
    /// Entries that contradict each other, are doubled, have expired, or were approved by nobody
    Check {
        /// A file; the database's entries, if not given
        file: Option<PathBuf>,
    },
    /// What would be proposed for a question, where it comes from, and how sure that is
    Ask {
        /// The question
        text: String,
        /// Which model
        #[command(flatten)]
        model: Model,
    },
    /// How right the answers to labelled questions are
    Eval(Eval),
}

/// `greenbite knowledge eval`
#[derive(Debug, clap::Args)]
pub struct Eval {
    /// A folder with knowledge.csv and questions.csv (half,language,text,entry), and its menu.csv if it has one
    folder: PathBuf,
    /// The menu of a folder that has none
    #[arg(long, default_value = "data/menu.csv")]
    menu: PathBuf,
    /// Only the questions of this half
    #[arg(long)]
    half: Option<String>,
    /// Tells every question that was answered wrongly
    #[arg(long)]
    failures: bool,
    /// Which model
    #[command(flatten)]
    model: Model,
}

/// Runs it.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    match command {
        Command::Import { file } => import(site, &file).await,
        Command::List { json } => list(&site.store().await?.knowledge().await?, json),
        Command::Drafts { json } => list(&site.store().await?.drafts().await?, json),
        Command::Confirm { draft, who, question } => {
            let store = site.store().await?;
            let who = who.unwrap_or_else(orders::user);
            let done = store.confirm_draft(&draft, &who, question.as_deref()).await?;
            told_of_draft(done, &draft, "is an entry of the house now")
        }
        Command::Discard { draft } => {
            let done = site.store().await?.discard_draft(&draft).await?;
            told_of_draft(done, &draft, "is gone; the answer stays with its enquiry")
        }
        Command::Gaps { days, model } => show_gaps(site, days, &model).await,
        Command::Check { file } => {
            let (mut entries, drafts) = match file {
                Some(file) => (read(&file)?, Vec::new()),
                None => {
                    let store = site.store().await?;
                    (store.knowledge().await?, store.drafts().await?)
                }
            };
            let ids: Vec<String> = drafts.iter().map(|draft| draft.id.clone()).collect();
            entries.extend(drafts);
            let mut findings = check::check(&entries, today(site));
            // Of a draft nothing else is to be expected.
            findings
                .retain(|finding| !matches!(finding, check::Finding::NotApproved(id) if ids.contains(id)));
            Ok(tell_findings(&findings, entries.len()))
        }
        Command::Ask { text, model } => ask(site, &text, &model).await,
        Command::Eval(args) => eval(&args).await,
    }
}

/// The day by the restaurant's clock: entries hold from midnight to midnight there.
fn today(site: &Site) -> NaiveDate {
    site.settings.restaurant.clock(Utc::now()).date_naive()
}

async fn import(site: &Site, file: &Path) -> anyhow::Result<End> {
    let entries = match read(file) {
        Ok(entries) => entries,
        Err(mistakes) => {
            complain(&format!("nothing was imported. {mistakes:#}"));
            return Ok(End::SomeRejected);
        }
    };
    site.store().await?.replace_knowledge(&entries).await?;
    say(&format!("{} entries of {} are what the house knows now", entries.len(), file.display()));
    tell_findings(&check::check(&entries, today(site)), entries.len());
    Ok(End::Done)
}

fn list(entries: &[Entry], json: bool) -> anyhow::Result<End> {
    if json {
        say_json(&entries)?;
        return Ok(End::Done);
    }
    let mut rows = table(&["entry", "topic", "language", "questions", "answer"]);
    for entry in entries {
        rows.add_row([&entry.id, &entry.topic, &entry.language, &entry.questions.join(" | "), &entry.answer]);
    }
    say(&rows.to_string());
    Ok(End::Done)
}

fn told_of_draft(done: bool, draft: &str, said: &str) -> anyhow::Result<End> {
    if done {
        say(&format!("'{draft}' {said}"));
        return Ok(End::Done);
    }
    complain(&format!("there is no draft '{draft}': `greenbite knowledge drafts` lists them"));
    Ok(End::NeedsPerson)
}

fn tell_findings(findings: &[check::Finding], entries: usize) -> End {
    findings.iter().for_each(|finding| complain(&finding.to_string()));
    if findings.is_empty() {
        say(&format!("{entries} entries, and nothing is wrong with them"));
        return End::Done;
    }
    End::NeedsPerson
}

async fn show_gaps(site: &Site, days: u64, model: &Model) -> anyhow::Result<End> {
    let store = site.store().await?;
    let since = Utc::now().checked_sub_days(Days::new(days)).context("so many days back there is nothing")?;
    let asked = store.asked_since(since, MOST).await?;
    let (house, answerer) = house(site, model).await?;
    let mut answers = Vec::with_capacity(asked.len());
    for text in &asked {
        let (answer, _) = answerer.answer(text, &house.truth(None)).await;
        answers.push((text.as_str(), answer));
    }
    let found = gaps::gaps(answers);
    if found.is_empty() {
        say(&format!("{} enquiries in {days} days, and for each there is an answer", asked.len()));
        return Ok(End::Done);
    }
    let mut rows = table(&["times", "about", "for example"]);
    for gap in &found {
        rows.add_row([&gap.times.to_string(), &gap.about, &gap.example]);
    }
    say(&rows.to_string());
    Ok(End::Done)
}

async fn ask(site: &Site, text: &str, model: &Model) -> anyhow::Result<End> {
    let (house, answerer) = house(site, model).await?;
    let order = match facts::order_number(text, &house.lexicon) {
        Some(number) => site.store().await?.order_state(number).await?.map(|state| (number, state)),
        None => None,
    };
    match answerer.answer(text, &house.truth(order)).await {
        (Answer::Proposed(proposal), by) => {
            say(&proposal.answer);
            let sure =
                proposal.sure.map_or("computed".to_owned(), |sure| format!("{:.0} % sure", sure * 100.0));
            let first = if proposal.careful { ", for a person first: it is about health" } else { "" };
            say(&format!("from {}, {sure}, by {by}{first}", proposal.source));
            Ok(End::Done)
        }
        (Answer::Open { reason, .. }, by) => {
            say(&format!("A person has to answer: {reason} (by {by})."));
            Ok(End::NeedsPerson)
        }
    }
}

async fn house(site: &Site, model: &Model) -> anyhow::Result<(House, Answerer)> {
    let store = site.store().await?;
    let today = today(site);
    let entries: Vec<Entry> = store.knowledge().await?.into_iter().filter(|e| e.holds_on(today)).collect();
    if entries.is_empty() {
        bail!("the house knows nothing yet: `greenbite knowledge import data/knowledge.csv` changes that");
    }
    let sold_out = SoldOutHandle::new(store.clone(), site.cache()).now().await?;
    let lexicon = MenuHandle::new(store, site.cache()).lexicon().await?;
    let house = House::now(lexicon, &sold_out, &site.settings.restaurant);
    Ok((house, read_by(entries, model).await))
}

async fn read_by(entries: Vec<Entry>, model: &Model) -> Answerer {
    let chosen = model::open(&model.config(), false).await;
    Answerer::new(entries, chosen.embedder).await
}

fn read(file: &Path) -> anyhow::Result<Vec<Entry>> {
    let text = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(entry::read(&file.display().to_string(), text)?)
}

/// Questions that an entry answers.
const WITH_ENTRY: &str = "with an entry";

/// A labelled question.
#[derive(Debug, serde::Deserialize)]
struct Labelled {
    half: String,
    text: String,
    entry: String,
}

/// How the questions of one kind fared.
#[derive(Debug, Default)]
struct Score {
    asked: usize,
    right: usize,
    wrong: usize,
}

async fn eval(args: &Eval) -> anyhow::Result<End> {
    let questions = args.folder.join("questions.csv");
    let mut reader = csv::Reader::from_path(&questions)
        .with_context(|| format!("{} cannot be read", questions.display()))?;
    let all: Vec<Labelled> = reader.deserialize().collect::<Result<_, _>>()?;
    let asked: Vec<&Labelled> =
        all.iter().filter(|one| args.half.as_ref().is_none_or(|half| *half == one.half)).collect();
    let own = args.folder.join("menu.csv");
    let menu = read_menu(if own.is_file() { &own } else { &args.menu }, None)?;
    let answerer = read_by(read(&args.folder.join("knowledge.csv"))?, &args.model).await;
    // Whether it is open is not measured, only that it was computed: any clock will do, as will any order.
    let house = House {
        lexicon: std::sync::Arc::new(Lexicon::new(menu)),
        currency: "$".to_owned(),
        sold_out: HashSet::new(),
        doors: Doors::Closed(None),
    };
    let truth = house.truth(Some((1, State::Preparing)));
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut top = 0;
    let mut curve: Vec<(f32, bool)> = Vec::new();
    for one in &asked {
        let kind = match one.entry.as_str() {
            "" => "without an entry",
            label if label.starts_with("fact:") => "facts",
            _ => WITH_ENTRY,
        };
        if kind == WITH_ENTRY {
            top += usize::from(answerer.nearest(&one.text).await.as_deref() == Some(&one.entry));
        }
        let score = scores.entry(kind).or_default();
        score.asked += 1;
        if let (Answer::Proposed(proposal), _) = answerer.answer(&one.text, &truth).await {
            let right = proposal.source.to_string() == one.entry;
            if right {
                score.right += 1
            } else {
                score.wrong += 1
            }
            if let (Source::Entry(_), Some(sure)) = (&proposal.source, proposal.sure) {
                curve.push((sure, right));
            }
            if !right && args.failures {
                say(&format!("wrong: \"{}\" → {}, not {:?}", one.text, proposal.source, one.entry));
            }
        }
    }
    tell(&scores, top, &curve, &answerer);
    Ok(End::Done)
}

fn tell(scores: &BTreeMap<&str, Score>, top: usize, curve: &[(f32, bool)], answerer: &Answerer) {
    say(&format!("by {}", answerer.name()));
    for language in answerer.base().languages() {
        let bounds = answerer.base().bounds(language);
        say(&format!(
            "{language}: dared from {:.2} on, where {} of {} known questions with an entry are answered rightly and {} of \
             all {} wrongly",
            bounds.dare, bounds.right, bounds.with_entry, bounds.wrong, bounds.asked
        ));
    }
    let entries = scores.get(WITH_ENTRY).map_or(0, |score| score.asked);
    say(&format!("top-1: {top} of {entries} with an entry"));
    let percent =
        |part: usize, of: usize| format!("{part} ({:.1} %)", 100.0 * part as f32 / of.max(1) as f32);
    let mut rows = table(&["questions", "asked", "rightly answered", "wrongly answered"]);
    let (mut asked, mut right, mut wrong) = (0, 0, 0);
    for (kind, score) in scores {
        rows.add_row([
            (*kind).to_owned(),
            score.asked.to_string(),
            percent(score.right, score.asked),
            percent(score.wrong, score.asked),
        ]);
        asked += score.asked;
        right += score.right;
        wrong += score.wrong;
    }
    rows.add_row(["all".to_owned(), asked.to_string(), percent(right, asked), percent(wrong, asked)]);
    say(&rows.to_string());
    let mut rows = table(&["entries told when at least so sure", "right", "wrong"]);
    for bound in [0.99, 0.97, 0.95, 0.9, 0.8, 0.5, 0.0] {
        let told = curve.iter().filter(|(sure, _)| *sure >= bound);
        let right = told.clone().filter(|(_, right)| *right).count();
        rows.add_row([
            format!("{:.0} %", bound * 100.0),
            right.to_string(),
            (told.count() - right).to_string(),
        ]);
    }
    say(&rows.to_string());
}
