//! Customers' messages: intake, relay to the bus, reconciliation.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::{Message, MessageId, MessageOutcome};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{Error, Store};

/// The channel on which new rows are announced; see `migrations/0001_messages.sql`.
const CHANNEL: &str = "greenbite_messages";

/// A relay that hangs with its rows locked (stopped, or cut off from the database) would hold up the registrar:
/// the database ends it. Waiting for the bus takes less.
pub(crate) const BEGIN_RELAY: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/// A message that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The door that it comes in by: `http`, `csv`, `watch`, `simulation`, `dashboard`.
    pub source: String,
    /// The sender's own id, so that a repeated request is no second message.
    pub external_id: Option<String>,
    /// An opaque key of the customer.
    pub customer: Option<String>,
    /// What the customer wrote.
    pub text: String,
    /// When the restaurant got it; now, where it is not given.
    pub received_at: Option<DateTime<Utc>>,
}

/// What became of a message that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inserted {
    /// Its row.
    pub id: MessageId,
    /// The row was there before: the sender repeated himself.
    pub repeated: bool,
}

/// A row of `messages`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// What travels on the line.
    pub message: Message,
    /// The sender's own id.
    pub external_id: Option<String>,
    /// When the bus confirmed its current generation.
    pub published_at: Option<DateTime<Utc>>,
    /// Why the line does not carry it.
    pub rejected_reason: Option<String>,
    /// What became of it.
    pub outcome: Option<MessageOutcome>,
    /// Since when.
    pub outcome_at: Option<DateTime<Utc>>,
}

/// A message that has been on its way for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stalled {
    /// The message.
    pub id: MessageId,
    /// Its current generation.
    pub generation: u32,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// When its current generation was published.
    pub published_at: DateTime<Utc>,
}

/// How many messages are where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not yet handed to the bus.
    pub to_relay: u64,
    /// Handed to the bus, without an outcome.
    pub on_the_line: u64,
    /// By outcome.
    pub outcomes: BTreeMap<MessageOutcome, u64>,
    /// Registered, but not (yet) announced.
    pub unannounced: u64,
    /// When the oldest message without an outcome came in.
    pub oldest_without_outcome: Option<DateTime<Utc>>,
}

impl Counts {
    /// All messages.
    pub fn total(&self) -> u64 {
        let open = self.outcomes.values().sum::<u64>();
        open + self.on_the_line + self.to_relay
    }
}

pub(crate) fn generation(stored: i32) -> u32 {
    // A constraint keeps it positive.
    stored.unsigned_abs()
}

pub(crate) fn outcome(stored: &str) -> Result<MessageOutcome, Error> {
    MessageOutcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == stored)
        .ok_or_else(|| Error::unreadable(format!("the unknown outcome '{stored}'")))
}

fn ids_of(ids: &[MessageId]) -> Vec<i64> {
    ids.iter().map(|id| id.0).collect()
}

impl Store {
    /// Takes one message in. Once this returns, it is safe.
    pub async fn insert_message(&self, message: &NewMessage) -> Result<Inserted, Error> {
        let mut inserted = self.insert_messages(std::slice::from_ref(message)).await?;
        inserted.pop().ok_or_else(|| Error::unreadable("no row for the message"))
    }

    /// Takes messages in, all or none; answers in their order.
    pub async fn insert_messages(&self, messages: &[NewMessage]) -> Result<Vec<Inserted>, Error> {
        self.insert_traced(messages, &[]).await
    }

    /// As [`Store::insert_messages`], with the `traceparent` of each, in their order, for the relay to go on from.
    pub async fn insert_traced(
        &self,
        messages: &[NewMessage],
        traceparents: &[String],
    ) -> Result<Vec<Inserted>, Error> {
        let mut tx = self.pool.begin().await?;
        let inserted = insert_all(&mut tx, messages, traceparents).await?;
        tx.commit().await?;
        Ok(inserted)
    }

