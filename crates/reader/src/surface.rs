//! What every word of a message may be, before anybody asks what it does: on the menu, of the language, a number.

use std::ops::Range;

use menu::Lexicon;
use menu::lexicon::{How, Known, Target};
use text::key::Key;
use text::{Classes, Kind, Token, tokens};

/// What a word looks like to the reader; never which dish it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shape {
    /// A comma and what is used like one.
    Comma,
    /// A colon.
    Colon,
    /// The end of a sentence or a line.
    Stop,
    /// A question mark.
    Question,
    /// A sign of money.
    Sign,
    /// Digits that count.
    Digits,
    /// Digits that are a price, a time, a telephone number.
    OddNumber,
    /// A number word.
    NumberWord,
    /// A word of the language.
    Language,
    /// Neither of the language nor on the menu.
    Unknown,
    /// Food, but none of this menu.
    OtherFood,
    /// The first word of an item's name or alias.
    Item,
    /// A further word of it.
    ItemIn,
    /// The first word of an option's name or alias.
    Option,
    /// A further word of it.
    OptionIn,
    /// The first word of what is both an item and an option.
    Either,
    /// A further word of it.
    EitherIn,
    /// A size.
    Size,
    /// A further word of it.
    SizeIn,
    /// A word of some item's name.
    ItemPart,
    /// A word of some option's name.
    OptionPart,
    /// A word of both.
    EitherPart,
    /// A word of descriptions or categories only.
    Described,
}

impl Shape {
    /// Punctuation.
    pub const fn is_mark(self) -> bool {
        matches!(self, Shape::Comma | Shape::Colon | Shape::Stop | Shape::Question | Shape::Sign)
    }

    /// The end of a sentence.
    pub const fn is_end(self) -> bool {
        matches!(self, Shape::Stop | Shape::Question)
    }

    /// Something of the menu.
    pub const fn is_food(self) -> bool {
        self as u8 >= Shape::Item as u8
    }

    /// A word of a whole name.
    pub const fn is_name(self) -> bool {
        matches!(
            self,
            Shape::Item | Shape::ItemIn | Shape::Option | Shape::OptionIn | Shape::Either | Shape::EitherIn
        )
    }

    /// Something that can be an item by itself.
    pub const fn is_item(self) -> bool {
        matches!(
            self,
            Shape::Item
                | Shape::ItemIn
                | Shape::Either
                | Shape::EitherIn
                | Shape::ItemPart
                | Shape::EitherPart
        )
    }

    /// A further word of a name.
    pub const fn goes_on(self) -> bool {
        matches!(self, Shape::ItemIn | Shape::OptionIn | Shape::EitherIn | Shape::SizeIn)
    }
}

/// A word of a message with all that is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// What it looks like.
    pub shape: Shape,
    /// Its key, if it is a word of the language or unknown; 0 for what only the menu has.
    pub word: Key,
    /// Classes of the word and of the phrase of the language that it stands in.
    pub classes: Classes,
    /// The phrase of the language begins here.
    pub begins: bool,
    /// How many, on the first word of a number.
    pub number: Option<u32>,
    /// The word of the menu that it is or was meant to be.
    pub known: Option<Known>,
    /// Written as two words, and one on the menu: this is the second.
    pub joined: bool,
    /// Some item's name ends with it.
    pub last_of_item: bool,
    /// It can be a size.
    pub sized: bool,
    /// How well it goes with the food before: see [`Tie`].
    pub tie: Tie,
    /// How well the food after goes with it.
    pub tie_after: Tie,
    /// Name or description of the last item that was named has it.
    pub of_last: bool,
}

impl Mark {
    /// Whether it is one of these words of the language here, and names no food.
    pub const fn says(&self, classes: Classes) -> bool {
        self.classes.has(classes) && !self.shape.is_food()
    }
}

/// What two words of food have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Tie {
    /// No food stands near.
    #[default]
    Alone,
    /// Nothing.
    None,
    /// An item that one of them names and the other one describes.
    Described,
    /// The name of an option.
    Option,
    /// The name of an item.
    Item,
}

/// A message, word by word.
#[derive(Debug, Clone)]
pub struct Surface<'t> {
    /// The message.
    pub text: &'t str,
    /// Its words and marks.
    pub tokens: Vec<Token>,
    /// The words as they were meant, where a slip was corrected.
    pub meant: Vec<Token>,
    /// What is known of each token.
    pub marks: Vec<Mark>,
    /// Which of the lexicon's languages it is in.
    pub language: usize,
}

