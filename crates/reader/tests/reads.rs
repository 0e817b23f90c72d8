//! What the line makes of messages to GreenBite Burger.

#![allow(clippy::unwrap_used, reason = "data that can't be read fails its test")]

use std::fs::File;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use reader::rules::extract::Bounds;
use reader::{Kind, Read, Reader};

static READER: LazyLock<Reader> = LazyLock::new(|| {
    let open = |name: &str| File::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data").join(name));
    let options = Some(("options.csv", open("options.csv").unwrap()));
    let menu = menu::csv::read_menu(("menu.csv", open("menu.csv").unwrap()), options).unwrap();
    Reader::new(menu)
});

fn read(text: &str) -> Read {
    READER.read(text, Bounds::default())
}

/// Goes to the kitchen without a person.
fn registered(read: &Read) -> bool {
    let sure = |line: &contracts::OrderLine| line.item.is_some() && line.doubts.is_empty();
    read.kind == Kind::Order && !read.lines.is_empty() && read.lines.iter().all(sure)
}

/// `2 Cola; 1 Hamburger Remove Onions`
fn lines(read: &Read) -> String {
    let line = |line: &contracts::OrderLine| {
        let mut out = format!("{} ", line.quantity);
        out.push_str(&line.size.as_ref().map(|size| format!("{size} ")).unwrap_or_default());
        out.push_str(line.item.as_deref().unwrap_or("?"));
        line.modifiers.iter().for_each(|wish| out.push_str(&format!(" {:?} {}", wish.op, wish.name)));
        out
    };
    read.lines.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn plain_orders_go_straight_through() {
    for (text, wanted) in [
        ("two colas please", "2 Cola"),
        ("a cheeseburger and large fries", "1 Classic Cheeseburger; 1 Large French Fries"),
        ("can i get a hamburger without onions", "1 Hamburger Remove Onions"),
        ("2 vegan burgers and a lemonade", "2 The Green Garden Vegan Burger; 1 Lemonade"),
    ] {
        let read = read(text);
        assert_eq!(lines(&read), wanted, "{text}: {read:?}");
        assert!(registered(&read), "{text}: {read:?}");
    }
}

#[test]
fn what_is_only_refused_or_told_of_is_never_cooked() {
    for (text, never) in [
        ("cheeseburger, no fries, no drink", "Fries"),
        ("I don't want onion rings this time, just a cola", "Onion Rings"),
        ("we had three lemonades yesterday, today two colas please", "Lemonade"),
    ] {
        let read = read(text);
        let cooked =
            read.lines.iter().any(|line| line.item.as_deref().is_some_and(|item| item.contains(never)));
        assert!(!(registered(&read) && cooked), "{text}: {}", lines(&read));
    }
}

#[test]
fn an_order_with_a_word_that_nobody_can_explain_goes_to_a_person_with_that_word() {
    let read = read("two colas and a hamburger qwzrtx please");
    assert!(!registered(&read), "{read:?}");
    let doubts: Vec<&String> = read.lines.iter().flat_map(|line| &line.doubts).collect();
    let named = doubts.iter().any(|doubt| doubt.contains("qwzrtx"));
    assert!(named || read.lines.iter().any(|line| line.phrase.contains("qwzrtx")), "{read:?}");
}

#[test]
fn what_is_too_long_to_be_sure_of_goes_to_a_person() {
    let read = read(&"two colas and a hamburger, ".repeat(200));
    assert!(!registered(&read));
}

fn order() -> impl Strategy<Value = String> {
    let items =
        prop::sample::select(vec!["cola", "hamburger", "lemonade", "caesar salad", "carrot cake", "brownie"]);
    let counts = prop::sample::select(vec!["a", "two", "3", "one"]);
    let line = (counts, items).prop_map(|(count, item)| format!("{count} {item}"));
    prop::collection::vec(line, 1..4).prop_map(|lines| lines.join(" and "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_question_mark_at_the_end_is_never_an_order(order in order()) {
        prop_assert_ne!(read(&format!("{order}?")).kind, Kind::Order);
        prop_assert_ne!(read(&format!("can I get {order} ?  ")).kind, Kind::Order);
    }

    #[test]
    fn an_unknown_word_never_makes_an_asked_order_a_registered_one(order in order(), at in 0..20usize) {
        let mut words: Vec<&str> = order.split(' ').collect();
        words.insert(at % (words.len() + 1), "qwzrtx");
        let with = words.join(" ");
        prop_assert!(!registered(&read(&with)), "{with}: {:?}", read(&with));
    }

    #[test]
    fn politeness_changes_no_line(order in order()) {
        let (plain, polite) = (read(&order), read(&format!("{order} please")));
        if registered(&plain) && registered(&polite) {
            prop_assert_eq!(lines(&plain), lines(&polite));
        }
    }

    #[test]
    fn any_text_is_read_and_always_the_same(text in "\\PC{0,120}") {
        let read_once = read(&text);
        prop_assert!(!read_once.kind_reason.is_empty());
        prop_assert_eq!(&read_once, &read(&text));
        for line in &read_once.lines {
            prop_assert!(line.quantity >= 1);
        }
    }
}
