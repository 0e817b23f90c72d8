use chrono::{TimeDelta, Utc};
use contracts::MessageId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::Store;
use store::customers::Whom;
use store::messages::NewMessage;

use crate::{enquiry, fresh, message, order, proposed, review, url};

/// All that the tables hold, as text.
async fn everything(url: &str) -> String {
    let mut owner = PgConnection::connect(url).await.unwrap();
    let mut all = String::new();
    for table in [
        "messages",
        "orders",
        "order_items",
        "order_steps",
        "reviews",
        "enquiries",
        "proposals",
        "answers",
        "knowledge",
        "notifications",
    ] {
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
            .fetch_all(&mut owner)
            .await
            .unwrap();
        all.push_str(&rows.join("\n"));
    }
    all
}

async fn from(store: &Store, customer: Option<&str>, text: &str) -> MessageId {
    let customer = customer.map(str::to_owned);
    let external_id = Some(format!("chat-{text}"));
    store.insert_message(&NewMessage { customer, external_id, ..message(text) }).await.unwrap().id
}

const LINE: &str = r#"[{"phrase": "SECRET soop", "quantity": 2, "verdict": "review", "reason": "SECRET is close",
    "doubts": ["SECRET"], "modifiers": [{"op": "remove", "name": "SECRET"}, {"op": "extra", "name": "cheese"}],
    "matched": {"slug": "soup", "name": "Soup", "unit_price_cents": 300}, "candidates": []}]"#;

#[tokio::test]
async fn nothing_of_a_customer_is_left_in_any_row_and_the_figures_stay() {
    let url = url().await;
    let store = Store::connect(&url, 4).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(from(&store, Some("SECRET-guest"), &format!("SECRET words {number}")).await);
    }
    let mut ordered = order(ids[0]);
    ordered.customer = Some("SECRET-guest".to_owned());
    ordered.reason = "SECRET is on the menu".to_owned();
    ordered.lines[0].phrase = "SECRET soop".to_owned();
    ordered.lines[1].line.modifiers =
        vec![contracts::Modifier { op: contracts::ModifierOp::Note, name: "for SECRET".to_owned() }];
    store.register_orders(&[ordered]).await.unwrap();
    store.register_reviews(&[review(ids[1]), review(ids[2])]).await.unwrap();
    let asked = store::enquiries::NewEnquiry {
        reason: "SECRET".to_owned(),
        proposed_reply: Some("no SECRET".to_owned()),
        not_on_menu: vec!["SECRET roll".to_owned(), "SECRET tea".to_owned()],
        closest: None,
        ..enquiry(ids[3])
    };
    store.register_enquiries(&[asked]).await.unwrap();
    store.propose(ids[3], &proposed("there is no SECRET on our menu")).await.unwrap();
    store.answer_enquiry(ids[3], "SECRET, there is none", "Ada").await.unwrap();
    let mut owner = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "INSERT INTO menu_options (kind, name, position) VALUES ('topping', 'cheese', 1);
         UPDATE reviews SET reason = 'SECRET', lines = '{LINE}';
         UPDATE reviews SET decision = 'accepted', decided_by = 'Ada', decided_at = now(), decided_lines = '{LINE}'
             WHERE message_id = {};
         UPDATE orders SET state = 'voided';
         INSERT INTO order_steps (message_id, step, state, who, why) VALUES ({}, 1, 'voided', 'Ada', 'SECRET left')",
        ids[2], ids[0]
    )))
    .execute(&mut owner)
    .await
    .unwrap();
    let hour = TimeDelta::hours(1);
    let before = store.report(&[Utc::now() - hour], Utc::now() + hour).await.unwrap();
    assert!(everything(&url).await.matches("SECRET").count() > 20);

    assert_eq!(store.anonymise(&ids).await.unwrap(), 4);
    let left = everything(&url).await;
    assert!(!left.contains("SECRET"), "{left}");
    assert!(left.contains("cheese"), "a wish by the menu's own name stays");
    let after = store.report(&[Utc::now() - hour], Utc::now() + hour).await.unwrap();
    assert_eq!((after.total, after.fates, after.wrong), (before.total, before.fates, before.wrong));
    assert_eq!((&after.hours, &after.items, &after.sources), (&before.hours, &before.items, &before.sources));
    let times = |report: &store::report::Report| report.not_on_menu.iter().map(|one| one.times).sum::<i64>();
    assert_eq!((times(&after), times(&before)), (2, 2));

    // The rows can still be read as what they are, none is asked about twice, and nobody is left to be known.
    assert_eq!(store.review(ids[2]).await.unwrap().unwrap().lines[0].matched.as_ref().unwrap().slug, "soup");
    assert!(store.decision(ids[2]).await.unwrap().is_some());
    assert!(store.corrections().await.unwrap().is_empty());
    assert_eq!(store.anonymise(&ids).await.unwrap(), 0);
    assert_eq!(store.whom("SECRET-guest").await.unwrap(), None);
    assert_eq!(store.whom(&ids[0].to_string()).await.unwrap(), None);
}

