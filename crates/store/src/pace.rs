//! How many orders a minute are taken without a person: of one customer, and of all together.
//!
//! Counted are the rows themselves, under a lock that all registrars share: so the limits hold however many there
//! are, and after a restart. A minute is one of the customers' time, not of the line's: what waited for an outage
//! to end and is registered in one go was sent in its own time.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::group::Operation;
use crate::housekeeping::COUNTING;
use crate::orders::NewOrder;
use crate::registration::Registered;
use crate::reviews::NewReview;
use crate::{Error, Store};

/// The most orders within a minute that need no person; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Of one customer.
    pub of_customer: u32,
    /// Of all together.
    pub of_all: u32,
}

/// An order, and what it is if it comes too fast: a review.
#[derive(Debug, Clone, PartialEq)]
pub struct PacedOrder {
    /// What the kitchen gets.
    pub order: NewOrder,
    /// What a person gets instead.
    pub review: NewReview,
}

/// An order that is to be registered, and the orders that stand within a minute of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrival {
    message_id: i64,
    customer: Option<String>,
    received_at: DateTime<Utc>,
    of_customer: i64,
    of_all: i64,
}

impl Pace {
    fn is_limited(&self) -> bool {
        self.of_customer > 0 || self.of_all > 0
    }

    /// Which of these come too fast, and why in a cook's words. Those before them in the list count, unless they come
    /// too fast themselves.
    fn too_fast(&self, arrivals: &[Arrival]) -> HashMap<i64, String> {
        let mut held = HashMap::new();
        let mut taken: Vec<&Arrival> = Vec::new();
        for arrival in arrivals {
            let near: Vec<&&Arrival> = taken
                .iter()
                .filter(|other| (other.received_at - arrival.received_at).abs() < TimeDelta::minutes(1))
                .collect();
            let same =
                near.iter().filter(|near| near.customer.is_some() && near.customer == arrival.customer);
            let is_over = |limit: u32, stands: i64, new: usize| {
                limit > 0 && stands + i64::try_from(new).unwrap_or(i64::MAX) >= i64::from(limit)
            };
            let reason = if is_over(self.of_customer, arrival.of_customer, same.count()) {
                format!(
                    "This customer sent more than {} within a minute: a person looks at the rest",
                    orders(self.of_customer)
                )
            } else if is_over(self.of_all, arrival.of_all, near.len()) {
                format!("More than {} came within a minute: a person looks at the rest", orders(self.of_all))
            } else {
                taken.push(arrival);
                continue;
            };
            held.insert(arrival.message_id, reason);
        }
        held
    }
}

fn orders(count: u32) -> String {
    if count == 1 { "one order".to_owned() } else { format!("{count} orders") }
}

impl Operation for PacedOrder {
    type Context = (Store, Pace);
    type Output = (Registered, Option<String>);
    type Error = Error;

    fn message_id(&self) -> contracts::MessageId {
        self.order.message_id
    }

    async fn run((store, pace): &Self::Context, chunk: &[Self]) -> Result<Vec<Self::Output>, Error> {
        store.register_at_pace(chunk, pace).await
    }
}

impl Store {
    /// Registers orders, all or none, those that come too fast as reviews. Answers in their order, with the reason
    /// of what is held now. What a person has decided is never held.
    pub async fn register_at_pace(
        &self,
        orders: &[PacedOrder],
        pace: &Pace,
    ) -> Result<Vec<(Registered, Option<String>)>, Error> {
        if !pace.is_limited() {
            let orders: Vec<&NewOrder> = orders.iter().map(|paced| &paced.order).collect();
            return Ok(self.register_each(&orders).await?.into_iter().map(|one| (one, None)).collect());
        }
        let mut tx = self.pool.begin().await?;
        let undecided = orders.iter().filter(|paced| paced.order.settled.is_none());
        let undecided: Vec<i64> = undecided.map(|paced| paced.order.message_id.0).collect();
        let mut held = HashMap::new();
        if !undecided.is_empty() {
            sqlx::query!("SELECT pg_advisory_xact_lock($1)", COUNTING).execute(&mut *tx).await?;
            held = pace.too_fast(&arrivals(&mut *tx, &undecided, pace).await?);
        }
        let is_held = |paced: &&PacedOrder| held.contains_key(&paced.order.message_id.0);
        let taken: Vec<&NewOrder> =
            orders.iter().filter(|paced| !is_held(paced)).map(|paced| &paced.order).collect();
        let mut numbers = Store::write_orders(&mut *tx, &taken).await?;
        let reviews: Vec<NewReview> = orders
            .iter()
            .filter_map(|paced| {
                let reason = held.get(&paced.order.message_id.0)?.clone();
                Some(NewReview { reason, ..paced.review.clone() })
            })
            .collect();
        if !reviews.is_empty() {
            numbers.extend(Store::write_reviews(&mut *tx, &reviews.iter().collect::<Vec<_>>()).await?);
        }
        tx.commit().await?;

        let mut results = Vec::with_capacity(orders.len());
        for paced in orders {
            let id = paced.order.message_id;
            let reason = held.remove(&id.0);
            results.push(match (numbers.remove(&id.0), reason) {
                (Some(number), Some(reason)) => (paced.review.registered_as(number), Some(reason)),
                (Some(number), None) => (paced.order.registered_as(number), None),
                (None, _) => (self.registered(id).await?, None),
            });
        }
        Ok(results)
    }
}

