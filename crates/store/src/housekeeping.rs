//! Who keeps the house, and who does what is done once a day: one replica of ingest at a time.

use sqlx::{Postgres, Transaction};

use crate::{Error, Store};

// The advisory locks, all of ours: each by a number of its own.
const HOUSE: i64 = 0x6772_6565_6e00;
const DAY: i64 = 0x6772_6565_6e01;
/// Of those who count how many orders come within a minute.
pub(crate) const COUNTING: i64 = 0x6772_6565_6e02;
const TELEGRAM: i64 = 0x6772_6565_6e03;

/// A key: whoever has it is the only one. Dropping it gives it back.
pub struct Key {
    _tx: Transaction<'static, Postgres>,
}

impl Store {
    /// Takes the key of the house; `None` while another replica has it.
    pub async fn take_house_key(&self) -> Result<Option<Key>, Error> {
        self.take_key(HOUSE).await
    }

    /// Takes the key of the day's work; `None` while another replica has it.
    pub async fn take_day_key(&self) -> Result<Option<Key>, Error> {
        self.take_key(DAY).await
    }

    /// Takes the key of Telegram's door, which answers one at a time; `None` while another replica has it.
    pub async fn take_telegram_key(&self) -> Result<Option<Key>, Error> {
        self.take_key(TELEGRAM).await
    }

    async fn take_key(&self, lock: i64) -> Result<Option<Key>, Error> {
        let mut tx = self.pool.begin().await?;
        let taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "taken!""#, lock)
            .fetch_one(&mut *tx)
            .await?;
        Ok(taken.then_some(Key { _tx: tx }))
    }
}
