//! The decision: which words a customer gets, as a pure function of what is known.

use contracts::{Modifier, ModifierOp};
use knowledge::say::money;
use store::replies::{Reply, ReplyLine};

use crate::templates::{LANGUAGES, Templates, Text};

/// Characters of what is filled in at most; an order may have more lines than anybody wants to read in a chat.
const LONGEST: usize = 1_500;

/// What a customer is told, and in which language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// As an ISO 639-1 code: the language that the customer wrote in.
    pub language: &'static str,
    /// The text.
    pub text: String,
}

/// The words of a reply.
pub fn compose(reply: &Reply, templates: &Templates, currency: &str) -> Words {
    let language = knowledge::language(&reply.message.text, &LANGUAGES).unwrap_or(LANGUAGES[0]);
    let text = Text::of(reply.step, reply.closest.is_some());
    let missing = cut(&reply.not_on_menu.join(", "));
    let mut values = vec![
        ("missing", missing),
        ("closest", reply.closest.clone().unwrap_or_default()),
        ("answer", reply.answer.clone().unwrap_or_default()),
    ];
    if let Some(order) = &reply.order {
        let items: Vec<String> = order.lines.iter().map(|line| item(line, language)).collect();
        values.extend([
            ("number", order.number.to_string()),
            ("items", cut(&items.join(", "))),
            ("total", money(language, order.total_cents, currency)),
            ("why", order.why.clone().unwrap_or_default()),
        ]);
    }
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Words { language, text: templates.fill(text, language, &values) }
}

/// One line of an order: `2 × Lentil Soup, large (no onions)`.
fn item(line: &ReplyLine, language: &str) -> String {
    let mut said = format!("{} × {}", line.quantity, line.item);
    if let Some(size) = &line.size {
        said += &format!(", {size}");
    }
    if !line.modifiers.is_empty() {
        let wishes: Vec<String> = line.modifiers.iter().map(|wish| self::wish(wish, language)).collect();
        said += &format!(" ({})", wishes.join(", "));
    }
    said
}

/// A wish about an item: `no onions`.
fn wish(wish: &Modifier, language: &str) -> String {
    let [add, remove, extra, light] = match language {
        "es" => ["con", "sin", "extra de", "poco de"],
        "fr" => ["avec", "sans", "supplément", "peu de"],
        "de" => ["mit", "ohne", "extra", "wenig"],
        _ => ["with", "no", "extra", "light on"],
    };
    let how = match wish.op {
        ModifierOp::Add => add,
        ModifierOp::Remove => remove,
        ModifierOp::Extra => extra,
        ModifierOp::Light => light,
        ModifierOp::Note => return wish.name.clone(),
    };
    format!("{how} {}", wish.name)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use contracts::kitchen::State;
    use contracts::{Message, MessageId};
    use store::replies::{ReplyOrder, ReplyStep};

    use super::*;

    fn reply(step: ReplyStep, text: &str) -> Reply {
        let line = ReplyLine {
            item: "Lentil Soup".to_owned(),
            quantity: 2,
            size: Some("large".to_owned()),
            modifiers: vec![
                Modifier { op: ModifierOp::Remove, name: "Onions".to_owned() },
                Modifier { op: ModifierOp::Note, name: "in a bag".to_owned() },
            ],
        };
        let cola = ReplyLine { item: "Cola".to_owned(), quantity: 1, size: None, modifiers: Vec::new() };
        Reply {
            id: 1,
            step,
            customer: "guest-7".to_owned(),
            attempt: 1,
            created_at: chrono::DateTime::UNIX_EPOCH,
            message: Message {
                id: MessageId(42),
                generation: 1,
                received_at: chrono::DateTime::UNIX_EPOCH,
                source: "http".to_owned(),
                customer: Some("guest-7".to_owned()),
                text: text.to_owned(),
            },
            external_id: None,
            order: Some(ReplyOrder {
                number: 7,
                state: State::Accepted,
                total_cents: 1_390,
                lines: vec![line, cola],
                why: Some("the oven is cold".to_owned()),
            }),
            not_on_menu: vec!["pork burger".to_owned()],
            closest: None,
            answer: Some("Yes, {behind} the house.".to_owned()),
        }
    }

    fn said(step: ReplyStep, text: &str, currency: &str) -> String {
        compose(&reply(step, text), &Templates::built_in().unwrap(), currency).text
    }

    #[test]
    fn an_order_is_read_back_in_the_customers_language_and_the_houses_currency() {
        assert_eq!(
            said(ReplyStep::Accepted, "two large lentil soups without onions and a cola please", "$"),
            "Thank you! Order 7: 2 × Lentil Soup, large (no Onions, in a bag), 1 × Cola. That comes to $13.90. We will \
             write when it is ready."
        );
        assert_eq!(
            said(ReplyStep::Accepted, "zwei große Linsensuppen ohne Zwiebeln und eine Cola bitte", "EUR"),
            "Danke! Bestellung 7: 2 × Lentil Soup, large (ohne Onions, in a bag), 1 × Cola. Zusammen 13,90 EUR. Wir \
             melden uns, wenn sie fertig ist."
        );
    }

    #[test]
    fn what_is_not_sold_is_named_with_what_comes_close_where_something_does() {
        let mut reply = reply(ReplyStep::Rejected, "a pork burger please");
        let templates = Templates::built_in().unwrap();
        let text = compose(&reply, &templates, "$").text;
        assert_eq!(text, "Sorry, we don't have pork burger. Would you like something else?");
        reply.closest = Some("Hamburger".to_owned());
        let text = compose(&reply, &templates, "$").text;
        assert!(text.contains("The closest we have is Hamburger."), "{text}");
    }

    #[test]
    fn what_a_person_answered_is_told_word_for_word() {
        assert_eq!(said(ReplyStep::Answered, "do you have parking?", "$"), "Yes, {behind} the house.");
    }

    #[test]
    fn what_the_staff_wrote_among_themselves_is_told_only_where_the_owner_says_so() {
        let text = said(ReplyStep::Voided, "two soups please", "$");
        assert!(text.starts_with("Order 7 was called off.") && !text.contains("oven"), "{text}");
    }

    #[test]
    fn an_endless_order_is_cut() {
        let mut long = reply(ReplyStep::Accepted, "everything please");
        let order = long.order.as_mut().unwrap();
        let line = order.lines[0].clone();
        order.lines = vec![line; 500];
        let text = compose(&long, &Templates::built_in().unwrap(), "$").text;
        assert!(text.contains(" …. That comes to") && text.chars().count() < 2_500, "{text}");
    }
}