/// What holds a sentence together is never a dish by itself.
const FUNCTION: Classes = Classes(
    Classes::REQUEST.0
        | Classes::ARTICLE.0
        | Classes::JOIN.0
        | Classes::WITH.0
        | Classes::PLEASE.0
        | Classes::SUBJECT.0
        | Classes::PRONOUN.0
        | Classes::OR.0,
);

impl<'t> Surface<'t> {
    /// Looks every word up. The cost grows with the length, whatever is in it.
    pub fn of(text: &'t str, lexicon: &Lexicon) -> Surface<'t> {
        let tokens = tokens(text);
        let language = lexicon.language_of(&tokens);
        let mut marks: Vec<Mark> = tokens.iter().map(plain_mark).collect();
        mark_language(&tokens, &mut marks, language, lexicon);
        let mut meant = mark_known(&tokens, &mut marks, language, lexicon);
        mark_names(&mut meant, &mut marks, lexicon);
        for (token, mark) in tokens.iter().zip(&mut marks) {
            let plain = mark.classes == Classes::NONE && token.kind == Kind::Word;
            if plain && text::common::is_common(language, token.key) {
                mark.classes = Classes::PLAIN;
            }
            finish(token, mark, lexicon);
        }
        mark_ties(&mut marks, lexicon);
        Surface { text, tokens, meant, marks, language }
    }

    /// From where to where each sentence goes, without the mark at its end.
    pub fn sentences(&self) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        let ends = (0..=self.marks.len()).filter(|at| self.marks.get(*at).is_none_or(|m| m.shape.is_end()));
        ends.map(move |end| std::mem::replace(&mut from, end + 1)..end)
    }

    /// The customer's words from `first` up to `end`.
    pub fn words(&self, first: usize, end: usize) -> &'t str {
        match (self.tokens.get(first), end.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(a), Some(b)) => self.text.get(a.start..b.end).unwrap_or_default(),
            _ => "",
        }
    }
}

fn plain_mark(token: &Token) -> Mark {
    let (shape, number) = match token.kind {
        Kind::Comma if token.text == ":" => (Shape::Colon, None),
        Kind::Comma => (Shape::Comma, None),
        Kind::Stop => (Shape::Stop, None),
        Kind::Question => (Shape::Question, None),
        Kind::Sign => (Shape::Sign, None),
        Kind::Number(Some(count)) => (Shape::Digits, Some(count)),
        Kind::Number(None) => (Shape::OddNumber, None),
        Kind::Word => (Shape::Unknown, None),
    };
    Mark {
        shape,
        word: 0,
        classes: Classes::NONE,
        begins: false,
        number,
        known: None,
        joined: false,
        last_of_item: false,
        sized: false,
        tie: Tie::Alone,
        tie_after: Tie::Alone,
        of_last: false,
    }
}

/// Classes of single words, and of the longest phrases from left to right.
fn mark_language(tokens: &[Token], marks: &mut [Mark], language: usize, lexicon: &Lexicon) {
    let words = &lexicon.languages()[language];
    let mut at = 0;
    while at < tokens.len() {
        let mut longest = 1;
        let mut phrase = None;
        for (length, entry) in words.starting_at(tokens, at) {
            if length == 1 {
                marks[at].classes = marks[at].classes.or(entry.classes);
            }
            if !entry.classes.only(Classes::TOPICS) || length > 1 {
                (longest, phrase) = (length, Some(entry));
            }
        }
        if let Some(entry) = phrase {
            for (offset, mark) in marks[at..at + longest].iter_mut().enumerate() {
                mark.classes = mark.classes.or(entry.classes);
                mark.begins = offset == 0;
            }
            if entry.classes.has(Classes::NUMBER) && tokens[at].kind == Kind::Word {
                marks[at].number = Some(entry.number);
            }
            // Each word of a phrase keeps its own classes too.
            for (offset, mark) in marks[at + 1..at + longest].iter_mut().enumerate() {
                let single = words.starting_at(tokens, at + 1 + offset).find(|(length, _)| *length == 1);
                if let Some((_, entry)) = single {
                    mark.classes = mark.classes.or(entry.classes);
                }
            }
        }
        at += longest;
    }
}

