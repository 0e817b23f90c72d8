//! Events, subjects, topology and error codes: what every crate of the line agrees on.
//!
//! Pure data and pure functions; nothing in here does I/O.
//!
//! ```
//! use contracts::topology::consumer_of;
//! use contracts::{MessageId, Topic};
//!
//! // Message 42 is an order: where that is told, and who reads it there.
//! let topic = Topic::ClassifiedOrder;
//! assert_eq!(topic.subject(MessageId(42)), "greenbite.classified.order.42");
//! assert_eq!(consumer_of(topic).map(|spec| spec.durable), Some("extractor"));
//! ```

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
