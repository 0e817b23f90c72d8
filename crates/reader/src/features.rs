//! What the roles of words are judged by: shapes, words of the language, neighbours. Never a dish's name.

use text::Classes;
use text::key::KeyMap;

use crate::Kind;
use crate::surface::{Mark, Shape, Surface};

/// A feature: a hash of what it says.
pub type Feature = u32;

/// Phrases that say what the words behind them are for.
const CUES: Classes = Classes(
    Classes::REMOVE.0
        | Classes::EXTRA.0
        | Classes::LIGHT.0
        | Classes::WITH.0
        | Classes::ONTO.0
        | Classes::INSTEAD.0
        | Classes::CANCEL.0
        | Classes::CORRECT.0
        | Classes::REQUEST.0
        | Classes::PAST.0
        | Classes::HYPOTHETICAL.0
        | Classes::ASK.0
        | Classes::STORY.0
        | Classes::UNWANTED.0
        | Classes::ALL_OF.0
        | Classes::ON_ONE.0
        | Classes::OTHERS.0
        | Classes::SAME.0
        | Classes::OR.0
        | Classes::CANCEL_ALL.0
        | Classes::REPLACE_WITH.0
        | Classes::ANOTHER_TIME.0,
);

/// What a sentence has told so far.
const TELLING: Classes = Classes(
    Classes::REQUEST.0
        | Classes::PAST.0
        | Classes::ASK.0
        | Classes::QUESTION_START.0
        | Classes::COPULA.0
        | Classes::COMPLAINT.0
        | Classes::PRAISE.0
        | Classes::UNWANTED.0
        | Classes::HYPOTHETICAL.0
        | Classes::STORY.0
        | Classes::STEER.0
        | Classes::ANOTHER_TIME.0,
);

/// What is known at a word from all the words before and behind it.
#[derive(Debug, Clone, Copy, Default)]
struct Around {
    /// Shape of the last food before, 0 for none in the sentence.
    food_before: u64,
    /// Shape of the next food in the sentence.
    food_after: u64,
    /// Classes of the last cue in the sentence.
    cue: u64,
    /// The cue's own first word.
    cue_word: u64,
    /// Words since the cue, at most 4, and whether a comma stands between.
    cue_distance: u64,
    /// What the sentence has told before.
    told: u64,
    /// Items before in the message, at most 3.
    items: u64,
    /// Items before in the sentence, at most 2.
    items_here: u64,
    /// A number was named since the last item.
    counted: bool,
    /// The sentence ends with a question mark.
    asked: bool,
    /// The same food was named before.
    repeated: bool,
    /// The mark before, and how many words since.
    mark_before: u64,
    /// How many words of the sentence come before, at most 3.
    place: u64,
    /// A colon stands in the sentence before.
    colon: bool,
}

/// Calls `emit` with each word's features, word by word.
pub fn of(surface: &Surface<'_>, mut emit: impl FnMut(usize, Feature)) {
    let marks = &surface.marks;
    let around = look_around(surface);
    for (at, around) in around.iter().enumerate() {
        word(marks, around, at, &mut |feature| emit(at, feature));
    }
}

fn look_around(surface: &Surface<'_>) -> Vec<Around> {
    let marks = &surface.marks;
    let mut around = vec![Around::default(); marks.len()];
    let mut state = Around::default();
    let mut seen: KeyMap<()> = KeyMap::default();
    let mut place = 0;
    for (at, mark) in marks.iter().enumerate() {
        let known = mark.known.map(|known| u64::from(known.word));
        state.place = place.min(3);
        around[at] = state;
        around[at].repeated = mark.shape.is_food() && known.is_some_and(|known| seen.contains_key(&known));
        if mark.shape.is_end() {
            let items = state.items;
            state = Around { items, mark_before: mark.shape as u64 + 1, ..Around::default() };
            place = 0;
            continue;
        }
        place += 1;
        if mark.shape.is_mark() {
            state.mark_before = mark.shape as u64 + 1;
            state.cue_distance |= 8;
            state.colon |= mark.shape == Shape::Colon;
            continue;
        }
        state.mark_before = 0;
        if mark.shape.is_food() {
            state.food_before = mark.shape as u64 + 1;
            if let Some(known) = known {
                seen.insert(known, ());
            }
            if mark.shape.is_item() && !mark.shape.goes_on() {
                state.items = (state.items + 1).min(3);
                state.items_here = (state.items_here + 1).min(2);
                state.counted = false;
            }
        }
        if mark.number.is_some() && !mark.shape.is_food() {
            state.counted = true;
        }
        if mark.classes.has(CUES) {
            if mark.begins || state.cue == 0 {
                state.cue = mark.classes.0 & CUES.0;
                state.cue_word = mark.word;
            }
            state.cue_distance = 1;
        } else {
            let distance = (state.cue_distance & 7) + 1;
            state.cue_distance = (state.cue_distance & 8) | distance.min(5);
        }
        state.told |= mark.classes.0 & TELLING.0;
    }
    let (mut food, mut asked) = (0, false);
    for (at, mark) in marks.iter().enumerate().rev() {
        if mark.shape.is_end() {
            food = 0;
            asked = mark.shape == Shape::Question;
        }
        around[at].food_after = food;
        around[at].asked = asked;
        if mark.shape.is_food() {
            food = mark.shape as u64 + 1;
        }
    }
    around
}

