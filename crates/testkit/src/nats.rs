//! A private nats-server with JetStream, and its users.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use contracts::topology;
use nix::sys::signal::Signal;

use crate::{Home, Process, nats_server, port, random_password, repository};

/// A private nats-server with JetStream on a port of its own.
#[derive(Debug)]
pub struct Nats {
    port: u16,
    passwords: BTreeMap<&'static str, String>,
    process: Mutex<Option<Process>>,
    home: Home, // after the process: it ends first
}

impl Nats {
    /// One that lets everybody do everything.
    pub async fn start() -> anyhow::Result<Nats> {
        Nats::open(Home::temporary()?, None, BTreeMap::new()).await
    }

    /// One with the users of `contracts::topology` and nothing but their privileges: it runs the very
    /// configuration that `deploy/nats` holds, with passwords of its own.
    pub async fn with_users() -> anyhow::Result<Nats> {
        Nats::open(Home::temporary()?, None, new_passwords()?).await
    }

    /// With storage and log in this directory, on this port where it is free, with these passwords.
    pub async fn open(
        home: Home,
        preferred_port: Option<u16>,
        passwords: BTreeMap<&'static str, String>,
    ) -> anyhow::Result<Nats> {
        let nats = Nats { port: port::prefer(preferred_port)?, passwords, process: Mutex::new(None), home };
        nats.run().await?;
        Ok(nats)
    }

    /// Its address, without user and password.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of one of the users; `None` when it knows no users.
    pub fn password(&self, user: &str) -> Option<&str> {
        self.passwords.get(user).map(String::as_str)
    }

    /// A connection as this user, with its own inbox; as nobody when the server knows no users.
    pub async fn client(&self, user: &str) -> anyhow::Result<async_nats::Client> {
        let mut options = async_nats::ConnectOptions::new()
            .name(format!("testkit as {user}"))
            .custom_inbox_prefix(topology::inbox_prefix(user))
            .retry_on_initial_connect();
        if !self.passwords.is_empty() {
            let password = self.password(user).with_context(|| format!("the bus has no user '{user}'"))?;
            options = options.user_and_password(user.to_owned(), password.to_owned());
        }
        let client = options.connect(self.url()).await?;
        client.flush().await.with_context(|| format!("the bus does not let '{user}' in"))?;
        Ok(client)
    }

    /// Kills it; nothing is written any more.
    pub fn kill(&self) {
        if let Some(mut process) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() {
            process.kill();
        }
    }

    /// Ends it in good order.
    pub async fn stop(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut process) = process {
            process.stop(Duration::from_secs(10)).await;
        }
    }

    /// Starts it again after [`Nats::kill`] or [`Nats::stop`], on the same port and with its storage.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.stop().await;
        self.run().await
    }

    /// Ends it in good order and starts it again, on the same port and with its storage.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.start_again().await
    }

    /// Loses everything: kills it, deletes streams, consumers and messages, starts it again.
    pub async fn wipe(&self) -> anyhow::Result<()> {
        self.kill();
        fs::remove_dir_all(self.home.path().join("storage")).context("cannot delete JetStream's storage")?;
        self.run().await
    }

    async fn run(&self) -> anyhow::Result<()> {
        let storage = self.home.path().join("storage");
        fs::create_dir_all(&storage)?;
        let mut command = Command::new(nats_server()?);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string()]);
        command.arg("--jetstream").arg("--store_dir").arg(&storage);
        if !self.passwords.is_empty() {
            command.arg("--config").arg(repository().join("deploy/nats/nats.conf"));
            for user in topology::users() {
                let password = self.passwords.get(user.name);
                command.env(
                    user.password_variable(),
                    password.with_context(|| {
                        format!("no password was given for the bus's user '{}'", user.name)
                    })?,
                );
            }
        }
        let log = self.home.path().join("nats-server.log");
        let mut process = Process::spawn("nats-server", command, &log, Signal::SIGTERM)?;
        let address = ("127.0.0.1", self.port);
        process
            .ready(Duration::from_secs(20), || async move {
                // It greets before it knows its storage only when it is not ready, so a greeting is enough.
                greets(address).await
            })
            .await?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(())
    }
}

async fn greets(address: (&str, u16)) -> bool {
    use tokio::io::AsyncReadExt;
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let mut greeting = [0u8; 5];
        stream.read_exact(&mut greeting).await?;
        std::io::Result::Ok(&greeting == b"INFO ")
    };
    tokio::time::timeout(Duration::from_secs(1), ask).await.is_ok_and(|answer| answer.unwrap_or(false))
}

/// A random password for every user of the bus.
pub fn new_passwords() -> anyhow::Result<BTreeMap<&'static str, String>> {
    topology::users().into_iter().map(|user| Ok((user.name, random_password()?))).collect()
}

/// `deploy/nats/users.conf`: every user of the bus with its privileges; passwords come from the environment.
pub fn users_conf() -> String {
    let mut text = String::from(
        "# Made from contracts::topology by `cargo xtask generate`: change it there.\n\
         # Passwords come from the environment. A password must start with a letter.\n\
         authorization {\n  users = [\n",
    );
    for user in topology::users() {
        let list = |subjects: &[String]| {
            subjects.iter().map(|subject| format!("          {subject:?}\n")).collect::<String>()
        };
        text.push_str(&format!(
            "    {{\n      user: {:?}\n      password: ${}\n      permissions: {{\n        publish: {{ allow: [\n{}        ] }}\n        \
             subscribe: {{ allow: [\n{}        ] }}\n",
            user.name,
            user.password_variable(),
            list(&user.publish),
            list(&user.subscribe),
        ));
        text.push_str("      }\n    }\n");
    }
    text.push_str("  ]\n}\n");
    text
}
