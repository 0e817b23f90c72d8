//! Memcached: a copy of the menu that everybody can look at, and small values of our own.
//!
//! `echo "get the_green_garden_vegan_burger" | nc localhost 11211` shows an item as
//! `name|description|price`. Items are written first, the index ([`INDEX`]) last: readers trust the
//! index, and whatever disagrees with it counts as missing.
//!
//! What the protocol and its client ask for, and where it is kept:
//! - Replies do not say what they answer, so a connection whose request was given up must never be used
//!   again: it is marked while a request is under way, and only a whole answer takes the mark away.
//! - Every read asks for its keys by `get_multi`, whose answer names them.
//! - Writes are not answered, so each is read back.
//! - Keys go into the command as they are: `check_key` lets nothing through that could be a command.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, Pool, RecycleError, RecycleResult};
use memcache_async::ascii::Protocol;
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use serde::{Deserialize, Serialize};
use tokio::io::BufWriter;
use tokio::net::TcpStream;

use crate::keys::{fnv1a, slug};
use crate::model::{Menu, MenuItem, MenuOption};

/// The key that lists all items and the menu's version. No item has it: slugs hold no colon.
pub const INDEX: &str = "greenbite:menu";
/// The key that holds sizes, toppings and sauces.
pub const OPTIONS: &str = "greenbite:options";

/// Connections at most; a request that finds none free waits for one.
const CONNECTIONS: usize = 8;
/// Longest wait for one request, connecting included.
const TIMEOUT: Duration = Duration::from_millis(500);
/// So long nobody tries again after the cache did not answer: waiting for it would only slow the line.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection that was idle for longer is tried before it is used.
const IDLE_BEFORE_TEST: Duration = Duration::from_secs(1);
/// Memcached's own limit for a key.
const MAX_KEY_BYTES: usize = 250;
/// Memcached stores 1 MiB with key and bookkeeping, unless it was started otherwise.
const MAX_VALUE_BYTES: usize = 1024 * 1024 - 1024;

/// Why the cache did not do what it was asked for. None of it is fatal: the database stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// It is not there, or does not answer in time.
    #[error("memcached at {address} does not answer: {reason}")]
    Away {
        /// Where it should be.
        address: String,
        /// What happened.
        reason: String,
    },
    /// No key: it is empty, longer than 250 bytes, or holds spaces or control characters.
    #[error("{0:?} cannot be a key in memcached")]
    Key(String),
    /// Larger than Memcached takes.
    #[error("the value of {key} has {bytes} bytes, more than memcached takes")]
    TooLarge {
        /// Its key.
        key: String,
        /// Its size.
        bytes: usize,
    },
    /// What was written is not what is there.
    #[error("memcached did not keep the value of {0}")]
    NotKept(String),
}

/// How long a value is kept. Memcached takes more than 30 days for a date, so there is no such value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(u32);

impl Ttl {
    /// Until Memcached needs the room or restarts.
    pub const NONE: Ttl = Ttl(0);

    /// So many seconds: at least one, at most 30 days.
    pub const fn seconds(seconds: u32) -> Option<Ttl> {
        if seconds == 0 || seconds > 30 * 24 * 60 * 60 { None } else { Some(Ttl(seconds)) }
    }
}

/// A Memcached server.
#[derive(Debug)]
pub struct Cache {
    address: String,
    pool: Pool<Connections>,
    away_until: Mutex<Option<Instant>>,
}

/// The index: what is on the menu, and in which version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Index {
    version: String,
    items: Vec<IndexEntry>,
}

/// What the index knows of an item beside what people read under its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct IndexEntry {
    slug: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    aliases: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Options {
    version: String,
    options: Vec<MenuOption>,
}

