//! The table `[classifier]`.

use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

/// The classifier has no settings of its own: words of a language are data, and the menu comes with the menu.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}

impl Validate for Config {
    fn validate(&self, _: &Settings) -> Result<(), String> {
        Ok(())
    }
}
