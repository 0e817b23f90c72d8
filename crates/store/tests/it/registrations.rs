use chrono::Utc;
use contracts::{Category, Failure, FailureKind, MessageId, MessageOutcome, Registration, Settlement};
use store::orders::NewOrder;
use store::registration::{Registered, Standing};
use store::reviews::{ReviewDecision, Settled};

use crate::{enquiry, execute, fresh, messages, number, one_message, order, review, url};

fn by_a_person() -> Option<Settlement> {
    Some(Settlement { by: "Ada".to_owned(), at: Utc::now() })
}

fn category(registered: &Registered) -> Option<Category> {
    match registered {
        Registered::New(registration) | Registered::Stands(Standing { registration, .. }) => {
            Some(registration.category())
        }
        Registered::Closed(_) | Registered::Unknown => None,
    }
}

#[tokio::test]
async fn an_order_is_written_whole_and_read_back_as_it_was() {
    let store = fresh().await;
    let id = one_message(&store).await;
    let written = store.register_orders(&[order(id)]).await.unwrap().remove(0);
    let Registered::New(registration) = written else { panic!("{written:?}") };
    assert_eq!(store.message(id).await.unwrap().unwrap().outcome, Some(MessageOutcome::Order));

    let again = store.register_orders(&[order(id)]).await.unwrap().remove(0);
    let Registered::Stands(standing) = again else { panic!("{again:?}") };
    assert_eq!(standing.registration, registration);
    assert_eq!(standing.reason.as_deref(), Some("Everything is on the menu."));
    assert_eq!(store.order_totals().await.unwrap(), (1, 2_200));
}

#[tokio::test]
async fn a_chunk_of_orders_is_written_together_and_answered_in_its_order() {
    let store = fresh().await;
    let ids = messages(&store, 64).await;
    store.register_misc(&ids[7..8]).await.unwrap();
    let unknown = MessageId(999_999);
    let mut orders: Vec<NewOrder> = ids.iter().map(|id| order(*id)).collect();
    orders.push(order(unknown));
    let results = store.register_orders(&orders).await.unwrap();
    assert_eq!(category(&results[7]), Some(Category::Misc));
    assert_eq!(results[64], Registered::Unknown);
    let numbers: Vec<i64> =
        results.iter().enumerate().filter(|(n, _)| *n != 7 && *n != 64).map(|(_, r)| number(r)).collect();
    assert_eq!(numbers.len(), 63);
    assert!(numbers.is_sorted());
    assert_eq!(store.order_totals().await.unwrap(), (63, 63 * 2_200));
}

#[tokio::test]
async fn of_many_registrars_with_the_same_message_one_writes_and_the_others_read_what_it_wrote() {
    let store = fresh().await;
    for _ in 0..5 {
        let id = one_message(&store).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.register_orders(&[order(id)]).await.unwrap().remove(0) })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            let result = task.await.unwrap();
            assert_eq!(category(&result), Some(Category::Order));
            new += usize::from(matches!(result, Registered::New(_)));
        }
        assert_eq!(new, 1);
    }
    assert_eq!(store.order_totals().await.unwrap().0, 5);
}

#[tokio::test]
async fn the_first_outcome_wins_whatever_comes_after_it() {
    let store = fresh().await;
    let ids = messages(&store, 4).await;
    assert_eq!(number(&store.register_reviews(&[review(ids[0])]).await.unwrap()[0]), 1);
    store.register_enquiries(&[enquiry(ids[1])]).await.unwrap();
    store.register_misc(&[ids[2]]).await.unwrap();
    store.discard(&[ids[3]], "a joke").await.unwrap();
    for (id, stands) in
        ids.iter().zip([Some(Category::Review), Some(Category::Enquiry), Some(Category::Misc), None])
    {
        for result in [
            store.register_orders(&[order(*id)]).await.unwrap(),
            store.register_reviews(&[review(*id)]).await.unwrap(),
            store.register_enquiries(&[enquiry(*id)]).await.unwrap(),
            store.register_misc(&[*id]).await.unwrap(),
        ] {
            assert!(!matches!(result[0], Registered::New(_)), "{id}: {result:?}");
            assert_eq!(category(&result[0]), stands, "{id}");
        }
    }
    assert_eq!(store.order_totals().await.unwrap().0, 0);
}

