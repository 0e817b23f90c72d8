//! Settings of the operator's command: the table `[greenbite]`.

use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

/// Settings of the operator's command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Minutes after which a message without an outcome is for a person to look at.
    pub overdue_minutes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { overdue_minutes: 15 }
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] =
        &[("overdue_minutes", "minutes after which doctor finds fault with a message that has no outcome")];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        if self.overdue_minutes == 0 {
            return Err("greenbite.overdue_minutes must be more than 0".to_owned());
        }
        Ok(())
    }
}
