//! A restaurant's day: when it begins and ends, and its orders as a file for a spreadsheet.
//!
//! | file | what it holds |
//! |---|---|
//! | [`day`] | a day where the restaurant is, and its hours |
//! | [`orders`] | the orders of a day as CSV |
//! | [`spreadsheet`] | what a spreadsheet makes of a cell; files that are never seen half |
//!
//! ```
//! use chrono_tz::Europe::Berlin;
//! use daybook::day::{bounds, hours};
//!
//! // On the night in which clocks go back a day has 25 hours.
//! let (from, before) = bounds("2026-10-25".parse()?, Berlin).ok_or("there is no such day")?;
//! assert_eq!((before - from).num_hours(), 25);
//! assert_eq!(hours(from, before, Berlin).len(), 25);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod day;
pub mod orders;
pub mod spreadsheet;

pub use day::Day;
