//! What concerns somebody's health: the 14 allergens that the EU has food marked with, and how customers say that they
//! must not have one.
//!
//! One list (`words/health.csv`) for the kitchen's screen and for answers, in English, Spanish, French and German. A
//! word may come in any of them, whatever the language around it. It colours and warns; it decides about no order.

use std::ops::Range;
use std::sync::OnceLock;

use crate::token::{Kind, Token, tokens};
use serde::Serialize;

/// A stretch of a text: a word that names an allergen or says that somebody must not have it, or what is between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// As the customer wrote it.
    pub text: String,
    /// The allergen that it names.
    pub allergen: Option<&'static str>,
    /// Whether it says that somebody must not have something, rather than does not like it.
    pub warns: bool,
}

/// A text in pieces, which together are the text.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut last = 0;
    let between = |range: Range<usize>| Piece { text: text[range].to_owned(), allergen: None, warns: false };
    for mark in sentences(text).iter().flat_map(|sentence| &sentence.marks) {
        if mark.place.start > last {
            pieces.push(between(last..mark.place.start));
        }
        last = mark.place.end;
        pieces.push(Piece {
            text: text[mark.place.clone()].to_owned(),
            allergen: mark.allergen,
            warns: mark.warns.is_some(),
        });
    }
    if last < text.len() {
        pieces.push(between(last..text.len()));
    }
    pieces
}

/// The allergens that a customer must not have, as far as they are named with it; none where nobody speaks of that.
pub fn warning(text: &str) -> Option<Vec<&'static str>> {
    let sentences = sentences(text);
    let warning: Vec<&Sentence> = sentences.iter().filter(|sentence| sentence.warns()).collect();
    let mut named = Vec::new();
    for mark in warning.iter().flat_map(|sentence| sentence.avoided()) {
        if let Some(allergen) = mark.allergen.filter(|allergen| !named.contains(allergen)) {
            named.push(allergen);
        }
    }
    (!warning.is_empty()).then_some(named)
}

/// Whether a text says that it is about somebody's health.
pub fn speaks_of_health(text: &str) -> bool {
    let concerns = |sentence: &Sentence| {
        sentence.warns() || (0..sentence.words.len()).any(|at| sentence.at(at, &words().concern).is_some())
    };
    sentences(text).iter().any(concerns)
}

/// Whether a text names an allergen outside these stretches, which are names of dishes: "fish burger".
pub fn names_allergen(text: &str, dishes: &[Range<usize>]) -> bool {
    let is_part =
        |mark: &Mark| dishes.iter().any(|dish| dish.start <= mark.place.start && mark.place.end <= dish.end);
    let sentences = sentences(text);
    let mut marks = sentences.iter().flat_map(|sentence| &sentence.marks);
    marks.any(|mark| mark.allergen.is_some() && !is_part(mark))
}

/// How somebody says that he must not have something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Warns {
    /// "I'm allergic": to all that the sentence names.
    OfAll,
    /// "gluten-free": of what stands beside it.
    OfThis,
}

#[derive(Debug, Clone)]
struct Mark {
    place: Range<usize>,
    allergen: Option<&'static str>,
    warns: Option<Warns>,
}

#[derive(Debug)]
struct Word {
    place: Range<usize>,
    folded: String,
    /// Nothing but space or a hyphen is between the word before and this one.
    joined: bool,
}

#[derive(Debug)]
struct Sentence {
    words: Vec<Word>,
    marks: Vec<Mark>,
}

impl Sentence {
    fn new(words: Vec<Word>) -> Sentence {
        let mut sentence = Sentence { words, marks: Vec::new() };
        let mut at = 0;
        while at < sentence.words.len() {
            let Some((mark, length)) = sentence.mark(at) else {
                at += 1;
                continue;
            };
            sentence.marks.push(mark);
            at += length;
        }
        // "I can't eat" says nothing of allergens until one is named.
        if sentence.marks.iter().any(|mark| mark.allergen.is_some())
            && let Some(place) = sentence.avoids()
        {
            let next = sentence.marks.iter().position(|mark| mark.place.start >= place.start);
            sentence.marks[next.unwrap_or_default()].warns.get_or_insert(Warns::OfAll);
        }
        sentence
    }

    fn warns(&self) -> bool {
        self.marks.iter().any(|mark| mark.warns.is_some())
    }

