//! Names of the headers that events carry. All values are plain ASCII.

/// Which publication of a message's row this event descends from; 1 unless the message was replayed.
pub const GENERATION: &str = "Greenbite-Generation";
/// Which version of its type the payload is; see [`crate::Event::VERSION`].
pub const VERSION: &str = "Greenbite-Version";
/// W3C trace context, as <https://www.w3.org/TR/trace-context/> has it.
pub const TRACEPARENT: &str = "traceparent";
/// W3C trace context, vendors' part.
pub const TRACESTATE: &str = "tracestate";
/// On a dead letter: why, as [`crate::Code`].
pub const CODE: &str = "Greenbite-Code";
/// On a dead letter: the reason in one line.
pub const REASON: &str = "Greenbite-Reason";
