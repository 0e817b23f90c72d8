//! The six stages: each writes what its event asks for and tells of what stands.

use std::sync::{Arc, Mutex, PoisonError};

use contracts::topology::{
    REGISTRAR_ENQUIRY, REGISTRAR_MISC, REGISTRAR_ORDER, REGISTRAR_REJECTED, REGISTRAR_REVIEW,
    REGISTRAR_UNCLEAR,
};
use contracts::{
    Category, Classified, Code, ConsumerSpec, Decision, Extracted, Failure, FailureKind, Message, MessageId,
    Registered, Registration, Topic, TrailEntry, Validated,
};
use runtime::{Context, Outcome, Stage, StageError};
use store::Store;
use store::enquiries::NewEnquiry;
use store::group::{Group, Operation, Stopped};
use store::pace::{Pace, PacedOrder};
use store::registration::Registered as Written;
use store::reviews::NewReview;

use crate::miscellaneous::Miscellaneous;
use crate::register::{self, MiscellaneousLine};

/// What the six stages share: what has arrived together is written together, a group a kind.
pub struct Registrar {
    orders: Group<PacedOrder>,
    reviews: Group<NewReview>,
    enquiries: Group<NewEnquiry>,
    miscellaneous: Group<NewMiscellaneous>,
}

impl Registrar {
    /// With the database, how many orders a minute need no person, and the file.
    pub fn new(store: Store, pace: Pace, file: Miscellaneous) -> Self {
        Registrar {
            orders: Group::start((store.clone(), pace)),
            reviews: Group::start(store.clone()),
            enquiries: Group::start(store.clone()),
            miscellaneous: Group::start((store, Arc::new(Mutex::new(file)))),
        }
    }
}

/// A miscellaneous message: its outcome goes to the database, all of it to the file.
struct NewMiscellaneous(MiscellaneousLine);

/// Why a miscellaneous message could not be kept.
#[derive(Debug, Clone, thiserror::Error)]
enum MiscellaneousError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the file of miscellaneous messages cannot be written: {0}")]
    File(String),
}

impl Failure for MiscellaneousError {
    fn kind(&self) -> FailureKind {
        match self {
            MiscellaneousError::Store(error) => error.kind(),
            // A full disk gets room again; the message is tried until then, and repaired as a dead letter after.
            MiscellaneousError::File(_) => FailureKind::Transient,
        }
    }

    fn code(&self) -> Code {
        match self {
            MiscellaneousError::Store(error) => error.code(),
            MiscellaneousError::File(_) => Code::RetriesUsedUp,
        }
    }
}

impl From<Stopped> for MiscellaneousError {
    fn from(stopped: Stopped) -> Self {
        MiscellaneousError::Store(stopped.into())
    }
}

impl Operation for NewMiscellaneous {
    type Context = (Store, Arc<Mutex<Miscellaneous>>);
    type Output = Written;
    type Error = MiscellaneousError;

    fn message_id(&self) -> MessageId {
        self.0.message.id
    }

    /// The outcome first: a message that already is an order must not get into the file.
    ///
    /// After a crash in between, the message comes again, is found to be miscellaneous, and is written if no
    /// file has it.
    async fn run((store, file): &Self::Context, chunk: &[Self]) -> Result<Vec<Written>, MiscellaneousError> {
        let ids: Vec<MessageId> = chunk.iter().map(NewMiscellaneous::message_id).collect();
        let written = store.register_misc(&ids).await?;
        let mut new = Vec::new();
        let mut known = Vec::new();
        for (NewMiscellaneous(line), written) in chunk.iter().zip(&written) {
            match written {
                Written::New(_) => new.push(line.clone()),
                Written::Stands(standing) if standing.registration == Registration::Misc => {
                    known.push(line.clone());
                }
                Written::Stands(_) | Written::Closed(_) | Written::Unknown => {}
            }
        }
        let file = file.clone();
        let append = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            for line in known {
                if !file.holds(line.message.id)? {
                    new.push(line);
                }
            }
            file.append(&new)
        };
        match tokio::task::spawn_blocking(append).await {
            Ok(Ok(())) => Ok(written),
            Ok(Err(error)) => Err(MiscellaneousError::File(error.to_string())),
            Err(_) => Err(Stopped.into()),
        }
    }
}

/// What an event brings along, beside what was written of it.
struct Brought {
    message: Message,
    /// Why it asked for what it asked for.
    reason: String,
    menu_version: Option<String>,
    trail: Vec<TrailEntry>,
}

/// Tells of what stands: what was written now, or what had been written before.
fn conclude(spec: &ConsumerSpec, written: Written, brought: Brought) -> Result<Outcome, StageError> {
    let Brought { message, reason, menu_version, trail } = brought;
    let (registration, reason, said) = match written {
        Written::New(registration) => {
            let said = told(&registration);
            (registration, reason, said)
        }
        Written::Stands(standing) => {
            let said = format!("{} before; told again", told(&standing.registration));
            let same = spec.outputs.first() == Some(&topic_of(standing.registration.category()));
            let reason = standing.reason.or_else(|| same.then_some(reason)).unwrap_or_else(|| said.clone());
            (standing.registration, reason, said)
        }
        Written::Closed(outcome) => {
            return Ok(Outcome::nothing(format!("the message is {} and stays so", outcome.as_str())));
        }
        Written::Unknown => {
            let reason = format!("there is no message {} in the database", message.id);
            return Err(StageError::permanent(Code::UnknownMessage, reason));
        }
    };
    let category = registration.category();
    let mut decision = Decision::by_rules(category.as_str(), said);
    decision.menu_version = menu_version;
    Ok(Outcome::publish(topic_of(category), Registered { message, registration, reason, trail }, decision))
}

