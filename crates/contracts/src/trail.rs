//! The trail: what each station decided about a message, and why.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::topology::Service;

/// What a station decided and why, before the runtime adds where and how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The verdict in a word or two: `order`, `accepted`, `sent`.
    pub verdict: String,
    /// One short sentence that a cook understands.
    pub reason: String,
    /// How sure, from 0 to 1, where the station measures it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Who or what decided: `rules`, a model's name, a person.
    pub decided_by: String,
    /// The menu version that it was judged by, where a menu was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu_version: Option<String>,
}

impl Decision {
    /// A decision by fixed rules.
    pub fn by_rules(verdict: impl Into<String>, reason: impl Into<String>) -> Self {
        Decision {
            verdict: verdict.into(),
            reason: reason.into(),
            score: None,
            decided_by: "rules".to_owned(),
            menu_version: None,
        }
    }

    /// The same, with how sure it is, from 0 to 1.
    pub fn score(mut self, score: f32) -> Self {
        self.score = Some(score);
        self
    }

    /// The same, with who or what decided.
    pub fn decided_by(mut self, who: impl Into<String>) -> Self {
        self.decided_by = who.into();
        self
    }

    /// The same, with the menu version that it was judged by.
    pub fn menu_version(mut self, version: impl Into<String>) -> Self {
        self.menu_version = Some(version.into());
        self
    }
}

/// One station's entry in the trail of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailEntry {
    /// The station.
    pub station: Service,
    /// What it decided.
    #[serde(flatten)]
    pub decision: Decision,
    /// Which delivery of the event led to it; 1 is the first.
    pub attempt: u32,
    /// When the station had decided.
    pub at: DateTime<Utc>,
    /// How long the station worked on it, in microseconds.
    pub took_us: u64,
}

impl TrailEntry {
    /// Of a decision that a person made at this time, outside a station's lanes.
    pub fn by_person(station: Service, decision: Decision, at: DateTime<Utc>) -> TrailEntry {
        TrailEntry { station, decision, attempt: 1, at, took_us: 0 }
    }
}
