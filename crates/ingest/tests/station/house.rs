use std::time::Duration;

use contracts::topology::{CLASSIFIER, DEAD_LETTER_STREAM, Limits, STREAM};
use contracts::{Code, DeadLetter, MessageId, Received, Service, subject};
use futures::StreamExt;
use ingest::Config;
use ingest::config::House;
use runtime::dead_letter;
use testkit::wait_until;

use crate::support::{SOON, Site, relay_only};

fn with_house(overdue_s: u64) -> Config {
    Config {
        house: House { every_s: 1, overdue_s, purge_percent: 50, keep_percent: 20 },
        watermark_percent: 80,
        ..relay_only()
    }
}

async fn pull(site: &Site, durable: &str, count: usize, acknowledge: bool) -> usize {
    let consumer: async_nats::jetstream::consumer::PullConsumer =
        site.bus.jetstream().get_consumer_from_stream(durable, STREAM).await.unwrap();
    let mut batch =
        consumer.batch().max_messages(count).expires(Duration::from_millis(300)).messages().await.unwrap();
    let mut taken = 0;
    while let Some(message) = batch.next().await {
        let message = message.unwrap();
        taken += 1;
        if acknowledge {
            message.double_ack().await.unwrap();
        }
    }
    taken
}

#[tokio::test]
async fn what_a_bus_that_lost_everything_had_is_published_again_and_what_waits_is_not() {
    let site = Site::new().await;
    let running = site.start(with_house(1)).await;
    let ids = site.insert((0..20).map(|n| format!("burger {n}"))).await;
    site.all_relayed().await;
    // Nobody works: they wait in the line, for longer than a message should.
    tokio::time::sleep(Duration::from_secs(4)).await;
    for id in &ids {
        assert_eq!(site.store.message(*id).await.unwrap().unwrap().message.generation, 1);
    }
    site.nats.wipe().await.unwrap();
    site.bus.connected().await;
    runtime::provision(&site.bus, &Limits::default()).await.unwrap();
    wait_until("everything is on the bus again", SOON, || async {
        Ok((site.line().await.messages == 20).then_some(()))
    })
    .await
    .unwrap();
    for id in &ids {
        assert!(site.generation_on_the_bus(*id).await >= 2);
    }
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_whose_output_was_lost_is_published_again_but_a_dead_letter_waits_for_a_person() {
    let site = Site::new().await;
    let running = site.start(with_house(2)).await;
    let ids = site.insert(["lost", "dead"]).await;
    site.all_relayed().await;
    site.bury(ids[1], "{}").await;
    // Acknowledged, and nothing came of it.
    assert_eq!(pull(&site, CLASSIFIER.durable, 2, true).await, 2);
    wait_until("the lost one is published again", SOON, || async {
        Ok((site.generation_on_the_bus(ids[0]).await == 2).then_some(()))
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(site.store.message(ids[1]).await.unwrap().unwrap().message.generation, 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_that_the_server_gives_up_becomes_a_whole_dead_letter() {
    let limits = Limits { max_deliver: 3, ack_wait_ms: 300, ..Limits::default() };
    let site = Site::with(&limits).await;
    let running = site.start(with_house(3_600)).await;
    let id = site.insert(["too heavy"]).await[0];
    site.all_relayed().await;
    // It is delivered three times; the server gives it up when it would deliver it once more.
    let pulling = async {
        loop {
            pull(&site, CLASSIFIER.durable, 1, false).await;
        }
    };
    let buried = wait_until("it lies among the dead letters", SOON, || async {
        Ok(site.bus.last_message(DEAD_LETTER_STREAM, &subject::dead_letters_of(id)).await?)
    });
    let buried = tokio::select! { buried = buried => buried.unwrap(), () = pulling => unreachable!() };
    assert_eq!(
        buried.subject,
        subject::dead_letter(Service::Classifier, Code::MaxDeliveries, &id.to_string())
    );
    let letter: DeadLetter = serde_json::from_slice(&buried.payload).unwrap();
    assert_eq!((letter.attempts, letter.stream_sequence), (3, Some(1)));
    assert!(letter.headers.contains_key("traceparent"));
    assert!(letter.headers.keys().all(|name| name != "Nats-Sequence"));
    let original: Received =
        serde_json::from_slice(&dead_letter::payload_bytes(&letter.payload).unwrap()).unwrap();
    assert_eq!(original.message.text, "too heavy");
    let letters = site.bus.messages(DEAD_LETTER_STREAM, &subject::dead_letters_of(id), 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn history_goes_when_the_stream_fills_up_and_what_waits_stays() {
    let limits = Limits { max_bytes: 2 << 20, ..Limits::default() };
    let site = Site::with(&limits).await;
    let running = site.start(with_house(3_600)).await;
    let mut last = MessageId(0);
    let mut seen_full = 0.0f64;
    // More than the stream can hold goes through it, as fast as it is worked on.
    for round in 0..30 {
        let ids = site.insert((0..40).map(|n| format!("{round} {n} {}", "x".repeat(3_000)))).await;
        site.all_relayed_while(CLASSIFIER.durable).await;
        last = ids[39];
        seen_full = seen_full.max(site.line().await.percent());
    }
    assert!(seen_full < 100.0, "{seen_full}");
    assert!(site.line().await.first_sequence > 1, "history is gone");
    assert_eq!(site.generation_on_the_bus(last).await, 1, "the youngest is still there");
    let counts = site.store.counts().await.unwrap();
    assert_eq!((counts.to_relay, counts.on_the_line), (0, 1_200));
    running.stop().await.unwrap();
}

impl Site {
    /// Works on the durable until nothing waits for the relay, nor for the durable.
    async fn all_relayed_while(&self, durable: &str) {
        wait_until("all is relayed and worked on", SOON, || async {
            pull(self, durable, 50, true).await;
            let lag = self.bus.durable_state(STREAM, durable).await?.lag();
            Ok((self.store.counts().await?.to_relay == 0 && lag == 0).then_some(()))
        })
        .await
        .unwrap();
    }
}
