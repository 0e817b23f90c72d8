//! Where a server's data lives, and as whom it runs.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use nix::unistd::{User, chown, geteuid};

use crate::watchdog;

/// A server's directory.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    temporary: bool,
}

impl Home {
    /// A new directory that is deleted with this value, or at the latest with this process.
    pub fn temporary() -> anyhow::Result<Home> {
        let path = tempfile::Builder::new()
            .prefix("greenbite-")
            .tempdir()
            .context("cannot create a temporary directory")?
            .keep();
        watchdog::guard_directory(&path)?;
        // Passed through, not looked into, by whom servers run as when we are root.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711))?;
        Ok(Home { path, temporary: true })
    }

    /// A directory that stays, created if it is not there.
    pub fn at(path: &Path) -> anyhow::Result<Home> {
        fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Home { path: path.canonicalize()?, temporary: false })
    }

    /// A directory that stays, for a server that may have to run as somebody else than us: this one, or, where
    /// that user cannot get to it, one in /var/tmp that belongs to it.
    pub fn reachable_at(path: &Path) -> anyhow::Result<Home> {
        let home = Home::at(path)?;
        let open = |path: &Path| path.metadata().is_ok_and(|data| data.permissions().mode() & 0o001 != 0);
        if unprivileged_user()?.is_none() || home.path.ancestors().skip(1).all(open) {
            return Ok(home);
        }
        let name = home.path.display().to_string().replace('/', "-");
        Home::at(&Path::new("/var/tmp").join(format!("greenbite{name}")))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory the property of whom servers run as when we are root.
    pub(crate) fn give_away(&self) -> anyhow::Result<()> {
        if let Some(user) = unprivileged_user()? {
            chown(&self.path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("cannot give {} to {}", self.path.display(), user.name))?;
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.temporary {
            // The watchdog tries again when we end.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// As whom to run servers that refuse to run as root; `None` when we are not root.
pub fn unprivileged_user() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    anyhow::bail!(
        "we are root, PostgreSQL refuses to run as root, and there is neither a user 'postgres' nor 'nobody'"
    )
}

/// Runs the command as the unprivileged user when we are root.
pub(crate) fn unprivileged(command: &mut Command) -> anyhow::Result<()> {
    if let Some(user) = unprivileged_user()? {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(())
}

/// A password nobody else has.
///
/// It starts with a letter and holds no punctuation: fit for URLs and nats-server's configuration alike.
pub fn random_password() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes.iter().fold(String::from("p"), |text, byte| format!("{text}{byte:02x}")))
}
