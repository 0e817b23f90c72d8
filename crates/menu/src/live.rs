//! The menu as it is now, for stations that run for weeks.
//!
//! The cache's index says which version is current. An empty or unreachable cache is no answer but a
//! question to the database, and gets its copy back. Where neither says what is on the menu, there is an
//! outage: nothing may be judged by a menu that nobody vouches for.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use store::Store;
use store::menu::{ItemRow, MenuRows, OptionRow};
use tokio::sync::Mutex;

use crate::cache::{Cache, Line};
use crate::error::Error;
use crate::lexicon::Lexicon;
use crate::model::{Menu, MenuItem, MenuOption};

/// How long a menu is used before somebody asks whether it still is the current one.
const FRESH: Duration = Duration::from_secs(1);
/// How long the cache's word is taken for it: an import that reached the database but not the cache
/// would go unnoticed otherwise.
const CACHE_TRUSTED: Duration = Duration::from_secs(30);

/// The menu as it is now. Clones share it.
#[derive(Debug, Clone)]
pub struct MenuHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    cache: Cache,
    loaded: RwLock<Option<Loaded>>,
    /// Of the last menu that somebody asked for by words.
    lexicon: RwLock<Option<Arc<Lexicon>>>,
    /// Whoever holds it asks for the others as well.
    refreshing: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Loaded {
    menu: Arc<Menu>,
    /// When somebody last said that it is the current one.
    checked: Instant,
    /// When the database last said so; `None` where it is to be asked next time.
    checked_with_database: Option<Instant>,
}

impl Loaded {
    fn is_fresh(&self) -> bool {
        self.checked.elapsed() < FRESH
    }

    /// Whether the cache's word will do.
    fn trusts_cache(&self) -> bool {
        self.checked_with_database.is_some_and(|checked| checked.elapsed() < CACHE_TRUSTED)
    }
}

/// An item that was asked for by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    /// The item.
    pub item: MenuItem,
    /// The cache had it under that key, as the menu has it. Where not, the menu answered alone.
    pub cached: bool,
}

impl MenuHandle {
    /// Of this database and its copy in this cache.
    pub fn new(store: Store, cache: Cache) -> Self {
        let inner = Inner {
            store,
            cache,
            loaded: RwLock::new(None),
            lexicon: RwLock::new(None),
            refreshing: Mutex::new(()),
        };
        MenuHandle { inner: Arc::new(inner) }
    }

    /// The cache, for values of one's own.
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }

    /// The menu, at most about a second old.
    pub async fn menu(&self) -> Result<Arc<Menu>, Error> {
        Ok(self.inner.current().await?.menu)
    }

    /// The words of the menu as it is now, compiled once a version.
    pub async fn lexicon(&self) -> Result<Arc<Lexicon>, Error> {
        let menu = self.menu().await?;
        let known = self.inner.lexicon.read().ok().and_then(|known| known.clone());
        if let Some(known) = known.filter(|known| known.version() == menu.version) {
            return Ok(known);
        }
        let lexicon = Arc::new(Lexicon::new(menu));
        if let Ok(mut known) = self.inner.lexicon.write() {
            *known = Some(lexicon.clone());
        }
        Ok(lexicon)
    }

    /// The items of these keys, in their order, asked of the cache and held against the menu; `None` for
    /// what is not on the menu.
    pub async fn direct(&self, slugs: &[&str]) -> Result<Vec<Option<Direct>>, Error> {
        let menu = self.menu().await?;
        let known: Vec<&str> = slugs.iter().copied().filter(|slug| menu.item(slug).is_some()).collect();
        let lines = self.inner.cache.lines(&known).await;
        let cached = |item: &MenuItem| {
            lines.as_ref().is_ok_and(|lines| lines.get(&item.slug).is_some_and(|line| agrees(line, item)))
        };
        let found: Vec<Option<Direct>> = slugs
            .iter()
            .map(|slug| menu.item(slug).map(|item| Direct { item: item.clone(), cached: cached(item) }))
            .collect();
        match &lines {
            Err(error) => tracing::debug!(%error, "the menu answers for the cache"),
            Ok(_) if found.iter().flatten().any(|direct| !direct.cached) => self.inner.repair(&menu).await,
            Ok(_) => {}
        }
        Ok(found)
    }

    /// Whether there is a menu; what is wrong, if there is none.
    pub async fn probe(&self) -> Result<(), String> {
        self.menu().await.map(drop).map_err(|error| error.to_string())
    }
}

/// Makes a menu the current one: in the database, then in the cache.
///
/// [`Error::NotCached`] says that only the second did not work: the menu stands, and stations
/// that notice fill the cache themselves.
pub async fn import(store: &Store, cache: &Cache, menu: &Menu) -> Result<(), Error> {
    store.replace_menu(&rows(menu)).await?;
    cache.put_menu(menu).await?;
    Ok(())
}

