//! What is sold out, in a real PostgreSQL with its copy in a real Memcached.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use contracts::{Code, Failure, FailureKind};
use menu::sold_out::{self, SOLD_OUT};
use menu::{Cache, Error, MenuItem, SoldOutHandle};
use store::Store;
use testkit::{Memcached, Postgres};

struct Kitchen {
    memcached: Memcached,
    store: Store,
}

impl Kitchen {
    async fn on(postgres: &Postgres) -> Kitchen {
        let url = postgres.database().await.unwrap();
        Kitchen {
            memcached: Memcached::start().await.unwrap(),
            store: Store::connect(&url, 4).await.unwrap(),
        }
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
