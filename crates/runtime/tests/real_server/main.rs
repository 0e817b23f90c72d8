//! What the runtime promises, tried on a real nats-server.
#![allow(clippy::unwrap_used)] // in helpers of tests, as in tests

mod faults;
mod outages;
mod pausing;
mod publishing;
mod rights;
mod shutdown;
mod support;
mod topology;
mod watching;
