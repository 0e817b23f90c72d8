//! The menu as the parser needs it: every name, alias and part of a name, ready to be found in a text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use text::key::{self, Key, KeyMap};
use text::words::{Entry, languages};
use text::{Classes, Kind, Token, Words, singular, spelling, tokens};

use crate::model::Menu;

/// Options of this kind are sizes.
const SIZE_KIND: &str = "size";

/// Something that a word or phrase may stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// An item, by its place on the menu.
    Item(u16),
    /// An option, by its place.
    Option(u16),
}

/// A target, and how well it fits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// What.
    pub target: Target,
    /// From 0 to 1; 1 is the very name.
    pub score: f32,
    /// The whole name or an alias, not a part of it.
    pub whole: bool,
    /// The whole name itself.
    pub name: bool,
    /// The name ends with it: "cheese" of "American Cheese".
    pub last: bool,
}

/// What is known about a word of the menu.
#[derive(Debug, Clone, Default)]
pub struct Word {
    /// Names that contain it: target, share of the name's weight, whether it is the first or the last word.
    pub parts: Vec<Part>,
    /// Items whose description, category or alias has it.
    pub described: Vec<u16>,
}

/// A word's part in a name.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Whose name.
    pub target: Target,
    /// Share of the name's weight, from 0 to 1.
    pub share: f32,
    /// The name begins with it.
    pub first: bool,
    /// The name ends with it.
    pub last: bool,
}

/// A word of the menu as a customer may have written it.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its number in the lexicon.
    pub word: u32,
    /// How it was recognised.
    pub how: How,
}

/// How a word was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As it is, or in the plural.
    Same,
    /// Its beginning: "choc".
    Begun,
    /// A slip of the finger that leaves no doubt.
    Slip,
    /// More than a slip.
    Guess,
}

/// One way to write a name.
#[derive(Debug, Clone, Copy)]
struct Written {
    target: Target,
    /// The words exactly as they are on the menu.
    surface: Key,
    score: f32,
    /// The name itself, no alias.
    name: bool,
    /// Without its little words: "mac cheese".
    bare: bool,
    /// Some words of it that stand together: "spring rolls".
    part: bool,
    /// Its end is the name's end.
    last: bool,
}

impl From<&Written> for Hit {
    fn from(of: &Written) -> Hit {
        Hit { target: of.target, score: of.score, whole: !of.part, name: of.name, last: of.last }
    }
}

/// How well some of a name's words stand for it, by their share of its weight and whether they begin and end it.
pub(crate) fn part_score(share: f32, starts: bool, ends: bool) -> f32 {
    (0.75 * share + if starts { 0.12 } else { 0.0 } + if ends { 0.1 } else { 0.0 }).min(0.96)
}

/// A menu compiled for the parser.
#[derive(Debug)]
pub struct Lexicon {
    menu: Arc<Menu>,
    languages: Vec<Arc<Words>>,
    names: KeyMap<Vec<Written>>,
    name_beginnings: KeyMap<()>,
    by_stem: KeyMap<u32>,
    words: Vec<Word>,
    stems: Vec<String>,
    /// Words as they are on the menu, where that is not the stem: for spelling.
    surfaces: Vec<(String, u32)>,
    deletions: KeyMap<Vec<u32>>,
    language_deletions: Vec<KeyMap<Vec<u32>>>,
    beginnings: KeyMap<Vec<u32>>,
    /// Short forms of the language, and the words of the menu that they stand for.
    same: KeyMap<u32>,
    /// What each option is, by the stem of its kind's last word: "sauce".
    option_kinds: Vec<String>,
    has_options: bool,
    has_sizes: bool,
}

const LITTLE_WORDS: &[&str] = &[
    "and", "&", "with", "the", "of", "a", "an", "in", "on", "or", "n", "y", "con", "de", "la", "el", "et",
    "au", "aux", "avec", "le", "und", "mit", "the", "al", "alla", "e", "du", "des", "del", "style",
];

