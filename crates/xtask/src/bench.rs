//! `cargo xtask bench`: how fast it is, against what others reach on the same machine.

use crate::cargo;

/// Measures, and compares with others in the same run.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to measure.
    what: What,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    /// Sentence embeddings, against candle-transformers, PyTorch and ONNX Runtime.
    Embed,
    /// The whole line, against its servers alone.
    Line,
    /// Understanding a message, against a plain longest match.
    Understanding,
}

/// Runs the measurement with all optimisations.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let bench = match arguments.what {
        What::Embed => "embed",
        What::Line => "line",
        What::Understanding => "understanding",
    };
    if matches!(arguments.what, What::Line) {
        // The bench starts the stations' binaries, and `cargo bench` builds those of its own package only.
        cargo::run(cargo::command().args(["build", "--release", "--workspace", "--bins"]))?;
    }
    // With the whole workspace selected, what was built for the binaries serves the bench too.
    cargo::run(cargo::command().args(["bench", "--workspace", "--bench", bench]))
}
