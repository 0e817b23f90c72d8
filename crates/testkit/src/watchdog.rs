//! A small shell process that outlives us by a moment and ends what we started.
//!
//! It reads a pipe whose other end only we hold, so that even SIGKILL tells it: the pipe closes, it ends the
//! processes that are still on its list and deletes the temporary directories.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use nix::sys::signal::Signal;

const SCRIPT: &str = r#"
trap '' HUP INT TERM
pids=
while read -r verb what how; do
  case $verb in
    pid) pids="$pids $what:$how" ;;
    gone) rest=
      for p in $pids; do [ "${p%%:*}" = "$what" ] || rest="$rest $p"; done
      pids=$rest ;;
    directory) set -- "$@" "$what${how:+ $how}" ;;
  esac
done
for p in $pids; do kill -s "${p#*:}" "${p%%:*}"; kill -s CONT "${p%%:*}"; done 2>/dev/null
tries=50
for p in $pids; do
  while kill -0 "${p%%:*}" 2>/dev/null && [ $tries -gt 0 ]; do sleep 0.1; tries=$((tries - 1)); done
  kill -s KILL "${p%%:*}" 2>/dev/null
done
for d in "$@"; do rm -rf -- "$d"; done
"#;

static PIPE: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// From now on this process ends with us; `stop` is the signal that makes it clean up behind itself.
pub(crate) fn guard_process(id: u32, stop: Signal) -> anyhow::Result<()> {
    // The shell's `kill -s` wants the name without SIG.
    tell(&format!("pid {id} {}", stop.as_str().trim_start_matches("SIG")))
}

/// The process has ended and was waited for: its id may belong to somebody else from now on.
pub(crate) fn forget_process(id: u32) {
    // Without a watchdog nothing was guarded.
    let _ = tell(&format!("gone {id}"));
}

/// From now on this directory is deleted when we end.
pub(crate) fn guard_directory(path: &Path) -> anyhow::Result<()> {
    tell(&format!("directory {}", path.display()))
}

fn tell(line: &str) -> anyhow::Result<()> {
    let mut pipe = PIPE.lock().unwrap_or_else(PoisonError::into_inner);
    let stdin = match &mut *pipe {
        Some(stdin) => stdin,
        empty => empty.insert(start()?),
    };
    writeln!(stdin, "{line}").context("the watchdog that ends servers with their test is gone")
}

fn start() -> anyhow::Result<ChildStdin> {
    let mut shell = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "greenbite-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0) // a terminal's Ctrl-C is for us, not for it
        .spawn()
        .context("cannot start /bin/sh")?;
    shell.stdin.take().context("the watchdog has no pipe")
}
