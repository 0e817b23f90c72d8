//! What ingest promises, tried on real servers, with the users and roles that it is deployed with.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

mod daily;
mod door;
mod house;
mod kitchen;
mod relay;
mod support;
mod watch;
