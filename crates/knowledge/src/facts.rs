//! Facts: computed from menu, clock and order as they are now, never retrieved from text.

use std::fmt;
use std::sync::OnceLock;

use chrono::{NaiveTime, Weekday};
use contracts::kitchen::State;
use menu::lexicon::Target;
use menu::{Lexicon, MenuItem};

use crate::say;
use crate::words::{folded, holds};

/// Items of a category that are told of at most.
const MOST: usize = 12;

/// What can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Whether the house is open at this moment.
    OpenNow,
    /// How far an order is.
    Status,
    /// What an item costs.
    Price,
    /// What the menu says is in an item.
    Ingredients,
    /// Whether something is on the menu.
    OnMenu,
}

impl Fact {
    /// As it is written in files and events: `fact:price`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fact::OpenNow => "fact:open-now",
            Fact::Status => "fact:status",
            Fact::Price => "fact:price",
            Fact::Ingredients => "fact:ingredients",
            Fact::OnMenu => "fact:on-menu",
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the house is open at this moment, by its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doors {
    /// Nobody has set its hours.
    Unknown,
    /// Open until then.
    Open(NaiveTime),
    /// Closed; it opens in so many days, where it opens again soon.
    Closed(Option<(u64, Weekday, NaiveTime)>),
}

/// What is true at this moment.
#[derive(Debug)]
pub struct Truth<'t> {
    /// The menu.
    pub lexicon: &'t Lexicon,
    /// Of its prices: a sign (`$`) or a code (`EUR`).
    pub currency: &'t str,
    /// Whether the house is open.
    pub doors: Doors,
    /// The customer's order, by its number and how far it is.
    pub order: Option<(i64, State)>,
}

/// The fact that a question asks for, with the answer where truth has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Computed {
    /// What is asked for.
    pub fact: Fact,
    /// The answer; none where the house's truth does not hold it, such as the order of somebody unknown.
    pub answer: Option<String>,
}

/// Whether a question is about health: allergies and what somebody cannot eat.
pub fn is_of_health(text: &str, language: &str) -> bool {
    asks("health", language, &folded(text))
}

/// The order's number, where a text names one: "is order 17 ready?"
pub fn order_number(text: &str) -> Option<i64> {
    let words = folded(text);
    let named = |word: &String| {
        ["order", "pedido", "commande", "bestellung", "number", "numero", "nummer", "no"]
            .contains(&word.as_str())
    };
    words.windows(2).find(|pair| named(&pair[0])).and_then(|pair| pair[1].parse().ok())
}

/// The fact that a question asks for, if it asks for one.
pub fn compute(text: &str, language: &str, truth: &Truth<'_>) -> Option<Computed> {
    let words = folded(text);
    let asks = |kind: &str| asks(kind, language, &words);
    if asks("open_now") {
        return Some(Computed { fact: Fact::OpenNow, answer: open_now(language, truth) });
    }
    if asks("status") || (order_number(text).is_some() && text.contains('?')) {
        let answer = truth.order.map(|(number, state)| say::order(language, number, state));
        return Some(Computed { fact: Fact::Status, answer });
    }
    let items = items(text, truth.lexicon);
    let category = category(&words, truth.lexicon);
    let (fact, answer) = if asks("price") && !items.is_empty() {
        (Fact::Price, prices(language, &items, truth))
    } else if asks("ingredients") && !items.is_empty() {
        (Fact::Ingredients, descriptions(language, &items))
    } else if asks("on_menu") && (!items.is_empty() || !category.is_empty()) {
        let sold = if items.is_empty() { category } else { items };
        (Fact::OnMenu, Some(say::sold(language, &listed(language, &sold, truth))))
    } else if asks("on_menu")
        && let Some(food) = unknown_food(text, truth.lexicon)
    {
        (Fact::OnMenu, Some(say::not_sold(language, &food)))
    } else {
        return None;
    };
    Some(Computed { fact, answer })
}

fn open_now(language: &str, truth: &Truth<'_>) -> Option<String> {
    match truth.doors {
        Doors::Unknown => None,
        Doors::Open(until) => Some(say::open(language, until)),
        Doors::Closed(next) => Some(say::closed(language, next)),
    }
}

/// The items that a text names, each where it cannot be another.
fn items<'m>(text: &str, lexicon: &'m Lexicon) -> Vec<&'m MenuItem> {
    let reading = lexicon.read(text);
    let mut found: Vec<&MenuItem> = Vec::new();
    for mention in reading.mentions.iter().filter(|mention| !mention.guessed) {
        let whole = mention.items.iter().filter(|hit| hit.whole || mention.items.len() == 1);
        let best = whole.max_by(|one, other| one.score.total_cmp(&other.score));
        let Some(Target::Item(at)) = best.map(|hit| hit.target) else { continue };
        if let Some(item) = lexicon.menu().items.get(usize::from(at))
            && !found.iter().any(|other| other.slug == item.slug)
        {
            found.push(item);
        }
    }
    found
}

