//! `greenbite order`

use chrono::Utc;
use contracts::kitchen::Step;
use daybook::spreadsheet::money;
use store::Store;
use store::kitchen::{NewStep, Pressed, StepError};

use crate::cli::{End, complain, say, say_json, table};
use crate::site::Site;

/// Orders that are listed at most.
const MOST: u32 = 500;

/// `greenbite order`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Orders that are neither collected nor voided, oldest first
    List {
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// The kitchen begins to make it: accepted to preparing
    Start(Press),
    /// It is made: preparing to ready
    Ready(Press),
    /// The customer has it: ready to collected
    Collect(Press),
    /// It was not ready after all: back to preparing
    Recall(Press),
    /// Calls it off, as long as it is not ready; wants --why
    Void(Void),
}

/// Which order, and who takes the step.
#[derive(Debug, clap::Args)]
pub struct Order {
    /// The order's number, as `greenbite order list` shows it
    number: i64,
    /// Who takes the step [default: the user of this machine]
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
}

/// A step with an order.
#[derive(Debug, clap::Args)]
pub struct Press {
    #[command(flatten)]
    order: Order,
    /// Why, for whoever reads its history
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

/// `greenbite order void`
#[derive(Debug, clap::Args)]
pub struct Void {
    #[command(flatten)]
    order: Order,
    /// Why, for whoever reads its history
    #[arg(long, value_name = "TEXT")]
    why: String,
}

/// Lists orders, or takes a step with one.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let store = site.store().await?;
    let (step, press) = match command {
        Command::List { json } => return list(&store, json).await,
        Command::Start(press) => (Step::Start, press),
        Command::Ready(press) => (Step::Ready, press),
        Command::Collect(press) => (Step::Collect, press),
        Command::Recall(press) => (Step::Recall, press),
        Command::Void(Void { order, why }) => (Step::Void, Press { order, why: Some(why) }),
    };
    let Order { number, who } = press.order;
    let new = NewStep { number, step, who: who.unwrap_or_else(user), why: press.why, after: None };
    match store.take_step(&new).await {
        Ok(Pressed::Now(taken)) => say(&format!("order {number} is {} now", taken.state)),
        Ok(Pressed::Before(state, None)) => say(&format!("order {number} is {state} already")),
        Ok(Pressed::Before(state, Some(last))) => {
            say(&format!("order {number} is {state} already, {}", last.told()));
        }
        Err(StepError::Database(error)) => return Err(error.into()),
        Err(refused) => {
            complain(&refused.to_string());
            return Ok(End::NeedsPerson);
        }
    }
    Ok(End::Done)
}

async fn list(store: &Store, json: bool) -> anyhow::Result<End> {
    let orders = store.open_orders(MOST).await?;
    if json {
        say_json(&orders)?;
        return Ok(End::Done);
    }
    if orders.is_empty() {
        say("no order is open");
        return Ok(End::Done);
    }
    let mut rows = table(&["order", "state", "for", "items", "total", "message"]);
    for order in &orders {
        rows.add_row([
            order.number.to_string(),
            order.state.to_string(),
            format!("{} min", (Utc::now() - order.since).num_minutes().max(0)),
            order.items.clone(),
            money(order.total_cents),
            order.message_id.to_string(),
        ]);
    }
    say(&rows.to_string());
    if orders.len() == MOST as usize {
        say(&format!("These are the oldest {MOST}; there may be more."));
    }
    Ok(End::Done)
}

/// Who is logged in; in a container nobody is.
pub fn user() -> String {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.trim().is_empty());
    named("USER").or_else(|| named("LOGNAME")).unwrap_or_else(|| "operator".to_owned())
}