impl Cache {
    /// The server at `host:port`. Connections are made when they are needed.
    pub fn new(address: impl Into<String>) -> Cache {
        let address = address.into();
        // Without timeouts of its own, the builder has nothing to refuse.
        let pool = Pool::builder(Connections { address: address.clone() }).max_size(CONNECTIONS).build();
        #[expect(clippy::expect_used, reason = "the builder only fails for timeouts without a runtime")]
        let pool = pool.expect("a pool without timeouts");
        Cache { address, pool, away_until: Mutex::new(None) }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<(), CacheError> {
        self.request(async |connection| connection.protocol.version().await.map(drop)).await
    }

    /// The values of those keys that are there.
    pub async fn get_many(&self, keys: &[&str]) -> Result<HashMap<String, Vec<u8>>, CacheError> {
        keys.iter().try_for_each(|key| check_key(key))?;
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        self.request(async |connection| {
            let found = connection.protocol.get_multi(keys).await?;
            looked_up(keys.len(), found.len());
            match found.keys().find(|found| !keys.contains(&found.as_str())) {
                None => Ok(found),
                Some(stray) => {
                    Err(std::io::Error::other(format!("it answered {stray}, which nobody asked for")))
                }
            }
        })
        .await
    }

    /// Writes values, and reads them back to see that they were kept.
    pub async fn set_many(&self, values: &[(&str, &[u8])], ttl: Ttl) -> Result<(), CacheError> {
        for (key, value) in values {
            check_key(key)?;
            if value.len() > MAX_VALUE_BYTES {
                return Err(CacheError::TooLarge { key: (*key).to_owned(), bytes: value.len() });
            }
        }
        if values.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = values.iter().map(|(key, _)| *key).collect();
        let kept = self
            .request(async |connection| {
                for (key, value) in values {
                    connection.protocol.set(key, value, ttl.0).await?;
                }
                connection.protocol.get_multi(&keys).await
            })
            .await?;
        match values.iter().find(|(key, value)| kept.get(*key).map(Vec::as_slice) != Some(*value)) {
            None => Ok(()),
            Some((key, _)) => Err(CacheError::NotKept((*key).to_owned())),
        }
    }

    /// A value that [`Cache::put`] wrote under this key; `None` where there is none, or somebody else's.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let mut found = self.get_many(&[key]).await?;
        Ok(found.remove(key).and_then(|value| match value.split_first_chunk::<8>() {
            Some((mark, value)) if *mark == fnv1a(key.as_bytes()).to_be_bytes() => Some(value.to_vec()),
            _ => None,
        }))
    }

    /// Keeps a value of any bytes. In front of it stands the hash of its key, by which [`Cache::get`] knows it.
    pub async fn put(&self, key: &str, value: &[u8], ttl: Ttl) -> Result<(), CacheError> {
        let marked = [&fnv1a(key.as_bytes()).to_be_bytes(), value].concat();
        self.set_many(&[(key, &marked)], ttl).await
    }

    /// The version of the menu that is there.
    pub async fn menu_version(&self) -> Result<Option<String>, CacheError> {
        Ok(self.index().await?.map(|index| index.version))
    }

