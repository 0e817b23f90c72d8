//! Learns the weights of kinds and of trust: two small linear models.

use std::collections::{BTreeMap, HashMap};

use super::counts::Counts;
use super::crf::Random;
use crate::Candidate;
use crate::features::Feature;
use crate::rank::{POINTS, Sense};
use crate::trust::{SIGNS, Signs};
use crate::weights::{KINDS, Row};
use text::key::KeyMap;

/// Learns the kinds of messages from their features; restaurants tell which features are general.
pub fn kinds(examples: &[(&[Feature], usize, usize)]) -> KeyMap<Row<KINDS>> {
    let mut seen: HashMap<Feature, (u32, usize, bool)> = HashMap::new();
    for (features, _, restaurant) in examples {
        for feature in *features {
            let entry = seen.entry(*feature).or_insert((0, *restaurant, false));
            entry.0 += 1;
            entry.2 |= entry.1 != *restaurant;
        }
    }
    let general = |feature: &Feature| seen.get(feature).is_some_and(|(count, _, many)| *count >= 2 && *many);
    let mut rows: HashMap<Feature, ([f32; KINDS], [f32; KINDS])> = HashMap::new();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random(0xc1a55);
    for round in 0..12 {
        random.shuffle(&mut order);
        let rate = 0.15 / (1.0 + 0.3 * round as f32);
        for at in &order {
            let (features, kind, _) = examples[*at];
            let features: Vec<Feature> = features.iter().copied().filter(|f| general(f)).collect();
            let mut scores = [0.0_f32; KINDS];
            for row in features.iter().filter_map(|f| rows.get(f)) {
                for (score, weight) in scores.iter_mut().zip(row.0) {
                    *score += weight;
                }
            }
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            let exp = scores.map(|s| (s - most).exp());
            let sum: f32 = exp.iter().sum();
            for feature in features {
                let (weights, squares) = rows.entry(feature).or_insert(([0.0; KINDS], [0.05; KINDS]));
                for k in 0..KINDS {
                    let slope = f32::from(u8::from(k == kind)) - exp[k] / sum;
                    squares[k] += slope * slope;
                    weights[k] += rate * (slope / squares[k].sqrt() - 1e-4 * weights[k]);
                }
            }
        }
    }
    let strong = rows.into_iter().filter(|(_, (w, _))| w.iter().any(|w| w.abs() > 0.02));
    strong.map(|(feature, (weights, _))| (u64::from(feature), Row::of(&weights))).collect()
}

/// How much more a wrong reading that is trusted weighs than a right one that is not.
const WRONG: f32 = 3.0;

/// Learns which signs can be trusted, from readings that are right or wrong.
pub fn trust(examples: &[(Signs, bool)]) -> Vec<f32> {
    let mut learned = Learned::new(SIGNS, 1e-3, 1e-4);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random(0x7205);
    for round in 0..150 {
        random.shuffle(&mut order);
        let rate = 1.0 / (1.0 + 0.1 * round as f32);
        for at in &order {
            let (signs, right) = &examples[*at];
            let sum: f32 = signs.iter().zip(&learned.weights).map(|(s, w)| s * w).sum();
            let guess = 1.0 / (1.0 + (-sum).exp());
            let error = match right {
                true => 1.0 - guess,
                false => -WRONG * guess,
            };
            signs.iter().enumerate().for_each(|(at, sign)| learned.step(at, error * sign, rate));
        }
    }
    learned.weights
}

/// A message's candidates, which of them are right, and whose restaurant it is.
pub type Ranked<'a> = (&'a [Candidate], &'a [bool], usize);

/// A pattern counts if that many messages have it, of that many restaurants.
const MESSAGES: u32 = 6;
const RESTAURANTS: u32 = 3;

