//! A day in figures: one statement a question, all of them about the same moment.
//!
//! Orders count on the day on which they were registered, as in its CSV file; an order that was voided counts
//! apart, whenever it was.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{Error, Store};

/// Things asked for that are not on the menu, at most.
const MOST: i64 = 20;

/// Orders, and what they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many.
    pub orders: i64,
    /// Their totals in cents.
    pub cents: i64,
}

/// An item of the menu, and how it sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sold {
    /// Its name on the menu.
    pub item: String,
    /// How many.
    pub quantity: i64,
    /// What they came to in cents.
    pub cents: i64,
}

/// The door that orders came in by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Door {
    /// `http`, `csv`, `watch`, `simulation`, `dashboard`.
    pub source: String,
    /// Messages that became orders.
    #[serde(flatten)]
    pub sum: Sum,
}

/// How orders were decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// Registered without a person.
    pub straight_through: i64,
    /// Shown to a person.
    pub asked: i64,
    /// Of these, accepted at the desk.
    pub accepted: i64,
    /// Of these, refused at the desk.
    pub refused: i64,
    /// Of these, still open.
    pub open: i64,
    /// Not on the menu, without a person.
    pub rejected: i64,
}

/// What went wrong, as far as somebody put it right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Orders that the desk accepted with other items than the line had taken them for, or with fewer.
    pub corrected: i64,
    /// Orders that had been called ready too early.
    pub recalled: i64,
    /// Orders that were voided.
    pub voided: Sum,
}

/// An order that was voided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Voided {
    /// Its number.
    pub order: i64,
    /// What it had come to in cents.
    pub cents: i64,
    /// Why.
    pub why: String,
    /// Who did it.
    pub who: String,
}

/// Minutes that passed, of half of the orders at most and of nine in ten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Minutes {
    /// Orders that were measured.
    pub orders: i64,
    /// Half of them took no longer.
    pub p50: Option<f64>,
    /// Nine in ten took no longer.
    pub p90: Option<f64>,
}

/// Something, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Times {
    /// What.
    pub what: String,
    /// How often.
    pub times: i64,
}

/// A day in figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Messages that came in, by what became of them.
    pub messages: Vec<Times>,
    /// Orders that were not voided.
    pub total: Sum,
    /// The same in each of the hours that were asked about.
    pub hours: Vec<Sum>,
    /// The same by item, most money first.
    pub items: Vec<Sold>,
    /// The same by door, most money first.
    pub sources: Vec<Door>,
    /// How orders were decided.
    pub fates: Fates,
    /// What went wrong.
    pub wrong: Wrong,
    /// The orders that were voided.
    pub voids: Vec<Voided>,
    /// From message to registered order.
    pub to_registered: Minutes,
    /// From message to an order that is ready.
    pub to_ready: Minutes,
    /// What was asked for and is not on the menu, in customers' words, most often first; at most 20.
    pub not_on_menu: Vec<Times>,
    /// Enquiries by topic that nobody has answered.
    pub unanswered: Vec<Times>,
}

impl Store {
    /// The figures of the time from the first of these hours on and before another time.
    pub async fn report(&self, hours: &[DateTime<Utc>], before: DateTime<Utc>) -> Result<Report, Error> {
        let from = hours.first().copied().unwrap_or(before);
        let mut day = Questions { tx: self.snapshot().await?, from, before };
        let report = Report {
            messages: day.messages().await?,
            total: day.total().await?,
            hours: day.hours(hours).await?,
            items: day.items().await?,
            sources: day.sources().await?,
            fates: day.fates().await?,
            wrong: day.wrong().await?,
            voids: day.voids().await?,
            to_registered: day.until_registered().await?,
            to_ready: day.until_ready().await?,
            not_on_menu: day.not_on_menu().await?,
            unanswered: day.unanswered().await?,
        };
        day.tx.commit().await?;
        Ok(report)
    }
}

/// The questions about a day.
struct Questions {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    from: DateTime<Utc>,
    before: DateTime<Utc>,
}

impl Questions {
    async fn messages(&mut self) -> Result<Vec<Times>, Error> {
        Ok(sqlx::query_as!(
            Times,
            r#"SELECT coalesce(outcome, 'under way') AS "what!", count(*) AS "times!" FROM messages
               WHERE received_at >= $1 AND received_at < $2 GROUP BY 1 ORDER BY 2 DESC, 1"#,
            self.from,
            self.before,
        )
        .fetch_all(&mut *self.tx)
        .await?)
    }