/// The items of the category that a text names: "which soups do you have".
fn category<'m>(words: &[String], lexicon: &'m Lexicon) -> Vec<&'m MenuItem> {
    let stems: Vec<String> = words.iter().map(|word| text::singular(word)).collect();
    let named = |category: &str| {
        let category: Vec<String> = folded(category).iter().map(|word| text::singular(word)).collect();
        holds(&stems, &category)
    };
    lexicon.menu().items.iter().filter(|item| named(&item.category)).take(MOST).collect()
}

/// Something to eat that a text names and that nothing on the menu has in its name, description or options.
fn unknown_food(text: &str, lexicon: &Lexicon) -> Option<String> {
    let tokens = text::tokens(text);
    let mut foods = tokens.iter().filter(|token| text::food::food().is_food(&token.stem));
    let food = foods.next()?;
    let alone = foods.next().is_none();
    (alone && lexicon.known(food).is_none()).then(|| text[food.start..food.end].to_lowercase())
}

fn prices(language: &str, items: &[&MenuItem], truth: &Truth<'_>) -> Option<String> {
    let price = |item: &&MenuItem| {
        say::costs(language, &item.name, &say::money(language, item.price_cents, truth.currency))
    };
    Some(items.iter().map(price).collect::<Vec<_>>().join(" "))
}

fn descriptions(language: &str, items: &[&MenuItem]) -> Option<String> {
    let described = items.iter().filter(|item| !item.description.is_empty());
    let said: Vec<String> =
        described.map(|item| say::described(language, &item.name, &item.description)).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn listed(language: &str, items: &[&MenuItem], truth: &Truth<'_>) -> String {
    let one = |item: &&MenuItem| {
        format!("{} ({})", item.name, say::money(language, item.price_cents, truth.currency))
    };
    items.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether words hold a phrase by which this kind is asked for.
fn asks(kind: &str, language: &str, words: &[String]) -> bool {
    let mut phrases = phrases().iter().filter(|phrase| phrase.kind == kind && phrase.language == language);
    phrases.any(|phrase| holds(words, &phrase.words))
}

struct Phrase {
    kind: String,
    language: String,
    words: Vec<String>,
}

fn phrases() -> &'static [Phrase] {
    static PHRASES: OnceLock<Vec<Phrase>> = OnceLock::new();
    let read = || {
        let mut reader = csv::Reader::from_reader(include_str!("../words/facts.csv").as_bytes());
        let rows = reader.deserialize::<[String; 3]>().filter_map(Result::ok);
        rows.map(|[kind, language, phrase]| Phrase { kind, language, words: folded(&phrase) }).collect()
    };
    PHRASES.get_or_init(read)
}

#[cfg(test)]
mod tests {
    use menu::Menu;

    use super::*;

    fn lexicon() -> Lexicon {
        let mut soup = MenuItem::new("Tomato Soup", "Tomatoes, basil and a little cream.", 550);
        soup.category = "Soups".to_owned();
        let mut brownie = MenuItem::new("Chocolate Brownie", "Full of walnuts.", 450);
        brownie.aliases.push("brownie".to_owned());
        Lexicon::new(Menu::new(vec![soup, brownie], Vec::new()))
    }

    fn computed(text: &str, language: &str) -> Option<Computed> {
        let truth = Truth {
            lexicon: &lexicon(),
            currency: "$",
            doors: Doors::Closed(NaiveTime::from_hms_opt(11, 0, 0).map(|eleven| (1, Weekday::Tue, eleven))),
            order: Some((17, State::Preparing)),
        };
        compute(text, language, &truth)
    }

    #[test]
    fn facts_are_computed_from_menu_clock_and_order() {
        for (text, language, fact, answer) in [
            ("How much is the brownie?", "en", Fact::Price, "Chocolate Brownie is $4.50."),
            ("was kostet der brownie", "de", Fact::Price, "Chocolate Brownie kostet 4,50 $."),
            (
                "what is in the tomato soup?",
                "en",
                Fact::Ingredients,
                "Our menu says of Tomato Soup: “Tomatoes, basil and a little cream.”",
            ),
            ("Which soups do you have?", "en", Fact::OnMenu, "Yes, we have Tomato Soup ($5.50)."),
            ("do you have pizza", "en", Fact::OnMenu, "Sorry, there is no pizza on our menu."),
            (
                "are you open now?",
                "en",
                Fact::OpenNow,
                "We are closed right now. We open again tomorrow at 11:00.",
            ),
            ("where is my order?", "en", Fact::Status, "Order 17 is being made."),
        ] {
            let computed = computed(text, language).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((computed.fact, computed.answer.as_deref()), (fact, Some(answer)), "{text}");
        }
    }

    #[test]
    fn what_asks_for_no_fact_has_none() {
        for text in [
            "Do you have wifi?",
            "How much is delivery?",
            "Can I bring my dog?",
            "What are your opening hours?",
        ] {
            assert_eq!(computed(text, "en"), None, "{text}");
        }
        assert_eq!(order_number("Is order 17 ready?"), Some(17));
        assert_eq!(order_number("two burgers for 17:00"), None);
        assert!(is_of_health("Is it safe for nut allergies?", "en") && !is_of_health("Is it nice?", "en"));
    }
}
