//! Ordinary words of the languages: what people say around an order. A list a language, nothing to eat in it.

use std::sync::OnceLock;

use crate::key::{self, Key};
use crate::token::{singular, tokens};

/// Lists, in the order of [`crate::words::languages`].
const LISTS: [&str; 4] = [
    include_str!("../words/common/en.txt"),
    include_str!("../words/common/es.txt"),
    include_str!("../words/common/fr.txt"),
    include_str!("../words/common/de.txt"),
];

/// Whether a word is an ordinary one of the language.
pub fn is_common(language: usize, word: Key) -> bool {
    static WORDS: OnceLock<Vec<Vec<Key>>> = OnceLock::new();
    let words = WORDS.get_or_init(|| LISTS.iter().map(|list| keys(list)).collect());
    words.get(language).is_some_and(|words| words.binary_search(&word).is_ok())
}

fn keys(list: &str) -> Vec<Key> {
    let folded = |line: &str| tokens(line).into_iter().map(|token| token.text).collect::<String>();
    let mut keys: Vec<Key> = list
        .lines()
        .map(folded)
        .filter(|word| !word.is_empty())
        .flat_map(|word| [key::of(&word), key::of(&singular(&word))])
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_words_are_known_in_their_language_as_people_write_them() {
        for (language, word) in [(0, "supplier"), (1, "vecino"), (2, "voisin"), (3, "nachbar")] {
            assert!(is_common(language, key::of(word)), "{word}");
        }
        assert!(!is_common(0, key::of("burger")) && !is_common(0, key::of("qwzrt")));
    }
}
