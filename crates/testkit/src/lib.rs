//! Private real servers on free ports, a Discord stand-in and faults on demand, for tests and the demo.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let nats = testkit::Nats::with_users().await?; // or Nats::start(), without users
//! let client = nats.client("classifier").await?;
//! let memcached = testkit::Memcached::start().await?;
//! let database = testkit::Postgres::shared().await?.database().await?; // fresh and migrated
//! # Ok(()) }
//! ```
//!
//! Every server keeps its data in a directory of its own that goes with it, and ends with the process that
//! started it, even when that is killed with SIGKILL. `cargo xtask test` installs what is needed.

mod access;
pub mod chaos;
pub mod discord;
mod home;
pub mod hub;
pub mod line;
mod memcached;
pub mod nats;
pub mod otlp;
mod port;
mod postgres;
mod process;
mod programs;
pub mod readme;
pub mod telegram;
mod watchdog;

pub use home::{Home, random_password, unprivileged_user};
pub use line::Line;
pub use memcached::Memcached;
pub use nats::Nats;
pub use port::free_port;
pub use postgres::{Durability, Postgres};
pub use process::{Exit, Process, wait_until};
pub use programs::{NATS_SERVER, find_program, nats_server, postgres_programs};

/// The repository's root, for the files that tests and tools read at run time.
pub fn repository() -> std::path::PathBuf {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}
