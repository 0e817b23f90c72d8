//! The operator's command, run as operators run it, against real servers with their users and roles.
#![allow(clippy::unwrap_used, clippy::panic)] // in helpers of tests, as in tests

mod days;
mod dead_letters;
mod knowledge;
mod ledger;
mod messages;
mod models;
mod support;
mod views;
