//! `cargo xtask sqlx-prepare`: what the compiler checks queries against where no database is at hand.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, bail};
use testkit::{Home, Postgres, repository};

use crate::{cargo, install};

/// Writes .sqlx anew from the queries in crates/store and a private database with all migrations.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing; fail when .sqlx is stale.
    #[arg(long)]
    check: bool,
}

/// Writes or checks the offline data.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    install::ensure(&[install::POSTGRESQL])?;
    let postgres = Postgres::start().await?;
    let database = postgres.database().await?;
    let fresh = Home::temporary()?;

    // The macros write a query's data when they are expanded, so the crate must be compiled anew.
    let source = repository().join("crates/store/src/lib.rs");
    File::options().append(true).open(&source)?.set_modified(SystemTime::now())?;
    cargo::run(
        cargo::command()
            .args(["check", "--quiet", "--package", "store", "--all-targets"])
            .env("DATABASE_URL", &database)
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", fresh.path()),
    )?;

    let committed = repository().join(".sqlx");
    let wanted = read(fresh.path())?;
    if wanted.is_empty() {
        bail!("the compiler wrote no data: does crates/store still use sqlx's query macros?");
    }
    let present = if committed.is_dir() { read(&committed)? } else { BTreeMap::new() };
    if wanted == present {
        println!(".sqlx is up to date: {} queries", wanted.len());
        return Ok(());
    }
    if arguments.check {
        bail!(".sqlx is stale: `cargo xtask sqlx-prepare` writes it anew, and it belongs into the commit");
    }
    fs::create_dir_all(&committed)?;
    for gone in present.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(committed.join(gone))?;
    }
    for (name, text) in &wanted {
        if present.get(name) != Some(text) {
            fs::write(committed.join(name), text)?;
        }
    }
    println!(".sqlx written: {} queries", wanted.len());
    Ok(())
}

/// The files of a directory by name.
fn read(directory: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?);
    }
    Ok(files)
}
