//! Facts: computed from menu, clock and order as they are now, never retrieved from text.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use chrono::{NaiveDate, NaiveTime};
use contracts::kitchen::State;
use menu::lexicon::Target;
use menu::reading::Mention;
use menu::{Lexicon, MenuItem};
use text::{Kind, Token, health};

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
    /// Closed; it opens in so many days, on that day at that time, where it opens again.
    Closed(Option<(u64, NaiveDate, NaiveTime)>),
}

/// What is true at this moment.
#[derive(Debug)]
pub struct Truth<'t> {
    /// The menu.
    pub lexicon: &'t Lexicon,
    /// Of its prices: a sign (`$`) or a code (`EUR`).
    pub currency: &'t str,
    /// The keys of the items that are sold out.
    pub sold_out: &'t HashSet<String>,
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

/// Whether a question may be about somebody's health: it says so, or names an allergen outside the name of a dish.
pub fn is_of_health(text: &str, lexicon: &Lexicon) -> bool {
    if health::speaks_of_health(text) {
        return true;
    }
    let reading = lexicon.read(text);
    // "egg" is no dish's name where only an egg sandwich is sold.
    let is_dish = |mention: &&Mention| {
        let whole = mention.items.iter().any(|hit| hit.whole && matches!(hit.target, Target::Item(_)));
        named(mention).is_some() && (whole || mention.end - mention.first > 1)
    };
    let place = |mention: &Mention| reading.tokens[mention.first].start..reading.tokens[mention.end - 1].end;
    let dishes: Vec<Range<usize>> = reading.mentions.iter().filter(is_dish).map(place).collect();
    health::names_allergen(text, &dishes)
}

/// The order's number, where a text names one: "is order 17 ready?", but not "can I order 20 burgers?"
pub fn order_number(text: &str, lexicon: &Lexicon) -> Option<i64> {
    let reading = lexicon.read(text);
    let tokens = &reading.tokens;
    // "20 burgers", "20 minutes"
    let counts = |at: usize| {
        let mention = reading.mentions.iter().find(|mention| mention.first == at);
        mention.is_some_and(|mention| mention.is_food() && !mention.guessed)
            || tokens.get(at).is_some_and(|next| {
                text::food::food().is_food(&next.stem)
                    || COUNTED.iter().any(|counted| next.text.starts_with(counted))
            })
    };
    let mut numbers = tokens.iter().enumerate().filter_map(|(at, token)| Some((at, number(token)?)));
    numbers.find(|(at, _)| names_order(&tokens[..*at]) && !counts(at + 1)).map(|(_, number)| number)
}

/// How words begin that a number counts.
const COUNTED: &[&str] = &[
    "minut", "mins", "hour", "hora", "heure", "stunde", "day", "dia", "jour", "tag", "week", "seman",
    "woche", "euro", "dollar", "people", "perso", "piece", "pieza", "stuck", "portion", "time", "veces",
    "fois", "mal",
];

fn number(token: &Token) -> Option<i64> {
    matches!(token.kind, Kind::Number(_)).then(|| token.text.parse().ok()).flatten()
}

/// Whether the words before a number end in "my order", "order number", "order is number", "order #".
fn names_order(before: &[Token]) -> bool {
    const NUMBER: &[&str] = &["#", "number", "numero", "nummer", "no", "nr"];
    const IS: &[&str] = &["is", "was", "the", "es", "el", "ist", "est", "le"];
    const ORDER: &[&str] = &["order", "pedido", "commande", "bestellung"];
    /// "Can I order 20", "je commande 20": what somebody does, no order that there is.
    const DOES: &[&str] = &[
        "i", "we", "you", "they", "to", "can", "could", "may", "us", "please", "lets", "je", "on", "nous",
        "vous",
    ];
    let mut words: Vec<&str> = before.iter().map(|token| token.text.as_str()).collect();
    if let [.., "nr" | "no", "."] = words.as_slice() {
        words.pop();
    }
    if words.pop_if(|last| NUMBER.contains(last)).is_some() {
        while words.pop_if(|last| NUMBER.contains(last) || IS.contains(last)).is_some() {}
    }
    match words.as_slice() {
        [.., verb, order] if DOES.contains(verb) && ORDER.contains(order) => false,
        [.., order] => ORDER.contains(order),
        [] => false,
    }
}