/// The word if it may be told apart, else its shape.
pub(crate) fn lexeme(mark: Option<&Mark>) -> u64 {
    match mark {
        None => 1,
        Some(mark) if mark.word != 0 => mark.word,
        Some(mark) => 2 + mark.shape as u64,
    }
}

fn shape(mark: Option<&Mark>) -> u64 {
    mark.map_or(0, |mark| mark.shape as u64 + 1)
}

pub(crate) fn hash(template: u64, values: &[u64]) -> Feature {
    let mut h = template.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for value in values {
        h = (h ^ value).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h ^= h >> 32;
    }
    (h ^ (h >> 29)) as Feature
}

fn bits(mut set: u64, mut each: impl FnMut(u64)) {
    while set != 0 {
        each(u64::from(set.trailing_zeros()));
        set &= set - 1;
    }
}

fn number_size(mark: &Mark) -> u64 {
    match mark.number {
        None => 0,
        Some(n @ 0..=4) => u64::from(n) + 1,
        Some(5..=12) => 6,
        Some(13..=20) => 7,
        Some(_) => 8,
    }
}

fn word(marks: &[Mark], around: &Around, at: usize, emit: &mut impl FnMut(Feature)) {
    let near = |by: isize| at.checked_add_signed(by).and_then(|at| marks.get(at));
    let here = &marks[at];
    let s: [u64; 7] = std::array::from_fn(|i| shape(near(i as isize - 3)));
    let l: [u64; 5] = std::array::from_fn(|i| lexeme(near(i as isize - 2)));
    let s0 = s[3];
    emit(hash(1, &[]));
    for (i, s) in s.iter().enumerate() {
        emit(hash(2 + i as u64, &[*s]));
    }
    for (i, l) in l.iter().enumerate() {
        emit(hash(10 + i as u64, &[*l]));
    }
    emit(hash(20, &[s[2], s0]));
    emit(hash(21, &[s0, s[4]]));
    emit(hash(22, &[s[2], s0, s[4]]));
    emit(hash(23, &[s[1], s[2], s0]));
    emit(hash(24, &[s0, s[4], s[5]]));
    emit(hash(25, &[l[1], l[2]]));
    emit(hash(26, &[l[2], l[3]]));
    emit(hash(27, &[l[0], l[1], s0]));
    emit(hash(28, &[s0, l[3], l[4]]));
    emit(hash(29, &[l[1], s0, l[3]]));
    emit(hash(30, &[l[1], s0]));
    emit(hash(31, &[s0, l[3]]));
    emit(hash(32, &[l[0], s0]));
    emit(hash(33, &[s0, l[4]]));
    for (i, by) in [-2_isize, -1, 0, 1, 2].into_iter().enumerate() {
        if let Some(mark) = near(by) {
            bits(mark.classes.0, |bit| emit(hash(40 + i as u64, &[bit, s0])));
        }
    }
    bits(around.cue, |bit| {
        emit(hash(50, &[bit, s0]));
        emit(hash(51, &[bit, s0, around.cue_distance]));
        emit(hash(52, &[bit, s0, around.food_before]));
    });
    emit(hash(53, &[around.cue_word, s0]));
    emit(hash(54, &[around.cue_word, s0, around.cue_distance]));
    bits(around.told, |bit| emit(hash(55, &[bit, s0])));
    emit(hash(56, &[around.food_before, s0]));
    emit(hash(57, &[around.food_after, s0]));
    emit(hash(58, &[around.food_before, s0, around.food_after]));
    emit(hash(59, &[around.items, s0]));
    emit(hash(60, &[around.items_here, s0, around.food_before]));
    emit(hash(61, &[u64::from(around.counted), s0, around.items_here]));
    emit(hash(62, &[u64::from(around.asked), s0]));
    emit(hash(63, &[u64::from(around.repeated), s0, around.items_here]));
    emit(hash(64, &[around.mark_before, s0]));
    emit(hash(65, &[around.place, s0]));
    emit(hash(66, &[u64::from(around.colon), s0, s[4]]));
    emit(hash(67, &[number_size(here), s0, s[4]]));
    emit(hash(68, &[number_size(here), around.food_before, around.food_after]));
    emit(hash(69, &[u64::from(here.last_of_item), s0, s[4]]));
    emit(hash(70, &[u64::from(here.last_of_item), u64::from(near(1).is_some_and(|m| m.last_of_item)), s0]));
    emit(hash(71, &[u64::from(at == 0), u64::from(at + 1 == marks.len()), s0]));
    emit(hash(72, &[u64::from(here.joined), s0]));
    let (tie, after) = (here.tie as u64, here.tie_after as u64);
    emit(hash(73, &[tie, s0, l[1]]));
    emit(hash(74, &[tie, s[2], s0]));
    emit(hash(75, &[after, s0, l[3]]));
    emit(hash(76, &[tie, after, s0]));
    emit(hash(77, &[u64::from(here.of_last), s0, tie]));
    bits(around.cue, |bit| emit(hash(78, &[bit, s0, u64::from(here.of_last)])));
    // A little word between two foods of one name belongs to it.
    let across = near(1).map_or(0, |next| next.tie as u64);
    emit(hash(79, &[across, s0, l[2]]));
}