    async fn total(&mut self) -> Result<Sum, Error> {
        Ok(sqlx::query_as!(
            Sum,
            r#"SELECT count(*) AS "orders!", coalesce(sum(total_cents), 0)::bigint AS "cents!" FROM orders
               WHERE created_at >= $1 AND created_at < $2 AND state <> 'voided'"#,
            self.from,
            self.before,
        )
        .fetch_one(&mut *self.tx)
        .await?)
    }

    /// Which hours there are is the caller's knowledge: on the days of a clock change it is 23 or 25 of them.
    async fn hours(&mut self, hours: &[DateTime<Utc>]) -> Result<Vec<Sum>, Error> {
        let rows = sqlx::query!(
            r#"SELECT width_bucket(created_at, $1::timestamptz[]) AS "hour!", count(*) AS "orders!",
                      sum(total_cents)::bigint AS "cents!"
               FROM orders WHERE created_at >= $2 AND created_at < $3 AND state <> 'voided' GROUP BY 1"#,
            hours,
            self.from,
            self.before,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        let mut sums = vec![Sum::default(); hours.len()];
        for row in rows {
            // Counted from 1; what is before the first was not asked for.
            if let Some(sum) = usize::try_from(row.hour - 1).ok().and_then(|at| sums.get_mut(at)) {
                *sum = Sum { orders: row.orders, cents: row.cents };
            }
        }
        Ok(sums)
    }

    async fn items(&mut self) -> Result<Vec<Sold>, Error> {
        Ok(sqlx::query_as!(
            Sold,
            r#"SELECT i.item, sum(i.quantity)::bigint AS "quantity!", sum(i.total_cents)::bigint AS "cents!"
               FROM orders o JOIN order_items i ON i.order_id = o.id
               WHERE o.created_at >= $1 AND o.created_at < $2 AND o.state <> 'voided'
               GROUP BY 1 ORDER BY 3 DESC, 1"#,
            self.from,
            self.before,
        )
        .fetch_all(&mut *self.tx)
        .await?)
    }

    async fn sources(&mut self) -> Result<Vec<Door>, Error> {
        let rows = sqlx::query!(
            r#"SELECT m.source, count(*) AS "orders!", sum(o.total_cents)::bigint AS "cents!"
               FROM orders o JOIN messages m ON m.id = o.message_id
               WHERE o.created_at >= $1 AND o.created_at < $2 AND o.state <> 'voided'
               GROUP BY 1 ORDER BY 3 DESC, 1"#,
            self.from,
            self.before,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| Door { source: row.source, sum: Sum { orders: row.orders, cents: row.cents } })
            .collect())
    }

    async fn fates(&mut self) -> Result<Fates, Error> {
        Ok(sqlx::query_as!(
            Fates,
            r#"SELECT
                   (SELECT count(*) FROM orders o WHERE o.created_at >= $1 AND o.created_at < $2
                    AND NOT EXISTS (SELECT FROM reviews r WHERE r.message_id = o.message_id)) AS "straight_through!",
                   count(*) AS "asked!",
                   count(*) FILTER (WHERE decision = 'accepted') AS "accepted!",
                   count(*) FILTER (WHERE decision = 'rejected') AS "refused!",
                   count(*) FILTER (WHERE decision IS NULL) AS "open!",
                   (SELECT count(*) FROM enquiries e WHERE e.created_at >= $1 AND e.created_at < $2
                    AND e.not_on_menu <> '[]'
                    AND NOT EXISTS (SELECT FROM reviews r WHERE r.message_id = e.message_id)) AS "rejected!"
               FROM reviews WHERE created_at >= $1 AND created_at < $2"#,
            self.from,
            self.before,
        )
        .fetch_one(&mut *self.tx)
        .await?)
    }

