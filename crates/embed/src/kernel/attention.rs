//! Attention over texts that stand one after the other without padding.

use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::matmul::{ARCH, MAX_BLOCK, Source, block_rows, blocks, multiply};
use super::{PANEL, math, rows, rows_mut};

/// What every layer of one kind shares.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Heads.
    pub heads: usize,
    /// Values of a head: a multiple of 32.
    pub head: usize,
    /// Positions further apart than this don't see each other; `None` where all do.
    pub window: Option<usize>,
    /// Turns queries and keys by their position.
    pub rotation: Option<Rotation>,
}

/// Rotary position embedding: sines and cosines of every position's angles.
#[derive(Debug, Clone)]
pub struct Rotation {
    angles: Vec<f32>,
}

impl Rotation {
    /// For heads of `head` values.
    pub fn new(theta: f64, head: usize) -> Rotation {
        let angles = (0..head / 2).map(|i| (1.0 / theta.powf(2.0 * i as f64 / head as f64)) as f32).collect();
        Rotation { angles }
    }

    /// Rows of `head` values for the positions `0..count`: the cosines, then the sines.
    pub fn table(&self, count: usize) -> Vec<f32> {
        let mut table = Vec::with_capacity(count * self.angles.len() * 2);
        for position in 0..count {
            let angle = |a: &f32| position as f32 * a;
            table.extend(self.angles.iter().map(|a| angle(a).cos()));
            table.extend(self.angles.iter().map(|a| angle(a).sin()));
        }
        table
    }
}

/// The matrices of one call.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Queries, in panels.
    pub queries: &'a [f32],
    /// Keys, then values, in panels.
    pub keys_values: &'a [f32],
    /// Where the texts begin and end in rows of keys and values: lengths summed up, from 0.
    pub bounds: &'a [usize],
    /// Whether there is a query for every row, or one for each text's first row only.
    pub first_only: bool,
    /// [`Rotation::table`] for the longest text.
    pub rotation: Option<&'a [f32]>,
}

impl Shape {
    /// What every query sees: as many rows as there are queries, `heads * head` columns, in panels.
    pub fn apply(&self, call: Call) -> Vec<f32> {
        let texts = call.bounds.len() - 1;
        let count = if call.first_only { texts } else { call.bounds[texts] };
        let mut out = vec![0.0; count * self.heads * self.head];
        out.par_chunks_mut(count * self.head).enumerate().for_each(|(head, out)| {
            ARCH.dispatch(Head { shape: self, call, head, count, out });
        });
        out
    }
}

struct Head<'a> {
    shape: &'a Shape,
    call: Call<'a>,
    head: usize,
    count: usize,
    out: &'a mut [f32],
}

