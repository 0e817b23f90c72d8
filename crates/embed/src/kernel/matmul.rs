//! Matrix products with weights that were packed once, when the model was loaded.
//!
//! General libraries repack the weights on every call, which costs more than the product itself when a
//! batch has a dozen rows.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{PANEL, math, rows, rows_mut};

/// Rows that one block holds at most: 12 × 2 registers of sums fill the 32 of AVX-512.
pub const MAX_BLOCK: usize = 12;

/// The vector instructions of this machine.
pub static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Weights of a linear layer, in panels of 32 outputs, each with one row for every input.
#[derive(Debug, Clone)]
pub struct Weights {
    panels: Vec<f32>,
    inputs: usize,
    bias: Option<Vec<f32>>,
}

/// What is done with a block of the product while it is still in the first cache.
#[derive(Debug, Clone, Copy)]
pub enum Finish<'a> {
    /// Nothing.
    Plain,
    /// `gelu(x)`.
    Gelu,
    /// Adds this matrix of the same shape.
    Add(&'a [f32]),
    /// `gelu(first) · second`, where the weights hold the two halves' panels in turn.
    GeGlu,
}

impl Weights {
    /// Packs a matrix of `outputs` × `inputs`, both multiples of 32.
    pub fn pack(matrix: &[f32], inputs: usize, bias: Option<Vec<f32>>) -> Weights {
        let mut panels = vec![0.0; matrix.len()];
        panels.par_chunks_mut(PANEL * inputs).zip(matrix.par_chunks(PANEL * inputs)).for_each(
            |(panel, source)| {
                for (column, weights) in source.chunks_exact(inputs).enumerate() {
                    for (row, weight) in rows_mut(panel).iter_mut().zip(weights) {
                        row[column] = *weight;
                    }
                }
            },
        );
        Weights { panels, inputs, bias }
    }

    /// The same with the panels of the two halves of the outputs in turn, for [`Finish::GeGlu`].
    pub fn interleaved(self) -> Weights {
        let size = PANEL * self.inputs;
        let half = self.panels.len() / 2;
        let panels = (0..half / size)
            .flat_map(|i| [i * size, half + i * size])
            .flat_map(|start| self.panels[start..start + size].iter().copied())
            .collect();
        Weights { panels, ..self }
    }

    /// How many values a row of the input has.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many values a row of the product has.
    pub fn outputs(&self) -> usize {
        self.panels.len() / self.inputs
    }

    /// `input` (of `count` rows) times the weights for the outputs `from..to`, both multiples of 32.
    pub fn apply(&self, input: &[f32], count: usize, (from, to): (usize, usize), finish: Finish) -> Vec<f32> {
        debug_assert_eq!(input.len(), count * self.inputs);
        let size = PANEL * self.inputs;
        let step = if matches!(finish, Finish::GeGlu) { 2 } else { 1 };
        let mut out = vec![0.0; count * (to - from) / step];
        out.par_chunks_mut(count * PANEL)
            .zip(self.panels[from / PANEL * size..to / PANEL * size].par_chunks(size * step))
            .enumerate()
            .for_each(|(index, (out, weights))| {
                let bias = self.bias.as_ref().map(|bias| &bias[from + index * PANEL * step..]);
                ARCH.dispatch(Panel { input, depth: self.inputs, weights, bias, index, finish, out });
            });
        out
    }
}

/// One panel of a product: every row, 32 columns.
struct Panel<'a> {
    input: &'a [f32],
    depth: usize,
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    index: usize,
    finish: Finish<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let size = PANEL * self.depth;
        let out = rows_mut(self.out);
        let count = out.len();
        let add = match self.finish {
            Finish::Add(matrix) => Some(&rows(matrix)[self.index * count..(self.index + 1) * count]),
            _ => None,
        };
        let mut first = 0;
        for block in blocks(count, block_rows::<S>()) {
            let sums = &mut out[first..first + block];
            multiply(simd, self.input, count, first, self.depth, &self.weights[..size], sums);
            if let Some(bias) = self.bias {
                add_bias(sums, bias);
            }
            match self.finish {
                Finish::Plain => {}
                Finish::Gelu => sums.as_flattened_mut().iter_mut().for_each(|x| *x = math::gelu(*x)),
                Finish::Add(_) => {
                    for (sums, add) in sums.iter_mut().zip(&add.unwrap_or_default()[first..]) {
                        for (sum, add) in sums.iter_mut().zip(add) {
                            *sum += add;
                        }
                    }
                }
                Finish::GeGlu => {
                    let mut gate = [[0.0; PANEL]; MAX_BLOCK];
                    let gate = &mut gate[..block];
                    multiply(simd, self.input, count, first, self.depth, &self.weights[size..], gate);
                    if let Some(bias) = self.bias {
                        add_bias(gate, &bias[PANEL..]);
                    }
                    for (sums, gate) in sums.iter_mut().zip(gate) {
                        for (sum, gate) in sums.iter_mut().zip(gate) {
                            *sum = math::gelu(*sum) * *gate;
                        }
                    }
                }
            }
            first += block;
        }
    }
}

