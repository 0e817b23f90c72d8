//! Until when something is sold out, as people say it.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use runtime::Restaurant;
use runtime::hours::{first_instant, last_instant};

/// Reads `close`, `tomorrow`, a time (`22:00`: the next one) or a day with a time (`2026-11-29 18:00`).
pub fn parse(text: &str, house: &Restaurant, now: DateTime<Tz>) -> Result<DateTime<Tz>, String> {
    let until = match text.trim().to_lowercase().as_str() {
        "close" => close(house, now)?,
        "tomorrow" => tomorrow(house, now),
        other => moment(other, now).ok_or_else(|| {
            format!(
                "\"{text}\" is no time: say close, tomorrow, a time such as 22:00 or a day with one, 2026-11-29 18:00"
            )
        })?,
    };
    match until > now {
        true => Ok(until),
        false => Err(format!("\"{text}\" is over already")),
    }
}

/// The end of the opening that is, or of the next one.
fn close(house: &Restaurant, now: DateTime<Tz>) -> Result<DateTime<Tz>, String> {
    if !house.hours.are_given() {
        return Err("nobody knows when the house closes: set restaurant.hours, or say a time".to_owned());
    }
    let opening = house.hours.opening_at(now).or_else(|| house.hours.next_opening(now));
    opening.map(|opening| opening.until).ok_or_else(|| "the house does not open again; say a time".to_owned())
}

/// The first opening of the next day, which begins after this evening even where that lasts beyond midnight; without
/// hours, midnight.
fn tomorrow(house: &Restaurant, now: DateTime<Tz>) -> DateTime<Tz> {
    let today = house.hours.opening_at(now).map_or(now, |opening| opening.from).date_naive();
    let next = house.hours.openings(now).find(|opening| opening.from.date_naive() > today);
    next.map_or_else(
        || first_instant((today + Days::new(1)).and_time(NaiveTime::MIN), now.timezone()),
        |opening| opening.from,
    )
}

fn moment(text: &str, now: DateTime<Tz>) -> Option<DateTime<Tz>> {
    let zone = now.timezone();
    if let Ok(time) = NaiveTime::parse_from_str(text, "%H:%M") {
        let on = |day: NaiveDate| last_instant(day.and_time(time), zone);
        let today = now.date_naive();
        return Some(on(today)).filter(|at| *at > now).or_else(|| Some(on(today + Days::new(1))));
    }
    let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%dt%H:%M"];
    let shown = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(last_instant(shown, zone))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn house(hours: &str) -> Restaurant {
        Restaurant { timezone: Tz::Europe__Berlin, hours: hours.parse().unwrap(), ..Restaurant::default() }
    }

    /// What comes of it, where the clock shows this.
    fn until(text: &str, hours: &str, now: &str) -> Result<String, String> {
        let now = NaiveDateTime::parse_from_str(now, "%Y-%m-%d %H:%M").unwrap();
        let now = Tz::Europe__Berlin.from_local_datetime(&now).earliest().unwrap();
        parse(text, &house(hours), now).map(|at| at.format("%Y-%m-%d %H:%M %z").to_string())
    }

    #[test]
    fn people_say_until_when() {
        // 2026-11-27 is a Friday.
        let hours = "Mo-Fr 11:30-14:00,17:30-22:00; Sa 17:00-01:00";
        for (text, hours, now, expected) in [
            ("close", hours, "2026-11-27 18:00", "2026-11-27 22:00 +0100"),
            ("close", hours, "2026-11-27 12:00", "2026-11-27 14:00 +0100"),
            ("close", hours, "2026-11-27 15:00", "2026-11-27 22:00 +0100"),
            ("close", hours, "2026-11-29 00:10", "2026-11-29 01:00 +0100"),
            ("tomorrow", "", "2026-11-27 18:00", "2026-11-28 00:00 +0100"),
            ("Tomorrow", hours, "2026-11-27 12:00", "2026-11-28 17:00 +0100"),
            // It is Saturday's evening still.
            ("tomorrow", hours, "2026-11-29 00:10", "2026-11-30 11:30 +0100"),
            ("22:00", "", "2026-11-27 18:00", "2026-11-27 22:00 +0100"),
            ("01:30", "", "2026-11-27 18:00", "2026-11-28 01:30 +0100"),
            ("2026-12-24 18:00", "", "2026-11-27 18:00", "2026-12-24 18:00 +0100"),
            // The clock is put forward over it, and put back over it.
            ("02:30", "", "2026-03-28 18:00", "2026-03-29 03:00 +0200"),
            ("02:30", "", "2026-10-24 18:00", "2026-10-25 02:30 +0100"),
        ] {
            assert_eq!(until(text, hours, now).as_deref(), Ok(expected), "{text} at {now}");
        }
    }

    #[test]
    fn what_nobody_can_know_is_refused() {
        for (text, says) in [
            ("close", "set restaurant.hours"),
            ("later", "is no time"),
            ("25:00", "is no time"),
            ("2026-11-26 18:00", "is over already"),
        ] {
            let error = until(text, "", "2026-11-27 18:00").unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
