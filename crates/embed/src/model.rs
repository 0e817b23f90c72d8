//! A model loaded from its folder: texts in, vectors out.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::{Tokenizer, TruncationParams};

use crate::batch::Batch;
use crate::bert::{self, Bert};
use crate::config::{Config, Family, Pooling};
use crate::modernbert::{self, ModernBert};
use crate::weights::Checkpoint;
use crate::{Error, ops};

/// How a model is loaded and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Longer texts are cut to this many tokens.
    pub max_tokens: usize,
    /// Threads; 0 for one a core.
    pub threads: usize,
    /// Weights in 8-bit blocks: faster and less exact.
    pub quantised: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { max_tokens: 256, threads: 0, quantised: false }
    }
}

/// Files that decide what comes out, in the order in which they are hashed.
const FILES: [&str; 6] = [
    "config.json",
    "tokenizer.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "model.safetensors",
];

enum Network {
    ModernBert(ModernBert),
    Bert(Bert),
}

/// A model in memory.
pub struct Model {
    name: String,
    hash: String,
    tokenizer: Tokenizer,
    network: Network,
    vocabulary: usize,
    width: usize,
    max_tokens: usize,
    quantised: bool,
    pooling: Pooling,
    pool: rayon::ThreadPool,
}

impl Model {
    /// Loads the model in `folder`; `name` is how people know it.
    pub fn load(folder: &Path, name: &str, options: Options) -> Result<Model, Error> {
        let config = Config::read(folder)?;
        let missing = |file: &str, reason: String| Error::Missing {
            model: name.to_owned(),
            file: file.to_owned(),
            reason,
        };
        let max_tokens = options.max_tokens.clamp(2, config.longest.max(2));
        let path = folder.join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(|e| missing("tokenizer.json", e.to_string()))?;
        let tokenizer =
            tokenizer(&bytes, max_tokens).map_err(|reason| Error::Config { path: path.clone(), reason })?;
        if tokenizer.get_vocab_size(true) > config.vocabulary {
            let (has, knows) = (tokenizer.get_vocab_size(true), config.vocabulary);
            let reason = format!("the tokenizer has {has} tokens, the model knows {knows}");
            return Err(Error::Config { path, reason });
        }
        let path = folder.join("model.safetensors");
        if !path.exists() {
            return Err(missing(
                "model.safetensors",
                "only a single safetensors file can be loaded".to_owned(),
            ));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .thread_name(|index| format!("embed-{index}"))
            .build()
            .map_err(|e| Error::Compute(e.to_string()))?;
        let network = pool.install(|| match config.family {
            Family::ModernBert => {
                let mut weights = Checkpoint::open(&path, "model.", "embeddings.tok_embeddings.weight")?;
                let network = ModernBert::load(&config, &mut weights, options.quantised)?;
                weights.finish(modernbert::HEADS)?;
                Ok::<_, Error>(Network::ModernBert(network))
            }
            Family::Bert => {
                let mut weights = Checkpoint::open(&path, "bert.", "embeddings.word_embeddings.weight")?;
                let network = Bert::load(&config, &mut weights, options.quantised)?;
                weights.finish(bert::HEADS)?;
                Ok(Network::Bert(network))
            }
        })?;
        Ok(Model {
            name: name.to_owned(),
            hash: hash(folder, options.quantised).map_err(|e| missing("readable files", e.to_string()))?,
            tokenizer,
            network,
            vocabulary: config.vocabulary,
            width: config.width,
            max_tokens,
            quantised: options.quantised,
            pooling: config.pooling,
            pool,
        })
    }

    /// How people know it, such as `Alibaba-NLP/gte-modernbert-base`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 over weights, configuration and form, in hex: a key for what was computed with it.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Values of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether its weights are in 8-bit blocks.
    pub fn quantised(&self) -> bool {
        self.quantised
    }

    /// How the rows of a text become its vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The token ids of a text, cut to the longest that the model takes.
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, Error> {
        // No token is longer than this on average; the rest of an endless text need not be looked at.
        let most = self.max_tokens.saturating_mul(32);
        let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
        let encoding =
            self.tokenizer.encode(&text[..end], true).map_err(|e| Error::Compute(e.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// One vector a text as the model makes them, of any length.
    pub fn forward(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        if batch.longest() > self.max_tokens {
            return Err(Error::Compute(format!(
                "a text of {} tokens; {} at most",
                batch.longest(),
                self.max_tokens
            )));
        }
        if let Some(id) = batch.ids().iter().find(|id| **id as usize >= self.vocabulary) {
            return Err(Error::Compute(format!(
                "the token {id} is not one of the model's {}",
                self.vocabulary
            )));
        }
        self.pool.install(|| {
            let vectors = match &self.network {
                Network::ModernBert(network) => network.forward(batch)?,
                Network::Bert(network) => network.forward(batch)?,
            };
            Ok(ops::into_rows(&vectors)?)
        })
    }

    /// One vector a text, of length 1.
    pub fn embed(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, Error> {
        let mut vectors = self.forward(batch)?;
        vectors.iter_mut().for_each(|vector| normalise(vector));
        Ok(vectors)
    }
}

/// Brings a vector to length 1.
fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

/// Cosine of the angle between two vectors of length 1: 1 for the same direction, 0 for nothing in common.
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A hash of a text for keys of caches: 32 hex digits, the same on every machine.
pub fn text_hash(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn tokenizer(bytes: &[u8], max_tokens: usize) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|e| e.to_string())?;
    // The file may ask for padding to a fixed length.
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| e.to_string())?;
    Ok(tokenizer)
}

fn hash(folder: &Path, quantised: bool) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    hasher.update([u8::from(quantised)]);
    let mut buffer = vec![0; 1 << 20];
    for name in FILES {
        let path = folder.join(name);
        if !path.exists() {
            continue;
        }
        hasher.update(name);
        hasher.update(path.metadata()?.len().to_le_bytes());
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => hasher.update(&buffer[..n]),
            }
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
