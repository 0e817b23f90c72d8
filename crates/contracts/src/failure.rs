//! How a failure of a dependency is treated, so that every crate's errors can say it themselves.

use crate::Code;

/// What the runtime does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Passes by itself: try the message again a little later.
    Transient,
    /// A dependency is away: stop pulling, say so, resume by itself.
    Outage,
    /// Will fail again the same way: dead letter.
    Permanent,
    /// The service itself cannot go on (settings, permission): exit.
    Fatal,
}

/// An error that knows how it is to be treated.
pub trait Failure: std::error::Error {
    /// What the runtime does about it.
    fn kind(&self) -> FailureKind;
    /// Its code, with a page of its own.
    fn code(&self) -> Code;
}
