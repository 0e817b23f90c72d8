//! Finds the servers' programs.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The program of this name, from PATH or from where packages put servers; `package` is what brings it.
pub fn find_program(name: &str, package: &str) -> anyhow::Result<PathBuf> {
    let mut places = search_path();
    places.extend(
        ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/sbin"].map(PathBuf::from),
    );
    places.iter().map(|place| place.join(name)).find(|path| path.is_file()).with_context(|| {
        format!(
            "{name} is not installed: `cargo xtask test` installs what the tests need (the package '{package}')"
        )
    })
}

/// Names another nats-server than the one that is installed: `cargo xtask test --nats PATH` sets it.
pub const NATS_SERVER: &str = "TESTKIT_NATS_SERVER";

/// The nats-server that tests and the demo run: the one that [`NATS_SERVER`] names, or the one that is installed.
pub fn nats_server() -> anyhow::Result<PathBuf> {
    match std::env::var_os(NATS_SERVER).filter(|path| !path.is_empty()) {
        Some(path) => {
            let path = PathBuf::from(path);
            anyhow::ensure!(path.is_file(), "{NATS_SERVER} names {}, which is no file", path.display());
            Ok(path)
        }
        None => find_program("nats-server", "nats-server"),
    }
}

/// The directory of PostgreSQL's `initdb` and `postgres`, the newest where there are several.
pub fn postgres_programs() -> anyhow::Result<PathBuf> {
    let complete = |place: &Path| place.join("initdb").is_file() && place.join("postgres").is_file();
    // Debian keeps them out of PATH, Homebrew sometimes does.
    let mut places: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/opt/homebrew/opt", "postgresql@", "bin"),
        ("/usr/local/opt", "postgresql@", "bin"),
        ("/usr", "pgsql-", "bin"),
    ] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)).map(str::parse);
            if let Some(Ok(version)) = version {
                places.push((version, entry.path().join(below)));
            }
        }
    }
    places.sort();
    let newest_first = places.into_iter().rev().map(|(_, place)| place);
    match search_path().into_iter().chain(newest_first).find(|place| complete(place)) {
        Some(place) => Ok(place),
        None => bail!(
            "PostgreSQL is not installed: `cargo xtask test` installs what the tests need (the package 'postgresql')"
        ),
    }
}

fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}
