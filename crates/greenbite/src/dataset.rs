//! The synthetic data set: messages as a restaurant gets them, and what each of them means.
//!
//! `generate` writes both from the menu, the options and a seed; `clean` drops the messages that
//! came twice. A label's id is the row of its message, so the two files stay in step line by line.

mod grammar;

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, SecondsFormat, Utc, Weekday};
use contracts::ModifierOp;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use self::grammar::{Grammar, Written};

/// `greenbite dataset`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write messages from the menu, with their labels beside them; one seed, one data set.
    Generate(Generate),
    /// Drop repeated messages, keeping the first.
    Clean(Clean),
}

/// `greenbite dataset generate`
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// The same seed writes the same messages.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many messages.
    #[arg(long, default_value_t = 760)]
    count: usize,
    /// What can be ordered.
    #[arg(long, default_value = "data/menu.csv")]
    menu: PathBuf,
    /// Sizes, toppings, sauces.
    #[arg(long, default_value = "data/options.csv")]
    options: PathBuf,
    /// The first day.
    #[arg(long, default_value = "2026-03-02")]
    from: NaiveDate,
    /// Where the messages go: rows of timestamp,message.
    #[arg(long, default_value = "data/messages.csv")]
    out: PathBuf,
    /// Where the labels go: an object a line.
    #[arg(long, default_value = "data/labels.jsonl")]
    labels: PathBuf,
}

/// `greenbite dataset clean`
#[derive(Debug, clap::Args)]
pub struct Clean {
    /// Rows with a column `message`.
    input: PathBuf,
    /// Where the rows that are kept go; may be the input.
    output: PathBuf,
    /// Labels of the input, a line for each row.
    #[arg(long, requires = "labels_out")]
    labels: Option<PathBuf>,
    /// Where the labels of the rows that are kept go; may be the labels.
    #[arg(long, requires = "labels")]
    labels_out: Option<PathBuf>,
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody wants something to eat or to drink.
    Order,
    /// Somebody wants an answer.
    Enquiry,
    /// Anything else.
    Miscellaneous,
}

/// One wish about an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelModifier {
    /// What to do.
    pub op: ModifierOp,
    /// With what.
    pub name: String,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelLine {
    /// The name on the menu.
    pub item: String,
    /// How many.
    pub quantity: u32,
    /// The size, where one is asked for.
    pub size: Option<String>,
    /// Wishes about it.
    pub modifiers: Vec<LabelModifier>,
}

/// What a message means: one line of the labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The row of the message: `row-0001` is the first.
    pub id: String,
    /// The message.
    pub text: String,
    /// What kind of message it is.
    pub kind: Kind,
    /// What of the menu is ordered.
    pub items: Vec<LabelLine>,
    /// Whether a person has to look before anything is booked.
    pub off_menu: bool,
    /// What is ordered and not sold, in the customer's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub off_menu_items: Vec<String>,
}

/// A row of the menu, as far as messages are written from it.
#[derive(Debug, Clone, Deserialize)]
pub struct MenuRow {
    name: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    aliases: String,
}

/// A row of the options, as far as messages are written from it.
#[derive(Debug, Clone, Deserialize)]
pub struct OptionRow {
    kind: String,
    name: String,
    #[serde(default)]
    aliases: String,
}

/// A message with the time it came in and what it means.
#[derive(Debug, Clone, PartialEq)]
struct Arrival {
    at: DateTime<Utc>,
    written: Written,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Generate(generate) => {
            let menu = read_rows(&generate.menu)?;
            let options = read_rows(&generate.options)?;
            let arrivals = write_messages(&menu, &options, &generate)?;
            save(&arrivals, &generate.out, &generate.labels)?;
            println!(
                "{} messages in {}, their labels in {}",
                arrivals.len(),
                generate.out.display(),
                generate.labels.display()
            );
        }
        Command::Clean(clean) => {
            let (kept, dropped) = clean_files(&clean)?;
            println!("{kept} messages kept, {dropped} repeated ones dropped");
        }
    }
    Ok(())
}

// ---------------------------------------------------------------------- generate

/// How busy the hours of a day are, from midnight.
const RHYTHM: [u32; 24] =
    [1, 0, 0, 0, 0, 0, 0, 1, 3, 5, 10, 30, 55, 42, 18, 12, 16, 34, 58, 60, 40, 22, 8, 2];

/// Messages of a usual day.
const A_DAY: usize = 110;

fn write_messages(menu: &[MenuRow], options: &[OptionRow], how: &Generate) -> Result<Vec<Arrival>> {
    let mut rng = StdRng::seed_from_u64(how.seed);
    let grammar = Grammar::new(menu, options)?;
    let mut arrivals: Vec<Arrival> = Vec::with_capacity(how.count);
    for at in times(&mut rng, how.from, how.count)? {
        let before = match rng.random_range(0..100) {
            // Somebody presses the button twice,
            0..8 => arrivals.last(),
            // or a regular sends what has worked before.
            8..12 => arrivals.choose(&mut rng),
            _ => None,
        };
        let arrival = match before {
            Some(before) => Arrival { at, ..before.clone() },
            None => Arrival { at, written: grammar.write(&mut rng, hour(at))? },
        };
        arrivals.push(arrival);
    }
    Ok(arrivals)
}

