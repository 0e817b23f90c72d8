//! The running station on real servers: what has run out, what is no normal order, and when the house is closed.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use contracts::{Extracted, Message, OrderLine, Service, Topic, Validated, Verdict};
use menu::{Cache, Menu, MenuItem, sold_out};
use menu_validator::Config;
use runtime::{Bus, Nats as NatsSettings, Running, Secret, Settings, Trace};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::Store;
use store::messages::NewMessage;
use testkit::{Memcached, Nats, Postgres};
use tokio::sync::Mutex;

const PASSWORD: &str = "for-tests";
/// Roles belong to the cluster, which tests share: they are set up one after the other.
static ROLES: Mutex<()> = Mutex::const_new(());

struct Kitchen {
    _nats: Nats,
    memcached: Memcached,
    bus: Bus,
    /// As the tables' owner.
    store: Store,
    url: String,
    settings: Settings,
}

impl Kitchen {
    async fn new() -> Kitchen {
        let (nats, memcached) = tokio::try_join!(Nats::with_users(), Memcached::start()).unwrap();
        let as_user = |user: &str| NatsSettings {
            url: nats.url(),
            user: Some(user.to_owned()),
            password: nats.password(user).map(Secret::new),
            ..NatsSettings::default()
        };
        let bus = Bus::connect("provision", &as_user("provision")).await.unwrap();
        let postgres = Postgres::shared().await.unwrap();
        let url = postgres.database().await.unwrap();
        let store = Store::connect(&url, 4).await.unwrap();
        {
            let _one_at_a_time = ROLES.lock().await;
            store.apply_roles().await.unwrap();
            store.set_role_password(Service::MenuValidator, PASSWORD).await.unwrap();
        }
        let role = store::roles::role_of(Service::MenuValidator);
        let database = url.rsplit('/').next().unwrap();
        let mut settings = Settings { nats: as_user("menu-validator"), ..Settings::default() };
        settings.database.url = Secret::new(postgres.url_as(&role, PASSWORD, database));
        settings.memcached.address = memcached.address();
        runtime::provision(&bus, &settings.line).await.unwrap();
        let kitchen = Kitchen { _nats: nats, memcached, bus, store, url, settings };
        menu::import(&kitchen.store, &kitchen.cache(), &desserts()).await.unwrap();
        kitchen
    }

    fn cache(&self) -> Cache {
        Cache::new(self.memcached.address())
    }

    async fn validator(&self) -> Running {
        let config = Config { model: "none".into(), fallback: "none".into(), ..Config::default() };
        runtime::start(Service::MenuValidator, self.settings.clone(), config, menu_validator::build)
            .await
            .unwrap()
    }

    async fn run_out(&self, name: &str, until: Option<DateTime<Utc>>) {
        let item = MenuItem::new(name, "", 0);
        sold_out::mark_sold_out(&self.store, &self.cache(), &item, until, "Ada").await.unwrap();
    }