/// Which words of the menu they are; gives the words back as they were meant.
fn mark_known(tokens: &[Token], marks: &mut [Mark], language: usize, lexicon: &Lexicon) -> Vec<Token> {
    let mut meant = tokens.to_vec();
    for at in 0..tokens.len() {
        let token = &tokens[at];
        if !matches!(token.kind, Kind::Word | Kind::Number(_)) || marks[at].joined {
            continue;
        }
        let in_language = marks[at].classes != Classes::NONE;
        let mut known = lexicon.known(token);
        if token.kind == Kind::Word
            && let Some(next) = tokens.get(at + 1).filter(|next| next.kind == Kind::Word)
            && token.text.len() > 2
            && next.text.len() > 2
            && let Some(whole) = as_one(token, next, lexicon)
        {
            known = Some(whole);
            marks[at + 1].joined = true;
        }
        if known.is_none() && !in_language && !text::common::is_common(language, token.key) {
            known = lexicon.corrected(token).filter(|known| !is_another(token, *known, lexicon));
            if known.is_none()
                && let Some(entry) = lexicon.corrected_language(language, token)
            {
                marks[at].classes = entry.classes;
                marks[at].begins = true;
                marks[at].number = entry.classes.has(Classes::NUMBER).then_some(entry.number);
            }
        }
        marks[at].known = known;
        if let Some(known) = known {
            let stem = match known.how {
                How::Same => lexicon.same_word(&token.stem),
                _ => Some(lexicon.stem(known.word)),
            };
            if let Some(stem) = stem {
                meant[at].stem = stem.to_owned();
                meant[at].text = stem.to_owned();
            }
        }
    }
    meant
}

/// Whether a short word with another first letter was only guessed: "Marge" is no "large".
fn is_another(token: &Token, known: Known, lexicon: &Lexicon) -> bool {
    const SHORT: usize = 7;
    let short = token.text.chars().count() < SHORT;
    short && known.how == How::Guess && token.text.chars().next() != lexicon.stem(known.word).chars().next()
}

/// "cheese cake" where the menu writes "cheesecake".
fn as_one(first: &Token, second: &Token, lexicon: &Lexicon) -> Option<Known> {
    let mut one = first.clone();
    one.text.push_str(&second.text);
    one.stem = format!("{}{}", first.text, second.stem);
    let known = lexicon.known(&one).or_else(|| {
        // "chese cake": a slip on top, where the first word alone is nothing.
        lexicon.known(first).is_none().then(|| lexicon.corrected(&one)).flatten()
    })?;
    (!lexicon.word(known.word).parts.is_empty()).then_some(known)
}

/// Whole names and aliases, the longest first from left to right.
fn mark_names(meant: &mut [Token], marks: &mut [Mark], lexicon: &Lexicon) {
    let mut at = 0;
    while at < meant.len() {
        spell_number(meant, &marks[at], at, lexicon);
        let (mut longest, mut item, mut option, mut size) = (0, None, None, false);
        lexicon.names_at(meant, at, |length, hit| {
            if !hit.whole || length < longest {
                return;
            }
            if length > longest {
                (longest, item, option, size) = (length, None, None, false);
            }
            match hit.target {
                Target::Item(id) => item = Some(id),
                Target::Option(id) if lexicon.is_size(id) => size = true,
                Target::Option(id) => option = Some(id),
            }
        });
        let function = longest == 1 && marks[at].classes.has(FUNCTION) && item.is_none();
        // "1" is the first combo's name only behind "number".
        let said = at.checked_sub(1).is_some_and(|before| {
            marks[before].shape == Shape::Sign || marks[before].classes.has(Classes::NUMBER_BEFORE)
        });
        let digits = longest == 1 && matches!(meant[at].kind, Kind::Number(_)) && !said;
        if longest == 0 || function || digits {
            at += 1;
            continue;
        }
        let next = meant.get(at + longest);
        let alone = |heads: bool| heads && !begins_name(meant, at + longest, lexicon);
        let headed = alone(item.is_some_and(|item| is_head(next, item, lexicon)));
        let named = alone(option.is_some_and(|option| is_option_head(next, option, lexicon)));
        let (first, inside) = match (item.is_some() && !named, option.is_some() && !headed, size) {
            (true, true, _) => (Shape::Either, Shape::EitherIn),
            (true, false, _) => (Shape::Item, Shape::ItemIn),
            (false, true, _) => (Shape::Option, Shape::OptionIn),
            (false, false, _) => (Shape::Size, Shape::SizeIn),
        };
        longest += usize::from(headed || named);
        for (offset, mark) in marks[at..at + longest].iter_mut().enumerate() {
            mark.shape = if offset == 0 { first } else { inside };
        }
        at += longest;
    }
}