#[tokio::test]
async fn a_customer_is_found_by_key_or_by_one_of_the_messages_and_nobody_else_is_touched() {
    let store = fresh().await;
    let (first, second) =
        (from(&store, Some("ada"), "a tea").await, from(&store, Some("ada"), "a cola").await);
    let (other, nameless) = (from(&store, Some("ben"), "a soup").await, from(&store, None, "a bun").await);
    store.register_orders(&[order(first)]).await.unwrap();
    let ada = Whom::Customer("ada".to_owned());
    assert_eq!(store.whom("ada").await.unwrap(), Some(ada.clone()));
    assert_eq!(store.whom(&second.to_string()).await.unwrap(), Some(ada.clone()));
    assert_eq!(store.whom(&nameless.to_string()).await.unwrap(), Some(Whom::Message(nameless)));
    for nobody in ["carl", "4711"] {
        assert_eq!(store.whom(nobody).await.unwrap(), None);
    }
    let known = store.known(&ada).await.unwrap();
    assert_eq!(known.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), ["a tea", "a cola"]);
    assert_eq!((known[0].settled, known[0].total_cents), (false, Some(2_200)), "the kitchen still has it");
    assert_eq!((known[1].settled, known[1].outcome.as_deref()), (false, None), "it is under way");
    store.anonymise(&[first]).await.unwrap();
    assert_eq!(store.known(&ada).await.unwrap().len(), 1);
    assert_eq!(store.message(other).await.unwrap().unwrap().message.text, "a soup");
}