#[tokio::test]
async fn an_enquiry_and_a_review_are_read_back_as_they_were_written() {
    let store = fresh().await;
    let ids = messages(&store, 2).await;
    for result in [
        (ids[0], store.register_enquiries(&[enquiry(ids[0])]).await.unwrap().remove(0)),
        (ids[1], store.register_reviews(&[review(ids[1])]).await.unwrap().remove(0)),
    ] {
        let (id, Registered::New(registration)) = result else { panic!("{result:?}") };
        let Registered::Stands(standing) = store.registered(id).await.unwrap() else { panic!() };
        assert_eq!(standing.registration, registration);
    }
    let journey = store.journey(ids[0]).await.unwrap().unwrap();
    assert_eq!(journey.message.outcome, Some(MessageOutcome::Enquiry));
    assert!(matches!(journey.standing.unwrap().registration, Registration::Enquiry { .. }));
    assert!(store.journey(MessageId(99)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_persons_decision_turns_a_review_into_an_order_or_an_enquiry_once() {
    let store = fresh().await;
    let ids = messages(&store, 2).await;
    store.register_reviews(&[review(ids[0]), review(ids[1])]).await.unwrap();
    assert_eq!(store.open_reviews(10).await.unwrap().len(), 2);

    let settled = store.settle_review(ids[0], ReviewDecision::Accepted, "Ada", &[]).await.unwrap();
    assert!(matches!(settled, Settled::Now(_)));
    let second = store.settle_review(ids[0], ReviewDecision::Rejected, "Grace", &[]).await.unwrap();
    let Settled::Before(stands) = second else { panic!("{second:?}") };
    assert_eq!((stands.decision, stands.by.as_str()), (ReviewDecision::Accepted, "Ada"));
    assert_eq!(
        store.settle_review(MessageId(99), ReviewDecision::Accepted, "Ada", &[]).await.unwrap(),
        Settled::Unknown
    );
    let later = Utc::now() + chrono::Duration::minutes(1);
    assert_eq!(store.decided_reviews(later).await.unwrap(), &ids[..1]);

    // What contradicts the decision that was noted changes nothing.
    let refused = store::enquiries::NewEnquiry { settled: by_a_person(), ..enquiry(ids[0]) };
    let result = store.register_enquiries(&[refused]).await.unwrap();
    assert_eq!(category(&result[0]), Some(Category::Review));

    let accepted = NewOrder { settled: by_a_person(), ..order(ids[0]) };
    let result = store.register_orders(std::slice::from_ref(&accepted)).await.unwrap();
    assert_eq!(number(&result[0]), 1);
    let again = store.register_orders(&[accepted]).await.unwrap();
    assert!(matches!(again[0], Registered::Stands(_)));
    assert_eq!(store.message(ids[0]).await.unwrap().unwrap().outcome, Some(MessageOutcome::Order));

    // A decision that nobody noted before is noted with the registration.
    let rejected = store::enquiries::NewEnquiry { settled: by_a_person(), ..enquiry(ids[1]) };
    assert!(matches!(store.register_enquiries(&[rejected]).await.unwrap()[0], Registered::New(_)));
    let decided = store.decision(ids[1]).await.unwrap().unwrap();
    assert_eq!((decided.decision, decided.by.as_str()), (ReviewDecision::Rejected, "Ada"));
    assert!(store.open_reviews(10).await.unwrap().is_empty());
    assert!(store.decided_reviews(later).await.unwrap().is_empty());
    assert_eq!(store.review(ids[1]).await.unwrap().unwrap().message.id, ids[1]);
}

#[tokio::test]
async fn an_order_that_does_not_add_up_is_refused_with_the_constraints_name_and_leaves_nothing() {
    let store = fresh().await;
    let id = one_message(&store).await;
    let mut wrong = order(id);
    wrong.lines[1].line.total_cents += 1;
    let error = store.register_orders(&[wrong]).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Permanent);
    assert_eq!(error.constraint(), Some("order_items_total_is_right"));
    assert_eq!(store.message(id).await.unwrap().unwrap().outcome, None);
    assert_eq!(store.order_totals().await.unwrap().0, 0);
}

#[tokio::test]
async fn an_order_without_an_outcome_meets_the_last_wall() {
    let url = url().await;
    let store = store::Store::connect(&url, 2).await.unwrap();
    let id = one_message(&store).await;
    store.register_orders(&[order(id)]).await.unwrap();
    execute(&url, "UPDATE messages SET outcome = NULL, outcome_at = NULL").await;
    let error = store.register_orders(&[order(id)]).await.unwrap_err();
    assert_eq!(error.constraint(), Some("orders_message_once"));
    assert_eq!(store.order_totals().await.unwrap().0, 1);
}

#[tokio::test]
async fn a_days_orders_are_those_from_its_first_moment_until_before_the_next() {
    let url = url().await;
    let store = store::Store::connect(&url, 2).await.unwrap();
    let ids = messages(&store, 3).await;
    store.register_orders(&ids.iter().map(|id| order(*id)).collect::<Vec<_>>()).await.unwrap();
    execute(&url, "UPDATE orders SET created_at = timestamptz '2026-03-29 00:00 Europe/Berlin' WHERE id = 1")
        .await;
    execute(&url, "UPDATE orders SET created_at = timestamptz '2026-03-29 23:59 Europe/Berlin' WHERE id = 2")
        .await;
    execute(&url, "UPDATE orders SET created_at = timestamptz '2026-03-30 00:00 Europe/Berlin' WHERE id = 3")
        .await;
    let from = "2026-03-28T23:00:00Z".parse().unwrap();
    let before = "2026-03-29T22:00:00Z".parse().unwrap(); // A day of 23 hours.
    let lines = store.orders_between(from, before).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.order_number).collect::<Vec<_>>(), [1, 1, 2, 2]);
    assert_eq!(lines[0].line, order(ids[0]).lines[0].line);
    assert_eq!(lines[0].text, "message 0");
}
