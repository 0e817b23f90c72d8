//! Subjects: four fixed tokens, `greenbite.<stage>.<outcome>.<message id>`.
//!
//! Nobody else writes a subject literal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::MessageId;
use crate::topology::Service;

/// First token of every subject of the line.
pub const ROOT: &str = "greenbite";
/// First token of the dead letters' subjects.
pub const DEAD_LETTER_ROOT: &str = "greenbite-dlq";
/// Everything that travels on the line: the class tap.
pub const TAP: &str = "greenbite.>";
/// Every dead letter.
pub const DEAD_LETTERS: &str = "greenbite-dlq.>";

/// Where every service is told to pause and to resume.
pub const CONTROLS: &str = "greenbite-control.*";

/// Where one service is told to pause and to resume: `greenbite-control.<service>`, plain NATS, not kept.
///
/// The payload is a [`crate::event::Control`]. A pause is a lease: it ends by itself unless it is renewed.
pub fn control(service: Service) -> String {
    format!("greenbite-control.{service}")
}

macro_rules! topics {
    ($($variant:ident = $stage:literal . $outcome:literal by $service:ident: $doc:literal;)+) => {
        /// What happened to a message: the stage and the outcome tokens of its subject.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum Topic { $(#[doc = $doc] $variant,)+ }

        impl Topic {
            /// Every topic, in the order of the line.
            pub const ALL: &[Topic] = &[$(Topic::$variant),+];

            /// The stage token, such as `classified`.
            pub const fn stage(self) -> &'static str {
                match self { $(Topic::$variant => $stage,)+ }
            }

            /// The outcome token, such as `order`.
            pub const fn outcome(self) -> &'static str {
                match self { $(Topic::$variant => $outcome,)+ }
            }

            /// The service that publishes it.
            pub const fn publisher(self) -> Service {
                match self { $(Topic::$variant => Service::$service,)+ }
            }

            /// What it means, in one line.
            pub const fn meaning(self) -> &'static str {
                match self { $(Topic::$variant => $doc,)+ }
            }

            /// Its subject with a wildcard for the message id, such as `greenbite.classified.order.*`.
            pub const fn filter(self) -> &'static str {
                match self { $(Topic::$variant => concat!("greenbite.", $stage, ".", $outcome, ".*"),)+ }
            }
        }
    };
}

topics! {
    ReceivedMessage = "received"."message" by Ingest: "A customer's message, as it came in.";
    ClassifiedOrder = "classified"."order" by Classifier: "An affirmative request for something to eat or drink.";
    ClassifiedEnquiry = "classified"."enquiry" by Classifier: "Somebody wants an answer.";
    ClassifiedMisc = "classified"."misc" by Classifier: "Neither order nor enquiry.";
    ExtractedOrder = "extracted"."order" by Extractor: "Items, quantities, sizes and modifiers.";
    ExtractedUnclear = "extracted"."unclear" by Extractor: "Sounded like an order, but no item could be read from it.";
    ValidatedAccepted = "validated"."accepted" by MenuValidator: "Every item is on the menu beyond doubt.";
    ValidatedReview = "validated"."review" by MenuValidator: "At least one item is close but not certain: a person decides.";
    ValidatedRejected = "validated"."rejected" by MenuValidator: "At least one item is clearly not on the menu.";
    RegisteredOrder = "registered"."order" by Registrar: "An order in the database, for the kitchen.";
    RegisteredReview = "registered"."review" by Registrar: "An order that waits for a person's decision.";
    RegisteredEnquiry = "registered"."enquiry" by Registrar: "An enquiry that waits for an answer.";
    RegisteredMisc = "registered"."misc" by Registrar: "A line in the file of miscellaneous messages.";
    AnsweredProposed = "answered"."proposed" by Answerer: "An answer to an enquiry is proposed, to be sent by a person.";
    AnsweredOpen = "answered"."open" by Answerer: "Nothing that the house knows answers the enquiry: a person does.";
    NotifiedOrder = "notified"."order" by Notifier: "The kitchen was told of an order.";
    NotifiedReview = "notified"."review" by Notifier: "Somebody was asked to decide.";
    NotifiedEnquiry = "notified"."enquiry" by Notifier: "Somebody was asked to answer.";
    NotifiedMisc = "notified"."misc" by Notifier: "The message was shown in the channel for the rest.";
    KitchenPreparing = "kitchen"."preparing" by Ingest: "The kitchen makes the order: it was started, or recalled.";
    KitchenReady = "kitchen"."ready" by Ingest: "The order waits to be collected.";
    KitchenCollected = "kitchen"."collected" by Ingest: "The customer has the order.";
    KitchenVoided = "kitchen"."voided" by Ingest: "The order was called off, and why.";
}