    /// The row of a message.
    pub async fn message(&self, id: MessageId) -> Result<Option<MessageRow>, Error> {
        let row = sqlx::query!(
            "SELECT id, received_at, source, external_id, customer, text, generation,
                    published_at, rejected_reason, outcome, outcome_at
             FROM messages WHERE id = $1",
            id.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            Ok(MessageRow {
                message: Message {
                    id: MessageId(row.id),
                    generation: generation(row.generation),
                    received_at: row.received_at,
                    source: row.source,
                    customer: row.customer,
                    text: row.text,
                },
                external_id: row.external_id,
                published_at: row.published_at,
                rejected_reason: row.rejected_reason,
                outcome: row.outcome.as_deref().map(outcome).transpose()?,
                outcome_at: row.outcome_at,
            })
        })
        .transpose()
    }

    /// Takes the oldest messages that wait for the bus, out of every other relay's sight.
    ///
    /// They stay taken until the batch is committed or dropped.
    pub async fn relay_batch(&self, limit: u32) -> Result<RelayBatch, Error> {
        let mut tx = self.pool.begin_with(BEGIN_RELAY).await?;
        let rows = sqlx::query!(
            "SELECT id, generation, received_at, source, customer, text, traceparent FROM messages
             WHERE published_at IS NULL AND rejected_reason IS NULL
             ORDER BY id FOR NO KEY UPDATE SKIP LOCKED LIMIT $1",
            i64::from(limit),
        )
        .map(|row| {
            let message = Message {
                id: MessageId(row.id),
                generation: generation(row.generation),
                received_at: row.received_at,
                source: row.source,
                customer: row.customer,
                text: row.text,
            };
            (message, row.traceparent)
        })
        .fetch_all(&mut *tx)
        .await?;
        let (messages, traceparents) = rows.into_iter().unzip();
        Ok(RelayBatch { tx, messages, traceparents })
    }

    /// Word of new rows, as long as the connection holds.
    pub fn new_messages(&self) -> NewMessages {
        NewMessages { store: self.clone(), listener: None }
    }

    /// Messages without an outcome whose current generation was published before a time, oldest id
    /// first, from behind `after` on.
    pub async fn without_outcome(
        &self,
        published_before: DateTime<Utc>,
        after: MessageId,
        limit: u32,
    ) -> Result<Vec<Stalled>, Error> {
        Ok(sqlx::query!(
            r#"SELECT id, generation, received_at, published_at AS "published_at!" FROM messages
               WHERE outcome IS NULL AND published_at < $1 AND id > $2 ORDER BY id LIMIT $3"#,
            published_before,
            after.0,
            i64::from(limit),
        )
        .map(|row| Stalled {
            id: MessageId(row.id),
            generation: generation(row.generation),
            received_at: row.received_at,
            published_at: row.published_at,
        })
        .fetch_all(&self.pool)
        .await?)
    }

    /// Messages that were registered, but whose notification is not known to have been sent, though their
    /// current generation was published before a time: what a bus that lost its storage leaves behind.
    pub async fn unannounced(
        &self,
        published_before: DateTime<Utc>,
        after: MessageId,
        limit: u32,
    ) -> Result<Vec<Stalled>, Error> {
        Ok(sqlx::query!(
            r#"SELECT id, generation, received_at, published_at AS "published_at!" FROM messages m
               WHERE outcome IN ('order', 'review', 'enquiry', 'misc') AND published_at < $1 AND id > $2
                 AND outcome_at < $1
                 AND NOT EXISTS (SELECT 1 FROM notifications n
                                 WHERE n.message_id = m.id AND n.category = m.outcome AND n.state = 'sent')
               ORDER BY id LIMIT $3"#,
            published_before,
            after.0,
            i64::from(limit),
        )
        .map(|row| Stalled {
            id: MessageId(row.id),
            generation: generation(row.generation),
            received_at: row.received_at,
            published_at: row.published_at,
        })
        .fetch_all(&self.pool)
        .await?)
    }

    /// Has these messages published again, as the generation after the one that is named with each.
    ///
    /// A message that is no longer of that generation, or that still waits for its relay, is left alone:
    /// whoever asks twice, or at the same time as another, gets one more generation and not two.
    /// Gives those that were raised, with their new generation.
    pub async fn next_generation(
        &self,
        messages: &[(MessageId, u32)],
    ) -> Result<Vec<(MessageId, u32)>, Error> {
        let ids: Vec<i64> = messages.iter().map(|(id, _)| id.0).collect();
        let generations: Vec<i32> =
            messages.iter().map(|(_, generation)| i32::try_from(*generation).unwrap_or(i32::MAX)).collect();
        Ok(sqlx::query!(
            "UPDATE messages m SET generation = m.generation + 1, published_at = NULL
             FROM unnest($1::bigint[], $2::integer[]) AS asked (id, generation)
             WHERE m.id = asked.id AND m.generation = asked.generation
               AND m.published_at IS NOT NULL AND m.rejected_reason IS NULL
             RETURNING m.id, m.generation",
            &ids,
            &generations,
        )
        .map(|row| (MessageId(row.id), generation(row.generation)))
        .fetch_all(&self.pool)
        .await?)
    }

    /// Gives messages up, as a person decided. Those that have an outcome keep it; gives those that had none.
    pub async fn discard(&self, ids: &[MessageId], reason: &str) -> Result<Vec<MessageId>, Error> {
        Ok(sqlx::query_scalar!(
            "UPDATE messages SET outcome = 'discarded', outcome_at = now(), rejected_reason = $2
             WHERE id = ANY($1) AND outcome IS NULL RETURNING id",
            &ids_of(ids),
            reason,
        )
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .map(MessageId)
        .collect())
    }

    /// How many messages are where.
    pub async fn counts(&self) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        let rows = sqlx::query!(
            r#"SELECT outcome, published_at IS NOT NULL AS "published!", count(*) AS "count!",
                      min(received_at) AS oldest
               FROM messages GROUP BY 1, 2"#
        )
        .fetch_all(&self.pool)
        .await?;
        for row in rows {
            let count = row.count.unsigned_abs();
            match row.outcome {
                Some(stored) => *counts.outcomes.entry(outcome(&stored)?).or_default() += count,
                None => {
                    let place = if row.published { &mut counts.on_the_line } else { &mut counts.to_relay };
                    *place += count;
                    counts.oldest_without_outcome =
                        counts.oldest_without_outcome.into_iter().chain(row.oldest).min();
                }
            }
        }
        counts.unannounced = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM messages m
               WHERE outcome IN ('order', 'review', 'enquiry', 'misc')
                 AND NOT EXISTS (SELECT 1 FROM notifications n
                                 WHERE n.message_id = m.id AND n.category = m.outcome AND n.state = 'sent')"#
        )
        .fetch_one(&self.pool)
        .await?
        .unsigned_abs();
        Ok(counts)
    }
}

