//! The weights that the programs are built with.

#![allow(clippy::unwrap_used, reason = "data that can't be read fails its test")]

use std::path::{Path, PathBuf};

use reader::read::own_weights;
use reader::train::run::{HELD_OUT, data_hash, read_all, train};
use reader::weights::Weights;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/restaurants")
}

#[test]
fn the_weights_were_made_from_the_data_in_the_repository() {
    let found = data_hash(&data()).unwrap();
    assert_eq!(own_weights().data, found, "make them anew: cargo xtask train");
}

#[test]
fn the_same_data_gives_the_same_weights() {
    let few = || {
        let mut restaurants = read_all(&data()).unwrap();
        restaurants.retain(|restaurant| ["cafe", "tapas", "noodles"].contains(&restaurant.name.as_str()));
        restaurants
    };
    let (one, other) = (train(&few(), None), train(&few(), None));
    assert!(one.roles.len() > 1000, "{} features", one.roles.len());
    assert!(one.to_bytes() == other.to_bytes(), "two runs differ");
}

#[test]
fn a_file_of_weights_is_read_as_it_was_written_and_a_part_of_it_not_at_all() {
    let bytes = own_weights().to_bytes();
    assert!(bytes.len() < 5 << 20, "{} bytes", bytes.len());
    assert!(Weights::from_bytes(&bytes).unwrap().to_bytes() == bytes);
    for end in [0, 4, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(Weights::from_bytes(&bytes[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn restaurants_that_are_left_for_measuring_are_there_and_teach_nothing() {
    let learned: Vec<String> = read_all(&data()).unwrap().into_iter().map(|r| r.name).collect();
    for name in HELD_OUT {
        assert!(data().join(name).join("messages.jsonl").is_file(), "{name}");
        assert!(!learned.iter().any(|learned| learned == name), "{name}");
    }
    assert!(learned.len() >= 12, "{learned:?}");
}