impl Topic {
    /// The subject of this topic for one message: `greenbite.<stage>.<outcome>.<id>`.
    pub fn subject(self, id: MessageId) -> String {
        format!("{ROOT}.{}.{}.{id}", self.stage(), self.outcome())
    }

    /// The topic with these two tokens, if there is one.
    pub fn from_tokens(stage: &str, outcome: &str) -> Option<Topic> {
        Topic::ALL.iter().copied().find(|topic| topic.stage() == stage && topic.outcome() == outcome)
    }

    /// Topic and message id of a subject of the line; `None` if it is not one.
    pub fn parse(subject: &str) -> Option<(Topic, MessageId)> {
        let (topic, id) = Topic::parse_tokens(subject)?;
        Some((topic, id.parse().ok()?))
    }

    /// Topic and the raw last token of a subject of the line, whether or not that token is a message id.
    pub fn parse_tokens(subject: &str) -> Option<(Topic, &str)> {
        let mut tokens = subject.split('.');
        let (root, stage, outcome, id) = (tokens.next()?, tokens.next()?, tokens.next()?, tokens.next()?);
        if root != ROOT || tokens.next().is_some() {
            return None;
        }
        Some((Topic::from_tokens(stage, outcome)?, id))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stage(), self.outcome())
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> String {
        topic.to_string()
    }
}

impl TryFrom<String> for Topic {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.split_once('.')
            .and_then(|(stage, outcome)| Topic::from_tokens(stage, outcome))
            .ok_or_else(|| format!("'{text}' is not a topic of the line, such as 'classified.order'"))
    }
}

/// Every event of one message: `greenbite.*.*.<id>`, its whole journey.
pub fn journey(id: MessageId) -> String {
    format!("{ROOT}.*.*.{id}")
}

/// Every dead letter of one message.
pub fn dead_letters_of(id: MessageId) -> String {
    format!("{DEAD_LETTER_ROOT}.*.*.{id}")
}

/// The subject of a dead letter: `greenbite-dlq.<service>.<code>.<id>`.
///
/// `id` is the last token of the original subject; characters that a subject cannot hold become `_`.
pub fn dead_letter(service: Service, code: crate::Code, id: &str) -> String {
    let id: String = id
        .chars()
        .take(64)
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .collect();
    let id = if id.is_empty() { "unknown" } else { &id };
    format!("{DEAD_LETTER_ROOT}.{service}.{code}.{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_back_as_it_was_written() {
        for &topic in Topic::ALL {
            let subject = topic.subject(MessageId(42));
            assert_eq!(Topic::parse(&subject), Some((topic, MessageId(42))), "{subject}");
            assert_eq!(Topic::try_from(topic.to_string()), Ok(topic));
            assert!(topic.filter().ends_with(".*"));
        }
    }

    #[test]
    fn what_is_no_subject_of_the_line_is_not_taken_for_one() {
        for subject in [
            "",
            "greenbite",
            "greenbite.classified.order",
            "greenbite.classified.lunch.1",
            "greenbite.classified.order.1.2",
            "other.classified.order.1",
            "greenbite.classified.order.x",
        ] {
            assert_eq!(Topic::parse(subject), None, "{subject}");
        }
    }

    #[test]
    fn a_dead_letters_subject_holds_whatever_the_id_was() {
        let subject = dead_letter(Service::Classifier, crate::Code::Malformed, "a b.>*");
        assert_eq!(subject, "greenbite-dlq.classifier.GB101.a_b___");
        assert!(dead_letter(Service::Ingest, crate::Code::Malformed, "").ends_with(".unknown"));
    }
}
