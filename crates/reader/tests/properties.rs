//! What holds for any text.

#![allow(clippy::unwrap_used, reason = "the minimum of four is there")]

use std::sync::LazyLock;

use menu::{Lexicon, Menu, MenuItem};
use proptest::prelude::*;
use reader::rules::extract::{Bounds, extract};

fn menu(first: &str) -> Lexicon {
    let items = vec![
        MenuItem::new(first, "", 400),
        MenuItem::new("Blueberry Muffin", "Baked every morning.", 300),
        MenuItem::new("Green Tea", "", 250),
    ];
    Lexicon::new(Menu::new(items, Vec::new()))
}

static LATTE: LazyLock<Lexicon> = LazyLock::new(|| menu("Latte"));
static QUXOL: LazyLock<Lexicon> = LazyLock::new(|| menu("Quxol"));

/// Words that orders are made of, in any order.
fn phrase() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "two",
        "a",
        "12",
        "x2",
        "99999999",
        "latte",
        "muffin",
        "tea",
        "no",
        "with",
        "without",
        "and",
        ",",
        ".",
        "?",
        "\n",
        "i'd like",
        "can i get",
        "scratch the",
        "make it",
        "three",
        "of those",
        "both",
        "one",
        "each",
        "instead of",
        "extra",
        "the",
        "half of them",
        "large",
        "hold",
        "zzz",
        "forget it",
        "sorry",
        "the same",
        "on the",
        "in one",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_can_be_read_and_reads_the_same_twice(text in "\\PC{0,200}") {
        prop_assert_eq!(extract(&text, &LATTE), extract(&text, &LATTE));
    }

    #[test]
    fn quantities_are_positive_and_large_ones_doubted(text in phrase()) {
        for line in extract(&text, &LATTE).lines {
            prop_assert!(line.quantity >= 1);
            prop_assert!(line.quantity <= Bounds::default().quantity || !line.doubts.is_empty());
        }
    }

    #[test]
    fn renaming_an_item_renames_the_result(text in phrase()) {
        let before = extract(&text, &LATTE);
        let after = extract(&text.replace("latte", "quxol"), &QUXOL);
        prop_assert_eq!(before.lines.len(), after.lines.len());
        for (a, b) in before.lines.iter().zip(&after.lines) {
            prop_assert_eq!(a.quantity, b.quantity);
            prop_assert_eq!(a.item.as_deref().map(|i| i.replace("Latte", "Quxol")), b.item.clone());
        }
    }
}

#[test]
fn a_message_of_64_kib_takes_no_longer_than_its_length() {
    let lexicon = menu("Latte");
    for unit in ["a ", "two lattes, ", "no ", "x2 ", "'", "muffn tea and ", "𝕏", "1 ", "with "] {
        let once = |size: usize| {
            let text = unit.repeat(size / unit.len());
            let began = std::time::Instant::now();
            let lines = extract(&text, &lexicon).lines;
            (began.elapsed(), lines.len())
        };
        // The best of some: other work on the machine is none of ours.
        let time = |size: usize| (0..4).map(|_| once(size)).min().unwrap();
        let (short, _) = time(1 << 13);
        let (long, lines) = time(1 << 16);
        // Eight times the text: a quadratic cost would be 64 times.
        assert!(
            long < short * 30 + std::time::Duration::from_millis(20),
            "{unit:?}: {short:?}, then {long:?}"
        );
        assert!(lines <= Bounds::default().lines);
    }
}
