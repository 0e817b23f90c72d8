//! `cargo xtask deny`: licences, sources, bans and known holes of what we depend on.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use testkit::find_program;

use crate::cargo;

/// Checks licences, sources, bans and security advisories of all dependencies with cargo-deny.
#[derive(clap::Args)]
pub struct Arguments {
    /// Build cargo-deny where it is missing, instead of skipping the check; takes some minutes, once.
    #[arg(long)]
    install: bool,
}

/// Runs cargo-deny, or says that it is not there.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(program) = program(arguments.install)? else {
        println!("Skipped: cargo-deny is not installed. `cargo xtask deny --install` installs it.");
        return Ok(());
    };
    let deny = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(testkit::repository()).args(["--all-features", "--log-level", "error"]);
        command.args(words).stdin(Stdio::null());
        command
    };
    let config = ["--config", "deploy/deny.toml"];
    let check = deny(&["check", config[0], config[1], "licenses", "sources", "bans"]).status();
    if !check.context("cannot start cargo-deny")?.success() {
        bail!("a dependency's licence or source is not one that deploy/deny.toml allows");
    }
    if !deny(&["fetch", config[0], config[1], "db"]).stderr(Stdio::null()).status()?.success() {
        println!("Advisories skipped: their database cannot be reached from here.");
        return Ok(());
    }
    if !deny(&["check", config[0], config[1], "--disable-fetch", "advisories"]).status()?.success() {
        bail!("a dependency has a known hole or was withdrawn");
    }
    Ok(())
}

/// cargo-deny where it is, or where we install it: outside of the repository, so that a fresh clone finds it.
fn program(install: bool) -> anyhow::Result<Option<PathBuf>> {
    if let Ok(path) = find_program("cargo-deny", "cargo-deny") {
        return Ok(Some(path));
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set")?;
    let root = cache.join("greenbite");
    let path = root.join("bin/cargo-deny");
    if !path.is_file() {
        if !install {
            return Ok(None);
        }
        let mut command = cargo::command();
        command.args(["install", "--locked", "--debug", "cargo-deny", "--root"]).arg(&root);
        cargo::run(&mut command)?;
    }
    Ok(Some(path))
}
