//! The model's own files: `config.json`, and what sentence-transformers puts beside it.

use std::path::Path;

use serde_json::Value;

use crate::Error;
use crate::kernel::PANEL;

/// How the rows of a text become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The first row.
    First,
    /// The mean of all rows.
    Mean,
}

/// The families of models that this crate can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `"model_type": "modernbert"`
    ModernBert,
    /// `"model_type": "bert"`
    Bert,
}

/// What both families need to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The family.
    pub family: Family,
    /// Rows of the table of tokens.
    pub vocabulary: usize,
    /// Values of a row.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Heads.
    pub heads: usize,
    /// Width between the two linear layers that follow the attention.
    pub inner: usize,
    /// Positions that the model has.
    pub positions: usize,
    /// Longest text in tokens that it was trained for.
    pub longest: usize,
    /// ε of the normalisations.
    pub epsilon: f32,
    /// `modernbert`: for each layer whether all positions see each other.
    pub global: Vec<bool>,
    /// `modernbert`: how far a position sees in the other layers.
    pub window: usize,
    /// `modernbert`: base of the rotation in global and in local layers.
    pub theta: (f64, f64),
    /// `bert`: rows of the table of text types.
    pub types: usize,
    /// How rows become one vector.
    pub pooling: Pooling,
}

impl Config {
    /// Reads the files in a model's folder.
    pub fn read(folder: &Path) -> Result<Config, Error> {
        let path = folder.join("config.json");
        let json = read(&path)?.ok_or_else(|| Error::Missing {
            model: folder.display().to_string(),
            file: "config.json".to_owned(),
            reason: "the folder holds no model".to_owned(),
        })?;
        let mut config = Config::parse(&json).map_err(|reason| Error::Config { path, reason })?;
        if let Some(pooling) = pooling(folder)? {
            config.pooling = pooling;
        }
        let path = folder.join("sentence_bert_config.json");
        if let Some(most) = read(&path)?.as_ref().and_then(|json| json["max_seq_length"].as_u64()) {
            config.longest = config.positions.min(most as usize);
        }
        Ok(config)
    }

    /// `config.json`, leniently: names and nesting have changed over the years.
    pub fn parse(json: &Value) -> Result<Config, String> {
        let family = match json["model_type"].as_str() {
            Some("modernbert") => Family::ModernBert,
            Some("bert") => Family::Bert,
            Some(other) => {
                return Err(format!("models of type {other:?} are not known; modernbert and bert are"));
            }
            None => return Err("model_type is missing".to_owned()),
        };
        let size = |name: &str| match json[name].as_u64() {
            Some(0) | None => Err(format!("{name} is missing or not a number above 0")),
            Some(size) => Ok(size as usize),
        };
        let number = |names: &[&str], default: f64| {
            names.iter().find_map(|name| json.pointer(name).and_then(Value::as_f64)).unwrap_or(default)
        };
        let (width, layers, heads, inner) = (
            size("hidden_size")?,
            size("num_hidden_layers")?,
            size("num_attention_heads")?,
            size("intermediate_size")?,
        );
        for (name, value) in [
            ("hidden_size", width),
            ("intermediate_size", inner),
            ("hidden_size / num_attention_heads", width / heads),
        ] {
            if value == 0 || value % PANEL != 0 || width % heads != 0 {
                return Err(format!("{name} is {value}, which is not a multiple of {PANEL}"));
            }
        }
        let activation = ["hidden_activation", "hidden_act"].iter().find_map(|name| json[name].as_str());
        if activation.is_some_and(|name| name != "gelu") {
            return Err(format!("the activation {activation:?} is not known; gelu is"));
        }
        for name in ["attention_bias", "mlp_bias", "norm_bias"] {
            if family == Family::ModernBert && json[name].as_bool() == Some(true) {
                return Err(format!("{name} is not known to this crate"));
            }
        }
        if family == Family::Bert
            && json["position_embedding_type"].as_str().is_some_and(|kind| kind != "absolute")
        {
            return Err("only absolute position embeddings are known".to_owned());
        }
        let global = match json["layer_types"].as_array() {
            Some(types) if types.len() == layers => types.iter().map(|t| t == "full_attention").collect(),
            Some(types) => {
                return Err(format!("layer_types has {} entries for {layers} layers", types.len()));
            }
            None => {
                let every = json["global_attn_every_n_layers"].as_u64().unwrap_or(3).max(1) as usize;
                (0..layers).map(|layer| layer % every == 0).collect()
            }
        };
        let default_epsilon = if family == Family::Bert { 1e-12 } else { 1e-5 };
        Ok(Config {
            family,
            vocabulary: size("vocab_size")?,
            width,
            layers,
            heads,
            inner,
            positions: size("max_position_embeddings")?,
            longest: size("max_position_embeddings")?,
            epsilon: number(&["/layer_norm_eps", "/norm_eps"], default_epsilon) as f32,
            global,
            window: number(&["/local_attention"], 128.0) as usize / 2,
            theta: (
                number(
                    &[
                        "/rope_parameters/full_attention/rope_theta",
                        "/rope_parameters/rope_theta",
                        "/global_rope_theta",
                    ],
                    160_000.0,
                ),
                number(
                    &[
                        "/rope_parameters/sliding_attention/rope_theta",
                        "/rope_parameters/rope_theta",
                        "/local_rope_theta",
                    ],
                    10_000.0,
                ),
            ),
            types: json["type_vocab_size"].as_u64().unwrap_or(2) as usize,
            pooling: if family == Family::Bert { Pooling::Mean } else { Pooling::First },
        })
    }
}

/// The pooling that the sentence-transformers files ask for, where there are such files.
fn pooling(folder: &Path) -> Result<Option<Pooling>, Error> {
    let path = folder.join("modules.json");
    let mut place = "1_Pooling".to_owned();
    if let Some(modules) = read(&path)? {
        for module in modules.as_array().into_iter().flatten() {
            match module["type"].as_str().and_then(|name| name.rsplit('.').next()) {
                Some("Transformer" | "Normalize") => {}
                Some("Pooling") => place = module["path"].as_str().unwrap_or(&place).to_owned(),
                other => {
                    return Err(Error::Config { path, reason: format!("the module {other:?} is not known") });
                }
            }
        }
    }
    let path = folder.join(place).join("config.json");
    let Some(json) = read(&path)? else { return Ok(None) };
    // Older files have a switch a mode, newer ones name it.
    let named = json["pooling_mode"].as_str().map(|mode| match mode {
        "cls" => "pooling_mode_cls_token",
        "mean" => "pooling_mode_mean_tokens",
        other => other,
    });
    let modes: Vec<&str> = json
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| name.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(name, _)| name.as_str())
        .chain(named)
        .collect();
    match modes[..] {
        ["pooling_mode_cls_token"] => Ok(Some(Pooling::First)),
        ["pooling_mode_mean_tokens"] => Ok(Some(Pooling::Mean)),
        _ => Err(Error::Config {
            path,
            reason: format!("the pooling {modes:?} is not known; cls and mean are"),
        }),
    }
}

fn read(path: &Path) -> Result<Option<Value>, Error> {
    let wrong = |reason: String| Error::Config { path: path.to_owned(), reason };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| wrong(e.to_string())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(wrong(e.to_string())),
    }
}
