//! Why one candidate and not the next, in a cook's words.

use std::future::Future;
use std::pin::Pin;

use contracts::{Candidate, ValidatedLine, Verdict};
use text::{Kind, singular, tokens};

/// What an answer is awaited as.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;

/// Gives the reason of a choice. By rule here; a language model can answer by the same trait.
pub trait Resolver: Send + Sync {
    /// The reason for the first of a line's candidates; `None` leaves the line's own.
    fn reason<'a>(&'a self, line: &'a ValidatedLine) -> Answer<'a>;
}

/// Says which of the phrase's words the name and the description have, and what came second.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByRule;

impl Resolver for ByRule {
    fn reason<'a>(&'a self, line: &'a ValidatedLine) -> Answer<'a> {
        Box::pin(std::future::ready(by_rule(line)))
    }
}

/// Only for lines that a score decided: what the menu answers, or a doubt of the extractor, needs no other reason.
fn by_rule(line: &ValidatedLine) -> Option<String> {
    let [best, next] = line.candidates.as_slice() else { return None };
    if line.line.item.is_some() || !line.line.doubts.is_empty() || line.verdict == Verdict::Rejected {
        return None;
    }
    let phrase = &line.line.phrase;
    let shared = shared(phrase, best);
    Some(format!(
        "'{phrase}' → {} ({:.2}): {shared}; next: {} ({:.2})",
        best.name, best.score, next.name, next.score
    ))
}

/// What a phrase shares with a candidate.
fn shared(phrase: &str, candidate: &Candidate) -> String {
    let in_name = words_in(phrase, &candidate.name);
    let in_description: Vec<String> =
        words_in(phrase, &candidate.description).into_iter().filter(|word| !in_name.contains(word)).collect();
    match (in_name.is_empty(), in_description.is_empty()) {
        (true, true) => "no word of it is the same, but the meaning is close".to_owned(),
        (false, true) => format!("its name has {}", listed(&in_name)),
        (true, false) => format!("its description has {}", listed(&in_description)),
        (false, false) => {
            format!("its name has {}, its description {}", listed(&in_name), listed(&in_description))
        }
    }
}

/// The phrase's words of at least four letters that the text has too, singular or plural.
fn words_in(phrase: &str, text: &str) -> Vec<String> {
    let stem = |word: &str| singular(&word.to_lowercase()).to_string();
    let has: Vec<String> = tokens(text).iter().map(|token| stem(&token.text)).collect();
    let mut words: Vec<String> = Vec::new();
    for token in
        tokens(phrase).iter().filter(|token| token.kind == Kind::Word && token.text.chars().count() >= 4)
    {
        let word = token.text.to_lowercase();
        if !FILLERS.contains(&word.as_str()) && has.contains(&stem(&word)) && !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// Words that say nothing about what is eaten.
const FILLERS: [&str; 8] = ["with", "made", "that", "from", "your", "some", "only", "without"];

fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use contracts::OrderLine;

    use super::*;

    fn candidate(name: &str, description: &str, score: f32) -> Candidate {
        Candidate {
            slug: menu::slug(name),
            name: name.into(),
            description: description.into(),
            price_cents: 1,
            score,
        }
    }

    fn line(phrase: &str, verdict: Verdict) -> ValidatedLine {
        ValidatedLine {
            line: OrderLine {
                phrase: phrase.into(),
                quantity: 1,
                size: None,
                modifiers: Vec::new(),
                item: None,
                doubts: Vec::new(),
            },
            verdict,
            reason: "as it was".into(),
            matched: None,
            candidates: vec![
                candidate("The Green Garden Vegan Burger", "Pea patty with ripe avocado and spinach.", 0.81),
                candidate("Smoky Black Bean Burger", "Black beans, smoked.", 0.62),
            ],
        }
    }

    #[test]
    fn a_cook_reads_which_words_decided_and_what_came_second() {
        let reason = by_rule(&line("plant one with avocado", Verdict::Review)).unwrap();
        assert_eq!(
            reason,
            "'plant one with avocado' → The Green Garden Vegan Burger (0.81): its description has avocado; \
             next: Smoky Black Bean Burger (0.62)"
        );
        let reason = by_rule(&line("garden burgers with spinach", Verdict::Accepted)).unwrap();
        assert!(reason.contains("its name has garden and burgers, its description spinach"), "{reason}");
        let reason = by_rule(&line("something meatless", Verdict::Review)).unwrap();
        assert!(reason.contains("the meaning is close"), "{reason}");
    }

    #[test]
    fn what_needs_no_reason_gets_none() {
        assert_eq!(by_rule(&line("x", Verdict::Rejected)), None);
        let mut doubted = line("x", Verdict::Review);
        doubted.line.doubts.push("30 is a lot".into());
        assert_eq!(by_rule(&doubted), None);
        let mut single = line("x", Verdict::Review);
        single.candidates.truncate(1);
        assert_eq!(by_rule(&single), None);
    }
}