/// Patterns that many messages of several restaurants have, numbered.
fn common(examples: &[Ranked<'_>]) -> HashMap<Feature, u32> {
    let mut counts = Counts::default();
    for (candidates, _, restaurant) in examples {
        let mut patterns: Vec<Feature> = candidates.iter().flat_map(|c| &c.patterns).copied().collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns.into_iter().for_each(|pattern| counts.add(pattern, *restaurant));
    }
    let mut kept: Vec<Feature> = counts.kept(MESSAGES, RESTAURANTS).collect();
    kept.sort_unstable();
    kept.into_iter().zip(0..).collect()
}

/// Weights that are being learned, each with the sum of its squared slopes.
struct Learned {
    weights: Vec<f32>,
    squares: Vec<f32>,
    decay: f32,
}

impl Learned {
    fn new(count: usize, square: f32, decay: f32) -> Learned {
        Learned { weights: vec![0.0; count], squares: vec![square; count], decay }
    }

    fn step(&mut self, at: usize, slope: f32, rate: f32) {
        self.squares[at] += slope * slope;
        self.weights[at] += rate * (slope / self.squares[at].sqrt() - self.decay * self.weights[at]);
    }
}

/// Learns what makes sense as an order, from candidates of which some are right.
pub fn ranks(examples: &[Ranked<'_>]) -> Sense {
    const ROUNDS: usize = 15;
    let index = common(examples);
    let numbered = |candidate: &Candidate| -> Vec<u32> {
        candidate.patterns.iter().filter_map(|pattern| index.get(pattern).copied()).collect()
    };
    let known: Vec<Vec<Vec<u32>>> =
        examples.iter().map(|(candidates, ..)| candidates.iter().map(numbered).collect()).collect();
    let mut points = Learned::new(POINTS, 0.1, 1e-4);
    let mut patterns = Learned::new(index.len(), 0.5, 1e-3);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random(0x5e15e);
    for round in 0..ROUNDS {
        random.shuffle(&mut order);
        let rate = 1.0 / (1.0 + 0.2 * round as f32);
        for at in &order {
            let pulls = pulls(&examples[*at], &known[*at], &points.weights, &patterns.weights);
            let (mut slopes, mut of_patterns) = ([0.0_f32; POINTS], BTreeMap::<u32, f32>::new());
            for ((candidate, pull), known) in examples[*at].0.iter().zip(pulls).zip(&known[*at]) {
                for (slope, point) in slopes.iter_mut().zip(&candidate.points) {
                    *slope += pull * point;
                }
                known.iter().for_each(|pattern| *of_patterns.entry(*pattern).or_default() += pull);
            }
            slopes.into_iter().enumerate().for_each(|(at, slope)| points.step(at, slope, 0.3 * rate));
            for (pattern, slope) in of_patterns.into_iter().filter(|(_, slope)| slope.abs() > 1e-4) {
                patterns.step(pattern as usize, slope, 0.05 * rate);
            }
        }
    }
    let weight = |(pattern, at): (Feature, u32)| (u64::from(pattern), patterns.weights[at as usize]);
    let strong = index.into_iter().map(weight).filter(|(_, weight)| weight.abs() > 0.01);
    Sense { points: points.weights, patterns: strong.collect() }
}

/// How much more likely each candidate should be: none where no candidate is right.
fn pulls(
    (candidates, right, _): &Ranked<'_>,
    known: &[Vec<u32>],
    points: &[f32],
    patterns: &[f32],
) -> Vec<f32> {
    let total = |(candidate, known): (&Candidate, &Vec<u32>)| {
        let of_points: f32 = candidate.points.iter().zip(points).map(|(point, weight)| point * weight).sum();
        candidate.score + of_points + known.iter().map(|at| patterns[*at as usize]).sum::<f32>()
    };
    let totals: Vec<f32> = candidates.iter().zip(known).map(total).collect();
    let most = totals.iter().copied().fold(f32::MIN, f32::max);
    let shares: Vec<f32> = totals.iter().map(|total| (total - most).exp()).collect();
    let all: f32 = shares.iter().sum();
    let good: f32 = shares.iter().zip(*right).filter(|(_, right)| **right).map(|(share, _)| share).sum();
    if good <= 0.0 {
        return vec![0.0; candidates.len()];
    }
    let pull = |(share, right): (&f32, &bool)| if *right { share / good } else { 0.0 } - share / all;
    shares.iter().zip(*right).map(pull).collect()
}
