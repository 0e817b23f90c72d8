//! The table `[registrar]`.

use std::path::PathBuf;

use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

/// Where miscellaneous messages go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The file of miscellaneous messages; a second replica beside it takes `<name>.2.jsonl`, and so on.
    pub file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Config { file: PathBuf::from("miscellaneous.jsonl") }
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[(
        "file",
        "where miscellaneous messages are kept; a second replica in the same place takes <name>.2.jsonl, and so on",
    )];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        match self.file.file_name() {
            Some(_) => Ok(()),
            None => Err(format!("registrar.file = \"{}\" names no file", self.file.display())),
        }
    }
}
