//! Products of 8-bit weights with inputs of 16 bits, where the machine multiplies pairs of whole numbers at once
//! (AVX-512 VNNI): a quarter of the instructions of the same product in f32.
//!
//! The weights' rounding is all that is lost: 16 bits state an input to 1/65,000 of the largest of its group.

use pulp::WithSimd;
use rayon::prelude::*;

use super::matmul::{ARCH, GROUP, Tile};
use super::{PANEL, rows};

/// Pairs of inputs in a group.
const PAIRS: usize = GROUP * PANEL / 2;
/// So large that an f32 has no digits behind the point, and in the middle, so that it stays so.
const ROUNDER: f32 = 1.5 * (1 << 23) as f32;

/// Inputs as whole numbers: for every group of 128 columns one record a row. There are none on a machine without the
/// instructions to multiply them.
#[derive(Debug)]
pub struct Integers {
    records: Vec<Record>,
    count: usize,
}

/// The inputs of one row and group.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Two 16-bit numbers each, the first in the lower half; zero beyond the width.
    pairs: [i32; PAIRS],
    /// What one is worth.
    scale: f32,
}

impl Integers {
    /// The numbers of `count` rows in panels, where this machine has the instructions.
    pub fn new(input: &[f32], count: usize) -> Option<Integers> {
        #[cfg(target_arch = "x86_64")]
        let fast = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let fast = false;
        if !fast {
            return None;
        }
        let empty = Record { pairs: [0; PAIRS], scale: 0.0 };
        let groups = input.len().div_ceil(GROUP * count * PANEL);
        let mut records = vec![empty; groups * count];
        // A dozen rows take less time than it takes to wake a thread.
        records
            .par_chunks_mut(count)
            .zip(input.par_chunks(GROUP * count * PANEL))
            .with_min_len(768usize.div_ceil(count))
            .for_each(|(records, input)| ARCH.dispatch(Round { input, records }));
        Some(Integers { records, count })
    }
}

/// Rounds the inputs of one group.
struct Round<'a> {
    input: &'a [f32],
    records: &'a mut [Record],
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let count = self.records.len();
        for (r, record) in self.records.iter_mut().enumerate() {
            let panels = || self.input.chunks_exact(count * PANEL).map(|panel| &rows(panel)[r]);
            let mut largest = [0.0_f32; PANEL];
            for panel in panels() {
                for (largest, x) in largest.iter_mut().zip(panel) {
                    *largest = largest.max(x.abs());
                }
            }
            let largest = largest.into_iter().fold(0.0, f32::max);
            record.scale = largest / f32::from(i16::MAX);
            let factor = if largest > 0.0 { f32::from(i16::MAX) / largest } else { 0.0 };
            for (pairs, panel) in record.pairs.as_chunks_mut::<{ PANEL / 2 }>().0.iter_mut().zip(panels()) {
                // Rounded by the addition: the lowest bits of the sum are the whole number.
                let numbers = panel.map(|x| (x * factor + ROUNDER).to_bits().cast_signed());
                *pairs = std::array::from_fn(|p| numbers[2 * p] & 0xffff | numbers[2 * p + 1] << 16);
            }
        }
    }
}

/// Rows `first..` of the inputs times the weights of a panel.
#[inline(always)]
pub fn multiply<const ROWS: usize>(
    input: &Integers,
    first: usize,
    tiles: &[Tile],
    scales: &[[f32; PANEL]],
    sums: &mut [[f32; PANEL]; ROWS],
) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "instructions that a machine may not have")]
    // SAFETY: the machine has them, else there were no `Integers`.
    unsafe {
        vnni::multiply(input, first, tiles, scales, sums);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (input, first, tiles, scales, sums);
}

#[cfg(target_arch = "x86_64")]
mod vnni {
    use std::arch::x86_64::{
        __m256i, __m512, _MM_HINT_T0, _mm_prefetch, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
        _mm512_cvtepi8_epi16, _mm512_cvtepi32_ps, _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_mul_ps,
        _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    };

    use pulp::bytemuck::cast;

    use super::{GROUP, Integers, PANEL, Tile};

    /// How many bytes before they are wanted weights are fetched.
    const AHEAD: usize = 4096;

    /// Columns in the order in which interleaving leaves them: 0 to 7 and 16 to 23, 8 to 15 and 24 to 31.
    #[inline(always)]
    fn in_order(row: &[f32; PANEL]) -> [__m512; 2] {
        let half = |from: usize| -> [f32; 16] { std::array::from_fn(|c| row[from + c % 8 + c / 8 * 16]) };
        [cast(half(0)), cast(half(8))]
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2")]
    pub(super) fn multiply<const ROWS: usize>(
        input: &Integers,
        first: usize,
        tiles: &[Tile],
        scales: &[[f32; PANEL]],
        sums: &mut [[f32; PANEL]; ROWS],
    ) {
        let mut totals = [[_mm512_setzero_ps(); 2]; ROWS];
        let records = input.records.chunks_exact(input.count);
        for ((tiles, scales), records) in tiles.chunks(GROUP).zip(scales).zip(records) {
            let Some(records) = records.get(first..).and_then(|records| records.first_chunk::<ROWS>()) else {
                return;
            };
            // 128 products of 7 and 15 bits stay below 2^30.
            let mut group = [[_mm512_setzero_si512(); 2]; ROWS];
            // One loop over all tiles: of a loop that it can write out, the compiler makes longer sums of shorter
            // products, which take twice the instructions.
            for (p, [one, other]) in tiles.as_flattened().as_chunks::<2>().0.iter().enumerate() {
                // The machine itself looks ahead within a page only, which is as much as one group.
                _mm_prefetch::<_MM_HINT_T0>(one.as_ptr().wrapping_add(AHEAD));
                let (one, other): (__m256i, __m256i) = (cast(*one), cast(*other));
                let low = _mm512_cvtepi8_epi16(_mm256_unpacklo_epi8(one, other));
                let high = _mm512_cvtepi8_epi16(_mm256_unpackhi_epi8(one, other));
                for (record, group) in records.iter().zip(&mut group) {
                    let pair = _mm512_set1_epi32(record.pairs[p]);
                    group[0] = _mm512_dpwssd_epi32(group[0], pair, low);
                    group[1] = _mm512_dpwssd_epi32(group[1], pair, high);
                }
            }
            let scales = in_order(scales);
            for ((total, group), record) in totals.iter_mut().zip(group).zip(records) {
                let worth = _mm512_set1_ps(record.scale);
                for half in 0..2 {
                    let factors = _mm512_mul_ps(scales[half], worth);
                    total[half] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(group[half]), factors, total[half]);
                }
            }
        }
        for (sums, total) in sums.iter_mut().zip(totals) {
            let [low, high]: [[f32; 16]; 2] = total.map(cast);
            *sums = std::array::from_fn(|c| {
                if c / 8 % 2 == 0 { low[c % 8 + c / 16 * 8] } else { high[c % 8 + c / 16 * 8] }
            });
        }
    }
}
