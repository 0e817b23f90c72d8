//! A class pauses a station.

use std::time::{Duration, Instant};

use contracts::{Control, Service, subject};

use crate::support::*;

async fn say(rig: &Rig, pause_ms: u64) {
    let word = serde_json::to_vec(&Control { pause_ms, by: "a test".into() }).unwrap();
    rig.bus.client().publish(subject::control(Service::Classifier), word.into()).await.unwrap();
    rig.bus.client().flush().await.unwrap();
}

/// Says it until it is heard: it is not kept, and a service that starts may not listen yet.
async fn until_paused(rig: &Rig, running: &runtime::Running, pause_ms: u64) {
    eventually("it says that it is paused", || async {
        say(rig, pause_ms).await;
        running.report()["paused"] == "paused by the class (a test)"
    })
    .await;
}

#[tokio::test]
async fn a_paused_station_reads_nothing_and_drains_when_it_is_resumed() {
    let rig = Rig::new().await;
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    rig.receive(1).await;
    rig.until_done().await;

    until_paused(&rig, &running, 30_000).await;
    assert_eq!(running.report()["ready"], true, "a pause is no outage");
    eventually("no lane asks any more", || async { rig.durable().await.num_waiting == 0 }).await;
    for id in 2..=20 {
        rig.receive(id).await;
    }
    pause(300).await;
    assert_eq!(get(&count), 1, "a message slipped through");
    let info = rig.durable().await;
    assert_eq!((info.num_pending, info.num_ack_pending), (19, 0), "the lag shows what waits");

    say(&rig, 0).await;
    rig.until_done().await;
    assert_eq!(get(&count), 20);
    assert!(running.report()["paused"].is_null());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_pause_that_nobody_renews_ends_by_itself() {
    let rig = Rig::new().await;
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    let started = Instant::now();
    until_paused(&rig, &running, 700).await;
    rig.receive(1).await;
    eventually("it goes on", || async { get(&count) == 1 }).await;
    assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_paused_station_stops_at_once() {
    let rig = Rig::new().await;
    let running = rig.run(ordinary(&counter())).await;
    until_paused(&rig, &running, 30_000).await;
    let started = Instant::now();
    running.stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
