//! The registrar on a real bus with a real database, both with the rights that it has when it is deployed.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use contracts::topology::DEAD_LETTER_STREAM;
use contracts::{
    Category, Classified, Code, DeadLetter, Decision, EnquiryTopic, Event, Extracted, MatchedItem, Message,
    MessageId, MessageOutcome, OrderLine, Registered, Registration, Service, Settlement, Topic, TrailEntry,
    Validated, ValidatedLine, Verdict, subject,
};
use registrar::Config;
use registrar::register::MiscellaneousLine;
use runtime::{Bus, Nats as NatsSettings, Running, Secret, Settings, Trace};
use store::Store;
use store::messages::NewMessage;
use testkit::{Nats, Postgres};
use tokio::sync::Mutex;

/// Of the registrar's role. Roles belong to the cluster, which tests share: they are set up one after the other.
const PASSWORD: &str = "for-tests";
static ROLES: Mutex<()> = Mutex::const_new(());

struct Line {
    _nats: Nats,
    /// As the operator.
    bus: Bus,
    /// As the tables' owner.
    store: Store,
    settings: Settings,
    directory: tempfile::TempDir,
}

impl Line {
    async fn new() -> Line {
        Line::on(Postgres::shared().await.unwrap()).await
    }

    async fn on(postgres: &Postgres) -> Line {
        let nats = Nats::with_users().await.unwrap();
        let as_user = |user: &str| NatsSettings {
            url: nats.url(),
            user: Some(user.to_owned()),
            password: nats.password(user).map(Secret::new),
            ..NatsSettings::default()
        };
        let bus = Bus::connect("provision", &as_user("provision")).await.unwrap();

        let url = postgres.database().await.unwrap();
        let store = Store::connect(&url, 4).await.unwrap();
        let roles = ROLES.lock().await;
        store.apply_roles().await.unwrap();
        store.set_role_password(Service::Registrar, PASSWORD).await.unwrap();
        drop(roles);
        let role = store::roles::role_of(Service::Registrar);
        let database = url.rsplit('/').next().unwrap();

        let mut settings = Settings { nats: as_user("registrar"), ..Settings::default() };
        settings.database.url = Secret::new(postgres.url_as(&role, PASSWORD, database));
        settings.line.ack_wait_ms = 3_000;
        settings.lanes.deadline_ms = 2_500;
        settings.retry.first_ms = 20;
        settings.process.probe_ms = 100;
        // Every message of these tests is of the same guest, at the same time.
        settings.restaurant.limits.customer_a_minute = 0;
        runtime::provision(&bus, &settings.line).await.unwrap();
        Line { _nats: nats, bus, store, settings, directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("miscellaneous.jsonl")
    }

    async fn registrar(&self) -> Running {
        let config = Config { file: self.file() };
        runtime::start(Service::Registrar, self.settings.clone(), config, registrar::build).await.unwrap()
    }

    async fn message(&self, text: &str) -> Message {
        let new = NewMessage {
            source: "http".to_owned(),
            external_id: None,
            customer: Some("guest-7".to_owned()),
            text: text.to_owned(),
            received_at: None,
        };
        let id = self.store.insert_message(&new).await.unwrap().id;
        self.store.message(id).await.unwrap().unwrap().message
    }

    async fn publish<E: Event>(&self, topic: Topic, event: &E) {
        // The writer is a part of what the bus knows a repetition by.
        self.bus.publish_event(&topic.to_string(), topic, event, &Trace::start()).await.unwrap();
    }

    async fn told(&self, category: Category, id: MessageId) -> Option<Registered> {
        let subject = match category {
            Category::Order => Topic::RegisteredOrder,
            Category::Review => Topic::RegisteredReview,
            Category::Enquiry => Topic::RegisteredEnquiry,
            Category::Misc => Topic::RegisteredMisc,
        }
        .subject(id);
        let stored = self.bus.last_for(&subject).await.unwrap()?;
        Some(serde_json::from_slice(&stored.payload).unwrap())
    }

    async fn until_told(&self, category: Category, id: MessageId, generation: u32) -> Registered {
        eventually(&format!("message {id} is told as {category}"), async || {
            self.told(category, id).await.is_some_and(|event| event.message.generation >= generation)
        })
        .await;
        self.told(category, id).await.unwrap()
    }

    async fn until_dead(&self, code: Code, id: MessageId) -> DeadLetter {
        let subject = subject::dead_letter(Service::Registrar, code, &id.to_string());
        let get = async || self.bus.direct_get(DEAD_LETTER_STREAM, &subject).await.unwrap();
        eventually(&format!("message {id} is a dead letter"), async || get().await.is_some()).await;
        serde_json::from_slice(&get().await.unwrap().payload).unwrap()
    }

    async fn outcome(&self, id: MessageId) -> Option<MessageOutcome> {
        self.store.message(id).await.unwrap().unwrap().outcome
    }
}

async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(30), waiting).await.is_ok(),
        "in vain waited for: {what}"
    );
}

