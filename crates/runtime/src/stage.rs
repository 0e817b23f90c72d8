//! What a station implements: a handler from a typed event to an outcome.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use contracts::{Code, ConsumerSpec, Decision, Event, Failure, FailureKind, MessageId, Topic, TrailEntry};

use crate::trace::Trace;

/// One stage of the line: reads from one durable and decides what comes of each event.
///
/// The handler has no side effects on the bus: it returns what to publish, the runtime publishes
/// it once and only then acknowledges. A handler may run more than once for the same event
/// (after a crash, or a failure it reported), so what it does elsewhere must bear repeating.
/// It must not block its thread for long: the signs of life that keep the message ours are sent
/// from the same task. Put heavy work on `tokio::task::spawn_blocking` or a thread of its own.
pub trait Stage: Send + Sync + 'static {
    /// The durable that it reads from and what may come of it.
    const SPEC: &'static ConsumerSpec;
    /// The event that it reads.
    type In: Event;
    /// How many events a core is worth at once, where no setting says how many lanes there are: more for a stage
    /// that waits longer for others, such as for a commit.
    const LANES_PER_CORE: usize = 8;

    /// Decides about one event.
    fn handle(
        &self,
        event: Self::In,
        cx: &Context,
    ) -> impl Future<Output = Result<Outcome, StageError>> + Send;
}

/// What a handler may want to know about the delivery, beside the event.
#[derive(Debug, Clone)]
pub struct Context {
    /// The customer's message that the event is about.
    pub message_id: MessageId,
    /// Which delivery this is; 1 is the first.
    pub attempt: u32,
    /// Which publication of the message this is; more than 1 after a replay or a reconciliation.
    pub generation: u32,
    pub(crate) trace: Trace,
}

impl Context {
    /// The W3C `traceparent` of this delivery, for requests to others.
    pub fn traceparent(&self) -> String {
        self.trace.traceparent()
    }
}

/// What comes of an event.
pub struct Outcome(pub(crate) What);

pub(crate) enum What {
    Publish { topic: Topic, id: MessageId, version: u32, decision: Decision, write: Writer },
    Nothing { reason: String },
}

/// Appends the trail entry and writes the event as JSON.
pub(crate) type Writer = Box<dyn FnOnce(TrailEntry) -> Result<Vec<u8>, serde_json::Error> + Send>;

impl Outcome {
    /// Publish this event under this topic. The runtime appends the decision to its trail.
    pub fn publish<E: Event>(topic: Topic, mut event: E, decision: Decision) -> Self {
        Outcome(What::Publish {
            topic,
            id: event.message().id,
            version: E::VERSION,
            decision,
            write: Box::new(move |entry| {
                event.trail_mut().push(entry);
                serde_json::to_vec(&event)
            }),
        })
    }

    /// Publish nothing, and acknowledge. The reason goes to the log.
    pub fn nothing(reason: impl Into<String>) -> Self {
        Outcome(What::Nothing { reason: reason.into() })
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            What::Publish { topic, id, decision, .. } => f
                .debug_struct("Publish")
                .field("topic", topic)
                .field("id", id)
                .field("decision", decision)
                .finish(),
            What::Nothing { reason } => f.debug_struct("Nothing").field("reason", reason).finish(),
        }
    }
}

/// Why a handler could not decide, and so what the runtime does about it.
///
/// A business verdict ("not on the menu") is an outcome, not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// Passes by itself: the message is tried again a little later, up to `retry.tries` times.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// When to try again, where the other side said so.
        retry_after: Option<Duration>,
    },
    /// A dependency is away: the stage stops pulling, says so, and goes on by itself.
    ///
    /// The message stays in hand and uses up none of its tries.
    #[error("{code}: {reason}")]
    Outage {
        /// Its code.
        code: Code,
        /// What happened.
        reason: String,
    },
    /// Will fail the same way again: the message becomes a dead letter.
    #[error("{code}: {reason}")]
    Permanent {
        /// Its code.
        code: Code,
        /// What happened.
        reason: String,
    },
    /// The service itself cannot go on: it exits with the reason; the message goes to another.
    #[error("{code}: {reason}")]
    Fatal {
        /// Its code.
        code: Code,
        /// What happened.
        reason: String,
    },
}

impl StageError {
    /// A failure that passes by itself.
    pub fn transient(reason: impl fmt::Display) -> Self {
        StageError::Transient { reason: reason.to_string(), retry_after: None }
    }

    /// A dependency is away.
    pub fn outage(code: Code, reason: impl fmt::Display) -> Self {
        StageError::Outage { code, reason: reason.to_string() }
    }

    /// A failure that will happen again.
    pub fn permanent(code: Code, reason: impl fmt::Display) -> Self {
        StageError::Permanent { code, reason: reason.to_string() }
    }

    /// The service cannot go on.
    pub fn fatal(code: Code, reason: impl fmt::Display) -> Self {
        StageError::Fatal { code, reason: reason.to_string() }
    }
}

impl<E: Failure> From<E> for StageError {
    fn from(error: E) -> Self {
        let (code, reason) = (error.code(), error.to_string());
        match error.kind() {
            FailureKind::Transient => StageError::Transient { reason, retry_after: None },
            FailureKind::Outage => StageError::Outage { code, reason },
            FailureKind::Permanent => StageError::Permanent { code, reason },
            FailureKind::Fatal => StageError::Fatal { code, reason },
        }
    }
}
