//! Words that say something, and the language of a text.

use std::collections::HashSet;
use std::sync::OnceLock;

use text::{Kind, Token, common};

/// The stems of a text's words, without those that every question has.
pub fn stems(text: &str) -> HashSet<String> {
    let said = |token: &Token| {
        matches!(token.kind, Kind::Word | Kind::Number(_)) && !stop_words().contains(token.text.as_str())
    };
    text::tokens(text).into_iter().filter(said).map(|token| token.stem).collect()
}

/// The words of a text in their order, folded.
pub fn folded(text: &str) -> Vec<String> {
    let tokens = text::tokens(text).into_iter();
    tokens
        .filter(|token| matches!(token.kind, Kind::Word | Kind::Number(_)))
        .map(|token| token.text)
        .collect()
}

/// Whether these words stand in this order, one after the other.
pub fn holds(words: &[String], phrase: &[String]) -> bool {
    !phrase.is_empty() && words.windows(phrase.len()).any(|window| window == phrase)
}

/// The language of a text, as an ISO 639-1 code, among those that are asked for; the first where nothing tells.
pub fn language<'l>(text: &str, among: &[&'l str]) -> Option<&'l str> {
    let tokens = text::tokens(text);
    let score = |code: &str| {
        let Some(at) = text::words::languages().iter().position(|words| words.language == code) else {
            return 0;
        };
        let words = &text::words::languages()[at];
        let known = |token: &&Token| {
            token.kind == Kind::Word
                && (words.word(&token.text).is_some() || common::is_common(at, token.key))
        };
        tokens.iter().filter(known).count()
    };
    // Of equals the first: `max_by_key` would take the last.
    among.iter().rev().max_by_key(|code| score(code)).copied()
}

fn stop_words() -> &'static HashSet<&'static str> {
    static WORDS: OnceLock<HashSet<&'static str>> = OnceLock::new();
    WORDS.get_or_init(|| include_str!("../words/stop.txt").split_whitespace().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_most_words() {
        let all = ["en", "es", "fr", "de"];
        for (text, expected) in [
            ("Where can I leave my car?", "en"),
            ("¿Dónde puedo dejar el coche?", "es"),
            ("Où est-ce que je peux laisser la voiture ?", "fr"),
            ("Wo kann ich mein Auto abstellen?", "de"),
            ("qwzrt", "en"),
        ] {
            assert_eq!(language(text, &all), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_every_question_has_says_nothing() {
        assert_eq!(stems("Do you have the dogs?"), HashSet::from(["dog".to_owned()]));
        assert!(holds(&folded("Are you OPEN now, please?"), &folded("open now")));
        assert!(!holds(&folded("now open"), &folded("open now")));
    }
}
