//! CSV files as spreadsheets and tills save them.
//!
//! A spreadsheet in Berlin separates columns by semicolons, since its prices have commas; an old one
//! writes Windows-1252; a till calls the name of a dish `Item Name`; a web shop writes `&amp;`. What
//! can mean only one thing is read, and told; the rest is refused with a guess.
//!
//! | file | what it holds |
//! |---|---|
//! | [`separator`] | what stands between the columns |
//! | [`letters`] | bytes as text, and entities as what they stand for |
//! | [`errors`] | what is wrong with a file |
//! | [`columns`] | which column is what, by its name |
//! | [`rows`] | a file with named columns, row by row |
//!
//! ```
//! use sheet::{Separator, letters};
//!
//! assert_eq!(Separator::of(b"Datum;Nachricht").byte(), b';');
//! assert_eq!(letters::windows_1252(b"K\xe4se").as_deref(), Some("Käse"));
//! assert_eq!(letters::entities("fish &amp; chips"), "fish & chips");
//! ```

pub mod columns;
pub mod errors;
pub mod letters;
pub mod rows;
pub mod separator;

pub use columns::{Column, Header};
pub use errors::{CsvErrors, RowError};
pub use rows::{Row, Rows};
pub use separator::Separator;
