//! What is wrong with a file: all of it at once, with row numbers.

use std::fmt;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvErrors {
    /// The file, as the caller named it.
    pub file: String,
    /// Each mistake.
    pub errors: Vec<RowError>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The line in the file, 1 being the header.
    pub row: u64,
    /// What is wrong, and what to do.
    pub message: String,
}

impl CsvErrors {
    /// The only mistake of a file.
    pub fn one(file: &str, row: u64, message: impl Into<String>) -> CsvErrors {
        CsvErrors { file: file.to_owned(), errors: vec![RowError { row, message: message.into() }] }
    }
}

impl fmt::Display for CsvErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used:", self.file)?;
        self.errors.iter().try_for_each(|error| write!(f, "\n  row {}: {}", error.row, error.message))
    }
}

impl std::error::Error for CsvErrors {}
