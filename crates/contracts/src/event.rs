//! The events: what travels from station to station, as JSON.
//!
//! Readers accept unknown fields; a version that they do not know (header
//! [`crate::header::VERSION`], 1 where it is missing) is a dead letter. The golden files in
//! `tests/golden/` pin how each version is written.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::kitchen::State;
use crate::topology::Service;
use crate::trail::TrailEntry;

/// The row id of a message in the table `messages`; also the last token of its subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(MessageId)
    }
}

/// What every event type of the line can do.
pub trait Event: Serialize + DeserializeOwned + Send + 'static {
    /// Version of the type's JSON; a change that old readers cannot read raises it.
    const VERSION: u32;

    /// The customer's message that the event is about.
    fn message(&self) -> &Message;

    /// What the stations before have decided, to which the runtime appends.
    fn trail_mut(&mut self) -> &mut Vec<TrailEntry>;
}

macro_rules! event {
    ($type:ty, $version:literal) => {
        impl Event for $type {
            const VERSION: u32 = $version;

            fn message(&self) -> &Message {
                &self.message
            }

            fn trail_mut(&mut self) -> &mut Vec<TrailEntry> {
                &mut self.trail
            }
        }
    };
}

/// A customer's message, as its row in `messages` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The row id.
    pub id: MessageId,
    /// Which publication of the row this is: 1, or more after a replay or a reconciliation.
    #[serde(default = "first_generation")]
    pub generation: u32,
    /// When the restaurant got it.
    pub received_at: DateTime<Utc>,
    /// The door that it came in by: `http`, `csv`, `watch`, `simulation`, `dashboard`, `telegram`.
    pub source: String,
    /// An opaque key of the customer, where the channel gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// What the customer wrote.
    pub text: String,
}

fn first_generation() -> u32 {
    1
}

/// `received.message`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// The message.
    pub message: Message,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Received, 1);

/// What an enquiry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnquiryTopic {
    /// What there is, what is in it, allergens.
    Menu,
    /// What it costs.
    Price,
    /// When and where the restaurant is open.
    Hours,
    /// Collecting, delivery, parking, tables.
    PickUp,
    /// Where an order is.
    Status,
    /// Anything else that wants an answer.
    Other,
}

/// `classified.order`, `classified.enquiry`, `classified.misc`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// The message.
    pub message: Message,
    /// Language of the words that decided, as an ISO 639-1 code: `en`.
    pub language: String,
    /// On an enquiry: what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<EnquiryTopic>,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Classified, 1);

/// What to do with a topping, a sauce or a part of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModifierOp {
    /// Put it on or in.
    Add,
    /// Leave it out.
    Remove,
    /// More than usual.
    Extra,
    /// Less than usual.
    Light,
    /// A wish about preparation or serving, in the customer's words: "dressing on the side".
    Note,
}

/// One wish about an item: `no onions`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Modifier {
    /// What to do.
    pub op: ModifierOp,
    /// With what: the canonical name where the options know it, else the customer's words.
    pub name: String,
}

/// One line of an order as the extractor read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The item in the customer's words, without quantity, size and modifiers: `chese burgr`.
    pub phrase: String,
    /// How many; at least 1.
    pub quantity: u32,
    /// The size under its canonical name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Wishes about the item.
    #[serde(default)]
    pub modifiers: Vec<Modifier>,
    /// The menu item that the extractor read the phrase as, by name, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What the extractor was not sure of, in a cook's words; a line with doubts is at best a review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
}

/// `extracted.order` (one line at least), `extracted.unclear` (none)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extracted {
    /// The message.
    pub message: Message,
    /// Language of the words that decided, as an ISO 639-1 code: `en`.
    pub language: String,
    /// The lines of the order.
    pub lines: Vec<OrderLine>,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Extracted, 1);

/// Verdict over an order or one of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// On the menu beyond doubt.
    Accepted,
    /// Close, not certain: a person decides.
    Review,
    /// Not on the menu.
    Rejected,
}

/// A menu item that a phrase may mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its key in the cache, such as `the_green_garden_vegan_burger`.
    pub slug: String,
    /// Its name on the menu.
    pub name: String,
    /// Its description on the menu.
    pub description: String,
    /// Its price in cents.
    pub price_cents: i64,
    /// How well it fits, from 0 to 1.
    pub score: f32,
}

/// The menu item that a line was found to mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedItem {
    /// Its key in the cache.
    pub slug: String,
    /// Its name on the menu.
    pub name: String,
    /// Price of one in cents, with what its size and extras cost, all from the menu.
    pub unit_price_cents: i64,
}

