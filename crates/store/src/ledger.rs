//! The ledger: whether every message is in exactly one place, was told of once, the money adds up, and every order's
//! history in the kitchen is a possible one.
//!
//! `greenbite ledger` asks it of a line that works, the chaos run of one that was broken on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::kitchen::STEPS;
use serde::Serialize;

use crate::{Error, Store};

/// Findings that are listed of each question; the rest comes once these are mended.
const MOST: i64 = 1_000;

/// What the ledger is asked about.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// Only messages that came in from then on.
    pub since: Option<DateTime<Utc>>,
    /// How long a message may be without an outcome, and an outcome without its notification.
    pub patience: Duration,
    /// The messages among the dead letters, as the bus has them.
    pub dead_letters: Vec<i64>,
}

/// Where a message is. Each is in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// An order.
    Order,
    /// A review that waits for a person.
    ReviewOpen,
    /// A review that a person has decided.
    ReviewSettled,
    /// An enquiry.
    Enquiry,
    /// Miscellaneous.
    Misc,
    /// A row that was refused or discarded.
    Rejected,
    /// Among the dead letters, without an outcome.
    DeadLetter,
    /// Not published yet.
    ToRelay,
    /// Published, without an outcome yet.
    UnderWay,
}

impl Place {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Place::Order => "orders",
            Place::ReviewOpen => "reviews, open",
            Place::ReviewSettled => "reviews, settled",
            Place::Enquiry => "enquiries",
            Place::Misc => "miscellaneous",
            Place::Rejected => "rejected rows",
            Place::DeadLetter => "dead letters",
            Place::ToRelay => "waiting for the relay",
            Place::UnderWay => "under way",
        }
    }
}

/// Something about a message that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The message.
    pub message_id: i64,
    /// What is wrong with it.
    pub what: String,
}

/// What the ledger found, all of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Messages that came in.
    pub messages: u64,
    /// Where they are.
    pub places: BTreeMap<Place, u64>,
    /// Notifications that were sent.
    pub told: u64,
    /// Notifications among them that are marked as possible repeats.
    pub possible_repeats: u64,
    /// Outcomes whose notification has not been sent yet.
    pub untold: u64,
    /// Enquiries for which an answer is proposed.
    pub proposed: u64,
    /// Enquiries that only a person can answer.
    pub unanswerable: u64,
    /// The orders' totals in cents.
    pub total_cents: i64,
    /// What must not be, by message; at most 1000 for each question.
    pub findings: Vec<Finding>,
}

impl Ledger {
    /// Whether every message is in one place and nothing was found.
    pub fn is_green(&self) -> bool {
        self.findings.is_empty() && self.messages == self.places.values().sum::<u64>()
    }
}

impl Store {
    /// Draws up the ledger: one statement a question, all of them about the same moment.
    pub async fn ledger(&self, question: &Question) -> Result<Ledger, Error> {
        let mut audit = Audit { tx: self.snapshot().await?, question, ledger: Ledger::default() };
        audit.places().await?;
        audit.overdue().await?;
        audit.misplaced().await?;
        audit.twice().await?;
        audit.answers().await?;
        audit.money().await?;
        audit.told().await?;
        audit.untold().await?;
        audit.settled_and_dead().await?;
        audit.steps().await?;
        audit.states().await?;
        let Audit { tx, mut ledger, .. } = audit;
        tx.commit().await?;
        ledger.findings.sort();
        Ok(ledger)
    }
}

/// The ledger while it is drawn up.
struct Audit<'q> {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    question: &'q Question,
    ledger: Ledger,
}

