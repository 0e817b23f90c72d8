//! The words of the languages: which class of word a phrase belongs to. One file a language, nothing of a menu in it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use crate::key::{self, Key};
use crate::patterns::{Pattern, Patterns, State};
use crate::token::{Kind, Token, tokens};

/// A set of word classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Classes(pub u64);

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $bit:literal),* $(,)?) => {
        impl Classes {
            $($(#[$doc])* pub const $name: Classes = Classes(1 << $bit);)*
        }
    };
}

classes! {
    /// What follows is wanted.
    REQUEST = 0,
    /// What follows is put on the item before.
    WITH = 1,
    /// Joins what stands side by side.
    JOIN = 2,
    /// One of two.
    OR = 3,
    /// What follows is left out.
    REMOVE = 4,
    /// More of what follows.
    EXTRA = 5,
    /// Less of what follows.
    LIGHT = 6,
    /// The other thing is wanted in place of what follows.
    INSTEAD = 7,
    /// "on the side".
    ON_THE_SIDE = 8,
    /// "a bag of".
    CONTAINER = 9,
    /// "a", "the", "some".
    ARTICLE = 10,
    /// A number word.
    NUMBER = 11,
    /// The x of "2x".
    TIMES = 12,
    /// A number behind this is no count.
    NUMBER_BEFORE = 13,
    /// A number before this is no count.
    NUMBER_AFTER = 14,
    /// A change of mind.
    CORRECT = 15,
    /// What follows is wanted no longer.
    CANCEL = 16,
    /// Nothing is wanted any longer.
    CANCEL_ALL = 17,
    /// "both", "each".
    ALL_OF = 18,
    /// "it", "those".
    PRONOUN = 19,
    /// About another time.
    PAST = 20,
    /// Only thought of.
    HYPOTHETICAL = 21,
    /// A statement.
    STORY = 22,
    /// The end of a statement.
    SO = 23,
    /// A phrase of a question.
    ASK = 24,
    /// Makes the start of a sentence a question.
    QUESTION_START = 25,
    /// About prices.
    TOPIC_PRICE = 26,
    /// About opening hours.
    TOPIC_HOURS = 27,
    /// About collecting, delivery, tables.
    TOPIC_PICK_UP = 28,
    /// About an order under way.
    TOPIC_STATUS = 29,
    /// About what there is and what is in it.
    TOPIC_MENU = 30,
    /// Politeness, and words that don't matter.
    FILLER = 31,
    /// A dish stays the same dish with these.
    DECORATION = 32,
    /// What an item is, not which.
    GENERIC = 33,
    /// A size.
    SIZE = 34,
    /// Asked for, but nothing to eat.
    NOT_FOOD = 35,
    /// An attempt to steer the system.
    STEER = 36,
    /// Advertising.
    SPAM = 37,
    /// Pleased.
    PRAISE = 38,
    /// Not pleased.
    COMPLAINT = 39,
    /// What came in place of the cancelled thing follows.
    REPLACE_WITH = 40,
    /// Not now.
    ANOTHER_TIME = 41,
    /// "please".
    PLEASE = 42,
    /// "on", "in": what was wished belongs to what follows.
    ONTO = 43,
    /// "half of them".
    HALF = 44,
    /// "the same".
    SAME = 45,
    /// Any other word of the language.
    PLAIN = 46,
    /// "on one of them".
    ON_ONE = 47,
    /// "i", "you": who does something.
    SUBJECT = 48,
    /// "is": says something about a thing.
    COPULA = 49,
    /// "don't send".
    UNWANTED = 50,
    /// What somebody else does: "Jill gets".
    THIRD = 51,
    /// "the other", "the rest": what is left of a set.
    OTHERS = 52,
    /// "road", behind the name of one.
    ADDRESS = 53,
    /// "black" coffee: nothing is added to it.
    AS_IT_IS = 54,
    /// "left off", behind what is left out.
    LEFT_OFF = 55,
    /// "first": one of several.
    ORDINAL = 56,
}

impl Classes {
    /// What a question can be about.
    pub const TOPICS: Classes = Classes(
        Self::TOPIC_PRICE.0
            | Self::TOPIC_HOURS.0
            | Self::TOPIC_PICK_UP.0
            | Self::TOPIC_STATUS.0
            | Self::TOPIC_MENU.0,
    );

    /// Neither.
    pub const NONE: Classes = Classes(0);

    /// Whether any of `other` is in this set.
    pub const fn has(self, other: Classes) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing but `other` is in this set.
    pub const fn only(self, other: Classes) -> bool {
        self.0 & !other.0 == 0
    }

    /// Both sets together.
    pub const fn or(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }
}

/// What is known about a phrase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its classes.
    pub classes: Classes,
    /// Its number, where it is one.
    pub number: u32,
}

