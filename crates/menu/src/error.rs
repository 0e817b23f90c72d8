//! Why there is no menu.

use contracts::{Code, Failure, FailureKind};

use crate::cache::CacheError;

/// Why there is no menu, or why it could not be stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nobody has imported one yet.
    #[error("there is no menu yet; run `greenbite menu import`")]
    Empty,
    /// Neither the cache nor the database says what is on the menu.
    #[error("nobody says what is on the menu: {cache}; {store}")]
    Away {
        /// Why the cache does not.
        cache: String,
        /// Why the database does not.
        store: store::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// It is in the database, but could not be put into the cache.
    #[error("it is in the database, but not in the cache: {0}; stations will put it there")]
    NotCached(#[from] CacheError),
}

impl Failure for Error {
    fn kind(&self) -> FailureKind {
        match self {
            // What the database permits, or how it is reached, does not pass by itself.
            Error::Away { store, .. } | Error::Store(store) if store.kind() == FailureKind::Fatal => {
                FailureKind::Fatal
            }
            Error::Empty | Error::Away { .. } => FailureKind::Outage,
            Error::Store(store) => store.kind(),
            Error::NotCached(_) => FailureKind::Transient,
        }
    }

    fn code(&self) -> Code {
        match self {
            Error::Away { store, .. } if store.kind() == FailureKind::Fatal => store.code(),
            Error::Empty | Error::Away { .. } => Code::NoMenu,
            Error::Store(store) => store.code(),
            Error::NotCached(_) => Code::RetriesUsedUp,
        }
    }
}
