use std::time::Duration;

use contracts::{Category, Channel, Code, Failure, MessageId};
use store::group::Group;
use store::notifications::{Claim, Claimed, Claims, Sent};

use crate::{LEASE, fresh, messages, one_message};

fn claim(message_id: MessageId) -> Claim {
    Claim { message_id, category: Category::Order }
}

#[tokio::test]
async fn a_notification_is_claimed_once_and_known_as_sent_afterwards() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    assert_eq!(store.claim_notifications(&[claim], LEASE).await.unwrap(), [Claimed::New]);
    let sent =
        Sent { claim, channel: Channel::Discord, discord_message_id: Some("1187000000000000000".to_owned()) };
    store.mark_sent(&[sent]).await.unwrap();
    assert_eq!(
        store.claim_notifications(&[claim], LEASE).await.unwrap(),
        [Claimed::AlreadySent {
            channel: Channel::Discord,
            discord_message_id: Some("1187000000000000000".to_owned()),
            possible_repeat: false,
        }]
    );
    let other = Claim { category: Category::Review, ..claim };
    assert_eq!(store.claim_notifications(&[other], LEASE).await.unwrap(), [Claimed::New], "another category");
    assert_eq!(store.sent_counts().await.unwrap()[&Category::Order], 1);
    assert_eq!(store.notifications(claim.message_id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_claim_holds_until_it_runs_out_and_what_is_sent_then_is_a_possible_repeat_for_good() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    assert_eq!(store.claim_notifications(&[claim], LEASE).await.unwrap(), [Claimed::New]);
    let held = store.claim_notifications(&[claim], LEASE).await.unwrap().remove(0);
    let Claimed::InHand { free_in } = held else { panic!("two have it: {held:?}") };
    assert!(free_in <= LEASE && free_in > LEASE / 2, "{free_in:?}");
    let row = &store.notifications(claim.message_id).await.unwrap()[0];
    assert_eq!((row.attempts, row.possible_repeat), (1, false), "who came too late changed nothing");

    let short = Duration::from_millis(20);
    tokio::time::sleep(2 * short).await;
    assert_eq!(store.claim_notifications(&[claim], short).await.unwrap(), [Claimed::MayHaveBeenSent]);
    store.release_claim(claim, false).await.unwrap();
    assert_eq!(store.claim_notifications(&[claim], LEASE).await.unwrap(), [Claimed::MayHaveBeenSent]);
    let row = &store.notifications(claim.message_id).await.unwrap()[0];
    assert_eq!((row.attempts, row.possible_repeat, row.state.as_str()), (3, true, "sending"));
}

#[tokio::test]
async fn one_that_failed_without_a_clear_answer_is_a_possible_repeat_at_once() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    store.claim_notifications(&[claim], LEASE).await.unwrap();
    store.release_claim(claim, true).await.unwrap();
    assert_eq!(store.claim_notifications(&[claim], LEASE).await.unwrap(), [Claimed::MayHaveBeenSent]);
}

#[tokio::test]
async fn one_that_was_surely_not_sent_is_no_repeat_when_it_is_tried_again() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    store.claim_notifications(&[claim], LEASE).await.unwrap();
    store.release_claim(claim, false).await.unwrap();
    assert_eq!(store.claim_notifications(&[claim], LEASE).await.unwrap(), [Claimed::New]);

    let sent = Sent { claim, channel: Channel::File, discord_message_id: None };
    store.mark_sent(&[sent]).await.unwrap();
    store.release_claim(claim, true).await.unwrap();
    let again = store.claim_notifications(&[claim], LEASE).await.unwrap();
    assert!(matches!(again[0], Claimed::AlreadySent { channel: Channel::File, .. }), "sent stays sent");
}

#[tokio::test]
async fn of_many_notifiers_with_the_same_message_one_has_it_and_the_others_wait() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_notifications(&[claim], LEASE).await.unwrap().remove(0) })
        })
        .collect();
    let (mut claimed, mut held) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Claimed::New => claimed += 1,
            Claimed::InHand { .. } => held += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((claimed, held), (1, 7));
}

#[tokio::test]
async fn claims_are_grouped_and_one_without_a_message_fails_alone() {
    let store = fresh().await;
    let mut ids = messages(&store, 20).await;
    ids.push(MessageId(999_999));
    let claims = Group::<Claim>::start(Claims { store: store.clone(), lease: LEASE });
    let sends = Group::<Sent>::start(store.clone());
    let results = futures::future::join_all(ids.iter().map(|id| claims.submit(claim(*id)))).await;
    for result in &results[..20] {
        assert_eq!(*result.as_ref().unwrap(), Claimed::New);
    }
    assert_eq!(results[20].as_ref().unwrap_err().code(), Code::UnknownMessage);

    let sent = |id| Sent { claim: claim(id), channel: Channel::File, discord_message_id: None };
    for result in futures::future::join_all(ids[..20].iter().map(|id| sends.submit(sent(*id)))).await {
        result.unwrap();
    }
    assert_eq!(store.sent_counts().await.unwrap()[&Category::Order], 20);
}
