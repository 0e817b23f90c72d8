//! What can go wrong with the database, and how it is treated.

use std::borrow::Cow;
use std::time::Duration;

use contracts::{Code, Failure, FailureKind};

/// A failure of the database.
///
/// It keeps what the server said, but not its details: those quote rows, and rows hold what customers wrote.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub struct Error {
    kind: FailureKind,
    code: Code,
    text: String,
    constraint: Option<String>,
}

impl Failure for Error {
    fn kind(&self) -> FailureKind {
        self.kind
    }

    fn code(&self) -> Code {
        self.code
    }
}

impl Error {
    /// The name of the constraint that was violated, where that is what happened.
    pub fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    /// The address cannot be read. It holds a password, so it is not quoted.
    pub(crate) fn address() -> Self {
        Error::new(
            FailureKind::Fatal,
            Code::Settings,
            "the database's address cannot be read; it looks like postgres://user:password@host:5432/greenbite",
        )
    }

    /// What the database holds is not what this version writes.
    pub(crate) fn unreadable(what: impl std::fmt::Display) -> Self {
        Error::new(FailureKind::Permanent, Code::Refused, format!("the database holds {what}"))
    }

    /// The database is there, and takes too long.
    pub(crate) fn slow(what: &str, patience: Duration) -> Self {
        let text = format!("the database has not said within {} s {what}", patience.as_secs());
        Error::new(FailureKind::Outage, Code::DatabaseOutage, text)
    }

    fn new(kind: FailureKind, code: Code, text: impl Into<String>) -> Self {
        Error { kind, code, text: text.into(), constraint: None }
    }

    fn of_server(error: &dyn sqlx::error::DatabaseError) -> Self {
        use FailureKind::{Fatal, Outage, Permanent, Transient};
        let state = error.code().unwrap_or(Cow::Borrowed(""));
        let said = error.message();
        let (kind, code, hint) = match state.as_ref() {
            "42501" => (Fatal, Code::Permission, "; apply deploy/postgres/roles.sql"),
            "28P01" | "28000" => (Fatal, Code::Permission, "; check the database's user and password"),
            "3D000" => (Fatal, Code::Settings, "; create the database, or correct database.url"),
            // Tables are missing until somebody migrates: the service waits for that.
            "42P01" | "42703" => (Outage, Code::DatabaseOutage, "; run `greenbite provision`"),
            "25006" => (Outage, Code::DatabaseOutage, ""),
            "25P03" | "40001" | "40P01" | "55P03" | "57014" => (Transient, Code::RetriesUsedUp, ""),
            "22021" | "22P05" => (Permanent, Code::NotText, ""),
            // Every foreign key to `messages` is named like this one.
            "23503" if error.constraint().is_some_and(|name| name.ends_with("_message_exists")) => {
                (Permanent, Code::UnknownMessage, "")
            }
            // Connection, resources, operator, system: none of them is the message's fault.
            state if matches!(state.get(..2), Some("08" | "53" | "57" | "58")) => {
                (Outage, Code::DatabaseOutage, "")
            }
            _ => (Permanent, Code::Refused, ""),
        };
        let mut ours = Error::new(kind, code, format!("the database says: {said} (SQLSTATE {state}){hint}"));
        ours.constraint = error.constraint().map(str::to_owned);
        ours
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => Error::of_server(error.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Error::new(
                FailureKind::Outage,
                Code::DatabaseOutage,
                format!("the database cannot be reached: {error}"),
            ),
            sqlx::Error::Configuration(_) => Error::address(),
            other => Error::new(FailureKind::Permanent, Code::Refused, other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Error::new(
                FailureKind::Fatal,
                Code::Settings,
                format!("the database's tables do not fit this version: {other}"),
            ),
        }
    }
}

impl From<crate::group::Stopped> for Error {
    fn from(stopped: crate::group::Stopped) -> Self {
        Error::new(FailureKind::Transient, Code::RetriesUsedUp, stopped.to_string())
    }
}
