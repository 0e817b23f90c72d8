//! A restaurant's day: when it begins and ends, and its orders as a file for a spreadsheet.
//!
//! | file | what it holds |
//! |---|---|
//! | [`day`] | a day where the restaurant is, and its hours |
//! | [`orders`] | the orders of a day as CSV |
//! | [`spreadsheet`] | what a spreadsheet makes of a cell; files that are never seen half |

pub mod day;
pub mod orders;
pub mod spreadsheet;

pub use day::Day;
