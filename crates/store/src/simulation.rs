//! Where a replay of a data set stopped.

use crate::messages::{Inserted, NewMessage, insert_all};
use crate::{Error, Store};

impl Store {
    /// The row with which the replay of this data set goes on; 0 for one that never ran.
    pub async fn simulation_position(&self, data_set: &str) -> Result<u64, Error> {
        let next = sqlx::query_scalar!("SELECT next_row FROM simulations WHERE data_set = $1", data_set)
            .fetch_optional(&self.pool)
            .await?;
        Ok(next.map_or(0, i64::unsigned_abs))
    }

    /// Takes the next messages of a replay in and moves its position, both or neither.
    pub async fn insert_simulated(
        &self,
        data_set: &str,
        next_row: u64,
        messages: &[NewMessage],
    ) -> Result<Vec<Inserted>, Error> {
        let mut tx = self.pool.begin().await?;
        let inserted = insert_all(&mut tx, messages, &[]).await?;
        set_position(&mut tx, data_set, next_row).await?;
        tx.commit().await?;
        Ok(inserted)
    }

    /// Moves the position of a replay, say back to the beginning.
    pub async fn set_simulation_position(&self, data_set: &str, next_row: u64) -> Result<(), Error> {
        set_position(&mut *self.pool.acquire().await?, data_set, next_row).await
    }
}

async fn set_position(
    connection: &mut sqlx::PgConnection,
    data_set: &str,
    next_row: u64,
) -> Result<(), Error> {
    let next_row = i64::try_from(next_row).unwrap_or(i64::MAX);
    sqlx::query!(
        "INSERT INTO simulations (data_set, next_row) VALUES ($1, $2)
         ON CONFLICT (data_set) DO UPDATE SET next_row = excluded.next_row, updated_at = now()",
        data_set,
        next_row,
    )
    .execute(connection)
    .await?;
    Ok(())
}
