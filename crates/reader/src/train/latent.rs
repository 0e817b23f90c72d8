//! Finds the roles behind a label: those readings whose order is the labelled one, and of them the likeliest.
//!
//! A label says what was ordered, not which word does what. Scores of the roles, by rules of thumb at first and by
//! the model's own later, are pushed towards what the label speaks of, and the best readings are tried one by one.

use contracts::ModifierOp;
use text::{Classes, tokens};

use super::gold::{Message, Restaurant, is_right, wish_words};
use crate::Kind;
use crate::decode::{Lattice, NEVER, allowed, allowed_at};
use crate::order::assemble;
use crate::resolve::Resolver;
use crate::surface::{Mark, Shape, Surface};
use crate::tag::{Reach, Tag};
use crate::weights::{WIDTH, Weights, sort};

/// Roles that fall behind the best one by more are not tried.
const BEAM: f32 = 7.0;

/// What a label says about each word.
#[derive(Debug, Clone, Default)]
struct Hint {
    /// It names an item of the order.
    item: bool,
    /// It names a wish of the order: as bits of the wishes' ops.
    wish: u8,
    /// It is of what is not sold.
    unsold: bool,
    /// It is of a wish about preparation.
    note: bool,
}

const OPS: [ModifierOp; 5] =
    [ModifierOp::Add, ModifierOp::Remove, ModifierOp::Extra, ModifierOp::Light, ModifierOp::Note];

/// The roles of a message, if some reading gives its label.
pub fn roles(
    restaurant: &Restaurant,
    message: &Message,
    surface: &Surface<'_>,
    model: Option<&Weights>,
    tries: usize,
) -> Option<Vec<Tag>> {
    if message.kind() != Kind::Order {
        return Some(talk(surface));
    }
    let resolver = Resolver::new(&restaurant.lexicon, &restaurant.names);
    let hints = hints(restaurant, message, surface);
    let mut lattice = match model {
        Some(weights) => Lattice::of(surface, weights),
        None => Lattice {
            scores: vec![[0.0; WIDTH]; surface.marks.len()],
            sorts: surface.marks.iter().map(|mark| sort(mark.shape)).collect(),
        },
    };
    let changes = model.map(|weights| weights.changes.clone()).unwrap_or_else(thumb_changes);
    let rules = if model.is_some() { 0.3 } else { 1.0 };
    for (at, hint) in hints.iter().enumerate() {
        let prior = prior(surface, message, at);
        let row = &mut lattice.scores[at];
        for tag in Tag::all() {
            let own = &mut row[tag.index()];
            let hinted = hinted(hint, &surface.marks[at], message, tag);
            *own = match allowed_at(surface, at, tag) && hinted > NEVER / 2.0 {
                true => *own + rules * prior[tag.index()] + hinted,
                false => NEVER,
            };
        }
        let best = row.iter().copied().fold(f32::MIN, f32::max);
        for score in row.iter_mut() {
            if *score < best - BEAM {
                *score = NEVER;
            }
        }
    }
    lattice.best(&changes, tries).into_iter().map(|reading| reading.tags).find(|tags| {
        let order = assemble(surface, &resolver, tags);
        order.misfits.is_empty()
            && (order.unsold.is_empty() || message.off_menu)
            && is_right(message, &order, &restaurant.lexicon)
    })
}

/// Nothing is ordered: what is on the menu is told of.
fn talk(surface: &Surface<'_>) -> Vec<Tag> {
    let mut before = Tag::TALK;
    surface
        .marks
        .iter()
        .map(|mark| {
            let told = match mark.shape {
                Shape::Item | Shape::Option | Shape::Either => true,
                Shape::ItemPart | Shape::OptionPart | Shape::EitherPart => mark.classes == Classes::NONE,
                Shape::Size => false,
                shape => shape.goes_on() && before != Tag::TALK,
            };
            before = match (told || (mark.shape.goes_on() && mark.joined), before) {
                _ if !allowed(mark, Tag::TALK) && !told => Tag::TOLD,
                (true, Tag::TOLD | Tag::INSIDE) => Tag::INSIDE,
                (true, _) => Tag::TOLD,
                (false, _) => Tag::TALK,
            };
            before
        })
        .collect()
}

