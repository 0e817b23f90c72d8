use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::Utc;
use contracts::{Code, Failure, FailureKind, MessageId, MessageOutcome};
use store::messages::NewMessage;

use crate::{LEASE, enquiry, execute, fresh, message, messages, one_message, url};

fn named(name: &str, text: &str) -> NewMessage {
    NewMessage { external_id: Some(name.to_owned()), ..message(text) }
}

#[tokio::test]
async fn messages_get_their_ids_in_the_order_in_which_they_are_given() {
    let store = fresh().await;
    let new = [message("first"), named("b", "second"), message("third"), named("d", "fourth")];
    let inserted = store.insert_messages(&new).await.unwrap();
    for (new, inserted) in new.iter().zip(&inserted) {
        let row = store.message(inserted.id).await.unwrap().unwrap();
        assert_eq!((row.message.text.as_str(), row.message.generation), (new.text.as_str(), 1));
        assert_eq!(row.message.customer.as_deref(), Some("guest-7"));
        assert!(!inserted.repeated);
    }
}

#[tokio::test]
async fn a_repeated_request_is_no_second_message() {
    let store = fresh().await;
    let first = store.insert_message(&named("order-1", "Two soups, please.")).await.unwrap();
    let again = store
        .insert_messages(&[
            named("order-1", "Two soups, please."),
            named("order-2", "Tea."),
            named("order-2", "Tea."),
        ])
        .await
        .unwrap();
    assert_eq!((again[0].id, again[0].repeated), (first.id, true));
    assert_eq!((again[1].id, again[1].repeated, again[2].repeated), (again[2].id, false, true));

    let elsewhere = NewMessage { source: "csv".to_owned(), ..named("order-1", "Another one.") };
    assert!(!store.insert_message(&elsewhere).await.unwrap().repeated);
    assert_eq!(store.counts().await.unwrap().total(), 3);
}

#[tokio::test]
async fn text_that_the_database_cannot_hold_is_refused_as_not_text() {
    let store = fresh().await;
    let error = store.insert_message(&message("a\0b")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (FailureKind::Permanent, Code::NotText), "{error}");
    assert!(!error.to_string().contains("a\0b"));
}

#[tokio::test]
async fn two_relays_never_take_the_same_message() {
    let store = fresh().await;
    let ids = messages(&store, 40).await;
    let first = store.relay_batch(25).await.unwrap();
    let second = store.relay_batch(25).await.unwrap();
    let third = store.relay_batch(25).await.unwrap();
    let taken: Vec<MessageId> = first.messages().iter().chain(second.messages()).map(|m| m.id).collect();
    assert_eq!(taken, ids);
    assert!(third.messages().is_empty());

    // A relay that dies gives its messages back.
    drop(first);
    assert_eq!(store.relay_batch(100).await.unwrap().messages().len(), 25);
}

#[tokio::test]
async fn a_trace_waits_with_its_row_for_the_relay() {
    let store = fresh().await;
    let traces = ["00-a", "00-b", "00-c"].map(str::to_owned);
    // Named ones and others are inserted apart: each keeps its own.
    let new = [message("one"), named("two", "two"), message("three")];
    store.insert_traced(&new, &traces).await.unwrap();
    store.insert_messages(&[message("four")]).await.unwrap();
    let batch = store.relay_batch(10).await.unwrap();
    let texts = batch.messages().iter().map(|message| message.text.as_str());
    let mut waiting: Vec<_> = texts.zip(batch.traceparents().iter().map(Option::as_deref)).collect();
    waiting.sort_unstable();
    assert_eq!(
        waiting,
        [("four", None), ("one", Some("00-a")), ("three", Some("00-c")), ("two", Some("00-b"))]
    );
}

#[tokio::test]
async fn a_relay_that_hangs_does_not_hold_up_the_registrar_for_good() {
    let store = fresh().await;
    let ids = messages(&store, 2).await;
    let mut hangs = store.relay_batch(10).await.unwrap();
    let registered = tokio::time::timeout(Duration::from_secs(18), store.register_misc(&ids)).await;
    registered.unwrap().unwrap();
    let error = hangs.mark_published(&ids).await.unwrap_err();
    assert!(matches!(error.kind(), FailureKind::Transient | FailureKind::Outage), "{error}");
    drop(hangs);
    assert_eq!(
        store.relay_batch(10).await.unwrap().messages().len(),
        2,
        "published again, and then refused as known"
    );
}

#[tokio::test]
async fn what_was_published_or_refused_is_not_relayed_again() {
    let store = fresh().await;
    let ids = messages(&store, 3).await;
    let mut batch = store.relay_batch(10).await.unwrap();
    batch.mark_published(&ids[..1]).await.unwrap();
    batch.refuse(ids[1], "larger than 64 KiB").await.unwrap();
    batch.commit().await.unwrap();

    let left = store.relay_batch(10).await.unwrap();
    assert_eq!(left.messages().iter().map(|m| m.id).collect::<Vec<_>>(), &ids[2..]);
    let refused = store.message(ids[1]).await.unwrap().unwrap();
    assert_eq!(refused.outcome, Some(MessageOutcome::Refused));
    assert_eq!(refused.rejected_reason.as_deref(), Some("larger than 64 KiB"));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.to_relay, counts.on_the_line, counts.outcomes[&MessageOutcome::Refused]), (1, 1, 1));
    assert!(counts.oldest_without_outcome.is_some());
}

