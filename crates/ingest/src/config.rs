//! Settings of ingest: the table `[ingest]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::NaiveTime;
use runtime::{Secret, Settings, Validate};
use serde::{Deserialize, Serialize};

/// Settings of ingest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where `POST /messages` is; empty closes that door.
    pub listen: String,
    /// What clients have to show in the header `X-Api-Key`.
    pub key: Secret,
    /// Messages a second that the HTTP door takes in.
    pub rate_per_second: u32,
    /// Messages that it takes in at once after a pause.
    pub rate_burst: u32,
    /// A CSV file to which lines are appended.
    pub watch: Option<PathBuf>,
    /// Where rows of it go that cannot be taken; beside it if not set.
    pub watch_rejects: Option<PathBuf>,
    /// Whether `11/3/2026` in it is the third of November; otherwise such a row is kept aside.
    pub watch_month_first: bool,
    /// How often it is looked at, in milliseconds.
    pub watch_poll_ms: u64,
    /// Rows that are relayed in one transaction.
    pub batch: u16,
    /// How often the table is looked at without being woken, in milliseconds.
    pub poll_ms: u64,
    /// How full the stream may be, in percent of its bytes, before no new messages are put on the line.
    pub watermark_percent: u8,
    /// Keeping the house.
    pub house: House,
    /// What is done once a day.
    pub daily: Daily,
}

/// What one replica does for all of them from time to time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct House {
    /// How often, in seconds; 0 leaves it to others.
    pub every_s: u64,
    /// Seconds after which a message without an outcome is looked for.
    pub overdue_s: u64,
    /// How full the stream may be, in percent of its bytes, before what nobody needs is purged.
    pub purge_percent: u8,
    /// How full it is after that.
    pub keep_percent: u8,
}

/// What one replica does for all of them once a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Daily {
    /// Where each day's orders are written to; nowhere if not set.
    pub export_folder: Option<PathBuf>,
    /// From when on, by the restaurant's clock, the day before is written.
    pub export_at: NaiveTime,
    /// Days for which customers' words and names are kept; 0 keeps them.
    pub keep_days: u32,
}

impl Default for Daily {
    fn default() -> Self {
        Daily { export_folder: None, export_at: NaiveTime::MIN, keep_days: 90 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: "127.0.0.1:8080".to_owned(),
            key: Secret::default(),
            rate_per_second: 200,
            rate_burst: 1_000,
            watch: None,
            watch_rejects: None,
            watch_month_first: false,
            watch_poll_ms: 500,
            batch: 128,
            poll_ms: 1_000,
            watermark_percent: 80,
            house: House::default(),
            daily: Daily::default(),
        }
    }
}

impl Default for House {
    fn default() -> Self {
        House { every_s: 10, overdue_s: 120, purge_percent: 60, keep_percent: 30 }
    }
}

impl Config {
    /// Where the HTTP door is; `None` where it is closed.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.listen.trim().parse().ok()
    }

    /// How often the table is looked at without being woken.
    pub fn poll(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("listen", "where POST /messages is; empty closes that door"),
        ("key", "what clients show in X-Api-Key; without one the door is open to this machine only"),
        ("rate_per_second", "messages a second that the HTTP door takes in"),
        ("rate_burst", "messages that it takes in at once after a pause"),
        ("watch", "a CSV file to which lines are appended"),
        ("watch_rejects", "where rows of it go that cannot be taken; <watch>.rejects.jsonl if not set"),
        (
            "watch_month_first",
            "whether 11/3/2026 in it is the third of November; otherwise such a row is kept aside",
        ),
        ("watch_poll_ms", "how often it is looked at"),
        ("batch", "rows that are relayed in one transaction"),
        ("poll_ms", "how often the table is looked at without being woken"),
        ("watermark_percent", "how full the stream may be before no new messages are put on the line"),
        ("house.every_s", "how often the house is kept (reconciliation, purge, advisories); 0 is never"),
        ("house.overdue_s", "seconds after which a message without an outcome is looked for"),
        ("house.purge_percent", "how full the stream may be before events that nobody needs are purged"),
        ("house.keep_percent", "how full it is after that: the rest stays as history"),
        ("daily.export_folder", "a folder into which each day's orders are written, as orders-<day>.csv"),
        ("daily.export_at", "from when on, by the restaurant's clock, the day before is written: 04:00"),
        (
            "daily.keep_days",
            "days for which customers' words and names are kept after a message was settled; 0 keeps them",
        ),
    ];
    const SECRETS: &'static [&'static str] = &["key"];

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        if !self.listen.trim().is_empty() && self.listen().is_none() {
            return Err(format!(
                "ingest.listen = {:?} is no address and port, such as 0.0.0.0:8080",
                self.listen
            ));
        }
        if !(1..=1_000).contains(&self.batch) {
            return Err(format!("ingest.batch = {}: a number from 1 to 1000 is wanted", self.batch));
        }
        if !(1..=95).contains(&self.watermark_percent) {
            return Err(format!(
                "ingest.watermark_percent = {}: a number from 1 to 95 is wanted; the rest is room for the later stages",
                self.watermark_percent
            ));
        }
        if self.house.purge_percent >= self.watermark_percent {
            return Err(format!(
                "ingest.house.purge_percent = {} is not below ingest.watermark_percent = {}: ingest would stop before \
                 anything is purged",
                self.house.purge_percent, self.watermark_percent
            ));
        }
        if self.house.keep_percent > self.house.purge_percent {
            return Err(format!(
                "ingest.house.keep_percent = {} is above ingest.house.purge_percent = {}: a purge would free nothing",
                self.house.keep_percent, self.house.purge_percent
            ));
        }
        if self.house.every_s > 0 && self.house.overdue_s == 0 {
            return Err("ingest.house.overdue_s = 0: every message would be looked for at once".to_owned());
        }
        let kept_hours = u64::from(self.daily.keep_days) * 24;
        if kept_hours > 0 && kept_hours < settings.line.max_age_hours {
            return Err(format!(
                "ingest.daily.keep_days = {}: the bus keeps events for line.max_age_hours = {}, which is longer; shorten that too",
                self.daily.keep_days, settings.line.max_age_hours
            ));
        }
        let positive = [("poll_ms", self.poll_ms), ("watch_poll_ms", self.watch_poll_ms)];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(format!("ingest.{name} must be more than 0"));
        }
        if settings.database.max_connections < 4 {
            return Err(format!(
                "database.max_connections = {}: ingest needs at least 4 (to listen, to relay, for the doors, for the house)",
                settings.database.max_connections
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_no_contradiction_and_contradictions_are_named() {
        let settings = Settings::default();
        assert_eq!(Config::default().validate(&settings), Ok(()));
        let changed = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate(&settings).unwrap_err()
        };
        assert!(changed(|c| c.listen = "here".into()).contains("ingest.listen"));
        assert!(changed(|c| c.watermark_percent = 100).contains("watermark_percent"));
        assert!(changed(|c| c.house.purge_percent = 80).contains("purge_percent"));
        assert!(changed(|c| c.house.keep_percent = 70).contains("keep_percent"));
        assert!(changed(|c| c.daily.keep_days = 6).contains("line.max_age_hours = 168"));
        assert!(changed(|c| c.batch = 0).contains("batch"));
    }
}
