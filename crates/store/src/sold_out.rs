//! What has run out: the truth that every validator asks for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Error, Store};

/// How long whoever asks what is sold out waits: every order does.
const PATIENCE: Duration = Duration::from_secs(2);

/// An item that is not to be had for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldOutItem {
    /// Its key in the cache.
    pub slug: String,
    /// Its name on the menu, when it ran out.
    pub item: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it is back by itself; `None`: when somebody says so.
    pub until: Option<DateTime<Utc>>,
    /// Who said so.
    pub who: String,
}

impl Store {
    /// What is sold out now, by key. An outage, where the database does not say it within two seconds.
    pub async fn sold_out(&self) -> Result<Vec<SoldOutItem>, Error> {
        let items = sqlx::query_as!(
            SoldOutItem,
            "SELECT slug, item, since, until, who FROM sold_out WHERE until IS NULL OR until > now() ORDER BY slug"
        )
        .fetch_all(&self.pool);
        match tokio::time::timeout(PATIENCE, items).await {
            Ok(items) => Ok(items?),
            Err(_) => Err(Error::slow("what is sold out", PATIENCE)),
        }
    }

    /// Notes that an item has run out; what was said of it before no longer counts.
    pub async fn mark_sold_out(
        &self,
        slug: &str,
        item: &str,
        until: Option<DateTime<Utc>>,
        who: &str,
    ) -> Result<(), Error> {
        sqlx::query!(
            "INSERT INTO sold_out (slug, item, until, who) VALUES ($1, $2, $3, $4)
             ON CONFLICT (slug) DO UPDATE SET item = excluded.item, since = excluded.since,
                                              until = excluded.until, who = excluded.who",
            slug,
            item,
            until,
            who,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that an item is there again: whether it was sold out until now.
    pub async fn mark_back(&self, slug: &str) -> Result<bool, Error> {
        let was = sqlx::query_scalar!(
            r#"DELETE FROM sold_out WHERE slug = $1 RETURNING until IS NULL OR until > now() AS "was!""#,
            slug,
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(was.unwrap_or(false))
    }
}
