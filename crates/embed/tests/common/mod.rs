//! What several test files share.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::modernbert;
use serde_json::json;

/// A folder of committed test data.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// Token ids that look random and are always the same.
pub fn texts(lengths: &[usize], vocabulary: u32) -> Vec<Vec<u32>> {
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        4 + (state >> 8) % (vocabulary - 4)
    };
    lengths.iter().map(|length| (0..*length).map(|_| next()).collect()).collect()
}

/// Cosine, and the largest difference.
pub fn closeness(a: &[f32], b: &[f32]) -> (f32, f32) {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    (cosine as f32, a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
}

/// Numbers between -1 and 1 that look random and are always the same.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state as f32 / u32::MAX as f32) * 2.0 - 1.0
        })
        .collect()
}

/// The sizes of a ModernBERT.
pub struct Sizes {
    pub vocabulary: usize,
    pub width: usize,
    pub inner: usize,
    pub heads: usize,
    pub layers: usize,
    pub positions: usize,
}

/// As `Alibaba-NLP/gte-modernbert-base` has them.
pub const GTE_MODERNBERT_BASE: Sizes =
    Sizes { vocabulary: 50_368, width: 768, inner: 1152, heads: 12, layers: 22, positions: 8192 };

/// Writes a small model of random weights: heads of 64 values, windows of 64, a global layer of three.
pub fn random_modernbert(folder: &Path, prefix: &str, layers: usize) {
    let sizes = Sizes { vocabulary: 500, width: 128, inner: 192, heads: 2, layers, positions: 512 };
    random_weights(folder, prefix, &sizes);
}

/// Writes a model of random weights.
pub fn random_weights(folder: &Path, prefix: &str, sizes: &Sizes) {
    let Sizes { vocabulary, width, inner, layers, .. } = *sizes;
    let config = json!({
        "model_type": "modernbert", "vocab_size": vocabulary, "hidden_size": width, "num_hidden_layers": layers,
        "num_attention_heads": sizes.heads, "intermediate_size": inner, "max_position_embeddings": sizes.positions,
        "layer_norm_eps": 1e-5, "norm_eps": 1e-5, "pad_token_id": 0, "bos_token_id": 2, "cls_token_id": 2,
        "eos_token_id": 3, "sep_token_id": 3, "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0,
        "local_attention": 128, "local_rope_theta": 10000.0, "architectures": ["ModernBertModel"],
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    std::fs::copy(data("modernbert/tokenizer.json"), folder.join("tokenizer.json")).unwrap();
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.tok_embeddings.weight".into(), vec![vocabulary, width]),
        ("embeddings.norm.weight".into(), vec![width]),
        ("final_norm.weight".into(), vec![width]),
    ];
    for layer in 0..layers {
        let mut add = |name: &str, shape: &[usize]| {
            shapes.push((format!("layers.{layer}.{name}.weight"), shape.to_vec()))
        };
        if layer > 0 {
            add("attn_norm", &[width]);
        }
        add("attn.Wqkv", &[3 * width, width]);
        add("attn.Wo", &[width, width]);
        add("mlp_norm", &[width]);
        add("mlp.Wi", &[2 * inner, width]);
        add("mlp.Wo", &[width, inner]);
    }
    let tensors: HashMap<String, Tensor> = shapes
        .into_iter()
        .enumerate()
        .map(|(index, (name, shape))| {
            let count = shape.iter().product();
            let (scale, shift) = match shape[..] {
                [_] => (0.3, 1.0),
                // Sums over a row stay of the same size whatever its length.
                [_, inputs] => (2.3 / (inputs as f32).sqrt(), 0.0),
                _ => unreachable!(),
            };
            let values = noise(count, index as u32 + 1).iter().map(|x| x * scale + shift).collect();
            (format!("{prefix}{name}"), Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
        })
        .collect();
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

/// candle's own `modernbert` over the same files.
pub struct Peer {
    model: modernbert::ModernBert,
}

impl Peer {
    /// From a folder whose names have no prefix.
    pub fn load(folder: &Path) -> Peer {
        let config = serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
        let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
        // It knows the names with the prefix only.
        let tensors = tensors.into_iter().map(|(name, tensor)| (format!("model.{name}"), tensor)).collect();
        let weights = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        Peer { model: modernbert::ModernBert::load(weights, &config).unwrap() }
    }

    /// The first rows of texts that are padded to the longest.
    pub fn padded(&self, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let longest = texts.iter().map(Vec::len).max().unwrap();
        let fill = |value: u32, of: &dyn Fn(u32) -> u32| -> Vec<u32> {
            texts
                .iter()
                .flat_map(|ids| {
                    ids.iter().map(|id| of(*id)).chain(std::iter::repeat_n(value, longest - ids.len()))
                })
                .collect()
        };
        let shape = (texts.len(), longest);
        let ids = Tensor::from_vec(fill(0, &|id| id), shape, &Device::Cpu).unwrap();
        let mask = Tensor::from_vec(fill(0, &|_| 1), shape, &Device::Cpu).unwrap();
        let rows = self.model.forward(&ids, &mask).unwrap();
        rows.narrow(1, 0, 1).unwrap().squeeze(1).unwrap().to_vec2().unwrap()
    }
}
