//! How far a reading can be trusted: signs that are weighed, by weights that were learned on restaurants left out.

use text::Classes;

use crate::order::chunks;
use crate::rank::POINTS;
use crate::resolve::{By, Meant, Resolver};
use crate::second::Second;
use crate::surface::{Shape, Surface};
use crate::tag::{Reach, Tag};
use crate::{Kind, Observed};
use contracts::ModifierOp;

/// How many signs there are.
pub const SIGNS: usize = OWN + POINTS;
/// Signs that are no points of sense.
const OWN: usize = 40;

/// What speaks for and against a reading; each about 0 to 3.
pub type Signs = [f32; SIGNS];

/// Words that may stay without a role.
const TALK: Classes = Classes(
    Classes::ARTICLE.0
        | Classes::REQUEST.0
        | Classes::PLEASE.0
        | Classes::FILLER.0
        | Classes::JOIN.0
        | Classes::SUBJECT.0
        | Classes::WITH.0
        | Classes::PRONOUN.0
        | Classes::CONTAINER.0
        | Classes::TIMES.0,
);

/// The best order and how sure the model is of it.
#[derive(Debug, Clone, Copy)]
pub struct Sureness {
    /// Share of all readings that give this order, from 0 to 1.
    pub share: f32,
    /// Share of the readings that give the next best order.
    pub next: f32,
    /// Logarithm of the odds that the message is an order.
    pub kind: f32,
}

/// Words that nobody could explain: unknown ones in wishes, and without a role in sentences that order something;
/// there numbers above one, too.
pub fn unexplained(surface: &Surface<'_>, tags: &[Tag]) -> Vec<usize> {
    let ordering = ordering(surface, tags);
    // A wish in words that nobody knows.
    let mut wished = vec![false; tags.len()];
    for chunk in chunks(tags).iter().filter(|chunk| chunk.tag.as_wish().is_some()) {
        wished[chunk.first..chunk.end].fill(true);
    }
    let open = |at: &usize| {
        let mark = &surface.marks[*at];
        if wished[*at] {
            return mark.shape == Shape::Unknown;
        }
        tags[*at] == Tag::TALK
            && ordering[*at]
            && match mark.shape {
                Shape::Unknown => !is_name(surface, *at) && !is_address(surface, *at),
                Shape::OtherFood => true,
                Shape::Digits | Shape::NumberWord => {
                    mark.number.is_some_and(|n| n > 1)
                        && !is_other_number(surface, *at)
                        && !is_address(surface, *at)
                        && !is_said_twice(surface, tags, *at)
                }
                _ => false,
            }
    };
    (0..tags.len()).filter(open).collect()
}

/// Somebody's name, by where it stands: "for Ana", "Tom: ...", "..., Priya".
fn is_name(surface: &Surface<'_>, at: usize) -> bool {
    const BEFORE: &[&str] = &[
        "for", "from", "name", "names", "im", "is", "its", "hi", "hey", "hello", "dear", "mr", "mrs", "ms",
        "miss", "to", "and", "fur", "pour", "para", "de", "von", "cheers", "thanks", "regards", "love",
    ];
    let text = |at: usize| surface.tokens.get(at).map(|token| token.text.as_str());
    let capital = surface.words(at, at + 1).starts_with(char::is_uppercase);
    let shape = |at: usize| surface.marks.get(at).map(|mark| mark.shape);
    let before = at.checked_sub(1);
    let headed = matches!(shape(at + 1), Some(Shape::Colon));
    let signed = shape(at + 1).is_none_or(|shape| shape.is_end())
        && before.and_then(shape).is_some_and(|shape| shape.is_mark());
    let named = before.and_then(text).is_some_and(|word| BEFORE.contains(&word));
    headed || (capital && (signed || named))
}

