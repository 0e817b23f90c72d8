//! Pins how every version of every event is written. A change here is a change for whoever reads
//! the stream: additions are fine, anything else needs a new version and keeps the old file.
//!
//! `UPDATE_GOLDEN=1 cargo test -p contracts` writes the files anew; read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may, as tests may")]

use std::path::Path;

use chrono::{DateTime, TimeZone, Utc};
use contracts::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 14, 12, 0, 0).unwrap()
}

fn message() -> Message {
    Message {
        id: MessageId(42),
        generation: 1,
        received_at: noon(),
        source: "http".into(),
        customer: Some("table-7".into()),
        text: "two veggie burgers, one without onions".into(),
    }
}

fn trail() -> Vec<TrailEntry> {
    vec![TrailEntry {
        station: Service::Classifier,
        decision: Decision::by_rules("order", "asks for 'burgers', not worded as a question").score(0.5),
        attempt: 1,
        at: noon(),
        took_us: 120,
    }]
}

fn line() -> OrderLine {
    OrderLine {
        phrase: "veggie burgers".into(),
        quantity: 1,
        size: Some("Large".into()),
        modifiers: vec![Modifier { op: ModifierOp::Remove, name: "Onions".into() }],
        item: None,
        doubts: vec![],
    }
}

fn validated_line() -> ValidatedLine {
    ValidatedLine {
        line: line(),
        verdict: Verdict::Accepted,
        reason: "'veggie burgers' is The Green Garden Vegan Burger".into(),
        matched: Some(MatchedItem {
            slug: "the_green_garden_vegan_burger".into(),
            name: "The Green Garden Vegan Burger".into(),
            unit_price_cents: 1190,
        }),
        candidates: vec![Candidate {
            slug: "the_green_garden_vegan_burger".into(),
            name: "The Green Garden Vegan Burger".into(),
            description: "Chickpea patty with avocado.".into(),
            price_cents: 1190,
            score: 0.75,
        }],
    }
}

fn registered(registration: Registration) -> Registered {
    Registered {
        message: message(),
        registration,
        reason: "every item is on the menu".into(),
        trail: trail(),
    }
}

/// Holds the event against its golden file, both ways, and accepts a field from the future.
fn pinned<E: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, event: &E) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.json"));
    let written = serde_json::to_value(event).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&written).unwrap() + "\n").unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut golden: Value = serde_json::from_str(&golden).unwrap();
    assert_eq!(written, golden, "{name} is written differently now");
    golden["from_the_future"] = json!({"any": "thing"});
    assert_eq!(&serde_json::from_value::<E>(golden).unwrap(), event, "{name} is read differently now");
}

#[test]
fn every_event_is_written_and_read_as_its_golden_file_has_it() {
    pinned("received.v1", &Received { message: message(), trail: vec![] });
    pinned(
        "classified.v1",
        &Classified {
            message: message(),
            language: "en".into(),
            topic: Some(EnquiryTopic::PickUp),
            trail: trail(),
        },
    );
    pinned(
        "extracted.v1",
        &Extracted { message: message(), language: "en".into(), lines: vec![line()], trail: trail() },
    );
    pinned(
        "validated.v1",
        &Validated {
            message: message(),
            lines: vec![validated_line()],
            reason: "every item is on the menu".into(),
            proposed_reply: Some("Sorry, we don't offer pork burgers.".into()),
            menu_version: "3f2a".into(),
            settled: Some(Settlement { by: "Ana".into(), at: noon() }),
            trail: trail(),
        },
    );
    let order = RegisteredOrder {
        number: 7,
        lines: vec![RegisteredLine {
            item: "The Green Garden Vegan Burger".into(),
            slug: "the_green_garden_vegan_burger".into(),
            quantity: 2,
            size: None,
            modifiers: vec![],
            unit_price_cents: 1190,
            total_cents: 2380,
        }],
        total_cents: 2380,
    };
    pinned("registered.order.v1", &registered(Registration::Order { order }));
    pinned(
        "registered.review.v1",
        &registered(Registration::Review { number: 3, lines: vec![validated_line()] }),
    );
    pinned(
        "registered.enquiry.v1",
        &registered(Registration::Enquiry {
            number: 5,
            topic: EnquiryTopic::Hours,
            proposed_reply: Some("We are open until ten.".into()),
        }),
    );
    pinned("registered.misc.v1", &registered(Registration::Misc));
    pinned(
        "answered.v1",
        &Answered {
            message: message(),
            enquiry: 5,
            proposal: Some(Proposal {
                text: "In the harbour garage.".into(),
                source: "entry:parking".into(),
                topic: "parking".into(),
                language: "en".into(),
                sure: Some(0.75),
                careful: false,
            }),
            trail: trail(),
        },
    );
    pinned(
        "notified.v1",
        &Notified {
            message: message(),
            category: Category::Order,
            delivery: Delivery {
                channel: Channel::Discord,
                discord_message_id: Some("1".into()),
                possible_repeat: false,
                payload: json!({"embeds": []}),
            },
            trail: trail(),
        },
    );
    pinned(
        "kitchen.v1",
        &Kitchen {
            message: message(),
            order: 7,
            step: 2,
            state: contracts::kitchen::State::Voided,
            at: noon(),
            who: "Ana".into(),
            why: Some("the customer left".into()),
            trail: trail(),
        },
    );
    pinned(
        "dead_letter.v1",
        &DeadLetter {
            service: Service::Extractor,
            code: Code::Malformed,
            reason: "not JSON".into(),
            attempts: 1,
            at: noon(),
            subject: "greenbite.classified.order.42".into(),
            headers: [("Greenbite-Generation".to_owned(), vec!["1".to_owned()])].into(),
            payload: Payload::Base64("/w==".into()),
            stream_sequence: Some(9),
            trace_id: Some("0af7651916cd43dd8448eb211c80319c".into()),
        },
    );
}

#[test]
fn what_older_writers_left_out_is_filled_in() {
    let sparse =
        json!({"message": {"id": 1, "received_at": "2026-03-14T12:00:00Z", "source": "csv", "text": "hi"}});
    let event: Received = serde_json::from_value(sparse).unwrap();
    assert_eq!(event.message.generation, 1);
    assert_eq!(event.message.customer, None);
    assert!(event.trail.is_empty());
}