    /// What is to be avoided: all that is named, or what stands beside "free".
    fn avoided(&self) -> impl Iterator<Item = &Mark> {
        let all = self.marks.iter().any(|mark| mark.warns == Some(Warns::OfAll));
        self.marks.iter().filter(move |mark| all || mark.warns.is_some())
    }

    /// How many words from here on are one of these phrases.
    fn at(&self, at: usize, phrases: &[Phrase]) -> Option<usize> {
        phrases.iter().find(|phrase| phrase.fits(&self.words[at..])).map(|phrase| phrase.0.len())
    }

    fn allergen(&self, at: usize) -> Option<(&'static str, usize)> {
        // "Soy alérgica" is Spanish for "I am".
        let is_verb = self.words[at].folded == "soy"
            && self.words.get(at + 1).is_some_and(|next| {
                next.joined && SPANISH_AFTER_SOY.iter().any(|start| next.folded.starts_with(start))
            });
        if is_verb {
            return None;
        }
        words().allergens.iter().find_map(|(name, phrases)| Some((name.as_str(), self.at(at, phrases)?)))
    }

    /// What the word here says, and how many words say it.
    fn mark(&self, at: usize) -> Option<(Mark, usize)> {
        let place = |length: usize| self.words[at].place.start..self.words[at + length - 1].place.end;
        let joined = |at: usize| self.words.get(at).is_some_and(|word| word.joined);
        let known = words();
        // "glutenfreie"
        let word = &self.words[at].folded;
        if let Some(allergen) =
            known.free.iter().find_map(|free| allergen_of(word.strip_suffix(free.as_word()?)?))
        {
            return Some((Mark { place: place(1), allergen: Some(allergen), warns: Some(Warns::OfThis) }, 1));
        }
        // "sin gluten"
        if let Some(length) = self.at(at, &known.without)
            && joined(at + length)
            && let Some(more) = self.at(at + length, &known.strict)
            && let Some((allergen, _)) = self.allergen(at + length)
        {
            let length = length + more;
            return Some((
                Mark { place: place(length), allergen: Some(allergen), warns: Some(Warns::OfThis) },
                length,
            ));
        }
        let named = self.allergen(at);
        // "dairy free", "nut-free"
        if let Some((allergen, length)) = named
            && joined(at + length)
            && let Some(more) = self.at(at + length, &known.free)
        {
            let length = length + more;
            return Some((
                Mark { place: place(length), allergen: Some(allergen), warns: Some(Warns::OfThis) },
                length,
            ));
        }
        let needs = self.at(at, &known.need).is_some() && !self.is_denied(at);
        let allergen = named.map(|(allergen, _)| allergen);
        let length = named.map_or(1, |(_, length)| length);
        (needs || named.is_some())
            .then(|| (Mark { place: place(length), allergen, warns: needs.then_some(Warns::OfAll) }, length))
    }

    /// "no allergies", but not "no allergies except nuts", and not "without allergens".
    fn is_denied(&self, at: usize) -> bool {
        let known = words();
        let word = &self.words[at].folded;
        if word.contains("allergen") || word.contains("alergen") {
            return false;
        }
        let mut before = at;
        while before > 0 && self.words[before].joined && at - before < 4 {
            before -= 1;
            if self.at(before, &known.none).is_some() {
                let after = self.words.len();
                return !(at..after).any(|later| self.at(later, &known.except).is_some());
            }
            if self.at(before, &known.between).is_none() {
                return false;
            }
        }
        false
    }

    /// Where somebody says that he cannot eat something.
    fn avoids(&self) -> Option<Range<usize>> {
        let at = (0..self.words.len()).find(|at| self.at(*at, &words().avoid).is_some())?;
        Some(self.words[at].place.clone())
    }
}

/// How words begin before which "soy" is no bean: "soy alérgica", "soy muy alérgico", "soy vegetariana".
const SPANISH_AFTER_SOY: &[&str] =
    &["muy", "alerg", "celiac", "intoler", "vegetariano", "vegetariana", "vegano", "vegana", "diabetic"];

fn allergen_of(word: &str) -> Option<&'static str> {
    let fits = |phrase: &Phrase| matches!(phrase.0.as_slice(), [only] if only.fits(word));
    words().allergens.iter().find(|(_, phrases)| phrases.iter().any(fits)).map(|(name, _)| name.as_str())
}

