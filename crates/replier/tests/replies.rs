//! The station against a real database, with a webhook and a Telegram that fail on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in helpers of tests, as in tests

use std::collections::VecDeque;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use contracts::kitchen::Step;
use contracts::{EnquiryTopic, MessageId, RegisteredLine, Service};
use nix::sys::signal::Signal;
use replier::Config;
use runtime::{Running, Settings};
use serde_json::Value;
use store::Store;
use store::enquiries::NewEnquiry;
use store::kitchen::NewStep;
use store::messages::NewMessage;
use store::orders::{NewLine, NewOrder};
use store::reviews::NewReview;
use testkit::telegram::{Fault, StandIn, TOKEN};
use testkit::{Nats, Postgres, Process, wait_until};

const SOON: Duration = Duration::from_secs(20);
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What came in at the owner's address.
#[derive(Debug, Clone)]
struct Posted {
    id: String,
    at: Instant,
    body: Value,
}

impl Posted {
    fn step(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    fn customer(&self) -> &str {
        self.body["data"]["customer"].as_str().unwrap()
    }

    fn text(&self) -> &str {
        self.body["data"]["text"].as_str().unwrap()
    }
}

/// A status to answer with, and its Retry-After.
type Scripted = (u16, Option<&'static str>);

/// An owner's program that is told of replies: it checks every signature, and fails on demand.
#[derive(Clone, Default)]
struct Owner {
    taken: Arc<Mutex<Vec<Posted>>>,
    refused: Arc<Mutex<Vec<Posted>>>,
    script: Arc<Mutex<VecDeque<Scripted>>>,
    down: Arc<Mutex<bool>>,
    slow: Arc<Mutex<Option<Duration>>>,
}

impl Owner {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/s3cr3t-path", listener.local_addr().unwrap());
        let app = Router::new().route("/s3cr3t-path", post(told)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    fn taken(&self) -> Vec<Posted> {
        self.taken.lock().unwrap().clone()
    }

    fn refused(&self) -> Vec<Posted> {
        self.refused.lock().unwrap().clone()
    }
}

async fn told(State(owner): State<Owner>, headers: HeaderMap, body: Bytes) -> Response {
    let checked = standardwebhooks::Webhook::new(KEY).unwrap().verify(&body, &headers);
    if let Err(error) = checked {
        return (StatusCode::UNAUTHORIZED, error.to_string()).into_response();
    }
    let posted = Posted {
        id: headers["webhook-id"].to_str().unwrap().to_owned(),
        at: Instant::now(),
        body: serde_json::from_slice(&body).unwrap(),
    };
    let scripted = owner.script.lock().unwrap().pop_front();
    let scripted = scripted.or(owner.down.lock().unwrap().then_some((503, None)));
    if let Some((status, wait)) = scripted {
        owner.refused.lock().unwrap().push(posted);
        let mut response = StatusCode::from_u16(status).unwrap().into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert("retry-after", wait.parse().unwrap());
        }
        return response;
    }
    owner.taken.lock().unwrap().push(posted);
    let slow = *owner.slow.lock().unwrap();
    if let Some(slow) = slow {
        tokio::time::sleep(slow).await;
    }
    StatusCode::NO_CONTENT.into_response()
}

struct Rig {
    nats: Nats,
    settings: Settings,
    config: Config,
    store: Store,
    owner: Owner,
    telegram: StandIn,
    directory: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Rig {
        let database = Postgres::shared().await.unwrap().database().await.unwrap();
        let (nats, owner) = (Nats::start().await.unwrap(), Owner::default());
        let telegram = StandIn::start().await.unwrap();
        let mut settings = Settings::default();
        settings.nats.url = nats.url();
        settings.database.url = database.as_str().into();
        let mut config =
            Config { poll_ms: 20, timeout_ms: 1_000, first_ms: 50, most_ms: 200, ..Config::default() };
        config.webhook.url = owner.start().await.as_str().into();
        config.webhook.key = KEY.into();
        config.telegram.token = TOKEN.into();
        config.telegram.api = telegram.url();
        let store = Store::connect(&database, 4).await.unwrap();
        // As the station says once it runs: what happens before it starts is then told too.
        store.open_reply_channels(&["telegram", "webhook"], Duration::from_secs(600)).await.unwrap();
        Rig { nats, settings, config, store, owner, telegram, directory: tempfile::tempdir().unwrap() }
    }

    async fn run(&self) -> Running {
        let (settings, config) = (self.settings.clone(), self.config.clone());
        runtime::start(Service::Replier, settings, config, replier::build).await.unwrap()
    }

    /// The station as it is deployed: a process that can be killed.
    fn spawn(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replier"));
        command.current_dir(self.directory.path()).envs([
            ("GREENBITE_NATS__URL", self.nats.url()),
            ("GREENBITE_DATABASE__URL", self.settings.database.url.expose().to_owned()),
            ("GREENBITE_REPLIER__POLL_MS", "20".to_owned()),
            ("GREENBITE_REPLIER__TIMEOUT_MS", "1000".to_owned()),
            ("GREENBITE_REPLIER__WEBHOOK__URL", self.config.webhook.url.expose().to_owned()),
            ("GREENBITE_REPLIER__WEBHOOK__KEY", KEY.to_owned()),
            ("GREENBITE_REPLIER__TELEGRAM__TOKEN", TOKEN.to_owned()),
            ("GREENBITE_REPLIER__TELEGRAM__API", self.telegram.url()),
            ("GREENBITE_TELEMETRY__LOG", "debug".to_owned()),
        ]);
        Process::spawn("replier", command, &self.directory.path().join("log"), Signal::SIGTERM).unwrap()
    }

    /// A message of this customer's.
    async fn message(&self, customer: &str) -> MessageId {
        let source = if customer.starts_with("telegram:") { "telegram" } else { "http" };
        let new = NewMessage {
            source: source.to_owned(),
            external_id: None,
            customer: Some(customer.to_owned()),
            text: "two lentil soups please".to_owned(),
            received_at: None,
        };
        self.store.insert_message(&new).await.unwrap().id
    }

    /// A registered order of this customer's; its message and its number.
    async fn order(&self, customer: &str) -> (MessageId, i64) {
        let message_id = self.message(customer).await;
        let line = RegisteredLine {
            item: "Lentil Soup".to_owned(),
            slug: "lentil_soup".to_owned(),
            quantity: 2,
            size: None,
            modifiers: Vec::new(),
            unit_price_cents: 550,
            total_cents: 1_100,
        };
        let order = NewOrder {
            message_id,
            customer: Some(customer.to_owned()),
            lines: vec![NewLine { phrase: "lentil soups".to_owned(), line }],
            total_cents: 1_100,
            menu_version: "v1".to_owned(),
            reason: "Everything is on the menu.".to_owned(),
            settled: None,
        };
        self.store.register_orders(&[order]).await.unwrap();
        let open = self.store.open_orders(1_000).await.unwrap();
        (message_id, open.iter().find(|open| open.message_id == message_id.0).unwrap().number)
    }

    async fn press(&self, number: i64, step: Step) {
        let why = (step == Step::Void).then(|| "the oven is cold".to_owned());
        let new = NewStep { number, step, who: "Ada".to_owned(), why, after: None };
        self.store.take_step(&new).await.unwrap();
    }

    /// Waits until nothing is left to be sent of this message; what became of each step.
    async fn settled(&self, id: MessageId) -> Vec<(String, String)> {
        let what = format!("every reply to message {id} is settled");
        wait_until(&what, SOON, async || {
            let rows = self.store.replies_to(id).await?;
            let all: Option<Vec<(String, String)>> =
                rows.into_iter().map(|row| Some((row.step, row.outcome?))).collect();
            Ok(all.filter(|all| !all.is_empty()))
        })
        .await
        .unwrap()
    }
}

fn outcomes(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(step, outcome)| ((*step).to_owned(), (*outcome).to_owned())).collect()
}

#[tokio::test]
async fn a_customer_is_told_of_each_step_that_concerns_him_once_and_signed() {
    let rig = Rig::new().await;
    let running = rig.run().await;
    let (id, number) = rig.order("guest-7").await;
    rig.settled(id).await;
    for step in [Step::Start, Step::Ready] {
        rig.press(number, step).await;
    }
    rig.settled(id).await;
    // Recalled and ready again: he has been told.
    for step in [Step::Recall, Step::Ready, Step::Collect] {
        rig.press(number, step).await;
    }
    let asked = rig.message("guest-8").await;
    let review = NewReview {
        message_id: asked,
        lines: Vec::new(),
        reason: "Close, not certain.".to_owned(),
        menu_version: "v1".to_owned(),
    };
    rig.store.register_reviews(&[review]).await.unwrap();
    let strange = rig.message("guest-9").await;
    let enquiry = |message_id, not_on_menu: &[&str]| NewEnquiry {
        message_id,
        topic: EnquiryTopic::Menu,
        reason: "Not on the menu.".to_owned(),
        proposed_reply: None,
        not_on_menu: not_on_menu.iter().map(|name| (*name).to_owned()).collect(),
        closest: (!not_on_menu.is_empty()).then(|| "Lentil Soup".to_owned()),
        settled: None,
    };
    let question = rig.message("guest-10").await;
    rig.store.register_enquiries(&[enquiry(strange, &["pea soup"]), enquiry(question, &[])]).await.unwrap();
    for id in [asked, strange] {
        rig.settled(id).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;

    let taken = rig.owner.taken();
    let told: Vec<(&str, &str)> = taken.iter().map(|posted| (posted.customer(), posted.step())).collect();
    assert_eq!(told[..2], [("guest-7", "reply.accepted"), ("guest-7", "reply.ready")]);
    let mut rest = told[2..].to_vec();
    rest.sort_unstable();
    assert_eq!(rest, [("guest-8", "reply.asked"), ("guest-9", "reply.rejected")]);
    assert_eq!(
        taken[0].text(),
        format!(
            "Thank you! Order {number}: 2 × Lentil Soup. That comes to $11.00. We will write when it is ready."
        )
    );
    assert_eq!(taken[0].body["data"]["order"]["total_cents"], 1_100);
    assert!(
        taken.iter().any(|posted| posted
            .text()
            .contains("we don't have pea soup. The closest we have is Lentil Soup"))
    );
    assert!(rig.store.replies_to(question).await.unwrap().is_empty(), "nobody has answered yet");

    // A person's answer is told once, and who comes second with another one changes nothing.
    for answer in ["Behind the house.", "There is none."] {
        rig.store.answer_enquiry(question, answer, "Ada").await.unwrap();
    }
    assert_eq!(rig.settled(question).await, outcomes(&[("answered", "sent")]));
    let answered: Vec<Posted> =
        rig.owner.taken().into_iter().filter(|posted| posted.customer() == "guest-10").collect();
    assert_eq!(answered.len(), 1);
    assert_eq!((answered[0].step(), answered[0].text()), ("reply.answered", "Behind the house."));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_is_told_after_voided_nor_what_is_no_longer_so() {
    let rig = Rig::new().await;
    *rig.owner.down.lock().unwrap() = true;
    let (voided, number) = rig.order("guest-1").await;
    rig.press(number, Step::Start).await;
    rig.press(number, Step::Void).await;
    let (recalled, other) = rig.order("guest-2").await;
    for step in [Step::Start, Step::Ready, Step::Recall] {
        rig.press(other, step).await;
    }
    let running = rig.run().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    *rig.owner.down.lock().unwrap() = false;
    assert_eq!(rig.settled(voided).await, outcomes(&[("accepted", "skipped"), ("voided", "sent")]));
    assert_eq!(rig.settled(recalled).await, outcomes(&[("accepted", "sent"), ("ready", "skipped")]));
    rig.press(other, Step::Ready).await;
    assert_eq!(rig.settled(recalled).await, outcomes(&[("accepted", "sent"), ("ready", "sent")]));
    let taken = rig.owner.taken();
    let of = |customer: &str| -> Vec<&str> {
        taken.iter().filter(|posted| posted.customer() == customer).map(Posted::step).collect()
    };
    assert_eq!(of("guest-1"), ["reply.voided"]);
    assert_eq!(of("guest-2"), ["reply.accepted", "reply.ready"]);
    assert!(taken.iter().all(|posted| !posted.text().contains("oven")), "what the staff wrote stays inside");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_outage_ends_with_everybody_told_in_order_whichever_of_two_stations_does_it() {
    let rig = Rig::new().await;
    *rig.owner.down.lock().unwrap() = true;
    let (one, two) = (rig.run().await, rig.run().await);
    let mut orders = Vec::new();
    for customer in 0..12 {
        let (id, number) = rig.order(&format!("guest-{customer}")).await;
        orders.push(id);
        // The same customer orders once more, and his first one is made.
        orders.push(rig.order(&format!("guest-{customer}")).await.0);
        rig.press(number, Step::Start).await;
        rig.press(number, Step::Ready).await;
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(rig.owner.taken().is_empty() && !rig.owner.refused().is_empty());
    *rig.owner.down.lock().unwrap() = false;
    for id in &orders {
        assert!(rig.settled(*id).await.iter().all(|(_, outcome)| outcome == "sent"));
    }
    let taken = rig.owner.taken();
    assert_eq!(taken.len(), 12 * 3, "each once");
    for customer in 0..12 {
        let name = format!("guest-{customer}");
        let told: Vec<(u64, &str)> = taken
            .iter()
            .filter(|posted| posted.customer() == name)
            .map(|posted| (posted.body["data"]["message_id"].as_u64().unwrap(), posted.step()))
            .collect();
        let (first, second) =
            (orders[2 * customer].0.unsigned_abs(), orders[2 * customer + 1].0.unsigned_abs());
        assert_eq!(told, [(first, "reply.accepted"), (second, "reply.accepted"), (first, "reply.ready")]);
    }
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test]
async fn the_other_sides_word_on_when_to_come_again_is_kept_and_in_time_it_is_given_up() {
    let mut rig = Rig::new().await;
    rig.owner.script.lock().unwrap().push_back((429, Some("1")));
    let running = rig.run().await;
    let (id, _) = rig.order("guest-1").await;
    rig.settled(id).await;
    let (refused, taken) = (rig.owner.refused(), rig.owner.taken());
    assert!(taken[0].at - refused[0].at >= Duration::from_secs(1), "it came too soon");
    assert_eq!((refused.len(), &taken[0].id), (1, &refused[0].id), "a repeat is known by its id");
    running.stop().await.unwrap();

    rig.config.give_up_s = 1;
    *rig.owner.down.lock().unwrap() = true;
    let running = rig.run().await;
    let (id, number) = rig.order("guest-2").await;
    assert_eq!(rig.settled(id).await, outcomes(&[("accepted", "given_up")]));
    let failed = rig.store.failed_replies(10).await.unwrap();
    assert_eq!((failed.len(), failed[0].message_id), (1, id.0));
    *rig.owner.down.lock().unwrap() = false;
    assert!(rig.store.reply_again(failed[0].id).await.unwrap());
    assert_eq!(rig.settled(id).await, outcomes(&[("accepted", "sent")]));
    assert!(!rig.store.reply_again(failed[0].id).await.unwrap(), "it is settled");
    assert!(rig.owner.taken().last().unwrap().text().contains(&format!("Order {number}")));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_station_that_is_killed_while_it_sends_repeats_what_is_recognised_and_not_what_is_not() {
    let rig = Rig::new().await;
    let slow = Duration::from_secs(30);
    *rig.owner.slow.lock().unwrap() = Some(slow);
    rig.telegram.script([Fault::Slow(slow)]);
    let mut process = rig.spawn();
    let (by_webhook, _) = rig.order("guest-1").await;
    let (by_telegram, number) = rig.order("telegram:555").await;
    wait_until("both are shown", SOON, async || {
        Ok((rig.owner.taken().len() == 1 && rig.telegram.shown().len() == 1).then_some(()))
    })
    .await
    .unwrap();
    process.kill();
    *rig.owner.slow.lock().unwrap() = None;
    let mut process = rig.spawn();
    assert_eq!(rig.settled(by_webhook).await, outcomes(&[("accepted", "sent")]));
    let taken = rig.owner.taken();
    assert!(taken.len() == 2 && taken[0].id == taken[1].id, "the receiver can tell that it is the same");
    assert_eq!(rig.settled(by_telegram).await, outcomes(&[("accepted", "unknown")]));
    // The customer of whom nobody knows is told of the next step all the same.
    rig.press(number, Step::Start).await;
    rig.press(number, Step::Ready).await;
    assert_eq!(rig.settled(by_telegram).await, outcomes(&[("accepted", "unknown"), ("ready", "sent")]));
    let shown: Vec<String> = rig.telegram.shown().into_iter().map(|shown| shown.text).collect();
    assert_eq!(shown.len(), 2, "at most once a step: {shown:?}");
    process.stop(SOON).await;
    let log = std::fs::read_to_string(process.log()).unwrap();
    for secret in [KEY, TOKEN, "s3cr3t-path", "lentil soups"] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

#[tokio::test]
async fn without_a_channel_no_rows_pile_up() {
    let mut rig = Rig::new().await;
    rig.config.webhook = Default::default();
    rig.config.telegram.token = Default::default();
    let running = rig.run().await;
    wait_until("nobody is answered", SOON, async || {
        let (id, _) = rig.order("guest-1").await;
        Ok(rig.store.replies_to(id).await?.is_empty().then_some(()))
    })
    .await
    .unwrap();
    assert!(running.report()["notes"]["channels"].as_str().unwrap().contains("customers are not answered"));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_written_to_the_bot_is_one_message_and_confirmed_only_when_it_is_committed() {
    let rig = Rig::new().await;
    let number = rig.telegram.write(555, "two lentil soups please");
    rig.telegram.write(555, "/start");
    let (one, two) = (rig.run().await, rig.run().await);
    let seen = async |count: usize| {
        wait_until("the messages are there", SOON, async || {
            let rows = rig.store.latest_messages(10).await?;
            Ok((rows.len() == count && rig.telegram.waiting() == 0).then_some(rows))
        })
        .await
        .unwrap()
    };
    let rows = seen(1).await;
    let row = rig.store.message(MessageId(rows[0].id)).await.unwrap().unwrap();
    assert_eq!(row.external_id, Some(format!("123456:555:{number}")));
    assert_eq!(
        (row.message.customer.as_deref(), row.message.source.as_str()),
        (Some("telegram:555"), "telegram")
    );
    // Told once more, and changed afterwards: no second message.
    rig.telegram.repeat(555, number, "two lentil soups please");
    rig.telegram.edit(555, number, "three lentil soups please");
    rig.telegram.write(777, "one tea please");
    wait_until("the other customer's message", SOON, async || {
        Ok((rig.store.latest_messages(10).await?.len() == 2).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(rig.telegram.conflicts(), 0, "two asked at once");
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test]
async fn telegrams_floods_blocks_and_outages_cost_time_and_nobody_is_told_twice() {
    let rig = Rig::new().await;
    let running = rig.run().await;
    rig.telegram.script([Fault::TooManyRequests(1)]);
    let (flooded, number) = rig.order("telegram:1").await;
    assert_eq!(rig.settled(flooded).await, outcomes(&[("accepted", "sent")]));
    let calls = rig.telegram.calls("sendMessage");
    assert!(calls[1] - calls[0] >= Duration::from_secs(1), "it came too soon");

    rig.telegram.script([Fault::Refused(403)]);
    let (blocked, _) = rig.order("telegram:2").await;
    assert_eq!(rig.settled(blocked).await, outcomes(&[("accepted", "given_up")]));
    let why = rig.store.failed_replies(1).await.unwrap()[0].trouble.clone().unwrap();
    assert!(why.contains("403") && !why.contains(TOKEN), "{why}");

    // A page of something in between says nothing: that one is not sent again. From then on only `getMe` asks.
    rig.telegram.set_fault(Some(Fault::Gateway(502)));
    rig.press(number, Step::Start).await;
    rig.press(number, Step::Ready).await;
    assert_eq!(rig.settled(flooded).await[1], ("ready".to_owned(), "unknown".to_owned()));
    let mut waiting = Vec::new();
    for customer in 3..9 {
        waiting.push(rig.order(&format!("telegram:{customer}")).await.0);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let tried = rig.telegram.calls("sendMessage").len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(rig.telegram.calls("sendMessage").len(), tried, "nothing is risked while it is away");
    rig.telegram.set_fault(None);
    for id in waiting {
        assert_eq!(rig.settled(id).await, outcomes(&[("accepted", "sent")]));
    }
    let mut told: Vec<i64> = rig.telegram.shown().iter().map(|shown| shown.chat).collect();
    told.sort_unstable();
    assert_eq!(told, [1, 3, 4, 5, 6, 7, 8]);
    running.stop().await.unwrap();
}
