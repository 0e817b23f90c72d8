//! The menu in a real Memcached with a real PostgreSQL behind it.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::{Code, Failure, FailureKind};
use menu::cache::{CacheError, INDEX, Ttl};
use menu::{Cache, Error, Menu, MenuHandle, MenuItem, MenuOption, import};
use store::Store;
use testkit::{Memcached, Postgres};

fn soups(price_cents: i64) -> Menu {
    let mut leek = MenuItem::new("Leek Soup", "Leek, potatoes; hot", price_cents);
    leek.category = "soup".to_owned();
    leek.aliases = vec!["green soup".to_owned()];
    let large = MenuOption {
        kind: "size".to_owned(),
        name: "large".to_owned(),
        aliases: Vec::new(),
        price_cents: 150,
    };
    Menu::new(vec![leek, MenuItem::new("Tomato Soup", "", 450)], vec![large])
}

struct Kitchen {
    memcached: Memcached,
    store: Store,
}

impl Kitchen {
    async fn new() -> Kitchen {
        let url = Postgres::shared().await.unwrap().database().await.unwrap();
        Kitchen {
            memcached: Memcached::start().await.unwrap(),
            store: Store::connect(&url, 4).await.unwrap(),
        }
    }

    async fn with(menu: &Menu) -> Kitchen {
        let kitchen = Kitchen::new().await;
        import(&kitchen.store, &kitchen.cache(), menu).await.unwrap();
        kitchen
    }

    fn cache(&self) -> Cache {
        Cache::new(self.memcached.address())
    }

    fn handle(&self) -> MenuHandle {
        MenuHandle::new(self.store.clone(), self.cache())
    }
}

