//! Who keeps the house: one replica of ingest at a time.

use sqlx::{Postgres, Transaction};

use crate::{Error, Store};

/// The advisory lock of the house, by any number that nothing else of ours takes.
const HOUSE: i64 = 0x6772_6565_6e00;

/// The key of the house: whoever has it is the only one. Dropping it gives it back.
pub struct HouseKey {
    _tx: Transaction<'static, Postgres>,
}

impl Store {
    /// Takes the key of the house; `None` while another replica has it.
    pub async fn take_house_key(&self) -> Result<Option<HouseKey>, Error> {
        let mut tx = self.pool.begin().await?;
        let taken = sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "taken!""#, HOUSE)
            .fetch_one(&mut *tx)
            .await?;
        Ok(taken.then_some(HouseKey { _tx: tx }))
    }
}
