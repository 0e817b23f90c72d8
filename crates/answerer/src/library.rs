//! What the house has written down, as it is now.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::Utc;
use contracts::{Failure, FailureKind};
use embed::Embedder;
use knowledge::{Answerer, Entry};
use runtime::{Restaurant, StartError};
use store::Store;
use tokio::sync::Mutex;

/// How often the entries are looked at: whoever changes one sees it in the next answer but a few.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The entries that hold today, ready to be searched. Clones share them.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    restaurant: Restaurant,
    /// What questions are answered by, while others may be read.
    shown: RwLock<Option<Arc<Answerer>>>,
    /// Whoever holds it reads for the others as well.
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    entries: Vec<Entry>,
    embedder: Option<Embedder>,
    /// Whether what is shown is read from these entries by this model.
    done: bool,
}

impl Library {
    /// Of this database, where a day begins by the restaurant's clock.
    pub fn new(store: Store, restaurant: Restaurant) -> Self {
        let inner =
            Inner { store, restaurant, shown: RwLock::default(), reading: Mutex::new(Reading::default()) };
        Library { inner: Arc::new(inner) }
    }

    /// What answers questions now.
    pub async fn answerer(&self) -> Result<Arc<Answerer>, store::Error> {
        match self.shown() {
            Some(answerer) => Ok(answerer),
            None => self.refresh().await,
        }
    }

    /// Reads the entries again, if they are others than before.
    async fn refresh(&self) -> Result<Arc<Answerer>, store::Error> {
        let mut reading = self.inner.reading.lock().await;
        let today = self.inner.restaurant.clock(Utc::now()).date_naive();
        let mut entries = self.inner.store.knowledge().await?;
        entries.retain(|entry| entry.holds_on(today));
        let shown = self.shown();
        if let Some(shown) = shown.clone().filter(|_| reading.done && reading.entries == entries) {
            return Ok(shown);
        }
        let embedder = reading.embedder.clone();
        let answerer = Arc::new(match shown {
            Some(before) => before.renewed(entries.clone(), embedder).await,
            None => Answerer::new(entries.clone(), embedder).await,
        });
        tracing::info!(
            entries = entries.len(),
            "the house knows {} entries, read by {}",
            entries.len(),
            answerer.name()
        );
        *self.inner.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(answerer.clone());
        (reading.entries, reading.done) = (entries, true);
        Ok(answerer)
    }

    /// From now on this model reads questions and entries.
    pub async fn take_model(&self, embedder: Embedder) {
        {
            let mut reading = self.inner.reading.lock().await;
            (reading.embedder, reading.done) = (Some(embedder), false);
        }
        if let Err(error) = self.refresh().await {
            tracing::debug!(%error, "the model reads the entries when the database is back");
        }
    }

    /// Keeps up with the entries; ends only where that will never be possible.
    pub async fn follow(self) -> Result<(), StartError> {
        loop {
            match self.refresh().await {
                Err(error) if error.kind() == FailureKind::Fatal => return Err(error.into()),
                Err(error) => tracing::debug!(%error, "the entries cannot be looked at for now"),
                Ok(_) => {}
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn shown(&self) -> Option<Arc<Answerer>> {
        self.inner.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