/// Only words that hold a sentence together are corrected; a noun with a slip may be a dish.
const STRUCTURE: Classes = Classes(
    Classes::REQUEST.0
        | Classes::PLEASE.0
        | Classes::WITH.0
        | Classes::REMOVE.0
        | Classes::NUMBER.0
        | Classes::JOIN.0
        | Classes::EXTRA.0
        | Classes::ARTICLE.0
        | Classes::ASK.0
        | Classes::QUESTION_START.0,
);

/// Most words of a name.
const LONGEST_NAME: usize = 14;
/// Shortest word that is corrected.
const SHORTEST_CORRECTED: usize = 4;
/// From here on two slips are forgiven.
const LONG_WORD: usize = 8;

impl Lexicon {
    /// Compiles a menu.
    pub fn new(menu: impl Into<Arc<Menu>>) -> Self {
        Self::compile(menu.into(), false)
    }

    /// Compiles a menu with what every counter person knows: a coke is a cola.
    pub fn with_common_names(menu: impl Into<Arc<Menu>>) -> Self {
        Self::compile(menu.into(), true)
    }

    fn compile(menu: Arc<Menu>, common_names: bool) -> Self {
        let mut lexicon = Lexicon {
            languages: languages().to_vec(),
            names: KeyMap::default(),
            name_beginnings: KeyMap::default(),
            by_stem: KeyMap::default(),
            words: Vec::new(),
            stems: Vec::new(),
            surfaces: Vec::new(),
            deletions: KeyMap::default(),
            language_deletions: Vec::new(),
            beginnings: KeyMap::default(),
            same: KeyMap::default(),
            option_kinds: menu.options.iter().map(|option| last_stem(&option.kind)).collect(),
            has_options: false,
            has_sizes: false,
            menu: Arc::clone(&menu),
        };
        lexicon.add_language_options();
        lexicon.add_names();
        if common_names {
            lexicon.add_common_names();
        }
        lexicon.index_spelling();
        lexicon
    }

    /// The menu that this was compiled from.
    pub fn menu(&self) -> &Arc<Menu> {
        &self.menu
    }

    /// The menu's version.
    pub fn version(&self) -> &str {
        &self.menu.version
    }

    /// The languages, English first.
    pub fn languages(&self) -> &[Arc<Words>] {
        &self.languages
    }

    /// Whether the restaurant listed options at all: where it did, what is not in them can't be had.
    pub fn has_options(&self) -> bool {
        self.has_options
    }

    /// Whether the restaurant listed sizes.
    pub fn has_sizes(&self) -> bool {
        self.has_sizes
    }

    /// Whether this option is a size.
    pub fn is_size(&self, option: u16) -> bool {
        self.menu.options.get(usize::from(option)).is_some_and(|o| o.kind == SIZE_KIND)
    }

    /// What this option is, as a stem: "sauce".
    pub fn option_kind(&self, option: u16) -> Option<&str> {
        self.option_kinds.get(usize::from(option)).map(String::as_str)
    }

    /// A word by its number.
    pub fn word(&self, word: u32) -> &Word {
        &self.words[word as usize]
    }

    /// `negation` and `qualifier` options extend the words of every language.
    fn add_language_options(&mut self) {
        let menu = Arc::clone(&self.menu);
        let mut phrases = Vec::new();
        for option in &menu.options {
            let class = match option.kind.as_str() {
                "negation" => Classes::REMOVE,
                "qualifier" => {
                    let english = languages().first();
                    let entry = english.and_then(|words| words.word(&option.name.to_lowercase()));
                    match entry.map(|e| e.classes) {
                        Some(classes) if classes.has(Classes::EXTRA) => Classes::EXTRA,
                        Some(classes) if classes.has(Classes::LIGHT) => Classes::LIGHT,
                        _ => continue,
                    }
                }
                kind => {
                    self.has_options = true;
                    self.has_sizes |= kind == SIZE_KIND;
                    continue;
                }
            };
            let written = std::iter::once(&option.name).chain(&option.aliases);
            phrases.extend(written.map(|phrase| (phrase.as_str(), class)));
        }
        if !phrases.is_empty() {
            for words in &mut self.languages {
                *words = Arc::new(words.with(&phrases));
            }
        }
    }

