//! Which of the best readings makes the best sense as an order: what roles alone cannot see.

use std::ops::Range;

use contracts::ModifierOp;
use text::Classes;
use text::key::KeyMap;

use crate::Candidate;
use crate::order::{Chunk, Line, Order, Wish};
use crate::resolve::{By, Meant, Resolver};
use crate::second::{Agreement, Second};
use crate::surface::{Mark, Shape, Surface};
use crate::tag::{Reach, Tag};

/// Something that speaks for or against a reading; how much, is learned.
#[derive(Debug, Clone, Copy)]
#[repr(usize)]
enum Point {
    /// A number, wish or word that belongs to nothing.
    Misfit,
    /// Ordered and not sold.
    Unsold,
    /// No line at all.
    Empty,
    /// Several items could be meant.
    Open,
    /// Not all words of the phrase belong to an item.
    Partly,
    /// A phrase that is nothing on the menu.
    Nothing,
    /// An item by a part of its name.
    ByPart,
    /// An item by its description.
    ByDescription,
    /// An item by what was spoken of before.
    ByContext,
    /// The same item on two lines, in different words.
    Twice,
    /// Taken off or less of what neither item nor options have.
    OffNowhere,
    /// Taken off or less of an option that the item doesn't have.
    OffOption,
    /// Added, and nowhere in the house.
    AddedNowhere,
    /// Added, no option, but somewhere in the house.
    AddedSomewhere,
    /// More of what neither item nor options have.
    MoreNowhere,
    /// A wish for one of several options.
    OpenWish,
    /// A number above one without a role.
    IdleNumber,
    /// Words of an item's phrase that nobody knows.
    StrangeInItem,
    /// "without", "actually", "instead" inside an item's phrase.
    BrokenItem,
    /// Words of an item's phrase that are no food.
    OtherInItem,
    /// Food told of, in a sentence that says why.
    ToldWithReason,
    /// Food told of in a sentence that orders.
    ToldInOrder,
    /// Food told of elsewhere.
    Told,
    /// Food without any role.
    IdleFood,
    /// The rules read the very same.
    AgreesWhole,
    /// The rules read the same items.
    AgreesItems,
    /// The rules have doubts.
    Doubted,
    /// The rules read other items.
    Disagrees,
    /// "without", "extra", "less", "instead" and no wish behind it.
    IdleCue,
    /// "both", "each", "all" without effect.
    IdleAll,
    /// "the same", "the others", "half" without effect.
    IdleSame,
    /// A count that is a size of the menu: "six wings" where they come by 6 and 12.
    CountIsSize,
    /// Added without a word that says so, though it can be an item by itself.
    ItemAddedBare,
    /// Added, though it can be an item by itself.
    ItemAdded,
    /// Added to what has it.
    AddedAgain,
    /// One word of an item's name that the name doesn't end with.
    LoneWord,
    /// Taken off, more or less of an option that was named by a part.
    PartOfOption,
    /// Added an option that was named by a part.
    PartAdded,
    /// Words of size that are no size of this menu.
    NoSuchSize,
    /// How it comes, said behind the food: "warm".
    ComesAfter,
    /// How it comes, said before the food: "plain".
    ComesBefore,
    /// "on the side" without effect.
    IdleSide,
    /// Talk of another time in a sentence that orders.
    AnotherTime,
    /// Questions and ifs in a sentence that orders.
    Hypothetical,
    /// "don't send", "cancel" in a sentence that orders.
    Unwanted,
    /// A change of mind.
    Correction,
    /// Praise, complaint or steering in a sentence that orders.
    Judgement,
    /// "or" in a sentence that orders.
    Either,
    /// Two items with nothing between them.
    Neighbours,
    /// A wish right behind its item without a word that says so.
    BareWish,
    /// A wish for all lines.
    ForAll,
    /// A wish before its item.
    Before,
    /// So many of a line are different.
    Shares,
    /// An item without a number behind a wish, though it can be a wish itself: "with rice, guacamole".
    ItemAmongWishes,
    /// An option's whole name, taken for an item.
    OptionAsItem,
    /// Of wishes that are joined one goes to the item before, the next to the one behind.
    Torn,
    /// The same added twice to one line.
    AddedTwice,
    /// A number right before a wish, where a share of a line was meant.
    CountOfWish,
    /// A phrase that is more than one thing.
    Split,
    /// Options named in a note.
    OptionInNote,
    /// A word of size without a role.
    IdleSize,
    /// A change of mind, and nothing that is taken back or told of.
    VainCorrection,
    /// Something is not wanted, and nothing is taken back, told of or left out.
    VainCancel,
    /// An item that has a line already, named again without number or article.
    BareAgain,
}