/// Words of a name: their numbers in the lexicon, and their stems.
type Named = Vec<(Option<u32>, String)>;

fn hints(restaurant: &Restaurant, message: &Message, surface: &Surface<'_>) -> Vec<Hint> {
    let lexicon = &restaurant.lexicon;
    let menu = lexicon.menu();
    let mut items: Vec<String> = Vec::new();
    let mut wishes: Vec<(u8, bool, String)> = Vec::new();
    for item in &message.items {
        items.push(item.item.clone());
        if let Some(known) = menu.items.iter().find(|i| i.name == item.item) {
            items.extend(known.aliases.iter().cloned());
        }
        for wish in &item.modifiers {
            let mut ops = 0;
            for op in std::iter::once(&wish.op).chain(&wish.any_op) {
                ops |= OPS.iter().position(|o| o == op).map_or(0, |at| 1 << at);
            }
            let note = wish.op == ModifierOp::Note;
            for name in std::iter::once(&wish.name).chain(&wish.any_of) {
                wishes.push((ops, note, name.clone()));
                for option in menu.options.iter().filter(|o| o.name == *name) {
                    wishes.extend(option.aliases.iter().map(|alias| (ops, note, alias.clone())));
                }
            }
        }
    }
    // As numbers of the lexicon, so that slips and other spellings meet.
    let words = |name: &str| -> Named {
        tokens(name).iter().map(|t| (lexicon.known(t).map(|k| k.word), t.stem.clone())).collect()
    };
    let item_words: Named = items.iter().flat_map(|name| words(name)).collect();
    let wish_words_of: Vec<(u8, bool, Named)> =
        wishes.iter().map(|(ops, note, name)| (*ops, *note, words(name))).collect();
    let unsold: Vec<String> = message.off_menu_items.iter().flat_map(|name| wish_words(name)).collect();
    surface
        .marks
        .iter()
        .zip(&surface.tokens)
        .map(|(mark, token)| {
            let is = |(number, stem): &(Option<u32>, String)| {
                (number.is_some() && mark.known.map(|k| k.word) == *number) || *stem == token.stem
            };
            let mut hint = Hint {
                item: item_words.iter().any(is),
                unsold: unsold.contains(&token.stem),
                ..Hint::default()
            };
            for (ops, note, words) in &wish_words_of {
                if words.iter().any(is) && !mark.shape.is_mark() {
                    hint.wish |= ops;
                    hint.note |= note;
                }
            }
            hint
        })
        .collect()
}

/// What the label adds to a role's score.
fn hinted(hint: &Hint, mark: &Mark, message: &Message, tag: Tag) -> f32 {
    let function = !mark.shape.is_food() && mark.classes.has(Classes::ARTICLE.or(Classes::JOIN));
    match tag {
        Tag::UNSOLD => match hint.unsold && !function {
            true => 4.0,
            false if message.off_menu && mark.shape == Shape::Unknown => -1.0,
            false => NEVER,
        },
        Tag::ITEM => match (hint.item, mark.shape.is_food()) {
            (true, _) => 2.0,
            (false, true) => -3.0,
            (false, false) => -4.0,
        },
        Tag::INSIDE if hint.unsold && !function => 3.0,
        Tag::INSIDE if hint.item || hint.wish != 0 => 1.5,
        Tag::TALK if hint.note && !function => -1.0,
        Tag::TALK if hint.unsold && !function => -2.0,
        Tag::TOLD if hint.item || hint.wish != 0 || hint.unsold => -1.5,
        Tag::SIZE | Tag::SIZE_BACK => match message.items.iter().any(|i| i.size.is_some()) {
            true => 0.5,
            false => -0.5,
        },
        _ => match tag.as_wish() {
            Some((op, reach)) => {
                let bit = OPS.iter().position(|o| *o == op).map_or(0, |at| 1 << at);
                let asked = message.items.iter().flat_map(|i| &i.modifiers).any(|w| {
                    w.op == op
                        || w.any_op.contains(&op)
                        || (w.op == ModifierOp::Note && op == ModifierOp::Add)
                });
                match (asked, hint.wish & bit != 0 && !function) {
                    (false, _) => NEVER,
                    (true, false) => -4.0,
                    (true, true) => match reach {
                        Reach::Back => 2.5,
                        Reach::Ahead => 1.7,
                        Reach::All => 1.4,
                    },
                }
            }
            None => 0.0,
        },
    }
}

