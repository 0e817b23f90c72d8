//! Stream, durables and users, as data.
//!
//! Provisioning, the servers' permissions, the README's table and the dashboard are all made
//! from what is in here.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::subject::{CONTROLS, DEAD_LETTER_ROOT, DEAD_LETTERS, TAP, Topic};

/// The stream that holds every event of the line.
pub const STREAM: &str = "GREENBITE";
/// The stream that holds the dead letters, apart, so that neither a full line nor its janitor touches them.
pub const DEAD_LETTER_STREAM: &str = "GREENBITE_DLQ";
/// The server's word that a message was delivered as often as allowed; kept among the dead letters.
pub const MAX_DELIVERIES_ADVISORY: &str = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.GREENBITE.*";
/// The durable on [`DEAD_LETTER_STREAM`] by which ingest turns such advisories into whole dead letters.
pub const ADVISORY_DURABLE: &str = "ingest-advisories";

/// A service of the line, by the name that it has on the bus, in logs and in compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Takes messages in.
    Ingest,
    /// Order, enquiry or neither.
    Classifier,
    /// Items, quantities, modifiers.
    Extractor,
    /// Items against the menu.
    MenuValidator,
    /// Into the database.
    Registrar,
    /// Proposes answers to enquiries.
    Answerer,
    /// Tells the kitchen.
    Notifier,
    /// Tells customers, where a channel to them is set; beside the line, since it reads and writes the database alone.
    Replier,
    /// The web page.
    Dashboard,
    /// The operator's command.
    Greenbite,
}

impl Service {
    /// The seven stations, in the order of the line.
    pub const STATIONS: [Service; 7] = [
        Service::Ingest,
        Service::Classifier,
        Service::Extractor,
        Service::MenuValidator,
        Service::Registrar,
        Service::Answerer,
        Service::Notifier,
    ];

    /// Its name: `menu-validator`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Service::Ingest => "ingest",
            Service::Classifier => "classifier",
            Service::Extractor => "extractor",
            Service::MenuValidator => "menu-validator",
            Service::Registrar => "registrar",
            Service::Answerer => "answerer",
            Service::Notifier => "notifier",
            Service::Replier => "replier",
            Service::Dashboard => "dashboard",
            Service::Greenbite => "greenbite",
        }
    }

    /// The durables that it reads from.
    pub fn consumers(self) -> impl Iterator<Item = &'static ConsumerSpec> {
        CONSUMERS.iter().copied().filter(move |spec| spec.service == self)
    }

    /// Prefix of the inboxes that only this service's user may read.
    pub fn inbox_prefix(self) -> String {
        inbox_prefix(self.as_str())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Prefix of the inboxes that only this user may read.
pub fn inbox_prefix(user: &str) -> String {
    format!("_INBOX_{}", user.replace('-', "_"))
}

/// A durable consumer: who reads what, and what it may publish for it.
#[derive(Debug, PartialEq, Eq)]
pub struct ConsumerSpec {
    /// The durable's name.
    pub durable: &'static str,
    /// The service that reads from it.
    pub service: Service,
    /// What it reads.
    pub input: Topic,
    /// What may come of it.
    pub outputs: &'static [Topic],
}

macro_rules! consumers {
    ($($constant:ident = $durable:literal of $service:ident: $input:ident => $($output:ident),+;)+) => {
        $(
            #[doc = concat!("The durable `", $durable, "`.")]
            pub const $constant: ConsumerSpec = ConsumerSpec {
                durable: $durable,
                service: Service::$service,
                input: Topic::$input,
                outputs: &[$(Topic::$output),+],
            };
        )+
        /// Every durable of the line, in its order.
        pub const CONSUMERS: &[&ConsumerSpec] = &[$(&$constant),+];
    };
}

consumers! {
    CLASSIFIER = "classifier" of Classifier: ReceivedMessage => ClassifiedOrder, ClassifiedEnquiry, ClassifiedMisc;
    EXTRACTOR = "extractor" of Extractor: ClassifiedOrder => ExtractedOrder, ExtractedUnclear;
    MENU_VALIDATOR = "menu-validator" of MenuValidator: ExtractedOrder => ValidatedAccepted, ValidatedReview, ValidatedRejected;
    // The first outcome of a message stands. Whichever of them meets a message that has one tells of that one
    // again, since its first telling may have been lost with the bus: so each may publish all four.
    REGISTRAR_ORDER = "registrar-order" of Registrar: ValidatedAccepted => RegisteredOrder, RegisteredReview, RegisteredEnquiry, RegisteredMisc;
    REGISTRAR_REVIEW = "registrar-review" of Registrar: ValidatedReview => RegisteredReview, RegisteredOrder, RegisteredEnquiry, RegisteredMisc;
    REGISTRAR_REJECTED = "registrar-rejected" of Registrar: ValidatedRejected => RegisteredEnquiry, RegisteredOrder, RegisteredReview, RegisteredMisc;
    REGISTRAR_UNCLEAR = "registrar-unclear" of Registrar: ExtractedUnclear => RegisteredEnquiry, RegisteredOrder, RegisteredReview, RegisteredMisc;
    REGISTRAR_ENQUIRY = "registrar-enquiry" of Registrar: ClassifiedEnquiry => RegisteredEnquiry, RegisteredOrder, RegisteredReview, RegisteredMisc;
    REGISTRAR_MISC = "registrar-misc" of Registrar: ClassifiedMisc => RegisteredMisc, RegisteredOrder, RegisteredReview, RegisteredEnquiry;
    NOTIFIER_ORDER = "notifier-order" of Notifier: RegisteredOrder => NotifiedOrder;
    NOTIFIER_REVIEW = "notifier-review" of Notifier: RegisteredReview => NotifiedReview;
    NOTIFIER_ENQUIRY = "notifier-enquiry" of Notifier: RegisteredEnquiry => NotifiedEnquiry;
    NOTIFIER_MISC = "notifier-misc" of Notifier: RegisteredMisc => NotifiedMisc;
    // Beside the notifier: whether or not it runs, enquiries are told of.
    ANSWERER = "answerer" of Answerer: RegisteredEnquiry => AnsweredProposed, AnsweredOpen;
}

/// The durables that read this topic; none for what only people read.
pub fn readers_of(topic: Topic) -> impl Iterator<Item = &'static ConsumerSpec> {
    CONSUMERS.iter().copied().filter(move |spec| spec.input == topic)
}

