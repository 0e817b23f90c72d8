//! `cargo xtask generate`: writes the files that are made from the code.

use std::fs;

use anyhow::{Context, bail};
use testkit::repository;

/// Writes the files that are made from the code: the bus's users, the README's table of subjects.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write nothing; fail when a file is stale.
    #[arg(long)]
    check: bool,
}

/// Writes or checks every generated file.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (path, text) in files()? {
        let full = repository().join(path);
        if fs::read_to_string(&full).is_ok_and(|present| present == text) {
            continue;
        }
        if arguments.check {
            stale.push(path);
        } else {
            fs::write(&full, text).with_context(|| format!("cannot write {path}"))?;
            println!("{path} written");
        }
    }
    if !stale.is_empty() {
        bail!("stale: {}. `cargo xtask generate` writes them anew", stale.join(", "));
    }
    Ok(())
}

/// Path and content of every generated file.
fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    Ok(vec![("deploy/nats/users.conf", testkit::nats::users_conf())])
}
