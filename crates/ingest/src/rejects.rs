//! Where rows go that could not be taken, so that a person finds them again: a file of JSON lines.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::json;

use crate::rows::Rejected;

/// The file beside `path` for the rows of it that could not be taken.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".rejects.jsonl");
    name.into()
}

/// Appends rows to the file of rejects, each with where it stood and what was wrong.
pub fn append(rejects: &Path, source: &Path, rows: &[Rejected]) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for row in rows {
        let line = json!({
            "at": Utc::now(),
            "file": source.display().to_string(),
            "line": row.place.line,
            "offset": row.place.offset,
            "code": row.refusal.code,
            "reason": row.refusal.reason,
            "row": String::from_utf8_lossy(&row.excerpt),
        });
        text.push_str(&line.to_string());
        text.push('\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).open(rejects)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}
