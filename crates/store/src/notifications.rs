//! What the notifier claims before it sends, and marks when it has sent.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::{Category, Channel, MessageId};

use crate::group::Operation;
use crate::{Error, Store};

/// A notification, by what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The message.
    pub message_id: MessageId,
    /// The category under which it is announced.
    pub category: Category,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It surely has not been sent.
    New,
    /// Somebody claimed it and could not say what came of it: it may have been sent.
    MayHaveBeenSent,
    /// Somebody else is sending it.
    InHand {
        /// When that claim has run out, at the latest.
        free_in: Duration,
    },
    /// It was sent.
    AlreadySent {
        /// How.
        channel: Channel,
        /// Discord's id of it.
        discord_message_id: Option<String>,
        /// It may have been sent twice.
        possible_repeat: bool,
    },
}

/// Where notifications are claimed, and for how long.
pub struct Claims {
    /// The database.
    pub store: Store,
    /// For how long a claim holds against others. Who sends must be done by then, or be dead.
    pub lease: Duration,
}

/// A notification that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Which.
    pub claim: Claim,
    /// How.
    pub channel: Channel,
    /// Discord's id of it.
    pub discord_message_id: Option<String>,
}

/// A row of `notifications`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRow {
    /// The category under which the message is announced.
    pub category: Category,
    /// `sending`, `waiting` or `sent`.
    pub state: String,
    /// When it was last claimed.
    pub claimed_at: DateTime<Utc>,
    /// When it was accepted.
    pub sent_at: Option<DateTime<Utc>>,
    /// How often it was claimed.
    pub attempts: u32,
    /// It may have been sent before.
    pub possible_repeat: bool,
    /// Discord's id of it.
    pub discord_message_id: Option<String>,
}

impl Operation for Claim {
    type Context = Claims;
    type Output = Claimed;
    type Error = Error;

    fn message_id(&self) -> MessageId {
        self.message_id
    }

    async fn run(claims: &Claims, chunk: &[Self]) -> Result<Vec<Claimed>, Error> {
        claims.store.claim_notifications(chunk, claims.lease).await
    }
}

impl Operation for Sent {
    type Context = Store;
    type Output = ();
    type Error = Error;

    fn message_id(&self) -> MessageId {
        self.claim.message_id
    }

    async fn run(store: &Store, chunk: &[Self]) -> Result<Vec<()>, Error> {
        store.mark_sent(chunk).await?;
        Ok(vec![(); chunk.len()])
    }
}

fn columns<'a>(claims: impl Iterator<Item = &'a Claim>) -> (Vec<i64>, Vec<&'static str>) {
    claims.map(|claim| (claim.message_id.0, claim.category.as_str())).unzip()
}

fn category(stored: &str) -> Result<Category, Error> {
    Category::ALL
        .into_iter()
        .find(|category| category.as_str() == stored)
        .ok_or_else(|| Error::unreadable(format!("the unknown category '{stored}'")))
}

const fn channel_word(channel: &Channel) -> &'static str {
    match channel {
        Channel::Discord => "discord",
        Channel::File => "file",
    }
}

