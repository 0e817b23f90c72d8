use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::{Code, Failure, FailureKind, MessageId};
use store::group::{CHUNK, Group, Operation, Stopped};
use store::orders::NewOrder;
use store::registration::Registered;

use crate::{fresh, messages, order};

/// Notes the chunks that it was written in; fails as it is told.
struct Probe {
    id: i64,
    fails: Option<FailureKind>,
    panics: bool,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("as it was told: {0:?}")]
struct Told(FailureKind);

impl Failure for Told {
    fn kind(&self) -> FailureKind {
        self.0
    }
    fn code(&self) -> Code {
        Code::Refused
    }
}

impl From<Stopped> for Told {
    fn from(_: Stopped) -> Self {
        Told(FailureKind::Transient)
    }
}

type Chunks = Arc<Mutex<Vec<Vec<i64>>>>;

impl Operation for Probe {
    type Context = Chunks;
    type Output = i64;
    type Error = Told;

    fn message_id(&self) -> MessageId {
        MessageId(self.id)
    }

    async fn run(chunks: &Chunks, chunk: &[Self]) -> Result<Vec<i64>, Told> {
        chunks.lock().unwrap().push(chunk.iter().map(|probe| probe.id).collect());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!chunk.iter().any(|probe| probe.panics), "as it was told");
        match chunk.iter().find_map(|probe| probe.fails) {
            Some(kind) => Err(Told(kind)),
            None => Ok(chunk.iter().map(|probe| probe.id * 10).collect()),
        }
    }
}

fn probe(id: i64) -> Probe {
    Probe { id, fails: None, panics: false }
}

#[tokio::test]
async fn a_lone_operation_does_not_wait_and_what_comes_meanwhile_goes_together_in_order() {
    let chunks = Chunks::default();
    let group = Group::<Probe>::start(chunks.clone());
    let results = futures::future::join_all((0..200).rev().map(|id| group.submit(probe(id)))).await;
    for (id, result) in (0..200).rev().zip(results) {
        assert_eq!(result.unwrap(), id * 10);
    }
    let chunks = chunks.lock().unwrap();
    assert!(chunks.len() <= 5, "{} chunks", chunks.len());
    assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK && chunk.is_sorted()));
}

#[tokio::test]
async fn one_that_fails_does_not_fail_those_that_came_with_it() {
    let chunks = Chunks::default();
    let group = Group::<Probe>::start(chunks.clone());
    let results = futures::future::join_all((0..5).map(|id| {
        let fails = (id == 3).then_some(FailureKind::Permanent);
        group.submit(Probe { fails, ..probe(id) })
    }))
    .await;
    let failed: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, false, true, false]);
}

#[tokio::test]
async fn an_outage_is_told_to_all_and_not_tried_one_by_one() {
    let chunks = Chunks::default();
    let group = Group::<Probe>::start(chunks.clone());
    let results = futures::future::join_all(
        (0..5).map(|id| group.submit(Probe { fails: Some(FailureKind::Outage), ..probe(id) })),
    )
    .await;
    assert!(results.iter().all(|result| result.as_ref().unwrap_err().0 == FailureKind::Outage));
    assert!(chunks.lock().unwrap().len() <= 2);
}

#[tokio::test]
async fn a_panic_is_told_to_those_who_wait_and_the_group_goes_on() {
    let group = Group::<Probe>::start(Chunks::default());
    let error = group.submit(Probe { panics: true, ..probe(1) }).await.unwrap_err();
    assert_eq!(error.0, FailureKind::Transient);
    assert_eq!(group.submit(probe(2)).await.unwrap(), 20);
}

#[tokio::test]
async fn orders_that_arrive_together_are_each_registered_once_and_a_bad_one_fails_alone() {
    let store = fresh().await;
    let ids = messages(&store, 100).await;
    // Two registrars, each with all messages, as after a redelivery.
    let groups = [Group::<NewOrder>::start(store.clone()), Group::<NewOrder>::start(store.clone())];
    let bad = ids[50];
    let submissions = groups.iter().flat_map(|group| {
        ids.iter().map(move |id| {
            let mut order = order(*id);
            if *id == bad {
                order.lines[0].line.quantity = 0;
            }
            async move { (*id, group.submit(order).await) }
        })
    });
    let mut new = 0;
    for (id, result) in futures::future::join_all(submissions).await {
        match result {
            Ok(Registered::New(_)) => new += 1,
            Ok(Registered::Stands(_)) => {}
            Err(_) if id == ids[50] => {}
            other => panic!("message {id}: {other:?}"),
        }
    }
    assert_eq!(new, 99);
    assert_eq!(store.order_totals().await.unwrap().0, 99);
}
