//! What a reading looks like as a whole: which phrases it finds, what they turned out to be, and what it leaves aside.
//!
//! Roles are given word by word, before anybody knows what the phrases mean; these patterns are taken from the order
//! that came of them. None of them holds a dish's name.

use std::ops::Range;

use contracts::ModifierOp;
use text::Classes;

use crate::features::{Feature, hash, lexeme};
use crate::order::{Chunk, Line, Order};
use crate::resolve::Meant;
use crate::surface::{Mark, Surface};
use crate::tag::Tag;

/// The patterns of a reading.
pub fn of(surface: &Surface<'_>, tags: &[Tag], chunks: &[Chunk], order: &Order) -> Vec<Feature> {
    let found = chunks.iter().map(|chunk| found(chunk, order)).collect();
    let mut patterns = Patterns { surface, tags, chunks, found, out: Vec::new() };
    (0..patterns.chunks.len()).for_each(|place| patterns.chunk(place));
    surface.sentences().for_each(|sentence| patterns.sentence(sentence));
    order.lines.iter().for_each(|line| patterns.line(line));
    patterns.emit(232, &[order.lines.len().min(6) as u64]);
    patterns.out
}

/// Patterns, while they are collected.
struct Patterns<'a> {
    surface: &'a Surface<'a>,
    tags: &'a [Tag],
    chunks: &'a [Chunk],
    /// What each chunk turned out to be.
    found: Vec<u64>,
    out: Vec<Feature>,
}

impl Patterns<'_> {
    fn emit(&mut self, template: u64, values: &[u64]) {
        self.out.push(hash(template, values));
    }

    fn mark(&self, at: Option<usize>) -> Option<&Mark> {
        at.and_then(|at| self.surface.marks.get(at))
    }

    fn lexeme(&self, at: Option<usize>) -> u64 {
        lexeme(self.mark(at))
    }

    fn shape(&self, at: usize) -> u64 {
        self.mark(Some(at)).map_or(0, |mark| mark.shape as u64 + 1)
    }

    /// The role of a chunk and what it turned out to be.
    fn role(&self, place: Option<usize>) -> (u64, u64) {
        const NONE: (u64, u64) = (99, 99);
        let role = |place: usize| Some((u64::from(self.chunks.get(place)?.tag.0), self.found[place]));
        place.and_then(role).unwrap_or(NONE)
    }

    /// A phrase with its neighbours.
    fn chunk(&mut self, place: usize) {
        let Chunk { first, end, .. } = self.chunks[place];
        let before = place.checked_sub(1);
        let ((tag, what), (prior, prior_what)) = (self.role(Some(place)), self.role(before));
        let (next, next_what) = self.role(Some(place + 1));
        let gap_from = before.map_or(0, |before| self.chunks[before].end);
        let gap = first - gap_from;
        let gap_words = match gap {
            0 => 1,
            1 => self.lexeme(Some(gap_from)),
            2 => self.lexeme(Some(gap_from)) ^ self.lexeme(Some(gap_from + 1)).rotate_left(17),
            _ => 2,
        };
        let length = (end - first).min(4) as u64;
        self.emit(200, &[tag, what, length]);
        self.emit(201, &[tag, what, prior, prior_what]);
        self.emit(202, &[tag, what, prior, gap_words]);
        self.emit(203, &[tag, self.lexeme(first.checked_sub(1))]);
        self.emit(204, &[tag, self.lexeme(Some(end))]);
        self.emit(205, &[tag, prior, next]);
        self.emit(206, &[tag, what, next, next_what]);
        self.emit(207, &[tag, self.shape(first), self.shape(end - 1), length]);
        self.emit(208, &[tag, prior, gap.min(4) as u64]);
        self.words(tag, first, end);
    }

    /// The words of a phrase, and the one behind it that might have belonged to it.
    fn words(&mut self, tag: u64, first: usize, end: usize) {
        for at in first..end {
            self.emit(209, &[tag, self.lexeme(Some(at)), u64::from(at == first)]);
            if let Some(tie) = self.mark(Some(at)).filter(|_| at > first).map(|mark| mark.tie as u64) {
                self.emit(210, &[tag, tie, self.shape(at - 1), self.shape(at)]);
            }
        }
        if let Some(tie) =
            self.mark(Some(end)).filter(|mark| mark.shape.is_food()).map(|mark| mark.tie as u64)
        {
            self.emit(211, &[tag, tie, self.shape(end), u64::from(self.tags[end].0)]);
        }
    }

    /// How a sentence begins, and what it leaves aside where it orders.
    fn sentence(&mut self, sentence: Range<usize>) {
        let tags = &self.tags[sentence.clone()];
        let orders = tags.iter().any(|tag| *tag == Tag::ITEM || *tag == Tag::AGAIN);
        let any = tags.iter().any(|tag| *tag != Tag::TALK);
        self.emit(220, &[self.lexeme(Some(sentence.start)), u64::from(orders), u64::from(any)]);
        for at in sentence.filter(|_| orders) {
            if self.tags[at] == Tag::TALK && !self.surface.marks[at].classes.has(Classes::ARTICLE) {
                self.emit(221, &[self.lexeme(Some(at))]);
                self.emit(222, &[self.lexeme(at.checked_sub(1)), self.lexeme(Some(at))]);
            }
        }
    }

    fn line(&mut self, line: &Line) {
        let wishes = line.wishes.len().min(4) as u64;
        self.emit(230, &[u64::from(line.count.min(6)), wishes, u64::from(line.size.is_some())]);
        let ops = line.wishes.iter().fold(0_u64, |set, wish| set | 1 << (wish.op as u64));
        self.emit(231, &[ops, kind_of(&line.meant)]);
    }
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
