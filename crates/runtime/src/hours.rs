//! When the house is open, by its own clock.
//!
//! Hours are written as OpenStreetMap's `opening_hours`: `Mo-Fr 11:30-14:00,17:30-22:00; Sa 17:00-01:00; Dec 25 off`.
//! An opening is a stretch of real time: one that lasts until 02:30 in the night in which that time comes twice ends
//! at the second, and one that begins at a time that a night skips begins when the clock has skipped it.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use opening_hours::{OpeningHours, RuleKind};
use serde::{Deserialize, Serialize};

use crate::settings::Restaurant;

/// How far ahead the next opening is looked for: a house may close for the summer.
const AHEAD: Days = Days::new(100);

/// When the house is open; without rules, always.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    text: String,
    rules: Option<OpeningHours>,
}

/// The house is open from here to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Since when.
    pub from: DateTime<Tz>,
    /// Until when.
    pub until: DateTime<Tz>,
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Hours, String> {
        let text = text.trim();
        let rules = match text.is_empty() {
            true => None,
            false => Some(text.parse::<OpeningHours>().map_err(|error| {
                format!(
                    "\"{text}\" is not understood as opening hours, which look like \
                     \"Mo-Fr 11:30-14:00,17:30-22:00; Sa 17:00-01:00; Dec 25 off\": {error}"
                )
            })?),
        };
        Ok(Hours { text: text.to_owned(), rules })
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Hours, String> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> String {
        hours.text
    }
}

impl PartialEq for Hours {
    fn eq(&self, other: &Hours) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hours({:?})", self.text)
    }
}

impl Hours {
    /// Whether any are given: without, the house is always open.
    pub fn are_given(&self) -> bool {
        self.rules.is_some()
    }

    /// The opening of this moment.
    pub fn opening_at(&self, at: DateTime<Tz>) -> Option<Opening> {
        self.openings(at).find(|opening| opening.from <= at && at < opening.until)
    }

    /// The first opening that begins after this moment.
    pub fn next_opening(&self, at: DateTime<Tz>) -> Option<Opening> {
        self.openings(at).find(|opening| opening.from > at)
    }

    /// Openings from the day before on.
    pub fn openings(&self, at: DateTime<Tz>) -> impl Iterator<Item = Opening> {
        let zone = at.timezone();
        let today = at.date_naive().and_time(NaiveTime::MIN);
        let from = today.checked_sub_days(Days::new(1)).unwrap_or(today);
        let to = today.checked_add_days(AHEAD).unwrap_or(today);
        let ranges = self.rules.as_ref().map(|rules| rules.iter_range(from, to));
        ranges.into_iter().flatten().filter(|range| range.kind == RuleKind::Open).map(move |open| Opening {
            from: first_instant(open.range.start, zone),
            until: last_instant(open.range.end, zone),
        })
    }
}

impl Restaurant {
    /// This moment by the clock of the house.
    pub fn clock(&self, at: DateTime<Utc>) -> DateTime<Tz> {
        at.with_timezone(&self.timezone)
    }

    /// Why no order is taken at this moment, in a cook's words; `None` where orders are taken.
    pub fn takes_no_order(&self, at: DateTime<Utc>) -> Option<String> {
        if !self.hours.are_given() {
            return None;
        }
        let at = self.clock(at);
        let last_orders =
            |opening: Opening| opening.until - TimeDelta::minutes(self.last_orders_minutes.into());
        let said = match self.hours.opening_at(at) {
            Some(opening) if at < last_orders(opening) => return None,
            Some(opening) => format!(
                "last orders were {}, we close {}",
                when(last_orders(opening), at),
                when(opening.until, at)
            ),
            None => "we are closed".to_owned(),
        };
        Some(match self.hours.next_opening(at) {
            Some(next) => format!("{said}; we open {}", when(next.from, at)),
            None => said,
        })
    }
}

/// A moment as people say it today: `22:00`, `Sunday 11:30`, `2026-12-25 11:30`.
pub fn near(moment: DateTime<Tz>, today: DateTime<Tz>) -> String {
    let moment = moment.with_timezone(&today.timezone());
    match (moment.date_naive() - today.date_naive()).num_days() {
        0 => moment.format("%H:%M"),
        -6..=6 => moment.format("%A %H:%M"),
        _ => moment.format("%Y-%m-%d %H:%M"),
    }
    .to_string()
}

/// As [`near`], in a sentence: `at 22:00`, `on Sunday at 11:30`.
fn when(moment: DateTime<Tz>, today: DateTime<Tz>) -> String {
    let told = near(moment, today);
    match told.split_once(' ') {
        Some((day, time)) => format!("on {day} at {time}"),
        None => format!("at {told}"),
    }
}

