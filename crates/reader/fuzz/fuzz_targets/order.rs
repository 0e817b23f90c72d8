//! Any text gets a verdict: no panic, a question mark at the end is never an order, counts are sane, and the same
//! text gives the same result.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use menu::Lexicon;
use menu_validator::matching::{WordScorer, validate};
use reader::rules::extract::Bounds;
use reader::{Kind, Reader};

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let menu = include_bytes!("../../tests/menus/coffee.csv").as_slice();
    let options = include_bytes!("../../tests/menus/coffee-options.csv").as_slice();
    let menu = menu::csv::read_menu(("coffee.csv", menu), Some(("coffee-options.csv", options)));
    Lexicon::new(menu.expect("the fixture is a menu"))
});
static READER: LazyLock<Reader> = LazyLock::new(|| Reader::new(Arc::clone(LEXICON.menu())));

fuzz_target!(|text: &str| {
    let bounds = Bounds::default();
    let first = READER.read(text, bounds);
    assert!(!first.kind_reason.is_empty());
    if text.trim_end().ends_with('?') {
        assert_ne!(first.kind, Kind::Order, "{text:?}");
    }
    assert_eq!(first, READER.read(text, bounds), "{text:?}");
    for line in &first.lines {
        assert!(line.quantity >= 1, "{text:?}");
    }
    let over = first.lines.iter().any(|line| line.quantity > bounds.quantity);
    assert!(!over || first.lines.iter().any(|line| !line.doubts.is_empty()), "{text:?}");
    let validation = validate(first.lines, &LEXICON, &WordScorer);
    assert!(!validation.reason.is_empty());
});
