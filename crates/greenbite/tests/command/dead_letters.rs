use std::collections::BTreeMap;

use contracts::topology::STREAM;
use contracts::{Code, DeadLetter, MessageId, MessageOutcome, Service, Topic, header};
use runtime::dead_letter;
use serde_json::json;

use crate::support::Site;

impl Site {
    /// A dead letter of the classifier's about this message.
    async fn bury(&self, id: MessageId, code: Code) {
        self.bury_as(&Topic::ReceivedMessage.subject(id), code, &id.to_string(), json!({ "broken": id }))
            .await;
    }

    async fn bury_as(&self, subject: &str, code: Code, name: &str, payload: serde_json::Value) {
        let letter = DeadLetter {
            service: Service::Classifier,
            code,
            reason: "It fell over.".into(),
            attempts: 2,
            at: chrono::Utc::now(),
            subject: subject.to_owned(),
            headers: BTreeMap::from([
                (header::GENERATION.to_owned(), vec!["1".to_owned()]),
                ("Nats-Expected-Last-Subject-Sequence".to_owned(), vec!["0".to_owned()]),
            ]),
            payload: dead_letter::payload(payload.to_string().as_bytes()),
            stream_sequence: Some(1),
            trace_id: None,
        };
        self.bus.publish_dead_letter(&letter, &format!("{name}:test")).await.unwrap();
    }

    async fn generation(&self, id: MessageId) -> u32 {
        self.store.message(id).await.unwrap().unwrap().message.generation
    }

    async fn dead(&self) -> usize {
        self.run(&["dlq", "list", "--json"]).await.json().as_array().unwrap().len()
    }
}

#[tokio::test]
async fn a_dead_letter_is_replayed_once_however_often_it_is_asked_for() {
    let site = Site::new().await;
    let (one, two) = (site.message("one").await, site.message("two").await);
    site.mark_relayed().await;
    site.bury(one, Code::Panicked).await;
    site.bury(two, Code::Malformed).await;
    let list = site.run(&["dlq", "list"]).await.ok();
    assert!(list.contains("GB303") && list.contains("GB101") && list.contains("2 in all"), "{list}");
    let shown = site.run(&["dlq", "show", &one.to_string()]).await.ok();
    assert!(shown.contains("docs/errors/GB303.md") && shown.contains("\"broken\": 1"), "{shown}");

    let (id, again) = (one.to_string(), one.to_string());
    let (first, second) = tokio::join!(async { site.run(&["dlq", "replay", &id]).await.ok() }, async {
        site.run(&["dlq", "replay", &again]).await.ok()
    },);
    assert!(
        first.contains("down the line again") || second.contains("down the line again"),
        "{first}{second}"
    );
    assert_eq!(site.generation(one).await, 2);
    assert_eq!(site.run(&["dlq", "replay", &id]).await.ok(), "no such dead letter\n");
    assert_eq!(site.generation(one).await, 2);
    assert_eq!(site.dead().await, 1);

    // It died, was published again, and the one who asked fell over before the letter was gone.
    site.store.next_generation(&[(two, 1)]).await.unwrap();
    site.mark_relayed().await;
    let said = site.run(&["dlq", "replay", "--code", "GB101"]).await.ok();
    assert!(said.contains("had been published again before"), "{said}");
    assert_eq!((site.generation(two).await, site.dead().await), (2, 0));
}

#[tokio::test]
async fn what_has_no_row_is_published_again_as_it_was() {
    let site = Site::new().await;
    let subject = "greenbite.received.message.nobody";
    site.bury_as(subject, Code::WrongId, "nobody", json!({ "hello": "world" })).await;
    site.bury_as("greenbite.lunch", Code::UnknownSubject, "lunch", json!({})).await;
    let said = site.run(&["dlq", "replay", "--all"]).await;
    assert_eq!(said.code, 1, "one of them cannot be replayed: {said:?}");
    let event = site.bus.last_for(subject).await.unwrap().unwrap();
    assert_eq!(event.payload, br#"{"hello":"world"}"#.as_slice());
    assert_eq!(event.generation(), 1);
    assert_eq!(site.bus.stream_state(STREAM).await.unwrap().messages, 1);
    assert_eq!(site.dead().await, 1);
}

#[tokio::test]
async fn a_discarded_dead_letter_closes_its_message_unless_that_has_an_outcome() {
    let site = Site::new().await;
    let (open, closed) = (site.message("open").await, site.message("closed").await);
    site.mark_relayed().await;
    site.store.register_misc(&[closed]).await.unwrap();
    site.bury(open, Code::RetriesUsedUp).await;
    site.bury(closed, Code::RetriesUsedUp).await;
    let said = site
        .run(&["dlq", "discard", "--service", "classifier", "--reason", "the customer came in person"])
        .await;
    assert!(said.ok().contains("2 dead letters gone, 1 messages discarded"));
    let row = site.store.message(open).await.unwrap().unwrap();
    assert_eq!(row.outcome, Some(MessageOutcome::Discarded));
    assert_eq!(row.rejected_reason.as_deref(), Some("GB301: the customer came in person"));
    assert_eq!(site.store.message(closed).await.unwrap().unwrap().outcome, Some(MessageOutcome::Misc));
    assert_eq!(site.dead().await, 0);
}