    fn add_names(&mut self) {
        let menu = Arc::clone(&self.menu);
        // How many names have a word, for its weight.
        let mut spread: HashMap<String, f32> = HashMap::new();
        let all = menu.items.iter().map(|i| &i.name).chain(menu.options.iter().map(|o| &o.name));
        let mut total = 0.0_f32;
        for name in all {
            total += 1.0;
            let mut stems: Vec<String> = content(name);
            stems.sort();
            stems.dedup();
            for stem in stems {
                *spread.entry(stem).or_default() += 1.0;
            }
        }
        let weight = |stem: &str| (1.0 + total / spread.get(stem).copied().unwrap_or(1.0)).ln();

        for (id, item) in (0_u16..).zip(&menu.items) {
            let target = Target::Item(id);
            self.add_name(&item.name, target, true);
            self.add_parts(&item.name, target, &weight, 1.0);
            self.add_runs(&item.name, target, &weight, 1.0);
            for alias in &item.aliases {
                self.add_name(alias, target, false);
                self.add_parts(alias, target, &weight, 0.9);
                self.add_runs(alias, target, &weight, 0.9);
            }
            for stem in content(&item.description).into_iter().chain(content(&item.category)) {
                self.describe(&stem, id);
            }
        }
        for (id, option) in (0_u16..).zip(&menu.options) {
            if matches!(option.kind.as_str(), "negation" | "qualifier") {
                continue;
            }
            let target = Target::Option(id);
            self.add_name(&option.name, target, true);
            self.add_parts(&option.name, target, &weight, 1.0);
            for alias in &option.aliases {
                self.add_name(alias, target, false);
                self.add_parts(alias, target, &weight, 0.9);
            }
        }
        // Other spellings of the language's own: where a name has one of them, it has the other too.
        for words in self.languages.clone() {
            for (one, other) in &words.same {
                if let [other] = other.as_slice()
                    && let Some(word) = self.by_stem.get(&key::of(other)).copied()
                    && !self.words[word as usize].parts.is_empty()
                {
                    self.same.insert(key::of(one), word);
                }
                self.add_same(one, other);
            }
        }
    }

    /// Other names of the same food.
    fn add_common_names(&mut self) {
        let food = text::food::food();
        // "queso" is what this menu calls queso, not any cheese.
        let own: HashSet<Key> = self.stems.iter().filter_map(|stem| self.own_word(stem)).collect();
        for group in &food.same {
            let here: Vec<bool> = group.iter().map(|name| self.has_words(name)).collect();
            for (name, _) in group.iter().zip(here).filter(|(_, here)| *here) {
                for other in group.iter().filter(|other| *other != name).map(|other| other.concat()) {
                    if !own.contains(&key::of(&other)) {
                        self.add_spelling(&name.concat(), &other);
                        self.add_part_name(&other, name);
                    }
                }
            }
        }
    }

    /// The key of a word that stands in a name of the menu.
    fn own_word(&self, stem: &str) -> Option<Key> {
        let key = key::of(stem);
        let number = self.by_stem.get(&key)?;
        (!self.words[*number as usize].parts.is_empty()).then_some(key)
    }

    /// Whether the menu has all of these words.
    fn has_words(&self, stems: &[String]) -> bool {
        self.names.contains_key(&key::of(&stems.concat()))
            || stems.iter().all(|stem| self.by_stem.contains_key(&key::of(stem)))
    }

