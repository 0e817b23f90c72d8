use std::time::Duration;

use async_nats::HeaderMap;
use contracts::topology::{Limits, STREAM};
use contracts::{MessageId, MessageOutcome, Received, Topic};
use ingest::Config;
use testkit::wait_until;

use crate::support::{SOON, Site, message, relay_only};

#[tokio::test]
async fn every_row_is_published_once_by_three_replicas_of_which_one_is_killed() {
    let site = Site::new().await;
    let mut killed = site.spawn();
    let few = Config { batch: 20, ..relay_only() };
    let first = site.start(few.clone()).await;
    let second = site.start(few).await;
    for round in 0..10 {
        site.insert((0..100).map(|n| format!("burger {n} of {round}"))).await;
        if round == 4 {
            killed.kill();
        }
    }
    site.all_relayed().await;
    // Nothing but first events was published, and each has a subject of its own: as many as rows, once each.
    assert_eq!(site.line().await.messages, 1_000);
    let event = site.bus.last_for(&Topic::ReceivedMessage.subject(MessageId(1_000))).await.unwrap().unwrap();
    let received: Received = serde_json::from_slice(&event.payload).unwrap();
    assert_eq!(received.message.text, "burger 99 of 9");
    assert_eq!(received.trail[0].decision.verdict, "received");
    assert!(event.headers.get("traceparent").is_some());
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_line_cannot_carry_is_refused_with_its_reason_and_the_rest_goes_on() {
    let site = Site::new().await;
    let texts =
        [String::new(), " \n ".into(), "x".repeat(1 << 20), "\u{1b}[31mred".into(), "a burger".into()];
    let ids = site.insert(texts).await;
    let running = site.start(relay_only()).await;
    site.all_relayed().await;
    for (id, code) in ids.iter().zip(["GB202", "GB202", "GB201", "GB203"]) {
        let row = site.store.message(*id).await.unwrap().unwrap();
        assert_eq!(row.outcome, Some(MessageOutcome::Refused));
        assert!(row.rejected_reason.as_deref().unwrap().starts_with(code), "{:?}", row.rejected_reason);
        assert_eq!(row.published_at, None);
        assert_eq!(site.generation_on_the_bus(*id).await, 0);
    }
    let good = site.store.message(ids[4]).await.unwrap().unwrap();
    assert_eq!((good.outcome, good.published_at.is_some()), (None, true));
    assert_eq!(site.line().await.messages, 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn rows_wait_while_the_bus_is_away_and_go_out_once_when_it_is_back() {
    let site = Site::new().await;
    let running = site.start(relay_only()).await;
    site.insert(["before"]).await;
    site.all_relayed().await;
    site.nats.kill();
    site.insert((0..50).map(|n| format!("meanwhile {n}"))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(site.store.counts().await.unwrap().to_relay, 50);
    site.nats.start_again().await.unwrap();
    site.all_relayed().await;
    site.bus.connected().await;
    assert_eq!(site.line().await.messages, 51);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_stream_that_does_not_exist_yet_is_waited_for() {
    let site = Site::new().await;
    site.nats.wipe().await.unwrap();
    let running = site.start(relay_only()).await;
    site.insert(["early"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(site.store.counts().await.unwrap().to_relay, 1);
    site.bus.connected().await;
    runtime::provision(&site.bus, &Limits::default()).await.unwrap();
    site.all_relayed().await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_is_put_on_a_line_that_is_too_full_and_it_goes_on_when_there_is_room() {
    let limits = Limits { max_bytes: 4 << 20, ..Limits::default() };
    let site = Site::with(&limits).await;
    let mut number = 0;
    while site.line().await.percent() < 85.0 {
        number += 1;
        let subject = Topic::NotifiedMisc.subject(MessageId(1_000_000 + number));
        site.bus.publish_raw(STREAM, &subject, HeaderMap::new(), vec![b'x'; 100_000].into()).await.unwrap();
    }
    let running = site.start(relay_only()).await;
    site.insert(["wait"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(site.store.counts().await.unwrap().to_relay, 1);
    let ready =
        reqwest::get(format!("http://{}/readyz", running.http_addr)).await.unwrap().text().await.unwrap();
    assert!(ready.contains("GB506") && ready.contains("% full"), "{ready}");

    site.bus.purge_before(STREAM, None, u64::from(u32::MAX)).await.unwrap();
    site.all_relayed().await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn no_more_is_put_on_the_line_than_it_can_carry_to_the_end() {
    let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
    let site = Site::with(&limits).await;
    let running = site.start(relay_only()).await;
    site.insert((0..500).map(|n| format!("burger {n}"))).await;
    wait_until("the line has taken what it can", SOON, || async {
        Ok((site.line().await.messages > 50).then_some(()))
    })
    .await
    .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let taken = site.line().await.messages;
    assert!(taken < 200, "nobody works, and yet {taken} messages are on the line");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_row_that_is_to_be_published_again_goes_out_as_its_next_generation() {
    let site = Site::new().await;
    let running = site.start(relay_only()).await;
    let id = site.store.insert_message(&message("again")).await.unwrap().id;
    site.all_relayed().await;
    assert_eq!(site.store.next_generation(&[(id, 1)]).await.unwrap(), [(id, 2)]);
    site.all_relayed().await;
    assert_eq!(site.generation_on_the_bus(id).await, 2);
    assert_eq!(site.line().await.messages, 2);
    running.stop().await.unwrap();
}
