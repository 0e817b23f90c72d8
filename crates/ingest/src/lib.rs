//! Station: takes customer messages in by HTTP and CSV, and relays them to the bus.

pub mod admit;
pub mod key;
pub mod limiter;
pub mod rows;
pub mod tail;