/// When the messages come in: whole days, busy at noon and in the evening, busiest before and on
/// the weekend.
fn times(rng: &mut StdRng, from: NaiveDate, count: usize) -> Result<Vec<DateTime<Utc>>> {
    let days: Vec<(NaiveDate, u32)> = (0..count.div_ceil(A_DAY))
        .map(|day| {
            let day = from
                .checked_add_days(Days::new(day as u64))
                .with_context(|| format!("{count} messages from {from} on go beyond the calendar"))?;
            Ok((day, if matches!(day.weekday(), Weekday::Fri | Weekday::Sat) { 14 } else { 10 }))
        })
        .collect::<Result<_>>()?;
    let hours: Vec<(i64, u32)> = (0..).zip(RHYTHM).collect();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let day = days.choose_weighted(rng, |day| day.1)?.0;
        let hour = hours.choose_weighted(rng, |hour| hour.1)?.0;
        let seconds = hour * 3600 + rng.random_range(0..3600);
        times.push(day.and_time(chrono::NaiveTime::MIN).and_utc() + Duration::seconds(seconds));
    }
    times.sort();
    Ok(times)
}

fn hour(at: DateTime<Utc>) -> u32 {
    use chrono::Timelike;
    at.hour()
}

fn save(arrivals: &[Arrival], out: &Path, labels: &Path) -> Result<()> {
    let mut rows = csv::Writer::from_writer(create(out)?);
    rows.write_record(["timestamp", "message"])?;
    let mut lines = create(labels)?;
    for (row, arrival) in arrivals.iter().enumerate() {
        let at = arrival.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        rows.write_record([at.as_str(), arrival.written.text.as_str()])
            .with_context(|| format!("{}, row {}", out.display(), row + 1))?;
        let label = label(row, &arrival.written);
        writeln!(lines, "{}", serde_json::to_string(&label)?)
            .with_context(|| format!("{}, row {}", labels.display(), row + 1))?;
    }
    rows.flush().with_context(|| format!("cannot write {}", out.display()))?;
    lines.flush().with_context(|| format!("cannot write {}", labels.display()))
}

fn label(row: usize, written: &Written) -> Label {
    Label {
        id: row_id(row),
        text: written.text.clone(),
        kind: written.kind,
        items: written.items.clone(),
        off_menu: written.off_menu,
        off_menu_items: written.off_menu_items.clone(),
    }
}

/// Rows are counted from 1, without the heading.
fn row_id(row: usize) -> String {
    format!("row-{:04}", row + 1)
}

// ---------------------------------------------------------------------- clean

/// Returns how many rows were kept and how many dropped.
fn clean_files(clean: &Clean) -> Result<(usize, usize)> {
    let name = clean.input.display();
    let mut reader = csv::Reader::from_path(&clean.input).with_context(|| format!("cannot read {name}"))?;
    let heading = reader.headers().with_context(|| format!("cannot read the heading of {name}"))?.clone();
    let Some(column) = heading.iter().position(|column| column.trim() == "message") else {
        bail!("{name} has no column 'message' in its heading; it needs timestamp,message");
    };
    let labels = match &clean.labels {
        Some(path) => Some(read_labels(path)?),
        None => None,
    };

    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    let mut kept_labels = Vec::new();
    let mut total = 0;
    for (row, record) in reader.records().enumerate() {
        let record =
            record.with_context(|| format!("{name}, row {}: not a row like the heading", row + 1))?;
        let message = record.get(column).unwrap_or_default().trim();
        if message.is_empty() {
            bail!("{name}, row {}: the message is empty; fill it in or delete the row", row + 1);
        }
        total = row + 1;
        let label = match &labels {
            None => None,
            Some(labels) => {
                let Some(label) = labels.get(row) else {
                    bail!(
                        "{name}, row {}: there is no label for it, the labels end at {}",
                        row + 1,
                        labels.len()
                    );
                };
                if label.text.trim() != message {
                    bail!("{name}, row {}: its label {} is about another message", row + 1, label.id);
                }
                Some(label)
            }
        };
        if seen.insert(message.to_owned()) {
            if let Some(label) = label {
                kept_labels.push(Label { id: row_id(rows.len()), ..label.clone() });
            }
            rows.push(record);
        }
    }
    if let Some(labels) = &labels
        && labels.len() > total
    {
        bail!("{name} ends at row {total}, but there are {} labels", labels.len());
    }

    let out = clean.output.display();
    let mut writer = csv::Writer::from_writer(create(&clean.output)?);
    writer.write_record(&heading)?;
    for (row, record) in rows.iter().enumerate() {
        writer.write_record(record).with_context(|| format!("{out}, row {}", row + 1))?;
    }
    writer.flush().with_context(|| format!("cannot write {out}"))?;
    if let Some(path) = &clean.labels_out {
        let mut lines = create(path)?;
        for label in &kept_labels {
            writeln!(lines, "{}", serde_json::to_string(label)?)
                .with_context(|| format!("{}, {}", path.display(), label.id))?;
        }
        lines.flush().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((rows.len(), total - rows.len()))
}

// ---------------------------------------------------------------------- files

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?))
}

fn read_rows<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>> {
    let name = path.display();
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {name}"))?;
    reader
        .deserialize()
        .enumerate()
        .map(|(row, record)| record.with_context(|| format!("{name}, row {}", row + 1)))
        .collect()
}

fn read_labels(path: &Path) -> Result<Vec<Label>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
    BufReader::new(file)
        .lines()
        .enumerate()
        .map(|(row, line)| {
            let line = line.with_context(|| format!("{name}, row {}", row + 1))?;
            serde_json::from_str(&line).with_context(|| format!("{name}, row {}: not a label", row + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests;
