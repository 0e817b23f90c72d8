//! What is wrong with a model's files is said before it is used.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use common::{data, random_modernbert};
use embed::{Error, Model, Options};
use serde_json::{Value, json};

fn load(folder: &Path) -> Result<Model, Error> {
    Model::load(folder, "test", Options::default())
}

/// A folder with a good model, one of whose files is then changed.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    random_modernbert(folder.path(), "", 2);
    assert!(load(folder.path()).is_ok());
    folder
}

fn change_config(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("config.json");
    let mut json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, json.to_string()).unwrap();
}

fn change_weights(folder: &Path, change: impl FnOnce(&mut HashMap<String, Tensor>)) {
    let path = folder.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, path).unwrap();
}

fn complaint(folder: &Path) -> String {
    load(folder).err().expect("the model must not load").to_string()
}

#[test]
fn truncated_weights_are_refused_with_what_to_do() {
    let folder = folder();
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [bytes.len() - 1, bytes.len() / 2, 100, 5, 0] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let complaint = complaint(folder.path());
        assert!(complaint.contains("truncated") && complaint.contains("fetch it again"), "{complaint}");
    }
    std::fs::write(&path, b"version https://git-lfs.github.com/spec/v1").unwrap();
    assert!(complaint(folder.path()).contains("not a safetensors file"));
}

#[test]
fn a_missing_tensor_is_named() {
    for name in ["layers.1.attn_norm.weight", "final_norm.weight", "layers.0.mlp.Wi.weight"] {
        let folder = folder();
        change_weights(folder.path(), |tensors| assert!(tensors.remove(name).is_some()));
        let complaint = complaint(folder.path());
        assert!(complaint.contains(&format!("tensor {name} is missing")), "{complaint}");
    }
}

#[test]
fn a_tensor_too_many_is_named_unless_it_is_a_heads() {
    let folder = folder();
    let extra = Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap();
    change_weights(folder.path(), |tensors| {
        tensors.insert("head.dense.weight".into(), extra.clone());
        tensors.insert("decoder.bias".into(), extra.clone());
    });
    assert!(load(folder.path()).is_ok());
    change_weights(folder.path(), |tensors| _ = tensors.insert("layers.0.attn_norm.weight".into(), extra));
    let complaint = complaint(folder.path());
    assert!(
        complaint.contains("left over") && complaint.contains("layers.0.attn_norm.weight"),
        "{complaint}"
    );
}

#[test]
fn weights_of_another_shape_are_refused() {
    let folder = folder();
    change_config(folder.path(), |config| config["intermediate_size"] = json!(96));
    let complaint = complaint(folder.path());
    assert!(complaint.contains("mlp.Wi.weight") && complaint.contains("[384, 128]"), "{complaint}");
}

#[test]
fn more_layers_than_weights_or_fewer_are_refused() {
    let folder = folder();
    change_config(folder.path(), |config| config["num_hidden_layers"] = json!(3));
    assert!(complaint(folder.path()).contains("layers.2.attn_norm.weight is missing"));
    change_config(folder.path(), |config| config["num_hidden_layers"] = json!(1));
    assert!(complaint(folder.path()).contains("left over"));
}

#[test]
fn a_wrong_config_is_refused_and_says_why() {
    let cases: [(&str, Value, &str); 7] = [
        ("model_type", json!("t5"), "modernbert and bert"),
        ("model_type", Value::Null, "model_type is missing"),
        ("hidden_size", json!("wide"), "hidden_size"),
        ("num_hidden_layers", json!(0), "num_hidden_layers"),
        ("num_attention_heads", json!(7), "multiple"),
        ("hidden_activation", json!("relu"), "relu"),
        ("attention_bias", json!(true), "attention_bias"),
    ];
    for (name, value, says) in cases {
        let folder = folder();
        change_config(folder.path(), |config| config[name] = value);
        let complaint = complaint(folder.path());
        assert!(complaint.contains("config.json") && complaint.contains(says), "{complaint}");
    }
    let folder = folder();
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    assert!(complaint(folder.path()).contains("config.json"));
}

#[test]
fn an_unknown_pooling_is_refused_and_a_known_one_is_used() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let pooling = folder.path().join("1_Pooling/config.json");
    let texts = common::texts(&[9], 500).iter().collect();
    let first = load(folder.path()).unwrap().embed(&texts).unwrap();
    std::fs::write(&pooling, json!({"pooling_mode_mean_tokens": true}).to_string()).unwrap();
    let mean = load(folder.path()).unwrap();
    assert_ne!(first, mean.embed(&texts).unwrap());
    std::fs::write(&pooling, json!({"pooling_mode_weightedmean_tokens": true}).to_string()).unwrap();
    assert!(complaint(folder.path()).contains("weightedmean"));
}

#[test]
fn newer_configs_that_nest_their_rope_settings_mean_the_same() {
    let folder = folder();
    let texts = common::texts(&[30], 500).iter().collect();
    let flat = load(folder.path()).unwrap().forward(&texts).unwrap();
    change_config(folder.path(), |config| {
        let fields = config.as_object_mut().unwrap();
        for name in ["global_rope_theta", "local_rope_theta", "global_attn_every_n_layers"] {
            fields.remove(name);
        }
        let epsilon = fields.remove("layer_norm_eps").unwrap();
        fields.insert("norm_eps".into(), epsilon);
        fields.insert("layer_types".into(), json!(["full_attention", "sliding_attention"]));
        fields.insert(
            "rope_parameters".into(),
            json!({"full_attention": {"rope_theta": 160_000.0}, "sliding_attention": {"rope_theta": 10_000.0}}),
        );
    });
    assert_eq!(load(folder.path()).unwrap().forward(&texts).unwrap(), flat);
}

#[test]
fn a_folder_without_a_model_says_which_file_it_lacks() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = folder();
        std::fs::remove_file(folder.path().join(file)).unwrap();
        assert!(complaint(folder.path()).contains(file));
    }
}

#[test]
fn the_hash_tells_models_apart_and_nothing_else() {
    let folder = folder();
    let hash = load(folder.path()).unwrap().hash().to_owned();
    assert_eq!(hash, load(folder.path()).unwrap().hash());
    assert_eq!(hash.len(), 64);
    change_config(folder.path(), |config| config["norm_eps"] = json!(1e-6));
    assert_ne!(hash, load(folder.path()).unwrap().hash());
    assert_ne!(hash, load(&data("modernbert")).unwrap().hash());
}
