//! Station: takes customer messages in by HTTP and CSV, and relays them to the bus.
//!
//! | file | what it holds |
//! |---|---|
//! | [`admit`] | what the line carries: the decision |
//! | [`room`] | whether the line has room for more: the decision |
//! | [`relay`] | rows of `messages` onto the bus |
//! | [`door`] | `POST /messages`, with [`key`] and [`limiter`] |
//! | [`watch`] | a CSV file to which lines are appended, with [`rows`] and [`tail`] |
//! | [`house`] | reconciliation, purge, given-up deliveries: one replica at a time |

pub mod admit;
pub mod config;
pub mod key;
pub mod limiter;
pub mod relay;
pub mod room;
pub mod rows;
pub mod tail;
