//! Matrix products with weights that were packed once, when the model was loaded.
//!
//! General libraries repack the weights on every call, which costs more than the product itself when a
//! batch has a dozen rows.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::integers::{self, Integers};
use super::{PANEL, math, rows, rows_mut};

/// Rows that one block holds at most: 12 × 2 registers of sums fill the 32 of AVX-512.
pub const MAX_BLOCK: usize = 12;

/// The vector instructions of this machine.
pub static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Weights of a linear layer, in panels of 32 outputs, each with one row for every input.
#[derive(Debug, Clone)]
pub struct Weights {
    panels: Panels,
    inputs: usize,
    outputs: usize,
    bias: Option<Vec<f32>>,
}

/// How the weights are kept.
#[derive(Debug, Clone)]
enum Panels {
    Full(Vec<f32>),
    /// A quarter of the memory, which is what a short text waits for: whole numbers, and for every group of tiles a
    /// row of 32 factors, one an output.
    Quantised {
        tiles: Vec<Tile>,
        scales: Vec<[f32; PANEL]>,
    },
}

/// Tiles, one below the other, that share their factors: a product applies a factor once for all 128 of its weights.
pub const GROUP: usize = 4;

/// The weights of 32 inputs and 32 outputs, a row for each input.
pub type Tile = [[i8; PANEL]; PANEL];

/// The weights of one panel, as a product reads them.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// As they are.
    Full(&'a [f32]),
    /// Made numbers of row by row, when they are wanted.
    Quantised(&'a [Tile], &'a [[f32; PANEL]]),
    /// Multiplied as they are, with inputs that are whole numbers as well.
    Integers(&'a Integers, &'a [Tile], &'a [[f32; PANEL]]),
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
        Weights { panels: Panels::Full(panels), inputs, outputs: matrix.len() / inputs, bias }
    }

    /// The same with the panels of the two halves of the outputs in turn, for [`Finish::GeGlu`].
    pub fn interleaved(self) -> Weights {
        let Panels::Full(panels) = &self.panels else { return self };
        let size = PANEL * self.inputs;
        let half = panels.len() / 2;
        let panels = (0..half / size)
            .flat_map(|i| [i * size, half + i * size])
            .flat_map(|start| panels[start..start + size].iter().copied())
            .collect();
        Weights { panels: Panels::Full(panels), ..self }
    }

    /// The same in 8 bits a weight: the nearest of 255 multiples of a factor that 128 weights of one output share.
    pub fn quantised(self) -> Weights {
        let Panels::Full(panels) = &self.panels else { return self };
        let groups = panels
            .par_chunks_exact(PANEL * self.inputs)
            .flat_map_iter(|panel| rows(panel).chunks(GROUP * PANEL).map(quantise));
        let (tiles, scales): (Vec<Vec<Tile>>, Vec<_>) = groups.unzip();
        Weights { panels: Panels::Quantised { tiles: tiles.concat(), scales }, ..self }
    }

    /// How many values a row of the input has.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many values a row of the product has.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `input` (of `count` rows) times the weights for the outputs `from..to`, both multiples of 32.
    pub fn apply(&self, input: &[f32], count: usize, range: (usize, usize), finish: Finish) -> Vec<f32> {
        let integers = match self.panels {
            Panels::Quantised { .. } => Integers::new(input, count),
            Panels::Full(_) => None,
        };
        self.product(input, integers.as_ref(), count, range, finish)
    }

    fn product(
        &self,
        input: &[f32],
        integers: Option<&Integers>,
        count: usize,
        (from, to): (usize, usize),
        finish: Finish,
    ) -> Vec<f32> {
        debug_assert_eq!(input.len(), count * self.inputs);
        let step = if matches!(finish, Finish::GeGlu) { 2 } else { 1 };
        let mut out = vec![0.0; count * (to - from) / step];
        out.par_chunks_mut(count * PANEL).enumerate().for_each_init(
            Default::default,
            |scratch: &mut (Vec<f32>, Vec<f32>), (index, out)| {
                let first = from / PANEL + index * step;
                let (weights, second) = scratch;
                let weights = self.panel(first, count, integers, weights);
                let gate = (step == 2).then(|| self.panel(first + 1, count, integers, second));
                let bias = self.bias.as_ref().map(|bias| &bias[first * PANEL..]);
                ARCH.dispatch(Panel { input, depth: self.inputs, weights, gate, bias, index, finish, out });
            },
        );
        out
    }

    /// The weights of a panel for a product of `count` rows: where several blocks of rows read quantised ones, made
    /// numbers of once for all, in `scratch`.
    fn panel<'a>(
        &'a self,
        index: usize,
        count: usize,
        integers: Option<&'a Integers>,
        scratch: &'a mut Vec<f32>,
    ) -> Source<'a> {
        match &self.panels {
            Panels::Full(panels) => {
                Source::Full(&panels[index * PANEL * self.inputs..][..PANEL * self.inputs])
            }
            Panels::Quantised { tiles, scales } => {
                let (many, groups) = (self.inputs / PANEL, (self.inputs / PANEL).div_ceil(GROUP));
                let tiles = &tiles[index * many..][..many];
                let scales = &scales[index * groups..][..groups];
                if let Some(integers) = integers {
                    return Source::Integers(integers, tiles, scales);
                }
                if count <= MAX_BLOCK {
                    return Source::Quantised(tiles, scales);
                }
                scratch.resize(PANEL * self.inputs, 0.0);
                ARCH.dispatch(Unpack { tiles, scales, out: scratch });
                Source::Full(scratch)
            }
        }
    }
}