const fn topic_of(category: Category) -> Topic {
    match category {
        Category::Order => Topic::RegisteredOrder,
        Category::Review => Topic::RegisteredReview,
        Category::Enquiry => Topic::RegisteredEnquiry,
        Category::Misc => Topic::RegisteredMisc,
    }
}

/// What was written, in a cook's words.
fn told(registration: &Registration) -> String {
    match registration {
        Registration::Order { order } => format!("written down as order {}", order.number),
        Registration::Review { number, .. } => format!("waits for a person's decision as review {number}"),
        Registration::Enquiry { number, .. } => format!("waits for an answer as enquiry {number}"),
        Registration::Misc => "kept in the file of miscellaneous messages".to_owned(),
    }
}

/// Registers accepted orders; those that come too fast as reviews.
pub struct AcceptedOrders(pub Arc<Registrar>);

impl Stage for AcceptedOrders {
    const SPEC: &'static ConsumerSpec = &REGISTRAR_ORDER;
    type In = Validated;
    // Each waits for a commit that is shared by all who wait.
    const LANES_PER_CORE: usize = 16;

    async fn handle(&self, event: Validated, _: &Context) -> Result<Outcome, StageError> {
        let order = register::order(&event).map_err(|flaw| StageError::permanent(Code::Malformed, flaw))?;
        let paced = PacedOrder { order, review: register::review(&event) };
        let (written, held) = self.0.orders.submit(paced).await?;
        let mut brought = Brought::from(event);
        if let Some(reason) = held {
            brought.reason = reason;
        }
        conclude(Self::SPEC, written, brought)
    }
}

/// Registers reviews.
pub struct Reviews(pub Arc<Registrar>);

impl Stage for Reviews {
    const SPEC: &'static ConsumerSpec = &REGISTRAR_REVIEW;
    type In = Validated;

    async fn handle(&self, event: Validated, _: &Context) -> Result<Outcome, StageError> {
        let written = self.0.reviews.submit(register::review(&event)).await?;
        conclude(Self::SPEC, written, event.into())
    }
}

/// Registers orders for what is not on the menu, as enquiries.
pub struct RejectedOrders(pub Arc<Registrar>);

impl Stage for RejectedOrders {
    const SPEC: &'static ConsumerSpec = &REGISTRAR_REJECTED;
    type In = Validated;

    async fn handle(&self, event: Validated, _: &Context) -> Result<Outcome, StageError> {
        let written = self.0.enquiries.submit(register::rejected(&event)).await?;
        conclude(Self::SPEC, written, event.into())
    }
}

/// Registers what sounded like an order but names nothing, as enquiries.
pub struct UnclearOrders(pub Arc<Registrar>);

impl Stage for UnclearOrders {
    const SPEC: &'static ConsumerSpec = &REGISTRAR_UNCLEAR;
    type In = Extracted;

    async fn handle(&self, event: Extracted, _: &Context) -> Result<Outcome, StageError> {
        let enquiry = register::unclear(&event);
        let reason = enquiry.reason.clone();
        let written = self.0.enquiries.submit(enquiry).await?;
        let Extracted { message, trail, .. } = event;
        conclude(Self::SPEC, written, Brought { message, reason, menu_version: None, trail })
    }
}

/// Registers enquiries.
pub struct Enquiries(pub Arc<Registrar>);

impl Stage for Enquiries {
    const SPEC: &'static ConsumerSpec = &REGISTRAR_ENQUIRY;
    type In = Classified;

    async fn handle(&self, event: Classified, _: &Context) -> Result<Outcome, StageError> {
        let enquiry = register::enquiry(&event);
        let reason = enquiry.reason.clone();
        let written = self.0.enquiries.submit(enquiry).await?;
        let Classified { message, trail, .. } = event;
        conclude(Self::SPEC, written, Brought { message, reason, menu_version: None, trail })
    }
}

/// Keeps miscellaneous messages.
pub struct MiscellaneousMessages(pub Arc<Registrar>);

impl Stage for MiscellaneousMessages {
    const SPEC: &'static ConsumerSpec = &REGISTRAR_MISC;
    type In = Classified;

    async fn handle(&self, event: Classified, _: &Context) -> Result<Outcome, StageError> {
        let line = register::miscellaneous(&event);
        let reason = line.reason.clone();
        let written = self.0.miscellaneous.submit(NewMiscellaneous(line)).await?;
        let Classified { message, trail, .. } = event;
        conclude(Self::SPEC, written, Brought { message, reason, menu_version: None, trail })
    }
}

impl From<Validated> for Brought {
    fn from(event: Validated) -> Self {
        let Validated { message, reason, menu_version, trail, .. } = event;
        Brought { message, reason, menu_version: Some(menu_version), trail }
    }
}
