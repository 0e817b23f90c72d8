//! Learns the weights of kinds and of trust: two small linear models.

use std::collections::HashMap;

use super::crf::Random;
use crate::Candidate;
use crate::features::Feature;
use crate::rank::{POINTS, sense};
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
    let mut weights = vec![0.0_f32; SIGNS];
    let mut squares = [1e-3_f32; SIGNS];
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random(0x7205);
    for round in 0..150 {
        random.shuffle(&mut order);
        let rate = 1.0 / (1.0 + 0.1 * round as f32);
        for at in &order {
            let (signs, right) = &examples[*at];
            let sum: f32 = signs.iter().zip(&weights).map(|(s, w)| s * w).sum();
            let guess = 1.0 / (1.0 + (-sum).exp());
            let error = match right {
                true => 1.0 - guess,
                false => -WRONG * guess,
            };
            for ((weight, square), sign) in weights.iter_mut().zip(&mut squares).zip(signs) {
                let slope = error * sign;
                *square += slope * slope;
                *weight += rate * (slope / square.sqrt() - 1e-4 * *weight);
            }
        }
    }
    weights
}

/// Learns what makes sense as an order, from candidates of which some are right.
pub fn ranks(examples: &[(&[Candidate], Vec<bool>)]) -> Vec<f32> {
    let mut weights = vec![0.0_f32; POINTS];
    let mut squares = [0.1_f32; POINTS];
    for round in 0..30 {
        let rate = 0.3 / (1.0 + 0.2 * round as f32);
        for (candidates, right) in examples {
            let totals: Vec<f32> = candidates.iter().map(|c| c.score + sense(&c.points, &weights)).collect();
            let most = totals.iter().copied().fold(f32::MIN, f32::max);
            let exp: Vec<f32> = totals.iter().map(|t| (t - most).exp()).collect();
            let all: f32 = exp.iter().sum();
            let good: f32 = exp.iter().zip(right).filter(|(_, r)| **r).map(|(e, _)| e).sum();
            if good <= 0.0 {
                continue;
            }
            let mut slope = [0.0_f32; POINTS];
            for ((candidate, exp), right) in candidates.iter().zip(&exp).zip(right) {
                let pull = if *right { exp / good } else { 0.0 } - exp / all;
                for (slope, point) in slope.iter_mut().zip(&candidate.points) {
                    *slope += pull * point;
                }
            }
            for ((weight, square), slope) in weights.iter_mut().zip(&mut squares).zip(slope) {
                *square += slope * slope;
                *weight += rate * (slope / square.sqrt() - 1e-4 * *weight);
            }
        }
    }
    weights
}
