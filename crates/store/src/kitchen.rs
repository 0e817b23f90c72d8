//! Orders in the kitchen, and the steps that people take with them.

use chrono::{DateTime, Utc};
use contracts::kitchen::{State, Step};
use contracts::{Message, MessageId, Modifier};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::messages::{BEGIN_RELAY, generation};
use crate::registration::from_json;
use crate::{Error, Store};

/// Characters of a name at most.
const LONGEST_NAME: usize = 80;
/// Characters of a reason at most.
const LONGEST_REASON: usize = 500;

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
    /// How many steps the order had when it was pressed, where whoever presses knows: a press that is repeated,
    /// because its answer was lost, then never counts as a second one.
    pub after: Option<i32>,
}

impl NewStep {
    /// Who and why, where they will do.
    fn checked(&self) -> Result<(&str, Option<&str>), StepError> {
        let who = self.who.trim();
        let why = self.why.as_deref().map(str::trim).filter(|why| !why.is_empty());
        if who.is_empty() {
            return Err(StepError::NoName(self.number));
        }
        if self.step == Step::Void && why.is_none() {
            return Err(StepError::NoReason(self.number));
        }
        if !is_fit(who, LONGEST_NAME) || why.is_some_and(|why| !is_fit(why, LONGEST_REASON)) {
            return Err(StepError::TooLong(self.number));
        }
        Ok((who, why))
    }

    /// What came of it, where it was taken before: the order is so already, or what followed the steps that the presser
    /// saw is this one. That something else followed them is an error: the presser looked at another order than there is.
    fn pressed_before(&self, state: State, before: &[TakenStep]) -> Result<Option<Pressed>, StepError> {
        let followed =
            self.after.and_then(|seen| before.iter().find(|taken| taken.step == seen.saturating_add(1)));
        if let Some(taken) = followed.filter(|taken| taken.state == self.step.to()) {
            return Ok(Some(Pressed::Before(state, Some(taken.clone()))));
        }
        if state == self.step.to() {
            return Ok(Some(Pressed::Before(state, before.last().cloned())));
        }
        match followed {
            Some(_) => Err(StepError::Overtaken { number: self.number, state, step: self.step }),
            None => Ok(None),
        }
    }
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
    /// Somebody has taken another step since the order was looked at.
    #[error(
        "somebody else was faster: order {number} is {state} now, so '{step}' was not done. Look at it, and press again if it is still to be done."
    )]
    Overtaken {
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
    /// A name or a reason is too long.
    #[error(
        "order {0}: a name has {LONGEST_NAME} characters at most and a reason {LONGEST_REASON}, without control characters"
    )]
    TooLong(i64),
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

/// An order on the kitchen's screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ticket {
    /// Its number.
    pub number: i64,
    /// The message that it comes from.
    pub message_id: i64,
    /// How far it is.
    pub state: State,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How many steps were taken with it.
    pub steps: i32,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// The customer, where the channel names one.
    pub customer: Option<String>,
    /// What the customer wrote.
    pub text: String,
    /// Why the line took it for this order.
    pub reason: String,
    /// Its lines.
    pub lines: Vec<TicketLine>,
}

/// A line of an order on the kitchen's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketLine {
    /// The item's name on the menu.
    pub item: String,
    /// The item in the customer's words.
    pub phrase: String,
    /// Where the menu has it: `Grill`; none where the item has left the menu.
    pub category: Option<String>,
    /// How many.
    pub quantity: u32,
    /// The size under its canonical name.
    pub size: Option<String>,
    /// Wishes about the item.
    pub modifiers: Vec<Modifier>,
}

