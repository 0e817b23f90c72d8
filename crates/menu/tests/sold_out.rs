//! What is sold out, in a real PostgreSQL with its copy in a real Memcached.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use contracts::{Code, Failure, FailureKind, Service};
use menu::sold_out::{self, SOLD_OUT};
use menu::{Cache, Error, MenuItem, SoldOutHandle};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::Store;
use testkit::{Memcached, Postgres};

struct Kitchen {
    memcached: Memcached,
    store: Store,
    url: String,
}

impl Kitchen {
    async fn on(postgres: &Postgres) -> Kitchen {
        let url = postgres.database().await.unwrap();
        Kitchen {
            memcached: Memcached::start().await.unwrap(),
            store: Store::connect(&url, 4).await.unwrap(),
            url,
        }
    }

    async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    fn cache(&self) -> Cache {
        Cache::new(self.memcached.address())
    }

    fn handle(&self) -> SoldOutHandle {
        SoldOutHandle::new(self.store.clone(), self.cache())
    }

    async fn run_out(&self, name: &str, until: Option<TimeDelta>) -> Result<(), Error> {
        let until = until.map(|ahead| Utc::now() + ahead);
        let item = MenuItem::new(name, "", 650);
        sold_out::mark_sold_out(&self.store, &self.cache(), &item, until, "Ada").await
    }

    async fn back(&self, slug: &str) -> bool {
        let was = self.store.mark_back(slug).await.unwrap();
        sold_out::publish(&self.store, &self.cache()).await.unwrap();
        was
    }

    async fn copy(&self) -> String {
        let found = self.cache().get_many(&[SOLD_OUT]).await.unwrap().remove(SOLD_OUT);
        String::from_utf8(found.unwrap_or_default()).unwrap()
    }
}

async fn is_out(handle: &SoldOutHandle, slug: &str) -> bool {
    handle.now().await.unwrap().item(slug, Utc::now()).is_some()
}

