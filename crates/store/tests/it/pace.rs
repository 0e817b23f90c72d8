use chrono::{DateTime, TimeDelta, Utc};
use contracts::{MessageId, MessageOutcome, Registration, Settlement};
use store::Store;
use store::messages::NewMessage;
use store::orders::NewOrder;
use store::pace::{Pace, PacedOrder};
use store::registration::Registered;

use crate::{fresh, message, order, review};

const TWO: Pace = Pace { of_customer: 2, of_all: 0 };

/// Messages of one customer, so many seconds after each other.
async fn sent(store: &Store, customer: Option<&str>, seconds: &[i64]) -> Vec<MessageId> {
    let begun: DateTime<Utc> = "2026-11-28T12:00:00Z".parse().unwrap();
    let new: Vec<NewMessage> = seconds
        .iter()
        .map(|second| NewMessage {
            customer: customer.map(str::to_owned),
            received_at: Some(begun + TimeDelta::seconds(*second)),
            ..message("two soups")
        })
        .collect();
    store.insert_messages(&new).await.unwrap().into_iter().map(|inserted| inserted.id).collect()
}

fn paced(ids: &[MessageId]) -> Vec<PacedOrder> {
    ids.iter().map(|id| PacedOrder { order: order(*id), review: review(*id) }).collect()
}

async fn outcomes(store: &Store, ids: &[MessageId]) -> String {
    let mut letters = String::new();
    for id in ids {
        letters.push(match store.message(*id).await.unwrap().unwrap().outcome {
            Some(MessageOutcome::Order) => 'o',
            Some(MessageOutcome::Review) => 'r',
            other => panic!("{other:?}"),
        });
    }
    letters
}

#[tokio::test]
async fn orders_that_come_too_fast_are_reviews_and_none_is_lost() {
    let store = fresh().await;
    let ids = sent(&store, Some("Ada"), &[0, 10, 20, 30, 90]).await;
    let results = store.register_at_pace(&paced(&ids), &TWO).await.unwrap();
    assert_eq!(outcomes(&store, &ids).await, "oorro");
    let (Registered::New(Registration::Review { .. }), Some(reason)) = &results[2] else { panic!() };
    assert!(reason.contains("more than 2 orders within a minute"), "{reason}");
    let open = store.open_reviews(10).await.unwrap();
    assert_eq!((open.len(), &open[0].reason), (2, reason));

    // Told again, what stands is told, not judged anew.
    let again = store.register_at_pace(&paced(&ids), &TWO).await.unwrap();
    assert!(again.iter().all(|(told, held)| matches!(told, Registered::Stands(_)) && held.is_none()));
    assert_eq!(store.order_totals().await.unwrap().0, 3);

    // A person may take it nevertheless.
    let settled = Some(Settlement { by: "Bob".to_owned(), at: Utc::now() });
    let mut taken = paced(&ids[2..3]);
    taken[0].order = NewOrder { settled, ..order(ids[2]) };
    store.register_at_pace(&taken, &TWO).await.unwrap();
    assert_eq!(outcomes(&store, &ids).await, "oooro");
}

#[tokio::test]
async fn the_limits_hold_over_many_registrars_at_once() {
    let store = fresh().await;
    let mut ids = sent(&store, Some("Ada"), &[0; 30]).await;
    ids.extend(sent(&store, None, &[1; 30]).await);
    let pace = Pace { of_customer: 3, of_all: 10 };
    let registrars = ids.chunks(4).map(|chunk| {
        let (store, orders) = (store.clone(), paced(chunk));
        tokio::spawn(async move { store.register_at_pace(&orders, &pace).await.unwrap() })
    });
    for registrar in registrars.collect::<Vec<_>>() {
        registrar.await.unwrap();
    }
    assert_eq!(store.order_totals().await.unwrap().0, 10);
    assert_eq!(store.open_reviews(100).await.unwrap().len(), 50);
    let of_ada = outcomes(&store, &ids[..30]).await.matches('o').count();
    assert!(of_ada <= 3, "{of_ada}");
}

#[tokio::test]
async fn a_backlog_of_an_evening_is_no_crowd() {
    let store = fresh().await;
    let seconds: Vec<i64> = (0..40).map(|n| n * 31).collect();
    let ids = sent(&store, Some("Ada"), &seconds).await;
    store.register_at_pace(&paced(&ids), &Pace { of_customer: 2, of_all: 3 }).await.unwrap();
    assert_eq!(store.order_totals().await.unwrap().0, 40, "registered in one go, sent over twenty minutes");
}

#[tokio::test]
async fn orders_are_registered_while_somebody_does_the_days_work_or_keeps_the_house() {
    let store = fresh().await;
    let _day = store.take_day_key().await.unwrap().unwrap();
    let _house = store.take_house_key().await.unwrap().unwrap();
    let ids = sent(&store, Some("Ada"), &[0]).await;
    let (orders, patience) = (paced(&ids), std::time::Duration::from_secs(20));
    tokio::time::timeout(patience, store.register_at_pace(&orders, &TWO)).await.unwrap().unwrap();
    assert_eq!(outcomes(&store, &ids).await, "o");
}
