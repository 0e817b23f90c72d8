//! `cargo xtask train`: the reader's weights from the labelled messages in `data/restaurants`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use reader::read::own_weights;
use reader::train::gold::read_restaurant;
use reader::train::run::{HELD_OUT, data_hash, measure, read_all, train};
use reader::weights::{Gate, Weights};

/// Learns the roles of words from labelled messages and writes the reader's weights; the same data gives the same file.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shows what went wrong in this restaurant when it was left out; `all` for every one.
    #[arg(long)]
    failures: Option<String>,
    /// Measures only; the weights stay as they are.
    #[arg(long)]
    dry_run: bool,
    /// Learns nothing: measures the weights that this program was built with.
    #[arg(long, requires = "measure")]
    as_built: bool,
    /// Folders of other labelled restaurants that the new weights are measured on; nothing is learned from them.
    #[arg(long, value_name = "FOLDER")]
    measure: Vec<PathBuf>,
}

/// Where the labelled messages lie.
const DATA: &str = "data/restaurants";
/// The weights that the programs are built with.
const WEIGHTS: &str = "crates/reader/weights.bin";

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = root.join(DATA);
    if arguments.as_built {
        return measure_folders(arguments, &own_weights());
    }
    let restaurants = read_all(&data)?;
    println!("{} restaurants; {} are left for measuring", restaurants.len(), HELD_OUT.len());
    let mut weights = train(&restaurants, arguments.failures.as_deref());
    weights.data = data_hash(&data)?;
    if !arguments.measure.is_empty() {
        measure_folders(arguments, &weights)?;
    }
    let bytes = weights.to_bytes();
    let Gate { trust, kind } = weights.gate;
    println!(
        "{} KiB of weights; an order needs no person from a trust of {trust:.2} and odds of e^{kind:.2} on",
        bytes.len() / 1024
    );
    if !arguments.dry_run {
        let path = root.join(WEIGHTS);
        std::fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
        println!("written to {WEIGHTS}");
    }
    Ok(())
}

fn measure_folders(arguments: &Arguments, weights: &Weights) -> anyhow::Result<()> {
    let others = arguments.measure.iter().map(|folder| read_restaurant(folder));
    measure(&others.collect::<Result<Vec<_>, _>>()?, weights, arguments.failures.as_deref());
    Ok(())
}