impl Entry {
    fn is_any(self) -> bool {
        self.classes != Classes::NONE
    }

    /// What both say; the number is the later one's, if it has one.
    pub(crate) fn and(self, later: Entry) -> Entry {
        let number = if later.classes.has(Classes::NUMBER) { later.number } else { self.number };
        Entry { classes: self.classes.or(later.classes), number }
    }
}

/// The words of one language.
#[derive(Debug, Clone)]
pub struct Words {
    /// ISO 639-1.
    pub language: String,
    /// Those of the file, which all that have the language share, and those that came later.
    phrases: [Arc<Patterns>; 2],
    /// The single words of more than three letters, each once, for the correction of spelling.
    pub singles: Vec<String>,
    /// Other ways to write a word: folded word to folded words.
    pub same: Vec<(String, Vec<String>)>,
}

/// A file of words that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the words of a language cannot be read: {0}")]
pub struct WordsError(#[from] toml::de::Error);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: String,
    #[serde(default)]
    numbers: BTreeMap<String, u32>,
    #[serde(default)]
    same: BTreeMap<String, String>,
    #[serde(default)]
    classes: BTreeMap<String, Vec<String>>,
}

const NAMES: &[(&str, Classes)] = &[
    ("request", Classes::REQUEST),
    ("add_to_item", Classes::WITH),
    ("join", Classes::JOIN),
    ("or", Classes::OR),
    ("remove", Classes::REMOVE),
    ("extra", Classes::EXTRA),
    ("light", Classes::LIGHT),
    ("instead", Classes::INSTEAD),
    ("on_the_side", Classes::ON_THE_SIDE),
    ("container", Classes::CONTAINER),
    ("article", Classes::ARTICLE),
    ("times", Classes::TIMES),
    ("number_before", Classes::NUMBER_BEFORE),
    ("number_after", Classes::NUMBER_AFTER),
    ("correct", Classes::CORRECT),
    ("cancel", Classes::CANCEL),
    ("cancel_all", Classes::CANCEL_ALL),
    ("replace_with", Classes::REPLACE_WITH),
    ("all_of", Classes::ALL_OF),
    ("pronoun", Classes::PRONOUN),
    ("past", Classes::PAST),
    ("hypothetical", Classes::HYPOTHETICAL),
    ("story", Classes::STORY),
    ("so", Classes::SO),
    ("ask", Classes::ASK),
    ("question_start", Classes::QUESTION_START),
    ("topic_price", Classes::TOPIC_PRICE),
    ("topic_hours", Classes::TOPIC_HOURS),
    ("topic_pick_up", Classes::TOPIC_PICK_UP),
    ("topic_status", Classes::TOPIC_STATUS),
    ("topic_menu", Classes::TOPIC_MENU),
    ("filler", Classes::FILLER),
    ("decoration", Classes::DECORATION),
    ("generic", Classes::GENERIC),
    ("size", Classes::SIZE),
    ("not_food", Classes::NOT_FOOD),
    ("steer", Classes::STEER),
    ("spam", Classes::SPAM),
    ("praise", Classes::PRAISE),
    ("complaint", Classes::COMPLAINT),
    ("another_time", Classes::ANOTHER_TIME),
    ("please", Classes::PLEASE),
    ("onto", Classes::ONTO),
    ("half", Classes::HALF),
    ("third", Classes::THIRD),
    ("subject", Classes::SUBJECT),
    ("copula", Classes::COPULA),
    ("unwanted", Classes::UNWANTED),
    ("on_one", Classes::ON_ONE),
    ("the_same", Classes::SAME),
    ("others", Classes::OTHERS),
    ("address", Classes::ADDRESS),
    ("as_it_is", Classes::AS_IT_IS),
    ("left_off", Classes::LEFT_OFF),
    ("ordinal", Classes::ORDINAL),
    ("plain", Classes::PLAIN),
];

