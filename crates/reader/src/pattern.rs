//! What a reading looks like as a whole: which phrases it finds, what they turned out to be, and what it leaves aside.
//!
//! Roles are given word by word, before anybody knows what the phrases mean; these patterns are taken from the order
//! that came of them. None of them holds a dish's name.

use contracts::ModifierOp;
use text::Classes;

use crate::features::{Feature, hash, lexeme};
use crate::order::{Chunk, Order, chunks};
use crate::resolve::Meant;
use crate::surface::Surface;
use crate::tag::Tag;

/// The patterns of a reading.
pub fn of(surface: &Surface<'_>, tags: &[Tag], order: &Order) -> Vec<Feature> {
    let mut out = Vec::new();
    let chunks = chunks(tags);
    let found: Vec<u64> = chunks.iter().map(|chunk| found(chunk, order)).collect();
    let marks = &surface.marks;
    let lex = |at: Option<usize>| lexeme(at.and_then(|at| marks.get(at)));
    let shape = |at: Option<usize>| at.and_then(|at| marks.get(at)).map_or(0, |mark| mark.shape as u64 + 1);
    for (place, chunk) in chunks.iter().enumerate() {
        let (tag, what) = (u64::from(chunk.tag.0), found[place]);
        let length = (chunk.end - chunk.first).min(4) as u64;
        let before = place.checked_sub(1);
        let (prior, prior_what) = before.map_or((99, 99), |b| (u64::from(chunks[b].tag.0), found[b]));
        let (next, next_what) =
            chunks.get(place + 1).map_or((99, 99), |c| (u64::from(c.tag.0), found[place + 1]));
        let gap_from = before.map_or(0, |b| chunks[b].end);
        let gap = chunk.first - gap_from;
        let gap_words: u64 = match gap {
            0 => 1,
            1 => lex(Some(gap_from)),
            2 => lex(Some(gap_from)) ^ lex(Some(gap_from + 1)).rotate_left(17),
            _ => 2,
        };
        let mut emit = |template: u64, values: &[u64]| out.push(hash(template, values));
        emit(200, &[tag, what, length]);
        emit(201, &[tag, what, prior, prior_what]);
        emit(202, &[tag, what, prior, gap_words]);
        emit(203, &[tag, lex(chunk.first.checked_sub(1))]);
        emit(204, &[tag, lex(Some(chunk.end))]);
        emit(205, &[tag, prior, next]);
        emit(206, &[tag, what, next, next_what]);
        emit(207, &[tag, shape(Some(chunk.first)), shape(Some(chunk.end - 1)), length]);
        emit(208, &[tag, prior, gap.min(4) as u64]);
        for at in chunk.first..chunk.end {
            emit(209, &[tag, lex(Some(at)), u64::from(at == chunk.first)]);
            if at > chunk.first {
                emit(210, &[tag, marks[at].tie as u64, shape(Some(at - 1)), shape(Some(at))]);
            }
        }
        // What stands right behind and might have belonged to it.
        let behind = marks.get(chunk.end).filter(|mark| mark.shape.is_food());
        if let Some(mark) = behind {
            emit(211, &[tag, mark.tie as u64, shape(Some(chunk.end)), u64::from(tags[chunk.end].0)]);
        }
    }
    for sentence in surface.sentences() {
        let orders = tags[sentence.clone()].iter().any(|tag| *tag == Tag::ITEM || *tag == Tag::AGAIN);
        let any = tags[sentence.clone()].iter().any(|tag| *tag != Tag::TALK);
        let first = lex(Some(sentence.start));
        out.push(hash(220, &[first, u64::from(orders), u64::from(any)]));
        if orders {
            for at in
                sentence.filter(|at| tags[*at] == Tag::TALK && !marks[*at].classes.has(Classes::ARTICLE))
            {
                out.push(hash(221, &[lex(Some(at))]));
                out.push(hash(222, &[lex(at.checked_sub(1)), lex(Some(at))]));
            }
        }
    }
    for line in &order.lines {
        let wishes = line.wishes.len().min(4) as u64;
        out.push(hash(230, &[u64::from(line.count.min(6)), wishes, u64::from(line.size.is_some())]));
        let ops = line.wishes.iter().fold(0_u64, |set, wish| set | 1 << (wish.op as u64));
        out.push(hash(231, &[ops, kind_of(&line.meant)]));
    }
    out.push(hash(232, &[order.lines.len().min(6) as u64]));
    out
}

fn kind_of(meant: &Meant) -> u64 {
    match meant {
        Meant::Item { by, .. } => 1 + *by as u64,
        Meant::Open(_) => 10,
        Meant::Partly(_) => 11,
        Meant::Nothing => 12,
    }
}

/// What a phrase turned out to be.
fn found(chunk: &Chunk, order: &Order) -> u64 {
    let here = |first: usize| (chunk.first..chunk.end).contains(&first);
    if chunk.tag == Tag::ITEM {
        return order.lines.iter().find(|line| here(line.words.0)).map_or(20, |line| kind_of(&line.meant));
    }
    if chunk.tag.as_wish().is_some() {
        let mut wishes = order.lines.iter().flat_map(|line| &line.wishes);
        return wishes.find(|wish| here(wish.words.0)).map_or(40, |wish| {
            let thing = &wish.thing;
            let flags = [thing.option, thing.in_house, thing.open, thing.part, wish.op == ModifierOp::Note];
            flags.iter().fold(1, |sum, flag| sum * 2 + u64::from(*flag)) + 40
        });
    }
    0
}