fn sentences(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut end = 0;
    let is_word = |token: &Token| matches!(token.kind, Kind::Word | Kind::Number(_));
    for token in tokens(text).into_iter().filter(is_word) {
        let between = &text[end..token.start];
        end = token.end;
        if between.contains(['.', '!', '?', ';', '\n', '\u{2026}']) {
            sentences.push(Sentence::new(std::mem::take(&mut words)));
        }
        let joined = !words.is_empty() && between.chars().all(is_joint);
        words.push(word(text, token, joined));
    }
    sentences.push(Sentence::new(words));
    sentences
}

const fn is_joint(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}' | '\u{2011}' | '\u{2013}')
}

/// "l'œuf", "d'arachide": the noun is behind the apostrophe.
fn word(text: &str, token: Token, joined: bool) -> Word {
    let whole = &text[token.start..token.end];
    let article =
        whole.char_indices().take(3).find(|(_, c)| matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '`'));
    let behind = article.map(|(at, mark)| token.start + at + mark.len_utf8());
    let noun =
        behind.and_then(|start| Some((start, tokens(&text[start..token.end]).into_iter().next()?.text)));
    match noun {
        Some((start, folded)) => Word { place: start..token.end, folded, joined },
        None => Word { place: token.start..token.end, folded: token.text, joined },
    }
}

/// One or more words, each of which may leave its beginning or its end open.
#[derive(Debug)]
struct Phrase(Vec<Pattern>);

impl Phrase {
    fn read(phrase: &str) -> Phrase {
        Phrase(phrase.split_whitespace().map(Pattern::read).collect())
    }

    fn fits(&self, words: &[Word]) -> bool {
        let mut pairs = self.0.iter().zip(words).enumerate();
        words.len() >= self.0.len()
            && pairs.all(|(at, (pattern, word))| (at == 0 || word.joined) && pattern.fits(&word.folded))
    }

    fn as_word(&self) -> Option<&str> {
        self.0.first().map(|pattern| pattern.word.as_str())
    }
}

#[derive(Debug)]
struct Pattern {
    word: String,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    fn read(pattern: &str) -> Pattern {
        Pattern {
            word: pattern.trim_matches('*').to_owned(),
            open_start: pattern.starts_with('*'),
            open_end: pattern.ends_with('*'),
        }
    }

    fn fits(&self, word: &str) -> bool {
        match (self.open_start, self.open_end) {
            (true, true) => word.contains(&self.word),
            (true, false) => word.ends_with(&self.word),
            (false, true) => word.starts_with(&self.word),
            (false, false) => word == self.word,
        }
    }
}

/// The list, by what its rows are for.
#[derive(Debug, Default)]
struct Words {
    allergens: Vec<(String, Vec<Phrase>)>,
    need: Vec<Phrase>,
    avoid: Vec<Phrase>,
    free: Vec<Phrase>,
    without: Vec<Phrase>,
    strict: Vec<Phrase>,
    none: Vec<Phrase>,
    between: Vec<Phrase>,
    except: Vec<Phrase>,
    concern: Vec<Phrase>,
}

fn words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    // A test reads the file; one that cannot be read would leave words out, never stop the line.
    WORDS.get_or_init(|| read(include_str!("../words/health.csv")).unwrap_or_default())
}

