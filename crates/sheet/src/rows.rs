//! A file with named columns, row by row.

use std::collections::HashMap;
use std::io::Read;

use crate::{CsvErrors, Separator, letters};

/// A file's rows; its errors call it `file`.
#[derive(Debug)]
pub struct Rows {
    columns: HashMap<String, usize>,
    rows: Vec<Result<Row, (u64, String)>>,
}

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line of the file that it begins in.
    pub line: u64,
    fields: csv::StringRecord,
}

impl Rows {
    /// Reads a file with these columns, in any order and case; it may have others.
    pub fn read(file: &str, text: impl Read, needed: &[&str]) -> Result<Rows, CsvErrors> {
        let letters = letters::read_file(file, text)?;
        let separator = Separator::of(letters.text.split('\n').next().unwrap_or_default().as_bytes());
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator.byte())
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(letters.text.as_bytes());
        let header = reader.headers().map_err(|error| CsvErrors::one(file, 1, error.to_string()))?;
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(at, name)| (name.to_lowercase(), at)).collect();
        if let Some(missing) = needed.iter().find(|name| !columns.contains_key(**name)) {
            return Err(CsvErrors::one(file, 1, format!("the column '{missing}' is missing")));
        }
        let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
        let rows = reader.records().map(|row| match row {
            Ok(fields) => Ok(Row { line: line(fields.position()), fields }),
            Err(error) => Err((line(error.position()), error.to_string())),
        });
        let rows = rows.collect();
        Ok(Rows { columns, rows })
    }

    /// The rows; one that cannot be read is its line and why.
    pub fn iter(&self) -> impl Iterator<Item = Result<&Row, (u64, String)>> {
        self.rows.iter().map(|row| row.as_ref().map_err(Clone::clone))
    }

    /// What stands in a row's column; nothing where the file lacks it.
    pub fn field<'r>(&self, row: &'r Row, column: &str) -> &'r str {
        self.columns.get(column).and_then(|at| row.fields.get(*at)).unwrap_or_default()
    }
}
