//! Opening hours as data, so that "are you open now?" is computed.

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeZone, Weekday};

/// When a house is open: spans a weekday. A span may go on past midnight.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    spans: Vec<(Weekday, NaiveTime, NaiveTime)>,
}

impl Hours {
    /// Reads lines such as `mon-thu 11:30-22:00`, `sun 12:00-21:00`; days are of three letters.
    pub fn parse<T: AsRef<str>>(lines: &[T]) -> Result<Hours, String> {
        let mut spans = Vec::new();
        for line in lines {
            let line = line.as_ref().trim();
            let wrong = || format!("'{line}' is not read: write it like 'mon-thu 11:30-22:00'");
            let (days, times) = line.split_once(' ').ok_or_else(wrong)?;
            let (from, to) = times.trim().split_once('-').ok_or_else(wrong)?;
            let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| wrong());
            let (from, to) = (time(from)?, time(to)?);
            let day = |text: &str| text.trim().parse::<Weekday>().map_err(|_| wrong());
            let (mut first, last) = match days.split_once('-') {
                Some((first, last)) => (day(first)?, day(last)?),
                None => (day(days)?, day(days)?),
            };
            spans.push((first, from, to));
            while first != last {
                first = first.succ();
                spans.push((first, from, to));
            }
        }
        Ok(Hours { spans })
    }

    /// Whether no hours are known.
    pub fn is_unknown(&self) -> bool {
        self.spans.is_empty()
    }

    /// Until when the house is open at this moment; `None` where it is closed.
    pub fn open_until<Z: TimeZone>(&self, now: &DateTime<Z>) -> Option<NaiveTime> {
        let (today, time) = (now.weekday(), now.time());
        let open = |(day, from, to): &&(Weekday, NaiveTime, NaiveTime)| match from < to {
            true => *day == today && *from <= time && time < *to,
            false => (*day == today && *from <= time) || (day.succ() == today && time < *to),
        };
        self.spans.iter().find(open).map(|span| span.2)
    }

    /// When the house opens next: how many days from now, and at what time.
    pub fn opens_next<Z: TimeZone>(&self, now: &DateTime<Z>) -> Option<(u64, Weekday, NaiveTime)> {
        (0..8).find_map(|days| {
            let day = now.date_naive().checked_add_days(Days::new(days))?.weekday();
            let later = self.spans.iter().filter(|span| span.0 == day && (days > 0 || span.1 > now.time()));
            later.map(|span| span.1).min().map(|time| (days, day, time))
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    #[test]
    fn open_or_closed_is_read_from_the_clock() {
        let hours = Hours::parse(&["mon-thu 11:30-22:00", "fri 18:00-02:00"]).unwrap();
        let at =
            |day: u32, hour: u32, minute: u32| Utc.with_ymd_and_hms(2026, 11, day, hour, minute, 0).unwrap();
        let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0);
        // 23 November 2026 is a Monday.
        assert_eq!(hours.open_until(&at(23, 12, 0)), time(22, 0));
        assert_eq!(hours.open_until(&at(23, 11, 0)), None);
        assert_eq!(hours.open_until(&at(23, 22, 0)), None);
        assert_eq!(hours.open_until(&at(28, 1, 59)), time(2, 0), "past midnight it is still Friday's");
        assert_eq!(hours.open_until(&at(28, 2, 0)), None);
        assert_eq!(hours.opens_next(&at(28, 3, 0)), Some((2, Weekday::Mon, time(11, 30).unwrap())));
        assert!(Hours::parse(&["daily"]).unwrap_err().contains("mon-thu 11:30-22:00"));
    }
}
