//! Where scores become verdicts, found from labelled phrases: every model has a scale of its own.

use std::fmt;

use menu::Lexicon;
use serde::{Deserialize, Serialize};

use crate::matching::Thresholds;

/// The pairs that come with the program.
const OWN: &str = include_str!("../../../data/calibration.csv");
/// With fewer items named by the pairs, they were not written for this menu, and say nothing about it.
const ENOUGH: usize = 40;
/// A bound stands this far above the best wrong answer: pairs are a sample.
const SAFETY: f32 = 0.01;
/// Share of the items named by the pairs that may fall below the lower bound.
const MAY_BE_LOST: f32 = 0.02;
/// How far the second candidate must be behind: where two items fit, a person decides. Chosen once by hand: searching
/// for it together with the other bounds gained nothing in 5 folds of the same pairs.
const MARGIN: f32 = 0.15;

/// A phrase, and the item that it means; none where we don't have it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pair {
    /// What a customer may write.
    pub phrase: String,
    /// An item's name, or nothing.
    #[serde(default)]
    pub item: Option<String>,
    /// What it shows: `synonym`, `description`, `near_miss`.
    pub kind: String,
}

/// The pairs that come with the program.
pub fn own_pairs() -> Result<Vec<Pair>, csv::Error> {
    read_pairs(OWN.as_bytes())
}

/// Pairs from a file with the columns `phrase,item,kind`.
pub fn read_pairs(file: impl std::io::Read) -> Result<Vec<Pair>, csv::Error> {
    let pairs: Result<Vec<Pair>, _> = csv::Reader::from_reader(file).deserialize().collect();
    pairs.map(|pairs| {
        pairs.into_iter().map(|pair| Pair { item: pair.item.filter(|i| !i.is_empty()), ..pair }).collect()
    })
}

/// Those pairs that say something about this menu, with the place of their item.
///
/// A pair whose item is not on the menu is left out, and so is a phrase without an item that this menu has by
/// name. None at all where too few remain: then the pairs are about another menu.
pub fn about<'a>(pairs: &'a [Pair], lexicon: &Lexicon) -> Vec<(&'a Pair, Option<usize>)> {
    let items = &lexicon.menu().items;
    let found: Vec<_> = pairs
        .iter()
        .filter_map(|pair| match &pair.item {
            Some(name) => items.iter().position(|item| item.name == *name).map(|at| (pair, Some(at))),
            None => {
                let slug = menu::slug(&pair.phrase);
                let named = |item: &menu::MenuItem| {
                    item.slug == slug || item.aliases.iter().any(|alias| menu::slug(alias) == slug)
                };
                (!items.iter().any(named)).then_some((pair, None))
            }
        })
        .collect();
    if found.iter().filter(|(_, item)| item.is_some()).count() < ENOUGH { Vec::new() } else { found }
}

/// What a scorer says about a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The right item.
    pub label: Option<usize>,
    /// The item that scores best.
    pub best: usize,
    /// Its score.
    pub score: f32,
    /// The score of the second.
    pub next: f32,
}

impl Answer {
    /// From the scores of all items.
    pub fn new(label: Option<usize>, scores: &[f32]) -> Answer {
        let mut answer = Answer { label, best: 0, score: 0.0, next: 0.0 };
        for (item, score) in scores.iter().copied().enumerate() {
            if item == 0 || score > answer.score {
                answer = Answer { best: item, next: answer.score, score, ..answer };
            } else if score > answer.next {
                answer.next = score;
            }
        }
        answer
    }

    fn is_right(&self) -> bool {
        self.label == Some(self.best)
    }

    /// Whether these bounds accept it.
    pub fn is_accepted(&self, by: &Thresholds) -> bool {
        self.score >= by.accept && self.score - self.next >= by.margin
    }
}

/// How a scorer does with bounds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Phrases that mean an item.
    pub items: usize,
    /// Of these, accepted as the right item.
    pub accepted: usize,
    /// Of these, put before a person with the right item as the first candidate.
    pub reviewed: usize,
    /// Of these, rejected.
    pub lost: usize,
    /// Phrases that mean nothing that we have.
    pub others: usize,
    /// Of these, rejected.
    pub rejected: usize,
    /// Phrases of either kind that were accepted as an item that they don't mean.
    pub false_accepts: usize,
}

impl Quality {
    /// What becomes of these answers.
    pub fn of(answers: &[Answer], by: &Thresholds) -> Quality {
        let mut quality = Quality::default();
        for answer in answers {
            let accepted = answer.is_accepted(by);
            let rejected = !accepted && answer.score < by.review;
            quality.false_accepts += usize::from(accepted && !answer.is_right());
            if answer.label.is_some() {
                quality.items += 1;
                quality.accepted += usize::from(accepted && answer.is_right());
                quality.reviewed += usize::from(!accepted && !rejected && answer.is_right());
                quality.lost += usize::from(rejected);
            } else {
                quality.others += 1;
                quality.rejected += usize::from(rejected);
            }
        }
        quality
    }