impl Store {
    /// Claims notifications before they are sent, all or none; each claim holds for `lease`. Answers in
    /// their order.
    pub async fn claim_notifications(
        &self,
        claims: &[Claim],
        lease: Duration,
    ) -> Result<Vec<Claimed>, Error> {
        let (ids, categories) = columns(claims.iter());
        // A row that is not touched is not returned: what was sent, and what another has in hand. Where a
        // claim ran out, nobody knows what came of it.
        let rows = sqlx::query!(
            r#"INSERT INTO notifications AS n (message_id, category)
               SELECT * FROM unnest($1::bigint[], $2::text[]) AS new (message_id, category)
               ORDER BY message_id, category
               ON CONFLICT ON CONSTRAINT notifications_once DO UPDATE
                   SET state = 'sending', claimed_at = now(), attempts = n.attempts + 1,
                       possible_repeat = n.possible_repeat OR n.state = 'sending'
                   WHERE n.state = 'waiting'
                      OR n.state = 'sending' AND n.claimed_at <= now() - make_interval(secs => $3)
               RETURNING message_id, category, possible_repeat"#,
            &ids,
            &categories as &[&str],
            lease.as_secs_f64(),
        )
        .fetch_all(&self.pool)
        .await?;
        let mut claimed = HashMap::with_capacity(claims.len());
        for row in rows {
            let found = if row.possible_repeat { Claimed::MayHaveBeenSent } else { Claimed::New };
            claimed.insert((row.message_id, category(&row.category)?), found);
        }
        if claimed.len() < claims.len() {
            let others = sqlx::query!(
                r#"SELECT message_id, category, state = 'sent' AS "sent!",
                          channel = 'discord' AS by_discord, discord_message_id, possible_repeat,
                          extract(epoch FROM claimed_at + make_interval(secs => $3) - now())::float8 AS "free_in!"
                   FROM notifications JOIN unnest($1::bigint[], $2::text[]) AS asked (message_id, category)
                        USING (message_id, category)"#,
                &ids,
                &categories as &[&str],
                lease.as_secs_f64(),
            )
            .fetch_all(&self.pool)
            .await?;
            for row in others {
                let found = if row.sent {
                    Claimed::AlreadySent {
                        channel: if row.by_discord == Some(true) { Channel::Discord } else { Channel::File },
                        discord_message_id: row.discord_message_id,
                        possible_repeat: row.possible_repeat,
                    }
                } else {
                    Claimed::InHand { free_in: Duration::try_from_secs_f64(row.free_in).unwrap_or_default() }
                };
                claimed.entry((row.message_id, category(&row.category)?)).or_insert(found);
            }
        }
        claims
            .iter()
            .map(|claim| claimed.get(&(claim.message_id.0, claim.category)).cloned())
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| Error::unreadable("no row for a notification that was claimed"))
    }

    /// Marks notifications as accepted by the other side.
    pub async fn mark_sent(&self, sent: &[Sent]) -> Result<(), Error> {
        let (ids, categories) = columns(sent.iter().map(|sent| &sent.claim));
        sqlx::query!(
            "UPDATE notifications n
             SET state = 'sent', sent_at = now(), channel = sent.channel,
                 discord_message_id = sent.discord_message_id
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
                  AS sent (message_id, category, channel, discord_message_id)
             WHERE n.message_id = sent.message_id AND n.category = sent.category",
            &ids,
            &categories as &[&str],
            &sent.iter().map(|sent| channel_word(&sent.channel)).collect::<Vec<_>>() as &[&str],
            &sent.iter().map(|sent| sent.discord_message_id.as_deref()).collect::<Vec<_>>()
                as &[Option<&str>],
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Gives a claim back after a failure, so that the next try need not wait until it has run out.
    ///
    /// What surely was not sent (the other side refused it, or was not reached) does not look like a
    /// possible repeat then; what `may_have_been_sent` does.
    pub async fn release_claim(&self, claim: Claim, may_have_been_sent: bool) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE notifications SET state = 'waiting', possible_repeat = possible_repeat OR $3
             WHERE message_id = $1 AND category = $2 AND state = 'sending'",
            claim.message_id.0,
            claim.category.as_str(),
            may_have_been_sent,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What went out, or is to go out, about a message.
    pub async fn notifications(&self, id: MessageId) -> Result<Vec<NotificationRow>, Error> {
        let rows = sqlx::query!(
            "SELECT category, state, claimed_at, sent_at, attempts, possible_repeat, discord_message_id
             FROM notifications WHERE message_id = $1 ORDER BY claimed_at",
            id.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(NotificationRow {
                    category: category(&row.category)?,
                    state: row.state,
                    claimed_at: row.claimed_at,
                    sent_at: row.sent_at,
                    attempts: row.attempts.unsigned_abs(),
                    possible_repeat: row.possible_repeat,
                    discord_message_id: row.discord_message_id,
                })
            })
            .collect()
    }

    /// How many notifications are sent, by category.
    pub async fn sent_counts(&self) -> Result<std::collections::BTreeMap<Category, u64>, Error> {
        let rows = sqlx::query!(
            r#"SELECT category, count(*) AS "count!" FROM notifications WHERE state = 'sent' GROUP BY 1"#
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(|row| Ok((category(&row.category)?, row.count.unsigned_abs()))).collect()
    }
}
