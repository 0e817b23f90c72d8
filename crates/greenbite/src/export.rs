//! `greenbite export`

use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::Utc;
use chrono_tz::Tz;
use contracts::{ValidatedLine, Verdict};
use daybook::spreadsheet::{money, write_atomically};
use daybook::{Day, day, orders};
use serde::Serialize;
use store::reviews::{Correction, ReviewDecision};

use crate::cli::{End, say};
use crate::eval::PredictedItem;
use crate::site::Site;

/// `greenbite export`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// One CSV file of a day's orders, a row for each line of an order
    Orders(Orders),
    /// What people at the desk decided about reviews, as labelled messages that `greenbite eval` reads
    Corrections(Corrections),
}

/// `greenbite export orders`
#[derive(Debug, clap::Args)]
pub struct Orders {
    /// The restaurant's day: today, yesterday, or a date such as 2026-11-23
    #[arg(long, default_value = "today")]
    day: Day,
    /// Where the day begins [default: the setting restaurant.timezone]
    #[arg(long)]
    timezone: Option<Tz>,
    /// Where the file goes: a file, or a folder in which it is orders-DAY.csv [default: this folder]
    #[arg(long, value_name = "FILE.csv|DIR")]
    out: Option<PathBuf>,
}

/// `greenbite export corrections`
#[derive(Debug, clap::Args)]
pub struct Corrections {
    /// Where they go, an object a line
    #[arg(long, value_name = "FILE.jsonl", default_value = "corrections.jsonl")]
    out: PathBuf,
}

/// Writes the file.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    match command {
        Command::Orders(args) => write_orders(site, args).await,
        Command::Corrections(args) => write_corrections(site, &args.out).await,
    }
}

async fn write_orders(site: &Site, args: Orders) -> anyhow::Result<End> {
    let zone = args.timezone.unwrap_or(site.settings.restaurant.timezone);
    let date = args.day.date(Utc::now(), zone);
    let (from, before) = day::bounds(date, zone).with_context(|| format!("{date} is no day in {zone}"))?;
    let lines = site.store().await?.orders_between(from, before).await?;
    let name = orders::file_name(date);
    let out = match args.out {
        None => name.into(),
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file,
    };
    write(&out, &orders::csv(&lines, zone)?)?;
    let (count, cents) = orders::total(&lines);
    say(&format!("{}: {count} orders of {date} ({zone}), {} in all", out.display(), money(cents)));
    Ok(End::Done)
}

async fn write_corrections(site: &Site, out: &Path) -> anyhow::Result<End> {
    let corrections = site.store().await?.corrections().await?;
    let mut bytes = Vec::new();
    for correction in &corrections {
        serde_json::to_writer(&mut bytes, &label(correction))?;
        bytes.push(b'\n');
    }
    write(out, &bytes)?;
    say(&format!("{}: {} messages as the desk decided about them", out.display(), corrections.len()));
    Ok(End::Done)
}

fn write(out: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(out, bytes).with_context(|| format!("{} cannot be written", out.display()))
}

/// A labelled message, as data/README.md has it.
#[derive(Debug, Serialize)]
struct Label<'a> {
    id: i64,
    text: &'a str,
    kind: &'static str,
    items: Vec<PredictedItem>,
    off_menu: bool,
    off_menu_items: Vec<&'a str>,
    note: String,
}

/// What the desk decided, as a label: an order of the lines that were kept, off the menu where some were not.
fn label(correction: &Correction) -> Label<'_> {
    let decided = &correction.decided;
    let kept: Vec<&ValidatedLine> = match decided.decision {
        ReviewDecision::Accepted => decided.lines.iter().collect(),
        ReviewDecision::Rejected => {
            correction.lines.iter().filter(|line| line.verdict == Verdict::Accepted).collect()
        }
    };
    let off_menu_items = left_out(&correction.lines, &kept);
    Label {
        id: correction.message_id.0,
        text: &correction.text,
        kind: "order",
        items: kept.into_iter().filter_map(item).collect(),
        // A person refused it, though it may be that every line of it is sold: it has to be asked about all the same.
        off_menu: decided.decision == ReviewDecision::Rejected || !off_menu_items.is_empty(),
        off_menu_items,
        note: format!("{} at the desk on {}", decided.decision.as_str(), decided.at.date_naive()),
    }
}