/// How many points of sense there are.
pub const POINTS: usize = Point::BareAgain as usize + 1;

// Which of them there are is a set of bits, where the kind is judged.
const _: () = assert!(POINTS <= 64);

/// What speaks for and against a reading as an order, as counts.
pub type Points = [f32; POINTS];

/// Says what is wanted to be done with what follows.
const CUE: Classes = Classes(Classes::REMOVE.0 | Classes::EXTRA.0 | Classes::LIGHT.0 | Classes::INSTEAD.0);

/// Points of a reading, while they are counted.
struct Tally<'a> {
    points: Points,
    surface: &'a Surface<'a>,
    resolver: &'a Resolver<'a>,
    tags: &'a [Tag],
    chunks: &'a [Chunk],
}

/// Counts what speaks for and against a reading.
pub fn points(
    surface: &Surface<'_>,
    resolver: &Resolver<'_>,
    tags: &[Tag],
    chunks: &[Chunk],
    order: &Order,
    second: &Second,
) -> Points {
    let mut tally = Tally { points: [0.0; POINTS], surface, resolver, tags, chunks };
    tally.second(order, second);
    tally.add(Point::Misfit, order.misfits.len());
    tally.add(Point::Unsold, order.unsold.len());
    tally.add(Point::Split, order.split);
    tally.add(Point::Empty, usize::from(order.lines.is_empty()));
    for (at, line) in order.lines.iter().enumerate() {
        let again = |other: &Line| other.meant == line.meant && other.words != line.words;
        tally.add(Point::Twice, usize::from(order.lines[..at].iter().any(again)));
        tally.line(line);
        let named = |other: &Line| other.meant.is_same_item(&line.meant) && other.words != line.words;
        tally.note(Point::BareAgain, order.lines[..at].iter().any(named) && tally.is_bare(line.words.0));
    }
    tally.chunks();
    tally.sentences();
    tally.points
}

