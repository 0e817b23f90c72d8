//! Patterns of phrases, such as `(i|we) want (some|)`, as the states of an automaton.
//!
//! Written out, the patterns of English are more than 100,000 phrases. A state stands for all beginnings that go on in
//! the same ways, so there are far fewer, and they are found once, when the words of a language are read.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

use crate::key::{self, Key, KeyMap};
use crate::token::{Kind, tokens};
use crate::words::Entry;

/// The phrases that one pattern stands for, and what they mean.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Folded words, parentheses and bars.
    text: Box<str>,
    entry: Entry,
}

impl Pattern {
    /// Reads a pattern: `(a|b) c` stands for `a c` and `b c`. Parentheses stand beside words, not in them.
    pub fn new(pattern: &str, entry: Entry) -> Pattern {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((head, (choices, tail))) =
            rest.split_once('(').and_then(|(head, rest)| Some((head, rest.split_once(')')?)))
        {
            let choices: Vec<String> = choices.split('|').map(words).collect();
            text.push_str(&format!("{} ({}) ", words(head), choices.join("|")));
            rest = tail;
        }
        text.push_str(&words(rest));
        Pattern { text: text.into(), entry }
    }

    /// A phrase as it stands, parentheses or not.
    pub fn literal(phrase: &str, entry: Entry) -> Pattern {
        Pattern { text: words(phrase).into(), entry }
    }

    /// Those of its phrases that are a single word.
    pub fn singles(&self) -> impl Iterator<Item = &str> {
        let end = self.text.len();
        self.words_from(0)
            .into_iter()
            .filter(move |at| *at < end && self.words_from(at + self.word(*at).len()).contains(&end))
            .map(|at| self.word(at))
    }

    /// The word that begins here; nothing at the end.
    fn word(&self, at: usize) -> &str {
        self.text[at..].split([' ', '(', '|', ')']).next().unwrap_or_default()
    }

    /// Where the words begin that may come next; the end of the text where none has to come.
    fn words_from(&self, at: usize) -> Vec<usize> {
        let rest = &self.text[at..];
        match rest.as_bytes().first() {
            None => vec![at],
            Some(b' ' | b')') => self.words_from(at + 1),
            // One choice has been read: on behind the others.
            Some(b'|') => self.words_from(at + rest.find(')').unwrap_or(rest.len())),
            Some(b'(') => {
                let choices = &rest[..rest.find(')').unwrap_or(rest.len())];
                choices.match_indices(['(', '|']).flat_map(|(bar, _)| self.words_from(at + bar + 1)).collect()
            }
            Some(_) => vec![at],
        }
    }
}

/// The words of a text, folded, with a space between them.
fn words(text: &str) -> String {
    let word = |kind| matches!(kind, Kind::Word | Kind::Number(_));
    let words: Vec<String> =
        tokens(text).into_iter().filter(|token| word(token.kind)).map(|token| token.text).collect();
    words.join(" ")
}

/// Before a word of a pattern, or at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    pattern: u32,
    at: u32,
}

/// How far a phrase has been read.
pub type State = u32;

/// All patterns at once.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    steps: KeyMap<State>,
    /// Of each state, what the words up to it mean.
    entries: Vec<Entry>,
}

impl Patterns {
    /// Before the first word.
    pub const START: State = 0;

    /// Finds the states: one for each set of places that the same words can lead to.
    pub fn new(patterns: &[Pattern]) -> Patterns {
        let places = |pattern: u32, at: usize| {
            let text: &Pattern = &patterns[pattern as usize];
            text.words_from(at).into_iter().map(move |at| Place { pattern, at: at as u32 })
        };
        let start: Rc<[Place]> = (0..patterns.len() as u32).flat_map(|pattern| places(pattern, 0)).collect();
        let mut built = Patterns::default();
        let mut known = HashMap::from([(start.clone(), Self::START)]);
        let mut sets = VecDeque::from([start]);
        while let Some(set) = sets.pop_front() {
            let state = built.entries.len() as State;
            let mut entry = Entry::default();
            let mut next: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
            for &Place { pattern, at } in &*set {
                let text = &patterns[pattern as usize];
                match text.word(at as usize) {
                    "" => entry = entry.and(text.entry),
                    word => next.entry(word).or_default().extend(places(pattern, at as usize + word.len())),
                }
            }
            built.entries.push(entry);
            for (word, mut places) in next {
                places.sort_unstable();
                places.dedup();
                let number = known.len() as State;
                let to = *known.entry(places.into()).or_insert_with_key(|places| {
                    sets.push_back(places.clone());
                    number
                });
                built.steps.insert(step(state, key::of(word)), to);
            }
        }
        built
    }

    /// Where a word leads; `None` where no phrase goes on like this.
    pub fn next(&self, state: State, word: Key) -> Option<State> {
        self.steps.get(&step(state, word)).copied()
    }

    /// What the words up to a state mean; of no class where they are only the beginning of a phrase.
    pub fn entry(&self, state: State) -> Entry {
        self.entries.get(state as usize).copied().unwrap_or_default()
    }
}

fn step(state: State, word: Key) -> Key {
    word ^ u64::from(state).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Classes;

    fn meaning(number: u32) -> Entry {
        Entry { classes: Classes::NUMBER, number }
    }

    /// The state that the words lead to.
    fn read(patterns: &Patterns, text: &str) -> Option<State> {
        words(text).split(' ').try_fold(Patterns::START, |state, word| patterns.next(state, key::of(word)))
    }

    #[test]
    fn a_pattern_stands_for_all_its_phrases_and_no_others() {
        let patterns = Patterns::new(&[
            Pattern::new("(i|we) want (some |)more", meaning(1)),
            Pattern::new("(a|) (b c|)", meaning(2)),
            Pattern::new("we want", meaning(3)),
            Pattern::literal("a (b|c)", meaning(4)),
        ]);
        let number = |text| read(&patterns, text).map(|state| patterns.entry(state).number);
        for (text, expected) in [
            ("i want more", Some(1)),
            ("we want some more", Some(1)),
            ("we want", Some(3)),
            ("i want", Some(0)),
            ("want more", None),
            ("i want some some more", None),
            ("a", Some(2)),
            ("a b c", Some(4)),
            ("b c", Some(2)),
            ("b", Some(0)),
            ("c", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn beginnings_that_go_on_alike_are_one_state() {
        let patterns = Patterns::new(&[Pattern::new("(a|b|c) (d|e|f) (g|h|i)", meaning(1))]);
        assert_eq!(patterns.entries.len(), 4);
    }

    #[test]
    fn single_words_are_those_beside_which_nothing_has_to_stand() {
        let singles = |pattern| {
            let pattern = Pattern::new(pattern, meaning(1));
            pattern.singles().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(singles("(one|some of|)"), ["one"]);
        assert_eq!(singles("(a|) (b|)"), ["a", "b"]);
        assert_eq!(singles("(a|) b (c|)"), ["b"]);
        assert!(singles("(a|b) (c|d)").is_empty());
        assert!(singles("a b").is_empty());
    }
}
