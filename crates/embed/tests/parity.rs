//! The forward passes against other people's: values computed by `transformers`, and candle's own models.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Peer, closeness, data, random_modernbert};
use embed::{Batch, Model, Options};
use serde_json::Value;

const SAME: (f32, f32) = (0.99999, 1e-4);

fn assert_same(ours: &[Vec<f32>], theirs: &[Vec<f32>]) {
    assert_eq!(ours.len(), theirs.len());
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let (cosine, most) = closeness(ours, theirs);
        assert!(
            cosine >= SAME.0 && most <= SAME.1,
            "text {index}: cosine {cosine}, largest difference {most}"
        );
    }
}

fn expected(name: &str) -> (Vec<Vec<u32>>, Vec<Vec<f32>>) {
    let json: Value =
        serde_json::from_slice(&std::fs::read(data(name).join("expected.json")).unwrap()).unwrap();
    (
        serde_json::from_value(json["texts"].clone()).unwrap(),
        serde_json::from_value(json["vectors"].clone()).unwrap(),
    )
}

#[test]
fn a_tiny_modernbert_gives_what_transformers_gave() {
    let model = Model::load(&data("modernbert"), "tiny", Options::default()).unwrap();
    let (texts, vectors) = expected("modernbert");
    assert_same(&model.forward(&texts.iter().collect()).unwrap(), &vectors);
    for (text, vector) in texts.iter().zip(&vectors) {
        assert_same(&model.forward(&Batch::from_iter([text])).unwrap(), std::slice::from_ref(vector));
    }
}

#[test]
fn a_tiny_bert_gives_what_transformers_gave() {
    let model = Model::load(&data("bert"), "tiny", Options::default()).unwrap();
    let (texts, vectors) = expected("bert");
    assert_same(&model.forward(&texts.iter().collect()).unwrap(), &vectors);
}

#[test]
fn candles_own_modernbert_agrees_on_short_mixed_and_long_texts() {
    let folder = tempfile::tempdir().unwrap();
    random_modernbert(folder.path(), "", 5);
    let model =
        Model::load(folder.path(), "random", Options { max_tokens: 512, ..Options::default() }).unwrap();
    let peer = Peer::load(folder.path());
    for lengths in
        [vec![1], vec![12; 32], (5..25).collect(), vec![256], vec![12, 256, 30, 129], vec![40, 13, 65]]
    {
        let texts = common::texts(&lengths, 500);
        let ours = model.forward(&texts.iter().collect()).unwrap();
        assert_same(&ours, &peer.padded(&texts));
    }
}

#[test]
fn a_pruned_last_layer_with_a_window_agrees_too() {
    let folder = tempfile::tempdir().unwrap();
    random_modernbert(folder.path(), "", 3);
    let model = Model::load(folder.path(), "random", Options::default()).unwrap();
    let texts = common::texts(&[200, 3, 90], 500);
    assert_same(&model.forward(&texts.iter().collect()).unwrap(), &Peer::load(folder.path()).padded(&texts));
}

#[test]
fn names_with_the_prefix_give_the_same_as_names_without() {
    let (bare, prefixed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    random_modernbert(bare.path(), "", 2);
    random_modernbert(prefixed.path(), "model.", 2);
    let texts = common::texts(&[7, 19], 500);
    let [a, b] = [&bare, &prefixed].map(|folder| {
        let model = Model::load(folder.path(), "random", Options::default()).unwrap();
        model.forward(&texts.iter().collect()).unwrap()
    });
    assert_eq!(a, b);
}

#[test]
fn a_text_gives_the_same_alone_and_among_others() {
    let model = Model::load(&data("modernbert"), "tiny", Options::default()).unwrap();
    let texts = common::texts(&[9, 33, 1, 12, 64, 100], 96);
    let together = model.embed(&texts.iter().collect()).unwrap();
    for (text, among) in texts.iter().zip(&together) {
        let alone = model.embed(&Batch::from_iter([text])).unwrap();
        let (cosine, most) = closeness(&alone[0], among);
        assert!(cosine > 0.999_999 && most < 1e-5, "{cosine} {most}");
    }
}

#[test]
fn quantised_weights_stay_close_but_are_told_apart_by_their_hash() {
    let folder = tempfile::tempdir().unwrap();
    random_modernbert(folder.path(), "", 4);
    let exact = Model::load(folder.path(), "random", Options::default()).unwrap();
    let quantised =
        Model::load(folder.path(), "random", Options { quantised: true, ..Options::default() }).unwrap();
    assert_ne!(exact.hash(), quantised.hash());
    let texts: Batch = common::texts(&[12, 30, 5], 500).iter().collect();
    for (a, b) in exact.embed(&texts).unwrap().iter().zip(&quantised.embed(&texts).unwrap()) {
        let (cosine, _) = closeness(a, b);
        assert!((0.999..0.999_999_9).contains(&cosine), "{cosine}");
    }
}