fn read(file: &str) -> Result<Words, String> {
    let mut words = Words::default();
    for row in csv::Reader::from_reader(file.as_bytes()).deserialize::<[String; 3]>() {
        let [kind, name, phrases] = row.map_err(|error| error.to_string())?;
        let phrases: Vec<Phrase> = phrases.split('|').map(Phrase::read).collect();
        match kind.as_str() {
            "allergen" => words.allergens.push((name, phrases)),
            "need" => words.need.extend(phrases),
            "avoid" => words.avoid.extend(phrases),
            "free" => words.free.extend(phrases),
            "without" => words.without.extend(phrases),
            "strict" => words.strict.extend(phrases),
            "none" => words.none.extend(phrases),
            "between" => words.between.extend(phrases),
            "except" => words.except.extend(phrases),
            "concern" => words.concern.extend(phrases),
            other => return Err(format!("'{other}' is no kind of word")),
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_can_be_read_and_has_the_fourteen_allergens_in_words_as_texts_are_folded() {
        let words = read(include_str!("../words/health.csv")).unwrap();
        assert_eq!(words.allergens.len(), 14);
        for phrase in words.allergens.iter().flat_map(|(_, phrases)| phrases) {
            assert!(!phrase.0.is_empty());
            for pattern in &phrase.0 {
                assert_eq!(tokens(&pattern.word)[0].text, pattern.word);
            }
        }
    }

    #[test]
    fn what_a_customer_must_not_have_is_warned_of_with_its_allergens() {
        for (text, expected) in [
            ("I'm allergic to peanuts and shellfish", &["peanuts", "crustaceans"][..]),
            ("Je suis allergique aux œufs et au lait", &["egg", "milk"]),
            ("Une salade, allergie à l'œuf", &["egg"]),
            ("Ich habe eine Nussallergie, keine Nüsse", &["nuts"]),
            ("soy alérgica al gluten", &["gluten"]),
            ("One burger, gluten free please", &["gluten"]),
            ("a gluten-free bun with cheese", &["gluten"]),
            ("dairy free pizza", &["milk"]),
            ("two brownies, nut free", &["nuts"]),
            ("una pizza sin gluten", &["gluten"]),
            ("sans gluten svp", &["gluten"]),
            ("einmal Pasta, glutenfrei", &["gluten"]),
            ("eine laktosefreie Milch", &["milk"]),
            ("ohne Laktose", &["milk"]),
            ("sin frutos secos por favor", &["nuts"]),
            ("no gluten please", &["gluten"]),
            ("I can't eat mustard", &["mustard"]),
            ("free from nuts", &["nuts"]),
            ("no allergies except almonds", &["nuts"]),
            ("Two burgers. I have an allergy!", &[]),
            ("a dish without allergens", &[]),
        ] {
            assert_eq!(warning(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_a_taste_or_no_allergen_is_not_warned_of() {
        for text in [
            "a cheeseburger, no cheese please",
            "one alcohol-free beer",
            "a sugar-free cola",
            "ein alkoholfreies Bier und eine zuckerfreie Limo",
            "No allergies here, one burger with cheese",
            "we don't have any food allergies",
            "no tengo alergias",
            "pas d'allergie",
            "keine Allergien bekannt",
            "is there a free table? milk please",
            "one milk, free delivery",
        ] {
            assert_eq!(warning(text), None, "{text}");
        }
    }

    #[test]
    fn pieces_are_the_text_and_mark_what_is_said_of_allergens() {
        let text = "Una limonada. Soy alérgico a las nueces, sin gluten!";
        let pieces = pieces(text);
        assert_eq!(pieces.iter().map(|piece| piece.text.as_str()).collect::<String>(), text);
        let marked: Vec<(&str, Option<&str>, bool)> = pieces
            .iter()
            .filter(|piece| piece.warns || piece.allergen.is_some())
            .map(|piece| (piece.text.as_str(), piece.allergen, piece.warns))
            .collect();
        assert_eq!(
            marked,
            [("alérgico", None, true), ("nueces", Some("nuts"), false), ("sin gluten", Some("gluten"), true)]
        );
    }

    #[test]
    fn an_allergen_is_named_unless_it_is_a_part_of_a_dish() {
        for text in [
            "Is there mustard in the dressing?",
            "¿Lleva almendras?",
            "Y a-t-il des œufs dans la mousse ?",
            "Ist da Senf drin?",
        ] {
            assert!(names_allergen(text, &[]), "{text}");
        }
        let text = "How much is the fish burger?";
        let dish = std::iter::once(16..27).collect::<Vec<_>>();
        assert!(names_allergen(text, &[]) && !names_allergen(text, &dish));
        assert!(!names_allergen("Soy vegetariano, ¿qué tienen?", &[]));
    }

    #[test]
    fn what_speaks_of_health_is_known_in_every_language() {
        for text in [
            "Is it safe for pregnant women?",
            "i have a food allergy!",
            "¿Es apto para embarazadas?",
            "C'est possible sans gluten ?",
            "Enthält das Spuren?",
        ] {
            assert!(speaks_of_health(text), "{text}");
        }
        assert!(!speaks_of_health("Is it nice?") && !speaks_of_health("Do you have alcohol-free beer?"));
    }
}
