//! Stopping in order.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::*;

#[tokio::test]
async fn running_handlers_finish_and_the_rest_is_left_to_others_at_once() {
    let rig = Rig::new().await;
    let (begun, count) = (counter(), counter());
    let (starts, ends) = (begun.clone(), count.clone());
    let running = rig
        .run(classifier(move |event, _| {
            starts.fetch_add(1, Ordering::SeqCst);
            let ends = ends.clone();
            async move {
                pause(600).await;
                ends.fetch_add(1, Ordering::SeqCst);
                order(event)
            }
        }))
        .await;
    for id in 1..=10 {
        rig.receive(id).await;
    }
    eventually("both lanes work", || async { get(&begun) == 2 }).await;
    running.stop().await.unwrap();
    assert_eq!((get(&begun), get(&count)), (2, 2), "begun and finished");
    assert_eq!(rig.outputs().await, 2);
    let info = rig.durable().await;
    assert_eq!(info.num_ack_pending, 0, "something is stranded with a lane that is gone");
    assert_eq!(info.num_pending, 8);
}

#[tokio::test]
async fn a_handler_beyond_the_grace_is_given_up_and_its_message_given_back() {
    let mut settings = quick();
    settings.process.grace_ms = 200;
    settings.line.ack_wait_ms = 30_000;
    let rig = Rig::with(settings).await;
    let begun = counter();
    let starts = begun.clone();
    let running = rig
        .run(classifier(move |event, _| {
            starts.fetch_add(1, Ordering::SeqCst);
            async move {
                pause(30_000).await;
                order(event)
            }
        }))
        .await;
    rig.receive(1).await;
    eventually("it is at work", || async { get(&begun) == 1 }).await;
    let started = Instant::now();
    running.stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let count = counter();
    let other = rig.run(ordinary(&count)).await;
    let started = Instant::now();
    eventually("another does it", || async { get(&count) == 1 }).await;
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "it waited for the ack wait: {:?}",
        started.elapsed()
    );
    other.stop().await.unwrap();
}

#[tokio::test]
async fn an_idle_service_stops_quickly_and_its_waiting_pulls_swallow_nothing() {
    let rig = Rig::new().await;
    let first = rig.run(ordinary(&counter())).await;
    let count = counter();
    eventually("its pulls wait", || async { rig.durable().await.num_waiting == 2 }).await;
    let started = Instant::now();
    first.stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    rig.receive(1).await;
    let second = rig.run(ordinary(&count)).await;
    eventually("it is handled", || async { get(&count) == 1 }).await;
    assert_eq!(rig.durable().await.num_redelivered, 0);
    second.stop().await.unwrap();
}

#[tokio::test]
async fn background_work_sees_the_shutdown_and_its_failure_ends_the_service() {
    let rig = Rig::new().await;
    let ended = counter();
    let seen = ended.clone();
    let running =
        runtime::start(contracts::Service::Classifier, rig.settings.clone(), (), async move |app| {
            let token = app.shutdown_token();
            app.task("waiting", async move {
                token.cancelled().await;
                seen.fetch_add(1, Ordering::SeqCst);
            });
            Ok(())
        })
        .await
        .unwrap();
    running.stop().await.unwrap();
    assert_eq!(get(&ended), 1);

    let running =
        runtime::start(contracts::Service::Classifier, rig.settings.clone(), (), async move |app| {
            app.task("failing", async { assert_eq!(1, 2, "on purpose") });
            Ok(())
        })
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), running.ended()).await.unwrap();
    assert_eq!(running.stop().await.unwrap_err().code, contracts::Code::Panicked);
}
