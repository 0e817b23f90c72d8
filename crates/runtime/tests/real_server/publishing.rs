//! Publish once, then acknowledge.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::{Classified, Service, header};
use runtime::{Published, Trace};

use crate::support::*;

#[tokio::test]
async fn an_outcome_is_published_with_its_trail_and_then_acknowledged() {
    let rig = Rig::new().await;
    let seen = counter();
    let running = rig.run(ordinary(&seen)).await;
    rig.receive(42).await;
    rig.until_done().await;

    let stored = rig.output(42).await.unwrap();
    let event: Classified = serde_json::from_slice(&stored.payload).unwrap();
    assert_eq!(event.message.id.0, 42);
    assert_eq!(event.trail.len(), 1);
    assert_eq!(event.trail[0].station, Service::Classifier);
    assert_eq!(event.trail[0].attempt, 1);
    assert_eq!(event.trail[0].decision.reason, "sounds hungry");
    assert_eq!(stored.headers.get("Nats-Msg-Id").unwrap().as_str(), "42:classifier:1");
    assert_eq!(generation(&stored), "1");
    assert_eq!(stored.headers.get(header::VERSION).unwrap().as_str(), "1");
    assert_eq!(get(&seen), 1);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_message_keeps_its_trace_through_a_stage_and_gets_one_where_it_has_none() {
    let rig = Rig::new().await;
    let running = rig.run(ordinary(&counter())).await;
    let trace = Trace::start();
    rig.bus
        .publish_event("ingest", contracts::Topic::ReceivedMessage, &received(1, 1), &trace)
        .await
        .unwrap();
    rig.receive_raw("2", headers(&[]), &serde_json::to_vec(&received(2, 1)).unwrap()).await;
    rig.until_done().await;

    let first = Trace::from_headers(&rig.output(1).await.unwrap().headers).unwrap();
    assert_eq!(first.trace_id, trace.trace_id);
    assert_ne!(first.span_id, trace.span_id);
    assert!(Trace::from_headers(&rig.output(2).await.unwrap().headers).is_some());
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_redelivered_message_whose_output_exists_is_only_acknowledged() {
    let rig = Rig::new().await;
    rig.receive(7).await;
    // A station that published and died before its acknowledgement.
    let first = rig.bus.jetstream();
    let consumer: async_nats::jetstream::consumer::PullConsumer =
        first.get_consumer_from_stream("classifier", "GREENBITE").await.unwrap();
    let mut batch = consumer.fetch().max_messages(1).messages().await.unwrap();
    let taken = futures::StreamExt::next(&mut batch).await.unwrap().unwrap();
    let event =
        Classified { message: received(7, 1).message, language: "en".into(), topic: None, trail: vec![] };
    let topic = contracts::Topic::ClassifiedMisc;
    rig.bus.publish_event("classifier", topic, &event, &Trace::start()).await.unwrap();
    taken.ack_with(async_nats::jetstream::AckKind::Nak(None)).await.unwrap();

    let seen = counter();
    let running = rig.run(ordinary(&seen)).await;
    rig.until_done().await;
    assert_eq!(get(&seen), 0, "the handler ran again");
    assert!(rig.output(7).await.is_none(), "a second, different outcome was published");
    running.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_duplicate_is_success_even_after_the_servers_memory_of_ids() {
    let mut settings = quick();
    settings.line.duplicate_window_s = 1;
    let rig = Rig::with(settings).await;
    assert!(matches!(rig.receive(1).await, Published::Stored(_)));
    assert_eq!(rig.receive(1).await, Published::AlreadyThere);
    pause(1_800).await;
    assert_eq!(rig.receive(1).await, Published::AlreadyThere);
    assert_eq!(rig.stored("greenbite.received.message.*").await, 1);
}

#[tokio::test]
async fn a_replayed_generation_supersedes_the_old_one_and_an_old_one_never_the_new() {
    let rig = Rig::new().await;
    let seen = counter();
    let running = rig.run(ordinary(&seen)).await;
    rig.receive(9).await;
    rig.until_done().await;
    rig.receive_generation(9, 2).await;
    eventually("the second generation went through", || async {
        rig.output(9).await.is_some_and(|stored| generation(&stored) == "2")
    })
    .await;
    assert_eq!(rig.receive_generation(9, 1).await, Published::AlreadyThere);
    assert_eq!(rig.receive_generation(9, 2).await, Published::AlreadyThere);
    rig.until_done().await;
    assert_eq!(get(&seen), 2);
    assert_eq!(rig.outputs().await, 2);
    running.stop().await.unwrap();
}

#[tokio::test]
async fn two_replicas_share_a_durable_and_nothing_is_handled_twice() {
    let rig = Rig::new().await;
    let handled: Arc<Mutex<Vec<i64>>> = Arc::default();
    let replica = || {
        let handled = handled.clone();
        let own = counter();
        let count = own.clone();
        let stage = classifier(move |event, _| {
            handled.lock().unwrap().push(event.message.id.0);
            own.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            async move {
                pause(2).await;
                order(event)
            }
        });
        (stage, count)
    };
    let ((one, first), (two, second)) = (replica(), replica());
    let (one, two) = (rig.run(one).await, rig.run(two).await);
    for id in 1..=200 {
        rig.receive(id).await;
    }
    rig.until_done().await;
    let handled = handled.lock().unwrap().clone();
    assert_eq!(handled.len(), 200);
    assert_eq!(handled.iter().collect::<BTreeSet<_>>().len(), 200);
    assert!(get(&first) > 20 && get(&second) > 20, "one did all: {} and {}", get(&first), get(&second));
    assert_eq!(rig.outputs().await, 200);
    one.stop().await.unwrap();
    two.stop().await.unwrap();
}

#[tokio::test]
async fn a_backlog_goes_through_two_lanes_without_pauses() {
    let rig = Rig::new().await;
    for id in 1..=500 {
        rig.receive(id).await;
    }
    let running = rig.run(ordinary(&counter())).await;
    let started = std::time::Instant::now();
    rig.until_done().await;
    let took = started.elapsed();
    // A lane that fell asleep between pulls needs 36 ms a message, which would be 9 s here.
    assert!(took < Duration::from_secs(6), "500 messages took {took:?}");
    running.stop().await.unwrap();
}
