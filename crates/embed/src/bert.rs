//! BERT: learned positions, every position sees every other, normalisation after each half of a layer.

use candle_core::Tensor;

use crate::batch::Batch;
use crate::config::{Config, Pooling};
use crate::kernel::attention::Shape;
use crate::kernel::norm::Norm;
use crate::ops::{self, Attention, Linear, Mean, Rows, Then};
use crate::weights::Checkpoint;
use crate::{Error, kernel::PANEL};

/// Names of weights that an embedding does without.
pub const HEADS: &[&str] = &[
    "pooler.",
    "cls.",
    "classifier.",
    "embeddings.position_ids",
    "bert.pooler.",
    "bert.embeddings.position_ids",
];

/// The encoder.
pub struct Bert {
    words: Vec<f32>,
    positions: Vec<f32>,
    /// Row 0 of the table of types: a single text is all of type 0.
    kind: Vec<f32>,
    width: usize,
    norm: Norm,
    layers: Vec<Layer>,
    shape: Shape,
    pooling: Pooling,
}

struct Layer {
    queries: Linear,
    keys_values: Linear,
    out: Linear,
    norm: Norm,
    inner: Linear,
    inner_out: Linear,
    inner_norm: Norm,
}

impl Bert {
    /// Takes the weights out of a checkpoint.
    pub fn load(config: &Config, weights: &mut Checkpoint, quantised: bool) -> Result<Bert, Error> {
        let width = config.width;
        let norm = |weights: &mut Checkpoint, name: &str| {
            Ok::<_, Error>(Norm {
                weight: weights.take(&format!("{name}.weight"), &[width])?,
                bias: Some(weights.take(&format!("{name}.bias"), &[width])?),
                epsilon: config.epsilon,
            })
        };
        let linear =
            |weights: &mut Checkpoint, names: &[String], inputs: usize, outputs: usize, then: Then| {
                let (mut matrix, mut bias) = (Vec::new(), Vec::new());
                for name in names {
                    matrix.extend(weights.take(&format!("{name}.weight"), &[outputs, inputs])?);
                    bias.extend(weights.take(&format!("{name}.bias"), &[outputs])?);
                }
                Ok::<_, Error>(Linear::new(matrix, inputs, Some(bias), then, quantised))
            };
        let words = weights.take("embeddings.word_embeddings.weight", &[config.vocabulary, width])?;
        let positions = weights.take("embeddings.position_embeddings.weight", &[config.positions, width])?;
        let mut kind = weights.take("embeddings.token_type_embeddings.weight", &[config.types, width])?;
        kind.truncate(width);
        let first_norm = norm(weights, "embeddings.LayerNorm")?;
        let layers = (0..config.layers)
            .map(|index| {
                let name = |part: &str| format!("encoder.layer.{index}.{part}");
                let one = |part: &str| [name(part)];
                let pair = [name("attention.self.key"), name("attention.self.value")];
                Ok(Layer {
                    queries: linear(weights, &one("attention.self.query"), width, width, Then::Nothing)?,
                    keys_values: linear(weights, &pair, width, width, Then::Nothing)?,
                    out: linear(weights, &one("attention.output.dense"), width, width, Then::Nothing)?,
                    norm: norm(weights, &name("attention.output.LayerNorm"))?,
                    inner: linear(weights, &one("intermediate.dense"), width, config.inner, Then::Gelu)?,
                    inner_out: linear(weights, &one("output.dense"), config.inner, width, Then::Nothing)?,
                    inner_norm: norm(weights, &name("output.LayerNorm"))?,
                })
            })
            .collect::<Result<_, Error>>()?;
        let shape = Shape { heads: config.heads, head: width / config.heads, window: None, rotation: None };
        Ok(Bert { words, positions, kind, width, norm: first_norm, layers, shape, pooling: config.pooling })
    }

    /// One vector a text, in panels.
    pub fn forward(&self, batch: &Batch) -> candle_core::Result<Tensor> {
        let mut table = Vec::with_capacity(batch.tokens() * self.width);
        for panel in 0..self.width / PANEL {
            let part = |table: &'_ [f32], row: usize, column: usize| {
                table[row * self.width + panel * PANEL + column]
            };
            for text in batch.bounds().windows(2) {
                for (position, &id) in batch.ids()[text[0]..text[1]].iter().enumerate() {
                    table.extend((0..PANEL).map(|column| {
                        part(&self.words, id as usize, column)
                            + part(&self.positions, position, column)
                            + part(&self.kind, 0, column)
                    }));
                }
            }
        }
        let mut x = ops::tensor(table, batch.tokens())?.apply_op1_no_bwd(&self.norm)?;
        let attention =
            Attention { shape: &self.shape, bounds: batch.bounds(), first_only: false, rotation: None };
        for layer in &self.layers {
            let seen =
                layer.queries.forward(&x)?.apply_op2_no_bwd(&layer.keys_values.forward(&x)?, &attention)?;
            x = layer.out.add_to(&seen, &x)?.apply_op1_no_bwd(&layer.norm)?;
            x = layer.inner_out.add_to(&layer.inner.forward(&x)?, &x)?.apply_op1_no_bwd(&layer.inner_norm)?;
        }
        match self.pooling {
            Pooling::First => x.apply_op1_no_bwd(&Rows(&batch.bounds()[..batch.len()])),
            Pooling::Mean => x.apply_op1_no_bwd(&Mean(batch.bounds())),
        }
    }
}
