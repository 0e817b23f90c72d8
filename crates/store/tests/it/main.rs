//! Every table family against a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

mod customers;
mod group;
mod kitchen;
mod menu;
mod messages;
mod notifications;
mod outages;
mod pace;
mod registrations;
mod report;
mod roles;

use std::time::Duration;

use contracts::{MessageId, RegisteredLine, Registration};
use store::Store;
use store::enquiries::NewEnquiry;
use store::messages::NewMessage;
use store::orders::{NewLine, NewOrder};
use store::registration::Registered;
use store::reviews::NewReview;
use testkit::Postgres;

/// For how long a claim holds where it is not to run out.
const LEASE: Duration = Duration::from_secs(60);

/// A database of one's own.
async fn fresh() -> Store {
    Store::connect(&url().await, 8).await.unwrap()
}

async fn url() -> String {
    Postgres::shared().await.unwrap().database().await.unwrap()
}

fn message(text: &str) -> NewMessage {
    NewMessage {
        source: "http".to_owned(),
        external_id: None,
        customer: Some("guest-7".to_owned()),
        text: text.to_owned(),
        received_at: None,
    }
}

/// Takes so many messages in.
async fn messages(store: &Store, count: usize) -> Vec<MessageId> {
    let new: Vec<NewMessage> = (0..count).map(|n| message(&format!("message {n}"))).collect();
    store.insert_messages(&new).await.unwrap().into_iter().map(|inserted| inserted.id).collect()
}

/// Takes one message in.
async fn one_message(store: &Store) -> MessageId {
    messages(store, 1).await[0]
}

fn order(message_id: MessageId) -> NewOrder {
    let line = RegisteredLine {
        item: "Lentil Soup".to_owned(),
        slug: "lentil_soup".to_owned(),
        quantity: 2,
        size: Some("large".to_owned()),
        modifiers: vec![contracts::Modifier { op: contracts::ModifierOp::Remove, name: "onions".to_owned() }],
        unit_price_cents: 550,
        total_cents: 1_100,
    };
    NewOrder {
        message_id,
        customer: Some("guest-7".to_owned()),
        lines: vec![
            NewLine { phrase: "lentil soop".to_owned(), line: line.clone() },
            NewLine { phrase: "another".to_owned(), line: RegisteredLine { size: None, ..line } },
        ],
        total_cents: 2_200,
        menu_version: "v1".to_owned(),
        reason: "Everything is on the menu.".to_owned(),
        settled: None,
    }
}

fn review(message_id: MessageId) -> NewReview {
    NewReview {
        message_id,
        lines: Vec::new(),
        reason: "Close, not certain.".to_owned(),
        menu_version: "v1".to_owned(),
    }
}

fn enquiry(message_id: MessageId) -> NewEnquiry {
    NewEnquiry {
        message_id,
        topic: contracts::EnquiryTopic::PickUp,
        reason: "Wants to know where to park.".to_owned(),
        proposed_reply: Some("Behind the house.".to_owned()),
        not_on_menu: Vec::new(),
        closest: None,
        settled: None,
    }
}

/// The number of what was registered now.
fn number(registered: &Registered) -> i64 {
    let Registered::New(registration) = registered else { panic!("nothing new: {registered:?}") };
    match registration {
        Registration::Order { order } => order.number,
        Registration::Review { number, .. } | Registration::Enquiry { number, .. } => *number,
        Registration::Misc => panic!("it has no number"),
    }
}

/// Runs a statement as the tables' owner.
async fn execute(url: &str, statement: &'static str) -> u64 {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap().rows_affected()
}

/// What the answerer found: this answer, in an entry of the house.
fn proposed(answer: &str) -> store::proposals::Looked {
    let proposal = contracts::Proposal {
        text: answer.to_owned(),
        source: "entry:parking".to_owned(),
        topic: "parking".to_owned(),
        language: "en".to_owned(),
        sure: Some(0.75),
        careful: false,
    };
    store::proposals::Looked {
        topic: proposal.topic.clone(),
        language: proposal.language.clone(),
        reason: format!("proposed: {answer}"),
        decided_by: "words".to_owned(),
        proposal: Some(proposal),
    }
}
