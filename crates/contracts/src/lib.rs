//! Events, subjects, topology and error codes: what every crate of the line agrees on.
//!
//! Pure data and pure functions; nothing in here does I/O.

pub mod code;
pub mod event;
pub mod failure;
pub mod header;
pub mod kitchen;
pub mod subject;
pub mod topology;
pub mod trail;

pub use code::Code;
pub use event::{
    Answered, Candidate, Category, Channel, Classified, Control, DeadLetter, Delivery, EnquiryTopic, Event,
    Extracted, Kitchen, MatchedItem, Message, MessageId, MessageOutcome, Modifier, ModifierOp, Notified,
    OrderLine, Payload, Proposal, Received, Registered, RegisteredLine, RegisteredOrder, Registration,
    Settlement, Validated, ValidatedLine, Verdict,
};
pub use failure::{Failure, FailureKind};
pub use subject::Topic;
pub use topology::{ConsumerSpec, Service};
pub use trail::{Decision, TrailEntry};