/// A number that counts nothing to eat, by what stands beside it: "table 4", "8 pm", "for 3 of us".
fn is_other_number(surface: &Surface<'_>, at: usize) -> bool {
    let has = |at: Option<usize>, classes: Classes| {
        at.and_then(|at| surface.marks.get(at)).is_some_and(|mark| mark.classes.has(classes))
    };
    let shape = |at: Option<usize>| at.and_then(|at| surface.marks.get(at)).map(|mark| mark.shape);
    // "$20", "#4471", "dinner for 11: ..."
    let signed = shape(at.checked_sub(1)) == Some(Shape::Sign);
    let headed = shape(Some(at + 1)) == Some(Shape::Colon);
    signed
        || headed
        || has(at.checked_sub(1), Classes::NUMBER_BEFORE)
        || has(Some(at + 1), Classes::NUMBER_AFTER)
}

/// "12 Birch Lane": a number before the name of a street, or the name.
fn is_address(surface: &Surface<'_>, at: usize) -> bool {
    const LONGEST: usize = 4;
    let rest = surface.marks.iter().skip(at + 1).take(LONGEST);
    let street = rest.take_while(|m| !m.shape.is_mark() && !m.shape.is_food() && m.number.is_none());
    street.into_iter().any(|mark| mark.classes.has(Classes::ADDRESS))
}

/// "1 (one)", "two (2)": the number beside it counts already.
fn is_said_twice(surface: &Surface<'_>, tags: &[Tag], at: usize) -> bool {
    const NEAR: usize = 2;
    let near = at.saturating_sub(NEAR)..(at + NEAR + 1).min(tags.len());
    near.filter(|other| *other != at && tags[*other].is_number())
        .any(|other| surface.marks[other].number == surface.marks[at].number)
}

/// Whether each word stands in a sentence that orders something.
fn ordering(surface: &Surface<'_>, tags: &[Tag]) -> Vec<bool> {
    let mut out = vec![false; tags.len()];
    for sentence in surface.sentences() {
        let orders = tags[sentence.clone()].iter().any(|tag| {
            !matches!(*tag, Tag::TALK | Tag::INSIDE | Tag::NUMBER_ON | Tag::SIZE_ON | Tag::TOLD | Tag::UNDO)
        });
        out[sentence].fill(orders);
    }
    out
}

/// Words without a role that are more than politeness: before the first thing that a sentence orders, between such
/// things, and behind the last; and words that stand for things in sentences that order nothing.
fn idle(surface: &Surface<'_>, tags: &[Tag]) -> [f32; 4] {
    let said = |at: usize| {
        let mark = &surface.marks[at];
        tags[at] == Tag::TALK && !mark.shape.is_mark() && !mark.classes.has(TALK)
    };
    let mut out = [0.0; 4];
    for sentence in surface.sentences() {
        let roles = || sentence.clone().filter(|at| tags[*at] != Tag::TALK);
        let Some((first, last)) = roles().next().zip(roles().next_back()) else {
            let things = Classes::PRONOUN.or(Classes::ALL_OF).or(Classes::SAME).or(Classes::OTHERS);
            out[3] += surface.marks[sentence].iter().filter(|mark| mark.classes.has(things)).count() as f32;
            continue;
        };
        for (sum, part) in out.iter_mut().zip([sentence.start..first, first..last, last..sentence.end]) {
            *sum += part.filter(|at| said(*at)).count() as f32;
        }
    }
    out
}

