//! The table `[menu_validator]`.

use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

use crate::matching::Thresholds;

/// Which model reads phrases, and where a score becomes a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// From this score on a phrase is an item; what the scorer was calibrated to, if not set.
    pub accept: Option<f32>,
    /// Below this score a phrase is nothing that we have; what the scorer was calibrated to, if not set.
    pub review: Option<f32>,
    /// A model of the hub, with `@revision` or at the one that this version knows, or a folder, or `none`.
    pub model: String,
    /// What stands in where that one cannot be had: as `model`, or empty.
    pub fallback: String,
    /// How long a download may keep the station from starting, in seconds.
    pub model_wait_s: u64,
    /// Weights in 8-bit blocks, if the labelled phrases fare as well with them.
    pub quantised: bool,
    /// Longer phrases are cut to this many tokens.
    pub max_tokens: usize,
    /// Tokens that are computed at once.
    pub batch_tokens: usize,
    /// Messages that may wait for the model; for one more, words alone decide.
    pub queue: usize,
    /// Threads of the model; 0 for one a core.
    pub threads: usize,
    /// Labelled phrases to calibrate with, as a file; those that come with the program, if empty.
    pub calibration: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            accept: None,
            review: None,
            model: embed::DEFAULT_MODEL.to_owned(),
            fallback: ".local/models/all-MiniLM-L6-v2".to_owned(),
            model_wait_s: 20,
            quantised: false,
            max_tokens: 128,
            batch_tokens: 512,
            queue: 256,
            threads: 0,
            calibration: String::new(),
        }
    }
}

impl Config {
    /// The scorer's thresholds, with what the settings override.
    pub fn thresholds(&self, calibrated: Thresholds) -> Thresholds {
        Thresholds {
            accept: self.accept.unwrap_or(calibrated.accept),
            review: self.review.unwrap_or(calibrated.review),
            ..calibrated
        }
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("accept", "from this score on a phrase is an item of the menu; calibrated if not set"),
        ("review", "below this score a phrase is nothing that we have; calibrated if not set"),
        ("model", "model of the hub (owner/name or owner/name@revision), folder of a model, or none"),
        ("fallback", "what stands in where the model cannot be had: as model; empty for words alone"),
        ("model_wait_s", "how long a download may keep the station from starting, in seconds"),
        ("quantised", "weights in 8-bit blocks, if the labelled phrases fare as well with them"),
        ("max_tokens", "longer phrases are cut to this many tokens"),
        ("batch_tokens", "tokens that the model computes at once"),
        ("queue", "messages that may wait for the model; for one more, words alone decide"),
        ("threads", "threads of the model; 0 for one a core"),
        (
            "calibration",
            "file of labelled phrases (phrase,item,kind); those that come with the program, if empty",
        ),
    ];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        let thresholds = self.thresholds(Thresholds::default());
        let within = |score: f32| (0.0..=1.0).contains(&score);
        if !within(thresholds.accept) || !within(thresholds.review) || thresholds.review > thresholds.accept {
            return Err(
                "menu_validator.review and menu_validator.accept lie between 0 and 1, review below accept"
                    .to_owned(),
            );
        }
        if self.max_tokens < 2 || self.batch_tokens == 0 || self.queue == 0 || self.model_wait_s == 0 {
            return Err(
                "menu_validator: max_tokens is at least 2, batch_tokens, queue and model_wait_s at least 1"
                    .to_owned(),
            );
        }
        match self.model.trim().is_empty() {
            true => Err("menu_validator.model is empty; say none for words alone".to_owned()),
            false => Ok(()),
        }
    }
}
