//! What is sold out now, as every validator knows it within a second.
//!
//! The database is asked, twice a second at most and only while orders come. Memcached holds a copy under
//! [`SOLD_OUT`], for people to look at and for the time in which the database is away; whoever finds that it is not
//! what the database says puts it right. When an item is back is judged at reading: nothing has to run for it.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use contracts::{Failure, FailureKind};
use store::Store;
use store::sold_out::SoldOutItem;
use tokio::sync::Mutex;

use crate::cache::{Cache, CacheError, Ttl};
use crate::error::Error;
use crate::model::MenuItem;

/// The key of the copy. No item has it: slugs hold no colon.
pub const SOLD_OUT: &str = "greenbite:sold-out";

/// How long what is known is used before somebody asks again.
const FRESH: Duration = Duration::from_millis(500);
/// How long a database that was away is not asked again: waiting for it would only slow the line.
const PAUSE: Duration = Duration::from_secs(10);

/// What is sold out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoldOut {
    items: Vec<SoldOutItem>,
    unreadable: Option<Arc<str>>,
}

impl SoldOut {
    /// What is said of the item of that key, if it is sold out at this moment.
    pub fn item(&self, slug: &str, at: DateTime<Utc>) -> Option<&SoldOutItem> {
        self.items.iter().find(|item| item.slug == slug && item.until.is_none_or(|until| at < until))
    }

    /// Why this may not be all: the database refuses to say, which does not pass by itself. What is known is the cache's
    /// copy, or what was known before, or nothing.
    pub fn unreadable(&self) -> Option<&str> {
        self.unreadable.as_deref()
    }

    /// The keys of all items that are sold out at this moment.
    pub fn keys(&self, at: DateTime<Utc>) -> HashSet<String> {
        let slugs = self.items.iter().map(|item| &item.slug);
        slugs.filter(|slug| self.item(slug, at).is_some()).cloned().collect()
    }
}

/// What is sold out, for stations that run for weeks.
#[derive(Debug)]
pub struct SoldOutHandle {
    store: Store,
    cache: Cache,
    known: RwLock<Option<Known>>,
    /// Whoever holds it asks for the others as well.
    refreshing: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Known {
    sold_out: Arc<SoldOut>,
    checked: Instant,
    /// Until then the database is not asked.
    database_away_until: Option<Instant>,
}

impl SoldOutHandle {
    /// Of this database and its copy in this cache.
    pub fn new(store: Store, cache: Cache) -> Self {
        SoldOutHandle { store, cache, known: RwLock::new(None), refreshing: Mutex::new(()) }
    }

    /// What is sold out, at most half a second old.
    pub async fn now(&self) -> Result<Arc<SoldOut>, Error> {
        let is_fresh = |known: &Known| known.checked.elapsed() < FRESH;
        if let Some(known) = self.known().filter(is_fresh) {
            return Ok(known.sold_out);
        }
        let _refreshing = self.refreshing.lock().await;
        // Somebody may have asked while this waited.
        let before = self.known();
        if let Some(known) = before.clone().filter(is_fresh) {
            return Ok(known.sold_out);
        }
        let refreshed = self.refresh(before).await?;
        if let Ok(mut known) = self.known.write() {
            *known = Some(refreshed.clone());
        }
        Ok(refreshed.sold_out)
    }

    fn known(&self) -> Option<Known> {
        self.known.read().ok().and_then(|known| known.clone())
    }

    async fn refresh(&self, before: Option<Known>) -> Result<Known, Error> {
        let checked = Instant::now();
        let cached = read_copy(&self.cache).await;
        let pausing = before.as_ref().and_then(|known| known.database_away_until);
        let (away, database_away_until) = match pausing.filter(|until| checked < *until) {
            Some(until) => (None, Some(until)),
            None => match self.store.sold_out().await {
                Ok(items) => {
                    if cached.as_ref().is_ok_and(|copy| copy.as_ref() != Some(&items)) {
                        give_copy(&self.cache, &items).await;
                    }
                    let sold_out = Arc::new(SoldOut { items, unreadable: None });
                    return Ok(Known { sold_out, checked, database_away_until: None });
                }
                // A table that may not be read must not stop those who judge by the menu; they say so.
                Err(error) if error.kind() == FailureKind::Fatal => {
                    return Ok(unreadable(cached.ok().flatten(), before, &error));
                }
                Err(error) => (Some(error), Some(Instant::now() + PAUSE)),
            },
        };
        let sold_out = match (cached, before, away) {
            (Ok(Some(items)), before, _) => Arc::new(SoldOut {
                items,
                unreadable: before.and_then(|known| known.sold_out.unreadable.clone()),
            }),
            (_, Some(before), _) => before.sold_out,
            (Ok(None), None, Some(store)) => {
                let cache = format!("memcached at {} has no list of what is sold out", self.cache.address());
                return Err(Error::Away { cache, store });
            }
            (Err(cache), None, Some(store)) => return Err(Error::Away { cache: cache.to_string(), store }),
            // A pause comes from what was known before.
            (_, None, None) => return Err(Error::Empty),
        };
        Ok(Known { sold_out, checked: Instant::now(), database_away_until })
    }
}

/// What is known where the database refuses to say it, for as long as it is not asked again.
fn unreadable(copy: Option<Vec<SoldOutItem>>, before: Option<Known>, error: &store::Error) -> Known {
    let items = copy.or_else(|| before.map(|known| known.sold_out.items.clone())).unwrap_or_default();
    let sold_out = Arc::new(SoldOut { items, unreadable: Some(error.to_string().into()) });
    Known { sold_out, checked: Instant::now(), database_away_until: Some(Instant::now() + PAUSE) }
}

/// Notes that an item has run out: in the database, then in the cache.
///
/// [`Error::NotCached`] says that only the second did not work: it stands, and validators that notice put it right.
pub async fn mark_sold_out(
    store: &Store,
    cache: &Cache,
    item: &MenuItem,
    until: Option<DateTime<Utc>>,
    who: &str,
) -> Result<(), Error> {
    store.mark_sold_out(&item.slug, &item.name, until, who).await?;
    publish(store, cache).await
}

/// Puts into the cache what the database has, in the same way.
pub async fn publish(store: &Store, cache: &Cache) -> Result<(), Error> {
    Ok(put_copy(cache, &store.sold_out().await?).await?)
}

async fn read_copy(cache: &Cache) -> Result<Option<Vec<SoldOutItem>>, CacheError> {
    let mut found = cache.get_many(&[SOLD_OUT]).await?;
    Ok(found.remove(SOLD_OUT).and_then(|value| serde_json::from_slice(&value).ok()))
}

async fn put_copy(cache: &Cache, items: &[SoldOutItem]) -> Result<(), CacheError> {
    let value = serde_json::to_vec(items).map_err(|_| CacheError::NotKept(SOLD_OUT.to_owned()))?;
    cache.set_many(&[(SOLD_OUT, &value)], Ttl::NONE).await
}

async fn give_copy(cache: &Cache, items: &[SoldOutItem]) {
    if let Err(error) = put_copy(cache, items).await {
        tracing::warn!(%error, "could not put into the cache what is sold out");
    }
}