#[tokio::test]
async fn what_was_done_with_before_a_time_is_found_whenever_it_was_written() {
    let url = url().await;
    let store = Store::connect(&url, 4).await.unwrap();
    let old =
        NewMessage { received_at: Some("2020-01-01T00:00:00Z".parse().unwrap()), ..message("from a file") };
    let old = store.insert_message(&old).await.unwrap().id;
    let settled = from(&store, None, "a tea").await;
    store.register_orders(&[order(settled)]).await.unwrap();
    let (yesterday, tomorrow) = (Utc::now() - TimeDelta::days(1), Utc::now() + TimeDelta::days(1));
    assert!(store.kept_since_before(yesterday, 10).await.unwrap().is_empty());
    assert_eq!(store.kept_since_before(tomorrow, 10).await.unwrap(), [settled], "one waits for the line");
    let mut batch = store.relay_batch(10).await.unwrap();
    batch.mark_published(&[old]).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(store.kept_since_before(tomorrow, 10).await.unwrap(), [settled, old]);

    // What is on its way again is left alone: whoever replayed it was told that it goes down the line.
    assert_eq!(store.anonymise(&[old]).await.unwrap(), 0);
    assert_eq!(store.message(old).await.unwrap().unwrap().outcome, None);
    // What never came to anything is given up with its words, and not relayed again.
    let mut owner = PgConnection::connect(&url).await.unwrap();
    let ago = "UPDATE messages SET published_at = now() - interval '2 hours' WHERE published_at IS NOT NULL";
    sqlx::raw_sql(ago).execute(&mut owner).await.unwrap();
    assert_eq!(store.anonymise(&[old]).await.unwrap(), 1);
    let row = store.message(old).await.unwrap().unwrap();
    assert_eq!(row.outcome, Some(contracts::MessageOutcome::Discarded));
    assert!(row.rejected_reason.is_some());
    assert!(store.next_generation(&[(old, 1)]).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_order_that_the_kitchen_has_keeps_its_notes_until_it_is_collected_or_a_day_old() {
    let url = url().await;
    let store = Store::connect(&url, 4).await.unwrap();
    let mut owner = PgConnection::connect(&url).await.unwrap();
    let id = from(&store, Some("ada"), "a tea").await;
    store.register_orders(&[order(id)]).await.unwrap();
    let ada = Whom::Customer("ada".to_owned());
    for (change, settled) in [
        ("UPDATE orders SET state = 'preparing'", false),
        ("UPDATE orders SET state = 'collected'", true),
        ("UPDATE orders SET state = 'voided'", true),
        ("UPDATE orders SET state = 'ready'", false),
        ("UPDATE orders SET created_at = now() - interval '25 hours'", true),
    ] {
        sqlx::raw_sql(change).execute(&mut owner).await.unwrap();
        assert_eq!(store.known(&ada).await.unwrap()[0].settled, settled, "{change}");
    }
}

#[tokio::test]
async fn a_message_that_is_forgotten_and_comes_again_is_a_repetition() {
    let url = url().await;
    let store = Store::connect(&url, 4).await.unwrap();
    let new = |name: &str| NewMessage { external_id: Some(name.to_owned()), ..message("a tea") };
    let id = store.insert_message(&new("row-SECRET")).await.unwrap().id;
    store.register_orders(&[order(id)]).await.unwrap();
    store.anonymise(&[id]).await.unwrap();
    assert!(!everything(&url).await.contains("SECRET"));
    // As a file is imported again: what was forgotten, what is new, and a name of another door.
    let elsewhere = NewMessage { source: "csv".to_owned(), ..new("row-SECRET") };
    let again = store
        .insert_messages(&[new("row-SECRET"), new("row-2"), elsewhere, new("row-SECRET")])
        .await
        .unwrap();
    assert_eq!(again.iter().map(|one| one.repeated).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!((again[0].id, again[3].id), (id, id));
}

#[tokio::test]
async fn a_review_that_waits_for_a_person_keeps_its_words_and_is_counted() {
    let store = fresh().await;
    let id = from(&store, Some("ada"), "a tee").await;
    store.register_reviews(&[review(id)]).await.unwrap();
    let tomorrow = Utc::now() + TimeDelta::days(1);
    assert!(store.kept_since_before(tomorrow, 10).await.unwrap().is_empty());
    assert_eq!(store.undecided_since_before(tomorrow).await.unwrap(), 1);
    assert_eq!(store.undecided_since_before(Utc::now() - TimeDelta::days(1)).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_due_to_be_forgotten_is_found_by_an_index() {
    let url = url().await;
    Store::connect(&url, 1).await.unwrap();
    let mut owner = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO messages (source, text, published_at) SELECT 'http', 'a tea', now() FROM generate_series(1, 5000);
         ANALYZE messages",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT id FROM messages WHERE anonymised_at IS NULL AND coalesce(outcome_at, published_at) < now() - interval '90 days'
         AND outcome IS DISTINCT FROM 'review' ORDER BY coalesce(outcome_at, published_at) LIMIT 200",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert!(plan.join("\n").contains("messages_to_forget"), "{plan:#?}");
}
