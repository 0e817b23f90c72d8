//! Cutting text into tokens that can be compared: lower case, no accents, no apostrophes, and where each came from.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::key::{self, Key};

/// A word, a number or a mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The word without case, accents and apostrophes; a mark as it is.
    pub text: String,
    /// The word without its plural ending.
    pub stem: String,
    /// Hash of `text`.
    pub key: Key,
    /// First byte in the original.
    pub start: usize,
    /// Byte behind the last one in the original.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
    /// Written with an accent or a letter beyond ASCII.
    pub accented: bool,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Letters.
    Word,
    /// Digits; `None` if it is no count: a decimal number, a time, or too long.
    Number(Option<u32>),
    /// A comma, or what people use like one.
    Comma,
    /// The end of a sentence or a line.
    Stop,
    /// A question mark.
    Question,
    /// A sign of money, or `#`.
    Sign,
}

/// More digits than this are a telephone or order number.
const MAX_COUNT_DIGITS: usize = 6;

/// The zeros of the scripts that have digits of their own; each is followed by its one to nine.
#[rustfmt::skip]
const ZEROS: [char; 36] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}', '\u{be6}',
    '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}', '\u{1040}', '\u{1090}',
    '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}', '\u{1b50}', '\u{1bb0}',
    '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}', '\u{a9d0}', '\u{a9f0}', '\u{aa50}',
    '\u{abf0}', '\u{ff10}',
];

/// The digit `0` to `9` that this one of any script is.
fn digit(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c).filter(char::is_ascii_digit);
    }
    let value = ZEROS
        .iter()
        .find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10))?;
    char::from_digit(value, 10)
}

/// Folds one character: lower case without accents.
fn fold(c: char, mut push: impl FnMut(char)) {
    if c.is_ascii() {
        push(c.to_ascii_lowercase());
        return;
    }
    match c {
        'ß' => {
            push('s');
            push('s');
        }
        'ø' | 'Ø' => push('o'),
        'æ' | 'Æ' => {
            push('a');
            push('e');
        }
        'œ' | 'Œ' => {
            push('o');
            push('e');
        }
        _ => std::iter::once(c)
            .nfkd()
            .filter(|c| !is_combining_mark(*c))
            .flat_map(char::to_lowercase)
            .for_each(push),
    }
}

const fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{00b4}' | '`' | '\u{02bc}')
}

/// Cuts a text into tokens.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(text.len() / 5 + 1);
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_alphabetic() {
            let mut word = String::with_capacity(12);
            let mut end = start + c.len_utf8();
            let (mut last, mut run) = ('\0', 0);
            let mut push = |c: char| {
                // "pleaaaase": three or more of a kind are one.
                if c == last {
                    run += 1;
                    if run == 3 {
                        word.pop();
                    }
                    if run >= 3 {
                        return;
                    }
                } else {
                    (last, run) = (c, 1);
                }
                word.push(c);
            };
            fold(c, &mut push);
            while let Some(&(at, c)) = chars.peek() {
                if is_apostrophe(c) {
                    // Only inside a word; at its end it may close a quotation, which is as little of interest.
                    chars.next();
                    if chars.peek().is_some_and(|(_, next)| next.is_alphabetic()) {
                        continue;
                    }
                    break;
                }
                if !c.is_alphabetic() && !is_combining_mark(c) {
                    break;
                }
                if !is_combining_mark(c) {
                    fold(c, &mut push);
                }
                end = at + c.len_utf8();
                chars.next();
            }
            // "w/ milk", "w/o ice"
            if word.len() == 1 && chars.next_if(|(_, c)| *c == '/').is_some() {
                word.push('/');
                end += 1;
                let without = chars.peek().is_some_and(|(at, c)| {
                    matches!(c, 'o' | 'O') && !text[at + 1..].starts_with(char::is_alphanumeric)
                });
                if without {
                    chars.next();
                    word.push('o');
                    end += 1;
                }
            }
            if !word.is_empty() {
                let accented = !text
                    .get(start..end)
                    .is_none_or(|raw| raw.chars().all(|c| c.is_ascii() || is_apostrophe(c)));
                push_word(&mut out, word, start, end);
                if let Some(token) = out.last_mut() {
                    token.accented = accented;
                }
            }
        } else if let Some(first) = digit(c) {
            let mut digits = String::with_capacity(4);
            digits.push(first);
            let mut end = start + c.len_utf8();
            let mut plain = true;
            loop {
                let next = chars.peek().copied();
                match next.map(|(at, c)| (at, c, digit(c))) {
                    Some((at, c, Some(value))) => {
                        digits.push(value);
                        end = at + c.len_utf8();
                        chars.next();
                    }
                    // 8.90, 12:30, 1,000: one number, and none that counts things.
                    Some((at, mark @ ('.' | ':' | ','), None)) => {
                        if text[at + 1..].chars().next().is_some_and(|next| digit(next).is_some()) {
                            digits.push(mark);
                            plain = false;
                            end = at + 1;
                            chars.next();
                        } else {
                            break;
                        }
                    }
                    _ => break,
                }
            }
            // "class 7b", "flat 12a": a name, and nothing to count.
            let labelled = chars.peek().is_some_and(|(at, c)| {
                matches!(c, 'a'..='f' | 'A'..='F') && !text[at + 1..].starts_with(char::is_alphanumeric)
            });
            if labelled && let Some((at, c)) = chars.next() {
                digits.push(c.to_ascii_lowercase());
                plain = false;
                end = at + 1;
            }
            let counts =
                plain && digits.len() <= MAX_COUNT_DIGITS && !(digits.len() > 1 && digits.starts_with('0'));
            let count = if counts { digits.parse().ok() } else { None };
            out.push(Token {
                stem: digits.clone(),
                key: key::of(&digits),
                text: digits,
                start,
                end,
                kind: Kind::Number(count),
                accented: false,
            });
        } else {
            let short_form = c == '.' && is_short_form(out.last(), start);
            let mut mark = |kind, text: &str| {
                out.push(Token {
                    text: text.to_owned(),
                    stem: text.to_owned(),
                    key: key::of(text),
                    start,
                    end: start + c.len_utf8(),
                    kind,
                    accented: false,
                });
            };
            match c {
                ',' | '(' | ')' | '/' | '|' | '•' | '*' | '–' | '—' | '、' | '，' => {
                    mark(Kind::Comma, ",")
                }
                '-' => {
                    // A dash between spaces or at the start of a line divides; within a word it joins.
                    let before = text[..start].chars().next_back().is_none_or(char::is_whitespace);
                    let after = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
                    if before || after {
                        mark(Kind::Comma, ",");
                    }
                }
                ':' => mark(Kind::Comma, ":"),
                '.' if short_form && chars.peek().is_some_and(|(_, next)| *next != '\n') => {}
                '.' | '!' | ';' | '\n' | '…' | '。' | '！' => mark(Kind::Stop, "."),
                '?' | '？' | '؟' => mark(Kind::Question, "?"),
                '$' | '€' | '£' | '#' => mark(Kind::Sign, c.encode_utf8(&mut [0; 4])),
                '&' | '+' => push_word(&mut out, "&".to_owned(), start, start + 1),
                '×' => push_word(&mut out, "x".to_owned(), start, start + c.len_utf8()),
                c if c.is_numeric() || c.is_alphanumeric() => {
                    let mut word = String::new();
                    fold(c, |c| word.push(c));
                    push_word(&mut out, word, start, start + c.len_utf8());
                }
                _ => {}
            }
        }
    }
    out
}

/// "Dr. Pepper", "lg. coke": a point that ends no sentence.
fn is_short_form(last: Option<&Token>, at: usize) -> bool {
    const SHORT: &[&str] = &[
        "dr", "mr", "mrs", "ms", "st", "jr", "nr", "vs", "approx", "inkl", "gr", "kl", "lg", "sm", "med",
        "reg",
    ];
    last.is_some_and(|token| token.end == at && SHORT.contains(&token.text.as_str()))
}

fn push_word(out: &mut Vec<Token>, word: String, start: usize, end: usize) {
    out.push(Token {
        stem: singular(&word),
        key: key::of(&word),
        text: word,
        start,
        end,
        kind: Kind::Word,
        accented: false,
    });
}

/// A word without its plural ending; names and texts go through the same, so it need not be a word of the language.
pub fn singular(word: &str) -> String {
    let mut stem = word;
    if let [first, second, b's'] = word.as_bytes()
        && ![first, second].iter().any(|letter| matches!(letter, b's'))
        && !matches!(second, b'a' | b'e' | b'i' | b'o' | b'u')
    {
        // "ojs"
        return word[..2].to_owned();
    }
    if stem.len() > 3 && stem.ends_with('s') && !stem.ends_with("ss") {
        stem = &stem[..stem.len() - 1];
    }
    if stem.len() > 3 {
        if let Some(base) = stem.strip_suffix("ie") {
            return format!("{base}y");
        }
        for soft in ["che", "she", "xe", "se", "ze", "oe"] {
            if stem.ends_with(soft) {
                return stem[..stem.len() - 1].to_owned();
            }
        }
    }
    stem.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn case_accents_and_apostrophes_go() {
        assert_eq!(words("I’d like a CAFÉ au lait"), ["id", "like", "a", "cafe", "au", "lait"]);
        assert_eq!(words("Groß"), ["gross"]);
    }

    #[test]
    fn digits_and_letters_part_but_decimals_and_times_stay_whole() {
        assert_eq!(words("2x, 16oz 8.90 12:30"), ["2", "x", ",", "16", "oz", "8.90", "12:30"]);
        let kinds: Vec<Kind> = tokens("2 8.90 0151234567").into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds, [Kind::Number(Some(2)), Kind::Number(None), Kind::Number(None)]);
    }

    #[test]
    fn digits_of_any_script_are_numbers() {
        for text in ["２ cheeseburgers", "２cheeseburgers", "٢ cheeseburgers", "२ cheeseburgers"] {
            let tokens = tokens(text);
            assert_eq!((tokens[0].text.as_str(), tokens[0].kind), ("2", Kind::Number(Some(2))), "{text}");
            assert_eq!(tokens[1].text, "cheeseburgers");
            assert!(text[tokens[0].start..tokens[0].end].chars().count() == 1);
        }
        assert_eq!(tokens("１２")[0].kind, Kind::Number(Some(12)));
        assert_eq!(tokens("９.９５")[0].kind, Kind::Number(None));
    }

    #[test]
    fn a_point_behind_a_short_form_ends_no_sentence() {
        assert_eq!(words("a Dr. Pepper, 1 lg. cola."), ["a", "dr", "pepper", ",", "1", "lg", "cola", "."]);
        assert_eq!(words("1 lg.\nthanks"), ["1", "lg", ".", ".", "thanks"]);
    }

    #[test]
    fn short_forms_and_labels_stay_whole() {
        assert_eq!(words("tea w/ milk, w/o sugar"), ["tea", "w/", "milk", ",", "w/o", "sugar"]);
        assert_eq!(words("and/or"), ["and", ",", "or"]);
        assert_eq!(tokens("7b").first().map(|t| t.kind), Some(Kind::Number(None)));
        assert_eq!(words("2 x 2x"), ["2", "x", "2", "x"]);
    }

    #[test]
    fn stretched_words_shrink() {
        assert_eq!(words("pleaaaase cheeeese coffee"), ["please", "chese", "coffee"]);
    }

    #[test]
    fn plurals_and_singulars_meet() {
        for (one, many) in [
            ("cookie", "cookies"),
            ("fry", "fries"),
            ("sandwich", "sandwiches"),
            ("quiche", "quiches"),
            ("tomato", "tomatoes"),
            ("taco", "tacos"),
            ("pepsi", "pepsis"),
            ("cheese", "cheeses"),
            ("slice", "slices"),
            ("box", "boxes"),
        ] {
            assert_eq!(singular(one), singular(many), "{one}");
        }
    }

    #[test]
    fn every_token_knows_its_place() {
        let text = "Two Crème brûlées, please 🍮!";
        for token in tokens(text) {
            assert!(text.get(token.start..token.end).is_some(), "{token:?}");
        }
    }
}