impl Inner {
    async fn current(&self) -> Result<Loaded, Error> {
        let loaded = self.loaded();
        if let Some(fresh) = loaded.as_ref().filter(|loaded| loaded.is_fresh()) {
            return Ok(fresh.clone());
        }
        let _refreshing = self.refreshing.lock().await;
        // Somebody may have asked while this waited.
        if let Some(fresh) = self.loaded().filter(Loaded::is_fresh) {
            return Ok(fresh);
        }
        let refreshed = self.refresh(self.loaded()).await?;
        if let Ok(mut loaded) = self.loaded.write() {
            *loaded = Some(refreshed.clone());
        }
        Ok(refreshed)
    }

    fn loaded(&self) -> Option<Loaded> {
        self.loaded.read().ok().and_then(|loaded| loaded.clone())
    }

    async fn refresh(&self, before: Option<Loaded>) -> Result<Loaded, Error> {
        let cached = self.cache.menu_version().await;
        if let Some(before) = before.as_ref().filter(|before| before.trusts_cache())
            && matches!(&cached, Ok(Some(version)) if *version == before.menu.version)
        {
            return Ok(Loaded { checked: Instant::now(), ..before.clone() });
        }

        let now = Instant::now();
        let current = match self.store.menu_version().await {
            Ok(Some(version)) => version,
            Ok(None) => return Err(Error::Empty),
            Err(away) => return self.without_database(before, away).await,
        };
        let in_cache = matches!(&cached, Ok(Some(version)) if *version == current);
        let (menu, whole) = match before {
            Some(before) if before.menu.version == current => (before.menu, in_cache),
            _ => match self.cache.menu().await {
                Ok(Some(menu)) if menu.version == current => (Arc::new(menu), true),
                _ => (Arc::new(self.store.menu().await?.map(from_rows).ok_or(Error::Empty)?), false),
            },
        };
        let given_back = !whole && cached.is_ok();
        if given_back {
            self.give_back(&menu).await;
        }
        // What was given back may be older than what an import brings at this moment: the database is
        // asked once more.
        Ok(Loaded { menu, checked: now, checked_with_database: (!given_back).then_some(now) })
    }

    /// The database is away: the cache's word has to do.
    async fn without_database(&self, before: Option<Loaded>, away: store::Error) -> Result<Loaded, Error> {
        let cache = match self.cache.menu().await {
            Ok(Some(menu)) => {
                let checked = Instant::now();
                let menu = match before {
                    Some(before) if before.menu.version == menu.version => before.menu,
                    _ => Arc::new(menu),
                };
                // It is known to be away, and not asked again for a while.
                return Ok(Loaded { menu, checked, checked_with_database: Some(checked) });
            }
            Ok(None) => format!("memcached at {} has no whole menu", self.cache.address()),
            Err(error) => error.to_string(),
        };
        Err(Error::Away { cache, store: away })
    }

    /// Fills the cache, which lost or never had this menu. It is only a copy: failing is not grave.
    async fn give_back(&self, menu: &Menu) {
        match self.cache.put_menu(menu).await {
            Ok(()) => tracing::info!(version = %menu.version, "put the menu into the cache"),
            Err(error) => tracing::warn!(%error, "could not put the menu into the cache"),
        }
    }

    /// Repairs the cache, where an item is gone or is not what the menu says.
    async fn repair(&self, menu: &Menu) {
        self.give_back(menu).await;
        if let Ok(mut loaded) = self.loaded.write()
            && let Some(loaded) = loaded.as_mut()
        {
            loaded.checked_with_database = None;
        }
    }
}

fn agrees(line: &Line, item: &MenuItem) -> bool {
    line.name == item.name && line.description == item.description && line.price_cents == item.price_cents
}

fn rows(menu: &Menu) -> MenuRows {
    let items = menu.items.iter().map(|item| ItemRow {
        slug: item.slug.clone(),
        name: item.name.clone(),
        category: item.category.clone(),
        description: item.description.clone(),
        price_cents: item.price_cents,
        aliases: item.aliases.clone(),
    });
    let options = menu.options.iter().map(|option| OptionRow {
        kind: option.kind.clone(),
        name: option.name.clone(),
        aliases: option.aliases.clone(),
        price_cents: option.price_cents,
    });
    MenuRows { version: menu.version.clone(), items: items.collect(), options: options.collect() }
}

fn from_rows(rows: MenuRows) -> Menu {
    let items = rows.items.into_iter().map(|row| MenuItem {
        slug: row.slug,
        name: row.name,
        category: row.category,
        description: row.description,
        price_cents: row.price_cents,
        aliases: row.aliases,
    });
    let options = rows.options.into_iter().map(|row| MenuOption {
        kind: row.kind,
        name: row.name,
        aliases: row.aliases,
        price_cents: row.price_cents,
    });
    Menu { version: rows.version, items: items.collect(), options: options.collect() }
}