/// The durable by which a message of this topic goes on down the line. The answerer reads beside it, and takes none on.
pub fn consumer_of(topic: Topic) -> Option<&'static ConsumerSpec> {
    readers_of(topic).find(|spec| spec.service != Service::Answerer)
}

/// Sizes and times of stream and durables, as provisioning asks the server for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How long a delivered message may go without a sign of life before another lane gets it, in milliseconds.
    pub ack_wait_ms: u64,
    /// Deliveries after which the server gives up on a message.
    pub max_deliver: i64,
    /// Messages in work at once, over all replicas of a durable.
    pub max_ack_pending: i64,
    /// Bytes that the line's stream may hold.
    pub max_bytes: i64,
    /// Bytes that the dead letters may hold.
    pub dead_letter_max_bytes: i64,
    /// Age at which an event is dropped, in hours.
    pub max_age_hours: u64,
    /// How long the server remembers message ids, in seconds.
    pub duplicate_window_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            ack_wait_ms: 30_000,
            max_deliver: 20,
            max_ack_pending: 1_000,
            max_bytes: 1 << 30,
            dead_letter_max_bytes: 256 << 20,
            max_age_hours: 7 * 24,
            duplicate_window_s: 3_600,
        }
    }
}

impl Limits {
    /// How long a delivered message may go without a sign of life.
    pub fn ack_wait(&self) -> Duration {
        Duration::from_millis(self.ack_wait_ms)
    }
}

/// Largest event in bytes: a full copy with a dead letter's headers still fits below the server's 1 MiB.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Largest customer message in bytes that the line carries; the rest of an event is for what stations add.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The bus's user that creates stream and durables.
pub const PROVISION: &str = "provision";
/// The bus's user of an operator at work: it looks, and settles dead letters.
pub const OPERATOR: &str = "operator";

/// A user of the bus and the subjects that it needs, no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: &'static str,
    /// What it may publish.
    pub publish: Vec<String>,
    /// What it may subscribe to.
    pub subscribe: Vec<String>,
}

impl User {
    /// The environment variable from which the server's configuration takes the password.
    pub fn password_variable(&self) -> String {
        format!("GREENBITE_NATS_PASSWORD_{}", self.name.replace('-', "_").to_uppercase())
    }
}

/// The inboxes of those who ask services about themselves.
///
/// The server could note who asked and let them be answered (`allow_responses`), but it notes every delivery, each is
/// a request for an acknowledgement, and keeps the notes for minutes: with 10,000 of them most of its time goes into
/// looking through them. An inbox cannot be guessed, so naming them gives nothing away.
fn answers() -> [String; 5] {
    let of = |user: &str| format!("{}.>", inbox_prefix(user));
    ["_INBOX.>".to_owned(), of(PROVISION), of(OPERATOR), of("teacher"), of(Service::Dashboard.as_str())]
}

