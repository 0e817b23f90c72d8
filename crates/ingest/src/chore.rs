//! What one replica does for all of them, again and again: why it is left for now.

use std::io;

use contracts::{Failure, FailureKind};
use runtime::{BusError, StartError};

/// Why a chore is left for now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Database(#[from] store::Error),
    #[error("{0}")]
    Bus(#[from] BusError),
    #[error("{0} cannot be written: {1}; see ingest.daily.export_folder")]
    File(String, io::Error),
}

impl Trouble {
    /// What is tried again by itself; an error where nothing but a person mends it, which ends the service.
    pub(crate) fn passing(self) -> Result<Trouble, StartError> {
        match self {
            Trouble::Bus(error) if error.kind() == FailureKind::Fatal => Err(error.into()),
            Trouble::Database(error) if error.kind() == FailureKind::Fatal => Err(error.into()),
            other => Ok(other),
        }
    }
}