/// Messages on their way to the bus, locked until they are marked and committed.
///
/// Dropped without a commit, all of them wait for the next relay: what was published meanwhile
/// is refused by the bus as a duplicate then.
pub struct RelayBatch {
    tx: Transaction<'static, Postgres>,
    messages: Vec<Message>,
    traceparents: Vec<Option<String>>,
}

impl RelayBatch {
    /// The messages, oldest first.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The trace context that each came in with, in the same order.
    pub fn traceparents(&self) -> &[Option<String>] {
        &self.traceparents
    }

    /// The bus has confirmed these.
    pub async fn mark_published(&mut self, ids: &[MessageId]) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE messages SET published_at = clock_timestamp() WHERE id = ANY($1)",
            &ids_of(ids),
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// The line cannot carry this one: that is its outcome, and nobody tries it again.
    pub async fn refuse(&mut self, id: MessageId, reason: &str) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE messages SET outcome = 'refused', outcome_at = clock_timestamp(), rejected_reason = $2
             WHERE id = $1 AND outcome IS NULL",
            id.0,
            reason,
        )
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Makes the marks stand.
    pub async fn commit(self) -> Result<(), Error> {
        Ok(self.tx.commit().await?)
    }
}

/// Wakes whoever relays when rows come in. It may miss some: polling decides what there is to do.
pub struct NewMessages {
    store: Store,
    listener: Option<PgListener>,
}

impl NewMessages {
    /// Returns when rows came in, when the connection was lost and is back, or when the time is up.
    pub async fn wait(&mut self, at_most: Duration) {
        let up = tokio::time::sleep(at_most);
        let word = async {
            match self.listen().await {
                Ok(()) => {}
                Err(error) => {
                    self.listener = None;
                    tracing::debug!(%error, "no word of new messages: polling only");
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! { () = up => {}, () = word => {} }
    }

    async fn listen(&mut self) -> Result<(), sqlx::Error> {
        let listener = match &mut self.listener {
            Some(listener) => listener,
            none => {
                // A connection of its own: it is held for good, and the pool's are for work.
                let options = self.store.pool.connect_options().as_ref().clone();
                let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
                let mut listener = PgListener::connect_with(&pool).await?;
                listener.listen(CHANNEL).await?;
                // What came in before counts as word: nobody has been listening until now.
                *none = Some(listener);
                return Ok(());
            }
        };
        // `None` means that the connection was lost, and what was said meanwhile with it.
        listener.try_recv().await?;
        while listener.next_buffered().is_some() {}
        Ok(())
    }
}

/// Inserts messages, with a trace context each where there are any, and says for each, in order, which row it is.
pub(crate) async fn insert_all(
    connection: &mut PgConnection,
    messages: &[NewMessage],
    traceparents: &[String],
) -> Result<Vec<Inserted>, Error> {
    let traceparents = traceparents.iter().map(|trace| Some(trace.as_str())).chain(std::iter::repeat(None));
    let (mut named, anonymous): (Vec<Traced>, Vec<Traced>) =
        messages.iter().zip(traceparents).partition(|(message, _)| message.external_id.is_some());
    let forgotten = forgotten(&mut *connection, &named).await?;
    let mut by_name: HashMap<(&str, &str), Inserted> = HashMap::new();
    for (id, source, name) in &forgotten {
        by_name.insert((source, name), Inserted { id: *id, repeated: true });
    }
    named.retain(|(message, _)| {
        !by_name.contains_key(&(&*message.source, message.external_id.as_deref().unwrap_or_default()))
    });

    let Columns { sources, names, customers, texts, times, traces } = Columns::of(&named);
    let fresh = sqlx::query!(
        r#"INSERT INTO messages (source, external_id, customer, text, received_at, traceparent)
           SELECT source, external_id, customer, text, coalesce(received_at, now()), traceparent
           FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]) WITH ORDINALITY
                AS new (source, external_id, customer, text, received_at, traceparent, place)
           ORDER BY place
           ON CONFLICT ON CONSTRAINT messages_external_id_once DO NOTHING
           RETURNING id, source, external_id AS "external_id!""#,
        &sources as &[&str],
        &names as &[Option<&str>],
        &customers as &[Option<&str>],
        &texts as &[&str],
        &times as &[Option<DateTime<Utc>>],
        &traces as &[Option<&str>],
    );
    let fresh = if named.is_empty() { Vec::new() } else { fresh.fetch_all(&mut *connection).await? };
    for row in &fresh {
        by_name.insert((&row.source, &row.external_id), Inserted { id: MessageId(row.id), repeated: false });
    }
    let known = sqlx::query!(
        r#"SELECT id, source, external_id AS "external_id!" FROM messages
           WHERE (source, external_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))"#,
        &sources as &[&str],
        &names as &[Option<&str>],
    );
    let known =
        if fresh.len() == named.len() { Vec::new() } else { known.fetch_all(&mut *connection).await? };
    for row in &known {
        by_name
            .entry((&row.source, &row.external_id))
            .or_insert(Inserted { id: MessageId(row.id), repeated: true });
    }