/// How long it takes until a running station knows it.
async fn known(handle: &SoldOutHandle, slug: &str, out: bool) -> Duration {
    let begun = Instant::now();
    while is_out(handle, slug).await != out {
        assert!(begun.elapsed() < Duration::from_secs(10), "{slug} never becomes sold out = {out}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

const A_SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn what_has_run_out_and_what_is_back_is_known_within_a_second() {
    let kitchen = Kitchen::on(Postgres::shared().await.unwrap()).await;
    let handle = kitchen.handle();
    assert!(!is_out(&handle, "cheesecake").await);
    kitchen.run_out("Cheesecake", None).await.unwrap();
    assert!(known(&handle, "cheesecake", true).await < A_SECOND);
    assert!(kitchen.copy().await.contains("\"item\":\"Cheesecake\""), "people can look at it");
    assert!(kitchen.back("cheesecake").await);
    assert!(known(&handle, "cheesecake", false).await < A_SECOND);
    assert!(!kitchen.back("cheesecake").await, "it was back already");
}

#[tokio::test]
async fn a_flush_and_a_lying_copy_change_nothing_and_are_put_right() {
    let kitchen = Kitchen::on(Postgres::shared().await.unwrap()).await;
    let handle = kitchen.handle();
    kitchen.run_out("Cheesecake", None).await.unwrap();
    known(&handle, "cheesecake", true).await;
    kitchen.memcached.flush().await.unwrap();
    for _ in 0..2 {
        let begun = Instant::now();
        while !kitchen.copy().await.contains("Cheesecake") {
            assert!(is_out(&handle, "cheesecake").await && is_out(&kitchen.handle(), "cheesecake").await);
            assert!(begun.elapsed() < Duration::from_secs(10), "nobody put the copy right");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let nothing: (&str, &[u8]) = (SOLD_OUT, b"[]");
        kitchen.cache().set_many(&[nothing], menu::cache::Ttl::NONE).await.unwrap();
    }
}

#[tokio::test]
async fn an_item_is_back_by_itself_when_its_time_is_over() {
    let kitchen = Kitchen::on(Postgres::shared().await.unwrap()).await;
    let handle = kitchen.handle();
    kitchen.run_out("Cheesecake", Some(TimeDelta::milliseconds(1_500))).await.unwrap();
    kitchen.run_out("Brownie", Some(TimeDelta::hours(1))).await.unwrap();
    known(&handle, "cheesecake", true).await;
    assert!(known(&handle, "cheesecake", false).await < Duration::from_secs(3));
    assert!(is_out(&handle, "brownie").await);
    assert_eq!(kitchen.store.sold_out().await.unwrap().len(), 1);
    // It runs out again, for longer than was said at first.
    kitchen.run_out("Cheesecake", None).await.unwrap();
    assert!(known(&handle, "cheesecake", true).await < A_SECOND);
}

#[tokio::test]
async fn a_cache_that_is_away_delays_nothing() {
    let kitchen = Kitchen::on(Postgres::shared().await.unwrap()).await;
    let handle = kitchen.handle();
    assert!(!is_out(&handle, "cheesecake").await);
    kitchen.memcached.stop();
    let marked = kitchen.run_out("Cheesecake", None).await;
    assert!(matches!(marked, Err(Error::NotCached(_))), "{marked:?}");
    assert!(known(&handle, "cheesecake", true).await < A_SECOND);
}

#[tokio::test]
async fn a_table_that_does_not_answer_holds_nobody_up_for_long() {
    let kitchen = Kitchen::on(Postgres::shared().await.unwrap()).await;
    let handle = kitchen.handle();
    kitchen.run_out("Cheesecake", None).await.unwrap();
    known(&handle, "cheesecake", true).await;
    let mut owner = kitchen.owner().await;
    let mut held = owner.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE sold_out IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    tokio::time::sleep(A_SECOND).await;
    let begun = Instant::now();
    assert!(is_out(&handle, "cheesecake").await && is_out(&kitchen.handle(), "cheesecake").await);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_table_that_may_not_be_read_stops_nobody_and_is_never_unsaid() {
    let postgres = Postgres::start().await.unwrap();
    let kitchen = Kitchen::on(&postgres).await;
    kitchen.store.apply_roles().await.unwrap();
    kitchen.store.set_role_password(Service::MenuValidator, "for-tests").await.unwrap();
    let role = store::roles::role_of(Service::MenuValidator);
    let url = postgres.url_as(&role, "for-tests", kitchen.url.rsplit('/').next().unwrap());
    let as_station = Store::connect(&url, 2).await.unwrap();
    let handle = || SoldOutHandle::new(as_station.clone(), kitchen.cache());
    let running = handle();
    assert_eq!(running.now().await.unwrap().unreadable(), None);
    let mut owner = kitchen.owner().await;
    sqlx::raw_sql(AssertSqlSafe(format!("REVOKE SELECT ON sold_out FROM {role}")))
        .execute(&mut owner)
        .await
        .unwrap();
    kitchen.memcached.flush().await.unwrap();
    tokio::time::sleep(A_SECOND).await;
    for handle in [&running, &handle()] {
        let now = handle.now().await.unwrap();
        assert!(now.unreadable().is_some_and(|why| why.contains("permission denied")), "{now:?}");
    }
    // The copy that marking leaves in the cache is better than nothing, and it is said still.
    kitchen.run_out("Cheesecake", None).await.unwrap();
    tokio::time::sleep(A_SECOND).await;
    let now = running.now().await.unwrap();
    assert!(now.item("cheesecake", Utc::now()).is_some() && now.unreadable().is_some(), "{now:?}");
}

#[tokio::test]
async fn with_the_database_away_the_copy_answers_and_with_both_away_nobody_guesses() {
    let postgres = Postgres::start().await.unwrap();
    let kitchen = Kitchen::on(&postgres).await;
    let running = kitchen.handle();
    kitchen.run_out("Cheesecake", None).await.unwrap();
    known(&running, "cheesecake", true).await;
    postgres.stop().await;
    assert!(is_out(&kitchen.handle(), "cheesecake").await, "one that starts now");
    tokio::time::sleep(A_SECOND).await;
    assert!(is_out(&running, "cheesecake").await, "one that runs");
    kitchen.memcached.stop();
    tokio::time::sleep(A_SECOND).await;
    assert!(is_out(&running, "cheesecake").await, "what it knew last");
    let error = kitchen.handle().now().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::NoMenu), "{error}");
}
