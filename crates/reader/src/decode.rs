//! The best readings of a message: roles for all its words at once (a linear-chain conditional random field).

use crate::features;
use contracts::ModifierOp;
use text::Classes;

use crate::surface::{Mark, Shape, Surface};
use crate::tag::Tag;
use crate::weights::{WIDTH, Weights, change, sort};

/// What a role is worth that cannot be.
pub const NEVER: f32 = -1e6;

/// A way to read a message: a role a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The roles.
    pub tags: Vec<Tag>,
    /// Its score.
    pub score: f32,
}

/// A way to a role: its score, the role before, and which of the ways there it goes on from.
type Way = (f32, u8, u16);
/// The best ways to each role of a word.
type Cell = Vec<Vec<Way>>;

/// Scores of the roles of each word.
#[derive(Debug, Clone)]
pub struct Lattice {
    /// A row a word.
    pub scores: Vec<[f32; WIDTH]>,
    /// The sort of each word.
    pub sorts: Vec<usize>,
}

/// Words that hold a sentence together name nothing.
const FUNCTION: Classes = Classes(
    Classes::ARTICLE.0
        | Classes::JOIN.0
        | Classes::REQUEST.0
        | Classes::SUBJECT.0
        | Classes::PLEASE.0
        | Classes::WITH.0
        | Classes::COPULA.0
        | Classes::REMOVE.0
        | Classes::CONTAINER.0
        | Classes::ONTO.0
        | Classes::CORRECT.0
        | Classes::INSTEAD.0
        | Classes::EXTRA.0
        | Classes::LIGHT.0,
);

/// Whether a word can have the role where it stands: a number before a comma or an end counts nothing that follows.
pub fn allowed_at(surface: &Surface<'_>, at: usize, tag: Tag) -> bool {
    let marks = &surface.marks;
    let ends = || {
        let behind = (at + 1..marks.len()).find(|at| !marks[*at].says(Classes::TIMES));
        behind.is_none_or(|at| marks[at].shape.is_end() || surface.tokens[at].text == ",")
    };
    allowed(&marks[at], tag) && !(tag == Tag::COUNT && ends())
}

/// Whether a word that looks like this can have the role.
pub fn allowed(mark: &Mark, tag: Tag) -> bool {
    let food = mark.shape.is_food();
    let counts = matches!(mark.shape, Shape::Digits | Shape::NumberWord);
    let function = !food && mark.classes.has(FUNCTION);
    match tag {
        _ if mark.shape.is_mark() => tag == Tag::TALK,
        Tag::INSIDE => true,
        Tag::TALK => !mark.shape.is_name(),
        Tag::NUMBER_ON => !food && mark.shape != Shape::Unknown,
        Tag::COUNT | Tag::COUNT_BACK | Tag::DOSES => counts,
        Tag::SHARE => {
            let one_of = Classes::PRONOUN.or(Classes::OTHERS).or(Classes::HALF).or(Classes::ORDINAL);
            counts || (!food && mark.classes.has(one_of))
        }
        Tag::AGAIN => {
            !food
                && mark
                    .classes
                    .has(Classes::PRONOUN.or(Classes::OTHERS).or(Classes::SAME).or(Classes::ARTICLE))
        }
        Tag::SIZE | Tag::SIZE_BACK => mark.sized,
        Tag::SIZE_ON => mark.sized || mark.classes.has(Classes::CONTAINER),
        Tag::REFER => food || mark.classes.has(Classes::PRONOUN),
        Tag::TOLD | Tag::UNDO | Tag::HEAD => food || counts || mark.shape == Shape::Unknown,
        Tag::ITEM | Tag::UNSOLD => food || !(counts || function) || mark.shape == Shape::OddNumber,
        _ => match tag.as_wish() {
            Some((ModifierOp::Note, _)) => !counts && (food || !mark.classes.has(Classes::JOIN)),
            _ => food || !(counts || function || mark.shape == Shape::OddNumber),
        },
    }
}

impl Lattice {
    /// Scores by what was learned.
    pub fn of(surface: &Surface<'_>, weights: &Weights) -> Lattice {
        let marks = &surface.marks;
        let mut scores: Vec<[f32; WIDTH]> = marks
            .iter()
            .enumerate()
            .map(|(at, _)| {
                let mut row = [NEVER; WIDTH];
                for tag in Tag::all().filter(|tag| allowed_at(surface, at, *tag)) {
                    row[tag.index()] = 0.0;
                }
                row
            })
            .collect();
        features::of(surface, |at, feature| {
            if let Some(row) = weights.role(feature) {
                row.add_to(&mut scores[at]);
            }
        });
        let mut lattice = Lattice { scores, sorts: marks.iter().map(|mark| sort(mark.shape)).collect() };
        lattice.prune();
        lattice
    }