fn lines_of(file: &Path) -> Vec<MiscellaneousLine> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids_of(file: &Path) -> Vec<MessageId> {
    lines_of(file).iter().map(|line| line.message.id).collect()
}

fn trail() -> Vec<TrailEntry> {
    let decision = Decision::by_rules("verdict", "because of the words");
    vec![TrailEntry { station: Service::Classifier, decision, attempt: 1, at: Utc::now(), took_us: 5 }]
}

fn validated(message: &Message, verdict: Verdict) -> Validated {
    let line = OrderLine {
        phrase: "leak soup".to_owned(),
        quantity: 2,
        size: None,
        modifiers: Vec::new(),
        item: None,
        doubts: Vec::new(),
    };
    let item =
        MatchedItem { slug: "leek_soup".to_owned(), name: "Leek Soup".to_owned(), unit_price_cents: 495 };
    let line = ValidatedLine {
        line,
        verdict,
        reason: "one letter off".to_owned(),
        matched: Some(item),
        candidates: Vec::new(),
    };
    Validated {
        message: message.clone(),
        lines: vec![line],
        reason: "Judged by the menu.".to_owned(),
        proposed_reply: (verdict == Verdict::Rejected).then(|| "Sorry, no.".to_owned()),
        menu_version: "v1".to_owned(),
        settled: None,
        trail: trail(),
    }
}

fn classified(message: &Message, topic: Option<EnquiryTopic>) -> Classified {
    Classified { message: message.clone(), language: "en".to_owned(), topic, trail: trail() }
}

fn extracted(message: &Message) -> Extracted {
    Extracted { message: message.clone(), language: "en".to_owned(), lines: Vec::new(), trail: trail() }
}

#[tokio::test]
async fn each_kind_of_event_is_written_where_it_belongs_and_told() {
    let line = Line::new().await;
    let registrar = line.registrar().await;

    let message = line.message("Two leak soups").await;
    line.publish(Topic::ValidatedAccepted, &validated(&message, Verdict::Accepted)).await;
    let told = line.until_told(Category::Order, message.id, 1).await;
    let Registration::Order { order } = &told.registration else { panic!("{told:?}") };
    assert_eq!((order.total_cents, order.lines[0].item.as_str()), (990, "Leek Soup"));
    assert_eq!((told.message.text.as_str(), told.reason.as_str()), ("Two leak soups", "Judged by the menu."));
    let entry = told.trail.last().unwrap();
    assert_eq!((entry.station, entry.decision.menu_version.as_deref()), (Service::Registrar, Some("v1")));
    assert_eq!((told.trail.len(), line.outcome(message.id).await), (2, Some(MessageOutcome::Order)));

    let message = line.message("Leaksoup").await;
    line.publish(Topic::ValidatedReview, &validated(&message, Verdict::Review)).await;
    line.until_told(Category::Review, message.id, 1).await;
    assert_eq!(line.store.open_reviews(5).await.unwrap()[0].message.id, message.id);

    let message = line.message("A pork burger").await;
    line.publish(Topic::ValidatedRejected, &validated(&message, Verdict::Rejected)).await;
    let told = line.until_told(Category::Enquiry, message.id, 1).await;
    let Registration::Enquiry { proposed_reply, topic, .. } = told.registration else { panic!() };
    assert_eq!((proposed_reply.as_deref(), topic), (Some("Sorry, no."), EnquiryTopic::Menu));

    let message = line.message("I want that thing").await;
    line.publish(Topic::ExtractedUnclear, &extracted(&message)).await;
    let told = line.until_told(Category::Enquiry, message.id, 1).await;
    assert_eq!(told.reason, "because of the words");

    let message = line.message("When do you open?").await;
    line.publish(Topic::ClassifiedEnquiry, &classified(&message, Some(EnquiryTopic::Hours))).await;
    let told = line.until_told(Category::Enquiry, message.id, 1).await;
    assert!(matches!(told.registration, Registration::Enquiry { topic: EnquiryTopic::Hours, .. }));

    let message = line.message("Thank you\nso much").await;
    line.publish(Topic::ClassifiedMisc, &classified(&message, None)).await;
    line.until_told(Category::Misc, message.id, 1).await;
    assert_eq!(lines_of(&line.file())[0].message, message);
    assert_eq!(line.outcome(message.id).await, Some(MessageOutcome::Misc));
    registrar.stop().await.unwrap();
}

