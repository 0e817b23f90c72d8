//! Learns the roles' weights: stochastic gradients of a conditional random field.

use std::collections::HashMap;

use super::counts::Counts;
use crate::decode::{NEVER, allowed_at, starts};
use crate::features::{self, Feature};
use crate::surface::Surface;
use crate::tag::Tag;
use crate::weights::{Row, SORTS, WIDTH, Weights, change, sort};

/// A message with the roles that were found for it.
#[derive(Debug, Clone)]
pub struct Example {
    /// Features of each word.
    pub features: Vec<Vec<Feature>>,
    /// Which roles each word can have.
    pub open: Vec<u32>,
    /// The sort of each word.
    pub sorts: Vec<usize>,
    /// The roles.
    pub tags: Vec<Tag>,
    /// The restaurant.
    pub restaurant: usize,
}

impl Example {
    /// Of a message's words.
    pub fn of(surface: &Surface<'_>, restaurant: usize, tags: Vec<Tag>) -> Example {
        let mut all = vec![Vec::with_capacity(80); surface.marks.len()];
        features::of(surface, |at, feature| all[at].push(feature));
        let open = (0..surface.marks.len()).map(|at| {
            let fits = Tag::all().filter(|tag| allowed_at(surface, at, *tag));
            fits.fold(0, |set, tag| set | 1 << tag.index())
        });
        Example {
            features: all,
            open: open.collect(),
            sorts: surface.marks.iter().map(|mark| sort(mark.shape)).collect(),
            tags,
            restaurant,
        }
    }
}

/// Rounds over the examples.
const ROUNDS: usize = 7;
const RATE: f32 = 0.12;
const DECAY: f32 = 2e-5;
/// A feature counts if that many examples have it, of that many restaurants: what only one has is its own.
const EXAMPLES: u32 = 3;
const RESTAURANTS: u32 = 2;

type Wide = [f32; WIDTH];