impl WithSimd for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Head { shape, call, head, count, out } = self;
        let total = call.bounds[call.bounds.len() - 1];
        let width = shape.head;
        let size = total * width;
        let queries = &call.queries[head * count * width..][..count * width];
        let keys = &call.keys_values[head * size..][..size];
        let values = &call.keys_values[(shape.heads + head) * size..][..size];
        let scale = 1.0 / (width as f32).sqrt();

        let longest = call.bounds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        let key_panels = longest.div_ceil(PANEL);
        let mut row = vec![0.0; width];
        let mut turned_keys = vec![0.0; key_panels * PANEL * width];
        let mut turned_queries = vec![0.0; MAX_BLOCK * width];
        let mut scores = vec![0.0; key_panels * MAX_BLOCK * PANEL];

        for (text, pair) in call.bounds.windows(2).enumerate() {
            let (start, length) = (pair[0], pair[1] - pair[0]);
            // The keys lie across: one row for each of a head's values, a column for each key.
            for j in 0..length {
                gather(keys, total, start + j, &mut row);
                turn(&mut row, call.rotation, j, 1.0);
                let panel = &mut turned_keys[j / PANEL * PANEL * width..][..PANEL * width];
                for (across, x) in rows_mut(panel).iter_mut().zip(&row) {
                    across[j % PANEL] = *x;
                }
            }
            let (first_row, rows_here) = if call.first_only { (text, 1) } else { (start, length) };
            let mut first = 0;
            for block in blocks(rows_here, block_rows::<S>()) {
                for i in 0..block {
                    gather(queries, count, first_row + first + i, &mut row);
                    turn(&mut row, call.rotation, first + i, scale);
                    for (panel, x) in row.as_chunks::<PANEL>().0.iter().enumerate() {
                        turned_queries[(panel * block + i) * PANEL..][..PANEL].copy_from_slice(x);
                    }
                }
                // Keys that any row of the block sees, by whole panels.
                let seen = |i: usize| match shape.window {
                    Some(window) => i.saturating_sub(window)..(i + window + 1).min(length),
                    None => 0..length,
                };
                let from = seen(first).start / PANEL;
                let to = seen(first + block - 1).end.div_ceil(PANEL);
                for panel in from..to {
                    let keys = &turned_keys[panel * PANEL * width..][..PANEL * width];
                    let scores = rows_mut(&mut scores[(panel - from) * block * PANEL..][..block * PANEL]);
                    multiply(
                        simd,
                        &turned_queries[..block * width],
                        block,
                        0,
                        width,
                        Source::Full(keys),
                        scores,
                    );
                }
                let scores = &mut scores[..(to - from) * block * PANEL];
                for i in 0..block {
                    let seen = seen(first + i);
                    softmax(scores, block, i, seen.start - from * PANEL..seen.end - from * PANEL);
                }
                let depth = (to * PANEL).min(length) - from * PANEL;
                for panel in 0..width / PANEL {
                    let values = &values[(panel * total + start + from * PANEL) * PANEL..][..depth * PANEL];
                    let out = &mut out[(panel * count + first_row + first) * PANEL..][..block * PANEL];
                    multiply(simd, scores, block, 0, depth, Source::Full(values), rows_mut(out));
                }
                first += block;
            }
        }
    }
}

/// One row of a head out of its panels.
#[inline(always)]
fn gather(head: &[f32], count: usize, index: usize, row: &mut [f32]) {
    for (panel, to) in head.chunks_exact(count * PANEL).zip(row.as_chunks_mut::<PANEL>().0) {
        *to = rows(panel)[index];
    }
}

/// Turns each pair of a row's halves by its angle, and scales it.
#[inline(always)]
fn turn(row: &mut [f32], table: Option<&[f32]>, position: usize, scale: f32) {
    let Some(table) = table else {
        row.iter_mut().for_each(|x| *x *= scale);
        return;
    };
    let half = row.len() / 2;
    let (cos, sin) = table[position * row.len()..][..row.len()].split_at(half);
    let (low, high) = row.split_at_mut(half);
    for (((low, high), cos), sin) in low.iter_mut().zip(high).zip(cos).zip(sin) {
        let (a, b) = (*low * scale, *high * scale);
        *low = a * cos - b * sin;
        *high = b * cos + a * sin;
    }
}

/// Softmax over the seen columns of row `row` in a matrix of `count` rows in panels; 0 in all others.
#[inline(always)]
fn softmax(scores: &mut [f32], count: usize, row: usize, seen: std::ops::Range<usize>) {
    let mut most = f32::NEG_INFINITY;
    let mut sums = [0.0; PANEL];
    for (panel, scores) in scores.chunks_exact_mut(count * PANEL).enumerate() {
        let scores = &mut rows_mut(scores)[row];
        let from = seen.start.saturating_sub(panel * PANEL).min(PANEL);
        let to = seen.end.saturating_sub(panel * PANEL).min(PANEL);
        scores[..from].fill(f32::NEG_INFINITY);
        scores[to..].fill(f32::NEG_INFINITY);
        most = scores.iter().copied().fold(most, f32::max);
    }
    for scores in scores.chunks_exact_mut(count * PANEL) {
        for (sum, x) in sums.iter_mut().zip(&mut rows_mut(scores)[row]) {
            *x = math::exp(*x - most);
            *sum += *x;
        }
    }
    let scale = 1.0 / sums.iter().sum::<f32>();
    for scores in scores.chunks_exact_mut(count * PANEL) {
        for x in &mut rows_mut(scores)[row] {
            *x *= scale;
        }
    }
}
