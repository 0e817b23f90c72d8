//! `greenbite customer`

use std::io::{IsTerminal, Write};

use contracts::MessageId;
use daybook::spreadsheet::money;
use store::Store;
use store::customers::{Known, Whom};

use crate::cli::{End, complain, say, say_json, table};
use crate::site::Site;

/// `greenbite customer`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// What the tables know of a customer
    Show {
        /// The customer's key as messages have it, or the number of one of his or her messages
        #[arg(value_name = "NAME|ID")]
        name: String,
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// Takes words and name out of all that a customer wrote; what was sold stays in the figures
    Forget {
        /// The customer's key as messages have it, or the number of one of his or her messages
        #[arg(value_name = "NAME|ID")]
        name: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Shows a customer or forgets one.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let store = site.store().await?;
    let (Command::Show { name, .. } | Command::Forget { name, .. }) = &command;
    let Some(whom) = store.whom(name).await? else {
        complain(&format!("nobody knows a customer, or a message, {name}"));
        return Ok(End::NeedsPerson);
    };
    let known = store.known(&whom).await?;
    match command {
        Command::Show { json: true, .. } => say_json(&known)?,
        Command::Show { .. } => show(&whom, &known),
        Command::Forget { yes, .. } => {
            show(&whom, &known);
            if !yes && !agreed()? {
                say("nothing was changed");
                return Ok(End::NeedsPerson);
            }
            return forget(site, &store, &known).await;
        }
    }
    Ok(End::Done)
}

fn show(whom: &Whom, known: &[Known]) {
    match whom {
        Whom::Customer(key) => say(&format!("customer {}, {} messages", key.escape_debug(), known.len())),
        Whom::Message(id) => say(&format!("message {id}, which came without a customer's key")),
    }
    let mut rows = table(&["message", "received", "by", "became", "order", "money", "said"]);
    let none = || "-".to_owned();
    for one in known {
        rows.add_row([
            one.message_id.to_string(),
            one.received_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            one.source.clone(),
            one.outcome.clone().unwrap_or_else(|| "under way".to_owned()),
            one.order.map_or_else(none, |number| number.to_string()),
            one.total_cents.map_or_else(none, money),
            one.text.escape_debug().to_string(),
        ]);
    }
    say(&rows.to_string());
}

/// Asks whoever sits there; nobody does in a script, which has to say --yes.
fn agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        complain("nobody can be asked here: say --yes");
        return Ok(false);
    }
    print!("Forget this for good? Type yes: ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Dead letters first: should the bus be away, nothing is forgotten by half and it is asked for again.
async fn forget(site: &Site, store: &Store, known: &[Known]) -> anyhow::Result<End> {
    let ids: Vec<MessageId> =
        known.iter().filter(|one| one.settled).map(|one| MessageId(one.message_id)).collect();
    let bus = site.bus().await?;
    let mut letters = 0;
    for id in &ids {
        letters += bus.delete_dead_letters(*id).await?;
    }
    let done = store.anonymise(&ids).await?;
    say(&format!("{done} messages are nobody's now, and {letters} dead letters are deleted"));
    say(&format!(
        "still there: events on the bus, for {} hours at most, and what was written to files or posted (docs/privacy.md)",
        site.settings.line.max_age_hours
    ));
    let left = known.len() - ids.len();
    if left > 0 {
        complain(&format!(
            "{left} messages are under way, wait for a decision or are in the kitchen's hands: settle them, collect or void \
             the orders, then forget again"
        ));
        return Ok(End::NeedsPerson);
    }
    Ok(End::Done)
}
