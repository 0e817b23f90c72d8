//! Failures of handlers and of messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use contracts::{Code, header};
use runtime::dead_letter::payload_bytes;
use runtime::{Outcome, StageError};

use crate::support::*;

/// A classifier that fails the first `failures` times with what `fail` says.
fn failing(
    failures: usize,
    count: &Arc<AtomicUsize>,
    fail: impl Fn() -> StageError + Send + Sync + 'static,
) -> Classifier {
    let count = count.clone();
    classifier(move |event, _| {
        let answer = match count.fetch_add(1, Ordering::SeqCst) {
            n if n < failures => Err(fail()),
            _ => order(event),
        };
        async move { answer }
    })
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_passes() {
    let rig = Rig::new().await;
    let count = counter();
    let running = rig.run(failing(2, &count, || StageError::transient("a hiccup"))).await;
    rig.receive(1).await;
    rig.until_done().await;
    assert_eq!(get(&count), 3);
    assert!(rig.output(1).await.is_some());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_failure_that_does_not_pass_becomes_a_dead_letter_after_its_tries() {
    let rig = Rig::new().await;
    let count = counter();
    let running = rig.run(failing(usize::MAX, &count, || StageError::transient("no luck"))).await;
    rig.receive(5).await;
    let letter = rig.until_dead(Code::RetriesUsedUp, "5").await;
    rig.until_done().await;
    assert_eq!(get(&count), 3);
    assert_eq!(letter.attempts, 3);
    assert!(letter.reason.contains("no luck"), "{}", letter.reason);
    assert!(rig.output(5).await.is_none());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn the_pause_that_the_other_side_asks_for_is_kept() {
    let rig = Rig::new().await;
    let count = counter();
    let wait = Some(Duration::from_millis(700));
    let running = rig
        .run(failing(1, &count, move || StageError::Transient {
            reason: "slow down".into(),
            retry_after: wait,
        }))
        .await;
    let started = Instant::now();
    rig.receive(1).await;
    eventually("it was tried again", || async { get(&count) == 2 }).await;
    assert!(started.elapsed() >= Duration::from_millis(700));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_permanent_failure_is_a_dead_letter_at_once_under_its_own_code() {
    let rig = Rig::new().await;
    let count = counter();
    let running =
        rig.run(failing(usize::MAX, &count, || StageError::permanent(Code::UnknownMessage, "no row"))).await;
    rig.receive(3).await;
    let letter = rig.until_dead(Code::UnknownMessage, "3").await;
    assert_eq!((get(&count), letter.attempts), (1, 1));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_no_event_becomes_a_dead_letter_that_holds_the_whole_original() {
    let rig = Rig::new().await;
    let seen = counter();
    let running = rig.run(ordinary(&seen)).await;
    let payload = b"\xff\xfe not even text \x00";
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let given = headers(&[("X-Anything", "kept"), (header::TRACEPARENT, trace)]);
    rig.receive_raw("8", given, payload).await;
    let letter = rig.until_dead(Code::Malformed, "8").await;
    assert_eq!(payload_bytes(&letter.payload).unwrap(), payload);
    assert_eq!(letter.headers["X-Anything"], ["kept"]);
    assert_eq!(letter.subject, "greenbite.received.message.8");
    assert_eq!(letter.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(letter.stream_sequence, Some(1));
    rig.receive(9).await;
    rig.until_done().await;
    assert_eq!(get(&seen), 1, "the line did not go on");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn every_kind_of_wrong_event_has_its_code_and_the_line_goes_on() {
    let rig = Rig::new().await;
    let seen = counter();
    let running = rig.run(ordinary(&seen)).await;
    let good = serde_json::to_vec(&received(1, 1)).unwrap();
    rig.receive_raw("1", headers(&[(header::VERSION, "99")]), &good).await;
    rig.receive_raw("2", headers(&[]), &good).await;
    rig.receive_raw("word", headers(&[]), &good).await;
    rig.receive_raw("4", headers(&[]), b"{\"message\": {\"id\": \"four\"}}").await;
    rig.receive_raw("5", headers(&[]), b"").await;
    for (code, id) in [
        (Code::UnknownVersion, "1"),
        (Code::WrongId, "2"),
        (Code::UnknownSubject, "word"),
        (Code::Malformed, "4"),
        (Code::Malformed, "5"),
    ] {
        let letter = rig.until_dead(code, id).await;
        assert!(!letter.reason.contains("four"), "the customer's words are in the reason: {}", letter.reason);
    }
    // Unknown fields and a missing version are fine.
    let mut event = serde_json::to_value(received(6, 1)).unwrap();
    event["colour"] = "green".into();
    rig.receive_raw("6", headers(&[]), &serde_json::to_vec(&event).unwrap()).await;
    rig.until_done().await;
    assert_eq!(get(&seen), 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_panic_is_tried_once_more_then_a_dead_letter_and_the_process_lives() {
    let rig = Rig::new().await;
    let count = counter();
    let seen = count.clone();
    let running = rig
        .run(classifier(move |event, _| {
            seen.fetch_add(1, Ordering::SeqCst);
            async move {
                assert_ne!(event.message.id.0, 13, "thirteen");
                order(event)
            }
        }))
        .await;
    rig.receive(13).await;
    let letter = rig.until_dead(Code::Panicked, "13").await;
    assert!(letter.reason.contains("thirteen"), "{}", letter.reason);
    assert_eq!(get(&count), 2);
    rig.receive(14).await;
    rig.until_done().await;
    assert!(rig.output(14).await.is_some());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_handler_that_does_not_finish_in_time_is_tried_once_more_then_a_dead_letter() {
    let mut settings = quick();
    settings.lanes.deadline_ms = 150;
    let rig = Rig::with(settings).await;
    let count = counter();
    let seen = count.clone();
    let running = rig
        .run(classifier(move |_, _| {
            seen.fetch_add(1, Ordering::SeqCst);
            async move {
                pause(60_000).await;
                Ok(Outcome::nothing("never"))
            }
        }))
        .await;
    rig.receive(1).await;
    let letter = rig.until_dead(Code::Deadline, "1").await;
    assert_eq!((get(&count), letter.attempts), (2, 2));
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_station_that_publishes_what_its_durable_does_not_list_does_not_get_through() {
    let rig = Rig::new().await;
    let running = rig
        .run(classifier(|event, _| async move {
            let decision = contracts::Decision::by_rules("x", "y");
            Ok(Outcome::publish(contracts::Topic::ReceivedMessage, event, decision))
        }))
        .await;
    rig.receive(1).await;
    rig.until_dead(Code::Panicked, "1").await;
    assert_eq!(rig.stored("greenbite.received.message.*").await, 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn an_outcome_that_is_too_large_is_a_dead_letter_that_says_so() {
    let rig = Rig::new().await;
    let running = rig
        .run(classifier(|mut event, _| async move {
            event.message.text = "x".repeat(300 * 1024);
            order(event)
        }))
        .await;
    rig.receive(1).await;
    rig.until_dead(Code::TooLarge, "1").await;
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_handler_keeps_its_message_by_signs_of_life() {
    let mut settings = quick();
    settings.line.ack_wait_ms = 1_000;
    settings.lanes.deadline_ms = 1_000;
    let rig = Rig::with(settings).await;
    // The ack wait of the server is half the handler's time.
    let mut settings = rig.settings.clone();
    settings.lanes.deadline_ms = 10_000;
    let count = counter();
    let seen = count.clone();
    let stage = classifier(move |event, _| {
        seen.fetch_add(1, Ordering::SeqCst);
        async move {
            pause(2_500).await;
            order(event)
        }
    });
    let running = runtime::start(contracts::Service::Classifier, settings, (), async move |app| {
        app.stage(stage);
        Ok(())
    })
    .await
    .unwrap();
    rig.receive(1).await;
    rig.until_done().await;
    assert_eq!(get(&count), 1, "it was delivered again while it was in work");
    assert_eq!(rig.durable().await.num_redelivered, 0);
    running.stop().await.unwrap();
}
