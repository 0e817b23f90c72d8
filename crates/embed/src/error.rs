//! What can go wrong, in words for the person who reads the log.

use std::path::PathBuf;
use std::time::Duration;

/// Why there is no embedding.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The hub does not answer.
    #[error(
        "the hub cannot be reached for {model} ({reason}); name a local folder as the model, or connect to the internet"
    )]
    Unreachable {
        /// The model asked for.
        model: String,
        /// What the network said.
        reason: String,
    },
    /// The hub answers, but so slowly that waiting is of no use.
    #[error("the hub is too slow for {model}: {reason}")]
    TooSlow {
        /// The model asked for.
        model: String,
        /// Measured against what is expected.
        reason: String,
    },
    /// HF_HUB_OFFLINE is set and the cache does not hold the model.
    #[error("{model} is not in the cache {cache} and HF_HUB_OFFLINE forbids to fetch it")]
    Offline {
        /// The model asked for.
        model: String,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// The hub or the folder has no such model or file.
    #[error("{model} has no {file}: {reason}")]
    Missing {
        /// The model asked for.
        model: String,
        /// The file that it lacks.
        file: String,
        /// What the hub or the file system said.
        reason: String,
    },
    /// The model's configuration is not one that this crate can run.
    #[error("{path}: {reason}", path = .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are not those of the configuration.
    #[error("{path}: {reason}", path = .path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The queue is full.
    #[error("{waiting} requests already wait for an embedding; try again in a moment")]
    Overloaded {
        /// Length of the queue.
        waiting: usize,
    },
    /// The engine did not answer in time.
    #[error("no embedding after {0:?}")]
    Deadline(Duration),
    /// The engine has been stopped, or its thread has ended.
    #[error("the embedding engine has stopped")]
    Stopped,
    /// The arithmetic failed.
    #[error("the model cannot be computed: {0}")]
    Compute(String),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::Compute(error.to_string())
    }
}