/// The fact that a question asks for, if it asks for one.
pub fn compute(text: &str, language: &str, truth: &Truth<'_>) -> Option<Computed> {
    let words = folded(text);
    let asks = |kind: &str| asks(kind, language, &words);
    if asks("open_now") {
        return Some(Computed { fact: Fact::OpenNow, answer: open_now(language, truth) });
    }
    if asks("status") || (text.contains('?') && order_number(text, truth.lexicon).is_some()) {
        let answer = truth.order.map(|(number, state)| say::order(language, number, state));
        return Some(Computed { fact: Fact::Status, answer });
    }
    let items = items(text, truth.lexicon);
    let category = category(&words, truth.lexicon);
    let (fact, answer) = if asks("price") && !items.is_empty() {
        (Fact::Price, Some(prices(language, &items, truth)))
    } else if asks("ingredients") && !items.is_empty() {
        (Fact::Ingredients, descriptions(language, &items))
    } else if asks("on_menu") && (!items.is_empty() || !category.is_empty()) {
        let sold = if items.is_empty() { category } else { items };
        (Fact::OnMenu, Some(on_menu(language, &sold, truth)))
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
    for mention in &reading.mentions {
        let Some(at) = named(mention) else { continue };
        if let Some(item) = lexicon.menu().items.get(usize::from(at))
            && !found.iter().any(|other| other.slug == item.slug)
        {
            found.push(item);
        }
    }
    found
}

/// The item that a mention names, where it cannot be another.
fn named(mention: &Mention) -> Option<u16> {
    let whole = mention.items.iter().filter(|hit| hit.whole || mention.items.len() == 1);
    match whole.max_by(|one, other| one.score.total_cmp(&other.score))?.target {
        Target::Item(at) if !mention.guessed => Some(at),
        _ => None,
    }
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

fn prices(language: &str, items: &[&MenuItem], truth: &Truth<'_>) -> String {
    let price = |item: &&MenuItem| {
        say::costs(language, &item.name, &say::money(language, item.price_cents, truth.currency))
    };
    let mut said: Vec<String> = items.iter().map(price).collect();
    said.extend(sold_out(language, items, truth));
    said.join(" ")
}

/// What is there of these, and what is on the menu and has run out.
fn on_menu(language: &str, items: &[&MenuItem], truth: &Truth<'_>) -> String {
    let there: Vec<&MenuItem> =
        items.iter().filter(|item| !truth.sold_out.contains(&item.slug)).copied().collect();
    let there = (!there.is_empty()).then(|| say::sold(language, &listed(language, &there, truth)));
    let said: Vec<String> = there.into_iter().chain(sold_out(language, items, truth)).collect();
    said.join(" ")
}

fn sold_out(language: &str, items: &[&MenuItem], truth: &Truth<'_>) -> Option<String> {
    let names: Vec<&str> = items
        .iter()
        .filter(|item| truth.sold_out.contains(&item.slug))
        .map(|item| item.name.as_str())
        .collect();
    (!names.is_empty()).then(|| say::sold_out(language, &names.join(", ")))
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
        let cake = MenuItem::new("Cheesecake", "", 650);
        Lexicon::new(Menu::new(vec![soup, brownie, cake], Vec::new()))
    }

    fn opening(days: u64, day: &str) -> Doors {
        Doors::Closed(
            day.parse().ok().zip(NaiveTime::from_hms_opt(11, 0, 0)).map(|(day, at)| (days, day, at)),
        )
    }

    fn computed(text: &str, language: &str) -> Option<Computed> {
        let truth = Truth {
            lexicon: &lexicon(),
            currency: "$",
            sold_out: &HashSet::from(["cheesecake".to_owned()]),
            doors: opening(1, "2026-12-01"),
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
            ("do you have cheesecake?", "en", Fact::OnMenu, "Cheesecake is sold out at the moment."),
            (
                "do you have brownies or cheesecake",
                "en",
                Fact::OnMenu,
                "Yes, we have Chocolate Brownie ($4.50). Cheesecake is sold out at the moment.",
            ),
            (
                "was kostet der cheesecake",
                "de",
                Fact::Price,
                "Cheesecake kostet 6,50 $. Zurzeit ausverkauft: Cheesecake.",
            ),
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
    }

    #[test]
    fn a_number_is_an_orders_only_where_it_is_said_of_one_and_never_of_dishes() {
        for text in [
            "Is order 17 ready?",
            "is my order #17 ready",
            "what about order number 17?",
            "My order is number 17",
            "¿Está listo el pedido 17?",
            "Ist Bestellung Nr. 17 fertig?",
            "où en est la commande 17 ?",
        ] {
            assert_eq!(order_number(text, &lexicon()), Some(17), "{text}");
        }
        for text in [
            "two burgers for 17:00",
            "Can I order 20 burgers for Friday?",
            "could we order 20?",
            "Order 20 cheesecakes for Friday?",
            "Is there a discount if I order 3?",
            "Est-ce que je commande 20 desserts ?",
            "is number 17 spicy?",
            "no 3 burgers?",
            "I placed my order 20 minutes ago, is it on its way?",
            "my order is 20 minutes late?",
        ] {
            assert_eq!(order_number(text, &lexicon()), None, "{text}");
        }
        let asked = computed("Can I order 20 burgers for Friday?", "en");
        assert!(asked.as_ref().is_none_or(|computed| computed.fact != Fact::Status), "{asked:?}");
    }

    #[test]
    fn an_allergen_is_of_health_where_it_is_no_dishs_name() {
        for text in [
            "Is it safe for nut allergies?",
            "is there mustard in it?",
            "¿lleva leche?",
            "a brownie with almonds?",
        ] {
            assert!(is_of_health(text, &lexicon()), "{text}");
        }
        for text in ["Is it nice?", "do you have cheesecake?", "do you have sugar-free drinks?"] {
            assert!(!is_of_health(text, &lexicon()), "{text}");
        }
    }

    #[test]
    fn a_closure_of_more_than_six_days_names_the_date() {
        for (days, day, language, expected) in [
            (6, "2026-12-04", "en", "We open again Friday at 11:00."),
            (7, "2026-12-05", "en", "We open again Saturday, 5 December at 11:00."),
            (30, "2027-01-04", "es", "Abrimos el lunes 4 de enero a las 11:00."),
            (30, "2027-01-04", "fr", "Nous ouvrons lundi 4 janvier à 11:00."),
            (30, "2027-01-04", "de", "Wir öffnen Montag, 4. Januar um 11:00 Uhr."),
        ] {
            let truth = Truth {
                lexicon: &lexicon(),
                currency: "$",
                sold_out: &HashSet::new(),
                doors: opening(days, day),
                order: None,
            };
            let said = open_now(language, &truth).unwrap();
            assert!(said.ends_with(expected), "{said}");
        }
    }
}
