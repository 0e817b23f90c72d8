//! ModernBERT: rotary positions, windows in two layers of three, GELU times a gate.

use candle_core::Tensor;

use crate::batch::Batch;
use crate::config::{Config, Pooling};
use crate::kernel::attention::{Rotation, Shape};
use crate::kernel::norm::Norm;
use crate::ops::{self, Attention, Linear, Mean, Rows, Then};
use crate::weights::Checkpoint;
use crate::{Error, kernel::PANEL};

/// Names of weights that an embedding does without: the heads for guessing words and for classes.
pub const HEADS: &[&str] = &["head.", "decoder.", "classifier."];

/// The backbone.
pub struct ModernBert {
    words: Vec<f32>,
    width: usize,
    norm: Norm,
    layers: Vec<Layer>,
    last_norm: Norm,
    global: Shape,
    local: Shape,
    pooling: Pooling,
}

struct Layer {
    norm: Option<Norm>,
    qkv: Linear,
    out: Linear,
    inner_norm: Norm,
    inner: Linear,
    inner_out: Linear,
    global: bool,
}

impl ModernBert {
    /// Takes the weights out of a checkpoint.
    pub fn load(config: &Config, weights: &mut Checkpoint, quantised: bool) -> Result<ModernBert, Error> {
        let width = config.width;
        let norm = |weights: &mut Checkpoint, name: &str| {
            let weight = weights.take(&format!("{name}.weight"), &[width])?;
            Ok::<_, Error>(Norm { weight, bias: None, epsilon: config.epsilon })
        };
        let linear = |weights: &mut Checkpoint, name: &str, inputs: usize, outputs: usize, then: Then| {
            let matrix = weights.take(&format!("{name}.weight"), &[outputs, inputs])?;
            Ok::<_, Error>(Linear::new(matrix, inputs, None, then, quantised))
        };
        let words = weights.take("embeddings.tok_embeddings.weight", &[config.vocabulary, width])?;
        let first_norm = norm(weights, "embeddings.norm")?;
        let layers = (0..config.layers)
            .map(|index| {
                let name = |part: &str| format!("layers.{index}.{part}");
                Ok(Layer {
                    // The first layer takes the normalised table as it is.
                    norm: if index == 0 { None } else { Some(norm(weights, &name("attn_norm"))?) },
                    qkv: linear(weights, &name("attn.Wqkv"), width, 3 * width, Then::Nothing)?,
                    out: linear(weights, &name("attn.Wo"), width, width, Then::Nothing)?,
                    inner_norm: norm(weights, &name("mlp_norm"))?,
                    inner: linear(weights, &name("mlp.Wi"), width, 2 * config.inner, Then::GeGlu)?,
                    inner_out: linear(weights, &name("mlp.Wo"), config.inner, width, Then::Nothing)?,
                    global: config.global[index],
                })
            })
            .collect::<Result<_, Error>>()?;
        let head = width / config.heads;
        let shape = |theta: f64, window: Option<usize>| Shape {
            heads: config.heads,
            head,
            window,
            rotation: Some(Rotation::new(theta, head)),
        };
        Ok(ModernBert {
            words,
            width,
            norm: first_norm,
            layers,
            last_norm: norm(weights, "final_norm")?,
            global: shape(config.theta.0, None),
            local: shape(config.theta.1, Some(config.window)),
            pooling: config.pooling,
        })
    }

    /// One vector a text, in panels.
    pub fn forward(&self, batch: &Batch) -> candle_core::Result<Tensor> {
        let width = self.width;
        let mut table = Vec::with_capacity(batch.tokens() * width);
        for panel in 0..width / PANEL {
            for &id in batch.ids() {
                table.extend_from_slice(&self.words[id as usize * width + panel * PANEL..][..PANEL]);
            }
        }
        let mut x = ops::tensor(table, batch.tokens())?.apply_op1_no_bwd(&self.norm)?;
        let rotation =
            |shape: &Shape| shape.rotation.as_ref().map(|rotation| rotation.table(batch.longest()));
        let (global, local) = (rotation(&self.global), rotation(&self.local));
        let starts = &batch.bounds()[..batch.len()];

        for (index, layer) in self.layers.iter().enumerate() {
            // Where only first rows are used, the last layer computes nothing for the others but what these see.
            let first_only = self.pooling == Pooling::First && index + 1 == self.layers.len();
            let (shape, rotation) =
                if layer.global { (&self.global, &global) } else { (&self.local, &local) };
            let attention =
                Attention { shape, bounds: batch.bounds(), first_only, rotation: rotation.as_deref() };
            let normed = match &layer.norm {
                Some(norm) => x.apply_op1_no_bwd(norm)?,
                None => x.clone(),
            };
            let (queries, keys_values) = if first_only {
                x = x.apply_op1_no_bwd(&Rows(starts))?;
                let asking = normed.apply_op1_no_bwd(&Rows(starts))?;
                (layer.qkv.range(&asking, 0, width)?, layer.qkv.range(&normed, width, 3 * width)?)
            } else {
                let all = layer.qkv.forward(&normed)?;
                let panels = width / PANEL;
                (all.narrow(0, 0, panels)?, all.narrow(0, panels, 2 * panels)?)
            };
            let seen = queries.apply_op2_no_bwd(&keys_values, &attention)?;
            x = layer.out.add_to(&seen, &x)?;
            let inner = layer.inner.forward(&x.apply_op1_no_bwd(&layer.inner_norm)?)?;
            x = layer.inner_out.add_to(&inner, &x)?;
        }
        let x = x.apply_op1_no_bwd(&self.last_norm)?;
        match self.pooling {
            Pooling::First if ops::count(&x)? > batch.len() => x.apply_op1_no_bwd(&Rows(starts)),
            Pooling::First => Ok(x),
            Pooling::Mean => x.apply_op1_no_bwd(&Mean(batch.bounds())),
        }
    }
}