impl Words {
    /// Reads a file of words.
    pub fn parse(text: &str) -> Result<Words, WordsError> {
        let file: File = toml::from_str(text)?;
        if let Some(unknown) = file.classes.keys().find(|class| NAMES.iter().all(|(name, _)| name != class)) {
            return Err(WordsError(serde::de::Error::custom(format!(
                "there is no class of words \"{unknown}\""
            ))));
        }
        let mut patterns = Vec::new();
        for (name, class) in NAMES {
            let entry = Entry { classes: *class, number: 0 };
            patterns
                .extend(file.classes.get(*name).into_iter().flatten().map(|text| Pattern::new(text, entry)));
        }
        let number = |(phrase, number): (&String, &u32)| {
            Pattern::literal(phrase, Entry { classes: Classes::NUMBER, number: *number })
        };
        patterns.extend(file.numbers.iter().map(number));
        let fold = |text: &str| tokens(text).into_iter().map(|t| t.stem).collect::<Vec<_>>();
        let mut words = Words {
            language: file.language,
            phrases: [Arc::new(Patterns::new(&patterns)), Arc::default()],
            singles: Vec::new(),
            same: file.same.iter().map(|(one, other)| (fold(one).concat(), fold(other))).collect(),
        };
        words.learn_singles(&patterns);
        Ok(words)
    }

    /// The words of the file with more phrases, each with its classes.
    pub fn with(&self, phrases: &[(&str, Classes)]) -> Words {
        let pattern = |(phrase, classes): &(&str, Classes)| {
            Pattern::literal(phrase, Entry { classes: *classes, number: 0 })
        };
        let patterns: Vec<Pattern> = phrases.iter().map(pattern).collect();
        let mut words = self.clone();
        words.phrases[1] = Arc::new(Patterns::new(&patterns));
        words.learn_singles(&patterns);
        words
    }

    fn learn_singles(&mut self, patterns: &[Pattern]) {
        let mut known: HashSet<String> = self.singles.iter().cloned().collect();
        for word in patterns.iter().flat_map(Pattern::singles).filter(|word| word.len() > 3) {
            if known.insert(word.to_owned()) {
                self.singles.push(word.to_owned());
            }
        }
    }

    /// The phrases that begin at `at`: their lengths and entries, shortest first.
    pub fn starting_at<'t>(
        &'t self,
        tokens: &'t [Token],
        at: usize,
    ) -> impl Iterator<Item = (usize, Entry)> + 't {
        let mut read = Read::new(self);
        tokens[at..]
            .iter()
            .enumerate()
            .map_while(move |(i, token)| {
                let entry =
                    matches!(token.kind, Kind::Word | Kind::Number(_)).then(|| read.next(token.key))??;
                Some(entry.is_any().then_some((i + 1, entry)))
            })
            .flatten()
    }

    /// What is known about a single word.
    pub fn word(&self, text: &str) -> Option<Entry> {
        Read::new(self).next(key::of(text)).filter(|entry| entry.is_any())
    }
}

/// A phrase that is being read.
struct Read<'w> {
    words: &'w Words,
    states: [Option<State>; 2],
}