    /// The menu, if all of it is there and nothing disagrees with its version.
    pub async fn menu(&self) -> Result<Option<Menu>, CacheError> {
        let Some(index) = self.index().await? else {
            return Ok(None);
        };
        let mut keys: Vec<&str> = index.items.iter().map(|entry| entry.slug.as_str()).collect();
        keys.push(OPTIONS);
        let found = match self.get_many(&keys).await {
            Ok(found) => found,
            // An index with impossible keys is not ours.
            Err(CacheError::Key(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(assemble(&index, &found))
    }

    /// Puts the menu in: items first, the index last. What the menu before had beyond it is taken out.
    pub async fn put_menu(&self, menu: &Menu) -> Result<(), CacheError> {
        let before = self.index().await?;
        let lines: Vec<String> = menu.items.iter().map(printed).collect();
        let options = Options { version: menu.version.clone(), options: menu.options.clone() };
        let options = json(&options, OPTIONS)?;
        let mut values: Vec<(&str, &[u8])> =
            menu.items.iter().zip(&lines).map(|(item, line)| (item.slug.as_str(), line.as_bytes())).collect();
        values.push((OPTIONS, &options));
        self.set_many(&values, Ttl::NONE).await?;

        let entries = menu.items.iter().map(|item| IndexEntry {
            slug: item.slug.clone(),
            category: item.category.clone(),
            aliases: item.aliases.clone(),
        });
        let index = json(&Index { version: menu.version.clone(), items: entries.collect() }, INDEX)?;
        self.set_many(&[(INDEX, &index)], Ttl::NONE).await?;

        let gone: Vec<String> = before
            .into_iter()
            .flat_map(|index| index.items)
            .map(|entry| entry.slug)
            .filter(|slug| menu.item(slug).is_none() && check_key(slug).is_ok())
            .collect();
        self.delete(&gone).await
    }

    /// Those of these items that are there under their keys, as people read them: name, description, price.
    pub async fn lines(&self, slugs: &[&str]) -> Result<HashMap<String, Line>, CacheError> {
        let found = self.get_many(slugs).await?;
        Ok(found.into_iter().filter_map(|(key, value)| Some((key.clone(), read(&key, &value)?))).collect())
    }

    async fn delete(&self, keys: &[String]) -> Result<(), CacheError> {
        if keys.is_empty() {
            return Ok(());
        }
        self.request(async |connection| {
            for key in keys {
                connection.protocol.delete(key).await?;
            }
            // Deleting is not answered: this is, once all of it has been read.
            connection.protocol.version().await.map(drop)
        })
        .await
    }

    async fn index(&self) -> Result<Option<Index>, CacheError> {
        let mut found = self.get_many(&[INDEX]).await?;
        Ok(found.remove(INDEX).and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// Does one request on a connection of its own.
    async fn request<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> std::io::Result<T>,
    ) -> Result<T, CacheError> {
        if self.away_until().is_some_and(|until| Instant::now() < until) {
            return Err(self.away("it did not a moment ago"));
        }
        let all = async {
            let mut connection = self.pool.get().await.map_err(|error| error.to_string())?;
            connection.busy = true;
            let result = work(&mut connection).await.map_err(|error| error.to_string())?;
            // Reached only with a whole answer. Else, or if this is dropped in the middle, the mark stays,
            // and the pool throws the connection away.
            connection.busy = false;
            Ok::<T, String>(result)
        };
        let result = match tokio::time::timeout(TIMEOUT, all).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {} ms", TIMEOUT.as_millis())),
        };
        let pause = result.is_err().then(|| Instant::now() + PAUSE);
        if let Ok(mut until) = self.away_until.lock() {
            *until = pause;
        }
        result.map_err(|reason| self.away(&reason))
    }

    fn away_until(&self) -> Option<Instant> {
        self.away_until.lock().ok().and_then(|until| *until)
    }

    fn away(&self, reason: &str) -> CacheError {
        CacheError::Away { address: self.address.clone(), reason: reason.to_owned() }
    }
}

/// An item as it stands under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its price in cents.
    pub price_cents: i64,
}

/// A menu from its index and values, if they are one menu.
fn assemble(index: &Index, found: &HashMap<String, Vec<u8>>) -> Option<Menu> {
    let options: Options = serde_json::from_slice(found.get(OPTIONS)?).ok()?;
    if options.version != index.version {
        return None;
    }
    let items = index.items.iter().map(|entry| {
        let line = read(&entry.slug, found.get(&entry.slug)?)?;
        Some(MenuItem {
            slug: entry.slug.clone(),
            name: line.name,
            category: entry.category.clone(),
            description: line.description,
            price_cents: line.price_cents,
            aliases: entry.aliases.clone(),
        })
    });
    let menu = Menu::new(items.collect::<Option<Vec<_>>>()?, options.options);
    // The version is the hash of the contents: one changed cent, and it is another menu.
    (menu.version == index.version).then_some(menu)
}

/// `name|description|price`.
pub(crate) fn printed(item: &MenuItem) -> String {
    let (whole, cents) = (item.price_cents / 100, item.price_cents % 100);
    format!("{}|{}|{whole}.{cents:02}", item.name, item.description)
}

/// What [`printed`] wrote, if it is the item of that key.
fn read(key: &str, value: &[u8]) -> Option<Line> {
    let text = std::str::from_utf8(value).ok()?;
    let (name, rest) = text.split_once('|')?;
    let (description, price) = rest.rsplit_once('|')?;
    let (whole, cents) = price.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if slug(name) != key || cents.len() != 2 || !digits(whole) || !digits(cents) {
        return None;
    }
    let price_cents = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok()?)?;
    Some(Line { name: name.to_owned(), description: description.to_owned(), price_cents })
}

fn check_key(key: &str) -> Result<(), CacheError> {
    let bad = |byte: u8| byte <= b' ' || byte == 0x7f;
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.bytes().any(bad) {
        return Err(CacheError::Key(key.to_owned()));
    }
    Ok(())
}

fn json(value: &impl Serialize, key: &str) -> Result<Vec<u8>, CacheError> {
    serde_json::to_vec(value).map_err(|_| CacheError::NotKept(key.to_owned()))
}

static LOOKUPS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("greenbite")
        .u64_counter("greenbite.cache.lookups")
        .with_unit("{key}")
        .with_description("Keys that the cache was asked for, and whether it had them")
        .build()
});

