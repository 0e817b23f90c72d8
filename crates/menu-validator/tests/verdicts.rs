//! Accepted beyond doubt, review where close, rejected where not on the menu.

use contracts::{OrderLine, Verdict};
use menu::{Lexicon, Menu, MenuItem, MenuOption};
use menu_validator::matching::{PhraseScorer, WordScorer, validate};

fn lexicon() -> Lexicon {
    let items =
        [("Mushroom Burger", 900), ("Classic Burger", 800), ("Apple Juice", 300), ("Tomato Soup", 500)];
    let options =
        vec![MenuOption { kind: "size".into(), name: "Large".into(), aliases: vec![], price_cents: 120 }];
    Lexicon::new(Menu::new(items.map(|(name, price)| MenuItem::new(name, "", price)).to_vec(), options))
}

fn line(phrase: &str, item: Option<&str>, doubts: &[&str]) -> OrderLine {
    OrderLine {
        phrase: phrase.into(),
        quantity: 1,
        size: None,
        modifiers: Vec::new(),
        item: item.map(Into::into),
        doubts: doubts.iter().map(|d| (*d).to_owned()).collect(),
    }
}

#[test]
fn a_name_without_doubt_is_accepted_at_the_menus_price() {
    let mut order = line("apple juices", Some("Apple Juice"), &[]);
    order.size = Some("Large".into());
    let validation = validate(vec![order], &lexicon(), &WordScorer);
    assert_eq!(validation.verdict, Verdict::Accepted);
    let matched = validation.lines[0].matched.as_ref().unwrap();
    assert_eq!((matched.slug.as_str(), matched.unit_price_cents), ("apple_juice", 420));
}

#[test]
fn a_doubt_makes_a_review_with_two_candidates() {
    let validation = validate(
        vec![line("pork burger", Some("Classic Burger"), &["\"pork\" is not on the menu"])],
        &lexicon(),
        &WordScorer,
    );
    assert_eq!(validation.verdict, Verdict::Review);
    assert_eq!(validation.lines[0].candidates.len(), 2);
    assert!(validation.reason.contains("pork"));
}

#[test]
fn what_is_merely_like_a_name_is_never_accepted() {
    for phrase in ["mushroom pizza", "apple pie", "lasagne", "tomato", "burger"] {
        let validation = validate(vec![line(phrase, None, &["not on the menu"])], &lexicon(), &WordScorer);
        assert_ne!(validation.verdict, Verdict::Accepted, "{phrase}");
    }
}

#[test]
fn one_strange_item_rejects_the_order_with_a_reply() {
    let lines =
        vec![line("tomato soup", Some("Tomato Soup"), &[]), line("lasagne", None, &["not on the menu"])];
    let validation = validate(lines, &lexicon(), &WordScorer);
    assert_eq!(validation.verdict, Verdict::Rejected);
    assert!(validation.proposed_reply.unwrap().starts_with("Sorry, we don't offer lasagne. Would you like"));
}

/// Scores by a table, as a scorer by meaning would.
struct Meaning(Vec<f32>);

impl PhraseScorer for Meaning {
    fn score(&self, phrases: &[&str], _: &Lexicon) -> Vec<Vec<f32>> {
        vec![self.0.clone(); phrases.len()]
    }

    fn name(&self) -> &str {
        "meaning"
    }
}

#[test]
fn another_scorer_decides_by_the_same_bounds() {
    let verdict = |scores: [f32; 4]| {
        validate(vec![line("fungus in a bun", None, &[])], &lexicon(), &Meaning(scores.to_vec())).verdict
    };
    assert_eq!(verdict([0.97, 0.2, 0.1, 0.1]), Verdict::Accepted);
    assert_eq!(verdict([0.97, 0.95, 0.1, 0.1]), Verdict::Review);
    assert_eq!(verdict([0.6, 0.5, 0.1, 0.1]), Verdict::Review);
    assert_eq!(verdict([0.2, 0.1, 0.1, 0.1]), Verdict::Rejected);
}