#[inline(always)]
fn add_bias(sums: &mut [[f32; PANEL]], bias: &[f32]) {
    for sums in sums {
        for (sum, bias) in sums.iter_mut().zip(bias) {
            *sum += bias;
        }
    }
}

/// Rows of a block such that the sums fit into the registers.
#[inline(always)]
pub fn block_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { MAX_BLOCK } else { 6 }
}

/// Splits `count` rows into blocks of nearly the same size: 13 rows are 7 and 6, not 12 and 1.
#[inline(always)]
pub fn blocks(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let n = count.div_ceil(most);
    (0..n).map(move |i| (i + 1) * count / n - i * count / n)
}

/// Rows `first..` of `input` (`count` rows in panels) times `weights` (`depth` rows of 32): as many rows as
/// `sums` has, at most [`block_rows`].
#[inline(always)]
pub fn multiply<S: Simd>(
    simd: S,
    input: &[f32],
    count: usize,
    first: usize,
    depth: usize,
    weights: &[f32],
    sums: &mut [[f32; PANEL]],
) {
    macro_rules! by_rows {
        ($($n:literal)+) => {
            match sums.len() {
                $($n if $n <= 6 || S::REGISTER_COUNT >= 32 => {
                    if let Some(sums) = sums.first_chunk_mut::<$n>() {
                        Block { input, count, first, depth, weights, sums }.run(simd);
                    }
                })+
                n => debug_assert_eq!(n, 0, "a block of more rows than registers"),
            }
        };
    }
    by_rows!(1 2 3 4 5 6 7 8 9 10 11 12);
}

struct Block<'a, const ROWS: usize> {
    input: &'a [f32],
    count: usize,
    first: usize,
    depth: usize,
    weights: &'a [f32],
    sums: &'a mut [[f32; PANEL]; ROWS],
}

impl<const ROWS: usize> Block<'_, ROWS> {
    /// Two registers of sums a row; as many passes over the panel as its 32 columns take.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const { assert!(PANEL.is_multiple_of(2 * MAX_LANES)) };
        let registers = PANEL / S::F32_LANES;
        let weights = S::as_simd_f32s(self.weights).0;
        for pass in (0..registers).step_by(2) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
            let mut left = self.depth;
            let mut weights = weights;
            for panel in self.input.chunks_exact(self.count * PANEL) {
                let Some(input) = rows(panel).get(self.first..).and_then(|rows| rows.first_chunk::<ROWS>())
                else {
                    return;
                };
                let now = left.min(PANEL);
                let (here, rest) = weights.split_at(now * registers);
                weights = rest;
                left -= now;
                for (k, weights) in here.chunks_exact(registers).enumerate() {
                    let k = k % PANEL;
                    let pair = [weights[pass], weights[pass + 1]];
                    for r in 0..ROWS {
                        let x = simd.splat_f32s(input[r][k]);
                        sums[r][0] = simd.mul_add_e_f32s(x, pair[0], sums[r][0]);
                        sums[r][1] = simd.mul_add_e_f32s(x, pair[1], sums[r][1]);
                    }
                }
            }
            for (sums, out) in sums.iter().zip(self.sums.iter_mut()) {
                let out = S::as_mut_simd_f32s(out).0;
                out[pass] = sums[0];
                out[pass + 1] = sums[1];
            }
        }
    }
}

/// f32 values in the widest register that there is.
const MAX_LANES: usize = 16;