/// Whether a word behind an item's name says only what the item is: "tuna sandwich" where the menu lists Tuna among
/// the sandwiches.
pub(crate) fn is_head(token: Option<&Token>, item: u16, lexicon: &Lexicon) -> bool {
    const HEADS: &[&str] = &[
        "sandwich",
        "sub",
        "hoagie",
        "burger",
        "pizza",
        "wrap",
        "burrito",
        "taco",
        "quesadilla",
        "bowl",
        "bagel",
        "panini",
        "sundae",
        "shake",
        // As stems: "smoothie", "cookie", "toastie".
        "smoothy",
        "cooky",
        "toasty",
        "sushi",
        "pasta",
        "curry",
        "drink",
        "soda",
        "chip",
        "crisp",
    ];
    let known = token.filter(|token| HEADS.contains(&token.stem.as_str())).and_then(|t| lexicon.known(t));
    known.is_some_and(|known| lexicon.word(known.word).described.contains(&item))
}

/// Whether a word behind an option's name says only what the option is: "cheddar cheese", "chipotle sauce".
pub(crate) fn is_option_head(token: Option<&Token>, option: u16, lexicon: &Lexicon) -> bool {
    const SAUCES: &[&str] = &["sauce", "dressing", "syrup"];
    let Some(token) = token else { return false };
    SAUCES.contains(&token.stem.as_str()) || lexicon.option_kind(option) == Some(token.stem.as_str())
}

/// Whether a name of the menu begins here.
fn begins_name(meant: &[Token], at: usize, lexicon: &Lexicon) -> bool {
    let mut begins = false;
    lexicon.names_at(meant, at, |_, hit| begins |= hit.whole);
    begins
}

/// "fourteen inch" where the menu writes "14 inch", and the other way round.
fn spell_number(meant: &mut [Token], mark: &Mark, at: usize, lexicon: &Lexicon) {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let Some(number) = mark.number.filter(|_| mark.known.is_none()) else { return };
    let other = match meant[at].kind {
        Kind::Word => number.to_string(),
        _ => WORDS.get(number as usize).map(|word| (*word).to_owned()).unwrap_or_default(),
    };
    let said = std::mem::replace(&mut meant[at].stem, other.clone());
    let mut found = false;
    lexicon.names_at(meant, at, |length, hit| found |= length > 1 && hit.whole);
    match found {
        true => meant[at].text = other,
        false => meant[at].stem = said,
    }
}

/// Words between two foods of one name: "mac and cheese".
const WORDS_BETWEEN: usize = 2;

/// What neighbouring foods have in common, and what belongs to the item named last.
fn mark_ties(marks: &mut [Mark], lexicon: &Lexicon) {
    let mut before: Option<(usize, u32)> = None;
    let mut last_item: Option<u32> = None;
    for at in 0..marks.len() {
        if marks[at].shape.is_mark() {
            before = None;
            if marks[at].shape.is_end() {
                last_item = None;
            }
        }
        let Some(known) = marks[at].known.filter(|_| marks[at].shape.is_food()) else { continue };
        marks[at].of_last = last_item.is_some_and(|item| tie(item, known.word, lexicon) >= Tie::Described);
        if let Some((place, word)) = before.filter(|(place, _)| at - place <= 1 + WORDS_BETWEEN) {
            let tie = tie(word, known.word, lexicon);
            marks[at].tie = tie;
            marks[place].tie_after = tie;
        }
        if marks[at].shape.is_item() && marks[at].last_of_item {
            last_item = Some(known.word);
        }
        before = Some((at, known.word));
    }
}

fn tie(one: u32, other: u32, lexicon: &Lexicon) -> Tie {
    let (one, other) = (lexicon.word(one), lexicon.word(other));
    let shared = one.parts.iter().filter(|a| other.parts.iter().any(|b| a.target == b.target));
    let by_name = shared.map(|part| match part.target {
        Target::Item(_) => Tie::Item,
        Target::Option(_) => Tie::Option,
    });
    let names =
        |word: &menu::lexicon::Word, item: u16| word.parts.iter().any(|p| p.target == Target::Item(item));
    by_name.max().unwrap_or_else(|| {
        let described = one.described.iter().any(|item| names(other, *item))
            || other.described.iter().any(|item| names(one, *item));
        if described { Tie::Described } else { Tie::None }
    })
}

