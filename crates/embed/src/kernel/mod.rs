//! The arithmetic, on plain slices and, but for one call in `integers`, in safe code; `pulp` picks the vector
//! instructions at run time.
//!
//! Activations are kept in *panels*: a matrix of `rows` × `width` is `width / 32` panels, one after the
//! other, each with its 32 columns of every row. A panel is a contiguous slice, so threads can write
//! different panels without `unsafe`, and 32 values of a row are one array, so inner loops need no bounds
//! checks. What one operation writes is read by the next as it stands; nothing is ever transposed.

pub mod attention;
pub mod integers;
pub mod math;
pub mod matmul;
pub mod norm;

/// Columns of a panel.
pub const PANEL: usize = 32;

/// The rows of one panel.
#[inline(always)]
pub fn rows(panel: &[f32]) -> &[[f32; PANEL]] {
    panel.as_chunks().0
}

/// The rows of one panel, to be written.
#[inline(always)]
pub fn rows_mut(panel: &mut [f32]) -> &mut [[f32; PANEL]] {
    panel.as_chunks_mut().0
}
