//! When a message came, as spreadsheets and tills write it. What can mean two things is not read.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use contracts::Code;

use crate::admit::Refusal;

/// Seconds since 1970 of ten digits: from 2001 to 2286. Three digits more are milliseconds.
const EPOCH_DIGITS: usize = 10;
/// Years in which a message may have come; a year of two digits is none of them.
const YEARS: std::ops::RangeInclusive<i32> = 1990..=2100;
/// Dates of which the order is plain; a dot parts days from months wherever people write one.
const DATES: [&str; 7] =
    ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d %b %Y", "%b %d, %Y", "%b %d %Y"];
const DAY_FIRST: [&str; 2] = ["%d/%m/%Y", "%d-%m-%Y"];
const MONTH_FIRST: [&str; 2] = ["%m/%d/%Y", "%m-%d-%Y"];
const TIMES: [&str; 5] = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I %p"];

/// What a time in a file needs to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// The zone of times without an offset.
    pub zone: Tz,
    /// `11/3/2026` is the third of November; otherwise it is not read.
    pub month_first: bool,
}

impl Times {
    /// Times of this zone, without a word on months and days.
    pub fn of(zone: Tz) -> Self {
        Times { zone, month_first: false }
    }

    /// Reads a time; a date alone is the beginning of its day.
    pub fn read(&self, text: &str) -> Result<DateTime<Utc>, Refusal> {
        let with_offset = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
        if let Ok(at) = with_offset {
            return Ok(at.to_utc());
        }
        if let Some(at) = epoch(text) {
            return Ok(at);
        }
        let local = self.local(text)?;
        // The hour that the autumn repeats is its first pass; one that the spring skips does not exist.
        self.zone.from_local_datetime(&local).earliest().map(|at| at.to_utc()).ok_or_else(|| {
            let reason = format!("{local} does not exist in {}: the clocks skip it.", self.zone);
            Refusal::new(Code::BadRow, reason)
        })
    }

    fn local(&self, text: &str) -> Result<NaiveDateTime, Refusal> {
        let refuse = |what: &str| {
            let shown: String = text.chars().take(40).collect();
            Err(Refusal::new(Code::BadRow, format!("'{shown}' {what}")))
        };
        if let Some(at) = dated(text, &DATES) {
            return Ok(at);
        }
        let (days, months) = (dated(text, &DAY_FIRST), dated(text, &MONTH_FIRST));
        match (days, months) {
            (_, Some(at)) if self.month_first => Ok(at),
            (Some(_), None) if self.month_first => {
                refuse("has no month before its day, as the file is said to have.")
            }
            (Some(one), Some(other)) if one == other => Ok(one),
            (Some(at), None) | (None, Some(at)) => Ok(at),
            (Some(_), Some(_)) => refuse(
                "may be one day or another: say that months come first, or write it like 2026-11-23 12:30:00.",
            ),
            (None, None) => refuse("is no date and time, such as 2026-11-23 12:30:00."),
        }
    }
}

fn epoch(text: &str) -> Option<DateTime<Utc>> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !(seconds.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let number: i64 = seconds.parse().ok()?;
    match seconds.len().checked_sub(EPOCH_DIGITS) {
        Some(0) => {
            let micros: u32 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
            DateTime::from_timestamp(number, micros * 1_000)
        }
        Some(3) if fraction.is_empty() => DateTime::from_timestamp_millis(number),
        _ => None,
    }
}

/// A date in one of these formats, and the time behind it, if any.
fn dated(text: &str, formats: &[&str]) -> Option<NaiveDateTime> {
    formats.iter().find_map(|format| {
        let (date, rest) = NaiveDate::parse_and_remainder(text, format).ok()?;
        if !YEARS.contains(&date.year()) {
            return None;
        }
        let time = match rest.strip_prefix("T").or_else(|| rest.strip_prefix(',')).unwrap_or(rest).trim() {
            "" if rest.is_empty() => NaiveTime::MIN,
            // Behind the date, and not part of its last number.
            clock if !rest.starts_with(|c: char| c.is_ascii_digit()) => time(clock)?,
            _ => return None,
        };
        Some(date.and_time(time))
    })
}

/// `19:05`, `7:05 PM`, `7:05 p.m.`, `19:05 Uhr`.
fn time(text: &str) -> Option<NaiveTime> {
    let text = text.to_ascii_uppercase().replace("A.M.", "AM").replace("P.M.", "PM");
    let text = text.trim_end_matches("UHR").trim();
    let text =
        match text.strip_suffix("AM").map(|at| (at, "AM")).or(text.strip_suffix("PM").map(|at| (at, "PM"))) {
            Some((at, half)) => format!("{} {half}", at.trim()),
            None => text.to_owned(),
        };
    TIMES.iter().find_map(|format| NaiveTime::parse_from_str(&text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: Times = Times { zone: Tz::Europe__Berlin, month_first: false };

    fn read(times: Times, text: &str) -> String {
        times.read(text).map_or_else(|refusal| refusal.reason, |at| at.to_rfc3339())
    }

    #[test]
    fn what_means_one_time_is_read_however_it_is_written() {
        for text in [
            "2026-11-27T19:05:00+01:00",
            "2026-11-27 19:05",
            "2026/11/27 19:05:00",
            "27.11.2026 19:05",
            "27.11.2026, 19:05 Uhr",
            "11/27/2026 7:05 PM",
            "11/27/2026 7:05pm",
            "27/11/2026 7:05 p.m.",
            "27-11-2026 19:05",
            "27 Nov 2026 19:05",
            "Nov 27, 2026 7:05 PM",
            "Fri, 27 Nov 2026 19:05:00 +0100",
            "1795802700",
            "1795802700.000",
            "1795802700000",
        ] {
            assert_eq!(read(BERLIN, text), "2026-11-27T18:05:00+00:00", "{text}");
        }
        for text in ["2026-11-27", "27.11.2026", "11/27/2026"] {
            assert_eq!(read(BERLIN, text), "2026-11-26T23:00:00+00:00", "{text}");
        }
        assert_eq!(read(BERLIN, "3/3/2026 12:00"), "2026-03-03T11:00:00+00:00");
    }

    #[test]
    fn what_may_be_one_day_or_another_is_read_only_when_the_order_is_told() {
        assert!(read(BERLIN, "11/3/2026 12:00").contains("may be one day or another"));
        let american = Times { month_first: true, ..BERLIN };
        assert_eq!(read(american, "11/3/2026 12:00"), "2026-11-03T11:00:00+00:00");
        assert_eq!(read(american, "3.11.2026 12:00"), "2026-11-03T11:00:00+00:00");
        assert!(read(american, "27/11/2026").contains("has no month before its day"));
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "2026-02-30 12:00",
            "27.11.26",
            "11/27/26",
            "19:05",
            "12345",
            "123456789012",
            "27.11.2026 25:00",
            "27.11.20261",
            "13:05 PM",
            "noon",
        ] {
            assert!(read(BERLIN, text).contains("is no date and time"), "{text}: {}", read(BERLIN, text));
        }
        assert!(read(BERLIN, "2026-03-29 02:30").contains("does not exist in Europe/Berlin"));
    }
}
