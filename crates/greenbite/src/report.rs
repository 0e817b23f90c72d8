//! `greenbite report`: a day in figures.

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use comfy_table::CellAlignment;
use daybook::spreadsheet::money;
use daybook::{Day, day};
use serde::Serialize;
use store::Store;
use store::report::{Minutes, Report, Sum, Times};

use crate::cli::{End, say, say_json, table};
use crate::site::Site;

/// Columns of the longest bar.
const BAR: i64 = 24;

/// `greenbite report`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The restaurant's day: today, yesterday, or a date such as 2026-11-23
    #[arg(long, default_value = "today")]
    day: Day,
    /// Where the day begins [default: the setting restaurant.timezone]
    #[arg(long, visible_alias = "time-zone")]
    timezone: Option<Tz>,
    /// For a program
    #[arg(long)]
    json: bool,
}

/// A day in figures, with the clock of the place.
#[derive(Debug, Serialize)]
pub struct DayInFigures {
    /// The day.
    pub day: NaiveDate,
    /// Where it began and ended.
    pub timezone: Tz,
    /// When it began.
    pub from: DateTime<Utc>,
    /// When the next one begins.
    pub before: DateTime<Utc>,
    /// What the clock said at the beginning of each of its hours.
    pub clock: Vec<String>,
    /// The figures.
    #[serde(flatten)]
    pub report: Report,
}

impl DayInFigures {
    /// Of a day where the restaurant is; `None` where there is no such day.
    pub async fn of(store: &Store, day: Day, zone: Tz) -> Result<Option<DayInFigures>, store::Error> {
        let date = day.date(Utc::now(), zone);
        let Some((from, before)) = day::bounds(date, zone) else { return Ok(None) };
        let hours = day::hours(from, before, zone);
        let report = store.report(&hours, before).await?;
        Ok(Some(DayInFigures {
            day: date,
            timezone: zone,
            from,
            before,
            clock: day::labels(&hours, zone),
            report,
        }))
    }
}

/// Prints the figures.
pub async fn run(site: &Site, args: Args) -> anyhow::Result<End> {
    let zone = args.timezone.unwrap_or(site.settings.restaurant.timezone);
    let figures = DayInFigures::of(&site.store().await?, args.day, zone)
        .await?
        .with_context(|| format!("there is no such day in {zone}"))?;
    if args.json {
        say_json(&figures)?;
    } else {
        say(&text(&figures));
    }
    Ok(End::Done)
}

fn text(figures: &DayInFigures) -> String {
    let report = &figures.report;
    let mut parts = vec![format!(
        "{} ({})   {} orders, {}",
        figures.day.format("%A, %-d %B %Y"),
        figures.timezone,
        report.total.orders,
        money(report.total.cents)
    )];
    parts.push(decided(report));
    if report.total.orders > 0 {
        parts.push(hours(figures));
        parts.push(items(report));
        parts.push(by_door(report));
    }
    parts.push(minutes(report));
    if !report.voids.is_empty() {
        parts.push(voids(report));
    }
    if !report.not_on_menu.is_empty() {
        parts.push(times("asked for and not on the menu", &report.not_on_menu));
    }
    if !report.unanswered.is_empty() {
        parts.push(times("unanswered enquiries", &report.unanswered));
    }
    parts.join("\n\n")
}

/// How orders were decided, and what was put right afterwards.
fn decided(report: &Report) -> String {
    let (fates, wrong) = (&report.fates, &report.wrong);
    let messages: Vec<String> =
        report.messages.iter().map(|one| format!("{} {}", one.what, one.times)).collect();
    let messages = if messages.is_empty() { "none".to_owned() } else { messages.join(", ") };
    [
        format!("messages           {messages}"),
        format!("straight through   {}", fates.straight_through),
        format!(
            "asked              {}: {} accepted at the desk ({} corrected), {} refused, {} open",
            fates.asked, fates.accepted, wrong.corrected, fates.refused, fates.open
        ),
        format!("not on the menu    {}", fates.rejected),
        format!(
            "put right          {} voided ({}), {} recalled",
            wrong.voided.orders,
            money(wrong.voided.cents),
            wrong.recalled
        ),
    ]
    .join("\n")
}

/// The hours from the first order to the last, with a bar for the money.
fn hours(figures: &DayInFigures) -> String {
    let hours = &figures.report.hours;
    let busy = |sum: &Sum| sum.orders > 0;
    let first = hours.iter().position(busy).unwrap_or(0);
    let last = hours.iter().rposition(busy).map_or(0, |last| last + 1);
    let most = hours.iter().map(|sum| sum.cents).max().unwrap_or(0).max(1);
    let mut rows = table(&["hour", "orders", "money", ""]);
    for (clock, sum) in figures.clock.iter().zip(hours).take(last).skip(first) {
        // What was sold at all is to be seen.
        let length = (sum.cents * BAR / most).max(i64::from(sum.cents > 0));
        rows.add_row([
            clock.clone(),
            sum.orders.to_string(),
            money(sum.cents),
            "█".repeat(usize::try_from(length).unwrap_or(0)),
        ]);
    }
    numbers(rows, &[1, 2])
}

fn items(report: &Report) -> String {
    let mut rows = table(&["item", "sold", "money"]);
    for sold in &report.items {
        rows.add_row([sold.item.clone(), sold.quantity.to_string(), money(sold.cents)]);
    }
    numbers(rows, &[1, 2])
}

fn by_door(report: &Report) -> String {
    let mut rows = table(&["came in by", "orders", "money"]);
    for door in &report.sources {
        rows.add_row([door.source.clone(), door.sum.orders.to_string(), money(door.sum.cents)]);
    }
    numbers(rows, &[1, 2])
}

fn minutes(report: &Report) -> String {
    let one = |minutes: Option<f64>| minutes.map_or_else(|| "-".to_owned(), |n| format!("{n:.1}"));
    let row =
        |what: &str, took: &Minutes| [what.to_owned(), took.orders.to_string(), one(took.p50), one(took.p90)];
    let mut rows = table(&["minutes from the message until", "orders", "p50", "p90"]);
    rows.add_row(row("registered", &report.to_registered));
    rows.add_row(row("ready", &report.to_ready));
    numbers(rows, &[1, 2, 3])
}

fn voids(report: &Report) -> String {
    let mut rows = table(&["voided order", "money", "by", "why"]);
    for void in &report.voids {
        rows.add_row([void.order.to_string(), money(void.cents), void.who.clone(), void.why.clone()]);
    }
    numbers(rows, &[1])
}

fn times(what: &str, list: &[Times]) -> String {
    let mut rows = table(&[what, "times"]);
    for one in list {
        // In customers' words: they must not steer the terminal.
        rows.add_row([one.what.escape_debug().to_string(), one.times.to_string()]);
    }
    numbers(rows, &[1])
}

/// The table with its numbers below one another.
fn numbers(mut rows: comfy_table::Table, columns: &[usize]) -> String {
    for &column in columns {
        if let Some(column) = rows.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    rows.to_string()
}
