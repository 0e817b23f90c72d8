//! Delivery against a server that answers like Discord, and like Discord on a bad day.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in helpers of tests, as in tests

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contracts::{Category, Code, Failure, FailureKind, MessageId};
use notifier::Config;
use notifier::config::{Fallback, Webhooks};
use notifier::send::{SendError, Sink};
use serde_json::{Value, json};
use testkit::discord::{Fault, StandIn};

const ABOUT: MessageId = MessageId(42);

fn payload() -> Value {
    json!({ "embeds": [{ "title": "Order 12", "footer": { "text": "GreenBite · message 42" } }] })
}

/// A configuration in which every category has its own webhook of the stand-in's.
fn config(discord: &StandIn) -> Config {
    let webhook = |category: Category| Some(discord.webhook(category.as_str()).as_str().into());
    Config {
        webhooks: Webhooks {
            order: webhook(Category::Order),
            review: webhook(Category::Review),
            enquiry: webhook(Category::Enquiry),
            misc: webhook(Category::Misc),
        },
        timeout_ms: 300,
        patience_ms: 2_000,
        recheck_s: 1,
        ..Config::default()
    }
}

struct Sinks(HashMap<Category, Sink>);

impl Sinks {
    fn new(config: &Config) -> Self {
        Sinks(notifier::sinks(config).unwrap())
    }

    async fn send(&self, category: Category) -> Result<Option<String>, SendError> {
        let sink = &self.0[&category];
        let give_up = sink.give_up();
        sink.admit(give_up).await?;
        sink.send(ABOUT, category, &payload(), give_up).await
    }
}

#[tokio::test]
async fn a_notification_is_shown_and_discords_id_comes_back() {
    let discord = StandIn::start().await.unwrap();
    let id = Sinks::new(&config(&discord)).send(Category::Review).await.unwrap();
    let accepted = discord.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(id.as_deref(), Some(accepted[0].id.as_str()));
    assert_eq!((accepted[0].webhook.as_str(), accepted[0].message_id), ("review", Some(42)));
    assert_eq!(accepted[0].payload(), payload());
}

#[tokio::test]
async fn a_short_429_is_waited_for() {
    let discord = StandIn::start().await.unwrap();
    discord.script([Fault::TooManyRequests { retry_after: Duration::from_millis(400), global: false }]);
    let begun = Instant::now();
    Sinks::new(&config(&discord)).send(Category::Order).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    assert_eq!(discord.requests().iter().map(|request| request.status).collect::<Vec<_>>(), [429, 200]);
}

#[tokio::test]
async fn a_long_429_pauses_the_category_and_nothing_is_asked_meanwhile() {
    let discord = StandIn::start().await.unwrap();
    let sinks = Sinks::new(&config(&discord));
    discord.script([Fault::TooManyRequests { retry_after: Duration::from_secs(60), global: false }]);
    for _ in 0..3 {
        let error = sinks.send(Category::Order).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::DiscordOutage));
        assert!(error.surely_not_shown);
        // The patience is in the words of those who waited in vain.
        assert!(!error.to_string().contains("within 2.0 s"), "a lane waits for what will not come: {error}");
    }
    assert_eq!(discord.requests().len(), 1);
    sinks.send(Category::Misc).await.expect("another category goes on");
}

#[tokio::test]
async fn a_global_429_silences_all_webhooks() {
    let discord = StandIn::start().await.unwrap();
    let sinks = Sinks::new(&config(&discord));
    discord.script([Fault::TooManyRequests { retry_after: Duration::from_secs(60), global: true }]);
    for category in Category::ALL {
        assert_eq!(sinks.send(category).await.unwrap_err().code(), Code::DiscordOutage);
    }
    assert_eq!(discord.requests().len(), 1);
}

