//! The kernels as operations on candle tensors of the shape (panels, rows, 32).

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};

use crate::kernel::PANEL;
use crate::kernel::attention::{self, Call};
use crate::kernel::matmul::{Finish, Weights};
use crate::kernel::norm::Norm;

/// A tensor's values; all tensors here are contiguous.
fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((from, to)) => Ok(&storage.as_slice::<f32>()?[from..to]),
        None => bail!("a tensor in panels must be contiguous"),
    }
}

fn shaped(values: Vec<f32>, count: usize) -> (CpuStorage, Shape) {
    let panels = values.len() / (count * PANEL);
    (CpuStorage::F32(values), Shape::from((panels, count, PANEL)))
}

/// A matrix in panels as a tensor.
pub fn tensor(values: Vec<f32>, count: usize) -> Result<Tensor> {
    let panels = values.len() / (count * PANEL);
    Tensor::from_vec(values, (panels, count, PANEL), &Device::Cpu)
}

/// How many rows a tensor in panels has.
pub fn count(tensor: &Tensor) -> Result<usize> {
    tensor.dim(1)
}

/// The rows of a tensor in panels, one vector each.
pub fn into_rows(tensor: &Tensor) -> Result<Vec<Vec<f32>>> {
    tensor.transpose(0, 1)?.flatten_from(1)?.to_vec2()
}

/// What follows a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// GELU.
    Gelu,
    /// GELU of the first half times the second.
    GeGlu,
}

/// A linear layer with what follows it.
pub struct Linear {
    weights: Weights,
    then: Then,
}

impl Linear {
    /// From a matrix of `outputs` × `inputs`, kept in 8 bits a weight where `quantised`.
    pub fn new(
        matrix: Vec<f32>,
        inputs: usize,
        bias: Option<Vec<f32>>,
        then: Then,
        quantised: bool,
    ) -> Linear {
        let weights = Weights::pack(&matrix, inputs, bias);
        let weights = if then == Then::GeGlu { weights.interleaved() } else { weights };
        Linear { weights: if quantised { weights.quantised() } else { weights }, then }
    }

    /// All outputs.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        self.range(input, 0, self.weights.outputs())
    }

    /// The outputs `from..to` only, for a layer that nothing follows.
    pub fn range(&self, input: &Tensor, from: usize, to: usize) -> Result<Tensor> {
        let finish = match self.then {
            Then::Nothing => Finish::Plain,
            Then::Gelu => Finish::Gelu,
            Then::GeGlu => Finish::GeGlu,
        };
        input.apply_op1_no_bwd(&Product { weights: &self.weights, from, to, finish })
    }

    /// The product plus `residual`.
    pub fn add_to(&self, input: &Tensor, residual: &Tensor) -> Result<Tensor> {
        input.apply_op2_no_bwd(residual, &ProductPlus { weights: &self.weights })
    }
}

struct Product<'a> {
    weights: &'a Weights,
    from: usize,
    to: usize,
    finish: Finish<'a>,
}

impl CustomOp1 for Product<'_> {
    fn name(&self) -> &'static str {
        "packed-product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let count = layout.dims()[1];
        let input = values(storage, layout)?;
        if input.len() != count * self.weights.inputs() {
            bail!("a layer of {} inputs was given {:?}", self.weights.inputs(), layout.dims());
        }
        Ok(shaped(self.weights.apply(input, count, (self.from, self.to), self.finish), count))
    }
}

struct ProductPlus<'a> {
    weights: &'a Weights,
}

impl CustomOp2 for ProductPlus<'_> {
    fn name(&self) -> &'static str {
        "packed-product-plus"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let count = l1.dims()[1];
        let (input, residual) = (values(s1, l1)?, values(s2, l2)?);
        let outputs = self.weights.outputs();
        if input.len() != count * self.weights.inputs() || residual.len() != count * outputs {
            bail!(
                "a layer of {} inputs was given {:?} and {:?}",
                self.weights.inputs(),
                l1.dims(),
                l2.dims()
            );
        }
        Ok(shaped(self.weights.apply(input, count, (0, outputs), Finish::Add(residual)), count))
    }
}

impl CustomOp1 for Norm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let count = layout.dims()[1];
        Ok(shaped(self.apply(values(storage, layout)?, count), count))
    }
}

/// Attention of queries to keys and values that stand one after the other.
pub struct Attention<'a> {
    /// Heads, window and rotation.
    pub shape: &'a attention::Shape,
    /// Where the texts begin and end.
    pub bounds: &'a [usize],
    /// Whether only the first row of each text asks.
    pub first_only: bool,
    /// Sines and cosines for the longest text.
    pub rotation: Option<&'a [f32]>,
}

impl CustomOp2 for Attention<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let call = Call {
            queries: values(s1, l1)?,
            keys_values: values(s2, l2)?,
            bounds: self.bounds,
            first_only: self.first_only,
            rotation: self.rotation,
        };
        Ok(shaped(self.shape.apply(call), l1.dims()[1]))
    }
}

/// Picks some rows.
pub struct Rows<'a>(pub &'a [usize]);

impl CustomOp1 for Rows<'_> {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let panels = values(storage, layout)?.chunks_exact(layout.dims()[1] * PANEL);
        let picked = panels.flat_map(|panel| {
            let rows = crate::kernel::rows(panel);
            self.0.iter().flat_map(move |&row| rows[row])
        });
        Ok(shaped(picked.collect(), self.0.len()))
    }
}

/// The mean of each text's rows.
pub struct Mean<'a>(pub &'a [usize]);

impl CustomOp1 for Mean<'_> {
    fn name(&self) -> &'static str {
        "mean"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let panels = values(storage, layout)?.chunks_exact(layout.dims()[1] * PANEL);
        let mut means = Vec::new();
        for panel in panels {
            for text in self.0.windows(2) {
                let rows = &crate::kernel::rows(panel)[text[0]..text[1]];
                for column in 0..PANEL {
                    means.push(rows.iter().map(|row| row[column]).sum::<f32>() / rows.len() as f32);
                }
            }
        }
        Ok(shaped(means, self.0.len() - 1))
    }
}
