//! Reads a customer's message once: what kind it is, what is ordered, and what nobody could explain.
//!
//! Words get shapes ([`surface`]), shapes get roles ([`decode`], by learned weights), roles become an order
//! ([`order`]), phrases become items of the menu ([`resolve`]), and what speaks against it is weighed ([`trust`]).

pub mod decode;
pub mod features;
pub mod order;
pub mod pattern;
pub mod rank;
pub mod read;
pub mod resolve;
pub mod rules;
pub mod second;
pub mod surface;
pub mod tag;
pub mod train;
pub mod trust;
pub mod weights;

use decode::Lattice;
use order::{Order, assemble, chunks};
use resolve::Resolver;
use second::Second;
use surface::{Shape, Surface};
use tag::Tag;
use trust::{Signs, Sureness};
use weights::{KINDS, Weights};

pub use read::{Read, Reader, Readers};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something is ordered.
    Order,
    /// Somebody wants an answer.
    Enquiry,
    /// The rest.
    Misc,
}

impl Kind {
    /// Every kind, in the order of the weights.
    pub const ALL: [Kind; KINDS] = [Kind::Order, Kind::Enquiry, Kind::Misc];

    /// As labels write it: `miscellaneous`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Order => "order",
            Kind::Enquiry => "enquiry",
            Kind::Misc => "miscellaneous",
        }
    }
}

/// Readings of a message that are looked at to see how sure the best one is.
const LOOKED_AT: usize = 20;

/// What was read from a message, before anything is decided about it.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The roles of its words in the best reading.
    pub tags: Vec<Tag>,
    /// The order of the best reading.
    pub order: Order,
    /// Share of the readings that give this order, and the next best one.
    pub shares: (f32, f32),
    /// Share of the readings that give this order by the roles alone.
    pub by_roles: f32,
    /// How many orders the readings that were looked at give.
    pub orders: usize,
    /// The likeliest reading by the roles alone gives this order.
    pub first: bool,
    /// Logarithm of the share of its reading, a word.
    pub each: f32,
    /// What speaks for and against it as an order.
    pub points: rank::Points,
}

/// A reading with what it says and how it fares.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The roles.
    pub tags: Vec<Tag>,
    /// The order.
    pub order: Order,
    /// The same for readings that give the same order.
    pub key: u64,
    /// Logarithm of its share among all readings, by the roles alone.
    pub score: f32,
    /// What speaks against it as an order.
    pub points: rank::Points,
    /// What it looks like as a whole.
    pub patterns: Vec<features::Feature>,
}

/// The best readings by the roles' weights.
pub fn candidates(
    surface: &Surface<'_>,
    resolver: &Resolver<'_>,
    weights: &Weights,
    second: &Second,
) -> Vec<Candidate> {
    let lattice = Lattice::of(surface, weights);
    let sum = lattice.sum(&weights.changes);
    let readings = lattice.best(&weights.changes, LOOKED_AT);
    let candidate = |reading: decode::Reading| {
        let order = assemble(surface, resolver, &reading.tags);
        let chunks = chunks(&reading.tags);
        let points = rank::points(surface, resolver, &reading.tags, &chunks, &order, second);
        let patterns = pattern::of(surface, &reading.tags, &chunks, &order);
        Candidate {
            tags: reading.tags,
            key: order.key(),
            order,
            score: reading.score - sum,
            points,
            patterns,
        }
    };
    readings.into_iter().map(candidate).collect()
}

/// The best reading by some weights.
pub fn observe(
    surface: &Surface<'_>,
    resolver: &Resolver<'_>,
    weights: &Weights,
    second: &Second,
) -> Observed {
    choose(&candidates(surface, resolver, weights, second), &weights.sense)
}

/// The candidate that makes the most sense, and what share of all readings agrees with it.
pub fn choose(candidates: &[Candidate], sense: &rank::Sense) -> Observed {
    let total = |c: &Candidate| c.score + sense.of(c);
    // What is not looked at keeps its share.
    let rest = 1.0 - candidates.iter().map(|c| c.score.exp()).sum::<f32>().min(1.0);
    let mut orders: Vec<(&Candidate, f32)> = Vec::new();
    let mut all = rest;
    let mut ranked: Vec<&Candidate> = candidates.iter().collect();
    ranked.sort_by(|a, b| total(b).total_cmp(&total(a)));
    for candidate in ranked {
        let share = total(candidate).exp();
        all += share;
        match orders.iter_mut().find(|(known, _)| known.key == candidate.key) {
            Some((_, sum)) => *sum += share,
            None => orders.push((candidate, share)),
        }
    }
    let Some((best, share)) = orders.first() else {
        return Observed {
            tags: Vec::new(),
            order: Order::default(),
            shares: (0.0, 0.0),
            by_roles: 0.0,
            orders: 0,
            first: false,
            each: 0.0,
            points: [0.0; rank::POINTS],
        };
    };
    let next = orders.iter().skip(1).map(|(_, share)| *share).fold(0.0, f32::max);
    Observed {
        tags: best.tags.clone(),
        order: best.order.clone(),
        shares: (share / all.max(1e-9), next / all.max(1e-9)),
        by_roles: candidates.iter().filter(|c| c.key == best.key).map(|c| c.score.exp()).sum(),
        orders: orders.len(),
        first: candidates.first().is_some_and(|c| c.key == best.key),
        each: best.score / best.tags.len().max(1) as f32,
        points: best.points,
    }
}

/// Scores of the kinds of a message.
pub fn kinds(surface: &Surface<'_>, observed: &Observed, weights: &Weights, second: &Second) -> [f32; KINDS] {
    let mut scores = [0.0; KINDS];
    kind_features(surface, observed, second, |feature| {
        if let Some(row) = weights.kind(feature) {
            row.add_to(&mut scores);
        }
    });
    scores
}

/// What the kind of a message is judged by.
pub fn kind_features(
    surface: &Surface<'_>,
    observed: &Observed,
    second: &Second,
    mut emit: impl FnMut(features::Feature),
) {
    features::of_message(surface, &mut emit);
    let roles = observed.tags.iter().fold(0_u64, |set, tag| set | 1 << tag.index());
    let sure = (observed.shares.0 * 3.99) as u64;
    let points = observed.points.iter().enumerate();
    let points = points.filter(|(_, count)| **count > 0.0).fold(0_u64, |set, (at, _)| set | 1 << at);
    features::of_reading(roles, sure, points, second.kind, emit);
}

/// The kind with the best score, by the rules of the house: what ends in a question mark is never an order.
pub fn kind_of(surface: &Surface<'_>, scores: &[f32; KINDS]) -> (Kind, f32) {
    let asks = surface.marks.iter().rev().find(|mark| mark.shape != Shape::Stop);
    let asks = surface.text.trim_end().ends_with(['?', '？', '؟'])
        || asks.is_some_and(|m| m.shape == Shape::Question);
    let odds = scores[0] - scores[1].max(scores[2]);
    let best = |from: usize| {
        (from..KINDS).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).map_or(Kind::Misc, |at| Kind::ALL[at])
    };
    match asks {
        true => (Kind::Enquiry, odds),
        false => (best(0), odds),
    }
}

/// The signs of what was observed.
pub fn signs_of(
    surface: &Surface<'_>,
    resolver: &Resolver<'_>,
    observed: &Observed,
    kind_odds: f32,
    second: &Second,
) -> Signs {
    let sureness = Sureness { share: observed.shares.0, next: observed.shares.1, kind: kind_odds };
    trust::signs(surface, resolver, observed, sureness, second)
}
