//! The table `[extractor]`.

use reader::rules::extract::Bounds;
use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

/// What an order may be before a person looks at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The most pieces of one line that go to the kitchen without a person's look.
    pub max_quantity: u32,
    /// The most lines of one order that do.
    pub max_lines: usize,
}

impl Default for Config {
    fn default() -> Self {
        let Bounds { quantity, lines } = Bounds::default();
        Config { max_quantity: quantity, max_lines: lines }
    }
}

impl Config {
    /// As the decision takes them.
    pub fn bounds(&self) -> Bounds {
        Bounds { quantity: self.max_quantity, lines: self.max_lines }
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("max_quantity", "the most pieces of one line that go to the kitchen without a person's look"),
        ("max_lines", "the most lines of one order that do"),
    ];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        match self.max_quantity == 0 || self.max_lines == 0 {
            true => Err("extractor.max_quantity and extractor.max_lines are 1 at least".to_owned()),
            false => Ok(()),
        }
    }
}
