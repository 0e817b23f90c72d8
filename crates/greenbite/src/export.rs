//! `greenbite export`

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, bail};
use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use contracts::{Modifier, ModifierOp};
use store::orders::OrderedLine;

use crate::cli::{End, say};
use crate::site::Site;
use crate::spreadsheet::{cell, money, write_atomically};

/// `greenbite export`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// One CSV file of a day's orders, a row for each line of an order
    Orders(Orders),
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
    /// Where the file goes: a file, or a folder in which it is orders-<day>.csv [default: this folder]
    #[arg(long, value_name = "FILE.csv|DIR")]
    out: Option<PathBuf>,
}

/// A day, by its date or as seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    Date(NaiveDate),
    Today,
    Yesterday,
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Day, String> {
        match text {
            "today" => Ok(Day::Today),
            "yesterday" => Ok(Day::Yesterday),
            date => date
                .parse()
                .map(Day::Date)
                .map_err(|_| "say today, yesterday, or a date such as 2026-11-23".to_owned()),
        }
    }
}

impl Day {
    /// Its date where the restaurant is.
    fn date(self, now: DateTime<Utc>, zone: Tz) -> NaiveDate {
        let today = now.with_timezone(&zone).date_naive();
        match self {
            Day::Date(date) => date,
            Day::Today => today,
            Day::Yesterday => today.pred_opt().unwrap_or(today),
        }
    }
}

/// Writes the file.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let Command::Orders(args) = command;
    let zone = args.timezone.unwrap_or(site.settings.restaurant.timezone);
    let date = args.day.date(Utc::now(), zone);
    let (from, before) = day(date, zone)?;
    let lines = site.store().await?.orders_between(from, before).await?;
    let name = format!("orders-{date}.csv");
    let out = match args.out {
        None => name.into(),
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file,
    };
    let bytes = write(&lines, zone)?;
    write_atomically(&out, &bytes).with_context(|| format!("{} cannot be written", out.display()))?;

    let mut orders: Vec<(i64, i64)> =
        lines.iter().map(|line| (line.order_number, line.order_total_cents)).collect();
    orders.dedup();
    let total: i64 = orders.iter().map(|(_, cents)| cents).sum();
    say(&format!("{}: {} orders of {} ({zone}), {} in all", out.display(), orders.len(), date, money(total)));
    Ok(End::Done)
}

/// When a day begins and ends somewhere. Where the clocks skip midnight, it begins with the first moment after.
fn day(day: NaiveDate, zone: Tz) -> anyhow::Result<(DateTime<Utc>, DateTime<Utc>)> {
    let begin = |day: NaiveDate| {
        let midnight = day.and_time(NaiveTime::MIN);
        (0..=24)
            .find_map(|quarter| {
                zone.from_local_datetime(&(midnight + chrono::TimeDelta::minutes(15 * quarter))).earliest()
            })
            .map(|at| at.to_utc())
    };
    match (begin(day), day.checked_add_days(Days::new(1)).and_then(begin)) {
        (Some(from), Some(before)) => Ok((from, before)),
        _ => bail!("{day} is no day in {zone}"),
    }
}

const HEADER: [&str; 14] = [
    "order",
    "time",
    "customer",
    "status",
    "quantity",
    "item",
    "size",
    "wishes",
    "unit_price",
    "line_total",
    "order_total",
    "message",
    "message_id",
    "item_key",
];

fn write(lines: &[OrderedLine], zone: Tz) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for line in lines {
        let kitchen = &line.line;
        writer.write_record([
            line.order_number.to_string(),
            line.created_at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
            cell(line.customer.as_deref().unwrap_or_default()),
            cell(&line.status),
            kitchen.quantity.to_string(),
            cell(&kitchen.item),
            cell(kitchen.size.as_deref().unwrap_or_default()),
            cell(&wishes(&kitchen.modifiers)),
            money(kitchen.unit_price_cents),
            money(kitchen.total_cents),
            money(line.order_total_cents),
            cell(&line.text),
            line.message_id.to_string(),
            cell(&kitchen.slug),
        ])?;
    }
    Ok(writer.into_inner()?)
}

fn wishes(modifiers: &[Modifier]) -> String {
    let word = |op| match op {
        ModifierOp::Add => "with",
        ModifierOp::Remove => "no",
        ModifierOp::Extra => "extra",
        ModifierOp::Light => "light",
        ModifierOp::Note => "note",
    };
    modifiers.iter().map(|wish| format!("{} {}", word(wish.op), wish.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use contracts::{MessageId, RegisteredLine};

    use super::*;

    fn line(text: &str, modifier: &str) -> OrderedLine {
        OrderedLine {
            order_number: 7,
            created_at: "2026-07-01T22:30:00Z".parse().unwrap(),
            message_id: MessageId(42),
            text: text.to_owned(),
            customer: Some("@SUM(A1)".to_owned()),
            status: "registered".to_owned(),
            order_total_cents: 2_500,
            line: RegisteredLine {
                item: "Cheese Burger".to_owned(),
                slug: "cheese_burger".to_owned(),
                quantity: 2,
                size: None,
                modifiers: vec![Modifier { op: ModifierOp::Remove, name: modifier.to_owned() }],
                unit_price_cents: 1_250,
                total_cents: 2_500,
            },
        }
    }

    #[test]
    fn no_cell_of_an_export_is_a_formula_and_every_row_has_all_columns() {
        let bytes =
            write(&[line("=HYPERLINK(\"http://x\")\n-2", "=1+1")], chrono_tz::Europe::Berlin).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].len(), HEADER.len());
        for value in &rows[0] {
            assert!(!value.starts_with(['=', '+', '-', '@', '\t', '\r']), "{value}");
        }
        assert_eq!(&rows[0][1], "2026-07-02 00:30:00", "the restaurant's time, not ours");
        assert_eq!(&rows[0][11], "'=HYPERLINK(\"http://x\")\n'-2");
    }

    #[test]
    fn today_is_what_the_calendar_shows_where_the_restaurant_is() {
        let now = "2026-07-01T22:30:00Z".parse().unwrap();
        let date = |day: &str, zone| day.parse::<Day>().unwrap().date(now, zone).to_string();
        assert_eq!(date("today", Tz::UTC), "2026-07-01");
        assert_eq!(date("today", chrono_tz::Europe::Berlin), "2026-07-02");
        assert_eq!(date("yesterday", chrono_tz::Europe::Berlin), "2026-07-01");
        assert_eq!(date("2026-02-03", Tz::UTC), "2026-02-03");
        assert!("tomorrow".parse::<Day>().unwrap_err().contains("yesterday"));
    }

    #[test]
    fn a_day_begins_where_the_restaurant_is_and_may_have_23_or_25_hours() {
        let hours = |date: &str| {
            let (from, before) = day(date.parse().unwrap(), chrono_tz::Europe::Berlin).unwrap();
            (before - from).num_hours()
        };
        assert_eq!(hours("2026-07-01"), 24);
        assert_eq!(hours("2026-03-29"), 23);
        assert_eq!(hours("2026-10-25"), 25);
        let (from, _) = day("2026-07-01".parse().unwrap(), chrono_tz::Europe::Berlin).unwrap();
        assert_eq!(from.to_rfc3339(), "2026-06-30T22:00:00+00:00");
        // In Beirut the clocks skip the midnight with which this day would begin.
        let (from, _) = day("2026-03-29".parse().unwrap(), chrono_tz::Asia::Beirut).unwrap();
        assert_eq!(from.to_rfc3339(), "2026-03-28T22:00:00+00:00");
    }
}
