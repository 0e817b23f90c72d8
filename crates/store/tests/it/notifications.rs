use contracts::{Category, Channel, Code, Failure, MessageId};
use store::group::Group;
use store::notifications::{Claim, Claimed, Sent};

use crate::{fresh, messages, one_message};

fn claim(message_id: MessageId) -> Claim {
    Claim { message_id, category: Category::Order }
}

#[tokio::test]
async fn a_notification_is_claimed_once_and_known_as_sent_afterwards() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    assert_eq!(store.claim_notifications(&[claim]).await.unwrap(), [Claimed::New]);
    let sent =
        Sent { claim, channel: Channel::Discord, discord_message_id: Some("1187000000000000000".to_owned()) };
    store.mark_sent(&[sent]).await.unwrap();
    assert_eq!(
        store.claim_notifications(&[claim]).await.unwrap(),
        [Claimed::AlreadySent {
            channel: Channel::Discord,
            discord_message_id: Some("1187000000000000000".to_owned()),
            possible_repeat: false,
        }]
    );
    let other = Claim { category: Category::Review, ..claim };
    assert_eq!(store.claim_notifications(&[other]).await.unwrap(), [Claimed::New], "another category");
    assert_eq!(store.sent_counts().await.unwrap()[&Category::Order], 1);
    assert_eq!(store.notifications(claim.message_id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn one_that_may_have_been_sent_before_says_so_for_good() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    store.claim_notifications(&[claim]).await.unwrap();
    assert_eq!(store.claim_notifications(&[claim]).await.unwrap(), [Claimed::MayHaveBeenSent]);
    store.release_claim(claim).await.unwrap();
    assert_eq!(store.claim_notifications(&[claim]).await.unwrap(), [Claimed::MayHaveBeenSent]);
    let row = &store.notifications(claim.message_id).await.unwrap()[0];
    assert_eq!((row.attempts, row.possible_repeat, row.state.as_str()), (3, true, "sending"));
}

#[tokio::test]
async fn one_that_was_surely_not_sent_is_no_repeat_when_it_is_tried_again() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    store.claim_notifications(&[claim]).await.unwrap();
    store.release_claim(claim).await.unwrap();
    assert_eq!(store.claim_notifications(&[claim]).await.unwrap(), [Claimed::New]);

    let sent = Sent { claim, channel: Channel::File, discord_message_id: None };
    store.mark_sent(&[sent]).await.unwrap();
    store.release_claim(claim).await.unwrap();
    let again = store.claim_notifications(&[claim]).await.unwrap();
    assert!(matches!(again[0], Claimed::AlreadySent { channel: Channel::File, .. }), "sent stays sent");
}

#[tokio::test]
async fn of_many_notifiers_with_the_same_message_one_has_the_clean_claim() {
    let store = fresh().await;
    let claim = claim(one_message(&store).await);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.claim_notifications(&[claim]).await.unwrap().remove(0) })
        })
        .collect();
    let mut clean = 0;
    for task in tasks {
        clean += usize::from(task.await.unwrap() == Claimed::New);
    }
    assert_eq!(clean, 1);
}

#[tokio::test]
async fn claims_are_grouped_and_one_without_a_message_fails_alone() {
    let store = fresh().await;
    let mut ids = messages(&store, 20).await;
    ids.push(MessageId(999_999));
    let claims = Group::<Claim>::start(store.clone());
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
