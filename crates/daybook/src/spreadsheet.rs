//! Files that a person opens in a spreadsheet.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A text as a cell that no spreadsheet takes for a formula.
///
/// A customer may write `=HYPERLINK(...)`. An apostrophe in front makes it text. Programs that take
/// another separator for the columns, as many countries' do, cut a cell in pieces: each is guarded.
pub fn cell(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len());
    let mut at_start = true;
    for c in text.chars() {
        if at_start && matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '−') {
            guarded.push('\'');
        }
        guarded.push(c);
        let separates = matches!(c, ';' | ',' | '\t' | '\r' | '\n' | '|');
        at_start = separates || (at_start && (c.is_whitespace() || c.is_control() || c == '"'));
    }
    guarded
}

/// Cents as a plain number: `12.50`.
pub fn money(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// Writes a file so that nobody ever sees half of it: beside it first, then renamed over it.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?
        .to_string_lossy();
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let beside = folder.join(format!(".{name}.{}.part", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        // The half-written file is of no use to anyone; what matters is why the write failed.
        let _ = std::fs::remove_file(&beside);
        return Err(error);
    }
    // The rename itself survives a power cut only once the folder is on disk.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_taken_for_a_formula_whatever_separates_the_columns() {
        let table = [
            ("2 cheese burgers", "2 cheese burgers"),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2 burgers", "'-2 burgers"),
            ("  =cmd|' /C calc'!A0", "  '=cmd|' /C calc'!A0"),
            ("\t=1", "\t'=1"),
            ("\"=1", "\"'=1"),
            ("hi;=HYPERLINK(\"x\")", "hi;'=HYPERLINK(\"x\")"),
            ("hi\n+1", "hi\n'+1"),
            ("＝1", "'＝1"),
            ("no-onion burger", "no-onion burger"),
        ];
        for (text, expected) in table {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn money_is_written_without_a_float() {
        assert_eq!(money(1250), "12.50");
        assert_eq!(money(5), "0.05");
        assert_eq!(money(-199), "-1.99");
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("no/such/orders.csv");
        assert!(write_atomically(&missing, b"x").is_err());
    }
}