fn looked_up(asked: usize, found: usize) {
    LOOKUPS.add(found as u64, &[KeyValue::new("result", "hit")]);
    LOOKUPS.add(asked.saturating_sub(found) as u64, &[KeyValue::new("result", "miss")]);
}

/// A connection, and whether a request on it is under way.
#[derive(Debug)]
struct Connection {
    protocol: Stream,
    busy: bool,
}

/// The protocol writes a command in several parts: without the buffer each would be a packet.
struct Stream(Protocol<BufWriter<TcpStream>>);

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl std::ops::Deref for Stream {
    type Target = Protocol<BufWriter<TcpStream>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for Stream {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[derive(Debug)]
struct Connections {
    address: String,
}

impl Manager for Connections {
    type Type = Connection;
    type Error = std::io::Error;

    async fn create(&self) -> Result<Connection, std::io::Error> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { protocol: Stream(Protocol::new(BufWriter::new(stream))), busy: false })
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<std::io::Error> {
        if connection.busy {
            return Err(RecycleError::message("its last request was given up"));
        }
        if metrics.last_used() > IDLE_BEFORE_TEST {
            connection.busy = true;
            connection.protocol.version().await?;
            connection.busy = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soup() -> MenuItem {
        MenuItem::new("Crème Soup", "Cream, leek | nothing else", 905)
    }

    #[test]
    fn an_item_is_printed_for_people_and_read_back() {
        let item = soup();
        assert_eq!(printed(&item), "Crème Soup|Cream, leek | nothing else|9.05");
        let line = read("creme_soup", printed(&item).as_bytes()).unwrap();
        assert_eq!((line.name, line.description, line.price_cents), (item.name, item.description, 905));
    }

    #[test]
    fn what_is_not_the_item_of_its_key_is_not_read() {
        for value in [
            "",
            "Crème Soup",
            "Crème Soup|9.05",
            "Crème Soup|x|9.5",
            "Crème Soup|x|-9.05",
            "Crème Soup|x|+9.05",
            "Crème Soup|x|99999999999999999999.00",
            "Leek Soup|x|9.05",
        ] {
            assert_eq!(read("creme_soup", value.as_bytes()), None, "{value}");
        }
        assert_eq!(read("creme_soup", &[0xff, b'|', b'|']), None);
    }

    #[test]
    fn a_key_that_could_be_a_command_is_refused() {
        for key in ["", "a b", "a\r\nflush_all", "a\0", "a\u{7f}", &"k".repeat(251)] {
            assert!(check_key(key).is_err(), "{key:?}");
        }
        for key in ["a", "寿司", INDEX, &"k".repeat(250)] {
            assert!(check_key(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn no_value_is_kept_until_a_date_in_1970() {
        assert_eq!(Ttl::seconds(2_592_000), Some(Ttl(2_592_000)));
        assert_eq!(Ttl::seconds(2_592_001), None);
        assert_eq!(Ttl::seconds(0), None);
    }
}