impl Store {
    /// Takes a step with an order, or says that it is so already, which adds nothing.
    pub async fn take_step(&self, new: &NewStep) -> Result<Pressed, StepError> {
        let number = new.number;
        let (who, why) = new.checked()?;
        let mut tx = self.pool.begin().await?;
        let order = sqlx::query!("SELECT message_id, state FROM orders WHERE id = $1 FOR UPDATE", number)
            .fetch_optional(&mut *tx)
            .await?
            .ok_or(StepError::NoOrder(number))?;
        let state = parse(&order.state)?;
        let before = taken(&mut tx, MessageId(order.message_id)).await?;
        if let Some(pressed) = new.pressed_before(state, &before)? {
            return Ok(pressed);
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

    /// How far the order of this number is; none where there is no such order.
    pub async fn order_state(&self, number: i64) -> Result<Option<State>, Error> {
        let state = sqlx::query_scalar!("SELECT state FROM orders WHERE id = $1", number);
        state.fetch_optional(&self.pool).await?.as_deref().map(parse).transpose()
    }

    /// A customer's latest order of the last day, by its number, and how far it is.
    pub async fn latest_order_of(&self, customer: &str) -> Result<Option<(i64, State)>, Error> {
        let order = sqlx::query!(
            "SELECT o.id, o.state FROM messages m JOIN orders o ON o.message_id = m.id
             WHERE m.customer = $1 AND m.outcome = 'order' AND m.received_at > now() - interval '1 day'
             ORDER BY m.received_at DESC LIMIT 1",
            customer,
        )
        .fetch_optional(&self.pool)
        .await?;
        order.map(|order| Ok((order.id, parse(&order.state)?))).transpose()
    }

    /// The steps that were taken with a message's order, first to last.
    pub async fn order_steps(&self, id: MessageId) -> Result<Vec<TakenStep>, Error> {
        taken(&mut *self.pool.acquire().await?, id).await
    }

    /// Takes steps that the bus does not know of yet, out of every other relay's sight, at most one of an order: so
    /// that the bus hears of an order's steps in their order.
    ///
    /// They stay taken until the batch is committed or dropped.
    pub async fn steps_to_tell(&self, limit: u32) -> Result<StepBatch, Error> {
        let mut tx = self.pool.begin_with(BEGIN_RELAY).await?;
        let rows = sqlx::query!(
            "SELECT o.id AS number, s.step, s.state, s.at, s.who, s.why,
                    m.id, m.generation, m.received_at, m.source, m.customer, m.text
             FROM order_steps s JOIN orders o USING (message_id) JOIN messages m ON m.id = s.message_id
             WHERE s.published_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM order_steps e
                               WHERE e.message_id = s.message_id AND e.step < s.step AND e.published_at IS NULL)
             ORDER BY s.at FOR NO KEY UPDATE OF s SKIP LOCKED LIMIT $1",
            i64::from(limit),
        )
        .fetch_all(&mut *tx)
        .await?;
        let mut steps = Vec::with_capacity(rows.len());
        for row in rows {
            let taken = TakenStep {
                step: row.step,
                state: parse(&row.state)?,
                at: row.at,
                who: row.who,
                why: row.why,
            };
            let message = Message {
                id: MessageId(row.id),
                generation: generation(row.generation),
                received_at: row.received_at,
                source: row.source,
                customer: row.customer,
                text: row.text,
            };
            steps.push(UntoldStep { number: row.number, message, taken });
        }
        Ok(StepBatch { tx, steps })
    }

    /// Has steps told again that were published before a time, as long as they are not older than a week: what a bus
    /// that lost its storage no longer knows.
    pub async fn tell_steps_again(&self, published_before: DateTime<Utc>) -> Result<u64, Error> {
        let done = sqlx::query!(
            "UPDATE order_steps SET published_at = NULL
             WHERE published_at < $1 AND published_at > now() - interval '7 days'",
            published_before,
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// What the kitchen still has to do with, oldest first; of too many the newest: an order that nobody ever collected
    /// must not hide tonight's.
    pub async fn tickets(&self, limit: u32) -> Result<Vec<Ticket>, Error> {
        let rows = sqlx::query!(
            r#"SELECT o.id, o.message_id, o.state, o.created_at, o.customer, o.reason, m.text,
                      coalesce(s.at, o.created_at) AS "since!", coalesce(s.step, 0) AS "steps!",
                      (SELECT coalesce(jsonb_agg(jsonb_build_object('item', i.item, 'phrase', i.phrase,
                                                 'category', nullif(menu.category, ''), 'quantity', i.quantity,
                                                 'size', i.size, 'modifiers', i.modifiers) ORDER BY i.position), '[]')
                       FROM order_items i LEFT JOIN menu_items menu ON menu.slug = i.slug
                       WHERE i.order_id = o.id) AS "lines!"
               FROM orders o JOIN messages m ON m.id = o.message_id
               LEFT JOIN LATERAL (SELECT at, step FROM order_steps WHERE message_id = o.message_id
                                  ORDER BY step DESC LIMIT 1) s ON true
               WHERE o.state NOT IN ('collected', 'voided') ORDER BY o.id DESC LIMIT $1"#,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .rev()
            .map(|row| {
                Ok(Ticket {
                    number: row.id,
                    message_id: row.message_id,
                    state: parse(&row.state)?,
                    since: row.since,
                    steps: row.steps,
                    created_at: row.created_at,
                    customer: row.customer,
                    text: row.text,
                    reason: row.reason,
                    lines: from_json(row.lines, "order lines", MessageId(row.message_id))?,
                })
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

/// A step that waits to be told on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntoldStep {
    /// The order's number.
    pub number: i64,
    /// The message that it comes from.
    pub message: Message,
    /// The step.
    pub taken: TakenStep,
}

/// Steps on their way to the bus, locked until they are marked and committed; see [`crate::messages::RelayBatch`].
pub struct StepBatch {
    tx: Transaction<'static, Postgres>,
    steps: Vec<UntoldStep>,
}

impl StepBatch {
    /// The steps, oldest first, at most one of an order.
    pub fn steps(&self) -> &[UntoldStep] {
        &self.steps
    }

    /// The bus has confirmed the steps with these places in [`StepBatch::steps`]: makes that stand.
    pub async fn commit(mut self, told: &[usize]) -> Result<(), Error> {
        let told: Vec<&UntoldStep> = told.iter().filter_map(|at| self.steps.get(*at)).collect();
        sqlx::query!(
            "UPDATE order_steps s SET published_at = clock_timestamp()
             FROM unnest($1::bigint[], $2::integer[]) AS told (message_id, step)
             WHERE s.message_id = told.message_id AND s.step = told.step",
            &told.iter().map(|step| step.message.id.0).collect::<Vec<_>>(),
            &told.iter().map(|step| step.taken.step).collect::<Vec<_>>(),
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(self.tx.commit().await?)
    }
}

/// The steps that were taken with a message's order, first to last.
async fn taken(connection: &mut PgConnection, id: MessageId) -> Result<Vec<TakenStep>, Error> {
    let rows = sqlx::query!(
        "SELECT step, state, at, who, why FROM order_steps WHERE message_id = $1 ORDER BY step",
        id.0,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let state = parse(&row.state)?;
            Ok(TakenStep { step: row.step, state, at: row.at, who: row.who, why: row.why })
        })
        .collect()
}

/// Whether a name or a reason can be shown on a ticket.
fn is_fit(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && !text.chars().any(char::is_control)
}

fn parse(stored: &str) -> Result<State, Error> {
    stored.parse().map_err(Error::unreadable)
}
