//! A private Memcached.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::home::unprivileged_user;
use crate::{Home, Process, find_program, port};

/// A private Memcached on a port of its own.
#[derive(Debug)]
pub struct Memcached {
    port: u16,
    process: Mutex<Option<Process>>,
    home: Home, // after the process: it ends first
}

impl Memcached {
    /// An empty one on a free port.
    pub async fn start() -> anyhow::Result<Memcached> {
        Memcached::open(Home::temporary()?, None).await
    }

    /// With its log in this directory, on this port where it is free.
    pub async fn open(home: Home, preferred_port: Option<u16>) -> anyhow::Result<Memcached> {
        let memcached = Memcached { port: port::prefer(preferred_port)?, process: Mutex::new(None), home };
        memcached.start_again_empty().await?;
        Ok(memcached)
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it, with all that it holds.
    pub fn stop(&self) {
        if let Some(mut process) = self.take() {
            process.kill();
        }
    }

    /// Starts it again on the same port; it is empty, as after every start.
    pub async fn start_again_empty(&self) -> anyhow::Result<()> {
        self.stop();
        let mut command = Command::new(find_program("memcached", "memcached")?);
        let port = self.port.to_string();
        command.args(["-l", "127.0.0.1", "-p", &port, "-U", "0", "-m", "64", "-t", "1", "-c", "1024"]);
        if let Some(user) = unprivileged_user()? {
            command.args(["-u", &user.name]);
        }
        let log = self.home.path().join("memcached.log");
        let mut process = Process::spawn("memcached", command, &log, Signal::SIGTERM)?;
        let address = self.address();
        process.ready(Duration::from_secs(10), || answers(&address)).await?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(())
    }

    /// Stops it in its tracks: connections stay open, nothing is answered. [`Memcached::resume`] ends it.
    pub fn suspend(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on after [`Memcached::suspend`].
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Forgets everything, without a restart.
    pub async fn flush(&self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address()).await.context("memcached is not there")?;
        stream.write_all(b"flush_all\r\n").await?;
        let mut answer = [0u8; 4];
        stream.read_exact(&mut answer).await?;
        anyhow::ensure!(&answer == b"OK\r\n", "memcached refused flush_all");
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &mut *self.process.lock().unwrap_or_else(PoisonError::into_inner) {
            process.signal(signal);
        }
    }

    fn take(&self) -> Option<Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn answers(address: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"version\r\n").await?;
        let mut answer = [0u8; 7];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"VERSION")
    };
    tokio::time::timeout(Duration::from_secs(1), ask).await.is_ok_and(|answer| answer.unwrap_or(false))
}
