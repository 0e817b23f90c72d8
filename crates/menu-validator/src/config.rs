//! The table `[menu_validator]`.

use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

use crate::matching::Thresholds;

/// Where a score becomes a verdict.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// From this score on a phrase is an item; what the scorer was calibrated to, if not set.
    pub accept: Option<f32>,
    /// Below this score a phrase is nothing that we have; what the scorer was calibrated to, if not set.
    pub review: Option<f32>,
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
    ];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        let thresholds = self.thresholds(Thresholds::default());
        let within = |score: f32| (0.0..=1.0).contains(&score);
        match within(thresholds.accept) && within(thresholds.review) && thresholds.review <= thresholds.accept
        {
            true => Ok(()),
            false => Err(
                "menu_validator.review and menu_validator.accept lie between 0 and 1, review below accept"
                    .to_owned(),
            ),
        }
    }
}