impl<'w> Read<'w> {
    fn new(words: &'w Words) -> Read<'w> {
        Read { words, states: [Some(Patterns::START); 2] }
    }

    /// What the phrase with one more word means; `None` where none begins like this.
    fn next(&mut self, word: Key) -> Option<Entry> {
        let mut entry: Option<Entry> = None;
        for (state, patterns) in self.states.iter_mut().zip(&self.words.phrases) {
            *state = state.and_then(|state| patterns.next(state, word));
            if let Some(state) = *state {
                entry = Some(entry.unwrap_or_default().and(patterns.entry(state)));
            }
        }
        entry
    }
}

/// Languages, English first.
const FILES: [&str; 4] = [
    include_str!("../words/en.toml"),
    include_str!("../words/es.toml"),
    include_str!("../words/fr.toml"),
    include_str!("../words/de.toml"),
];

/// The languages that GreenBite knows, English first.
pub fn languages() -> &'static [Arc<Words>] {
    static LANGUAGES: OnceLock<Vec<Arc<Words>>> = OnceLock::new();
    LANGUAGES.get_or_init(|| {
        // A test reads every file; one that can't be read would leave its language out, never stop the line.
        FILES.iter().filter_map(|file| Words::parse(file).ok()).map(Arc::new).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_can_be_read() {
        for (file, language) in FILES.into_iter().zip(["en", "es", "fr", "de"]) {
            let words = Words::parse(file).unwrap_or_else(|error| panic!("{language}: {error}"));
            assert_eq!(words.language, language);
        }
    }

    #[test]
    fn the_phrases_at_a_place_are_found_with_their_classes() {
        let english = &languages()[0];
        let text = tokens("I'd like half a dozen");
        let found: Vec<_> = english.starting_at(&text, 2).collect();
        assert!(
            found.iter().any(|(n, e)| *n == 3 && e.number == 6 && e.classes.has(Classes::NUMBER)),
            "{found:?}"
        );
        assert!(english.starting_at(&text, 0).any(|(n, e)| n == 2 && e.classes.has(Classes::REQUEST)));
    }

    /// `(a|b) c` to `a c`, `b c`.
    fn expand(pattern: &str) -> Vec<String> {
        let Some((head, (choices, tail))) =
            pattern.split_once('(').and_then(|(head, rest)| Some((head, rest.split_once(')')?)))
        else {
            return vec![pattern.to_owned()];
        };
        let tails = expand(tail);
        choices.split('|').flat_map(|c| tails.iter().map(move |tail| format!("{head}{c}{tail}"))).collect()
    }

    #[test]
    fn every_phrase_that_a_pattern_stands_for_is_found() {
        for text in FILES {
            let words = Words::parse(text).unwrap();
            let file: File = toml::from_str(text).unwrap();
            let mut phrases = 0;
            for (name, class) in NAMES {
                for phrase in file.classes.get(*name).into_iter().flatten().flat_map(|p| expand(p)) {
                    let mut written = tokens(&phrase);
                    written.retain(|t| matches!(t.kind, Kind::Word | Kind::Number(_)));
                    let found = words.starting_at(&written, 0).find(|(length, _)| *length == written.len());
                    assert!(
                        written.is_empty() || found.is_some_and(|(_, entry)| entry.classes.has(*class)),
                        "\"{phrase}\" is not known as {name}"
                    );
                    phrases += 1;
                }
            }
            assert!(phrases > 500, "{phrases}");
        }
    }

    #[test]
    fn what_is_added_stands_beside_what_the_file_says() {
        let words = languages()[0].with(&[("dozen zorbs", Classes::GENERIC), ("dozen", Classes::SIZE)]);
        let text = tokens("dozen zorbs");
        let found: Vec<_> = words.starting_at(&text, 0).collect();
        assert!(matches!(found[..], [(1, _), (2, _)]), "{found:?}");
        assert_eq!(found[0].1.number, 12, "the file's number is lost");
        assert!(found[0].1.classes.has(Classes::NUMBER) && found[0].1.classes.has(Classes::SIZE));
        assert!(found[1].1.classes.has(Classes::GENERIC));
        assert_eq!(languages()[0].starting_at(&text, 0).count(), 1, "it was added for all");
    }
}
