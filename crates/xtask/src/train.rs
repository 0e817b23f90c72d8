//! `cargo xtask train`: the reader's weights from the labelled messages in `data/restaurants`.

use std::path::Path;

use anyhow::Context;
use reader::train::run::{HELD_OUT, data_hash, read_all, train};

/// Learns the roles of words from labelled messages and writes the reader's weights; the same data gives the same file.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shows what went wrong in this restaurant when it was left out; `all` for every one.
    #[arg(long)]
    failures: Option<String>,
    /// Measures only; the weights stay as they are.
    #[arg(long)]
    dry_run: bool,
}

/// Where the labelled messages lie.
const DATA: &str = "data/restaurants";
/// The weights that the programs are built with.
const WEIGHTS: &str = "crates/reader/weights.bin";

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = root.join(DATA);
    let restaurants = read_all(&data)?;
    println!("{} restaurants; {} are left for measuring", restaurants.len(), HELD_OUT.len());
    let mut weights = train(&restaurants, arguments.failures.as_deref());
    weights.data = data_hash(&data)?;
    let bytes = weights.to_bytes();
    println!("{} KiB of weights; an order is trusted from {:.2} on", bytes.len() / 1024, weights.bound);
    if !arguments.dry_run {
        let path = root.join(WEIGHTS);
        std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("written to {WEIGHTS}");
    }
    Ok(())
}
