//! Ports for servers that must come back on the same one.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;

/// Below the range from which clients get theirs: while a server is down, a client that knocks at its port
/// must not be given that very port as its own end and find itself connected to itself.
const RANGE: std::ops::Range<u16> = 11_000..32_000;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port of 127.0.0.1 on which nobody listens, and which was not given to anybody before.
pub fn free_port() -> anyhow::Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    for attempt in 0..1_000u32 {
        let span = u64::from(RANGE.end - RANGE.start);
        let offset = RandomState::new().hash_one(attempt) % span;
        // Smaller than the span, which is a u16.
        let port = RANGE.start + offset as u16;
        if is_free(port) && given.insert(port) {
            return Ok(port);
        }
    }
    bail!("found no free port between {} and {}", RANGE.start, RANGE.end)
}

/// Whether a server could listen on this port of 127.0.0.1.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// This port if it is free, else another one.
pub(crate) fn prefer(port: Option<u16>) -> anyhow::Result<u16> {
    match port {
        // Also asked on all addresses: a server that listens there would be reached before ours by some names.
        Some(port) if is_free(port) && TcpListener::bind(("0.0.0.0", port)).is_ok() => Ok(port),
        _ => free_port(),
    }
}