    /// Roles that are far behind a word's best one are not looked at: they are most of them, and never win.
    fn prune(&mut self) {
        const FAR: f32 = 12.0;
        for row in &mut self.scores {
            let best = row.iter().copied().fold(f32::MIN, f32::max);
            row.iter_mut().filter(|score| **score < best - FAR).for_each(|score| *score = NEVER);
        }
    }

    /// The roles that each word may have.
    fn open(&self) -> Vec<Vec<Tag>> {
        let open = |row: &[f32; WIDTH]| Tag::all().filter(|tag| row[tag.index()] > NEVER / 2.0).collect();
        self.scores.iter().map(open).collect()
    }

    /// The `count` best readings, best first.
    pub fn best(&self, changes: &[f32], count: usize) -> Vec<Reading> {
        let n = self.scores.len();
        if n == 0 {
            return vec![Reading { tags: Vec::new(), score: 0.0 }];
        }
        // For each word and role: the best ways to get there, as (score, role before, its rank).
        let mut cells: Vec<Cell> = Vec::with_capacity(n);
        let open = self.open();
        for (at, (scores, sort)) in self.scores.iter().zip(&self.sorts).enumerate() {
            let mut row: Cell = vec![Vec::new(); Tag::COUNT_OF];
            for to in open[at].iter().copied() {
                let own = scores[to.index()];
                let ways = &mut row[to.index()];
                match at.checked_sub(1).and_then(|before| cells.get(before)) {
                    None if starts(to) => ways.push((own, 0, 0)),
                    None => {}
                    Some(before) => {
                        for from in open[at - 1].iter().filter(|from| from.can_precede(to)) {
                            let step = own + changes.get(change(*sort, *from, to)).copied().unwrap_or(0.0);
                            for (rank, way) in before[from.index()].iter().enumerate() {
                                if !insert(ways, (way.0 + step, from.0, rank as u16), count) {
                                    break;
                                }
                            }
                        }
                    }
                }
            }
            cells.push(row);
        }
        self.trace(&cells, count)
    }

    fn trace(&self, cells: &[Cell], count: usize) -> Vec<Reading> {
        let Some(last) = cells.last() else { return Vec::new() };
        let mut ends: Vec<Way> = Vec::new();
        for tag in Tag::all() {
            for (rank, way) in last[tag.index()].iter().enumerate() {
                if !insert(&mut ends, (way.0, tag.0, rank as u16), count) {
                    break;
                }
            }
        }
        ends.into_iter()
            .map(|(score, mut tag, mut rank)| {
                let mut tags = vec![Tag::TALK; cells.len()];
                for (at, row) in cells.iter().enumerate().rev() {
                    tags[at] = Tag(tag);
                    let way = row[usize::from(tag)][usize::from(rank)];
                    (tag, rank) = (way.1, way.2);
                }
                Reading { tags, score }
            })
            .collect()
    }

    /// Logarithm of the sum over all readings: what a score is a share of.
    pub fn sum(&self, changes: &[f32]) -> f32 {
        let mut before: Option<[f32; WIDTH]> = None;
        let open = self.open();
        for (at, (scores, sort)) in self.scores.iter().zip(&self.sorts).enumerate() {
            let mut row = [NEVER; WIDTH];
            for to in open[at].iter().copied() {
                let own = scores[to.index()];
                row[to.index()] = match &before {
                    None if !starts(to) => NEVER,
                    None => own,
                    Some(before) => {
                        let mut ways = [NEVER; WIDTH];
                        for from in open[at - 1].iter().filter(|from| from.can_precede(to)) {
                            ways[from.index()] = before[from.index()]
                                + changes.get(change(*sort, *from, to)).copied().unwrap_or(0.0);
                        }
                        own + log_sum(&ways)
                    }
                };
            }
            before = Some(row);
        }
        before.map_or(0.0, |row| log_sum(&row))
    }
}

/// Whether a message can begin with the role.
pub const fn starts(tag: Tag) -> bool {
    Tag::TALK.can_precede(tag)
}

/// Puts a way among the `count` best; false where it is none of them.
fn insert(ways: &mut Vec<Way>, way: Way, count: usize) -> bool {
    if ways.len() >= count && ways.last().is_some_and(|last| last.0 >= way.0) {
        return false;
    }
    let at = ways.partition_point(|other| other.0 >= way.0);
    ways.insert(at, way);
    ways.truncate(count);
    true
}

/// Logarithm of a sum of exponentials.
fn log_sum(values: &[f32; WIDTH]) -> f32 {
    let most = values.iter().copied().fold(f32::MIN, f32::max);
    if most <= NEVER / 2.0 {
        return NEVER;
    }
    let likely = values.iter().filter(|value| **value > NEVER / 2.0);
    most + likely.map(|value| (value - most).exp()).sum::<f32>().ln()
}