/// A line of an order, held against the menu.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValidatedLine {
    /// What the extractor read.
    #[serde(flatten)]
    pub line: OrderLine,
    /// The verdict over this line.
    pub verdict: Verdict,
    /// Why, in a cook's words.
    pub reason: String,
    /// What it was found to mean: always on an accepted line, the best guess on a reviewed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<MatchedItem>,
    /// The two best candidates, best first.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
}

/// A person's decision over a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Who decided.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// `validated.accepted`, `validated.review`, `validated.rejected`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validated {
    /// The message.
    pub message: Message,
    /// The lines of the order with their verdicts.
    pub lines: Vec<ValidatedLine>,
    /// Why the order as a whole got its verdict, in a cook's words.
    pub reason: String,
    /// On a rejected order: what to answer the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_reply: Option<String>,
    /// The menu version that it was judged by.
    pub menu_version: String,
    /// Set where a person settled a review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settlement>,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Validated, 1);

/// The four kinds of thing that the registrar writes and the notifier tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// For the kitchen.
    Order,
    /// A person decides.
    Review,
    /// A person answers.
    Enquiry,
    /// The rest.
    Misc,
}

impl Category {
    /// Every category.
    pub const ALL: [Category; 4] = [Category::Order, Category::Review, Category::Enquiry, Category::Misc];

    /// As it is written in subjects, settings and tables: `order`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Order => "order",
            Category::Review => "review",
            Category::Enquiry => "enquiry",
            Category::Misc => "misc",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of a message, as the column `messages.outcome` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageOutcome {
    /// An order of the kitchen's.
    Order,
    /// Waits for a person's decision.
    Review,
    /// Waits for an answer.
    Enquiry,
    /// In the file of miscellaneous messages.
    Misc,
    /// The line cannot carry it (too large, not text, empty): ingest says why in `rejected_reason`.
    Refused,
    /// A person discarded its dead letter.
    Discarded,
}

impl MessageOutcome {
    /// Every outcome.
    pub const ALL: [MessageOutcome; 6] = [
        MessageOutcome::Order,
        MessageOutcome::Review,
        MessageOutcome::Enquiry,
        MessageOutcome::Misc,
        MessageOutcome::Refused,
        MessageOutcome::Discarded,
    ];

    /// As the column has it: `order`.
    pub const fn as_str(self) -> &'static str {
        match self {
            MessageOutcome::Order => "order",
            MessageOutcome::Review => "review",
            MessageOutcome::Enquiry => "enquiry",
            MessageOutcome::Misc => "misc",
            MessageOutcome::Refused => "refused",
            MessageOutcome::Discarded => "discarded",
        }
    }
}

impl From<Category> for MessageOutcome {
    fn from(category: Category) -> Self {
        match category {
            Category::Order => MessageOutcome::Order,
            Category::Review => MessageOutcome::Review,
            Category::Enquiry => MessageOutcome::Enquiry,
            Category::Misc => MessageOutcome::Misc,
        }
    }
}

/// A line of a registered order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredLine {
    /// The item's name on the menu.
    pub item: String,
    /// Its key in the cache.
    pub slug: String,
    /// How many.
    pub quantity: u32,
    /// The size under its canonical name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Wishes about the item.
    #[serde(default)]
    pub modifiers: Vec<Modifier>,
    /// Price of one, in cents.
    pub unit_price_cents: i64,
    /// Price of the line, in cents.
    pub total_cents: i64,
}

/// An order as the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredOrder {
    /// The order's number.
    pub number: i64,
    /// Its lines.
    pub lines: Vec<RegisteredLine>,
    /// Its total, in cents.
    pub total_cents: i64,
}

/// What the registrar wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "category", rename_all = "snake_case")]
pub enum Registration {
    /// A row in `orders`.
    Order {
        /// The order.
        order: RegisteredOrder,
    },
    /// A row in `reviews`.
    Review {
        /// The review's number.
        number: i64,
        /// The lines with their verdicts and candidates.
        lines: Vec<ValidatedLine>,
    },
    /// A row in `enquiries`.
    Enquiry {
        /// The enquiry's number.
        number: i64,
        /// What it is about.
        topic: EnquiryTopic,
        /// What to answer, where the line has a proposal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proposed_reply: Option<String>,
    },
    /// A line in the file of miscellaneous messages.
    Misc,
}