    /// Both together.
    pub fn and(self, other: Quality) -> Quality {
        Quality {
            items: self.items + other.items,
            accepted: self.accepted + other.accepted,
            reviewed: self.reviewed + other.reviewed,
            lost: self.lost + other.lost,
            others: self.others + other.others,
            rejected: self.rejected + other.rejected,
            false_accepts: self.false_accepts + other.false_accepts,
        }
    }

    /// Share of the items that are accepted.
    pub fn recall(&self) -> f32 {
        share(self.accepted, self.items)
    }

    /// Share of what is accepted that is right.
    pub fn precision(&self) -> f32 {
        share(self.accepted, self.accepted + self.false_accepts)
    }

    /// Share of the items that are accepted or come before a person with the right item first.
    pub fn found(&self) -> f32 {
        share(self.accepted + self.reviewed, self.items)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} items accepted, {} more before a person, {} of {} others rejected, {} accepted wrongly",
            self.accepted, self.items, self.reviewed, self.rejected, self.others, self.false_accepts
        )
    }
}

fn share(part: usize, of: usize) -> f32 {
    if of == 0 { 1.0 } else { part as f32 / of as f32 }
}

/// The bounds by which none of these answers is accepted wrongly, and next to no item rejected.
pub fn bounds(answers: &[Answer]) -> Thresholds {
    let wrong = answers.iter().filter(|answer| !answer.is_right() && answer.score - answer.next >= MARGIN);
    let accept = wrong.map(|answer| answer.score).fold(0.0, f32::max) + SAFETY;
    let mut items: Vec<f32> =
        answers.iter().filter(|answer| answer.label.is_some()).map(|answer| answer.score).collect();
    items.sort_by(f32::total_cmp);
    let review = items.get((items.len() as f32 * MAY_BE_LOST) as usize).copied().unwrap_or(0.0);
    Thresholds { accept, margin: MARGIN, review: review.min(accept) }
}

/// What to expect of phrases that the bounds were not made from: in turn, a fifth is judged by the bounds of
/// the rest.
pub fn held_out(answers: &[Answer]) -> Quality {
    const FOLDS: usize = 5;
    // Neighbours in the file are about the same item: every fold gets some of each.
    let fold = |fold: usize, inside: bool| -> Vec<Answer> {
        let of = answers.iter().enumerate().filter(|(at, _)| (at % FOLDS == fold) == inside);
        of.map(|(_, answer)| *answer).collect()
    };
    (0..FOLDS)
        .map(|at| Quality::of(&fold(at, true), &bounds(&fold(at, false))))
        .fold(Quality::default(), Quality::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<Answer> {
        let answer = |label, best, score| Answer { label, best, score, next: 0.0 };
        (0..50)
            .map(|i| answer(Some(1), 1, 0.6 + i as f32 * 0.005))
            .chain((0..50).map(|i| answer(None, 1, 0.2 + i as f32 * 0.01)))
            .chain([answer(Some(1), 2, 0.65)])
            .collect()
    }

    #[test]
    fn no_labelled_phrase_is_accepted_wrongly() {
        let by = bounds(&answers());
        let quality = Quality::of(&answers(), &by);
        assert_eq!(quality.false_accepts, 0, "{quality}");
        assert!(quality.accepted > 20 && by.accept > 0.69, "{quality}");
        assert!(quality.rejected > 30, "{quality}");
        assert!(quality.lost <= 1, "{quality}");
    }

    #[test]
    fn where_two_items_fit_a_person_decides() {
        let near = |label, next| Answer { label, best: 1, score: 0.9, next };
        let answers: Vec<Answer> =
            (0..20).map(|_| near(Some(1), 0.5)).chain((0..20).map(|_| near(None, 0.88))).collect();
        let quality = Quality::of(&answers, &bounds(&answers));
        assert_eq!((quality.accepted, quality.false_accepts), (20, 0));
    }

    #[test]
    fn where_nothing_can_be_told_apart_nothing_is_accepted() {
        let same = |label| Answer { label, best: 1, score: 0.7, next: 0.1 };
        let answers = [same(Some(1)), same(None), same(Some(1)), same(None)];
        assert_eq!(Quality::of(&answers, &bounds(&answers)).accepted, 0);
    }

    #[test]
    fn the_best_and_the_second_are_found_wherever_they_stand() {
        let answer = Answer::new(Some(2), &[0.5, 0.1, 0.9, 0.7]);
        assert_eq!(answer, Answer { label: Some(2), best: 2, score: 0.9, next: 0.7 });
        assert_eq!(Answer::new(None, &[0.3]), Answer { label: None, best: 0, score: 0.3, next: 0.0 });
    }

    #[test]
    fn our_own_pairs_are_at_least_two_hundred() {
        let pairs = own_pairs().unwrap();
        assert!(pairs.len() >= 200);
        assert!(pairs.iter().any(|pair| pair.item.is_none()) && pairs.iter().any(|pair| pair.item.is_some()));
    }
}