/// The weights of a group as whole numbers, and what one of each column is worth.
fn quantise(weights: &[[f32; PANEL]]) -> (Vec<Tile>, [f32; PANEL]) {
    let largest = |c: usize| weights.iter().map(|row| row[c].abs()).fold(0.0, f32::max);
    let scales: [f32; PANEL] = std::array::from_fn(|c| largest(c) / 127.0);
    // Where all are zero there is no factor, and 0 / 0 becomes 0 as well.
    let value = |r: usize, c: usize| (weights[r][c] / scales[c]).round() as i8;
    let tile = |t: usize| std::array::from_fn(|r| std::array::from_fn(|c| value(t * PANEL + r, c)));
    ((0..weights.len() / PANEL).map(tile).collect(), scales)
}

/// Makes numbers of all the quantised weights of a panel.
struct Unpack<'a> {
    tiles: &'a [Tile],
    scales: &'a [[f32; PANEL]],
    out: &'a mut [f32],
}

impl WithSimd for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let out = rows_mut(self.out).as_chunks_mut::<PANEL>().0;
        for ((out, tiles), scales) in out.chunks_mut(GROUP).zip(self.tiles.chunks(GROUP)).zip(self.scales) {
            // A copy, which nothing that is written can change: else the compiler takes one number at a time.
            let scales = *scales;
            for (out, values) in out.as_flattened_mut().iter_mut().zip(tiles.as_flattened()) {
                *out = std::array::from_fn(|c| f32::from(values[c]) * scales[c]);
            }
        }
    }
}

/// One panel of a product: every row, 32 columns.
struct Panel<'a> {
    input: &'a [f32],
    depth: usize,
    weights: Source<'a>,
    /// The second half's panel, for [`Finish::GeGlu`].
    gate: Option<Source<'a>>,
    bias: Option<&'a [f32]>,
    index: usize,
    finish: Finish<'a>,
    out: &'a mut [f32],
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let out = rows_mut(self.out);
        let count = out.len();
        let add = match self.finish {
            Finish::Add(matrix) => Some(&rows(matrix)[self.index * count..(self.index + 1) * count]),
            _ => None,
        };
        let mut first = 0;
        for block in blocks(count, block_rows::<S>()) {
            let sums = &mut out[first..first + block];
            multiply(simd, self.input, count, first, self.depth, self.weights, sums);
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
                    let weights = self.gate.unwrap_or(self.weights);
                    multiply(simd, self.input, count, first, self.depth, weights, gate);
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
    weights: Source,
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
    weights: Source<'a>,
    sums: &'a mut [[f32; PANEL]; ROWS],
}