/// Waits until the handle has that menu, as a running station would notice.
async fn becomes(handle: &MenuHandle, version: &str) -> Duration {
    let begun = Instant::now();
    while handle.menu().await.map(|menu| menu.version.clone()).ok().as_deref() != Some(version) {
        assert!(begun.elapsed() < Duration::from_secs(10), "the menu never became the new one");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

async fn raw(kitchen: &Kitchen, key: &str) -> Option<String> {
    let found = kitchen.cache().get_many(&[key]).await.unwrap().remove(key);
    found.map(|value| String::from_utf8(value).unwrap())
}

#[tokio::test]
async fn an_imported_menu_can_be_looked_at_by_people_and_is_read_back_whole() {
    let menu = soups(495);
    let kitchen = Kitchen::with(&menu).await;
    assert_eq!(raw(&kitchen, "leek_soup").await.as_deref(), Some("Leek Soup|Leek, potatoes; hot|4.95"));
    assert_eq!(raw(&kitchen, "tomato_soup").await.as_deref(), Some("Tomato Soup||4.50"));
    assert!(raw(&kitchen, INDEX).await.unwrap().contains(&menu.version));
    assert_eq!(kitchen.cache().menu().await.unwrap().as_ref(), Some(&menu));
    assert_eq!(*kitchen.handle().menu().await.unwrap(), menu);
}

#[tokio::test]
async fn a_changed_menu_reaches_a_running_station_and_what_is_gone_leaves_the_cache() {
    let kitchen = Kitchen::with(&soups(495)).await;
    let handle = kitchen.handle();
    handle.menu().await.unwrap();
    let next = Menu::new(vec![MenuItem::new("Leek Soup", "Leek", 505)], Vec::new());
    import(&kitchen.store, &kitchen.cache(), &next).await.unwrap();
    let took = becomes(&handle, &next.version).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_eq!(raw(&kitchen, "tomato_soup").await, None);
    assert!(handle.direct(&["tomato_soup"]).await.unwrap()[0].is_none());
}

#[tokio::test]
async fn a_restarted_and_empty_cache_is_filled_again() {
    let menu = soups(495);
    let kitchen = Kitchen::with(&menu).await;
    let handle = kitchen.handle();
    handle.menu().await.unwrap();
    kitchen.memcached.start_again_empty().await.unwrap();
    let begun = Instant::now();
    while !matches!(kitchen.cache().menu().await, Ok(Some(_))) {
        assert_eq!(*handle.menu().await.unwrap(), menu, "it never says that nothing is on the menu");
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody filled the cache");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let direct = handle.direct(&["leek_soup"]).await.unwrap().remove(0).unwrap();
    assert_eq!(direct.item.price_cents, 495);
}

#[tokio::test]
async fn a_stopped_cache_is_no_reason_to_stop() {
    let menu = soups(495);
    let kitchen = Kitchen::with(&menu).await;
    let handle = kitchen.handle();
    handle.menu().await.unwrap();
    kitchen.memcached.stop();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(*handle.menu().await.unwrap(), menu);
    let direct = handle.direct(&["leek_soup", "pork_burger"]).await.unwrap();
    assert_eq!(direct[0].as_ref().map(|direct| (direct.item.price_cents, direct.cached)), Some((495, false)));
    assert!(direct[1].is_none());

    // A station that starts meanwhile, and a menu that changes meanwhile.
    assert_eq!(*kitchen.handle().menu().await.unwrap(), menu);
    let next = soups(515);
    let result = import(&kitchen.store, &kitchen.cache(), &next).await;
    assert!(matches!(result, Err(Error::NotCached(_))), "{result:?}");
    becomes(&handle, &next.version).await;

    // The cache comes back: empty, then right.
    kitchen.memcached.start_again_empty().await.unwrap();
    let begun = Instant::now();
    while !matches!(kitchen.cache().menu().await, Ok(Some(menu)) if menu == next) {
        handle.menu().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody filled the cache");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_cache_that_hangs_costs_a_moment_and_mixes_nothing_up() {
    let menu = soups(495);
    let kitchen = Kitchen::with(&menu).await;
    let cache = kitchen.cache();
    cache.put("a", b"of a", Ttl::NONE).await.unwrap();
    cache.put("b", b"of b", Ttl::NONE).await.unwrap();
    kitchen.memcached.suspend();
    let begun = Instant::now();
    assert!(matches!(cache.get("a").await, Err(CacheError::Away { .. })));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let again = cache.get("a").await.unwrap_err().to_string();
    assert!(again.contains("it did not a moment ago"), "it is not waited for again at once: {again}");
    kitchen.memcached.resume();
    let mut answers = 0;
    while answers < 20 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is never asked again");
        match cache.get("b").await {
            Ok(found) => {
                assert_eq!(found.as_deref(), Some(&b"of b"[..]));
                answers += 1;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

#[tokio::test]
async fn a_request_that_was_given_up_never_answers_the_next_one() {
    let kitchen = Kitchen::new().await;
    let cache = Arc::new(kitchen.cache());
    for n in 0..20 {
        let key = format!("key{n}");
        cache.put(&key, key.as_bytes(), Ttl::NONE).await.unwrap();
    }
    for round in 0..200_u64 {
        let key = format!("key{}", round % 20);
        let given_up = tokio::time::timeout(Duration::from_micros(round), cache.get(&key));
        if let Ok(Ok(found)) = given_up.await {
            assert_eq!(found.as_deref(), Some(key.as_bytes()));
        }
        let other = format!("key{}", (round + 7) % 20);
        assert_eq!(cache.get(&other).await.unwrap().as_deref(), Some(other.as_bytes()), "round {round}");
    }
}

#[tokio::test]
async fn a_value_that_lies_is_a_miss_and_is_put_right() {
    let menu = soups(495);
    let kitchen = Kitchen::with(&menu).await;
    let cache = kitchen.cache();
    let handle = kitchen.handle();
    handle.menu().await.unwrap();
    for lie in ["Leek Soup|Leek, potatoes; hot|0.01", "Tomato Soup||4.50", "nonsense"] {
        cache.set_many(&[("leek_soup", lie.as_bytes())], Ttl::NONE).await.unwrap();
        assert_eq!(cache.menu().await.unwrap(), None, "{lie}");
        // A station that starts now, and one that runs.
        let direct = handle.direct(&["leek_soup"]).await.unwrap().remove(0).unwrap();
        assert_eq!((direct.item.price_cents, direct.cached), (495, false), "{lie}");
        assert_eq!(raw(&kitchen, "leek_soup").await.as_deref(), Some("Leek Soup|Leek, potatoes; hot|4.95"));
        assert!(handle.direct(&["leek_soup"]).await.unwrap().remove(0).unwrap().cached);
        cache.set_many(&[("leek_soup", lie.as_bytes())], Ttl::NONE).await.unwrap();
        assert_eq!(*kitchen.handle().menu().await.unwrap(), menu);
        assert_eq!(cache.menu().await.unwrap().as_ref(), Some(&menu), "the one that started put it right");
    }
}

#[tokio::test]
async fn an_index_of_another_menu_is_not_believed_against_the_database() {
    let menu = soups(495);
    let kitchen = Kitchen::with(&menu).await;
    kitchen.cache().put_menu(&soups(1)).await.unwrap();
    assert_eq!(*kitchen.handle().menu().await.unwrap(), menu);
    assert_eq!(kitchen.cache().menu().await.unwrap(), Some(menu));
}

#[tokio::test]
async fn without_a_menu_there_is_an_outage_and_never_an_empty_menu() {
    let kitchen = Kitchen::new().await;
    let handle = kitchen.handle();
    let error = handle.menu().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::NoMenu));
    assert!(error.to_string().contains("greenbite menu import"));
    assert!(handle.probe().await.is_err());
    assert!(handle.direct(&["leek_soup"]).await.is_err());
    let menu = soups(495);
    import(&kitchen.store, &kitchen.cache(), &menu).await.unwrap();
    becomes(&handle, &menu.version).await;
    handle.probe().await.unwrap();
}

#[tokio::test]
async fn with_the_database_away_the_cache_answers_and_with_both_away_nobody_does() {
    let postgres = Postgres::start().await.unwrap();
    let store = Store::connect(&postgres.database().await.unwrap(), 2).await.unwrap();
    let memcached = Memcached::start().await.unwrap();
    let menu = soups(495);
    import(&store, &Cache::new(memcached.address()), &menu).await.unwrap();
    let running = MenuHandle::new(store.clone(), Cache::new(memcached.address()));
    running.menu().await.unwrap();

    postgres.stop().await;
    let starting = MenuHandle::new(store.clone(), Cache::new(memcached.address()));
    assert_eq!(*starting.menu().await.unwrap(), menu);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(*running.menu().await.unwrap(), menu);

    memcached.stop();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for handle in [running, starting] {
        let error = handle.menu().await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (FailureKind::Outage, Code::NoMenu), "{error}");
    }
}

#[tokio::test]
async fn values_of_any_bytes_are_kept_under_keys_that_cannot_be_commands() {
    let kitchen = Kitchen::new().await;
    let cache = kitchen.cache();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    cache.put("vector:1", &bytes, Ttl::seconds(60).unwrap()).await.unwrap();
    assert_eq!(cache.get("vector:1").await.unwrap(), Some(bytes));
    assert_eq!(cache.get("vector:2").await.unwrap(), None);
    cache.set_many(&[("vector:2", b"somebody else's")], Ttl::NONE).await.unwrap();
    assert_eq!(cache.get("vector:2").await.unwrap(), None, "not ours");

    for key in ["a\r\nflush_all", "two words", ""] {
        assert!(matches!(cache.put(key, b"x", Ttl::NONE).await, Err(CacheError::Key(_))), "{key:?}");
        assert!(matches!(cache.get(key).await, Err(CacheError::Key(_))), "{key:?}");
    }
    let large = vec![0; 2 << 20];
    assert!(matches!(cache.put("large", &large, Ttl::NONE).await, Err(CacheError::TooLarge { .. })));
    assert!(cache.get("vector:1").await.unwrap().is_some(), "it still answers");
    cache.ping().await.unwrap();
}
