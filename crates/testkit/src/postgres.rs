//! A private PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use crate::home::unprivileged;
use crate::{Home, Process, port, postgres_programs, random_password, repository};

/// The role that may do everything.
const ADMINISTRATOR: &str = "postgres";
/// The migrated database from which the others are copied.
const TEMPLATE: &str = "greenbite_template";

/// How much a commit is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// PostgreSQL's own defaults: a commit survives a power cut.
    Default,
    /// For tests: a commit survives a crash of PostgreSQL, not one of the machine.
    Process,
}

/// A private PostgreSQL cluster on a port of its own.
#[derive(Debug)]
pub struct Postgres {
    port: u16,
    password: String,
    durability: Durability,
    programs: PathBuf,
    template: OnceCell<()>,
    databases: AtomicU32,
    process: Mutex<Option<Process>>,
    home: Home, // after the process: it ends first
}

static SHARED: OnceCell<Postgres> = OnceCell::const_new();

impl Postgres {
    /// The one cluster of this process: tests share it, each with databases of its own. Nobody restarts it.
    pub async fn shared() -> anyhow::Result<&'static Postgres> {
        SHARED.get_or_try_init(Postgres::start).await
    }

    /// A cluster of one's own, to be restarted and stopped at will.
    pub async fn start() -> anyhow::Result<Postgres> {
        Postgres::open(Home::temporary()?, None, Durability::Process).await
    }

    /// With its data and log in this directory, on this port where it is free. Data that is there is kept.
    pub async fn open(
        home: Home,
        preferred_port: Option<u16>,
        durability: Durability,
    ) -> anyhow::Result<Postgres> {
        home.give_away()?;
        let mut postgres = Postgres {
            port: port::prefer(preferred_port)?,
            password: String::new(),
            durability,
            programs: postgres_programs()?,
            template: OnceCell::new(),
            databases: AtomicU32::new(0),
            process: Mutex::new(None),
            home,
        };
        postgres.password = postgres.initialise()?;
        postgres.run().await?;
        Ok(postgres)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its databases, as administrator.
    pub fn url(&self, database: &str) -> String {
        self.url_as(ADMINISTRATOR, &self.password, database)
    }

    /// The URL of one of its databases, as another role.
    pub fn url_as(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// A fresh database with all migrations: its URL, as administrator.
    pub async fn database(&self) -> anyhow::Result<String> {
        self.template.get_or_try_init(|| self.create_migrated(TEMPLATE)).await?;
        let name = format!("greenbite_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!(r#"CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}""#)).await?;
        Ok(self.url(&name))
    }

    /// A fresh database without anything in it: its URL, as administrator.
    pub async fn empty_database(&self) -> anyhow::Result<String> {
        let name = format!("greenbite_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!(r#"CREATE DATABASE "{name}""#)).await?;
        Ok(self.url(&name))
    }

    /// The database of this name, created if it is not there and migrated: its URL, as administrator.
    pub async fn named_database(&self, name: &str) -> anyhow::Result<String> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if there {
            migrate(&self.url(name)).await?
        } else {
            self.create_migrated(name).await?
        }
        Ok(self.url(name))
    }

    /// Ends it as an administrator would: open transactions are rolled back, connections closed.
    pub async fn stop(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut process) = process {
            process.stop_by(Signal::SIGINT, Duration::from_secs(20)).await;
        }
    }

    /// Ends it at once, so that it recovers from its log when it starts again.
    pub async fn crash(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut process) = process {
            process.stop(Duration::from_secs(10)).await;
        }
    }

    /// Starts it again after [`Postgres::stop`] or [`Postgres::crash`], on the same port.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.stop().await;
        self.run().await
    }

    /// Stops it and starts it again.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.start_again().await
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// Creates the cluster if it is not there; gives the administrator's password.
    fn initialise(&self) -> anyhow::Result<String> {
        let password_file = self.home.path().join("password");
        if self.data().join("PG_VERSION").is_file() {
            return fs::read_to_string(&password_file)
                .with_context(|| format!("cannot read {}", password_file.display()));
        }
        let password = random_password()?;
        write_secret(&password_file, &password)?;
        let mut command = Command::new(self.programs.join("initdb"));
        command.arg("--pgdata").arg(self.data());
        command.arg("--pwfile").arg(&password_file);
        command.args(["--username", ADMINISTRATOR, "--auth", "scram-sha-256"]);
        command.args(["--encoding", "UTF8", "--locale", "C"]);
        if self.durability == Durability::Process {
            command.arg("--no-sync");
        }
        command.current_dir(self.home.path()).stdin(Stdio::null());
        unprivileged(&mut command)?;
        let output = command.output().context("cannot start initdb")?;
        if !output.status.success() {
            bail!("initdb failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(password)
    }

    async fn run(&self) -> anyhow::Result<()> {
        let mut command = Command::new(self.programs.join("postgres"));
        command.arg("-D").arg(self.data());
        let port = self.port.to_string();
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            "unix_socket_directories=",
            "max_connections=200",
            "timezone=UTC",
            "log_line_prefix=%m %u@%d ",
        ] {
            command.args(["-c", setting]);
        }
        if self.durability == Durability::Process {
            for setting in [
                "fsync=off",
                "full_page_writes=off",
                "shared_buffers=32MB",
                "max_parallel_workers_per_gather=0",
            ] {
                command.args(["-c", setting]);
            }
        }
        command.current_dir(self.home.path());
        unprivileged(&mut command)?;
        let log = self.home.path().join("postgres.log");
        // SIGQUIT: it cleans up its shared memory, but does not wait for anybody.
        let mut process = Process::spawn("PostgreSQL", command, &log, Signal::SIGQUIT)?;
        let url = self.url("postgres");
        process.ready(Duration::from_secs(60), || async { answers(&url).await }).await?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(())
    }

    async fn create_migrated(&self, name: &str) -> anyhow::Result<()> {
        self.administer(&format!(r#"CREATE DATABASE "{name}""#)).await?;
        migrate(&self.url(name)).await
    }

    async fn administer(&self, statement: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url("postgres")).await?;
        // Names in it are our own.
        connection.execute(AssertSqlSafe(statement)).await.with_context(|| statement.to_owned())?;
        connection.close().await?;
        Ok(())
    }
}

async fn migrate(url: &str) -> anyhow::Result<()> {
    let directory = repository().join("migrations");
    let migrator = Migrator::new(directory.as_path())
        .await
        .with_context(|| format!("cannot read {}", directory.display()))?;
    let mut connection = PgConnection::connect(url).await?;
    migrator.run(&mut connection).await.context("a migration failed")?;
    connection.close().await?;
    Ok(())
}

async fn answers(url: &str) -> bool {
    let connect = tokio::time::timeout(Duration::from_secs(2), PgConnection::connect(url));
    match connect.await {
        Ok(Ok(connection)) => connection.close().await.is_ok(),
        _ => false,
    }
}

/// Writes the file so that only its owner can read it.
fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(secret.as_bytes())?;
    if let Some(user) = crate::unprivileged_user()? {
        nix::unistd::chown(path, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}
