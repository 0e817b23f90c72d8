//! Which of the best readings makes the best sense as an order: what roles alone cannot see.

use contracts::ModifierOp;
use text::Classes;

use crate::order::{Order, chunks};
use crate::resolve::{By, Meant, Resolver};
use crate::second::{Agreement, Second};
use crate::surface::{Shape, Surface};
use crate::tag::Tag;

/// How many points of sense there are.
pub const POINTS: usize = 28;

/// What speaks against a reading as an order, as counts.
pub type Points = [f32; POINTS];

/// Counts what speaks against a reading.
pub fn points(
    surface: &Surface<'_>,
    resolver: &Resolver<'_>,
    tags: &[Tag],
    order: &Order,
    second: &Second,
) -> Points {
    let mut points = [0.0; POINTS];
    let agreement = second.agreement(resolver, order);
    points[24] = f32::from(u8::from(agreement == Agreement::Whole));
    points[25] = f32::from(u8::from(agreement >= Agreement::Items));
    points[26] = f32::from(u8::from(second.doubted));
    points[27] = f32::from(u8::from(agreement == Agreement::None && !second.lines.is_empty()));
    points[0] = order.misfits.len() as f32;
    points[1] = order.unsold.len() as f32;
    points[2] = f32::from(order.lines.is_empty());
    for (at, line) in order.lines.iter().enumerate() {
        match &line.meant {
            Meant::Open(_) => points[3] += 1.0,
            Meant::Partly(_) => points[4] += 1.0,
            Meant::Nothing => points[5] += 1.0,
            Meant::Item { by: By::Part, .. } => points[6] += 1.0,
            Meant::Item { by: By::Description, .. } => points[7] += 1.0,
            Meant::Item { by: By::Context, .. } => points[8] += 1.0,
            Meant::Item { .. } => {}
        }
        let again = |other: &crate::order::Line| other.meant == line.meant && other.words != line.words;
        if order.lines[..at].iter().any(again) {
            points[9] += 1.0;
        }
        let Meant::Item { item, .. } = line.meant else { continue };
        for wish in &line.wishes {
            let has = resolver.has(item, surface, wish.words.0, wish.words.1);
            match wish.op {
                ModifierOp::Remove | ModifierOp::Light if !has && !wish.thing.option => points[10] += 1.0,
                ModifierOp::Remove | ModifierOp::Light if !has => points[11] += 1.0,
                ModifierOp::Add if !wish.thing.option && !wish.thing.in_house => points[12] += 1.0,
                ModifierOp::Add if !wish.thing.option => points[13] += 1.0,
                ModifierOp::Extra if !has && !wish.thing.option => points[14] += 1.0,
                _ => {}
            }
            points[15] += f32::from(u8::from(wish.thing.open));
        }
    }
    for (at, tag) in tags.iter().enumerate() {
        let mark = &surface.marks[at];
        if *tag == Tag::TALK && mark.number.is_some_and(|n| n > 1) && !mark.shape.is_food() {
            points[16] += 1.0;
        }
    }
    told(surface, tags, &mut points);
    for chunk in chunks(tags).iter().filter(|chunk| chunk.tag == Tag::ITEM) {
        let strange = surface.marks[chunk.first..chunk.end].iter().filter(|m| m.shape == Shape::Unknown);
        points[17] += strange.count() as f32;
        let words = &surface.marks[chunk.first..chunk.end];
        let broken = Classes::REMOVE.or(Classes::CORRECT).or(Classes::INSTEAD).or(Classes::EXTRA);
        points[18] += words.iter().filter(|m| !m.shape.is_food() && m.classes.has(broken)).count() as f32;
        points[19] += words.iter().filter(|m| !m.shape.is_food()).count() as f32;
    }
    points
}

/// Food that is only told of, with and without a word that says why; and food that is nothing.
fn told(surface: &Surface<'_>, tags: &[Tag], points: &mut Points) {
    let why = Classes::PAST
        .or(Classes::UNWANTED)
        .or(Classes::CORRECT)
        .or(Classes::REMOVE)
        .or(Classes::HYPOTHETICAL)
        .or(Classes::INSTEAD)
        .or(Classes::CANCEL);
    let mut from = 0;
    for at in 0..=tags.len() {
        if at < tags.len() && !surface.marks[at].shape.is_end() {
            continue;
        }
        let marks = &surface.marks[from..at];
        let said = marks.iter().any(|mark| !mark.shape.is_food() && mark.classes.has(why));
        let orders = tags[from..at].iter().any(|tag| *tag == Tag::ITEM || *tag == Tag::COUNT);
        for (mark, tag) in marks.iter().zip(&tags[from..at]) {
            match (*tag, mark.shape.is_food()) {
                (Tag::TOLD, true) if said => points[20] += 1.0,
                (Tag::TOLD, true) if orders => points[21] += 1.0,
                (Tag::TOLD, true) => points[22] += 1.0,
                (Tag::TALK, true) => points[23] += 1.0,
                _ => {}
            }
        }
        from = at + 1;
    }
}

/// What the points take from a reading's score.
pub fn sense(points: &Points, weights: &Points) -> f32 {
    points.iter().zip(weights).map(|(point, weight)| point * weight).sum()
}
