//! Orders and their lines.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::{MessageId, Modifier, RegisteredLine, RegisteredOrder, Registration, Settlement};

use crate::group::Operation;
use crate::registration::{Registered, from_json, to_json};
use crate::{Error, Store};

/// An order to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// The message that it comes from.
    pub message_id: MessageId,
    /// An opaque key of the customer.
    pub customer: Option<String>,
    /// Its lines.
    pub lines: Vec<NewLine>,
    /// Its total in cents.
    pub total_cents: i64,
    /// The menu version that it was judged and priced by.
    pub menu_version: String,
    /// Why it was accepted.
    pub reason: String,
    /// The person's decision, where it was a review: only then may it take a review's place.
    pub settled: Option<Settlement>,
}

/// A line of an order to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// The item in the customer's words.
    pub phrase: String,
    /// What the kitchen makes.
    pub line: RegisteredLine,
}

/// One line of an order, for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedLine {
    /// The order's number.
    pub order_number: i64,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The message that it comes from.
    pub message_id: MessageId,
    /// What the customer wrote.
    pub text: String,
    /// An opaque key of the customer.
    pub customer: Option<String>,
    /// How far the order is.
    pub status: String,
    /// The order's total in cents.
    pub order_total_cents: i64,
    /// What the kitchen makes.
    pub line: RegisteredLine,
}

impl NewOrder {
    /// What is told of it once it is written under this number.
    pub(crate) fn registered_as(&self, number: i64) -> Registered {
        let lines = self.lines.iter().map(|new| new.line.clone()).collect();
        Registered::New(Registration::Order {
            order: RegisteredOrder { number, lines, total_cents: self.total_cents },
        })
    }
}

impl Operation for NewOrder {
    type Context = Store;
    type Output = Registered;
    type Error = Error;

    fn message_id(&self) -> MessageId {
        self.message_id
    }

    async fn run(store: &Store, chunk: &[Self]) -> Result<Vec<Registered>, Error> {
        store.register_orders(chunk).await
    }
}

impl Store {
    /// Registers orders, all or none, in one statement: outcome, order and lines. Answers in their order.
    pub async fn register_orders(&self, orders: &[NewOrder]) -> Result<Vec<Registered>, Error> {
        self.register_each(&orders.iter().collect::<Vec<_>>()).await
    }

    pub(crate) async fn register_each(&self, orders: &[&NewOrder]) -> Result<Vec<Registered>, Error> {
        let mut numbers = Store::write_orders(&self.pool, orders).await?;
        let mut results = Vec::with_capacity(orders.len());
        for order in orders {
            results.push(match numbers.remove(&order.message_id.0) {
                Some(number) => order.registered_as(number),
                None => self.registered(order.message_id).await?,
            });
        }
        Ok(results)
    }

    /// Writes those orders whose message may still become one: their numbers by message.
    pub(crate) async fn write_orders(
        database: impl sqlx::PgExecutor<'_>,
        orders: &[&NewOrder],
    ) -> Result<HashMap<i64, i64>, Error> {
        let lines: Vec<(i64, i32, &NewLine)> = orders
            .iter()
            .flat_map(|order| {
                order.lines.iter().zip(1..).map(|(line, position)| (order.message_id.0, position, line))
            })
            .collect();
        let modifiers =
            lines.iter().map(|(_, _, new)| to_json(&new.line.modifiers)).collect::<Result<Vec<_>, _>>()?;
        let written = sqlx::query!(
            r#"WITH new AS (
                   SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[],
                                        $6::text[], $7::timestamptz[])
                   AS new (message_id, customer, total_cents, menu_version, reason, settled_by, settled_at)
               ), first AS (
                   UPDATE messages m SET outcome = 'order', outcome_at = now()
                   FROM new
                   WHERE m.id = new.message_id
                     AND (m.outcome IS NULL
                          OR (m.outcome = 'review' AND new.settled_by IS NOT NULL
                              AND NOT EXISTS (SELECT 1 FROM reviews r
                                              WHERE r.message_id = m.id AND r.decision = 'rejected')))
                   RETURNING m.id
               ), decided AS (
                   UPDATE reviews r SET decision = 'accepted', decided_by = new.settled_by,
                                        decided_at = new.settled_at, decided_lines = r.lines
                   FROM new JOIN first ON first.id = new.message_id
                   WHERE r.message_id = new.message_id AND new.settled_by IS NOT NULL AND r.decision IS NULL
               ), ordered AS (
                   INSERT INTO orders (message_id, customer, total_cents, menu_version, reason)
                   SELECT message_id, customer, total_cents, menu_version, reason
                   FROM new JOIN first ON first.id = new.message_id ORDER BY message_id
                   RETURNING id, message_id
               ), items AS (
                   INSERT INTO order_items (order_id, position, phrase, slug, item, quantity, size, modifiers,
                                            unit_price_cents, total_cents)
                   SELECT ordered.id, position, phrase, slug, item, quantity::integer, size, modifiers,
                          unit_price_cents, total_cents
                   FROM unnest($8::bigint[], $9::integer[], $10::text[], $11::text[], $12::text[], $13::bigint[],
                               $14::text[], $15::jsonb[], $16::bigint[], $17::bigint[])
                        AS line (message_id, position, phrase, slug, item, quantity, size, modifiers,
                                 unit_price_cents, total_cents)
                   JOIN ordered USING (message_id)
               )
               SELECT id AS "id!", message_id AS "message_id!" FROM ordered"#,
            &orders.iter().map(|order| order.message_id.0).collect::<Vec<_>>(),
            &orders.iter().map(|order| order.customer.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
            &orders.iter().map(|order| order.total_cents).collect::<Vec<_>>(),
            &orders.iter().map(|order| order.menu_version.as_str()).collect::<Vec<_>>() as &[&str],
            &orders.iter().map(|order| order.reason.as_str()).collect::<Vec<_>>() as &[&str],
            &orders.iter().map(|order| order.settled.as_ref().map(|s| s.by.as_str())).collect::<Vec<_>>()
                as &[Option<&str>],
            &orders.iter().map(|order| order.settled.as_ref().map(|s| s.at)).collect::<Vec<_>>()
                as &[Option<DateTime<Utc>>],
            &lines.iter().map(|(message_id, _, _)| *message_id).collect::<Vec<_>>(),
            &lines.iter().map(|(_, position, _)| *position).collect::<Vec<_>>(),
            &lines.iter().map(|(_, _, new)| new.phrase.as_str()).collect::<Vec<_>>() as &[&str],
            &lines.iter().map(|(_, _, new)| new.line.slug.as_str()).collect::<Vec<_>>() as &[&str],
            &lines.iter().map(|(_, _, new)| new.line.item.as_str()).collect::<Vec<_>>() as &[&str],
            &lines.iter().map(|(_, _, new)| i64::from(new.line.quantity)).collect::<Vec<_>>(),
            &lines.iter().map(|(_, _, new)| new.line.size.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
            &modifiers,
            &lines.iter().map(|(_, _, new)| new.line.unit_price_cents).collect::<Vec<_>>(),
            &lines.iter().map(|(_, _, new)| new.line.total_cents).collect::<Vec<_>>(),
        )
        .fetch_all(database)
        .await?;
        Ok(written.into_iter().map(|row| (row.message_id, row.id)).collect())
    }