/// The phrases of lines that were not kept. Two lines may have the same words: each kept one accounts for one.
fn left_out<'a>(lines: &'a [ValidatedLine], kept: &[&ValidatedLine]) -> Vec<&'a str> {
    let mut kept: Vec<_> = kept.iter().map(|line| (&line.line.phrase, line.line.quantity)).collect();
    let mut out = Vec::new();
    for line in lines {
        match kept.iter().position(|one| *one == (&line.line.phrase, line.line.quantity)) {
            Some(at) => {
                kept.swap_remove(at);
            }
            None => out.push(line.line.phrase.as_str()),
        }
    }
    out
}

fn item(line: &ValidatedLine) -> Option<PredictedItem> {
    Some(PredictedItem {
        item: line.matched.as_ref()?.name.clone(),
        quantity: line.line.quantity,
        size: line.line.size.clone(),
        modifiers: line.line.modifiers.clone(),
    })
}

#[cfg(test)]
mod tests {
    use contracts::{MatchedItem, MessageId, OrderLine};
    use store::reviews::Decided;

    use super::*;

    fn line(phrase: &str, name: &str, verdict: Verdict) -> ValidatedLine {
        ValidatedLine {
            line: OrderLine {
                phrase: phrase.to_owned(),
                quantity: 1,
                size: None,
                modifiers: Vec::new(),
                item: None,
                doubts: Vec::new(),
            },
            verdict,
            reason: String::new(),
            matched: Some(MatchedItem { slug: String::new(), name: name.to_owned(), unit_price_cents: 250 }),
            candidates: Vec::new(),
        }
    }

    fn correction(decision: ReviewDecision, decided: Vec<ValidatedLine>) -> Correction {
        Correction {
            message_id: MessageId(7),
            text: "a lemonad, a tee and a tee".to_owned(),
            lines: vec![
                line("lemonad", "Limeade", Verdict::Review),
                line("tee", "Tea", Verdict::Accepted),
                line("tee", "Tea", Verdict::Accepted),
            ],
            decided: Decided {
                decision,
                by: "Ada".to_owned(),
                at: chrono::DateTime::UNIX_EPOCH,
                lines: decided,
            },
        }
    }

    #[test]
    fn what_the_desk_chose_is_what_was_ordered_and_what_it_left_out_is_not_on_the_menu() {
        let chosen = line("lemonad", "Lemonade", Verdict::Accepted);
        let tea = line("tee", "Tea", Verdict::Accepted);
        let whole = correction(ReviewDecision::Accepted, vec![chosen.clone(), tea.clone(), tea.clone()]);
        let whole = label(&whole);
        assert_eq!(whole.items[0].item, "Lemonade");
        assert_eq!((whole.items.len(), whole.off_menu, whole.off_menu_items.len()), (3, false, 0));
        assert_eq!(whole.note, "accepted at the desk on 1970-01-01");
        let part = correction(ReviewDecision::Accepted, vec![chosen, tea]);
        assert_eq!((label(&part).off_menu, label(&part).off_menu_items), (true, vec!["tee"]));
    }

    #[test]
    fn what_the_desk_refused_is_an_order_that_has_to_be_asked_about() {
        let refused = correction(ReviewDecision::Rejected, Vec::new());
        let label = label(&refused);
        assert_eq!((label.kind, label.off_menu, label.items.len()), ("order", true, 2));
        assert_eq!(label.off_menu_items, ["lemonad"]);
    }
}
