//! Orders in the kitchen, and the steps that people take with them.

use chrono::{DateTime, Utc};
use contracts::MessageId;
use contracts::kitchen::{State, Step};
use serde::Serialize;

use crate::{Error, Store};

/// A step that a person takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStep {
    /// The order's number.
    pub number: i64,
    /// What to do with it.
    pub step: Step,
    /// Who does it.
    pub who: String,
    /// Why; to void an order takes a reason.
    pub why: Option<String>,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TakenStep {
    /// Counts the order's steps from 1.
    pub step: i32,
    /// The state that it led to.
    pub state: State,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub who: String,
    /// Why, where somebody said so.
    pub why: Option<String>,
}

impl TakenStep {
    /// Who took it, when and why, in words.
    pub fn told(&self) -> String {
        let told = format!("{} by {}", self.at.format("%Y-%m-%d %H:%M:%S%.3f UTC"), self.who.escape_debug());
        match &self.why {
            Some(why) => format!("{told}: {}", why.escape_debug()),
            None => told,
        }
    }
}

/// What came of a press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressed {
    /// The step was taken now.
    Now(TakenStep),
    /// It is so already, by the order's last step; none where it was registered so.
    Before(State, Option<TakenStep>),
}

/// Why a step was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepError {
    /// The order is in a state that has no such step.
    #[error("order {number} is {state}: '{step}' is not possible. {}", possible(*state))]
    Illegal {
        /// The order's number.
        number: i64,
        /// Its state, which stays.
        state: State,
        /// What was wanted.
        step: Step,
    },
    /// There is no order of that number.
    #[error("there is no order {0}")]
    NoOrder(i64),
    /// Nobody is named who takes the step.
    #[error("order {0}: a step needs the name of who takes it")]
    NoName(i64),
    /// A reason is missing.
    #[error("order {0} was not voided: say why")]
    NoReason(i64),
    /// The database failed; nothing was written.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        StepError::Database(error.into())
    }
}

/// What can be done in a state, in words.
fn possible(state: State) -> String {
    let steps: Vec<&str> = state.possible().map(Step::as_str).collect();
    match steps.as_slice() {
        [] => "Nothing is possible any more.".to_owned(),
        steps => format!("Possible: {}.", steps.join(", ")),
    }
}

/// An order that the kitchen still has to do with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenOrder {
    /// Its number.
    pub number: i64,
    /// The message that it comes from.
    pub message_id: i64,
    /// How far it is.
    pub state: State,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Its items, in one line.
    pub items: String,
    /// Its total in cents.
    pub total_cents: i64,
}

impl Store {
    /// Takes a step with an order, or says that it is so already, which adds nothing.
    pub async fn take_step(&self, new: &NewStep) -> Result<Pressed, StepError> {
        let number = new.number;
        let who = new.who.trim();
        let why = new.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
        if who.is_empty() {
            return Err(StepError::NoName(number));
        }
        if new.step == Step::Void && why.is_none() {
            return Err(StepError::NoReason(number));
        }
        let mut tx = self.pool.begin().await?;
        let order = sqlx::query!("SELECT message_id, state FROM orders WHERE id = $1 FOR UPDATE", number)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(StepError::NoOrder(number))?;
        let state = parse(&order.state)?;
        if state == new.step.to() {
            tx.rollback().await?;
            let last = self.order_steps(MessageId(order.message_id)).await?.pop();
            return Ok(Pressed::Before(state, last));
        }
        let Some(next) = state.after(new.step) else {
            return Err(StepError::Illegal { number, state, step: new.step });
        };
        sqlx::query!("UPDATE orders SET state = $2 WHERE id = $1", number, next.as_str())
            .execute(&mut *tx)
            .await?;
        let written = sqlx::query!(
            "INSERT INTO order_steps (message_id, step, state, who, why)
             SELECT $1, coalesce(max(step), 0) + 1, $2, $3, $4 FROM order_steps WHERE message_id = $1
             RETURNING step, at",
            order.message_id,
            next.as_str(),
            who,
            why,
        )
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Pressed::Now(TakenStep {
            step: written.step,
            state: next,
            at: written.at,
            who: who.to_owned(),
            why: why.map(str::to_owned),
        }))
    }

    /// The steps that were taken with a message's order, first to last.
    pub async fn order_steps(&self, id: MessageId) -> Result<Vec<TakenStep>, Error> {
        let rows = sqlx::query!(
            "SELECT step, state, at, who, why FROM order_steps WHERE message_id = $1 ORDER BY step",
            id.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let state = parse(&row.state)?;
                Ok(TakenStep { step: row.step, state, at: row.at, who: row.who, why: row.why })
            })
            .collect()
    }

    /// Orders that are neither collected nor voided, oldest first.
    pub async fn open_orders(&self, limit: u32) -> Result<Vec<OpenOrder>, Error> {
        let rows = sqlx::query!(
            r#"SELECT o.id, o.message_id, o.state, o.total_cents,
                      coalesce((SELECT max(at) FROM order_steps s WHERE s.message_id = o.message_id),
                               o.created_at) AS "since!",
                      (SELECT coalesce(string_agg(concat_ws(' ', quantity, size, item), ', ' ORDER BY position), '')
                       FROM order_items i WHERE i.order_id = o.id) AS "items!"
               FROM orders o WHERE o.state NOT IN ('collected', 'voided') ORDER BY o.id LIMIT $1"#,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(OpenOrder {
                    number: row.id,
                    message_id: row.message_id,
                    state: parse(&row.state)?,
                    since: row.since,
                    items: row.items,
                    total_cents: row.total_cents,
                })
            })
            .collect()
    }
}

fn parse(stored: &str) -> Result<State, Error> {
    stored.parse().map_err(Error::unreadable)
}
