//! What is done once a day: the orders' file, and what was kept long enough is made nobody's.
//!
//! One replica at a time does it, by a key in the database; what was done is a row there too. So a day that
//! passed while nothing ran is made up for, and none is written twice.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use daybook::spreadsheet::write_atomically;
use daybook::{day, orders};
use runtime::{Handle, StartError};
use store::Store;

use crate::chore::Trouble;
use crate::config::{Config, Daily as Settings};

/// How often it is looked whether there is something to do.
const EVERY: Duration = Duration::from_secs(60);
/// Orders of a day's last moment are in the tables by then.
const SETTLING: TimeDelta = TimeDelta::minutes(5);
/// Messages that are made nobody's in one statement.
const PAGE: u32 = 200;

/// Does what is done once a day.
pub struct Daily {
    store: Store,
    handle: Handle,
    settings: Settings,
    zone: Tz,
    /// Reviews that were said to wait for too long.
    told: AtomicU64,
}

impl Daily {
    /// For a restaurant whose days begin in this zone.
    pub fn new(store: Store, handle: Handle, config: &Config, zone: Tz) -> Self {
        Daily { store, handle, settings: config.daily.clone(), zone, told: AtomicU64::new(0) }
    }

    /// Does it until the service stops.
    pub async fn run(self) -> Result<(), StartError> {
        let stopping = self.handle.shutdown_token();
        let mut said = String::new();
        loop {
            match self.round().await {
                Ok(()) => said.clear(),
                Err(trouble) => {
                    let trouble = trouble.passing()?.to_string();
                    if trouble != said {
                        tracing::warn!("the day's work is left for now, tried again by itself: {trouble}");
                    }
                    said = trouble;
                }
            }
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// One round; nothing where another replica has the key.
    async fn round(&self) -> Result<(), Trouble> {
        let Some(_key) = self.store.take_day_key().await? else { return Ok(()) };
        // A folder that cannot be written keeps nobody's words longer.
        let exported = self.export(Utc::now()).await;
        self.anonymise(Utc::now()).await.and(exported)
    }

    /// Writes the days that are due.
    async fn export(&self, now: DateTime<Utc>) -> Result<(), Trouble> {
        let Some(folder) = &self.settings.export_folder else { return Ok(()) };
        let last = self.store.last_export().await?;
        for date in due(last, now - SETTLING, self.settings.export_at, self.zone) {
            // A day that was left out where the restaurant is had no orders.
            let Some((from, before)) = day::bounds(date, self.zone) else { continue };
            let lines = self.store.orders_between(from, before).await?;
            let path = folder.join(orders::file_name(date));
            let name = path.display().to_string();
            orders::csv(&lines, self.zone)
                .and_then(|bytes| write_atomically(&path, &bytes))
                .map_err(|error| Trouble::File(name.clone(), error))?;
            let (count, _) = orders::total(&lines);
            self.store.note_export(date, &name, count).await?;
            tracing::info!(orders = count, "wrote {name}: {count} orders");
        }
        Ok(())
    }

    /// Makes nobody's what was kept long enough. Dead letters go first: should the bus be away, both wait.
    async fn anonymise(&self, now: DateTime<Utc>) -> Result<(), Trouble> {
        let kept = TimeDelta::days(i64::from(self.settings.keep_days));
        let Some(before) = now.checked_sub_signed(kept).filter(|_| !kept.is_zero()) else { return Ok(()) };
        let undecided = self.store.undecided_since_before(before).await?;
        if undecided > self.told.swap(undecided, Ordering::Relaxed) {
            tracing::warn!(
                reviews = undecided,
                "{undecided} reviews have waited for more than {} days: their customers' words stay until somebody decides \
                 them at the desk",
                self.settings.keep_days
            );
        }
        let mut done = 0;
        loop {
            let ids = self.store.kept_since_before(before, PAGE).await?;
            if ids.is_empty() {
                break;
            }
            for id in &ids {
                self.handle.bus().delete_dead_letters(*id).await?;
            }
            done += self.store.anonymise(&ids).await?;
        }
        if done > 0 {
            tracing::info!(messages = done, "{done} messages were kept long enough and are nobody's now");
        }
        Ok(())
    }
}

/// The days to write: from the one after the last that was written to yesterday, or to the day before that while it is
/// too early. Where none was written yet, only the latest of them.
fn due(last: Option<NaiveDate>, now: DateTime<Utc>, at: NaiveTime, zone: Tz) -> Vec<NaiveDate> {
    let local = now.with_timezone(&zone);
    let back = if local.time() >= at { 1 } else { 2 };
    let Some(latest) = local.date_naive().checked_sub_days(Days::new(back)) else { return Vec::new() };
    let first = match last {
        Some(last) => last.succ_opt().unwrap_or(last),
        None => latest,
    };
    first.iter_days().take_while(|day| *day <= latest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(last: Option<&str>, now: &str, at: &str) -> Vec<String> {
        let last = last.map(|day| day.parse().unwrap());
        let due = due(last, now.parse().unwrap(), at.parse().unwrap(), chrono_tz::Europe::Berlin);
        due.iter().map(NaiveDate::to_string).collect()
    }

    #[test]
    fn a_day_is_due_when_it_is_over_where_the_restaurant_is_and_its_hour_has_come() {
        assert_eq!(days(None, "2026-07-01T21:59:00Z", "00:00:00"), ["2026-06-30"]);
        assert_eq!(days(None, "2026-07-01T22:00:00Z", "00:00:00"), ["2026-07-01"]);
        assert_eq!(days(Some("2026-06-30"), "2026-07-02T01:59:00Z", "04:00:00"), Vec::<String>::new());
        assert_eq!(days(Some("2026-06-30"), "2026-07-02T02:00:00Z", "04:00:00"), ["2026-07-01"]);
    }

    #[test]
    fn days_that_passed_while_nothing_ran_are_made_up_for_and_none_comes_twice() {
        let missed = days(Some("2026-06-28"), "2026-07-02T10:00:00Z", "04:00:00");
        assert_eq!(missed, ["2026-06-29", "2026-06-30", "2026-07-01"]);
        assert!(days(Some("2026-07-01"), "2026-07-02T10:00:00Z", "04:00:00").is_empty());
        assert!(
            days(Some("2026-07-09"), "2026-07-02T10:00:00Z", "04:00:00").is_empty(),
            "the clock went back"
        );
    }
}
