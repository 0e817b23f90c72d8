use crate::support::Site;

/// One message of each outcome, registered and told of.
const SETTLED: &str = "
    INSERT INTO messages (source, text, published_at, outcome, outcome_at)
        SELECT 'test', kind, now(), kind, now() FROM unnest(ARRAY['order', 'review', 'enquiry', 'misc']) AS kind;
    INSERT INTO orders (message_id, total_cents, menu_version, reason)
        SELECT id, 2100, 'test', 'test' FROM messages WHERE outcome = 'order';
    INSERT INTO order_items (order_id, position, phrase, slug, item, quantity, unit_price_cents, total_cents)
        SELECT id, 0, 'burgers', 'burger', 'Burger', 2, 1050, 2100 FROM orders;
    INSERT INTO reviews (message_id, lines, reason, menu_version)
        SELECT id, '[]', 'test', 'test' FROM messages WHERE outcome = 'review';
    INSERT INTO enquiries (message_id, topic, reason)
        SELECT id, 'test', 'test' FROM messages WHERE outcome = 'enquiry';
    INSERT INTO notifications (message_id, category, state, sent_at, channel)
        SELECT id, outcome, 'sent', now(), 'file' FROM messages;";

/// A site whose four messages are settled, and green.
async fn settled() -> Site {
    let site = Site::new().await;
    site.sql(SETTLED).await;
    let said = site.run(&["ledger", "--patience", "0s"]).await.ok();
    assert!(said.starts_with("GREEN: 4 messages"), "{said}");
    assert!(said.contains("notifications: 4 sent") && said.contains("orders: 21.00 in all"), "{said}");
    site
}

/// The ledger is red by one message, and says this of it.
#[track_caller]
fn red(said: crate::support::Said, id: i64, what: &str) {
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.starts_with("RED: 1 findings"), "{said:?}");
    assert!(said.out.contains(&format!("message {id}: {what}")), "{said:?}");
    assert!(said.out.contains(&format!("greenbite journey {id}")), "{said:?}");
}

#[tokio::test]
async fn a_message_without_outcome_is_under_way_and_red_once_patience_ends() {
    let site = settled().await;
    let id = site.message("waits").await;
    site.mark_relayed().await;
    let json = site.run(&["ledger", "--json"]).await;
    assert_eq!(json.code, 0, "{json:?}");
    assert_eq!(json.json()["places"]["under_way"], 1);
    assert_eq!(json.json()["under_way_by_station"]["classifier"], 0);
    red(site.run(&["ledger", "--patience", "0s"]).await, id.0, "was published and has no outcome");
}

#[tokio::test]
async fn an_order_that_is_gone_is_red() {
    let site = settled().await;
    site.sql("DELETE FROM order_items; DELETE FROM orders").await;
    red(site.run(&["ledger"]).await, 1, "its outcome is order, it stands in no table");
}

#[tokio::test]
async fn an_items_price_that_changed_is_red() {
    let site = settled().await;
    site.sql("UPDATE order_items SET unit_price_cents = 1000, total_cents = 2000").await;
    red(site.run(&["ledger"]).await, 1, "its order is 2100 cents, its items are 2000 cents");
}

#[tokio::test]
async fn a_second_notification_is_red() {
    let site = settled().await;
    site.sql(
        "INSERT INTO notifications (message_id, category, state, sent_at, channel)
         VALUES (1, 'misc', 'sent', now(), 'file')",
    )
    .await;
    red(site.run(&["ledger"]).await, 1, "was told as misc, its outcome is order");
}

#[tokio::test]
async fn an_order_that_nobody_was_told_of_is_red_once_patience_ends() {
    let site = settled().await;
    site.sql("DELETE FROM notifications WHERE category = 'order'").await;
    site.run(&["ledger"]).await.ok();
    red(site.run(&["ledger", "--patience", "0s"]).await, 1, "nobody was told of this order");
}

#[tokio::test]
async fn a_decided_review_beside_its_order_is_green_and_what_came_in_before_is_left_out() {
    let site = settled().await;
    site.sql(
        "INSERT INTO reviews (message_id, lines, reason, menu_version, decision, decided_by, decided_at, decided_lines)
             VALUES (1, '[]', 'test', 'test', 'accepted', 'test', now(), '[]');
         INSERT INTO notifications (message_id, category, state, sent_at, channel)
             VALUES (1, 'review', 'sent', now(), 'file');
         INSERT INTO messages (source, text, received_at, published_at) VALUES ('test', 'old', '2020-01-01', '2020-01-01')",
    )
    .await;
    assert!(site.run(&["ledger", "--since", "1h"]).await.ok().starts_with("GREEN: 4 messages"));
    assert_eq!(site.run(&["ledger"]).await.code, 1);
    assert_eq!(site.run(&["ledger", "--since", "yesterday"]).await.code, 64);
}

#[tokio::test]
async fn without_the_bus_the_database_alone_is_asked_and_that_is_said() {
    let site = settled().await;
    let nowhere = [("GREENBITE_NATS__URL", "nats://127.0.0.1:1")];
    let said = site.run_with(&["ledger"], &nowhere).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("by the database alone"), "{said:?}");
    assert!(said.out.contains("the bus is away"), "{said:?}");
}

#[tokio::test]
async fn a_step_in_the_kitchen_that_nobody_can_have_taken_is_red() {
    let site = settled().await;
    let step = "INSERT INTO order_steps (message_id, step, state, who) VALUES";
    site.sql(&format!(
        "{step} (1, 1, 'preparing', 'Ada'), (1, 2, 'ready', 'Ada'); UPDATE orders SET state = 'ready'"
    ))
    .await;
    site.run(&["ledger"]).await.ok();
    site.sql(&format!("DELETE FROM order_steps; {step} (1, 1, 'ready', 'Ada')")).await;
    red(site.run(&["ledger"]).await, 1, "step 1 of its order leads from accepted to ready");
    site.sql("DELETE FROM order_steps").await;
    red(site.run(&["ledger"]).await, 1, "its order is ready, and its last step led to accepted");
}
