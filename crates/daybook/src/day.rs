//! A day where the restaurant is. Clocks are changed there: a day has 23 to 25 hours, and one may come twice.

use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use runtime::hours::first_instant;

/// A day, by its date or as seen from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// 2026-11-23
    Date(NaiveDate),
    /// The day that it is.
    Today,
    /// The day before.
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
    pub fn date(self, now: DateTime<Utc>, zone: Tz) -> NaiveDate {
        let today = now.with_timezone(&zone).date_naive();
        match self {
            Day::Date(date) => date,
            Day::Today => today,
            Day::Yesterday => today.pred_opt().unwrap_or(today),
        }
    }
}

/// When a day begins and ends somewhere; `None` for one that is beyond all calendars or was left out there.
/// Where the clocks skip midnight, it begins with the first moment after.
pub fn bounds(date: NaiveDate, zone: Tz) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let begin = |day: NaiveDate| first_instant(day.and_time(NaiveTime::MIN), zone).to_utc();
    let (from, before) = (begin(date), begin(date.checked_add_days(Days::new(1))?));
    (from < before).then_some((from, before))
}

/// The hours of a day, by when each begins.
pub fn hours(from: DateTime<Utc>, before: DateTime<Utc>, zone: Tz) -> Vec<DateTime<Utc>> {
    let next = |hour: &DateTime<Utc>| {
        let clock = hour.with_timezone(&zone).time();
        let left = 3_600 - i64::from(clock.minute() * 60 + clock.second());
        Some(*hour + TimeDelta::seconds(left)).filter(|next| *next < before)
    };
    std::iter::successors(Some(from), next).collect()
}

/// What the clock says when each of these hours begins; of one that comes twice, in which time.
pub fn labels(hours: &[DateTime<Utc>], zone: Tz) -> Vec<String> {
    let clock = |hour: &DateTime<Utc>| hour.with_timezone(&zone).format("%H:%M").to_string();
    let clocks: Vec<String> = hours.iter().map(clock).collect();
    let twice = |label: &String| clocks.iter().filter(|other| *other == label).count() > 1;
    hours
        .iter()
        .zip(&clocks)
        .map(|(hour, label)| match twice(label) {
            true => hour.with_timezone(&zone).format("%H:%M %Z").to_string(),
            false => label.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono_tz::{America, Australia, Europe};

    use super::*;

    fn day(date: &str, zone: Tz) -> Vec<String> {
        let (from, before) = bounds(date.parse().unwrap(), zone).unwrap();
        labels(&hours(from, before, zone), zone)
    }

    #[test]
    fn a_day_has_as_many_hours_as_the_clocks_give_it() {
        let berlin = Europe::Berlin;
        assert_eq!(day("2026-03-29", berlin).len(), 23);
        assert_eq!(day("2026-03-29", berlin)[1..3], ["01:00", "03:00"]);
        assert_eq!(day("2026-10-25", berlin).len(), 25);
        assert_eq!(day("2026-10-25", berlin)[1..5], ["01:00", "02:00 CEST", "02:00 CET", "03:00"]);
        assert_eq!(day("2026-11-28", berlin).len(), 24);
        assert_eq!(day("2026-11-28", berlin)[23], "23:00");
    }

    #[test]
    fn clocks_that_move_by_half_an_hour_are_followed() {
        // Back from 02:00 to 01:30: the half hour from 01:30 on comes twice.
        let list = day("2026-04-05", Australia::Lord_Howe);
        assert_eq!(list[..4], ["00:00", "01:00", "01:30", "02:00"]);
        assert_eq!(list.len(), 25);
    }

    #[test]
    fn a_day_begins_at_midnight_where_the_restaurant_is() {
        let auckland = chrono_tz::Pacific::Auckland;
        let late: DateTime<Utc> = "2026-07-01T12:30:00Z".parse().unwrap();
        assert_eq!(Day::Today.date(late, auckland).to_string(), "2026-07-02");
        assert_eq!(Day::Yesterday.date(late, auckland).to_string(), "2026-07-01");
        let (from, before) = bounds("2026-07-02".parse().unwrap(), auckland).unwrap();
        assert_eq!(from.to_rfc3339(), "2026-07-01T12:00:00+00:00");
        assert_eq!(before - from, TimeDelta::hours(24));
    }

    #[test]
    fn a_day_whose_midnight_the_clocks_skip_begins_with_the_first_moment_after() {
        let list = day("2018-11-04", America::Sao_Paulo);
        assert_eq!((list[0].as_str(), list.len()), ("01:00", 23));
        let (from, _) = bounds("2026-03-29".parse().unwrap(), chrono_tz::Asia::Beirut).unwrap();
        assert_eq!(from.to_rfc3339(), "2026-03-28T22:00:00+00:00");
    }

    #[test]
    fn a_day_that_was_left_out_is_none() {
        assert_eq!(bounds("2011-12-30".parse().unwrap(), chrono_tz::Pacific::Apia), None);
        assert!("tomorrow".parse::<Day>().unwrap_err().contains("yesterday"));
        assert!("2026-02-30".parse::<Day>().is_err());
    }
}
