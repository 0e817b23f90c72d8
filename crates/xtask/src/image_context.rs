//! `cargo xtask image-context`: whether what the image is built from is enough to build it.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use testkit::repository;

use crate::cargo;

/// Puts together what `.dockerignore` and the Dockerfile's COPY lines let through, and checks that it compiles.
///
/// Seconds where the dependencies have been checked before, as by `cargo clippy`.
#[derive(clap::Args)]
pub struct Arguments {}

/// Assembles in a temporary directory, compiles into the repository's own target directory.
pub fn run(_: &Arguments) -> anyhow::Result<()> {
    let context = tempfile::tempdir()?;
    let seen = fs::read_to_string(repository().join(".dockerignore"))?;
    let seen: Vec<&str> = seen.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let dockerfile = fs::read_to_string(repository().join("deploy/Dockerfile"))?;
    for (sources, target) in copies(&dockerfile) {
        for source in sources {
            let visible = seen.iter().any(|seen| Path::new(source).starts_with(seen));
            ensure!(visible, "the Dockerfile copies {source}, which .dockerignore hides");
            let name = Path::new(source).file_name().context("COPY . brings in too much")?;
            // Into a directory files keep their name; a directory's content goes to where it is told.
            let target = context.path().join(if target.ends_with('/') {
                Path::new(target).join(name)
            } else {
                target.into()
            });
            copy(&repository().join(source), &target)?;
        }
    }
    let mut check = cargo::command();
    check.current_dir(context.path()).env("SQLX_OFFLINE", "true");
    check.args(["check", "--workspace", "--lib", "--bins", "--locked", "--target-dir"]);
    cargo::run(check.arg(repository().join("target"))).context(
        "what `.dockerignore` and the COPY lines of deploy/Dockerfile let through is not enough to build the image",
    )
}

/// Sources and target of the COPY lines that bring something into the stages that build.
fn copies(dockerfile: &str) -> Vec<(Vec<&str>, &str)> {
    let building = dockerfile.split("\nFROM debian").next().unwrap_or_default();
    let lines = building.lines().filter_map(|line| line.strip_prefix("COPY "));
    lines
        .filter(|line| !line.starts_with("--from"))
        .filter_map(|line| {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            let target = words.pop()?;
            Some((words, target))
        })
        .collect()
}

fn copy(source: &Path, target: &Path) -> anyhow::Result<()> {
    if source.is_file() {
        fs::create_dir_all(target.parent().unwrap_or(target))?;
        return fs::copy(source, target)
            .map(drop)
            .with_context(|| format!("cannot copy {}", source.display()));
    }
    let entries = fs::read_dir(source).with_context(|| format!("{} is copied", source.display()))?;
    for entry in entries {
        let entry = entry?;
        // What cargo left in a crate's folder of its own, such as the fuzzer's.
        if entry.file_name() != "target" {
            copy(&entry.path(), &target.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_the_stages_that_build_are_found() {
        let dockerfile = "FROM rust AS build\nCOPY a b ./\nCOPY --from=x /y /z\nCOPY c/d c/d\n\nFROM debian:12\nCOPY e f\n";
        assert_eq!(copies(dockerfile), [(vec!["a", "b"], "./"), (vec!["c/d"], "c/d")]);
    }
}
