//! Messages that want an answer.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use contracts::{EnquiryTopic, MessageId, Registration, Settlement};

use crate::group::Operation;
use crate::registration::{Registered, from_json, to_json};
use crate::{Error, Store};

/// An enquiry to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEnquiry {
    /// The message that it comes from.
    pub message_id: MessageId,
    /// What it is about.
    pub topic: EnquiryTopic,
    /// Why it is an enquiry.
    pub reason: String,
    /// What to answer, where the line has a proposal.
    pub proposed_reply: Option<String>,
    /// What was ordered and is not on the menu, in the customer's words.
    pub not_on_menu: Vec<String>,
    /// What is offered instead of that, where the proposed reply names an item.
    pub closest: Option<String>,
    /// The person's decision, where it was a review: only then may it take a review's place.
    pub settled: Option<Settlement>,
}

impl Operation for NewEnquiry {
    type Context = Store;
    type Output = Registered;
    type Error = Error;

    fn message_id(&self) -> MessageId {
        self.message_id
    }

    async fn run(store: &Store, chunk: &[Self]) -> Result<Vec<Registered>, Error> {
        store.register_enquiries(chunk).await
    }
}

/// As the column has it: the word that the events use.
const fn topic_word(topic: EnquiryTopic) -> &'static str {
    match topic {
        EnquiryTopic::Menu => "menu",
        EnquiryTopic::Price => "price",
        EnquiryTopic::Hours => "hours",
        EnquiryTopic::PickUp => "pick_up",
        EnquiryTopic::Status => "status",
        EnquiryTopic::Other => "other",
    }
}

impl Store {
    /// Registers enquiries, all or none, in one statement. Answers in their order.
    pub async fn register_enquiries(&self, enquiries: &[NewEnquiry]) -> Result<Vec<Registered>, Error> {
        let not_on_menu =
            enquiries.iter().map(|enquiry| to_json(&enquiry.not_on_menu)).collect::<Result<Vec<_>, _>>()?;
        let written = sqlx::query!(
            r#"WITH new AS (
                   SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
                                        $6::timestamptz[], $7::jsonb[], $8::text[])
                   AS new (message_id, topic, reason, proposed_reply, settled_by, settled_at, not_on_menu, closest)
               ), first AS (
                   UPDATE messages m SET outcome = 'enquiry', outcome_at = now()
                   FROM new
                   WHERE m.id = new.message_id
                     AND (m.outcome IS NULL
                          OR (m.outcome = 'review' AND new.settled_by IS NOT NULL
                              AND NOT EXISTS (SELECT 1 FROM reviews r
                                              WHERE r.message_id = m.id AND r.decision = 'accepted')))
                   RETURNING m.id
               ), decided AS (
                   UPDATE reviews r SET decision = 'rejected', decided_by = new.settled_by,
                                        decided_at = new.settled_at, decided_lines = r.lines
                   FROM new JOIN first ON first.id = new.message_id
                   WHERE r.message_id = new.message_id AND new.settled_by IS NOT NULL AND r.decision IS NULL
               )
               INSERT INTO enquiries (message_id, topic, reason, proposed_reply, not_on_menu, closest)
               SELECT message_id, topic, reason, proposed_reply, not_on_menu, closest
               FROM new JOIN first ON first.id = new.message_id ORDER BY message_id
               RETURNING id, message_id"#,
            &enquiries.iter().map(|enquiry| enquiry.message_id.0).collect::<Vec<_>>(),
            &enquiries.iter().map(|enquiry| topic_word(enquiry.topic)).collect::<Vec<_>>() as &[&str],
            &enquiries.iter().map(|enquiry| enquiry.reason.as_str()).collect::<Vec<_>>() as &[&str],
            &enquiries.iter().map(|enquiry| enquiry.proposed_reply.as_deref()).collect::<Vec<_>>()
                as &[Option<&str>],
            &enquiries
                .iter()
                .map(|enquiry| enquiry.settled.as_ref().map(|s| s.by.as_str()))
                .collect::<Vec<_>>() as &[Option<&str>],
            &enquiries.iter().map(|enquiry| enquiry.settled.as_ref().map(|s| s.at)).collect::<Vec<_>>()
                as &[Option<DateTime<Utc>>],
            &not_on_menu,
            &enquiries.iter().map(|enquiry| enquiry.closest.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        )
        .fetch_all(&self.pool)
        .await?;
        let mut numbers: HashMap<i64, i64> =
            written.into_iter().map(|row| (row.message_id, row.id)).collect();
        let mut results = Vec::with_capacity(enquiries.len());
        for enquiry in enquiries {
            results.push(match numbers.remove(&enquiry.message_id.0) {
                Some(number) => Registered::New(Registration::Enquiry {
                    number,
                    topic: enquiry.topic,
                    proposed_reply: enquiry.proposed_reply.clone(),
                }),
                None => self.registered(enquiry.message_id).await?,
            });
        }
        Ok(results)
    }

    pub(crate) async fn standing_enquiry(
        &self,
        id: MessageId,
    ) -> Result<(Registration, Option<String>), Error> {
        let row = sqlx::query!(
            "SELECT id, topic, reason, proposed_reply FROM enquiries WHERE message_id = $1",
            id.0,
        )
        .fetch_one(&self.pool)
        .await?;
        let topic = from_json(serde_json::Value::String(row.topic), "the topic", id)?;
        let registration =
            Registration::Enquiry { number: row.id, topic, proposed_reply: row.proposed_reply };
        Ok((registration, Some(row.reason)))
    }
}