/// When a clock shows this the first time; where it skips it, when it has skipped it.
pub fn first_instant(shown: NaiveDateTime, zone: Tz) -> DateTime<Tz> {
    zone.from_local_datetime(&shown).earliest().unwrap_or_else(|| after_the_gap(shown, zone))
}

/// When a clock shows this the last time; where it skips it, when it has skipped it.
pub fn last_instant(shown: NaiveDateTime, zone: Tz) -> DateTime<Tz> {
    zone.from_local_datetime(&shown).latest().unwrap_or_else(|| after_the_gap(shown, zone))
}

/// The moment at which the clock was put forward over this time. A day is long enough for every gap that there was.
fn after_the_gap(shown: NaiveDateTime, zone: Tz) -> DateTime<Tz> {
    let minutes = (1..=24 * 60).map(TimeDelta::minutes);
    minutes
        .filter_map(|ahead| zone.from_local_datetime(&(shown + ahead)).earliest())
        .next()
        .unwrap_or_else(|| zone.from_utc_datetime(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(hours: &str, last_orders_minutes: u32) -> Restaurant {
        Restaurant {
            timezone: Tz::Europe__Berlin,
            hours: hours.parse().unwrap(),
            last_orders_minutes,
            ..Restaurant::default()
        }
    }

    /// What is said at a time with its offset.
    fn said(house: &Restaurant, at: &str) -> String {
        let at = DateTime::parse_from_rfc3339(at).unwrap().to_utc();
        house.takes_no_order(at).unwrap_or_else(|| "open".to_owned())
    }

    #[test]
    fn without_hours_the_house_is_always_open() {
        assert_eq!(said(&house("", 30), "2026-11-28T03:00:00Z"), "open");
    }

    #[test]
    fn orders_are_taken_within_the_hours_and_before_last_orders() {
        // 2026-11-28 is a Saturday; Berlin is an hour ahead in winter.
        let house = house("Mo-Fr 11:30-14:00,17:30-22:00; Sa 17:00-01:00; Dec 25 off", 30);
        for (at, expected) in [
            ("2026-11-27T10:29:00Z", "we are closed; we open at 11:30"),
            ("2026-11-27T10:30:00Z", "open"),
            ("2026-11-27T12:29:59Z", "open"),
            ("2026-11-27T12:30:00Z", "last orders were at 13:30, we close at 14:00; we open at 17:30"),
            ("2026-11-27T13:00:00Z", "we are closed; we open at 17:30"),
            ("2026-11-27T21:00:00Z", "we are closed; we open on Saturday at 17:00"),
            // Across midnight it still is Saturday's evening.
            ("2026-11-28T23:29:00Z", "open"),
            (
                "2026-11-28T23:30:00Z",
                "last orders were at 00:30, we close at 01:00; we open on Monday at 11:30",
            ),
            ("2026-11-29T00:00:00Z", "we are closed; we open on Monday at 11:30"),
            ("2026-12-25T11:00:00Z", "we are closed; we open on Saturday at 17:00"),
        ] {
            assert_eq!(said(&house, at), expected, "{at}");
        }
    }

    #[test]
    fn a_night_with_an_hour_twice_is_open_through_both() {
        // On 2026-10-25 at 03:00 the clock is put back to 02:00.
        let house = house("Sa 18:00-02:30", 0);
        for (at, expected) in [
            ("2026-10-25T02:15:00+02:00", "open"),
            ("2026-10-25T02:45:00+02:00", "open"),
            ("2026-10-25T02:29:00+01:00", "open"),
            ("2026-10-25T02:30:00+01:00", "we are closed; we open on Saturday at 18:00"),
        ] {
            assert_eq!(said(&house, at), expected, "{at}");
        }
    }

    #[test]
    fn a_night_without_an_hour_ends_and_begins_where_the_clock_jumps() {
        // On 2026-03-29 at 02:00 the clock is put forward to 03:00.
        let late = house("Sa 18:00-02:30", 0);
        assert_eq!(said(&late, "2026-03-29T00:59:00Z"), "open");
        assert!(said(&late, "2026-03-29T01:00:00Z").starts_with("we are closed"));
        let early = house("Su 02:30-05:00", 0);
        assert_eq!(said(&early, "2026-03-29T00:59:00Z"), "we are closed; we open at 03:00");
        assert_eq!(said(&early, "2026-03-29T01:00:00Z"), "open");
    }

    #[test]
    fn hours_that_are_not_understood_are_refused_with_an_example() {
        let error = "from dusk till whenever".parse::<Hours>().unwrap_err();
        assert!(error.contains("Mo-Fr 11:30-14:00"), "{error}");
    }
}