    let Columns { sources, customers, texts, times, traces, .. } = Columns::of(&anonymous);
    let rows = sqlx::query_scalar!(
        "INSERT INTO messages (source, customer, text, received_at, traceparent)
         SELECT source, customer, text, coalesce(received_at, now()), traceparent
         FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[]) WITH ORDINALITY
              AS new (source, customer, text, received_at, traceparent, place)
         ORDER BY place RETURNING id",
        &sources as &[&str],
        &customers as &[Option<&str>],
        &texts as &[&str],
        &times as &[Option<DateTime<Utc>>],
        &traces as &[Option<&str>],
    );
    let mut ids = if anonymous.is_empty() { Vec::new() } else { rows.fetch_all(&mut *connection).await? };
    // Ids were drawn in the order of the input.
    ids.sort_unstable();
    let mut ids = ids.into_iter();

    messages
        .iter()
        .map(|message| match &message.external_id {
            Some(name) => {
                let key = (message.source.as_str(), name.as_str());
                let inserted = by_name.get(&key).copied();
                // The same name twice in one call: the second is a repetition of the first.
                by_name.entry(key).and_modify(|inserted| inserted.repeated = true);
                inserted
            }
            None => ids.next().map(|id| Inserted { id: MessageId(id), repeated: false }),
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::unreadable("fewer rows than messages came in"))
}

/// A message and its trace context.
type Traced<'a> = (&'a NewMessage, Option<&'a str>);

/// Messages as arrays, a column each.
struct Columns<'a> {
    sources: Vec<&'a str>,
    names: Vec<Option<&'a str>>,
    customers: Vec<Option<&'a str>>,
    texts: Vec<&'a str>,
    times: Vec<Option<DateTime<Utc>>>,
    traces: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(messages: &[Traced<'a>]) -> Self {
        Columns {
            sources: messages.iter().map(|(message, _)| message.source.as_str()).collect(),
            names: messages.iter().map(|(message, _)| message.external_id.as_deref()).collect(),
            customers: messages.iter().map(|(message, _)| message.customer.as_deref()).collect(),
            texts: messages.iter().map(|(message, _)| message.text.as_str()).collect(),
            times: messages.iter().map(|(message, _)| message.received_at).collect(),
            traces: messages.iter().map(|(_, trace)| *trace).collect(),
        }
    }
}

/// Those that came before and are nobody's by now: their row, their source and the name under which they come again.
async fn forgotten(
    connection: &mut PgConnection,
    named: &[Traced<'_>],
) -> Result<Vec<(MessageId, String, String)>, Error> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let Columns { sources, names, .. } = Columns::of(named);
    let rows = sqlx::query!(
        r#"SELECT m.id, new.source AS "source!", new.external_id AS "external_id!"
           FROM unnest($1::text[], $2::text[]) AS new (source, external_id)
           JOIN messages m ON m.source = new.source AND m.external_id = forgotten_id(new.source, new.external_id)"#,
        &sources as &[&str],
        &names as &[Option<&str>],
    );
    let rows = rows.fetch_all(connection).await?;
    Ok(rows.into_iter().map(|row| (MessageId(row.id), row.source, row.external_id)).collect())
}
