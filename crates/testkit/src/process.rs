//! A child process with its log, that never outlives us.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::watchdog;

/// How a process ended.
pub type Exit = ExitStatus;

/// A child process: its output goes to a log, and it ends with this value or, at the latest, with us.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    stop: Signal,
    ended: Option<Exit>,
}

impl Process {
    /// Starts the command with its output appended to the log; `stop` is the signal that ends it in good order.
    pub fn spawn(name: &str, mut command: Command, log: &Path, stop: Signal) -> anyhow::Result<Process> {
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0) // a terminal's Ctrl-C is for us: we end it in order
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        let process = Process { name: name.to_owned(), child, log: log.to_owned(), stop, ended: None };
        watchdog::guard_process(process.id(), stop)?;
        Ok(process)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends it a signal; nothing happens when it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit().is_none() {
            // It may end in between; as its parent we know that the id is still its own.
            let id = Pid::from_raw(self.id().cast_signed());
            let sent = kill(id, signal);
            if signal == Signal::SIGSTOP && sent.is_ok() {
                // Its threads go on for a moment; the kernel says when the last one stands still.
                let still = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
                let _ = waitid(Id::Pid(id), still);
            }
        }
    }

    /// How it ended, if it has.
    pub fn exit(&mut self) -> Option<Exit> {
        if self.ended.is_none()
            && let Ok(Some(exit)) = self.child.try_wait()
        {
            watchdog::forget_process(self.child.id());
            self.ended = Some(exit);
        }
        self.ended
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        while self.exit().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it in good order, or with SIGKILL when it takes longer than `within`.
    pub async fn stop(&mut self, within: Duration) -> Exit {
        self.stop_by(self.stop, within).await
    }

    /// Like [`Process::stop`], by another signal.
    pub async fn stop_by(&mut self, signal: Signal, within: Duration) -> Exit {
        self.signal(signal);
        self.signal(Signal::SIGCONT);
        let deadline = Instant::now() + within;
        loop {
            if let Some(exit) = self.exit() {
                return exit;
            }
            if Instant::now() >= deadline {
                self.signal(Signal::SIGKILL);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until the probe says yes; fails with the end of the log when the process ends or time is up.
    pub async fn ready<F>(&mut self, within: Duration, mut probe: impl FnMut() -> F) -> anyhow::Result<()>
    where
        F: Future<Output = bool>,
    {
        let deadline = Instant::now() + within;
        loop {
            if let Some(exit) = self.exit() {
                bail!("{} did not start ({exit}). Its log says:\n{}", self.name, self.log_end());
            }
            if probe().await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{} was not ready after {within:?}. Its log says:\n{}", self.name, self.log_end());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(self.stop);
        self.signal(Signal::SIGCONT);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.exit().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill();
    }
}

/// Asks until the answer is there; fails with `what` when time is up.
pub async fn wait_until<T, F>(what: &str, within: Duration, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain until {what}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