/// The signs of a reading.
pub fn signs(
    surface: &Surface<'_>,
    resolver: &Resolver<'_>,
    observed: &Observed,
    sureness: Sureness,
    second: &Second,
) -> Signs {
    let (tags, order) = (&observed.tags[..], &observed.order);
    let marks = &surface.marks;
    let ordering = ordering(surface, tags);
    let count = |test: &dyn Fn(usize) -> bool| (0..tags.len()).filter(|at| test(*at)).count() as f32;
    let soft = |count: f32| (1.0 + count).ln();
    let lines =
        |test: &dyn Fn(&crate::order::Line) -> bool| order.lines.iter().filter(|l| test(l)).count() as f32;
    let by = |by: By| soft(lines(&|line| matches!(line.meant, Meant::Item { by: b, .. } if b == by)));
    let wishes = |test: &dyn Fn(&crate::order::Wish) -> bool| {
        order.lines.iter().flat_map(|line| &line.wishes).filter(|wish| test(wish)).count() as f32
    };
    let role = |tag: Tag| soft(tags.iter().filter(|t| **t == tag).count() as f32);
    let reach = |reach: Reach| {
        soft(tags.iter().filter(|t| t.as_wish().is_some_and(|(_, r)| r == reach)).count() as f32)
    };
    let number = |at: usize| marks[at].number.is_some_and(|n| n > 1) && !marks[at].shape.is_food();
    let guessed =
        chunks(tags).iter().filter(|chunk| resolver.guessed(surface, chunk.first, chunk.end)).count() as f32;
    let strange = chunks(tags)
        .iter()
        .filter(|chunk| {
            chunk.tag != Tag::TOLD && chunk.tag.as_wish().is_none_or(|(op, _)| op != ModifierOp::Note)
        })
        .map(|chunk| resolver.strange(surface, chunk.first, chunk.end).len())
        .sum::<usize>() as f32;
    let idle = idle(surface, tags).map(soft);
    let own: [f32; OWN] = [
        1.0,
        sureness.share,
        -(1.0 - sureness.share + 1e-3).ln() / 3.0,
        ((sureness.share + 1e-3) / (sureness.next + 1e-3)).ln() / 3.0,
        (sureness.kind / 3.0).clamp(-2.0, 3.0),
        soft(count(&|at| ordering[at] && tags[at] == Tag::TALK && marks[at].shape == Shape::Unknown)),
        soft(count(&|at| !ordering[at] && tags[at] == Tag::TALK && marks[at].shape == Shape::Unknown)),
        soft(count(&|at| ordering[at] && tags[at] == Tag::TALK && number(at))),
        soft(count(&|at| !ordering[at] && tags[at] == Tag::TALK && number(at))),
        soft(count(&|at| ordering[at] && tags[at] == Tag::TALK && marks[at].shape.is_food())),
        soft(count(&|at| {
            ordering[at]
                && tags[at] == Tag::TALK
                && marks[at].shape == Shape::Language
                && !marks[at].classes.has(TALK)
        })),
        by(By::Part),
        by(By::Plain),
        by(By::Context),
        by(By::Description),
        soft(guessed),
        soft(strange),
        soft(wishes(&|wish| !wish.thing.option && wish.op != ModifierOp::Note)),
        soft(wishes(&|wish| wish.thing.open)),
        soft(wishes(&|wish| wish.op == ModifierOp::Note)),
        role(Tag::SHARE) + role(Tag::AGAIN),
        role(Tag::REFER) + role(Tag::UNDO),
        role(Tag::TOLD) + role(Tag::HEAD),
        reach(Reach::All),
        reach(Reach::Ahead),
        soft(lines(&|_| true)),
        soft(tags.len() as f32) / 2.0,
        f32::from(surface.language != 0),
        f32::from(second.kind == Some(Kind::Order)),
        observed.by_roles,
        -(1.0 - observed.by_roles + 1e-3).max(1e-3).ln() / 3.0,
        soft(observed.orders as f32),
        f32::from(observed.first),
        -5.0 * observed.each,
        soft(count(&|at| marks[at].shape == Shape::Unknown)),
        count(&|at| {
            marks[at].shape == Shape::Unknown || (marks[at].word != 0 && marks[at].classes == Classes::PLAIN)
        }) / tags.len().max(1) as f32,
        idle[0],
        idle[1],
        idle[2],
        idle[3],
    ];
    let mut signs = [0.0; SIGNS];
    for (sign, value) in signs.iter_mut().zip(own.into_iter().chain(observed.points.map(soft))) {
        *sign = value;
    }
    signs
}

/// How likely the reading is right, from 0 to 1.
pub fn weigh(signs: &Signs, weights: &[f32]) -> f32 {
    let sum: f32 = signs.iter().zip(weights).map(|(sign, weight)| sign * weight).sum();
    1.0 / (1.0 + (-sum).exp())
}