/// Features of the whole message, for its kind.
pub fn of_message(surface: &Surface<'_>, mut emit: impl FnMut(Feature)) {
    let marks = &surface.marks;
    let lexeme = |mark: &Mark| match mark.shape {
        _ if mark.word != 0 => mark.word,
        shape if shape.is_food() => 1,
        shape => 2 + shape as u64,
    };
    emit(hash(100, &[]));
    let mut all = 0;
    for (at, mark) in marks.iter().enumerate() {
        emit(hash(101, &[lexeme(mark)]));
        if let Some(next) = marks.get(at + 1) {
            emit(hash(102, &[lexeme(mark), lexeme(next)]));
        }
        if at < 3 {
            emit(hash(103, &[at as u64, lexeme(mark)]));
        }
        all |= mark.classes.0;
    }
    bits(all, |bit| emit(hash(104, &[bit])));
    if let [first, second, ..] = marks.as_slice() {
        emit(hash(105, &[lexeme(first), lexeme(second)]));
        bits(first.classes.0, |bit| emit(hash(106, &[bit])));
    }
    let foods = marks.iter().filter(|m| m.shape.is_food()).count().min(3) as u64;
    let asks = marks.iter().any(|m| m.shape == Shape::Question);
    emit(hash(107, &[foods, u64::from(asks)]));
    emit(hash(108, &[(marks.len() as u64).min(31) / 4]));
    bits(all, |bit| emit(hash(109, &[bit, u64::from(foods > 0)])));
}

/// Features of the whole message that its best reading gives.
pub fn of_reading(roles: u64, sure: u64, points: u64, second: Option<Kind>, mut emit: impl FnMut(Feature)) {
    let second = second.map_or(0, |kind| kind as u64 + 1);
    emit(hash(123, &[second]));
    emit(hash(124, &[second, roles & 0b1_0000_0100]));
    bits(roles, |bit| emit(hash(120, &[bit])));
    bits(points, |bit| emit(hash(125, &[bit])));
    emit(hash(121, &[roles & 0b1_0000_0100]));
    emit(hash(122, &[sure, roles & 0b1_0000_0100]));
}