impl Tally<'_> {
    fn add(&mut self, point: Point, count: usize) {
        self.points[point as usize] += count as f32;
    }

    fn note(&mut self, point: Point, holds: bool) {
        self.add(point, usize::from(holds));
    }

    fn second(&mut self, order: &Order, second: &Second) {
        let agreement = second.agreement(self.resolver, order);
        self.note(Point::AgreesWhole, agreement == Agreement::Whole);
        self.note(Point::AgreesItems, agreement >= Agreement::Items);
        self.note(Point::Doubted, second.doubted);
        self.note(Point::Disagrees, agreement == Agreement::None && !second.lines.is_empty());
    }

    fn line(&mut self, line: &Line) {
        match &line.meant {
            Meant::Open(_) => self.add(Point::Open, 1),
            Meant::Partly(_) => self.add(Point::Partly, 1),
            Meant::Nothing => self.add(Point::Nothing, 1),
            Meant::Item { by: By::Part, .. } => self.add(Point::ByPart, 1),
            Meant::Item { by: By::Description, .. } => self.add(Point::ByDescription, 1),
            Meant::Item { by: By::Context, .. } => self.add(Point::ByContext, 1),
            Meant::Item { .. } => {}
        }
        self.note(Point::CountIsSize, line.size.is_none() && self.resolver.is_size_number(line.count));
        let Meant::Item { item, .. } = line.meant else { return };
        line.wishes.iter().for_each(|wish| self.wish(item, wish));
        for (at, wish) in line.wishes.iter().enumerate().filter(|(_, wish)| wish.op == ModifierOp::Add) {
            let same = line.wishes[..at]
                .iter()
                .any(|o| o.op == wish.op && o.thing == wish.thing && o.words != wish.words);
            self.note(Point::AddedTwice, same);
        }
    }

    /// Whether neither a number, nor a size, nor an article stands before a word.
    fn is_bare(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1) else { return true };
        let (tag, mark) = (self.tags[before], &self.surface.marks[before]);
        !(tag.is_number() || tag.is_size() || mark.says(Classes::ARTICLE) || mark.number.is_some())
    }

    fn wish(&mut self, item: u16, wish: &Wish) {
        let has = self.resolver.has(item, self.surface, wish.words.0, wish.words.1);
        let thing = &wish.thing;
        match wish.op {
            ModifierOp::Remove | ModifierOp::Light if !has && !thing.option => self.add(Point::OffNowhere, 1),
            ModifierOp::Remove | ModifierOp::Light if !has => self.add(Point::OffOption, 1),
            ModifierOp::Add if !thing.option && !thing.in_house => self.add(Point::AddedNowhere, 1),
            ModifierOp::Add if !thing.option => self.add(Point::AddedSomewhere, 1),
            ModifierOp::Extra if !has && !thing.option => self.add(Point::MoreNowhere, 1),
            _ => {}
        }
        let added = wish.op == ModifierOp::Add;
        self.note(Point::OpenWish, thing.open);
        self.note(Point::AddedAgain, added && has);
        self.note(Point::PartOfOption, !added && thing.part);
        self.note(Point::PartAdded, added && thing.part);
        let first = self.surface.marks[wish.words.0].shape;
        if added && first.is_item() && first.is_name() {
            let said = Classes::WITH.or(Classes::ONTO).or(CUE);
            self.add(Point::ItemAdded, 1);
            self.note(Point::ItemAddedBare, !self.is_said(wish.words.0, said));
        }
    }

    /// Whether one of the three words before `at`, up to a mark, is of the classes.
    fn is_said(&self, at: usize, classes: Classes) -> bool {
        let before = self.surface.marks[at.saturating_sub(3)..at].iter().rev();
        before.take_while(|m| !m.shape.is_mark()).any(|m| !m.shape.is_food() && m.classes.has(classes))
    }

    fn chunks(&mut self) {
        let marks = &self.surface.marks;
        let chunks = self.chunks;
        for (place, chunk) in chunks.iter().enumerate() {
            let before = place.checked_sub(1).map(|place| &chunks[place]);
            let touches = before.is_some_and(|before| before.end == chunk.first && before.tag == Tag::ITEM);
            let words = &marks[chunk.first..chunk.end];
            match chunk.tag {
                Tag::ITEM => {
                    let broken = CUE.or(Classes::CORRECT);
                    let other = || words.iter().filter(|m| !m.shape.is_food());
                    self.add(
                        Point::StrangeInItem,
                        words.iter().filter(|m| m.shape == Shape::Unknown).count(),
                    );
                    self.add(Point::BrokenItem, other().filter(|m| m.classes.has(broken)).count());
                    self.add(Point::OtherInItem, other().count());
                    let lone = matches!(words, [mark] if !mark.last_of_item && !mark.shape.is_name());
                    self.note(Point::LoneWord, lone);
                    self.note(Point::Neighbours, touches);
                    let listed = before.is_some_and(|before| before.tag.as_wish().is_some());
                    self.note(
                        Point::OptionAsItem,
                        words.iter().all(|m| matches!(m.shape, Shape::Option | Shape::OptionIn)),
                    );
                    let either = matches!(words[0].shape, Shape::Either | Shape::EitherPart);
                    self.note(Point::ItemAmongWishes, listed && either);
                }
                Tag::SIZE | Tag::SIZE_BACK => {
                    let size = self.resolver.size(self.surface, chunk.first, chunk.end);
                    self.note(Point::NoSuchSize, size.is_none());
                }
                Tag::SHARE => self.add(Point::Shares, 1),
                tag => {
                    if let Some((op, reach)) = tag.as_wish() {
                        let named = words.iter().filter(|m| matches!(m.shape, Shape::Option | Shape::Either));
                        self.add(Point::OptionInNote, if op == ModifierOp::Note { named.count() } else { 0 });
                        self.note(Point::BareWish, touches);
                        self.note(Point::CountOfWish, before.is_some_and(|b| b.tag == Tag::COUNT));
                        self.note(
                            Point::Torn,
                            reach == Reach::Ahead && before.is_some_and(|b| self.goes_on(b, chunk)),
                        );
                        self.note(Point::ForAll, reach == Reach::All);
                        self.note(Point::Before, reach == Reach::Ahead);
                    }
                }
            }
        }
    }

    /// Whether a wish for the item before stands right before this one, with nothing but "and" between.
    fn goes_on(&self, before: &Chunk, chunk: &Chunk) -> bool {
        let joined = |at: usize| self.surface.marks[at].classes.only(Classes::JOIN);
        before.tag.as_wish().is_some_and(|(_, reach)| reach == Reach::Back)
            && (before.end..chunk.first).all(joined)
    }

    /// Changes of mind that change nothing.
    fn vain(&mut self) {
        let role = |test: fn(Tag) -> bool| self.tags.iter().any(|tag| test(*tag));
        let changes = role(|tag| matches!(tag, Tag::TOLD | Tag::UNDO | Tag::COUNT_BACK | Tag::SIZE_BACK));
        let leaves_out = role(|tag| matches!(tag.as_wish(), Some((ModifierOp::Remove, _))));
        let marks = &self.surface.marks;
        let idle = |classes: Classes| {
            self.tags.iter().zip(marks).any(|(tag, mark)| *tag == Tag::TALK && mark.says(classes))
        };
        let (corrects, cancels) = (idle(Classes::CORRECT), idle(Classes::CANCEL.or(Classes::UNWANTED)));
        self.note(Point::VainCorrection, corrects && !changes);
        self.note(Point::VainCancel, cancels && !changes && !leaves_out);
    }

    fn sentences(&mut self) {
        self.vain();
        for sentence in self.surface.sentences() {
            self.told(sentence.clone());
            if self.tags[sentence.clone()].iter().any(|tag| *tag == Tag::ITEM || *tag == Tag::AGAIN) {
                self.ordering(sentence);
            }
        }
        let idle = |(tag, mark): &(&Tag, &Mark)| {
            **tag == Tag::TALK && mark.number.is_some_and(|n| n > 1) && !mark.shape.is_food()
        };
        let size = |(tag, mark): &(&Tag, &Mark)| **tag == Tag::TALK && mark.sized;
        self.add(Point::IdleSize, self.tags.iter().zip(&self.surface.marks).filter(size).count());
        self.add(Point::IdleNumber, self.tags.iter().zip(&self.surface.marks).filter(idle).count());
    }

    /// Food that is only told of, with and without a word that says why; and food that is nothing.
    fn told(&mut self, sentence: Range<usize>) {
        let why = Classes::PAST
            .or(Classes::UNWANTED)
            .or(Classes::CORRECT)
            .or(Classes::REMOVE)
            .or(Classes::HYPOTHETICAL)
            .or(Classes::INSTEAD)
            .or(Classes::CANCEL);
        let (surface, tags) = (self.surface, self.tags);
        let marks = &surface.marks[sentence.clone()];
        let said = marks.iter().any(|mark| !mark.shape.is_food() && mark.classes.has(why));
        let tags = &tags[sentence];
        let orders = tags.iter().any(|tag| *tag == Tag::ITEM || *tag == Tag::COUNT);
        for (_, tag) in marks.iter().zip(tags).filter(|(mark, _)| mark.shape.is_food()) {
            let point = match *tag {
                Tag::TOLD if said => Point::ToldWithReason,
                Tag::TOLD if orders => Point::ToldInOrder,
                Tag::TOLD => Point::Told,
                Tag::TALK => Point::IdleFood,
                _ => continue,
            };
            self.add(point, 1);
        }
    }

    /// Words without a role in a sentence that orders.
    fn ordering(&mut self, sentence: Range<usize>) {
        let end = sentence.end;
        for at in sentence {
            let mark = &self.surface.marks[at];
            if self.tags[at] != Tag::TALK || mark.shape.is_food() || mark.shape.is_mark() {
                continue;
            }
            let has = |classes: Classes| mark.classes.has(classes);
            let polite = has(Classes::PLEASE.or(Classes::FILLER));
            self.note(Point::IdleCue, has(CUE) && !polite && !self.leads_to_its_wish(at, end));
            self.note(Point::IdleAll, has(Classes::ALL_OF));
            self.note(
                Point::IdleSame,
                has(Classes::SAME.or(Classes::OTHERS).or(Classes::HALF).or(Classes::ON_ONE)),
            );
            self.note(Point::IdleSide, has(Classes::ON_THE_SIDE));
            let food = |at: Option<usize>| {
                at.and_then(|at| self.surface.marks.get(at)).is_some_and(|m| m.shape.is_food())
            };
            let (after, before) = (food(at.checked_sub(1)), food(Some(at + 1)));
            self.note(Point::ComesAfter, has(Classes::DECORATION) && after && !before);
            self.note(Point::ComesBefore, has(Classes::DECORATION) && before);
            self.note(Point::AnotherTime, has(Classes::PAST.or(Classes::ANOTHER_TIME)));
            self.note(Point::Hypothetical, has(Classes::HYPOTHETICAL.or(Classes::ASK)));
            self.note(
                Point::Unwanted,
                has(Classes::UNWANTED.or(Classes::CANCEL_ALL)) || (has(Classes::CANCEL) && !has(CUE)),
            );
            self.note(Point::Correction, has(Classes::CORRECT));
            self.note(Point::Judgement, has(Classes::PRAISE.or(Classes::COMPLAINT).or(Classes::STEER)));
            self.note(Point::Either, has(Classes::OR));
        }
    }

    /// Whether soon behind a cue there is what it speaks of, with a role that fits.
    fn leads_to_its_wish(&self, at: usize, end: usize) -> bool {
        const SOON: usize = 5;
        let cue = self.surface.marks[at].classes;
        let fits = |tag: Tag| match tag.as_wish() {
            Some((ModifierOp::Note, _)) => true,
            Some((ModifierOp::Remove, _)) => cue.has(Classes::REMOVE.or(Classes::INSTEAD)),
            Some((ModifierOp::Light, _)) => cue.has(Classes::LIGHT.or(Classes::REMOVE)),
            Some((ModifierOp::Extra | ModifierOp::Add, _)) => cue.has(Classes::EXTRA),
            None => cue.has(Classes::REMOVE.or(Classes::INSTEAD)) && matches!(tag, Tag::TOLD | Tag::UNDO),
        };
        let soon = (at + 1..end.min(at + 1 + SOON)).take_while(|at| !self.surface.marks[*at].shape.is_mark());
        soon.map(|at| self.tags[at]).any(fits)
    }
}

/// What makes sense as an order: what each point and each pattern is worth.
#[derive(Debug, Clone, Default)]
pub struct Sense {
    /// A weight a point.
    pub points: Vec<f32>,
    /// A weight a pattern.
    pub patterns: KeyMap<f32>,
}

impl Sense {
    /// What it adds to a reading's score.
    pub fn of(&self, candidate: &Candidate) -> f32 {
        let points: f32 =
            candidate.points.iter().zip(&self.points).map(|(point, weight)| point * weight).sum();
        let patterns =
            candidate.patterns.iter().filter_map(|pattern| self.patterns.get(&u64::from(*pattern)));
        points + patterns.sum::<f32>()
    }
}