impl<const ROWS: usize> Block<'_, ROWS> {
    /// Two registers of sums a row; as many passes over the panel as its 32 columns take.
    ///
    /// Whole panels are a loop of 32 rounds of their own: with one loop for whole and last ones the compiler keeps
    /// the sums twice, half of them in memory, and is half as fast.
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        const { assert!(PANEL.is_multiple_of(2 * MAX_LANES)) };
        for pass in (0..PANEL / S::F32_LANES).step_by(2) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
            let mut panels = self
                .input
                .chunks_exact(self.count * PANEL)
                .filter_map(|panel| rows(panel).get(self.first..)?.first_chunk::<ROWS>());
            match self.weights {
                Source::Full(weights) => {
                    let (whole, last) = rows(&weights[..self.depth * PANEL]).as_chunks::<PANEL>();
                    for (tile, input) in whole.iter().zip(&mut panels) {
                        for (k, weights) in tile.iter().enumerate() {
                            add_product(simd, input, k, weights, pass, &mut sums);
                        }
                    }
                    if let Some(input) = panels.next() {
                        for (k, weights) in last.iter().enumerate() {
                            add_product(simd, input, k % PANEL, weights, pass, &mut sums);
                        }
                    }
                }
                Source::Integers(input, tiles, scales) => {
                    return integers::multiply(input, self.first, tiles, scales, self.sums);
                }
                Source::Quantised(tiles, scales) => {
                    for (tiles, scales) in tiles.chunks(GROUP).zip(scales) {
                        let mut group = [[simd.splat_f32s(0.0); 2]; ROWS];
                        for (tile, input) in tiles.iter().zip(&mut panels) {
                            for (k, values) in tile.iter().enumerate() {
                                add_product(
                                    simd,
                                    input,
                                    k,
                                    &std::array::from_fn(|c| f32::from(values[c])),
                                    pass,
                                    &mut group,
                                );
                            }
                        }
                        let scales = S::as_simd_f32s(scales).0;
                        for (sums, group) in sums.iter_mut().zip(group) {
                            sums[0] = simd.mul_add_e_f32s(group[0], scales[pass], sums[0]);
                            sums[1] = simd.mul_add_e_f32s(group[1], scales[pass + 1], sums[1]);
                        }
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

/// Adds the products of the rows' values in column `k` with their weights, for two registers of outputs.
#[inline(always)]
fn add_product<S: Simd, const ROWS: usize>(
    simd: S,
    input: &[[f32; PANEL]; ROWS],
    k: usize,
    weights: &[f32; PANEL],
    pass: usize,
    sums: &mut [[S::f32s; 2]; ROWS],
) {
    let weights = S::as_simd_f32s(weights).0;
    let pair = [weights[pass], weights[pass + 1]];
    for (input, sums) in input.iter().zip(sums) {
        let x = simd.splat_f32s(input[k]);
        sums[0] = simd.mul_add_e_f32s(x, pair[0], sums[0]);
        sums[1] = simd.mul_add_e_f32s(x, pair[1], sums[1]);
    }
}

/// f32 values in the widest register that there is.
const MAX_LANES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from -1 to 1 without a pattern.
    fn numbers(count: usize) -> Vec<f32> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / f32::from(1_u16 << 15) / 256.0 - 1.0
        })
        .take(count)
        .collect()
    }

    /// `rows` rows of `width` values, in panels.
    fn panels(matrix: &[f32], width: usize) -> Vec<f32> {
        (0..width / PANEL)
            .flat_map(|p| matrix.chunks_exact(width).flat_map(move |row| &row[p * PANEL..(p + 1) * PANEL]))
            .copied()
            .collect()
    }

    #[test]
    fn products_are_those_of_the_textbook_and_nearly_so_with_quantised_weights() {
        // A whole group of tiles, and one that is smaller in size and in its values.
        let (inputs, outputs) = (160, 64);
        let mut matrix = numbers(inputs * outputs);
        for row in matrix.chunks_exact_mut(inputs) {
            row[128..].iter_mut().for_each(|weight| *weight /= 8.0);
        }
        // An output without weights.
        matrix[..inputs].fill(0.0);
        let exact = Weights::pack(&matrix, inputs, None);
        let quantised = exact.clone().quantised();
        for count in [1, 5, 12, 13, 40] {
            let input = numbers(count * inputs);
            let wanted: Vec<f32> = input
                .chunks_exact(inputs)
                .flat_map(|x| {
                    matrix.chunks_exact(inputs).map(move |w| w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>())
                })
                .collect();
            let wanted = panels(&wanted, outputs);
            let input = panels(&input, inputs);
            let integers = Integers::new(&input, count);
            for (weights, integers, most) in
                [(&exact, None, 1e-5), (&quantised, None, 0.06), (&quantised, integers.as_ref(), 0.06)]
            {
                let product = weights.product(&input, integers, count, (0, outputs), Finish::Plain);
                for (i, (got, wanted)) in product.iter().zip(&wanted).enumerate() {
                    assert!((got - wanted).abs() < most, "{count} rows, value {i}: {got}, not {wanted}");
                }
                if integers.is_some() {
                    let same = quantised.product(&input, None, count, (0, outputs), Finish::Plain);
                    for (i, (got, wanted)) in product.iter().zip(&same).enumerate() {
                        assert!((got - wanted).abs() < 1e-3, "{count} rows, value {i}: {got}, not {wanted}");
                    }
                }
            }
        }
    }
}