/// What a service that reads from durables may do (nats-server 2.9 to current, both ack subjects).
fn station(service: Service) -> User {
    let mut publish = vec![format!("{DEAD_LETTER_ROOT}.{service}.*.*")];
    for spec in service.consumers() {
        let durable = spec.durable;
        publish.extend([
            format!("$JS.API.CONSUMER.INFO.{STREAM}.{durable}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{durable}"),
            format!("$JS.ACK.{STREAM}.{durable}.>"),
            format!("$JS.ACK.*.*.{STREAM}.{durable}.>"),
        ]);
        for output in spec.outputs {
            publish.push(output.filter().to_owned());
            publish.push(format!("$JS.API.DIRECT.GET.{STREAM}.{}", output.filter()));
        }
    }
    publish.extend(answers());
    publish.sort();
    publish.dedup();
    User {
        name: service.as_str(),
        publish,
        subscribe: vec![
            format!("{}.>", service.inbox_prefix()),
            "$SRV.>".to_owned(),
            crate::subject::control(service),
        ],
    }
}

/// Every user of the bus.
pub fn users() -> Vec<User> {
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let mut users: Vec<User> = Service::STATIONS.into_iter().map(station).collect();

    // Ingest also tells of the kitchen's steps and keeps the house: reconciliation, the janitor, advisories made into dead
    // letters, and dead letters that were kept long enough.
    if let Some(ingest) = users.iter_mut().find(|user| user.name == Service::Ingest.as_str()) {
        let own = Topic::ALL.iter().filter(|topic| topic.publisher() == Service::Ingest);
        ingest.publish.extend(own.map(|topic| topic.filter().to_owned()));
        ingest.publish.push(format!("{DEAD_LETTER_ROOT}.*.{}.*", crate::Code::MaxDeliveries));
        ingest.publish.extend([
            format!("$JS.API.STREAM.INFO.{STREAM}"),
            format!("$JS.API.STREAM.INFO.{DEAD_LETTER_STREAM}"),
            format!("$JS.API.STREAM.PURGE.{STREAM}"),
            format!("$JS.API.CONSUMER.INFO.{STREAM}.*"),
            format!("$JS.API.DIRECT.GET.{STREAM}"),
            format!("$JS.API.DIRECT.GET.{STREAM}.>"),
            format!("$JS.API.DIRECT.GET.{DEAD_LETTER_STREAM}"),
            format!("$JS.API.DIRECT.GET.{DEAD_LETTER_STREAM}.>"),
            format!("$JS.API.STREAM.MSG.DELETE.{DEAD_LETTER_STREAM}"),
            format!("$JS.API.CONSUMER.INFO.{DEAD_LETTER_STREAM}.{ADVISORY_DURABLE}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.{DEAD_LETTER_STREAM}.{ADVISORY_DURABLE}"),
            format!("$JS.ACK.{DEAD_LETTER_STREAM}.{ADVISORY_DURABLE}.>"),
            format!("$JS.ACK.*.*.{DEAD_LETTER_STREAM}.{ADVISORY_DURABLE}.>"),
        ]);
    }

    // Reads no durable and publishes no event: it answers only who asks it about itself.
    users.push(User {
        name: Service::Replier.as_str(),
        publish: answers().to_vec(),
        subscribe: vec![format!("{}.>", Service::Replier.inbox_prefix()), "$SRV.>".to_owned()],
    });

    // Creates stream and durables, and repairs: `greenbite provision`.
    users.push(User {
        name: PROVISION,
        publish: strings(&["$JS.API.>", "$JS.ACK.>", "$SRV.>", TAP, DEAD_LETTERS]),
        subscribe: vec![format!("{}.>", inbox_prefix(PROVISION)), TAP.to_owned(), DEAD_LETTERS.to_owned()],
    });

    // The rest of `greenbite`: looks at everything, publishes a dead letter's original again, deletes dead letters.
    users.push(User {
        name: OPERATOR,
        publish: {
            let mut publish: Vec<String> = Topic::ALL.iter().map(|topic| topic.filter().to_owned()).collect();
            publish.push("$SRV.PING".to_owned());
            for stream in [STREAM, DEAD_LETTER_STREAM] {
                publish.extend([
                    format!("$JS.API.STREAM.INFO.{stream}"),
                    format!("$JS.API.DIRECT.GET.{stream}"),
                    format!("$JS.API.DIRECT.GET.{stream}.>"),
                ]);
            }
            publish.push(format!("$JS.API.CONSUMER.INFO.{STREAM}.*"));
            publish.push(format!("$JS.API.STREAM.MSG.DELETE.{DEAD_LETTER_STREAM}"));
            publish
        },
        subscribe: vec![format!("{}.>", inbox_prefix(OPERATOR))],
    });

    // The web page: sees all, settles reviews, replays dead letters, pauses stations, clears a class's data.
    users.push(User {
        name: Service::Dashboard.as_str(),
        publish: {
            let mut publish = strings(&["greenbite.*.*.*", CONTROLS, "$SRV.>"]);
            for stream in [STREAM, DEAD_LETTER_STREAM] {
                publish.extend([
                    format!("$JS.API.STREAM.INFO.{stream}"),
                    format!("$JS.API.STREAM.PURGE.{stream}"),
                    format!("$JS.API.DIRECT.GET.{stream}"),
                    format!("$JS.API.DIRECT.GET.{stream}.>"),
                    format!("$JS.API.CONSUMER.INFO.{stream}.*"),
                    format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
                    format!("$JS.API.CONSUMER.CREATE.{stream}"),
                    format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"),
                ]);
            }
            publish.push(format!("$JS.API.STREAM.MSG.DELETE.{DEAD_LETTER_STREAM}"));
            publish.extend(answers());
            publish
        },
        subscribe: vec![
            format!("{}.>", Service::Dashboard.inbox_prefix()),
            TAP.to_owned(),
            DEAD_LETTERS.to_owned(),
            format!("$JS.EVENT.ADVISORY.CONSUMER.*.{STREAM}.>"),
            "$SRV.>".to_owned(),
        ],
    });

    // Taps, publishes and makes consumers of its own for a class; cannot delete or purge.
    users.push(User {
        name: "teacher",
        publish: {
            let mut publish = strings(&[
                TAP,
                CONTROLS,
                "$SRV.>",
                "$JS.API.INFO",
                "$JS.API.STREAM.NAMES",
                "$JS.API.STREAM.LIST",
            ]);
            for stream in [STREAM, DEAD_LETTER_STREAM] {
                publish.extend([
                    format!("$JS.API.STREAM.INFO.{stream}"),
                    format!("$JS.API.STREAM.MSG.GET.{stream}"),
                    format!("$JS.API.DIRECT.GET.{stream}"),
                    format!("$JS.API.DIRECT.GET.{stream}.>"),
                    format!("$JS.API.CONSUMER.NAMES.{stream}"),
                    format!("$JS.API.CONSUMER.LIST.{stream}"),
                    format!("$JS.API.CONSUMER.INFO.{stream}.*"),
                    format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
                    format!("$JS.API.CONSUMER.CREATE.{stream}"),
                    format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.*"),
                    format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.*"),
                    format!("$JS.ACK.{stream}.>"),
                    format!("$JS.ACK.*.*.{stream}.>"),
                ]);
            }
            publish
        },
        subscribe: strings(&["_INBOX.>", TAP, DEAD_LETTERS, "$SRV.>", "$JS.EVENT.>"])
            .into_iter()
            .chain([format!("{}.>", inbox_prefix("teacher"))])
            .collect(),
    });
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_goes_on_by_exactly_one_durable_or_ends_the_line() {
        for &topic in Topic::ALL {
            let goes_on = !["answered", "notified", "kitchen"].contains(&topic.stage());
            let beside = usize::from(topic == ANSWERER.input);
            assert_eq!(readers_of(topic).count(), usize::from(goes_on) + beside, "{topic}");
            assert_eq!(consumer_of(topic).is_some(), goes_on, "{topic}");
        }
    }

    #[test]
    fn a_service_publishes_only_its_own_topics() {
        for spec in CONSUMERS {
            for output in spec.outputs {
                assert_eq!(output.publisher(), spec.service, "{}", spec.durable);
            }
        }
    }

    #[test]
    fn no_station_may_read_or_write_what_is_another_stations() {
        for user in users().iter().filter(|u| Service::STATIONS.iter().any(|s| s.as_str() == u.name)) {
            let own: Vec<&str> = Topic::ALL
                .iter()
                .filter(|topic| topic.publisher().as_str() == user.name)
                .map(|topic| topic.filter())
                .collect();
            for subject in user.publish.iter().filter(|subject| subject.starts_with("greenbite.")) {
                assert!(own.contains(&subject.as_str()), "{} may publish {subject}", user.name);
            }
            assert!(!user.subscribe.iter().any(|subject| subject.starts_with("greenbite.")), "{}", user.name);
        }
    }
}