impl Audit<'_> {
    fn find(&mut self, message_id: i64, what: String) {
        self.ledger.findings.push(Finding { message_id, what });
    }

    /// How many messages there are, and where they are.
    async fn places(&mut self) -> Result<(), Error> {
        self.ledger.messages = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM messages WHERE $1::timestamptz IS NULL OR received_at >= $1"#,
            self.question.since,
        )
        .fetch_one(&mut *self.tx)
        .await?
        .unsigned_abs();
        let places = sqlx::query!(
            r#"SELECT m.outcome, m.published_at IS NOT NULL AS "published!", r.decision IS NOT NULL AS "decided!",
                      m.outcome IS NULL AND m.id = ANY($2) AS "dead!", count(*) AS "count!"
               FROM messages m LEFT JOIN reviews r ON r.message_id = m.id AND m.outcome = 'review'
               WHERE $1::timestamptz IS NULL OR m.received_at >= $1 GROUP BY 1, 2, 3, 4"#,
            self.question.since,
            &self.question.dead_letters,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in places {
            let place = match row.outcome.as_deref() {
                Some("order") => Place::Order,
                Some("review") if row.decided => Place::ReviewSettled,
                Some("review") => Place::ReviewOpen,
                Some("enquiry") => Place::Enquiry,
                Some("misc") => Place::Misc,
                Some("refused" | "discarded") => Place::Rejected,
                Some(other) => return Err(Error::unreadable(format!("the unknown outcome '{other}'"))),
                None if row.dead => Place::DeadLetter,
                None if row.published => Place::UnderWay,
                None => Place::ToRelay,
            };
            *self.ledger.places.entry(place).or_default() += row.count.unsigned_abs();
        }
        Ok(())
    }

    /// Messages without an outcome for too long.
    async fn overdue(&mut self) -> Result<(), Error> {
        // Since it was published: a message from an old file may bring its own time of writing.
        let overdue = sqlx::query!(
            r#"SELECT id, published_at IS NOT NULL AS "published!" FROM messages
               WHERE outcome IS NULL AND ($1::timestamptz IS NULL OR received_at >= $1) AND NOT id = ANY($2)
                 AND coalesce(published_at, received_at) <= now() - make_interval(secs => $3)
               ORDER BY id LIMIT $4"#,
            self.question.since,
            &self.question.dead_letters,
            self.question.patience.as_secs_f64(),
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in overdue {
            let what = if row.published { "was published and has no outcome" } else { "was never published" };
            self.find(row.id, what.to_owned());
        }
        Ok(())
    }

    /// Messages whose outcome and tables disagree.
    async fn misplaced(&mut self) -> Result<(), Error> {
        // A review that a person decided stays beside the order or enquiry that came of it.
        let misplaced = sqlx::query!(
            r#"SELECT m.id, coalesce(m.outcome, 'none') AS "outcome!", o.id IS NOT NULL AS "an_order!",
                      r.id IS NOT NULL AS "a_review!", e.id IS NOT NULL AS "an_enquiry!"
               FROM messages m LEFT JOIN orders o ON o.message_id = m.id
                    LEFT JOIN reviews r ON r.message_id = m.id LEFT JOIN enquiries e ON e.message_id = m.id
               WHERE ($1::timestamptz IS NULL OR m.received_at >= $1)
                 AND ((coalesce(m.outcome, '') = 'order') <> (o.id IS NOT NULL)
                   OR (coalesce(m.outcome, '') = 'enquiry') <> (e.id IS NOT NULL)
                   OR coalesce(m.outcome, '') = 'review' AND r.id IS NULL
                   OR r.id IS NOT NULL AND coalesce(m.outcome, '') <> 'review'
                      AND (r.decision IS NULL OR coalesce(m.outcome, '') NOT IN ('order', 'enquiry')))
               ORDER BY m.id LIMIT $2"#,
            self.question.since,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in misplaced {
            let rows = [(row.an_order, "orders"), (row.a_review, "reviews"), (row.an_enquiry, "enquiries")];
            let tables: Vec<&str> =
                rows.iter().filter(|(there, _)| *there).map(|(_, table)| *table).collect();
            let tables = if tables.is_empty() { "no table".to_owned() } else { tables.join(" and ") };
            self.find(row.id, format!("its outcome is {}, it stands in {tables}", row.outcome));
        }
        Ok(())
    }

    /// Messages that stand in one table twice.
    async fn twice(&mut self) -> Result<(), Error> {
        let twice = sqlx::query!(
            r#"SELECT message_id AS "id!", place AS "place!" FROM (
                   SELECT message_id, 'orders' AS place FROM orders GROUP BY 1 HAVING count(*) > 1
                   UNION ALL SELECT message_id, 'reviews' FROM reviews GROUP BY 1 HAVING count(*) > 1
                   UNION ALL SELECT message_id, 'enquiries' FROM enquiries GROUP BY 1 HAVING count(*) > 1
                   UNION ALL SELECT message_id, 'proposals' FROM proposals GROUP BY 1 HAVING count(*) > 1
                   UNION ALL SELECT message_id, 'notifications' FROM notifications
                             GROUP BY message_id, category HAVING count(*) > 1) rows
               WHERE $1::timestamptz IS NULL
                  OR (SELECT m.received_at >= $1 FROM messages m WHERE m.id = message_id)
               ORDER BY 1 LIMIT $2"#,
            self.question.since,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in twice {
            self.find(row.id, format!("stands twice in {}", row.place));
        }
        Ok(())
    }

    /// What is proposed to answer, and proposals for what is no enquiry.
    async fn answers(&mut self) -> Result<(), Error> {
        let answers = sqlx::query!(
            r#"SELECT count(*) FILTER (WHERE p.state = 'proposed') AS "proposed!",
                      count(*) FILTER (WHERE p.state = 'open') AS "open!"
               FROM proposals p JOIN messages m ON m.id = p.message_id
               WHERE $1::timestamptz IS NULL OR m.received_at >= $1"#,
            self.question.since,
        )
        .fetch_one(&mut *self.tx)
        .await?;
        (self.ledger.proposed, self.ledger.unanswerable) =
            (answers.proposed.unsigned_abs(), answers.open.unsigned_abs());
        let strange = sqlx::query!(
            r#"SELECT p.message_id, coalesce(m.outcome, 'none') AS "outcome!"
               FROM proposals p JOIN messages m ON m.id = p.message_id
               WHERE ($1::timestamptz IS NULL OR m.received_at >= $1) AND m.outcome IS DISTINCT FROM 'enquiry'
               ORDER BY p.message_id LIMIT $2"#,
            self.question.since,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in strange {
            self.find(row.message_id, format!("an answer is proposed, its outcome is {}", row.outcome));
        }
        Ok(())
    }

    /// The orders' totals, and those that are not the sum of their items.
    async fn money(&mut self) -> Result<(), Error> {
        self.ledger.total_cents = sqlx::query_scalar!(
            r#"SELECT coalesce(sum(o.total_cents), 0)::bigint AS "sum!"
               FROM orders o JOIN messages m ON m.id = o.message_id
               WHERE $1::timestamptz IS NULL OR m.received_at >= $1"#,
            self.question.since,
        )
        .fetch_one(&mut *self.tx)
        .await?;
        let money = sqlx::query!(
            r#"SELECT o.message_id, o.total_cents, coalesce(i.sum, 0) AS "sum!"
               FROM orders o JOIN messages m ON m.id = o.message_id
                    LEFT JOIN (SELECT order_id, sum(total_cents)::bigint AS sum FROM order_items GROUP BY 1) i
                    ON i.order_id = o.id
               WHERE ($1::timestamptz IS NULL OR m.received_at >= $1) AND i.sum IS DISTINCT FROM o.total_cents
               ORDER BY o.message_id LIMIT $2"#,
            self.question.since,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in money {
            self.find(
                row.message_id,
                format!("its order is {} cents, its items are {} cents", row.total_cents, row.sum),
            );
        }
        Ok(())
    }

    /// What was told of, and what was told as something else.
    async fn told(&mut self) -> Result<(), Error> {
        let told = sqlx::query!(
            r#"SELECT count(*) AS "told!", count(*) FILTER (WHERE n.possible_repeat) AS "repeats!"
               FROM notifications n JOIN messages m ON m.id = n.message_id
               WHERE n.state = 'sent' AND ($1::timestamptz IS NULL OR m.received_at >= $1)"#,
            self.question.since,
        )
        .fetch_one(&mut *self.tx)
        .await?;
        (self.ledger.told, self.ledger.possible_repeats) =
            (told.told.unsigned_abs(), told.repeats.unsigned_abs());
        let strange = sqlx::query!(
            r#"SELECT n.message_id, n.category, coalesce(m.outcome, 'none') AS "outcome!"
               FROM notifications n JOIN messages m ON m.id = n.message_id
               WHERE ($1::timestamptz IS NULL OR m.received_at >= $1) AND n.category IS DISTINCT FROM m.outcome
                 AND NOT (n.category = 'review' AND EXISTS (SELECT 1 FROM reviews r
                          WHERE r.message_id = m.id AND r.decision IS NOT NULL))
               ORDER BY n.message_id LIMIT $2"#,
            self.question.since,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in strange {
            self.find(
                row.message_id,
                format!("was told as {}, its outcome is {}", row.category, row.outcome),
            );
        }
        Ok(())
    }

    /// Outcomes that nobody was told of.
    async fn untold(&mut self) -> Result<(), Error> {
        self.ledger.untold = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM messages m
               WHERE m.outcome IN ('order', 'review', 'enquiry', 'misc')
                 AND ($1::timestamptz IS NULL OR m.received_at >= $1)
                 AND NOT EXISTS (SELECT 1 FROM notifications n
                                 WHERE n.message_id = m.id AND n.category = m.outcome AND n.state = 'sent')"#,
            self.question.since,
        )
        .fetch_one(&mut *self.tx)
        .await?
        .unsigned_abs();
        let untold = sqlx::query!(
            r#"SELECT m.id, m.outcome AS "outcome!" FROM messages m
               WHERE m.outcome IN ('order', 'review', 'enquiry', 'misc')
                 AND ($1::timestamptz IS NULL OR m.received_at >= $1)
                 AND m.outcome_at <= now() - make_interval(secs => $2)
                 AND NOT EXISTS (SELECT 1 FROM notifications n
                                 WHERE n.message_id = m.id AND n.category = m.outcome AND n.state = 'sent')
               ORDER BY m.id LIMIT $3"#,
            self.question.since,
            self.question.patience.as_secs_f64(),
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in untold {
            self.find(row.id, format!("nobody was told of this {}", row.outcome));
        }
        Ok(())
    }

    /// Messages with an outcome that lie among the dead letters too.
    async fn settled_and_dead(&mut self) -> Result<(), Error> {
        let both = sqlx::query!(
            r#"SELECT id, outcome AS "outcome!" FROM messages
               WHERE id = ANY($2) AND outcome IS NOT NULL AND ($1::timestamptz IS NULL OR received_at >= $1)
               ORDER BY id LIMIT $3"#,
            self.question.since,
            &self.question.dead_letters,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in both {
            self.find(row.id, format!("is settled as {} and lies among the dead letters", row.outcome));
        }
        Ok(())
    }

    /// Steps in the kitchen that nobody can have taken after the step before.
    async fn steps(&mut self) -> Result<(), Error> {
        let (before, after): (Vec<&str>, Vec<&str>) = STEPS
            .iter()
            .flat_map(|row| row.from.iter().map(move |from| (from.as_str(), row.to.as_str())))
            .unzip();
        let impossible = sqlx::query!(
            r#"WITH taken AS (
                   SELECT s.message_id, s.step, s.state, lag(s.state, 1, 'accepted') OVER history AS before,
                          row_number() OVER history AS place
                   FROM order_steps s JOIN messages m ON m.id = s.message_id
                   WHERE $1::timestamptz IS NULL OR m.received_at >= $1
                   WINDOW history AS (PARTITION BY s.message_id ORDER BY s.step))
               SELECT message_id AS "id!", step AS "step!", before AS "before!", state AS "state!" FROM taken
               WHERE step <> place
                  OR NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS possible (before, after)
                                 WHERE possible.before = taken.before AND possible.after = taken.state)
               ORDER BY 1, 2 LIMIT $4"#,
            self.question.since,
            &before as &[&str],
            &after as &[&str],
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in impossible {
            let what = format!("step {} of its order leads from {} to {}", row.step, row.before, row.state);
            self.find(row.id, what);
        }
        Ok(())
    }

    /// Orders that are in another state than their last step led to.
    async fn states(&mut self) -> Result<(), Error> {
        let elsewhere = sqlx::query!(
            r#"SELECT o.message_id AS id, o.state, coalesce(s.state, 'accepted') AS "last!"
               FROM orders o JOIN messages m ON m.id = o.message_id
                    LEFT JOIN LATERAL (SELECT state FROM order_steps WHERE message_id = o.message_id
                                       ORDER BY step DESC LIMIT 1) s ON true
               WHERE ($1::timestamptz IS NULL OR m.received_at >= $1) AND o.state <> coalesce(s.state, 'accepted')
               ORDER BY 1 LIMIT $2"#,
            self.question.since,
            MOST,
        )
        .fetch_all(&mut *self.tx)
        .await?;
        for row in elsewhere {
            self.find(row.id, format!("its order is {}, and its last step led to {}", row.state, row.last));
        }
        Ok(())
    }
}