/// Shapes of what is no whole name, and which words may be told apart.
fn finish(token: &Token, mark: &mut Mark, lexicon: &Lexicon) {
    let word = mark.known.map(|known| lexicon.word(known.word));
    mark.sized = mark.classes.has(Classes::SIZE) || matches!(mark.shape, Shape::Size | Shape::SizeIn);
    if let Some(word) = word {
        let size = |target| matches!(target, Target::Option(id) if lexicon.is_size(id));
        mark.sized |= word.parts.iter().any(|part| size(part.target));
        mark.last_of_item = word.parts.iter().any(|part| part.last && matches!(part.target, Target::Item(_)));
    }
    if mark.joined && !mark.shape.is_food() {
        mark.shape = Shape::ItemIn;
    }
    if !mark.shape.is_food() && token.kind == Kind::Word {
        let item = word.is_some_and(|w| w.parts.iter().any(|p| matches!(p.target, Target::Item(_))));
        let option = word.is_some_and(|w| w.parts.iter().any(|p| matches!(p.target, Target::Option(_))));
        let function = mark.classes.has(FUNCTION) && !mark.classes.has(Classes::GENERIC);
        mark.shape = match (item, option) {
            _ if mark.number.is_some() => Shape::NumberWord,
            _ if function => Shape::Language,
            (true, true) => Shape::EitherPart,
            (true, false) => Shape::ItemPart,
            (false, true) => Shape::OptionPart,
            _ if word.is_some_and(|w| !w.described.is_empty()) && mark.classes.only(Classes::TOPICS) => {
                Shape::Described
            }
            _ if mark.classes.only(Classes::TOPICS) && text::food::food().is_food(&token.stem) => {
                Shape::OtherFood
            }
            _ if mark.classes != Classes::NONE => Shape::Language,
            _ => Shape::Unknown,
        };
    }
    let told_apart = mark.classes != Classes::NONE || matches!(mark.shape, Shape::Unknown | Shape::Language);
    if told_apart && token.kind == Kind::Word {
        mark.word = token.key;
    }
}

#[cfg(test)]
mod tests {
    use menu::{Menu, MenuItem, MenuOption};

    use super::*;

    fn shapes(text: &str) -> Vec<Shape> {
        let option = |kind: &str, name: &str| MenuOption {
            kind: kind.to_owned(),
            name: name.to_owned(),
            aliases: Vec::new(),
            price_cents: 0,
        };
        let item = |name: &str, description: &str, alias: &str| MenuItem {
            aliases: vec![alias.to_owned()],
            ..MenuItem::new(name, description, 100)
        };
        let items = vec![
            item("Tuna", "A sandwich with tuna", "tunny"),
            item("Cola", "", "coke"),
            item("Double Meal", "", "1"),
        ];
        let options = vec![
            option("cheese", "Cheddar"),
            option("sauce", "Chipotle"),
            option("size", "14 inch"),
            option("size", "Large"),
        ];
        Surface::of(text, &Lexicon::with_common_names(Menu::new(items, options)))
            .marks
            .iter()
            .map(|mark| mark.shape)
            .collect()
    }

    #[test]
    fn what_a_thing_is_belongs_to_its_name() {
        assert_eq!(shapes("tuna sandwich"), [Shape::Item, Shape::ItemIn]);
        assert_eq!(shapes("cheddar cheese"), [Shape::Option, Shape::OptionIn]);
        assert_eq!(shapes("chipotle sauce"), [Shape::Option, Shape::OptionIn]);
        // No sandwich is a cola.
        assert_ne!(shapes("cola sandwich")[1], Shape::ItemIn);
    }

    #[test]
    fn digits_name_a_meal_only_behind_a_number_sign_or_word() {
        assert_eq!(shapes("1 cola")[0], Shape::Digits);
        assert_eq!(shapes("number 1")[1], Shape::Item);
    }

    #[test]
    fn another_first_letter_makes_another_word() {
        assert!(shapes("lareg")[0].is_food() && !shapes("marge")[0].is_food());
    }

    #[test]
    fn numbers_of_names_may_be_spelled() {
        assert_eq!(shapes("fourteen inch"), [Shape::Size, Shape::SizeIn]);
        assert_eq!(shapes("fourteen colas")[0], Shape::NumberWord);
    }
}