#[tokio::test]
async fn a_ban_by_the_front_silences_all_webhooks_of_the_host_longer_each_time() {
    let discord = StandIn::start().await.unwrap();
    let config = Config { ban_pause_s: 1, patience_ms: 100, ..config(&discord) };
    let sinks = Sinks::new(&config);
    discord.set_fault(Some(Fault::Banned));
    for (asked, pause) in [(1, 1_100), (2, 2_100)] {
        for category in Category::ALL {
            let error = sinks.send(category).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::DiscordOutage));
            assert!(error.surely_not_shown);
            assert!(error.to_string().contains("nothing is sent to 127.0.0.1 before"), "{error}");
        }
        assert_eq!(discord.requests().len(), asked, "each request may make the ban longer");
        if asked == 2 {
            tokio::time::sleep(Duration::from_millis(1_100)).await;
            sinks.send(Category::Misc).await.expect_err("the second pause is longer than the first");
            assert_eq!(discord.requests().len(), asked);
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    discord.set_fault(None);
    sinks.send(Category::Order).await.expect("it goes on by itself");
}

#[tokio::test]
async fn the_stated_limits_are_kept_so_that_discord_never_has_to_refuse() {
    let discord = StandIn::start().await.unwrap();
    discord.limit(5, Duration::from_millis(500));
    let sinks = Arc::new(Sinks::new(&config(&discord)));
    let begun = Instant::now();
    let sending: Vec<_> = (0..14)
        .map(|_| {
            let sinks = sinks.clone();
            tokio::spawn(async move { sinks.send(Category::Order).await })
        })
        .collect();
    for one in sending {
        one.await.unwrap().unwrap();
    }
    assert_eq!(discord.count(), 14);
    assert!(begun.elapsed() >= Duration::from_secs(1), "14 at 5 in half a second: {:?}", begun.elapsed());
    let refused = discord.requests().iter().filter(|request| request.status == 429).count();
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn errors_of_discords_pass_and_many_in_a_row_are_an_outage() {
    let discord = StandIn::start().await.unwrap();
    let sinks = Sinks::new(&config(&discord));
    discord.set_fault(Some(Fault::Status(500)));
    for _ in 0..4 {
        let error = sinks.send(Category::Order).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient);
        assert!(!error.surely_not_shown, "a 500 may come after the message was shown");
    }
    let error = sinks.send(Category::Order).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::DiscordOutage));
    discord.set_fault(None);
    sinks.send(Category::Order).await.expect("it goes on by itself");
    discord.script([Fault::Status(502)]);
    assert_eq!(sinks.send(Category::Order).await.unwrap_err().kind(), FailureKind::Transient);
}

#[tokio::test]
async fn silence_times_out_and_may_have_been_shown() {
    let discord = StandIn::start().await.unwrap();
    let sinks = Sinks::new(&config(&discord));
    discord.script([Fault::NeverAnswers, Fault::Slow(Duration::from_secs(5))]);
    for shown in [0, 1] {
        let begun = Instant::now();
        let error = sinks.send(Category::Order).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Transient);
        assert!(!error.surely_not_shown);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!(discord.count(), shown);
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_is_left_alone_until_the_pause_is_over() {
    let discord = StandIn::start().await.unwrap();
    for status in [401, 403, 404] {
        let sinks = Sinks::new(&config(&discord));
        let before = discord.requests().len();
        discord.set_fault_of("misc", Some(Fault::Status(status)));
        for _ in 0..5 {
            let error = sinks.send(Category::Misc).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::WebhookClosed));
            assert!(error.surely_not_shown);
            assert!(error.to_string().contains("notifier.webhooks.misc"), "{error}");
        }
        assert_eq!(discord.requests().len(), before + 1, "{status}: Discord bans who goes on asking");
        sinks.send(Category::Order).await.expect("another category goes on");

        discord.set_fault_of("misc", None);
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        sinks.send(Category::Misc).await.expect("after the pause it is looked at again");
    }
}

#[tokio::test]
async fn what_discord_refuses_is_refused_for_good_with_the_place() {
    let discord = StandIn::start().await.unwrap();
    let sinks = Sinks::new(&config(&discord));
    let sink = &sinks.0[&Category::Order];
    let long = json!({ "embeds": [{ "title": "x".repeat(257) }] });
    let error = sink.send(ABOUT, Category::Order, &long, sink.give_up()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (FailureKind::Permanent, Code::Refused));
    assert!(error.surely_not_shown);
    assert!(
        error.to_string().ends_with("Invalid Form Body (Discord's code 50035) at embeds.0.title"),
        "{error}"
    );
}