    async fn wrong(&mut self) -> Result<Wrong, Error> {
        let row = sqlx::query!(
            r#"SELECT
                   (SELECT count(*) FROM reviews WHERE created_at >= $1 AND created_at < $2 AND decision = 'accepted'
                    AND jsonb_path_query_array(lines, '$[*].matched.slug')
                        <> jsonb_path_query_array(decided_lines, '$[*].matched.slug')) AS "corrected!",
                   count(*) FILTER (WHERE EXISTS (
                       SELECT FROM order_steps early JOIN order_steps later USING (message_id)
                       WHERE message_id = o.message_id AND early.state = 'ready' AND later.state = 'preparing'
                         AND later.step > early.step)) AS "recalled!",
                   count(*) FILTER (WHERE state = 'voided') AS "voided!",
                   coalesce(sum(total_cents) FILTER (WHERE state = 'voided'), 0)::bigint AS "voided_cents!"
               FROM orders o WHERE created_at >= $1 AND created_at < $2"#,
            self.from,
            self.before,
        )
        .fetch_one(&mut *self.tx)
        .await?;
        Ok(Wrong {
            corrected: row.corrected,
            recalled: row.recalled,
            voided: Sum { orders: row.voided, cents: row.voided_cents },
        })
    }

    async fn voids(&mut self) -> Result<Vec<Voided>, Error> {
        Ok(sqlx::query_as!(
            Voided,
            r#"SELECT o.id AS "order", o.total_cents AS cents, coalesce(s.why, '') AS "why!", s.who
               FROM orders o JOIN order_steps s ON s.message_id = o.message_id AND s.state = 'voided'
               WHERE o.created_at >= $1 AND o.created_at < $2 ORDER BY o.id"#,
            self.from,
            self.before,
        )
        .fetch_all(&mut *self.tx)
        .await?)
    }

    async fn until_registered(&mut self) -> Result<Minutes, Error> {
        Ok(sqlx::query_as!(
            Minutes,
            r#"SELECT count(*) AS "orders!", percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS p50,
                      percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes) AS p90
               FROM (SELECT extract(epoch FROM o.created_at - m.received_at)::float8 / 60 AS minutes
                     FROM orders o JOIN messages m ON m.id = o.message_id
                     WHERE o.created_at >= $1 AND o.created_at < $2) took"#,
            self.from,
            self.before,
        )
        .fetch_one(&mut *self.tx)
        .await?)
    }

    /// Where an order was recalled, it is ready when it was so for the last time.
    async fn until_ready(&mut self) -> Result<Minutes, Error> {
        Ok(sqlx::query_as!(
            Minutes,
            r#"SELECT count(*) AS "orders!", percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS p50,
                      percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes) AS p90
               FROM (SELECT extract(epoch FROM max(s.at) - m.received_at)::float8 / 60 AS minutes
                     FROM orders o JOIN messages m ON m.id = o.message_id
                          JOIN order_steps s ON s.message_id = o.message_id AND s.state = 'ready'
                     WHERE o.created_at >= $1 AND o.created_at < $2 AND o.state IN ('ready', 'collected')
                     GROUP BY m.id) took"#,
            self.from,
            self.before,
        )
        .fetch_one(&mut *self.tx)
        .await?)
    }

    async fn not_on_menu(&mut self) -> Result<Vec<Times>, Error> {
        Ok(sqlx::query_as!(
            Times,
            r#"SELECT lower(btrim(phrase)) AS "what!", count(*) AS "times!" FROM (
                   SELECT jsonb_array_elements_text(not_on_menu) AS phrase FROM enquiries
                   WHERE created_at >= $1 AND created_at < $2
                   UNION ALL
                   SELECT line ->> 'phrase' FROM reviews, jsonb_array_elements(lines) AS line
                   WHERE created_at >= $1 AND created_at < $2 AND decision = 'rejected'
                     AND line ->> 'verdict' <> 'accepted') asked
               GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $3"#,
            self.from,
            self.before,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?)
    }

    async fn unanswered(&mut self) -> Result<Vec<Times>, Error> {
        Ok(sqlx::query_as!(
            Times,
            r#"SELECT topic AS what, count(*) AS "times!" FROM enquiries e
               WHERE created_at >= $1 AND created_at < $2
                 AND NOT EXISTS (SELECT FROM answers a WHERE a.message_id = e.message_id)
               GROUP BY 1 ORDER BY 2 DESC, 1"#,
            self.from,
            self.before,
        )
        .fetch_all(&mut *self.tx)
        .await?)
    }
}