/// Those of these messages that have no outcome yet, with the orders that stand within a minute of them. Nobody counts
/// further than to the limit.
async fn arrivals(
    database: impl sqlx::PgExecutor<'_>,
    ids: &[i64],
    pace: &Pace,
) -> Result<Vec<Arrival>, Error> {
    Ok(sqlx::query_as!(
        Arrival,
        r#"SELECT m.id AS message_id, m.customer, m.received_at,
                  (SELECT count(*) FROM (
                       SELECT FROM messages o
                       WHERE o.outcome = 'order' AND o.customer IS NOT NULL AND o.customer = m.customer
                         AND o.received_at > m.received_at - interval '1 minute'
                         AND o.received_at < m.received_at + interval '1 minute' LIMIT $2) AS near
                  ) AS "of_customer!",
                  (SELECT count(*) FROM (
                       SELECT FROM messages o
                       WHERE o.outcome = 'order'
                         AND o.received_at > m.received_at - interval '1 minute'
                         AND o.received_at < m.received_at + interval '1 minute' LIMIT $3) AS near
                  ) AS "of_all!"
           FROM messages m WHERE m.id = ANY($1) AND m.outcome IS NULL ORDER BY m.id"#,
        ids,
        i64::from(pace.of_customer),
        i64::from(pace.of_all),
    )
    .fetch_all(database)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(message_id: i64, customer: Option<&str>, second: i64, stands: (i64, i64)) -> Arrival {
        Arrival {
            message_id,
            customer: customer.map(str::to_owned),
            received_at: DateTime::UNIX_EPOCH + TimeDelta::seconds(second),
            of_customer: stands.0,
            of_all: stands.1,
        }
    }

    #[test]
    fn what_comes_too_fast_is_held_and_what_comes_later_is_not() {
        let pace = |of_customer, of_all| Pace { of_customer, of_all };
        let (ada, bob) = (Some("Ada"), Some("Bob"));
        let of = |list: &[(Option<&str>, i64)], stands| -> Vec<Arrival> {
            list.iter().zip(1..).map(|((who, at), id)| arrival(id, *who, *at, stands)).collect()
        };
        let cases: [(&str, Pace, Vec<Arrival>, &[i64]); 8] = [
            ("no limit", pace(0, 0), of(&[(ada, 0); 50], (99, 99)), &[]),
            ("the third of one customer", pace(2, 0), of(&[(ada, 0), (ada, 1), (ada, 2)], (0, 0)), &[3]),
            ("of others", pace(2, 0), of(&[(ada, 0), (bob, 1), (ada, 2), (bob, 3)], (0, 0)), &[]),
            ("of nobody in particular", pace(1, 0), of(&[(None, 0), (None, 1)], (0, 0)), &[]),
            ("a minute later", pace(1, 0), of(&[(ada, 0), (ada, 59), (ada, 60)], (0, 0)), &[2]),
            ("those that stand already", pace(2, 0), of(&[(ada, 0), (bob, 0)], (2, 9)), &[1, 2]),
            ("of all together", pace(0, 2), of(&[(ada, 0), (bob, 0), (None, 0)], (0, 0)), &[3]),
            ("in any order of coming", pace(1, 0), of(&[(ada, 59), (ada, 0)], (0, 0)), &[2]),
        ];
        for (what, pace, arrivals, held) in cases {
            let mut found: Vec<i64> = pace.too_fast(&arrivals).into_keys().collect();
            found.sort_unstable();
            assert_eq!(found, held, "{what}");
        }
    }

    #[test]
    fn the_reason_is_for_a_cook() {
        let pace = Pace { of_customer: 1, of_all: 2 };
        let held = pace.too_fast(&[arrival(7, Some("Ada"), 0, (1, 1)), arrival(8, None, 0, (0, 2))]);
        assert!(held[&7].starts_with("This customer sent more than one order within a minute"), "{held:?}");
        assert!(held[&8].starts_with("More than 2 orders came within a minute"), "{held:?}");
    }
}