#[tokio::test]
async fn a_discord_that_is_not_there_surely_showed_nothing() {
    let discord = StandIn::start().await.unwrap();
    let sinks = Sinks::new(&config(&discord));
    discord.stop().await;
    let error = sinks.send(Category::Order).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Transient);
    assert!(error.surely_not_shown, "{error}");
}

#[tokio::test]
async fn without_a_webhook_exactly_what_would_have_been_sent_is_a_line_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("notifications.jsonl");
    let discord = StandIn::start().await.unwrap();
    let webhooks = Webhooks { order: Some(discord.webhook("order").as_str().into()), ..Webhooks::default() };
    let config = Config { webhooks, fallback: Fallback::None, file: file.clone(), ..Config::default() };
    let sinks = Sinks::new(&config);
    sinks.send(Category::Order).await.unwrap();
    assert_eq!(sinks.send(Category::Misc).await.unwrap(), None);
    std::fs::rename(&file, directory.path().join("yesterday.jsonl")).unwrap();
    sinks.send(Category::Review).await.unwrap();

    for (name, category) in [("yesterday.jsonl", "misc"), ("notifications.jsonl", "review")] {
        let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1);
        assert_eq!((&lines[0]["category"], &lines[0]["message_id"]), (&json!(category), &json!(42)));
        assert_eq!(lines[0]["payload"], payload());
    }
    assert_eq!(discord.count(), 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_said_at_the_start() {
    let config = Config { file: "/nowhere/at/all.jsonl".into(), ..Config::default() };
    let error = notifier::sinks(&config).map(|_| ()).unwrap_err();
    assert_eq!(error.code, Code::Settings);
    assert!(error.reason.contains("notifier.file = /nowhere/at/all.jsonl cannot be written"), "{error}");
}

#[tokio::test]
async fn an_owner_sees_which_webhooks_work_and_for_what() {
    let discord = StandIn::start().await.unwrap();
    let mut config = config(&discord);
    config.webhooks.enquiry = None;
    config.fallback = Fallback::Review;
    discord.set_fault_of("misc", Some(Fault::Status(404)));
    let trials = notifier::try_webhooks(&config).await.unwrap();
    let used: Vec<_> = trials.iter().map(|trial| trial.categories.clone()).collect();
    let reviews = vec![Category::Review, Category::Enquiry];
    assert_eq!(used, [vec![Category::Order], reviews, vec![Category::Misc]]);
    assert_eq!((&trials[0].outcome, &trials[1].outcome), (&Ok(()), &Ok(())));
    assert!(trials[2].outcome.as_ref().unwrap_err().contains("status 404"), "{trials:?}");
    let shown: Vec<_> = discord.accepted().iter().map(|one| one.payload()["content"].clone()).collect();
    assert_eq!(shown[1], json!("GreenBite can post here. What comes: review, enquiry."));
    assert_eq!(shown.len(), 2);
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_webhooks_key_is_in_no_error_and_no_log() {
    let logs = Logs::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let errors = tracing::subscriber::with_default(subscriber, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let discord = StandIn::start().await.unwrap();
            let config = config(&discord);
            let sinks = Sinks::new(&config);
            let mut errors = format!("{config:?} {}", serde_json::to_string(&config).unwrap());
            let wait = Duration::from_secs(60);
            for fault in [
                Fault::Status(500),
                Fault::NeverAnswers,
                Fault::Slow(wait),
                Fault::Status(302),
                Fault::TooManyRequests { retry_after: wait, global: false },
            ] {
                discord.script([fault]);
                let sinks = Sinks::new(&config);
                errors += &format!("\n{:?}", sinks.send(Category::Order).await.unwrap_err());
            }
            sinks.send(Category::Misc).await.unwrap();
            discord.set_fault(Some(Fault::Status(404)));
            errors += &format!("\n{:?}", sinks.send(Category::Review).await.unwrap_err());
            discord.stop().await;
            errors += &format!("\n{:?}", sinks.send(Category::Enquiry).await.unwrap_err());
            errors
        })
    });
    let logs = String::from_utf8(logs.0.lock().unwrap().clone()).unwrap();
    assert!(
        logs.contains("TRACE") && logs.contains("hyper_util"),
        "nothing was logged, so nothing is shown: {logs}"
    );
    for text in [&errors, &logs] {
        assert!(!text.contains("s3cr3t-0f-th3"), "{text}");
    }
}