#[tokio::test]
async fn a_message_is_published_again_once_however_many_ask_for_it() {
    let store = fresh().await;
    let ids = messages(&store, 2).await;
    let asked = [(ids[0], 1), (ids[1], 1)];
    assert!(store.next_generation(&asked).await.unwrap().is_empty(), "it still waits for its first relay");

    let mut batch = store.relay_batch(10).await.unwrap();
    batch.mark_published(&ids).await.unwrap();
    batch.commit().await.unwrap();
    let (one, other) = tokio::join!(store.next_generation(&asked), store.next_generation(&asked));
    let raised: HashSet<_> = one.unwrap().into_iter().chain(other.unwrap()).collect();
    assert_eq!(raised, HashSet::from([(ids[0], 2), (ids[1], 2)]));

    let batch = store.relay_batch(10).await.unwrap();
    assert!(batch.messages().iter().all(|message| message.generation == 2));
    assert_eq!(batch.messages().len(), 2);
}

#[tokio::test]
async fn reconciliation_finds_what_has_no_outcome_and_what_was_never_announced() {
    let store = fresh().await;
    let ids = messages(&store, 3).await;
    let mut batch = store.relay_batch(10).await.unwrap();
    batch.mark_published(&ids[..2]).await.unwrap();
    batch.commit().await.unwrap();
    store.register_enquiries(&[enquiry(ids[0])]).await.unwrap();

    let later = Utc::now() + chrono::Duration::minutes(1);
    let earlier = Utc::now() - chrono::Duration::minutes(1);
    let start = MessageId(0);
    let stalled = store.without_outcome(later, start, 10).await.unwrap();
    assert_eq!(stalled.iter().map(|s| (s.id, s.generation)).collect::<Vec<_>>(), [(ids[1], 1)]);
    assert!(store.without_outcome(earlier, start, 10).await.unwrap().is_empty());
    assert!(store.without_outcome(later, ids[1], 10).await.unwrap().is_empty());

    let unannounced = store.unannounced(later, start, 10).await.unwrap();
    assert_eq!(unannounced.iter().map(|s| s.id).collect::<Vec<_>>(), [ids[0]]);
    let claim = store::notifications::Claim { message_id: ids[0], category: contracts::Category::Enquiry };
    store.claim_notifications(&[claim], LEASE).await.unwrap();
    assert_eq!(store.unannounced(later, start, 10).await.unwrap().len(), 1, "claimed is not sent");
    let sent =
        store::notifications::Sent { claim, channel: contracts::Channel::File, discord_message_id: None };
    store.mark_sent(&[sent]).await.unwrap();
    assert!(store.unannounced(later, start, 10).await.unwrap().is_empty());
    assert_eq!(store.counts().await.unwrap().unannounced, 0);
}

#[tokio::test]
async fn discarding_is_an_outcome_and_takes_no_other_ones_place() {
    let store = fresh().await;
    let ids = messages(&store, 2).await;
    store.register_misc(&ids[..1]).await.unwrap();
    assert_eq!(store.discard(&ids, "a test by the kitchen").await.unwrap(), &ids[1..]);
    assert_eq!(store.message(ids[0]).await.unwrap().unwrap().outcome, Some(MessageOutcome::Misc));
    let discarded = store.message(ids[1]).await.unwrap().unwrap();
    assert_eq!(discarded.outcome, Some(MessageOutcome::Discarded));
    assert!(store.relay_batch(10).await.unwrap().messages().iter().all(|message| message.id != ids[1]));
}

#[tokio::test]
async fn whoever_waits_for_new_messages_is_woken_by_them() {
    let store = fresh().await;
    let mut word = store.new_messages();
    word.wait(Duration::from_secs(5)).await; // Listens from now on.
    let waiting = tokio::spawn(async move {
        let begun = Instant::now();
        word.wait(Duration::from_secs(20)).await;
        (begun.elapsed(), word)
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    one_message(&store).await;
    let (waited, mut word) = waiting.await.unwrap();
    assert!(waited < Duration::from_secs(10), "{waited:?}");

    let begun = Instant::now();
    word.wait(Duration::from_millis(100)).await;
    assert!(begun.elapsed() >= Duration::from_millis(90), "nothing came in, but it returned early");
}

#[tokio::test]
async fn a_lost_connection_wakes_whoever_waits_for_new_messages() {
    let url = url().await;
    let store = store::Store::connect(&url, 4).await.unwrap();
    let mut word = store.new_messages();
    word.wait(Duration::from_secs(5)).await;
    let waiting = tokio::spawn(async move {
        let begun = Instant::now();
        word.wait(Duration::from_secs(20)).await;
        begun.elapsed()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    execute(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
    let waited = waiting.await.unwrap();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn a_replay_goes_on_where_it_stopped() {
    let store = fresh().await;
    assert_eq!(store.simulation_position("messages.csv").await.unwrap(), 0);
    let row = |n: u32| named(&format!("messages.csv:{n}"), "Tea, please.");
    store.insert_simulated("messages.csv", 2, &[row(0), row(1)]).await.unwrap();
    assert_eq!(store.simulation_position("messages.csv").await.unwrap(), 2);

    let bad = store.insert_simulated("messages.csv", 4, &[row(2), message("a\0b")]).await;
    assert!(bad.is_err());
    assert_eq!(store.simulation_position("messages.csv").await.unwrap(), 2, "both or neither");
    assert_eq!(store.counts().await.unwrap().total(), 2);
    store.set_simulation_position("messages.csv", 0).await.unwrap();
    assert_eq!(store.simulation_position("messages.csv").await.unwrap(), 0);
}