    fn add_name(&mut self, name: &str, target: Target, own: bool) {
        let tokens: Vec<Token> =
            tokens(name).into_iter().filter(|t| matches!(t.kind, Kind::Word | Kind::Number(_))).collect();
        if tokens.is_empty() {
            return;
        }
        let without: Vec<Token> =
            tokens.iter().filter(|t| !LITTLE_WORDS.contains(&t.text.as_str())).cloned().collect();
        self.add_written(&tokens, target, own, false);
        // "red wine" is enough of "House Red Wine".
        let plain = |token: &Token| {
            let entry = languages().first().and_then(|words| words.word(&token.text));
            entry.is_some_and(|entry| entry.classes.has(Classes::DECORATION))
        };
        if let [first, rest @ ..] = tokens.as_slice()
            && rest.len() > 1
            && plain(first)
            && !LITTLE_WORDS.contains(&rest[0].text.as_str())
        {
            self.add_written(rest, target, false, true);
        }
        // "Hot Wings" of "Hot Wings (6)".
        if let Some((before, _)) = name.split_once('(') {
            let before: Vec<Token> =
                tokens.iter().filter(|token| token.start < before.len()).cloned().collect();
            if !before.is_empty() && before.len() < tokens.len() {
                self.add_written(&before, target, false, true);
            }
        }
        if !without.is_empty() && without.len() < tokens.len() {
            self.add_written(&without, target, own, true);
        }
        // "&" is read as "and".
        if tokens.iter().any(|t| t.text == "&") {
            let with_and: Vec<Token> = tokens
                .iter()
                .cloned()
                .map(|mut t| {
                    if t.text == "&" {
                        (t.text, t.stem) = ("and".to_owned(), "and".to_owned());
                    }
                    t
                })
                .collect();
            self.add_written(&with_and, target, own, false);
        }
    }

    /// Words of a name that stand together, also when they are written as one: "hot and sour", "springrolls".
    fn add_runs(&mut self, name: &str, target: Target, weight: &impl Fn(&str) -> f32, factor: f32) {
        let tokens: Vec<Token> = tokens(name).into_iter().filter(|t| t.kind == Kind::Word).collect();
        let little = |token: &Token| LITTLE_WORDS.contains(&token.text.as_str());
        let worth =
            |tokens: &[Token]| tokens.iter().filter(|t| !little(t)).map(|t| weight(&t.stem)).sum::<f32>();
        let total = worth(&tokens);
        for from in 0..tokens.len().min(LONGEST_NAME) {
            for to in from + 2..=tokens.len().min(LONGEST_NAME) {
                let run = &tokens[from..to];
                let (starts, ends) = (from == 0, to == tokens.len());
                if (starts && ends) || run.first().is_some_and(little) || run.last().is_some_and(little) {
                    continue;
                }
                let score = part_score(factor * worth(run) / total, starts, ends);
                let part = Written {
                    target,
                    surface: key::EMPTY,
                    score,
                    name: false,
                    bare: false,
                    part: true,
                    last: ends,
                };
                let stems: String = run.iter().map(|t| t.stem.as_str()).collect();
                self.write(&stems, part);
            }
        }
    }

    /// A word that without its accent is one of a language's own: "thé".
    fn is_masked(&self, tokens: &[Token]) -> bool {
        let [token] = tokens else { return false };
        token.accented && self.languages.iter().any(|words| words.word(&token.text).is_some())
    }

    fn add_written(&mut self, tokens: &[Token], target: Target, name: bool, bare: bool) {
        let score = if bare { 0.99 } else { 1.0 };
        // "thé" is no "the": such a name is only found with its accent.
        if let [token] = tokens
            && self.is_masked(tokens)
        {
            let entry = self.names.entry(accented_key(&token.stem)).or_default();
            entry.push(Written { target, surface: token.key, score, name, bare, part: false, last: true });
            return;
        }
        let surface = tokens.iter().fold(key::EMPTY, |k, t| key::extend(k, &t.text));
        let stems: String = tokens.iter().map(|t| t.stem.as_str()).collect();
        let mut ending: String = tokens[..tokens.len() - 1].iter().map(|t| t.text.as_str()).collect();
        ending.push_str(&tokens[tokens.len() - 1].stem);
        for written in [stems, ending] {
            self.write(&written, Written { target, surface, score, name, bare, part: false, last: true });
        }
    }

