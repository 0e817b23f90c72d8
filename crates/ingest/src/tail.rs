//! Following a file that grows, is truncated, or is rotated away under its name.
//!
//! What was read is remembered as a position and a fingerprint of the file's beginning. By the
//! fingerprint a file is the same file whatever it is called, so that a rotated one is found and
//! read to its end, and a new one under the old name is begun anew.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use sha2::{Digest, Sha256};

/// How much of a file's beginning tells it from another.
const HEAD_BYTES: u64 = 1_024;

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// How many files were read under this name before.
    pub epoch: i64,
    /// The first byte that was not read yet.
    pub offset: u64,
    /// The line that begins there.
    pub line: u64,
    /// Fingerprint of the beginning, of at most `HEAD_BYTES` of what was read.
    pub head: Vec<u8>,
}

impl Position {
    /// Nothing was read yet.
    pub fn start() -> Self {
        Position { epoch: 0, offset: 0, line: 1, head: Vec::new() }
    }

    /// The beginning of the file after this one.
    pub fn next_file(&self) -> Self {
        Position { epoch: self.epoch + 1, ..Position::start() }
    }
}

/// Fingerprint of a file's beginning, of which `offset` bytes were read.
pub fn head(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(offset.min(HEAD_BYTES)).read_to_end(&mut bytes)?;
    Ok(Sha256::digest(&bytes)[..16].to_vec())
}

/// Whether this is the file that was read up to `position`.
pub fn is_same(file: &mut File, position: &Position) -> io::Result<bool> {
    if position.offset == 0 {
        return Ok(true);
    }
    Ok(file.metadata()?.len() >= position.offset && head(file, position.offset)? == position.head)
}

/// Where to read on.
#[derive(Debug)]
pub enum Found {
    /// In the file of that name.
    Here(File),
    /// In the file that had that name and was rotated away; whether there is a new one of that name.
    Rotated(File, bool),
    /// Nowhere: the file that was read is gone or was truncated; the one of that name is another.
    Replaced(File),
    /// There is no file of that name, nor the rotated one.
    Missing,
}

/// Looks for the file to read on in: the one under this name, or, rotated, one whose name begins with it.
pub fn find(path: &Path, position: &Position) -> io::Result<Found> {
    let mut current = match File::open(path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(file) = &mut current
        && is_same(file, position)?
    {
        return Ok(current.map_or(Found::Missing, Found::Here));
    }
    let old = if position.offset == 0 { None } else { rotated(path, position)? };
    Ok(match (old, current) {
        (Some(old), current) => Found::Rotated(old, current.is_some()),
        (None, Some(file)) => Found::Replaced(file),
        (None, None) => Found::Missing,
    })
}

fn rotated(path: &Path, position: &Position) -> io::Result<Option<File>> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(None);
    };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let other = entry.file_name();
        let is_sibling = other.to_str().is_some_and(|other| other.starts_with(name) && other != name);
        if !is_sibling || !entry.file_type()?.is_file() {
            continue;
        }
        let mut file = File::open(entry.path())?;
        if is_same(&mut file, position)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_to(path: &Path, offset: u64) -> Position {
        let mut file = File::open(path).unwrap();
        Position { offset, head: head(&mut file, offset).unwrap(), ..Position::start() }
    }

    #[test]
    fn a_file_that_grew_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        fs::write(&path, "message\none\n").unwrap();
        let position = read_to(&path, 12);
        fs::write(&path, "message\none\ntwo\n").unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Here(_)));
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_before_the_new_one_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        fs::write(&path, "message\none\ntwo\n").unwrap();
        let position = read_to(&path, 12);
        fs::rename(&path, folder.path().join("orders.csv.1")).unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Rotated(_, false)));
        fs::write(&path, "message\nthree, and more than the old file held\n").unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Rotated(_, true)));
        fs::remove_file(folder.path().join("orders.csv.1")).unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Replaced(_)));
        assert!(matches!(find(&path, &position.next_file()).unwrap(), Found::Here(_)));
    }

    #[test]
    fn a_truncated_file_is_begun_anew_even_when_it_has_grown_past_the_old_position() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        fs::write(&path, "message\none\n").unwrap();
        let position = read_to(&path, 12);
        fs::write(&path, "").unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Replaced(_)));
        fs::write(&path, "message\nsix\nseven\n").unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Replaced(_)));
        fs::remove_file(&path).unwrap();
        assert!(matches!(find(&path, &position).unwrap(), Found::Missing));
    }
}