/// Learns weights; the same examples give the same weights.
pub fn learn(examples: &[&Example]) -> Weights {
    let index = index(examples);
    let mut rows: Vec<Wide> = vec![[0.0; WIDTH]; index.len()];
    let mut squares: Vec<Wide> = vec![[1e-2; WIDTH]; index.len()];
    let mut changes = vec![0.0_f32; SORTS * WIDTH * WIDTH];
    let mut change_squares = vec![1e-2_f32; changes.len()];
    let known: Vec<Vec<Vec<u32>>> = examples
        .iter()
        .map(|e| {
            e.features.iter().map(|f| f.iter().filter_map(|f| index.get(f).copied()).collect()).collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..examples.len()).collect();
    let mut random = Random(0x5eed);
    for round in 0..ROUNDS {
        random.shuffle(&mut order);
        let rate = RATE / (1.0 + 0.25 * round as f32);
        for at in &order {
            let (example, known) = (examples[*at], &known[*at]);
            let scores = scores(example, known, &rows);
            let Some(slope) = slope(example, &scores, &changes) else { continue };
            for (features, slope) in known.iter().zip(&slope.words) {
                for feature in features {
                    let feature = *feature as usize;
                    step(&mut rows[feature], &mut squares[feature], slope, rate);
                }
            }
            for (place, slope) in slope.changes {
                let square = &mut change_squares[place];
                *square += slope * slope;
                changes[place] += rate * slope / square.sqrt();
            }
        }
    }
    let mut weights = Weights { changes, ..Weights::default() };
    for (feature, at) in index {
        let row = &rows[at as usize];
        if row.iter().any(|w| w.abs() > 0.02) {
            weights.roles.insert(u64::from(feature), Row::of(row));
        }
    }
    weights
}

fn step(row: &mut Wide, squares: &mut Wide, slope: &Wide, rate: f32) {
    for ((weight, square), slope) in row.iter_mut().zip(squares.iter_mut()).zip(slope) {
        *square += slope * slope;
        *weight += rate * slope / square.sqrt() - DECAY * *weight;
    }
}

fn index(examples: &[&Example]) -> HashMap<Feature, u32> {
    let mut counts = Counts::default();
    let mut sorted: Vec<&&Example> = examples.iter().collect();
    sorted.sort_by_key(|example| example.restaurant);
    for example in sorted {
        example.features.iter().flatten().for_each(|feature| counts.add(*feature, example.restaurant));
    }
    counts.kept(EXAMPLES, RESTAURANTS).zip(0..).collect()
}

fn scores(example: &Example, known: &[Vec<u32>], rows: &[Wide]) -> Vec<Wide> {
    known
        .iter()
        .zip(&example.open)
        .map(|(features, open)| {
            let mut sum = [0.0; WIDTH];
            for feature in features {
                for (sum, weight) in sum.iter_mut().zip(&rows[*feature as usize]) {
                    *sum += weight;
                }
            }
            for (tag, sum) in sum.iter_mut().enumerate() {
                if open & (1 << tag) == 0 {
                    *sum = NEVER;
                }
            }
            sum
        })
        .collect()
}

struct Slope {
    words: Vec<Wide>,
    changes: Vec<(usize, f32)>,
}

/// What is seen less what is expected; `None` for a message without words.
fn slope(example: &Example, scores: &[Wide], changes: &[f32]) -> Option<Slope> {
    let n = scores.len();
    let last = n.checked_sub(1)?;
    let can = |from: usize, to: usize| Tag(from as u8).can_precede(Tag(to as u8));
    // Shares of the roles from the start, scaled word by word.
    let mut ahead: Vec<Wide> = Vec::with_capacity(n);
    let exp = |row: &Wide| {
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        row.map(|score| if score <= NEVER / 2.0 { 0.0 } else { (score - most).exp() })
    };
    let worth: Vec<Wide> = scores.iter().map(exp).collect();
    let moves: Vec<Vec<f32>> = (0..SORTS)
        .map(|sort| {
            changes[sort * WIDTH * WIDTH..(sort + 1) * WIDTH * WIDTH]
                .iter()
                .enumerate()
                .map(|(at, c)| if can(at / WIDTH, at % WIDTH) { c.exp() } else { 0.0 })
                .collect()
        })
        .collect();
    for at in 0..n {
        let mut row = [0.0; WIDTH];
        match at.checked_sub(1) {
            None => {
                row = worth[0];
                Tag::all().filter(|tag| !starts(*tag)).for_each(|tag| row[tag.index()] = 0.0);
            }
            Some(before) => {
                let moves = &moves[example.sorts[at]];
                for from in 0..Tag::COUNT_OF {
                    let share = ahead[before][from];
                    if share > 0.0 {
                        for (to, row) in row.iter_mut().enumerate() {
                            *row += share * moves[from * WIDTH + to];
                        }
                    }
                }
                for (row, worth) in row.iter_mut().zip(&worth[at]) {
                    *row *= worth;
                }
            }
        }
        normalise(&mut row);
        ahead.push(row);
    }
    let mut back = vec![[1.0_f32; WIDTH]; n];
    for at in (0..last).rev() {
        let moves = &moves[example.sorts[at + 1]];
        let mut row = [0.0; WIDTH];
        for (from, row) in row.iter_mut().enumerate().take(Tag::COUNT_OF) {
            for to in 0..Tag::COUNT_OF {
                *row += moves[from * WIDTH + to] * worth[at + 1][to] * back[at + 1][to];
            }
        }
        normalise(&mut row);
        back[at] = row;
    }
    let mut words = Vec::with_capacity(n);
    let mut changed: HashMap<usize, f32> = HashMap::new();
    for at in 0..n {
        let mut row = [0.0; WIDTH];
        for (tag, row) in row.iter_mut().enumerate() {
            *row = ahead[at][tag] * back[at][tag];
        }
        normalise(&mut row);
        let mut slope = row.map(|share| -share);
        slope[example.tags[at].index()] += 1.0;
        words.push(slope);
        if at == 0 {
            continue;
        }
        let moves = &moves[example.sorts[at]];
        let mut pairs: Vec<(usize, f32)> = Vec::new();
        let mut sum = 0.0;
        for from in (0..Tag::COUNT_OF).filter(|from| ahead[at - 1][*from] > 1e-5) {
            for to in (0..Tag::COUNT_OF).filter(|to| worth[at][*to] > 0.0) {
                let share = ahead[at - 1][from] * moves[from * WIDTH + to] * worth[at][to] * back[at][to];
                if share > 0.0 {
                    sum += share;
                    pairs.push((from * WIDTH + to, share));
                }
            }
        }
        let base = example.sorts[at] * WIDTH * WIDTH;
        for (pair, share) in pairs {
            let share = share / sum.max(1e-30);
            if share > 1e-3 {
                *changed.entry(base + pair).or_default() -= share;
            }
        }
        *changed.entry(change(example.sorts[at], example.tags[at - 1], example.tags[at])).or_default() += 1.0;
    }
    let mut changes: Vec<(usize, f32)> = changed.into_iter().collect();
    changes.sort_by_key(|(place, _)| *place);
    Some(Slope { words, changes })
}

fn normalise(row: &mut Wide) {
    let sum: f32 = row.iter().sum();
    if sum > 0.0 {
        row.iter_mut().for_each(|share| *share /= sum);
    }
}

/// Numbers that look random and are the same each time.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next one below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    /// Puts things in another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            let other = self.below(at + 1);
            things.swap(at, other);
        }
    }
}
