//! Dependencies and the bus itself go away and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use contracts::{Code, Service};
use runtime::StageError;

use crate::support::*;

fn flag(value: bool) -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(value))
}

#[tokio::test]
async fn an_outage_pauses_pulling_uses_up_no_tries_and_ends_by_itself() {
    let rig = Rig::new().await;
    let (away, count) = (flag(true), counter());
    let (is_away, seen) = (away.clone(), count.clone());
    let running = rig
        .run(classifier(move |event, _| {
            seen.fetch_add(1, Ordering::SeqCst);
            let answer = match is_away.load(Ordering::SeqCst) {
                true => Err(StageError::outage(Code::DatabaseOutage, "no database")),
                false => order(event),
            };
            async move { answer }
        }))
        .await;
    for id in 1..=20 {
        rig.receive(id).await;
    }
    eventually("it was tried several times", || async { get(&count) >= 5 }).await;
    let report = running.report();
    assert_eq!(report["ready"], false);
    assert_eq!(report["stages"][0]["paused"]["code"], "GB502");
    assert_eq!(report["stages"][0]["paused"]["reason"], "no database");
    let info = rig.durable().await;
    assert!(info.num_ack_pending <= 2, "{} are in hand, two lanes may hold two", info.num_ack_pending);
    assert_eq!(info.num_redelivered, 0);

    away.store(false, Ordering::SeqCst);
    rig.until_done().await;
    assert_eq!(rig.outputs().await, 20);
    assert_eq!(running.report()["ready"], true);
    assert_eq!(rig.durable().await.num_redelivered, 0);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_in_hand_during_a_long_outage_stays_this_lanes() {
    let mut settings = quick();
    settings.line.ack_wait_ms = 1_000;
    settings.lanes.deadline_ms = 900;
    let rig = Rig::with(settings).await;
    let away = flag(true);
    let is_away = away.clone();
    let running = rig
        .run(classifier(move |event, _| {
            let answer = match is_away.load(Ordering::SeqCst) {
                true => Err(StageError::outage(Code::NoMenu, "no menu")),
                false => order(event),
            };
            async move { answer }
        }))
        .await;
    rig.receive(1).await;
    pause(3_500).await;
    assert_eq!(rig.durable().await.num_redelivered, 0);
    away.store(false, Ordering::SeqCst);
    rig.until_done().await;
    assert!(rig.output(1).await.is_some());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_failing_probe_pauses_the_service_and_its_success_ends_the_pause() {
    let rig = Rig::new().await;
    let (up, count) = (flag(false), counter());
    let (is_up, stage) = (up.clone(), ordinary(&count));
    let running = runtime::start(Service::Classifier, rig.settings.clone(), (), async move |app| {
        app.stage(stage);
        app.note("decides", "a closure");
        app.dependency("cache", Code::NoMenu, move || {
            let is_up = is_up.clone();
            async move { if is_up.load(Ordering::SeqCst) { Ok(()) } else { Err("refused".to_owned()) } }
        });
        Ok(())
    })
    .await
    .unwrap();
    rig.receive(1).await;
    pause(300).await;
    assert_eq!(get(&count), 0);
    let report = running.report();
    assert_eq!(report["ready"], false);
    assert_eq!(report["dependencies"][0]["outage"]["code"], "GB503");
    assert_eq!(report["notes"]["decides"], "a closure");

    up.store(true, Ordering::SeqCst);
    rig.until_done().await;
    assert_eq!(get(&count), 1);

    up.store(false, Ordering::SeqCst);
    eventually("the probe is noticed", || async { running.report()["ready"] == false }).await;
    rig.receive(2).await;
    pause(300).await;
    assert_eq!(get(&count), 1);
    up.store(true, Ordering::SeqCst);
    rig.until_done().await;
    assert_eq!(get(&count), 2);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_restarts_in_mid_flight_loses_nothing_and_repeats_nothing() {
    let rig = Rig::new().await;
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    for id in 1..=400 {
        rig.receive(id).await;
    }
    eventually("it is at work", || async { get(&count) > 20 }).await;
    rig.nats.kill();
    pause(300).await;
    rig.nats.start_again().await.unwrap();
    for id in 401..=450 {
        eventually("the bus takes messages again", || async {
            let event = received(id, 1);
            let trace = runtime::Trace::start();
            rig.bus.publish_event("ingest", contracts::Topic::ReceivedMessage, &event, &trace).await.is_ok()
        })
        .await;
    }
    rig.until_done().await;
    assert_eq!(rig.outputs().await, 450);
    assert_eq!(running.report()["ready"], true);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_service_starts_without_the_bus_and_begins_when_it_is_there() {
    let rig = Rig::new().await;
    rig.receive(1).await;
    rig.nats.kill();
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    assert_eq!(running.report()["ready"], false);
    rig.nats.start_again().await.unwrap();
    eventually("the message is handled", || async { get(&count) == 1 }).await;
    eventually("it is ready", || async { running.report()["ready"] == true }).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_line_that_is_not_provisioned_or_was_wiped_is_waited_for() {
    let rig = Rig::unprovisioned(quick()).await;
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    eventually("it says what is missing", || async {
        running.report()["stages"][0]["paused"]["code"] == "GB403"
    })
    .await;
    rig.provision().await;
    rig.receive(1).await;
    eventually("the message is handled", || async { get(&count) == 1 }).await;

    rig.nats.wipe().await.unwrap();
    eventually("it says what is missing again", || async {
        running.report()["stages"][0]["paused"]["code"] == "GB403"
    })
    .await;
    rig.provision().await;
    rig.receive(2).await;
    eventually("the message is handled", || async { get(&count) == 2 }).await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_durable_that_is_deleted_under_a_running_service_is_waited_for() {
    let rig = Rig::new().await;
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    rig.receive(1).await;
    rig.until_done().await;
    let jetstream = rig.bus.jetstream();
    jetstream.delete_consumer_from_stream("classifier", "GREENBITE").await.unwrap();
    eventually("it says what is missing", || async {
        running.report()["stages"][0]["paused"]["code"] == "GB403"
    })
    .await;
    rig.provision().await;
    rig.receive(2).await;
    rig.until_done().await;
    assert_eq!(get(&count), 2, "the first message was handled again, though its output is there");
    assert_eq!(rig.outputs().await, 2);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_full_stream_pauses_the_stage_and_room_ends_the_pause() {
    let mut settings = quick();
    settings.line.max_bytes = 64 * 1024;
    let rig = Rig::with(settings).await;
    rig.receive(1).await;
    let filler = vec![b'x'; 8 * 1024];
    for n in 0..20 {
        let ack = rig
            .bus
            .jetstream()
            .publish(format!("greenbite.filler.x.{n}"), filler.clone().into())
            .await
            .unwrap();
        if ack.await.is_err() {
            break;
        }
    }
    for n in 0..200 {
        let subject = format!("greenbite.filler.y.{n}");
        if rig.bus.jetstream().publish(subject, vec![b'x'; 256].into()).await.unwrap().await.is_err() {
            break;
        }
    }
    let count = counter();
    let running = rig.run(ordinary(&count)).await;
    eventually("it says that there is no room", || async {
        running.report()["stages"][0]["paused"]["code"] == "GB506"
    })
    .await;
    let stream = rig.bus.jetstream().get_stream("GREENBITE").await.unwrap();
    stream.purge().filter("greenbite.filler.>").await.unwrap();
    rig.until_done().await;
    assert!(rig.output(1).await.is_some());
    assert_eq!(get(&count), 1, "the handler ran again for a publication that was only late");
    assert_eq!(rig.durable().await.num_redelivered, 0);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_stored_keeps_its_message_until_it_can() {
    let rig = Rig::new().await;
    rig.bus.jetstream().delete_stream("GREENBITE_DLQ").await.unwrap();
    let running = rig.run(ordinary(&counter())).await;
    rig.receive_raw("1", headers(&[]), b"{}").await;
    eventually("it is paused", || async { running.report()["ready"] == false }).await;
    assert!(!rig.is_done().await, "the message was acknowledged without a dead letter");
    rig.provision().await;
    rig.until_dead(Code::Malformed, "1").await;
    rig.until_done().await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_fatal_error_ends_the_service_with_its_reason_and_gives_the_message_back() {
    let rig = Rig::new().await;
    let running = rig
        .run(classifier(|_, _| async { Err(StageError::fatal(Code::Permission, "may not read the menu")) }))
        .await;
    rig.receive(1).await;
    tokio::time::timeout(Duration::from_secs(5), running.ended()).await.unwrap();
    let error = running.stop().await.unwrap_err();
    assert_eq!(error.code, Code::Permission);
    assert!(error.to_string().contains("may not read the menu") && error.to_string().contains("GB402"));
    let count = counter();
    let other = rig.run(ordinary(&count)).await;
    eventually("another does it at once", || async { get(&count) == 1 }).await;
    other.stop().await.unwrap();
}