    /// Makes a name, its words written as one, findable.
    fn write(&mut self, name: &str, new: Written) {
        self.write_beginnings(name);
        let entry = self.names.entry(key::of(name)).or_default();
        match entry.iter_mut().find(|known| known.target == new.target) {
            Some(known) if new.score > known.score => *known = new,
            Some(known) => known.name |= new.name,
            None => entry.push(new),
        }
    }

    /// What tells a search that it may go on.
    fn write_beginnings(&mut self, name: &str) {
        let mut beginning = key::EMPTY;
        for at in 0..name.len() {
            if name.is_char_boundary(at) && at > 0 {
                self.name_beginnings.insert(beginning, ());
            }
            beginning = (beginning ^ u64::from(name.as_bytes()[at])).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn add_surfaces(&mut self, name: &str) {
        for token in tokens(name).iter().filter(|t| t.kind == Kind::Word && t.text != t.stem) {
            if let Some(number) = self.by_stem.get(&key::of(&token.stem)).copied()
                && !self.surfaces.iter().any(|(text, n)| *n == number && *text == token.text)
            {
                self.surfaces.push((token.text.clone(), number));
            }
        }
    }

    fn add_parts(&mut self, name: &str, target: Target, weight: &impl Fn(&str) -> f32, factor: f32) {
        if self.is_masked(&tokens(name)) {
            return;
        }
        let stems = content(name);
        let total: f32 = stems.iter().map(|s| weight(s)).sum();
        for (at, stem) in stems.iter().enumerate() {
            let word = self.word_number(stem);
            let parts = &mut self.words[word as usize].parts;
            let part = Part {
                target,
                share: factor * weight(stem) / total,
                first: at == 0,
                last: at + 1 == stems.len(),
            };
            match parts.iter_mut().find(|p| p.target == target) {
                Some(known) => {
                    known.share = known.share.max(part.share);
                    known.first |= part.first;
                    known.last |= part.last;
                }
                None => parts.push(part),
            }
        }
        self.add_surfaces(name);
    }

    fn describe(&mut self, stem: &str, item: u16) {
        let word = self.word_number(stem);
        let described = &mut self.words[word as usize].described;
        if !described.contains(&item) {
            described.push(item);
        }
    }

    fn word_number(&mut self, stem: &str) -> u32 {
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        let number = *self.by_stem.entry(key::of(stem)).or_insert(next);
        if number == next {
            self.words.push(Word::default());
            self.stems.push(stem.to_owned());
        }
        number
    }

    /// Where a name has the words `other`, the word `one` stands for them, and the other way round.
    fn add_same(&mut self, one: &str, other: &[String]) {
        let joined: String = other.concat();
        self.add_spelling(&joined, one);
        self.add_spelling(one, &joined);
        self.add_part_name(one, other);
    }

    /// What is called `from` is also called `to`.
    fn add_spelling(&mut self, from: &str, to: &str) {
        let Some(targets) = self.names.get(&key::of(from)).cloned() else { return };
        let entry = self.names.entry(key::of(to)).or_default();
        for written in targets {
            if !entry.iter().any(|w| w.target == written.target) {
                entry.push(Written { score: written.score * 0.97, ..written });
            }
        }
        self.write_beginnings(to);
    }

    /// The word `one` stands for the words `other` wherever a name has them.
    fn add_part_name(&mut self, one: &str, other: &[String]) {
        // As parts: "coke" for every name that has all of "coca" and "cola".
        let numbers: Vec<u32> = other.iter().filter_map(|s| self.by_stem.get(&key::of(s)).copied()).collect();
        if numbers.len() == other.len() && !self.by_stem.contains_key(&key::of(one)) {
            let all: Vec<&Vec<Part>> = numbers.iter().map(|n| &self.words[*n as usize].parts).collect();
            let mut parts = Vec::new();
            for part in all[0] {
                let mut whole = *part;
                let mut everywhere = true;
                for others in &all[1..] {
                    match others.iter().find(|p| p.target == part.target) {
                        Some(p) => {
                            whole.share += p.share;
                            whole.first |= p.first;
                            whole.last |= p.last;
                        }
                        None => everywhere = false,
                    }
                }
                if everywhere {
                    parts.push(whole);
                }
            }
            let described = if numbers.len() == 1 {
                self.words[numbers[0] as usize].described.clone()
            } else {
                Vec::new()
            };
            if !parts.is_empty() || !described.is_empty() {
                let number = self.word_number(one);
                self.words[number as usize] = Word { parts, described };
            }
        } else if other.len() == 1
            && numbers.is_empty()
            && let Some(number) = self.by_stem.get(&key::of(one)).copied()
        {
            let word = self.words[number as usize].clone();
            let number = self.word_number(&other[0]);
            self.words[number as usize] = word;
        }
    }

    fn index_spelling(&mut self) {
        let stems = self.stems.iter().zip(0_u32..).map(|(stem, number)| (stem.clone(), number));
        let all: Vec<(String, u32)> = stems.chain(self.surfaces.iter().cloned()).collect();
        for (stem, number) in all {
            if self.words[number as usize].parts.is_empty() {
                continue;
            }
            let letters = stem.chars().count();
            if letters >= SHORTEST_CORRECTED && stem.chars().all(char::is_alphabetic) {
                for k in deletions(&stem, if letters >= LONG_WORD { 2 } else { 1 }) {
                    let list = self.deletions.entry(k).or_default();
                    if !list.contains(&number) {
                        list.push(number);
                    }
                }
            }
            let mut beginning = key::EMPTY;
            for (at, c) in stem.char_indices() {
                if at >= 3 {
                    let list = self.beginnings.entry(beginning).or_default();
                    if !list.contains(&number) {
                        list.push(number);
                    }
                }
                beginning = key::extend(beginning, c.encode_utf8(&mut [0; 4]));
            }
        }
        for words in &self.languages {
            let mut index: KeyMap<Vec<u32>> = KeyMap::default();
            for (number, word) in (0_u32..).zip(&words.singles) {
                if word.len() >= 5 && words.word(word).is_some_and(|entry| entry.classes.has(STRUCTURE)) {
                    for k in deletions(word, 1) {
                        index.entry(k).or_default().push(number);
                    }
                }
            }
            self.language_deletions.push(index);
        }
    }

    /// The names that are written from `at` on: how many tokens, and what they stand for.
    pub fn names_at(&self, tokens: &[Token], at: usize, mut found: impl FnMut(usize, Hit)) {
        let (mut stems, mut ending, mut surface) = (key::EMPTY, key::EMPTY, key::EMPTY);
        // Without "and" and the like, for names that have one elsewhere.
        let mut bare = key::EMPTY;
        let mut skipped = false;
        for (n, token) in tokens[at..].iter().take(LONGEST_NAME).enumerate() {
            if !matches!(token.kind, Kind::Word | Kind::Number(_)) {
                return;
            }
            let with_ending = key::extend(ending, &token.stem);
            stems = key::extend(stems, &token.stem);
            ending = key::extend(ending, &token.text);
            surface = key::extend(surface, &token.text);
            let little = n > 0 && LITTLE_WORDS.contains(&token.text.as_str());
            if little {
                skipped = true;
            } else {
                bare = key::extend(bare, &token.stem);
            }
            let other = if with_ending == stems { None } else { Some(with_ending) };
            let accented = (n == 0 && token.accented).then(|| accented_key(&token.stem));
            for k in [Some(stems), other, accented].into_iter().flatten() {
                for written in self.names.get(&k).into_iter().flatten() {
                    let same = written.part || written.surface == surface;
                    let score = if same { written.score } else { written.score * 0.98 };
                    found(n + 1, Hit { score, ..Hit::from(written) });
                }
            }
            if skipped && !little {
                for written in self.names.get(&bare).into_iter().flatten().filter(|w| w.bare) {
                    found(n + 1, Hit { score: written.score * 0.98, ..Hit::from(written) });
                }
            }
            if ![stems, ending, bare].iter().any(|k| self.name_beginnings.contains_key(k)) {
                return;
            }
        }
    }

    /// What menu word this is, if it is one.
    pub fn known(&self, token: &Token) -> Option<Known> {
        let number = self.by_stem.get(&key::of(&token.stem))?;
        Some(Known { word: *number, how: How::Same })
    }

    /// What menu word was meant by an unknown one.
    pub fn corrected(&self, token: &Token) -> Option<Known> {
        if token.kind != Kind::Word {
            return None;
        }
        if token.stem.len() >= 4
            && let Some(numbers) = self.beginnings.get(&key::of(&token.stem))
            && let [number] = numbers.as_slice()
        {
            return Some(Known { word: *number, how: How::Begun });
        }
        let stem = self.closest(&token.stem);
        let text = if token.text == token.stem { None } else { self.closest(&token.text) };
        let (_, word, how) = [stem, text].into_iter().flatten().min_by_key(|(apart, _, _)| *apart)?;
        Some(Known { word, how })
    }

    /// The word of the menu that is closest in spelling, and how far away.
    fn closest(&self, written: &str) -> Option<(usize, u32, How)> {
        let letters = written.chars().count();
        if letters < SHORTEST_CORRECTED {
            return None;
        }
        let bound = if letters >= LONG_WORD { 2 } else { 1 };
        let mut best: Option<(usize, u32, &str)> = None;
        for k in deletions(written, bound) {
            for number in self.deletions.get(&k).into_iter().flatten() {
                if best.is_some_and(|(_, b, _)| b == *number) {
                    continue;
                }
                let stem = self.stems[*number as usize].as_str();
                let surfaces =
                    self.surfaces.iter().filter(|(_, n)| n == number).map(|(text, _)| text.as_str());
                for meant in std::iter::once(stem).chain(surfaces) {
                    if let Some(apart) = spelling::distance(written, meant, bound)
                        && best.is_none_or(|(b, _, _)| apart < b)
                    {
                        best = Some((apart, *number, meant));
                    }
                }
            }
        }
        let (apart, word, meant) = best?;
        let same_length = meant.chars().count() == letters;
        let swapped = same_length && is_swap(written, meant);
        let same_start = written.chars().next() == meant.chars().next();
        let sure = match apart {
            0 => true,
            // A swap or a letter too many or too few is a slip; another letter may be another word.
            1 if swapped => true,
            1 if same_length => letters >= 6 && same_start,
            1 => letters >= 5,
            _ => letters >= LONG_WORD && same_start,
        };
        if !sure && letters < 5 && !swapped && same_length {
            return None;
        }
        Some((apart, word, if sure { How::Slip } else { How::Guess }))
    }

    /// Another word of the menu that the language writes for this one: "chocolate" for "choc".
    pub fn same_word(&self, stem: &str) -> Option<&str> {
        self.same.get(&key::of(stem)).map(|word| self.stem(*word))
    }

    /// Whether an item's name has the word.
    pub(crate) fn names_an_item(&self, word: u32) -> bool {
        self.word(word).parts.iter().any(|part| matches!(part.target, Target::Item(_)))
    }

    /// A word's stem.
    pub fn stem(&self, word: u32) -> &str {
        &self.stems[word as usize]
    }

    /// The classes of the word of a language that was meant by an unknown one.
    pub fn corrected_language(&self, language: usize, token: &Token) -> Option<Entry> {
        let index = self.language_deletions.get(language)?;
        let words = self.languages.get(language)?;
        if token.kind != Kind::Word || token.text.len() < SHORTEST_CORRECTED {
            return None;
        }
        for k in deletions(&token.text, 1) {
            for number in index.get(&k).into_iter().flatten() {
                let word = &words.singles[*number as usize];
                // Another letter in its place is another word; a letter more, less or swapped is a slip.
                let same_length = word.len() == token.text.len();
                if spelling::distance(&token.text, word, 1).is_some()
                    && (!same_length || is_swap(word, &token.text))
                    && word.as_bytes().first() == token.text.as_bytes().first()
                    && let Some(entry) = words.word(word)
                {
                    return Some(entry);
                }
            }
        }
        None
    }
}

fn accented_key(stem: &str) -> Key {
    key::extend(key::of("\u{b4}"), stem)
}

fn is_swap(a: &str, b: &str) -> bool {
    let mut x: Vec<char> = a.chars().collect();
    let mut y: Vec<char> = b.chars().collect();
    x.sort_unstable();
    y.sort_unstable();
    x == y
}

/// The stems of the words that carry meaning.
fn content(name: &str) -> Vec<String> {
    let tokens = tokens(name);
    let words = tokens.iter().filter(|t| matches!(t.kind, Kind::Word | Kind::Number(_)));
    let content: Vec<String> =
        words.clone().filter(|t| !LITTLE_WORDS.contains(&t.text.as_str())).map(|t| t.stem.clone()).collect();
    if content.is_empty() { words.map(|t| singular(&t.text)).collect() } else { content }
}

fn last_stem(text: &str) -> String {
    tokens(text).pop().map(|token| token.stem).unwrap_or_default()
}

/// Keys of a word and of all that is left of it without up to `count` letters.
fn deletions(word: &str, count: usize) -> Vec<Key> {
    let mut out = vec![key::of(word)];
    let letters: Vec<char> = word.chars().take(24).collect();
    let hash = |skip: &[usize]| {
        letters
            .iter()
            .enumerate()
            .filter(|(i, _)| !skip.contains(i))
            .fold(key::EMPTY, |k, (_, c)| key::extend(k, c.encode_utf8(&mut [0; 4])))
    };
    for i in 0..letters.len() {
        out.push(hash(&[i]));
        if count > 1 {
            for j in i + 1..letters.len() {
                out.push(hash(&[i, j]));
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MenuItem, MenuOption};

    fn lexicon(items: &[&str], options: &[&str]) -> Lexicon {
        let option = |name: &&str| MenuOption {
            kind: "topping".to_owned(),
            name: (*name).to_owned(),
            aliases: Vec::new(),
            price_cents: 0,
        };
        let items = items.iter().map(|name| MenuItem::new(*name, "", 100)).collect();
        Lexicon::with_common_names(Menu::new(items, options.iter().map(option).collect()))
    }

    /// What the words are the whole name of.
    fn whole(lexicon: &Lexicon, words: &str) -> Vec<Target> {
        let tokens = tokens(words);
        let mut found = Vec::new();
        lexicon.names_at(&tokens, 0, |length, hit| {
            if hit.whole && length == tokens.len() && !found.contains(&hit.target) {
                found.push(hit.target);
            }
        });
        found
    }

    #[test]
    fn a_word_of_the_menus_own_is_no_other_name_of_something_else() {
        let menu = lexicon(&["Queso Blanco"], &["Cheese"]);
        assert_eq!(whole(&menu, "queso"), []);
        assert_eq!(whole(&lexicon(&["Burrito"], &["Cheese"]), "queso"), [Target::Option(0)]);
    }

    #[test]
    fn kinds_of_dishes_have_names_in_other_languages_and_any_burger_is_no_hamburger() {
        assert_eq!(whole(&lexicon(&["French Fries"], &[]), "papas fritas"), [Target::Item(0)]);
        assert_eq!(whole(&lexicon(&["Hamburger", "Fish Burger"], &[]), "burger"), []);
    }

    #[test]
    fn a_number_of_pieces_in_brackets_is_no_needed_part_of_a_name() {
        assert_eq!(whole(&lexicon(&["Hot Wings (6)"], &[]), "hot wings"), [Target::Item(0)]);
    }
}
