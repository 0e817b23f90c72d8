//! The station against a real bus and a real database, with a Discord that fails on demand.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in helpers of tests, as in tests

use std::process::Command;
use std::time::Duration;

use chrono::Utc;
use contracts::*;
use nix::sys::signal::Signal;
use notifier::Config;
use notifier::config::{Fallback, Webhooks};
use runtime::{Bus, LaneCount, Running, Settings, Trace};
use serde_json::{Value, json};
use store::Store;
use store::messages::NewMessage;
use store::proposals::Looked;
use tempfile::TempDir;
use testkit::discord::{Fault, StandIn};
use testkit::{Nats, Postgres, Process, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// What a customer wrote that must be in no log.
const PRIVATE: &str = "two burgers for 0176-5550123";

struct Rig {
    nats: Nats,
    settings: Settings,
    config: Config,
    discord: StandIn,
    store: Store,
    bus: Bus,
    directory: TempDir,
}

impl Rig {
    async fn new() -> Rig {
        Rig::on(&Postgres::shared().await.unwrap().database().await.unwrap()).await
    }

    async fn on(database: &str) -> Rig {
        let nats = Nats::start().await.unwrap();
        let discord = StandIn::start().await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.nats.url = nats.url();
        settings.database.url = database.into();
        settings.line.ack_wait_ms = 3_000;
        settings.lanes.deadline_ms = 2_900;
        settings.lanes.default = LaneCount::Fixed(8);
        settings.retry.first_ms = 50;
        settings.retry.most_ms = 200;
        let webhook = |name: &str| Some(discord.webhook(name).as_str().into());
        let config = Config {
            webhooks: Webhooks {
                order: webhook("order"),
                review: webhook("review"),
                enquiry: webhook("enquiry"),
                misc: webhook("misc"),
            },
            file: directory.path().join("notifications.jsonl"),
            timeout_ms: 500,
            patience_ms: 2_000,
            answer_wait_ms: 200,
            ..Config::default()
        };
        let bus = Bus::connect("test", &settings.nats).await.unwrap();
        runtime::provision(&bus, &settings.line).await.unwrap();
        let store = Store::connect(database, 4).await.unwrap();
        Rig { nats, settings, config, discord, store, bus, directory }
    }

    async fn run(&self) -> Running {
        let (settings, config) = (self.settings.clone(), self.config.clone());
        runtime::start(Service::Notifier, settings, config, notifier::build).await.unwrap()
    }

    /// The station as it is deployed: a process that can be killed.
    fn spawn(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_notifier"));
        command.current_dir(self.directory.path()).envs([
            ("GREENBITE_NATS__URL", self.nats.url()),
            ("GREENBITE_DATABASE__URL", self.settings.database.url.expose().to_owned()),
            ("GREENBITE_LINE__ACK_WAIT_MS", "3000".to_owned()),
            ("GREENBITE_LANES__DEADLINE_MS", "2900".to_owned()),
            ("GREENBITE_NOTIFIER__TIMEOUT_MS", "2000".to_owned()),
            ("GREENBITE_NOTIFIER__PATIENCE_MS", "700".to_owned()),
            ("GREENBITE_NOTIFIER__ANSWER_WAIT_MS", "100".to_owned()),
            ("GREENBITE_NOTIFIER__WEBHOOKS__ORDER", self.discord.webhook("order")),
        ]);
        Process::spawn("notifier", command, &self.log(), Signal::SIGTERM).unwrap()
    }

    fn log(&self) -> std::path::PathBuf {
        self.directory.path().join("notifier.log")
    }

    /// Rows in `messages`, as ingest writes them.
    async fn messages(&self, count: usize) -> Vec<MessageId> {
        let new = NewMessage {
            source: "http".into(),
            external_id: None,
            customer: None,
            text: PRIVATE.into(),
            received_at: None,
        };
        let inserted = self.store.insert_messages(&vec![new; count]).await.unwrap();
        inserted.into_iter().map(|inserted| inserted.id).collect()
    }

    async fn publish(&self, id: MessageId, generation: u32, registration: Registration) {
        self.publish_after(Duration::ZERO, id, generation, registration).await;
    }

    /// Registered so long ago.
    async fn publish_after(&self, age: Duration, id: MessageId, generation: u32, registration: Registration) {
        let topic = match registration.category() {
            Category::Order => Topic::RegisteredOrder,
            Category::Review => Topic::RegisteredReview,
            Category::Enquiry => Topic::RegisteredEnquiry,
            Category::Misc => Topic::RegisteredMisc,
        };
        let event = Registered {
            message: Message {
                id,
                generation,
                received_at: Utc::now(),
                source: "http".into(),
                customer: None,
                text: PRIVATE.into(),
            },
            registration,
            reason: "every item is on the menu".into(),
            trail: vec![TrailEntry {
                station: Service::Registrar,
                decision: Decision::by_rules("registered", "written down"),
                attempt: 1,
                at: Utc::now() - age,
                took_us: 1,
            }],
        };
        self.bus.publish_event("registrar", topic, &event, &Trace::start()).await.unwrap();
    }

    /// So many orders of so many messages, registered.
    async fn orders(&self, count: usize) -> Vec<MessageId> {
        let ids = self.messages(count).await;
        for &id in &ids {
            self.publish(id, 1, order(id)).await;
        }
        ids
    }

    async fn notified(&self, topic: Topic, id: MessageId, generation: u32) -> Notified {
        let subject = topic.subject(id);
        let last = wait_until(&subject, SOON, async || {
            let last = self.bus.last_for(&subject).await?;
            Ok(last.filter(|last| last.generation() >= generation))
        });
        serde_json::from_slice(&last.await.unwrap().payload).unwrap()
    }
}

fn order(id: MessageId) -> Registration {
    let line = RegisteredLine {
        item: "Hamburger".into(),
        slug: "hamburger".into(),
        quantity: 2,
        size: None,
        modifiers: vec![],
        unit_price_cents: 990,
        total_cents: 1980,
    };
    Registration::Order { order: RegisteredOrder { number: id.0, lines: vec![line], total_cents: 1980 } }
}

fn enquiry() -> Registration {
    Registration::Enquiry { number: 5, topic: EnquiryTopic::Hours, proposed_reply: None }
}

/// What pauses this stage, as `/readyz` says it.
fn paused(running: &Running, durable: &str) -> Value {
    let stages = running.report()["stages"].as_array().cloned().unwrap_or_default();
    stages.into_iter().find(|stage| stage["durable"] == durable).unwrap()["paused"].clone()
}

#[tokio::test]
async fn every_category_is_shown_by_its_own_webhook_and_the_line_learns_what_was_sent() {
    let rig = Rig::new().await;
    let running = rig.run().await;
    let ids = rig.messages(4).await;
    let registrations =
        [order(ids[0]), Registration::Review { number: 3, lines: vec![] }, enquiry(), Registration::Misc];
    let topics = [Topic::NotifiedOrder, Topic::NotifiedReview, Topic::NotifiedEnquiry, Topic::NotifiedMisc];
    for (id, registration) in ids.iter().zip(registrations) {
        rig.publish(*id, 1, registration).await;
    }
    for ((id, topic), category) in ids.iter().zip(topics).zip(Category::ALL) {
        let notified = rig.notified(topic, *id, 1).await;
        let accepted = rig.discord.accepted();
        let shown = accepted.iter().find(|accepted| accepted.webhook == category.as_str()).unwrap();
        assert_eq!((notified.category, notified.delivery.channel), (category, Channel::Discord));
        assert_eq!(notified.delivery.discord_message_id.as_deref(), Some(shown.id.as_str()));
        assert_eq!(notified.delivery.payload, shown.payload());
        assert!(!notified.delivery.possible_repeat);
        let entry = notified.trail.last().unwrap();
        assert_eq!((entry.station, entry.decision.verdict.as_str()), (Service::Notifier, "sent"));
        assert_eq!(rig.store.notifications(*id).await.unwrap()[0].state, "sent");
    }
    assert_eq!(rig.discord.count(), 4);
    running.stop().await.unwrap();
}

fn looked(answer: Option<&str>) -> Looked {
    let proposal = answer.map(|answer| Proposal {
        text: answer.into(),
        source: "entry:hours".into(),
        topic: "hours".into(),
        language: "en".into(),
        sure: Some(0.9),
        careful: false,
    });
    Looked {
        proposal,
        topic: "hours".into(),
        language: "en".into(),
        reason: "as trials say".into(),
        decided_by: "words".into(),
    }
}

#[tokio::test]
async fn an_enquiry_waits_for_its_answer_a_moment_and_no_longer() {
    let mut rig = Rig::new().await;
    rig.config.answer_wait_ms = 1_500;
    let running = rig.run().await;
    let ids = rig.messages(4).await;
    // Found while the notifier waits; found to be for a person alone; found by nobody.
    rig.store.propose(ids[1], &looked(None)).await.unwrap();
    for &id in &ids[..3] {
        rig.publish(id, 1, enquiry()).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    rig.store.propose(ids[0], &looked(Some("Until ten."))).await.unwrap();
    let shown = async |id| rig.notified(Topic::NotifiedEnquiry, id, 1).await.delivery.payload.to_string();
    let answered = shown(ids[0]).await;
    assert!(answered.contains("Until ten.") && answered.contains("entry 'hours', 90 % sure"), "{answered}");
    assert!(!shown(ids[1]).await.contains("Proposed answer"));
    let untold = rig.bus.last_for(&Topic::NotifiedEnquiry.subject(ids[2])).await.unwrap();
    assert!(untold.is_none(), "it was not waited for");
    assert!(!shown(ids[2]).await.contains("Proposed answer"));

    // One that has waited in a queue for longer is not held up once more.
    let begun = std::time::Instant::now();
    rig.publish_after(Duration::from_secs(60), ids[3], 1, enquiry()).await;
    shown(ids[3]).await;
    assert!(begun.elapsed() < Duration::from_millis(1_400), "{:?}", begun.elapsed());
    assert_eq!((rig.discord.count(), rig.discord.summary().marked), (4, 0));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_was_announced_is_not_announced_again_by_a_replay() {
    let rig = Rig::new().await;
    let running = rig.run().await;
    let id = rig.orders(1).await[0];
    let first = rig.notified(Topic::NotifiedOrder, id, 1).await;
    rig.publish(id, 2, order(id)).await;
    let again = rig.notified(Topic::NotifiedOrder, id, 2).await;
    assert_eq!(rig.discord.count(), 1);
    assert_eq!(again.delivery.discord_message_id, first.delivery.discord_message_id);
    assert_eq!(again.trail.last().unwrap().decision.reason, "shown on Discord before; not sent again");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_one_notifier_is_sending_another_does_not_send_as_well() {
    let rig = Rig::new().await;
    rig.discord.script([Fault::Slow(Duration::from_millis(300))]);
    let both = [rig.run().await, rig.run().await];
    let id = rig.orders(1).await[0];
    assert!(rig.discord.wait_for(1, SOON).await);
    rig.publish(id, 2, order(id)).await;
    let again = rig.notified(Topic::NotifiedOrder, id, 2).await;
    assert!(!again.delivery.possible_repeat);
    assert_eq!(again.trail.last().unwrap().decision.reason, "shown on Discord before; not sent again");
    assert_eq!((rig.discord.count(), rig.discord.summary().marked), (1, 0));
    for running in both {
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_bad_day_of_discords_loses_nothing_and_marks_every_possible_repeat() {
    let rig = Rig::new().await;
    rig.discord.script([
        Fault::TooManyRequests { retry_after: Duration::from_millis(200), global: false },
        Fault::Status(500),
        Fault::NeverAnswers,
        Fault::Slow(Duration::from_secs(30)),
    ]);
    let running = rig.run().await;
    let ids = rig.orders(10).await;
    for id in &ids {
        rig.notified(Topic::NotifiedOrder, *id, 1).await;
    }
    let summary = rig.discord.summary();
    assert_eq!(summary.distinct, 10);
    // The slow one was shown and nobody heard of it; the 500 and the silence may have been for all we know.
    assert_eq!((summary.accepted, summary.repeated.len(), summary.marked), (11, 1, 3), "{summary:?}");
    assert_eq!(summary.repeated_unmarked, Vec::<i64>::new());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn killed_between_sending_and_noting_it_shows_one_repeat_marked_as_such() {
    let rig = Rig::new().await;
    rig.discord.set_fault(Some(Fault::Slow(Duration::from_secs(60))));
    let mut notifier = rig.spawn();
    let id = rig.orders(1).await[0];
    assert!(rig.discord.wait_for(1, SOON).await, "{}", notifier.log_end());
    notifier.kill();

    rig.discord.set_fault(None);
    let mut notifier = rig.spawn();
    let notified = rig.notified(Topic::NotifiedOrder, id, 1).await;
    assert!(notified.delivery.possible_repeat);
    notifier.stop(SOON).await;
    let summary = rig.discord.summary();
    assert_eq!((summary.accepted, summary.repeated, summary.marked), (2, vec![id.0], 1));
    assert_eq!(summary.repeated_unmarked, Vec::<i64>::new());

    let log = std::fs::read_to_string(rig.log()).unwrap();
    let key = rig.discord.webhook("order").rsplit('/').next().unwrap().to_owned();
    assert!(log.contains("notifier"), "nothing was logged: {log}");
    assert!(!log.contains(&key) && !log.contains("s3cr3t"), "a webhook's key is in the log: {log}");
    assert!(!log.contains("0176-5550123"), "a customer's words are in the log: {log}");
}

#[tokio::test]
async fn a_database_that_goes_away_between_sending_and_noting_it_leads_to_no_repeat() {
    let postgres = Postgres::start().await.unwrap();
    let mut rig = Rig::on(&postgres.database().await.unwrap()).await;
    // Time to stop the database while Discord thinks about it.
    rig.settings.line.ack_wait_ms = 30_000;
    rig.settings.lanes.deadline_ms = 20_000;
    runtime::provision(&rig.bus, &rig.settings.line).await.unwrap();
    rig.config.timeout_ms = 10_000;
    let running = rig.run().await;
    rig.discord.script([Fault::Slow(Duration::from_secs(1))]);
    let id = rig.orders(1).await[0];
    assert!(rig.discord.wait_for(1, SOON).await);
    postgres.crash().await;
    // Discord answers after a second; from then on noting it fails for good after five more.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(
        paused(&running, "notifier-order")["code"],
        "GB502",
        "the mark did not fail, so nothing is shown"
    );
    postgres.start_again().await.unwrap();
    let notified = rig.notified(Topic::NotifiedOrder, id, 1).await;
    assert!(!notified.delivery.possible_repeat);
    assert_eq!(rig.discord.count(), 1);
    assert_eq!(rig.store.notifications(id).await.unwrap()[0].state, "sent");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_is_gone_pauses_its_category_and_no_other() {
    let mut rig = Rig::new().await;
    rig.config.recheck_s = 2;
    rig.discord.set_fault_of("enquiry", Some(Fault::Status(404)));
    let running = rig.run().await;
    let id = rig.messages(1).await[0];
    rig.publish(id, 1, enquiry()).await;
    let reason = wait_until("the pause", SOON, async || {
        let report = paused(&running, "notifier-enquiry");
        Ok((report["code"] == "GB505").then(|| report["reason"].clone()))
    });
    let reason = reason.await.unwrap();
    assert!(reason.as_str().unwrap().contains("Unknown Webhook"), "{reason}");
    assert_eq!(running.report()["ready"], false);

    for order in rig.orders(5).await {
        rig.notified(Topic::NotifiedOrder, order, 1).await;
    }
    let asked = || rig.discord.requests().iter().filter(|request| request.webhook == "enquiry").count();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert!(asked() <= 2, "asked {} times; Discord bans who goes on asking", asked());

    rig.discord.set_fault_of("enquiry", None);
    let notified = rig.notified(Topic::NotifiedEnquiry, id, 1).await;
    assert!(!notified.delivery.possible_repeat, "a 404 was surely not shown");
    assert_eq!(paused(&running, "notifier-enquiry"), Value::Null);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_discord_refuses_is_a_dead_letter_and_the_next_goes_on() {
    let rig = Rig::new().await;
    rig.discord.script([Fault::Status(400)]);
    let running = rig.run().await;
    let refused = rig.orders(1).await[0];
    let letter = wait_until("the dead letter", SOON, async || Ok(rig.bus.last_dead_letter(refused).await?));
    let letter: DeadLetter = serde_json::from_slice(&letter.await.unwrap().payload).unwrap();
    assert_eq!((letter.code, letter.service), (Code::Refused, Service::Notifier));
    assert!(letter.reason.contains("status 400"), "{}", letter.reason);
    let next = rig.orders(1).await[0];
    rig.notified(Topic::NotifiedOrder, next, 1).await;

    // Replayed when it is mended, it is no repeat: it surely was not shown.
    rig.publish(refused, 2, order(refused)).await;
    assert!(!rig.notified(Topic::NotifiedOrder, refused, 2).await.delivery.possible_repeat);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn without_webhooks_the_file_has_what_would_have_been_sent_and_everybody_is_told() {
    let mut rig = Rig::new().await;
    rig.config.webhooks = Webhooks::default();
    rig.config.fallback = Fallback::None;
    let running = rig.run().await;
    let id = rig.orders(1).await[0];
    let notified = rig.notified(Topic::NotifiedOrder, id, 1).await;
    assert_eq!(notified.delivery.channel, Channel::File);
    assert_eq!(notified.trail.last().unwrap().decision.verdict, "written");
    let text = std::fs::read_to_string(&rig.config.file).unwrap();
    let line: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(line["payload"], notified.delivery.payload);
    assert_eq!(line["message_id"], json!(id.0));
    let note = running.report()["notes"]["order notifications"].clone();
    assert_eq!(note, json!(format!("no webhook: written to {}", rig.config.file.display())));
    assert_eq!(rig.discord.requests().len(), 0);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_event_of_another_category_than_its_subject_is_a_dead_letter() {
    let rig = Rig::new().await;
    let running = rig.run().await;
    let id = rig.messages(1).await[0];
    let event = json!({
        "message": { "id": id, "received_at": Utc::now(), "source": "hand", "text": "x" },
        "registration": { "category": "misc" },
        "reason": "by hand",
    });
    let client = rig.nats.client("teacher").await.unwrap();
    client.publish(Topic::RegisteredOrder.subject(id), event.to_string().into()).await.unwrap();
    client.flush().await.unwrap();
    let letter = wait_until("the dead letter", SOON, async || Ok(rig.bus.last_dead_letter(id).await?));
    let letter: DeadLetter = serde_json::from_slice(&letter.await.unwrap().payload).unwrap();
    assert_eq!(letter.code, Code::Malformed);
    assert_eq!(rig.discord.count(), 0);
    running.stop().await.unwrap();
}