/// Rules of thumb, for the first round only.
fn prior(surface: &Surface<'_>, message: &Message, at: usize) -> [f32; WIDTH] {
    let marks = &surface.marks;
    let mark = &marks[at];
    let mut row = [0.0; WIDTH];
    let mut set = |tag: Tag, score: f32| row[tag.index()] = score;
    for tag in [Tag::AGAIN, Tag::REFER, Tag::UNDO, Tag::SHARE, Tag::DOSES, Tag::HEAD] {
        set(tag, -2.0);
    }
    let food_ahead =
        marks[at + 1..].iter().take(4).take_while(|m| !m.shape.is_end()).any(|m| m.shape.is_item());
    let sized = mark.classes.has(Classes::SIZE) || mark.shape == Shape::Size;
    if !sized {
        set(Tag::SIZE, -5.0);
        set(Tag::SIZE_BACK, -5.0);
    } else if food_ahead {
        set(Tag::SIZE, 2.0);
        set(Tag::SIZE_BACK, 0.5);
    } else {
        set(Tag::SIZE_BACK, 1.5);
    }
    let number = mark.number.filter(|_| !mark.shape.is_food());
    if let Some(number) = number {
        let wanted = message.items.iter().any(|item| item.quantity == number);
        let worth = if wanted { 1.5 } else { -0.5 };
        let pronoun = mark.classes.has(Classes::PRONOUN) || number == 1;
        set(Tag::COUNT, worth + if food_ahead { 1.0 } else { -1.0 });
        set(Tag::COUNT_BACK, worth - 0.5 + if food_ahead { -0.5 } else { 0.5 });
        set(Tag::SHARE, if split(message) { worth } else { -3.0 });
        set(Tag::AGAIN, if pronoun { -1.0 } else { -4.0 });
        set(Tag::TALK, if wanted { 0.0 } else { 0.8 });
        set(
            Tag::DOSES,
            if message.items.iter().flat_map(|i| &i.modifiers).any(|w| w.count == number && number > 1) {
                2.0
            } else {
                -4.0
            },
        );
        set(Tag::INSIDE, -1.5);
        set(Tag::TOLD, -3.0);
        set(Tag::ITEM, -6.0);
    } else if mark.shape.is_food() {
        set(Tag::TALK, if mark.classes == Classes::NONE { -1.0 } else { 0.5 });
        set(Tag::AGAIN, -6.0);
        set(Tag::SHARE, -6.0);
        set(Tag::INSIDE, if mark.shape.goes_on() { 2.0 } else { 0.0 });
    } else {
        set(Tag::TALK, 1.5);
        set(Tag::TOLD, -2.0);
        set(Tag::UNDO, -4.0);
        set(Tag::HEAD, -4.0);
        set(Tag::REFER, if mark.classes.has(Classes::PRONOUN) { -2.5 } else { -4.5 });
        set(
            Tag::AGAIN,
            if mark.classes.has(Classes::PRONOUN.or(Classes::SAME).or(Classes::OTHERS)) {
                -0.5
            } else {
                -5.0
            },
        );
        set(Tag::SHARE, if split(message) { -0.5 } else { -4.0 });
        set(Tag::NUMBER_ON, -1.0);
    }
    row
}

/// Whether one thing is ordered in different ways.
fn split(message: &Message) -> bool {
    let items = &message.items;
    items.iter().enumerate().any(|(at, item)| items[..at].iter().any(|other| other.item == item.item))
}

/// Rules of thumb about neighbours: what stands together belongs together.
fn thumb_changes() -> Vec<f32> {
    let mut changes = vec![0.0; 4 * WIDTH * WIDTH];
    for sort in 0..4 {
        for tag in Tag::all() {
            changes[crate::weights::change(sort, tag, Tag::INSIDE)] = 0.8;
        }
        changes[crate::weights::change(sort, Tag::COUNT, Tag::ITEM)] = 0.5;
        changes[crate::weights::change(sort, Tag::ITEM, Tag::ITEM)] = -0.7;
    }
    changes
}
