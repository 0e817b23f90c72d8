//! The table `[answerer]`.

use runtime::{Settings, Validate};
use serde::{Deserialize, Serialize};

/// The model that reads questions where nothing else is asked for: small, and what docs/answers.md measures.
const MODEL: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// Which model reads questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A model of the hub, with `@revision` or at its newest, or a folder, or `none`.
    pub model: String,
    /// What stands in where that one cannot be had: as `model`, or empty.
    pub fallback: String,
    /// How long a download may take before what stands in takes over, in seconds.
    pub model_wait_s: u64,
    /// Threads of the model; 0 for one a core.
    pub threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            model: MODEL.to_owned(),
            fallback: ".local/models/all-MiniLM-L6-v2".to_owned(),
            model_wait_s: 20,
            threads: 0,
        }
    }
}

impl Config {
    /// As the one who opens models for the menu wants it.
    pub(crate) fn model(&self) -> menu_validator::Config {
        menu_validator::Config {
            model: self.model.clone(),
            fallback: self.fallback.clone(),
            model_wait_s: self.model_wait_s,
            threads: self.threads,
            ..menu_validator::Config::default()
        }
    }
}

impl Validate for Config {
    const HELP: &'static [(&'static str, &'static str)] = &[
        ("model", "model of the hub (owner/name or owner/name@revision), folder of a model, or none"),
        ("fallback", "what stands in where the model cannot be had: as model; empty for words alone"),
        ("model_wait_s", "how long a download may take before the fallback takes over, in seconds"),
        ("threads", "threads of the model; 0 for one a core"),
    ];

    fn validate(&self, _: &Settings) -> Result<(), String> {
        if self.model_wait_s == 0 {
            return Err("model_wait_s is at least 1".to_owned());
        }
        match self.model.trim().is_empty() {
            true => Err("model is empty; say none for words alone".to_owned()),
            false => Ok(()),
        }
    }
}
