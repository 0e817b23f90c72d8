//! Provisioning, and what is refused at the start.

use contracts::topology::{CONSUMERS, Limits};
use contracts::{Code, Service};

use crate::support::*;

#[tokio::test]
async fn provisioning_creates_once_changes_what_is_different_and_may_be_repeated() {
    let rig = Rig::unprovisioned(quick()).await;
    let limits = Limits::default();
    let first = runtime::provision(&rig.bus, &limits).await.unwrap();
    assert_eq!(first.created.len(), CONSUMERS.len() + 3, "two streams, all durables, the one for advisories");
    assert_eq!(first.differences, Vec::<String>::new());
    let second = runtime::provision(&rig.bus, &limits).await.unwrap();
    assert_eq!((second.created.len(), second.updated.len()), (0, 0));
    let changed = Limits { ack_wait_ms: 12_000, max_bytes: 1 << 28, ..limits };
    let third = runtime::provision(&rig.bus, &changed).await.unwrap();
    assert_eq!(third.updated.len(), CONSUMERS.len() + 2, "{third}");
    assert_eq!(third.differences, Vec::<String>::new());
    assert_eq!(rig.durable().await.config.ack_wait.as_secs(), 12);
}

#[tokio::test]
async fn a_durable_that_is_otherwise_than_wanted_is_refused_at_the_start() {
    let rig = Rig::new().await;
    let mut settings = rig.settings.clone();
    settings.line.ack_wait_ms = 25_000;
    let count = counter();
    let stage = ordinary(&count);
    let started = runtime::start(Service::Classifier, settings, (), async move |app| {
        app.stage(stage);
        Ok(())
    })
    .await;
    let error = started.err().unwrap();
    assert_eq!(error.code, Code::Topology);
    assert!(error.reason.contains("ack_wait is 3s, wanted is 25s"), "{error}");
}

#[tokio::test]
async fn a_stage_of_another_service_is_refused() {
    let rig = Rig::new().await;
    let stage = ordinary(&counter());
    let started = runtime::start(Service::Extractor, rig.settings.clone(), (), async move |app| {
        app.stage(stage);
        Ok(())
    })
    .await;
    assert_eq!(started.err().unwrap().code, Code::Topology);
}
