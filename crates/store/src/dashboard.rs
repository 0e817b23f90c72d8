//! What the web page lists, and a new class.

use chrono::{DateTime, Utc};
use contracts::{MessageId, Modifier};
use serde::{Deserialize, Serialize};

use crate::registration::from_json;
use crate::{Error, Store};

/// A message in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedMessage {
    /// Its row.
    pub id: i64,
    /// When it came in.
    pub received_at: DateTime<Utc>,
    /// What the customer wrote, cut after 300 characters.
    pub text: String,
    /// What became of it.
    pub outcome: Option<String>,
    /// Since when.
    pub outcome_at: Option<DateTime<Utc>>,
}

/// An order on the desk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedOrder {
    /// Its number.
    pub number: i64,
    /// The message that it comes from.
    pub message_id: i64,
    /// What the customer wrote, cut after 300 characters.
    pub text: String,
    /// Its total in cents.
    pub total_cents: i64,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// Its lines.
    pub lines: Vec<ListedLine>,
}

/// A line of an order on the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedLine {
    /// The item's name on the menu.
    pub item: String,
    /// How many.
    pub quantity: u32,
    /// The size under its canonical name.
    pub size: Option<String>,
    /// Wishes about the item.
    pub modifiers: Vec<Modifier>,
    /// Price of the line in cents.
    pub total_cents: i64,
}

/// An enquiry on the desk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedEnquiry {
    /// Its number.
    pub number: i64,
    /// The message that it comes from.
    pub message_id: i64,
    /// What the customer wrote, cut after 300 characters.
    pub text: String,
    /// What it is about, as [`contracts::EnquiryTopic`] is written.
    pub topic: String,
    /// Why it is an enquiry.
    pub reason: String,
    /// What may be answered, where the line has a proposal.
    pub proposed: Option<String>,
    /// Where that comes from, as [`contracts::Proposal`] has it.
    pub source: Option<String>,
    /// How sure it is, where that is known.
    pub sure: Option<f32>,
    /// It is about health.
    pub careful: bool,
    /// What was answered.
    pub answer: Option<String>,
    /// By whom.
    pub answered_by: Option<String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

impl Store {
    /// The latest messages, newest first.
    pub async fn latest_messages(&self, limit: u32) -> Result<Vec<ListedMessage>, Error> {
        Ok(sqlx::query_as!(
            ListedMessage,
            r#"SELECT id, received_at, left(text, 300) AS "text!", outcome, outcome_at
               FROM messages ORDER BY id DESC LIMIT $1"#,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// The latest orders with their lines, newest first.
    pub async fn latest_orders(&self, limit: u32) -> Result<Vec<ListedOrder>, Error> {
        let rows = sqlx::query!(
            r#"SELECT o.id, o.message_id, left(m.text, 300) AS "text!", o.total_cents, o.created_at,
                      (SELECT coalesce(jsonb_agg(jsonb_build_object('item', item, 'quantity', quantity, 'size', size,
                                                 'modifiers', modifiers, 'total_cents', i.total_cents)
                                                 ORDER BY position), '[]')
                       FROM order_items i WHERE i.order_id = o.id) AS "lines!"
               FROM (SELECT * FROM orders ORDER BY id DESC LIMIT $1) o JOIN messages m ON m.id = o.message_id
               ORDER BY o.id DESC"#,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                Ok(ListedOrder {
                    number: row.id,
                    message_id: row.message_id,
                    text: row.text,
                    total_cents: row.total_cents,
                    created_at: row.created_at,
                    lines: from_json(row.lines, "order lines", MessageId(row.message_id))?,
                })
            })
            .collect()
    }

    /// The latest enquiries: those that nobody has answered first, newest first.
    pub async fn latest_enquiries(&self, limit: u32) -> Result<Vec<ListedEnquiry>, Error> {
        Ok(sqlx::query_as!(
            ListedEnquiry,
            r#"SELECT e.id AS number, e.message_id, left(m.text, 300) AS "text!", e.topic, e.reason,
                      coalesce(p.answer, e.proposed_reply) AS proposed, p.source AS "source?", p.sure AS "sure?",
                      coalesce(p.careful, false) AS "careful!", a.answer AS "answer?",
                      a.answered_by AS "answered_by?", e.created_at
               FROM enquiries e JOIN messages m ON m.id = e.message_id
                    LEFT JOIN proposals p ON p.message_id = e.message_id
                    LEFT JOIN answers a ON a.message_id = e.message_id
               WHERE m.anonymised_at IS NULL
               ORDER BY a.message_id IS NOT NULL, e.id DESC LIMIT $1"#,
            i64::from(limit),
        )
        .fetch_all(&self.pool)
        .await?)
    }

    /// Removes every message and all that came of it; the menu stays, and numbers go on, so that no old event is
    /// taken for a new message's.
    pub async fn clear_class(&self) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        sqlx::query!("DELETE FROM notifications").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM order_steps").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM order_items").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM orders").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM reviews").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM knowledge WHERE draft").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM answers").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM proposals").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM enquiries").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM messages").execute(&mut *tx).await?;
        sqlx::query!("DELETE FROM simulations").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}
