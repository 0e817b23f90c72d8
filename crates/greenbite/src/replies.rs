//! `greenbite reply`

use store::replies::ReplyRow;

use crate::cli::{End, complain, say, say_json, table};
use crate::site::Site;

/// What customers were not told.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists what customers were not told, or of which nobody knows whether they were, the latest first
    Failed {
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// For a program
        #[arg(long)]
        json: bool,
    },
    /// Has one of them sent once more, unless it is no longer true
    Again {
        /// Its number, as `failed` lists it
        number: i64,
    },
    /// Ends it: the customer has been told otherwise, or need not be
    Done {
        /// Its number, as `failed` lists it
        number: i64,
    },
}

/// Carries it out.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let store = site.store().await?;
    let (number, done, what) = match command {
        Command::Failed { limit, json } => {
            let failed = store.failed_replies(limit).await?;
            if json {
                say_json(&failed)?
            } else {
                print(&failed)
            }
            return Ok(if failed.is_empty() { End::Done } else { End::NeedsPerson });
        }
        Command::Again { number } => (number, store.reply_again(number).await?, "is sent once more"),
        Command::Done { number } => (number, store.reply_done(number).await?, "is done with"),
    };
    if !done {
        complain(&format!("there is no reply {number} that failed: `greenbite reply failed` lists those"));
        return Ok(End::NeedsPerson);
    }
    say(&format!("Reply {number} {what}."));
    Ok(End::Done)
}

fn print(failed: &[ReplyRow]) {
    if failed.is_empty() {
        say("Every customer was told, or is being told.");
        return;
    }
    let mut rows = table(&["number", "message", "tells", "by", "tries", "became", "why"]);
    for reply in failed {
        rows.add_row([
            reply.id.to_string(),
            reply.message_id.to_string(),
            reply.step.clone(),
            reply.channel.clone(),
            reply.attempts.to_string(),
            reply.outcome.clone().unwrap_or_default(),
            reply.trouble.clone().unwrap_or_default(),
        ]);
    }
    say(&rows.to_string());
    say("`greenbite reply again NUMBER` sends one once more, `greenbite reply done NUMBER` ends it.");
}

/// What became of a reply, in words.
pub fn told(reply: &ReplyRow) -> String {
    let what = format!("{} by {}", reply.step, reply.channel);
    let since = reply.finished_at.unwrap_or(reply.created_at).format("%Y-%m-%d %H:%M:%S%.3f UTC");
    let became = match reply.outcome.as_deref() {
        None => "waits since",
        Some("sent") => "told",
        Some("skipped") => "not told, it was no longer so,",
        Some("unknown") => "perhaps told",
        Some(_) => "not told",
    };
    let told = format!("{what}: {became} {since}");
    match reply.trouble.as_deref().filter(|_| reply.outcome.as_deref() != Some("sent")) {
        Some(trouble) => format!("{told}, {} tries: {trouble}", reply.attempts),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_told_of_in_words() {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let mut row = ReplyRow {
            id: 1,
            message_id: 42,
            step: "ready".to_owned(),
            channel: "telegram".to_owned(),
            created_at: at,
            attempts: 0,
            trouble: None,
            outcome: None,
            finished_at: None,
        };
        assert_eq!(told(&row), "ready by telegram: waits since 2026-01-02 03:04:05.000 UTC");
        row = ReplyRow { outcome: Some("given_up".to_owned()), finished_at: Some(at), attempts: 3, ..row };
        row.trouble = Some("the bot was blocked".to_owned());
        assert_eq!(
            told(&row),
            "ready by telegram: not told 2026-01-02 03:04:05.000 UTC, 3 tries: the bot was blocked"
        );
    }
}