    pub(crate) async fn standing_order(
        &self,
        id: MessageId,
    ) -> Result<(Registration, Option<String>), Error> {
        let order = sqlx::query!("SELECT id, total_cents, reason FROM orders WHERE message_id = $1", id.0)
            .fetch_one(&self.pool)
            .await?;
        let rows = sqlx::query!(
            "SELECT slug, item, quantity, size, modifiers, unit_price_cents, total_cents
             FROM order_items WHERE order_id = $1 ORDER BY position",
            order.id,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            lines.push(RegisteredLine {
                item: row.item,
                slug: row.slug,
                quantity: row.quantity.unsigned_abs(),
                size: row.size,
                modifiers: from_json::<Vec<Modifier>>(row.modifiers, "modifiers", id)?,
                unit_price_cents: row.unit_price_cents,
                total_cents: row.total_cents,
            });
        }
        let order =
            (RegisteredOrder { number: order.id, lines, total_cents: order.total_cents }, order.reason);
        Ok((Registration::Order { order: order.0 }, Some(order.1)))
    }

    /// Every line of the orders that were registered from a time on and before another, by number.
    pub async fn orders_between(
        &self,
        from: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> Result<Vec<OrderedLine>, Error> {
        let rows = sqlx::query!(
            "SELECT o.id, o.created_at, o.message_id, m.text, o.customer, o.state AS status,
                    o.total_cents AS order_total_cents, i.item, i.slug, i.quantity, i.size, i.modifiers,
                    i.unit_price_cents, i.total_cents
             FROM orders o
             JOIN messages m ON m.id = o.message_id
             JOIN order_items i ON i.order_id = o.id
             WHERE o.created_at >= $1 AND o.created_at < $2
             ORDER BY o.id, i.position",
            from,
            before,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let message_id = MessageId(row.message_id);
                Ok(OrderedLine {
                    order_number: row.id,
                    created_at: row.created_at,
                    message_id,
                    text: row.text,
                    customer: row.customer,
                    status: row.status,
                    order_total_cents: row.order_total_cents,
                    line: RegisteredLine {
                        item: row.item,
                        slug: row.slug,
                        quantity: row.quantity.unsigned_abs(),
                        size: row.size,
                        modifiers: from_json(row.modifiers, "modifiers", message_id)?,
                        unit_price_cents: row.unit_price_cents,
                        total_cents: row.total_cents,
                    },
                })
            })
            .collect()
    }

    /// How many orders there are, and what they come to in cents.
    pub async fn order_totals(&self) -> Result<(u64, i64), Error> {
        let row = sqlx::query!(
            r#"SELECT count(*) AS "count!", coalesce(sum(total_cents), 0)::bigint AS "cents!" FROM orders"#
        )
        .fetch_one(&self.pool)
        .await?;
        Ok((row.count.unsigned_abs(), row.cents))
    }
}