    /// What the station says of so many of an item, sent at that time.
    async fn judged_at(&self, quantity: u32, item: &str, received_at: DateTime<Utc>) -> Validated {
        let new = NewMessage {
            source: "test".into(),
            external_id: None,
            customer: None,
            text: item.into(),
            received_at: Some(received_at),
        };
        let id = self.store.insert_message(&new).await.unwrap().id;
        let message = Message {
            id,
            generation: 1,
            received_at,
            source: "test".into(),
            customer: None,
            text: item.into(),
        };
        let line = OrderLine {
            phrase: item.to_lowercase(),
            quantity,
            size: None,
            modifiers: Vec::new(),
            item: Some(item.to_owned()),
            doubts: Vec::new(),
        };
        let event = Extracted { message, language: "en".into(), lines: vec![line], trail: Vec::new() };
        self.bus.publish_event("test", Topic::ExtractedOrder, &event, &Trace::start()).await.unwrap();
        let begun = Instant::now();
        loop {
            for topic in [Topic::ValidatedAccepted, Topic::ValidatedReview, Topic::ValidatedRejected] {
                if let Some(stored) = self.bus.last_for(&topic.subject(id)).await.unwrap() {
                    return serde_json::from_slice(&stored.payload).unwrap();
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "no verdict over {quantity} {item}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn judged(&self, quantity: u32, item: &str) -> Validated {
        self.judged_at(quantity, item, Utc::now()).await
    }
}

fn desserts() -> Menu {
    let item = |name: &str, category: &str, price| MenuItem {
        category: category.to_owned(),
        ..MenuItem::new(name, "", price)
    };
    let items = vec![
        item("Cheesecake", "dessert", 650),
        item("Brownie", "dessert", 600),
        item("Water", "drink", 100),
    ];
    Menu::new(items, Vec::new())
}

/// The verdict over the order: what its topic says.
fn verdict(validated: &Validated) -> Verdict {
    match validated.trail.last().unwrap().decision.verdict.as_str() {
        "accepted" => Verdict::Accepted,
        "review" => Verdict::Review,
        _ => Verdict::Rejected,
    }
}

const A_SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_running_validator_knows_within_a_second_what_has_run_out_warm_or_flushed() {
    let kitchen = Kitchen::new().await;
    let validator = kitchen.validator().await;
    let first = kitchen.judged(1, "Cheesecake").await;
    assert_eq!((verdict(&first), first.reason.as_str()), (Verdict::Accepted, "Every item is on the menu"));

    kitchen.run_out("Cheesecake", None).await;
    tokio::time::sleep(A_SECOND).await;
    let held = kitchen.judged(1, "Cheesecake").await;
    assert_eq!(verdict(&held), Verdict::Review);
    assert_eq!(held.reason, "Cheesecake is sold out; nearest that is there: Brownie");
    assert_eq!(held.lines[0].candidates[0].name, "Brownie");

    kitchen.memcached.flush().await.unwrap();
    tokio::time::sleep(A_SECOND).await;
    assert_eq!(verdict(&kitchen.judged(1, "Cheesecake").await), Verdict::Review);
    assert_eq!(verdict(&kitchen.judged(1, "Brownie").await), Verdict::Accepted);

    kitchen.store.mark_back("cheesecake").await.unwrap();
    tokio::time::sleep(A_SECOND).await;
    assert_eq!(verdict(&kitchen.judged(1, "Cheesecake").await), Verdict::Accepted);
    validator.stop().await.unwrap();
}

#[tokio::test]
async fn a_validator_that_may_not_know_what_is_sold_out_goes_on_by_the_menu_and_says_so_with_every_order() {
    let kitchen = Kitchen::new().await;
    let validator = kitchen.validator().await;
    let role = store::roles::role_of(Service::MenuValidator);
    let mut owner = PgConnection::connect(&kitchen.url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("REVOKE SELECT ON sold_out FROM {role}")))
        .execute(&mut owner)
        .await
        .unwrap();
    let accepted = kitchen.judged(1, "Brownie").await;
    assert_eq!(verdict(&accepted), Verdict::Accepted);
    assert!(accepted.reason.ends_with("; what is sold out could not be looked up"), "{}", accepted.reason);
    let again = kitchen.judged(1, "Cheesecake").await;
    assert!(again.reason.contains("could not be looked up"), "{}", again.reason);
    validator.stop().await.unwrap();
}

#[tokio::test]
async fn what_has_run_out_for_a_while_is_back_by_itself() {
    let kitchen = Kitchen::new().await;
    let validator = kitchen.validator().await;
    let until = Utc::now() + TimeDelta::seconds(4);
    kitchen.run_out("Cheesecake", Some(until)).await;
    let held = kitchen.judged(1, "Cheesecake").await;
    assert!(
        verdict(&held) == Verdict::Review && held.reason.contains("is sold out until "),
        "{}",
        held.reason
    );
    tokio::time::sleep((until - Utc::now()).to_std().unwrap_or_default()).await;
    assert_eq!(verdict(&kitchen.judged(1, "Cheesecake").await), Verdict::Accepted);
    validator.stop().await.unwrap();
}

#[tokio::test]
async fn eighteen_thousand_waters_wait_for_a_person() {
    let kitchen = Kitchen::new().await;
    let validator = kitchen.validator().await;
    let held = kitchen.judged(18_000, "Water").await;
    assert!(
        verdict(&held) == Verdict::Review && held.reason.starts_with("18000 of \"water\""),
        "{}",
        held.reason
    );
    assert_eq!(verdict(&kitchen.judged(20, "Water").await), Verdict::Accepted);
    validator.stop().await.unwrap();
}

#[tokio::test]
async fn outside_its_hours_the_house_accepts_no_order() {
    let mut kitchen = Kitchen::new().await;
    // Open now, wherever the clock stands, and not six hours ago.
    let now = Utc::now();
    let hour = |hours: i64| (now + TimeDelta::hours(hours)).format("%H:00").to_string();
    kitchen.settings.restaurant.hours = format!("Mo-Su {}-{}", hour(-2), hour(3)).parse().unwrap();
    let validator = kitchen.validator().await;
    assert_eq!(verdict(&kitchen.judged(1, "Brownie").await), Verdict::Accepted);
    let early = kitchen.judged_at(1, "Brownie", now - TimeDelta::hours(6)).await;
    assert_eq!(verdict(&early), Verdict::Review);
    assert!(
        early.reason.starts_with("When it came, ") && early.reason.contains("we open "),
        "{}",
        early.reason
    );
    validator.stop().await.unwrap();

    kitchen.settings.restaurant.hours = format!("Mo-Su {}-{}", hour(2), hour(5)).parse().unwrap();
    let validator = kitchen.validator().await;
    let closed = kitchen.judged(1, "Brownie").await;
    assert_eq!(verdict(&closed), Verdict::Review);
    let opens = hour(2);
    assert!(
        closed.reason.contains("Now we are closed; we open ") && closed.reason.contains(&opens),
        "{}",
        closed.reason
    );
    validator.stop().await.unwrap();
}
