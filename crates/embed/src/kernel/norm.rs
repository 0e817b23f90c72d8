//! Layer normalisation over the rows of a matrix in panels.

use pulp::WithSimd;
use rayon::prelude::*;

use super::{PANEL, matmul::ARCH, rows, rows_mut};

/// Scale, shift and ε of a normalisation.
#[derive(Debug, Clone)]
pub struct Norm {
    /// One factor a column.
    pub weight: Vec<f32>,
    /// One summand a column.
    pub bias: Option<Vec<f32>>,
    /// Added to the variance.
    pub epsilon: f32,
}

/// Mean of a row, and one over its standard deviation.
#[derive(Clone, Copy, Default)]
struct Spread {
    mean: f32,
    scale: f32,
}

impl Norm {
    /// Each of the `count` rows of `input`, brought to mean 0 and variance 1, then scaled and shifted.
    pub fn apply(&self, input: &[f32], count: usize) -> Vec<f32> {
        let mut spreads = vec![Spread::default(); count];
        // A dozen rows take less time than it takes to wake a thread.
        let share = count.div_ceil(rayon::current_num_threads()).max(48);
        spreads.par_chunks_mut(share).enumerate().for_each(|(index, spreads)| {
            ARCH.dispatch(Measure { input, count, first: index * share, epsilon: self.epsilon, spreads });
        });
        let mut out = vec![0.0; input.len()];
        let panels = (PANEL * share).div_ceil(count).max(1);
        out.par_chunks_mut(count * PANEL)
            .zip(input.par_chunks(count * PANEL))
            .enumerate()
            .with_min_len(panels)
            .for_each(|(index, (out, input))| {
                let columns = index * PANEL..(index + 1) * PANEL;
                let bias = self.bias.as_ref().map(|bias| &bias[columns.clone()]);
                ARCH.dispatch(Scale { input, spreads: &spreads, weight: &self.weight[columns], bias, out });
            });
        out
    }
}

struct Measure<'a> {
    input: &'a [f32],
    count: usize,
    first: usize,
    epsilon: f32,
    spreads: &'a mut [Spread],
}

impl WithSimd for Measure<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let panels = || self.input.chunks_exact(self.count * PANEL).map(|panel| &rows(panel)[self.first..]);
        let width = (self.input.len() / self.count) as f32;
        for (r, spread) in self.spreads.iter_mut().enumerate() {
            let mut sums = [0.0; PANEL];
            for panel in panels() {
                for (sum, x) in sums.iter_mut().zip(&panel[r]) {
                    *sum += x;
                }
            }
            let mean = sums.iter().sum::<f32>() / width;
            let mut squares = [0.0; PANEL];
            for panel in panels() {
                for (square, x) in squares.iter_mut().zip(&panel[r]) {
                    *square += (x - mean) * (x - mean);
                }
            }
            let variance = squares.iter().sum::<f32>() / width;
            *spread = Spread { mean, scale: 1.0 / (variance + self.epsilon).sqrt() };
        }
    }
}

struct Scale<'a> {
    input: &'a [f32],
    spreads: &'a [Spread],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    out: &'a mut [f32],
}

impl WithSimd for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Some(weight) = self.weight.first_chunk::<PANEL>() else { return };
        let bias = self.bias.and_then(|bias| bias.first_chunk::<PANEL>()).unwrap_or(&[0.0; PANEL]);
        for ((out, x), spread) in rows_mut(self.out).iter_mut().zip(rows(self.input)).zip(self.spreads) {
            for c in 0..PANEL {
                out[c] = (x[c] - spread.mean) * spread.scale * weight[c] + bias[c];
            }
        }
    }
}
