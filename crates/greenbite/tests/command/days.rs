//! A day in figures, and other people's data.

use crate::support::{Site, repository};

/// Two orders of Ada's at noon in Auckland, one of them by the desk, and a sushi that nobody makes.
const A_DAY: &str = r#"
    INSERT INTO messages (source, customer, text, received_at, published_at, outcome, outcome_at) VALUES
        ('http', 'ada', 'two teas', '2026-07-01 23:58Z', now(), 'order', now()),
        ('watch', 'ada', 'a lemonad', '2026-07-02 00:28Z', now(), 'order', now()),
        ('http', 'ben', 'one sushi', '2026-07-02 00:29Z', now(), 'enquiry', now());
    INSERT INTO orders (message_id, customer, total_cents, menu_version, reason, created_at) VALUES
        (1, 'ada', 500, 'test', 'on the menu', '2026-07-02 00:00Z'),
        (2, 'ada', 300, 'test', 'the desk chose', '2026-07-02 00:30Z');
    INSERT INTO order_items (order_id, position, phrase, slug, item, quantity, unit_price_cents, total_cents)
        SELECT id, 1, 'it', 'tea', CASE total_cents WHEN 500 THEN 'Tea' ELSE 'Lemonade' END,
               CASE total_cents WHEN 500 THEN 2 ELSE 1 END, CASE total_cents WHEN 500 THEN 250 ELSE 300 END, total_cents
        FROM orders;
    INSERT INTO reviews (message_id, lines, reason, menu_version, created_at, decision, decided_by, decided_at, decided_lines)
        VALUES (2, '[{"phrase": "lemonad", "quantity": 1, "verdict": "review", "reason": "close",
                      "matched": {"slug": "limeade", "name": "Limeade", "unit_price_cents": 300}}]',
                'close', 'test', '2026-07-02 00:29Z', 'accepted', 'Ada', now(),
                '[{"phrase": "lemonad", "quantity": 1, "verdict": "accepted", "reason": "Ada chose Lemonade",
                   "matched": {"slug": "lemonade", "name": "Lemonade", "unit_price_cents": 300}}]');
    INSERT INTO enquiries (message_id, topic, reason, not_on_menu, created_at)
        VALUES (3, 'menu', 'not sold', '["sushi"]', '2026-07-02 00:29Z');"#;

const DAY: [&str; 5] = ["report", "--day", "2026-07-02", "--time-zone", "Pacific/Auckland"];

async fn a_day() -> Site {
    let site = Site::new().await;
    site.sql(A_DAY).await;
    site
}

#[tokio::test]
async fn a_days_report_is_the_same_for_people_and_for_programs() {
    let site = a_day().await;
    let json = site.run(&[&DAY[..], &["--json"]].concat()).await.json();
    assert_eq!((json["total"]["orders"].as_i64(), json["total"]["cents"].as_i64()), (Some(2), Some(800)));
    assert_eq!((json["clock"][12].as_str(), json["hours"][12]["cents"].as_i64()), (Some("12:00"), Some(800)));
    assert_eq!(json["clock"].as_array().unwrap().len(), 24);
    assert_eq!(json["fates"]["straight_through"], 1);
    assert_eq!((&json["wrong"]["corrected"], &json["fates"]["rejected"]), (&1.into(), &1.into()));
    assert_eq!(json["to_registered"]["p50"], 2.0);
    assert_eq!(json["sources"][0]["source"], "http");
    let said = site.run(&DAY).await.ok();
    for words in
        ["Thursday, 2 July 2026", "2 orders, 8.00", "12:00", "█", "Lemonade", "watch", "sushi", "menu"]
    {
        assert!(said.contains(words), "{words} is missing: {said}");
    }
    assert!(said.contains("1 accepted at the desk (1 corrected)"), "{said}");
    let quiet = site.run(&["report", "--day", "2020-01-01"]).await.ok();
    assert!(quiet.contains("0 orders, 0.00"), "{quiet}");
    assert_eq!(site.run(&["report", "--day", "someday"]).await.code, 64);
    let skipped = site.run(&["report", "--day", "2011-12-30", "--timezone", "Pacific/Apia"]).await;
    assert!(skipped.code == 1 && skipped.err.contains("no such day"), "{skipped:?}");
}

#[tokio::test]
async fn what_the_desk_decided_is_labelled_and_eval_reads_it() {
    let site = a_day().await;
    site.run(&["export", "corrections"]).await.ok();
    let text = std::fs::read_to_string(site.folder.path().join("corrections.jsonl")).unwrap();
    let label: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((label["text"].as_str(), label["kind"].as_str()), (Some("a lemonad"), Some("order")));
    assert_eq!(
        (label["items"][0]["item"].as_str(), label["off_menu"].as_bool()),
        (Some("Lemonade"), Some(false))
    );
    let (menu, options) = (repository("data/menu.csv"), repository("data/options.csv"));
    let eval = ["eval", "--menu", &menu, "--options", &options, "--messages", "corrections.jsonl"];
    let said = site.run(&[&eval[..], &["--model", "none", "--fallback", "none"]].concat()).await.ok();
    assert!(said.contains("orders on the menu  1"), "{said}");
}

#[tokio::test]
async fn a_customer_is_shown_and_forgotten_and_the_report_stays() {
    let site = a_day().await;
    let report = site.run(&[&DAY[..], &["--json"]].concat()).await.json();
    let shown = site.run(&["customer", "show", "2"]).await.ok();
    assert!(shown.contains("customer ada, 2 messages") && shown.contains("two teas"), "{shown}");
    assert!(!shown.contains("sushi"), "that was another: {shown}");
    let json = site.run(&["customer", "show", "ada", "--json"]).await.json();
    assert_eq!(json[0]["total_cents"], 500);

    let unasked = site.run(&["customer", "forget", "ada"]).await;
    assert!(unasked.code == 1 && unasked.err.contains("say --yes"), "{unasked:?}");
    site.run(&["customer", "show", "ada"]).await.ok();
    site.sql("INSERT INTO messages (source, customer, text) VALUES ('http', 'ada', 'still on its way')")
        .await;
    let partly = site.run(&["customer", "forget", "ada", "--yes"]).await;
    assert!(partly.code == 1 && partly.out.contains("2 messages are nobody's now"), "{partly:?}");
    assert!(partly.err.contains("1 messages are under way"), "{partly:?}");
    let left = site.run(&["customer", "show", "ada", "--json"]).await.json();
    assert_eq!((left.as_array().unwrap().len(), left[0]["text"].as_str()), (1, Some("still on its way")));

    site.run(&[
        "export",
        "orders",
        "--day",
        "2026-07-02",
        "--timezone",
        "Pacific/Auckland",
        "--out",
        "day.csv",
    ])
    .await
    .ok();
    let file = std::fs::read_to_string(site.folder.path().join("day.csv")).unwrap();
    assert!(file.contains("Lemonade") && !file.contains("ada") && !file.contains("lemonad,"), "{file}");
    let after = site.run(&[&DAY[..], &["--json"]].concat()).await.json();
    for figure in ["total", "hours", "items", "sources", "fates", "wrong", "to_registered"] {
        assert_eq!(after[figure], report[figure], "{figure}");
    }
    assert_eq!(site.run(&["customer", "forget", "nobody", "--yes"]).await.code, 1);
}
