//! `greenbite ledger`

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook::spreadsheet::money;
use runtime::Bus;
use serde::Serialize;
use store::ledger::{Ledger, Place, Question};

use crate::cli::{End, complain, say, say_json, table};
use crate::dlq;
use crate::site::Site;

/// Findings that are shown to people; `--json` has more.
const SHOWN: usize = 20;

/// `greenbite ledger`
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 green, 1 red, 69 the database is away.")]
pub struct Args {
    /// Only messages received from then on: 2026-01-31T18:00:00Z, or so long ago: 90s, 30m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// How long a message may be under way, or an outcome untold, before that is red
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "5m")]
    patience: Duration,
    /// For a program
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    green: bool,
    #[serde(flatten)]
    ledger: Ledger,
    /// What each station has yet to finish; `None` where the bus cannot be asked.
    under_way_by_station: Option<BTreeMap<&'static str, u64>>,
}

/// Draws up the ledger.
pub async fn run(site: &Site, args: Args) -> anyhow::Result<End> {
    let store = site.store().await?;
    let on_the_bus = match site.bus().await {
        Ok(bus) => look_at_bus(&bus).await,
        Err(error) => Err(error.into()),
    };
    let (stations, dead_letters) = match on_the_bus {
        Ok((stations, dead_letters)) => (Some(stations), dead_letters),
        Err(error) => {
            complain(&format!("by the database alone, dead letters count as under way: {error:#}"));
            (None, Vec::new())
        }
    };
    let question = Question { since: args.since, patience: args.patience, dead_letters };
    let ledger = store.ledger(&question).await?;
    let report = Report { green: ledger.is_green(), ledger, under_way_by_station: stations };
    if args.json {
        say_json(&report)?;
    } else {
        print(&report);
    }
    Ok(if report.green { End::Done } else { End::NeedsPerson })
}

/// What each station has yet to finish, and the messages among the dead letters.
async fn look_at_bus(bus: &Bus) -> anyhow::Result<(BTreeMap<&'static str, u64>, Vec<i64>)> {
    let mut stations = BTreeMap::new();
    for (spec, state) in bus.line_state().await? {
        *stations.entry(spec.service.as_str()).or_default() += state.lag();
    }
    let letters = dlq::entries(bus).await?;
    Ok((stations, letters.iter().filter_map(|letter| letter.id.parse().ok()).collect()))
}

fn print(report: &Report) {
    let ledger = &report.ledger;
    say(&match report.green {
        true => format!("GREEN: {} messages, each in one place", ledger.messages),
        false => format!("RED: {} findings in {} messages", ledger.findings.len(), ledger.messages),
    });
    let mut rows = table(&["messages", "count"]);
    for (place, count) in &ledger.places {
        rows.add_row([place.name().to_owned(), count.to_string()]);
    }
    rows.add_row(["all".to_owned(), ledger.messages.to_string()]);
    say(&rows.to_string());
    say(&format!(
        "notifications: {} sent, {} of them marked as possible repeats, {} still to be sent",
        ledger.told, ledger.possible_repeats, ledger.untold
    ));
    say(&format!(
        "enquiries: {} with a proposed answer, {} for a person alone",
        ledger.proposed, ledger.unanswerable
    ));
    say(&format!("orders: {} in all", money(ledger.total_cents)));
    match &report.under_way_by_station {
        Some(stations) => {
            let list: Vec<String> =
                stations.iter().map(|(station, count)| format!("{station} {count}")).collect();
            say(&format!("waiting or in work: {}", list.join(", ")));
        }
        None => {
            let count = ledger.places.get(&Place::UnderWay).copied().unwrap_or_default();
            say(&format!("waiting or in work: {count}; the bus is away, so not by station"));
        }
    }
    for finding in ledger.findings.iter().take(SHOWN) {
        let id = finding.message_id;
        say(&format!("  message {id}: {} (greenbite journey {id})", finding.what));
    }
    if ledger.findings.len() > SHOWN {
        say(&format!("  and {} more: --json lists them", ledger.findings.len() - SHOWN));
    }
}

fn since(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let age = age(text).map_err(|_| "a time such as 2026-01-31T18:00:00Z or an age such as 2h".to_owned())?;
    Utc::now()
        .checked_sub_signed(chrono::TimeDelta::from_std(age).unwrap_or_default())
        .ok_or_else(|| "too long ago".to_owned())
}

fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "an age such as 90s, 30m, 2h or 1d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}