#[tokio::test]
async fn two_registrars_write_every_order_once_and_a_second_generation_tells_of_what_stands() {
    let line = Line::new().await;
    let registrars = [line.registrar().await, line.registrar().await];
    let mut messages = Vec::new();
    for n in 0..150 {
        messages.push(line.message(&format!("message {n}")).await);
    }
    let events: Vec<_> = messages.iter().map(|message| validated(message, Verdict::Accepted)).collect();
    futures::future::join_all(events.iter().map(|event| line.publish(Topic::ValidatedAccepted, event))).await;
    for message in &messages {
        line.until_told(Category::Order, message.id, 1).await;
    }
    assert_eq!(line.store.order_totals().await.unwrap(), (150, 150 * 990));

    // Published again, and judged differently this time: the order stands, and is told of again.
    let again = Message { generation: 2, ..messages[0].clone() };
    line.publish(Topic::ClassifiedMisc, &classified(&again, None)).await;
    let told = line.until_told(Category::Order, again.id, 2).await;
    assert!(told.trail.last().unwrap().decision.reason.contains("told again"));
    assert!(line.told(Category::Misc, again.id).await.is_none());
    assert!(lines_of(&line.file()).is_empty());
    assert_eq!(line.store.order_totals().await.unwrap().0, 150);
    for registrar in registrars {
        registrar.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_persons_decision_makes_an_order_of_a_review() {
    let line = Line::new().await;
    let registrar = line.registrar().await;
    let message = line.message("Leaksoup").await;
    line.publish(Topic::ValidatedReview, &validated(&message, Verdict::Review)).await;
    line.until_told(Category::Review, message.id, 1).await;

    let settled = Some(Settlement { by: "Ada".to_owned(), at: Utc::now() });
    let accepted = Validated { settled, ..validated(&message, Verdict::Review) };
    line.publish(Topic::ValidatedAccepted, &accepted).await;
    line.until_told(Category::Order, message.id, 1).await;
    assert_eq!(line.outcome(message.id).await, Some(MessageOutcome::Order));
    assert_eq!(line.store.decision(message.id).await.unwrap().unwrap().by, "Ada");
    registrar.stop().await.unwrap();
}

#[tokio::test]
async fn orders_of_a_customer_that_come_too_fast_wait_for_a_person_at_whichever_registrar_they_come() {
    let mut line = Line::new().await;
    line.settings.restaurant.limits.customer_a_minute = 3;
    let registrars = [line.registrar().await, line.registrar().await];
    let mut events = Vec::new();
    for n in 0..12 {
        events.push(validated(&line.message(&format!("message {n}")).await, Verdict::Accepted));
    }
    futures::future::join_all(events.iter().map(|event| line.publish(Topic::ValidatedAccepted, event))).await;
    eventually("every message has an outcome", async || {
        line.store.open_reviews(20).await.unwrap().len() == 9
            && line.store.order_totals().await.unwrap().0 == 3
    })
    .await;
    let held = line.store.open_reviews(1).await.unwrap().remove(0);
    let told = line.until_told(Category::Review, held.message.id, 1).await;
    assert!(told.reason.contains("more than 3 orders within a minute"), "{}", told.reason);

    // After a restart the rows still are there.
    for registrar in registrars {
        registrar.stop().await.unwrap();
    }
    let registrar = line.registrar().await;
    let late = line.message("one more").await;
    line.publish(Topic::ValidatedAccepted, &validated(&late, Verdict::Accepted)).await;
    line.until_told(Category::Review, late.id, 1).await;

    // A person takes it: no limit is above a person.
    let settled = Some(Settlement { by: "Ada".to_owned(), at: Utc::now() });
    let again = Message { generation: 2, ..late.clone() };
    line.publish(Topic::ValidatedAccepted, &Validated { settled, ..validated(&again, Verdict::Accepted) })
        .await;
    line.until_told(Category::Order, late.id, 2).await;
    registrar.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_registered_is_a_dead_letter_and_the_line_goes_on() {
    let line = Line::new().await;
    let registrar = line.registrar().await;
    let message = line.message("Two leak soups").await;
    let nobodys = Message { id: MessageId(message.id.0 + 1_000), ..message.clone() };
    line.publish(Topic::ValidatedAccepted, &validated(&nobodys, Verdict::Accepted)).await;
    line.until_dead(Code::UnknownMessage, nobodys.id).await;

    line.publish(Topic::ValidatedAccepted, &validated(&message, Verdict::Review)).await;
    let dead = line.until_dead(Code::Malformed, message.id).await;
    assert!(dead.reason.contains("not accepted"), "{}", dead.reason);
    assert_eq!(line.outcome(message.id).await, None);

    let discarded = line.message("a test").await;
    line.store.discard(&[discarded.id], "a test").await.unwrap();
    line.publish(Topic::ClassifiedMisc, &classified(&discarded, None)).await;
    let last = line.message("Thank you").await;
    line.publish(Topic::ClassifiedMisc, &classified(&last, None)).await;
    line.until_told(Category::Misc, last.id, 1).await;
    assert!(line.told(Category::Misc, discarded.id).await.is_none());
    assert_eq!(ids_of(&line.file()), [last.id]);
    registrar.stop().await.unwrap();
}

#[tokio::test]
async fn a_crash_between_database_and_file_loses_no_line_and_doubles_none() {
    let line = Line::new().await;
    let (lost, kept) = (line.message("Thank you").await, line.message("Bye").await);
    // A registrar that died: both outcomes are in the database, one of the lines is in its file.
    line.store.register_misc(&[lost.id, kept.id]).await.unwrap();
    let mut file = registrar::miscellaneous::Miscellaneous::open(&line.file()).unwrap();
    file.append(&[registrar::register::miscellaneous(&classified(&kept, None))]).unwrap();

    // Another one beside it, which therefore has a file of its own, gets both messages again.
    let registrar = line.registrar().await;
    for message in [&lost, &kept] {
        line.publish(Topic::ClassifiedMisc, &classified(message, None)).await;
        line.until_told(Category::Misc, message.id, 1).await;
    }
    assert_eq!(ids_of(&line.directory.path().join("miscellaneous.2.jsonl")), [lost.id]);
    assert_eq!(ids_of(&line.file()), [kept.id]);
    registrar.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_away_pauses_the_station_and_nothing_is_lost() {
    let postgres = Postgres::start().await.unwrap();
    let line = Line::on(&postgres).await;
    let registrar = line.registrar().await;
    let mut messages = Vec::new();
    for n in 0..20 {
        messages.push(line.message(&format!("message {n}")).await);
    }
    postgres.stop().await;
    for message in &messages {
        line.publish(Topic::ValidatedAccepted, &validated(message, Verdict::Accepted)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(line.told(Category::Order, messages[0].id).await.is_none());
    postgres.start_again().await.unwrap();
    for message in &messages {
        line.until_told(Category::Order, message.id, 1).await;
    }
    eventually("the database answers", async || line.store.ping().await.is_ok()).await;
    assert_eq!(line.store.order_totals().await.unwrap().0, 20);
    registrar.stop().await.unwrap();
}
