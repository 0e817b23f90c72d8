//! The days whose orders were written to a file by themselves.

use chrono::NaiveDate;

use crate::{Error, Store};

impl Store {
    /// The latest day that was written.
    pub async fn last_export(&self) -> Result<Option<NaiveDate>, Error> {
        Ok(sqlx::query_scalar!("SELECT max(day) FROM daily_exports").fetch_one(&self.pool).await?)
    }

    /// Notes that a day was written.
    pub async fn note_export(&self, day: NaiveDate, file: &str, orders: usize) -> Result<(), Error> {
        sqlx::query!(
            "INSERT INTO daily_exports (day, file, orders) VALUES ($1, $2, $3) ON CONFLICT (day) DO NOTHING",
            day,
            file,
            i64::try_from(orders).unwrap_or(i64::MAX),
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
