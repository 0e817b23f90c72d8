//! The file of miscellaneous messages: one line of JSON a message, only ever appended to.
//!
//! Every replica has a file of its own, so that nobody has to wait for another or tear another's line:
//! it takes the first of `miscellaneous.jsonl`, `miscellaneous.2.jsonl`, ... that nobody holds, which is
//! usually the one that it had before a restart.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use contracts::MessageId;
use serde::Deserialize;

use crate::register::MiscellaneousLine;

/// More replicas than this in one place are refused: something is wrong with the locks.
const MOST_FILES: usize = 1_000;

/// A file of miscellaneous messages that this process holds.
#[derive(Debug)]
pub struct Miscellaneous {
    base: PathBuf,
    path: PathBuf,
    file: File,
    /// How long the file was before a write that failed.
    torn_at: Option<u64>,
    /// The messages in it.
    written: HashSet<MessageId>,
}

/// What every line has, whatever else is in it.
#[derive(Deserialize)]
struct Id {
    id: MessageId,
}

impl Miscellaneous {
    /// Takes the first file of that name that nobody holds.
    pub fn open(base: &Path) -> io::Result<Miscellaneous> {
        if let Some(directory) = base.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)?;
        }
        for number in 1..=MOST_FILES {
            let path = numbered(base, number);
            let file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
            match file.try_lock() {
                Ok(()) => return Miscellaneous::read(base.to_owned(), path, file),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::other(format!("all of {} files like {} are held", MOST_FILES, base.display())))
    }

    fn read(base: PathBuf, path: PathBuf, file: File) -> io::Result<Miscellaneous> {
        let (written, whole) = messages_in(&file)?;
        // A line that a crash cut off was never reported as written.
        let torn_at = (file.metadata()?.len() != whole).then_some(whole);
        Ok(Miscellaneous { base, path, file, torn_at, written })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends those lines that are not there, and returns once they are on the disk: all or none.
    pub fn append<'a>(&mut self, lines: impl IntoIterator<Item = &'a MiscellaneousLine>) -> io::Result<()> {
        let mut text = Vec::new();
        let mut new = Vec::new();
        for line in lines {
            let id = line.message.id;
            if !self.written.contains(&id) && !new.contains(&id) {
                serde_json::to_writer(&mut text, line)?;
                text.push(b'\n');
                new.push(id);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        // What a write that failed left behind goes first, or else the next line would be glued to it.
        if let Some(whole) = self.torn_at {
            self.file.set_len(whole)?;
        }
        self.torn_at = Some(self.file.metadata()?.len());
        self.file.write_all(&text)?;
        self.file.sync_data()?;
        self.torn_at = None;
        self.written.extend(new);
        Ok(())
    }

    /// Whether a message is in this file, or in that of another replica in the same place.
    pub fn holds(&self, id: MessageId) -> io::Result<bool> {
        if self.written.contains(&id) {
            return Ok(true);
        }
        for number in 1..=MOST_FILES {
            let path = numbered(&self.base, number);
            if path == self.path {
                continue;
            }
            match File::open(&path) {
                Ok(file) if messages_in(&file)?.0.contains(&id) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// `miscellaneous.jsonl`, `miscellaneous.2.jsonl`, ...
fn numbered(base: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return base.to_owned();
    }
    let extension = base.extension().unwrap_or_default().to_string_lossy();
    base.with_extension(if extension.is_empty() {
        number.to_string()
    } else {
        format!("{number}.{extension}")
    })
}

/// The messages in a file, and how many of its bytes are whole lines.
fn messages_in(mut file: &File) -> io::Result<(HashSet<MessageId>, u64)> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(file);
    let mut messages = HashSet::new();
    let mut length = 0;
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() != Some(&b'\n') {
            break;
        }
        length += line.len() as u64;
        // Somebody may have edited it: such a line stays as it is.
        if let Ok(Id { id }) = serde_json::from_slice(&line) {
            messages.insert(id);
        }
        line.clear();
    }
    Ok((messages, length))
}

#[cfg(test)]
mod tests {
    use contracts::Message;

    use super::*;

    fn line(id: i64) -> MiscellaneousLine {
        let message = Message {
            id: MessageId(id),
            generation: 1,
            received_at: chrono::DateTime::UNIX_EPOCH,
            source: "http".to_owned(),
            customer: None,
            text: format!("thank you {id}\n"),
        };
        MiscellaneousLine { message, reason: "only says thank you".to_owned() }
    }

    fn ids(path: &Path) -> Vec<i64> {
        let text = std::fs::read_to_string(path).unwrap();
        let parse = |line: &str| serde_json::from_str::<MiscellaneousLine>(line).unwrap().message.id.0;
        text.lines().map(parse).collect()
    }

    #[test]
    fn a_message_is_written_once_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("new").join("miscellaneous.jsonl");
        let mut file = Miscellaneous::open(&base).unwrap();
        file.append(&[line(1), line(2), line(1)]).unwrap();
        file.append(&[line(2), line(3)]).unwrap();
        drop(file);
        let mut file = Miscellaneous::open(&base).unwrap();
        assert_eq!(file.path(), base);
        file.append(&[line(3), line(4)]).unwrap();
        assert_eq!(ids(&base), [1, 2, 3, 4]);
    }

    #[test]
    fn replicas_in_one_place_have_files_of_their_own_and_know_what_the_others_have() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("miscellaneous.jsonl");
        let mut one = Miscellaneous::open(&base).unwrap();
        let mut other = Miscellaneous::open(&base).unwrap();
        assert_eq!(other.path().file_name().unwrap(), "miscellaneous.2.jsonl");
        one.append(&[line(1)]).unwrap();
        other.append(&[line(2)]).unwrap();
        assert!(one.holds(MessageId(2)).unwrap() && other.holds(MessageId(1)).unwrap());
        assert!(!one.holds(MessageId(3)).unwrap());
        drop(one);
        assert_eq!(Miscellaneous::open(&base).unwrap().path(), base, "a free one is taken again");
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_written_anew_and_a_strange_one_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("miscellaneous.jsonl");
        let whole = serde_json::to_string(&line(1)).unwrap();
        let half = &serde_json::to_string(&line(2)).unwrap()[..40];
        std::fs::write(&base, format!("{whole}\na note by hand\n{half}")).unwrap();
        let mut file = Miscellaneous::open(&base).unwrap();
        file.append(&[line(1), line(2)]).unwrap();
        let text = std::fs::read_to_string(&base).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[1], "a note by hand");
        assert_eq!(serde_json::from_str::<MiscellaneousLine>(lines[2]).unwrap(), line(2));
    }

    #[test]
    fn a_name_without_an_extension_is_numbered_too() {
        assert_eq!(numbered(Path::new("rest"), 2), Path::new("rest.2"));
        assert_eq!(numbered(Path::new("a/rest.jsonl"), 3), Path::new("a/rest.3.jsonl"));
    }
}
