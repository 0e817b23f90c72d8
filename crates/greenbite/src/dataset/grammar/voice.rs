//! How a customer writes: capitals, commas, slips of the finger, plurals and times.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Case {
    Proper,
    Lower,
    Shouting,
}

/// How this customer writes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    pub(super) case: Case,
    pub(super) punctuation: bool,
    pub(super) digits: bool,
    pub(super) sloppy: bool,
    pub(super) one_per_line: bool,
    pub(super) hour: u32,
}

impl Voice {
    pub(super) fn draw(rng: &mut StdRng, hour: u32) -> Self {
        let (case, punctuation) = match rng.random_range(0..100) {
            0..50 => (Case::Proper, true),
            50..70 => (Case::Lower, true),
            70..97 => (Case::Lower, false),
            _ => (Case::Shouting, true),
        };
        Voice {
            case,
            punctuation,
            digits: rng.random_bool(0.45),
            sloppy: rng.random_bool(0.2),
            one_per_line: rng.random_bool(0.08),
            hour,
        }
    }

    /// Capitals and punctuation as this customer has them.
    pub(super) fn shape(&self, text: &str, keep_spaces: bool) -> String {
        let text = text.trim();
        let mut text = match self.case {
            Case::Proper => capitalised(text),
            Case::Lower => text.to_lowercase(),
            Case::Shouting => text.to_uppercase(),
        };
        if !self.punctuation {
            let end = text.ends_with('?');
            text = without_punctuation(&text);
            if end {
                text.push('?');
            }
        }
        if keep_spaces { text } else { text.split_whitespace().collect::<Vec<_>>().join(" ") }
    }
}

/// Puts a greeting before a text, which goes on in lower case after a comma.
pub(super) fn after(greeting: &str, text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let name = first == "I" || first.starts_with("I'") || first.chars().skip(1).any(char::is_uppercase);
    let mut letters = text.chars();
    match letters.next() {
        Some(letter) if greeting.trim_end().ends_with(',') && !name => {
            format!("{greeting}{}{}", letter.to_lowercase(), letters.as_str())
        }
        _ => format!("{greeting}{text}"),
    }
}

/// Capital letters where a sentence or a line begins.
fn capitalised(text: &str) -> String {
    let mut begin = true;
    let mut after_end = false;
    text.chars()
        .map(|c| {
            let here = begin && c.is_lowercase();
            if c.is_alphanumeric() {
                begin = false;
                after_end = false;
            } else if matches!(c, '.' | '!' | '?') {
                after_end = true;
            } else if (after_end && c == ' ') || c == '\n' {
                begin = true;
            }
            if here { c.to_ascii_uppercase() } else { c }
        })
        .collect()
}

/// Commas, dots and the like go; what stands between digits (7:30) stays.
fn without_punctuation(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let mut out = String::new();
    for (at, c) in chars.iter().enumerate() {
        let between = digit(at.checked_sub(1)) && digit(at.checked_add(1));
        match c {
            '.' | ',' | '!' | ';' | ':' | '(' | ')' | '?' if !between => {
                if chars.get(at + 1).is_some_and(|next| next.is_alphanumeric()) && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            '\'' => {}
            _ => out.push(*c),
        }
    }
    out.trim().to_owned()
}

pub(super) fn number(n: u32, digits: bool) -> String {
    const WORDS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    match WORDS.get(n as usize) {
        Some(word) if !digits => (*word).to_owned(),
        _ => n.to_string(),
    }
}

pub(super) fn spoken_size(rng: &mut StdRng, size: &str) -> String {
    match (size, rng.random_range(0..10)) {
        ("Large", 0..3) => "big".into(),
        ("Small", 0) => "little".into(),
        ("Medium", 0..3) => "regular".into(),
        _ => size.to_lowercase(),
    }
}

/// Names that are plural on the menu already: fries, rings, sticks.
pub(super) fn is_plural(name: &str) -> bool {
    let last = name.rsplit(' ').next().unwrap_or(name).to_lowercase();
    ["fries", "rings", "sticks"].contains(&last.as_str())
}

pub(super) fn plural(name: &str) -> String {
    if is_plural(name) {
        name.to_owned()
    } else if name.ends_with("ch") || name.ends_with("potato") || name.ends_with('s') {
        format!("{name}es")
    } else if let Some(stem) = name.strip_suffix("ry") {
        format!("{stem}ries")
    } else {
        format!("{name}s")
    }
}

/// Plural where it can be counted: "hot dogs", but "red wine".
pub(super) fn several(name: &str) -> String {
    const UNCOUNTED: [&str; 16] = [
        "wine",
        "juice",
        "tea",
        "soup",
        "salad",
        "chocolate",
        "ale",
        "lasagne",
        "ramen",
        "bolognese",
        "fondue",
        "curry",
        "tiramisu",
        "beer",
        "espresso",
        "lobster",
    ];
    let last = name.rsplit(' ').next().unwrap_or(name);
    if UNCOUNTED.contains(&last) { name.to_owned() } else { plural(name) }
}

pub(super) fn article(name: &str) -> &'static str {
    if name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" }
}

/// One slip of the finger in a long word, or two words run together.
pub(super) fn misspell(rng: &mut StdRng, name: &str) -> String {
    let mut words: Vec<String> = name.split(' ').map(str::to_owned).collect();
    // "fries" and the like stay: they are known as plurals by their last word.
    let open = words.len() - usize::from(is_plural(name));
    let long: Vec<usize> = (0..open).filter(|at| words[*at].len() > 5 && words[*at].is_ascii()).collect();
    if words.len() == 2 && words[1].to_lowercase() == "burger" && rng.random_bool(0.2) {
        return words.concat();
    }
    let Some(at) = long.choose(rng).copied() else {
        return name.to_owned();
    };
    let mut letters: Vec<char> = words[at].chars().collect();
    let inner = rng.random_range(1..letters.len() - 2);
    match rng.random_range(0..3) {
        0 => {
            letters.remove(inner);
        }
        1 => letters.swap(inner, inner + 1),
        _ => letters.insert(inner, letters[inner]),
    }
    words[at] = letters.into_iter().collect();
    words.join(" ")
}

/// A time of the day within the next two hours, as people write it.
pub(super) fn clock(rng: &mut impl Rng, hour: u32) -> String {
    let minutes = hour * 60 + rng.random_range(2..=8) * 15;
    let (hour, minute) = (minutes / 60 % 24, minutes % 60);
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let half = if hour < 12 { "am" } else { "pm" };
    match (rng.random_range(0..3), minute) {
        (0, 0) => format!("{twelve} {half}"),
        (0, _) => format!("{twelve}:{minute:02} {half}"),
        (1, 30) => format!("half past {twelve}"),
        (1, 0) => format!("{twelve}"),
        _ => format!("{hour}:{minute:02}"),
    }
}