impl Registration {
    /// Its category.
    pub const fn category(&self) -> Category {
        match self {
            Registration::Order { .. } => Category::Order,
            Registration::Review { .. } => Category::Review,
            Registration::Enquiry { .. } => Category::Enquiry,
            Registration::Misc => Category::Misc,
        }
    }
}

/// `registered.order`, `registered.review`, `registered.enquiry`, `registered.misc`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// The message.
    pub message: Message,
    /// What was written.
    pub registration: Registration,
    /// Why it is what it is, in a cook's words.
    pub reason: String,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Registered, 1);

/// An answer that may be sent to a customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The words.
    pub text: String,
    /// Where they come from: `entry:parking`, `fact:price`, or `menu` for the validator's word on a rejected order.
    pub source: String,
    /// What it is about: the entry's topic, or what was computed.
    pub topic: String,
    /// Its language, as an ISO 639-1 code.
    pub language: String,
    /// How often answers as sure as this one were right in trials, from 0 to 1; none for what is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sure: Option<f32>,
    /// About health: a person confirms it first, whatever the settings say.
    #[serde(default)]
    pub careful: bool,
}

impl Proposal {
    /// Where it comes from and how sure it is, in a cook's words.
    pub fn comes_from(&self) -> String {
        comes_from(&self.source, self.sure)
    }
}

/// [`Proposal::comes_from`], of its parts.
pub fn comes_from(source: &str, sure: Option<f32>) -> String {
    let from = match source.split_once(':') {
        Some(("entry", id)) => format!("the house's entry '{id}'"),
        Some(("fact", "open-now")) => "opening hours and clock".to_owned(),
        Some(("fact", "status")) => "the order's state".to_owned(),
        _ => "the menu".to_owned(),
    };
    match sure {
        Some(sure) => format!("{from}, {:.0} % sure", sure.clamp(0.0, 1.0) * 100.0),
        None => from,
    }
}

/// `answered.proposed`, `answered.open`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The message.
    pub message: Message,
    /// The enquiry's number.
    pub enquiry: i64,
    /// What may be answered; none where only a person can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Proposal>,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Answered, 1);

/// How a notification went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By a Discord webhook.
    Discord,
    /// Into a local file, since no webhook is configured.
    File,
}

/// A notification that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// How.
    pub channel: Channel,
    /// Discord's id of what was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord_message_id: Option<String>,
    /// It may have been sent before: a process died between sending and noting it.
    #[serde(default)]
    pub possible_repeat: bool,
    /// What was sent, as Discord's API takes it.
    pub payload: serde_json::Value,
}

/// `notified.order`, `notified.review`, `notified.enquiry`, `notified.misc`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notified {
    /// The message.
    pub message: Message,
    /// Its category.
    pub category: Category,
    /// What was sent, and how.
    pub delivery: Delivery,
    /// The trail so far.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Notified, 1);

/// `kitchen.preparing`, `kitchen.ready`, `kitchen.collected`, `kitchen.voided`
///
/// The generation of its publication is the number of the step: an order that is recalled is
/// `preparing` a second time, as a newer generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kitchen {
    /// The message that the order comes from.
    pub message: Message,
    /// The order's number.
    pub order: i64,
    /// Counts the order's steps from 1.
    pub step: u32,
    /// The state that the step led to.
    pub state: State,
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// By whom.
    pub who: String,
    /// Why, where somebody said so; always on a voided order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who told of it.
    #[serde(default)]
    pub trail: Vec<TrailEntry>,
}
event!(Kitchen, 1);

/// What a service is told on [`crate::subject::control`]: to read no more for a while, or to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// How long to pause from now on, in milliseconds; 0 resumes. A minute at most.
    pub pause_ms: u64,
    /// Who asks.
    pub by: String,
}

/// How the bytes of a dead letter's payload are written in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "encoding", content = "data", rename_all = "snake_case")]
pub enum Payload {
    /// The payload was UTF-8.
    Utf8(String),
    /// It was not: standard base64.
    Base64(String),
}

/// A message that the line could not handle: the whole original, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The service that gave up.
    pub service: Service,
    /// Why, as a code with a page of its own.
    pub code: Code,
    /// Why, in one sentence.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// When the service gave up.
    pub at: DateTime<Utc>,
    /// The original's subject.
    pub subject: String,
    /// The original's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Vec<String>>,
    /// The original's payload.
    pub payload: Payload,
    /// The original's place in the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_sequence: Option<u64>,
    /// The trace that it belongs to, as a W3C trace id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}
