//! Many callers, one thread.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::time::{Duration, Instant};

use common::{data, random_modernbert};
use embed::{Embedder, Error, Limits, Model, Options, cosine};

async fn tiny(limits: Limits) -> Embedder {
    Embedder::start(Model::load(&data("modernbert"), "tiny", Options::default()).unwrap(), limits)
        .await
        .unwrap()
}

/// A model that takes its time.
async fn slow(limits: Limits) -> Embedder {
    let folder = tempfile::tempdir().unwrap();
    random_modernbert(folder.path(), "", 24);
    let options = Options { threads: 1, ..Options::default() };
    Embedder::start(Model::load(folder.path(), "slow", options).unwrap(), limits).await.unwrap()
}

#[tokio::test]
async fn texts_become_vectors_of_length_one_in_their_order() {
    let engine = tiny(Limits::default()).await;
    let texts = ["a burger", "two cokes", "a burger", ""];
    let vectors = engine.embed(&texts).await.unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in &vectors {
        assert_eq!(vector.len(), engine.width());
        assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
    }
    assert!(cosine(&vectors[0], &vectors[2]) > 0.999_999);
    assert!(cosine(&vectors[0], &vectors[1]) < 0.999);
    assert!(engine.embed::<&str>(&[]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_at_once_each_get_their_own_answer() {
    let engine = tiny(Limits { queue: 1000, batch_tokens: 400 }).await;
    let texts: Vec<String> = (0..1000).map(|i| format!("order {}", i % 50)).collect();
    let alone: Vec<_> = engine.embed(&texts[..50]).await.unwrap();
    let calls: Vec<_> = texts
        .into_iter()
        .map(|text| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.embed(&[text]).await })
        })
        .collect();
    for (index, call) in calls.into_iter().enumerate() {
        let vectors = call.await.unwrap().unwrap();
        assert_eq!(vectors.len(), 1);
        assert!(cosine(&vectors[0], &alone[index % 50]) > 0.999_99, "caller {index}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_the_rest_is_answered() {
    let engine = slow(Limits { queue: 4, batch_tokens: 64 }).await;
    let calls: Vec<_> = (0..200)
        .map(|i| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let started = Instant::now();
                (engine.embed(&[format!("a long order of many things, number {i}")]).await, started.elapsed())
            })
        })
        .collect();
    let (mut answered, mut refused) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            (Ok(_), _) => answered += 1,
            (Err(Error::Overloaded { waiting: 4 }), _) => refused += 1,
            (other, _) => panic!("{other:?}"),
        }
    }
    assert!(answered >= 4 && refused > 100, "{answered} answered, {refused} refused");
    assert!(engine.embed(&["still there"]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_have_gone_cost_nothing() {
    let engine = slow(Limits { queue: 300, batch_tokens: 200 }).await;
    let text = "x".repeat(180);
    let one = Instant::now();
    engine.embed(&[&text]).await.unwrap();
    let one = one.elapsed();
    let calls: Vec<_> = (0..250)
        .map(|_| {
            let (engine, text) = (engine.clone(), text.clone());
            tokio::spawn(async move { engine.embed(&[text]).await.map(drop) })
        })
        .collect();
    tokio::time::sleep(one / 2).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    let started = Instant::now();
    engine.embed(&["me"]).await.unwrap();
    assert!(started.elapsed() < one * 60, "{:?} after {one:?} for one", started.elapsed());
}

#[tokio::test]
async fn ten_thousand_characters_are_cut_and_answered() {
    let engine = tiny(Limits::default()).await;
    let long: String = "a very long wish, ".chars().cycle().take(10_000).collect();
    let emoji = "🍔".repeat(10_000);
    let vectors = engine.embed(&[long.as_str(), emoji.as_str(), &long[..5_000]]).await.unwrap();
    assert!(vectors.iter().all(|vector| vector.iter().all(|x| x.is_finite())));
    assert!(cosine(&vectors[0], &vectors[2]) > 0.999_99, "what is cut off makes no difference");
}

#[tokio::test]
async fn more_texts_than_a_batch_takes_are_computed_in_several() {
    let small = tiny(Limits { batch_tokens: 16, ..Limits::default() }).await;
    let large = tiny(Limits { batch_tokens: 10_000, ..Limits::default() }).await;
    let texts: Vec<String> = (0..40).map(|i| format!("number {i}")).collect();
    let (a, b) = (small.embed(&texts).await.unwrap(), large.embed(&texts).await.unwrap());
    assert!(a.iter().zip(&b).all(|(a, b)| cosine(a, b) > 0.999_99));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_what_waits_and_refuses_what_comes() {
    let engine = slow(Limits { queue: 32, batch_tokens: 64 }).await;
    let calls: Vec<_> = (0..8)
        .map(|i| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.embed(&[format!("waiting {i}")]).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    engine.stop().await;
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert!(matches!(engine.embed(&["late"]).await, Err(Error::Stopped)));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_the_waiting() {
    let engine = slow(Limits { queue: 64, batch_tokens: 32 }).await;
    let busy: Vec<_> = (0..40)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.embed(&["y".repeat(200)]).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let within = engine.embed_within(&["z"], Duration::from_millis(1)).await;
    assert!(matches!(within, Err(Error::Deadline(_))), "{within:?}");
    busy.iter().for_each(tokio::task::JoinHandle::abort);
}
