//! Any text gets a verdict: no panic, a question mark at the end is never an order, counts are sane, and the same
//! text gives the same result.
#![no_main]

use std::sync::LazyLock;

use classifier::classify::{Kind, classify};
use extractor::extract::{Bounds, extract};
use libfuzzer_sys::fuzz_target;
use menu::Lexicon;
use menu_validator::matching::{WordScorer, validate};

static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let menu = include_bytes!("../../tests/menus/coffee.csv").as_slice();
    let options = include_bytes!("../../tests/menus/coffee-options.csv").as_slice();
    let menu = menu::csv::read_menu(("coffee.csv", menu), Some(("coffee-options.csv", options)));
    Lexicon::new(menu.expect("the fixture is a menu"))
});

fuzz_target!(|text: &str| {
    let class = classify(text, &LEXICON);
    assert!(!class.reason.is_empty());
    if text.trim_end().ends_with('?') {
        assert_ne!(class.kind, Kind::Order, "{text:?}");
    }
    let first = extract(text, &LEXICON);
    assert_eq!(first, extract(text, &LEXICON), "{text:?}");
    for line in &first.lines {
        assert!(line.quantity >= 1, "{text:?}");
        assert!(line.quantity <= Bounds::default().quantity || !line.doubts.is_empty(), "{text:?}");
    }
    let validation = validate(first.lines, &LEXICON, &WordScorer);
    assert!(!validation.reason.is_empty());
});
