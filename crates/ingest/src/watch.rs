//! The watched file: a CSV file to which somebody appends lines.
//!
//! Its position is in the database and moves in the transaction that takes the rows in: neither a
//! crash nor a restart loses a line or takes one twice, and replicas that watch the same file take turns.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use contracts::{Code, Failure, FailureKind};
use runtime::{Handle, StartError};
use sheet::Separator;
use store::Store;
use store::messages::NewMessage;
use store::watched::ReadPosition;

use crate::admit::Refusal;
use crate::rejects;
use crate::rows::{Columns, Place, Rejected, Rest, Row, Splitter};
use crate::tail::{Found, Position, find, head};
use crate::times::Times;

/// How long an open quote, or the writer of a rotated file, is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Rows that are taken in in one transaction.
const ROWS: usize = 500;
/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;
/// Largest header row.
const HEADER_BYTES: u64 = 16 * 1024;

/// Follows a file.
pub struct Watch {
    store: Store,
    handle: Handle,
    path: PathBuf,
    rejects: PathBuf,
    times: Times,
    poll: Duration,
    /// The file as it was when there was nothing more to read.
    seen: Option<(u64, SystemTime)>,
    /// An open quote, by the place of its row, and since when.
    quote: Option<(u64, Instant)>,
    said: Option<String>,
    /// What was said of how the file is read.
    noted: Vec<String>,
}

/// What a look at the file came to.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Rows were taken, and there may be more.
    Progress,
    /// Nothing to do until the file changes.
    Idle,
    /// Nothing to do now, but without a change of the file there may be later.
    Waiting,
}

/// What was read.
struct Chunk {
    rows: Vec<Row>,
    rejected: Vec<Rejected>,
    /// How the file is read where that is not as in our own.
    notes: Vec<String>,
    /// Behind what was read.
    position: Position,
    /// A quote is open at the end.
    quote_is_open: bool,
    /// There may be more without the file changing.
    unsettled: bool,
}

impl Watch {
    /// Follows the file at `path`; rows that cannot be taken go to `rejects`.
    pub fn new(
        store: Store,
        handle: Handle,
        path: &Path,
        rejects: Option<&Path>,
        times: Times,
        poll: Duration,
    ) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let rejects = rejects.map_or_else(|| rejects::beside(&path), Path::to_owned);
        Ok(Watch {
            store,
            handle,
            path,
            rejects,
            times,
            poll,
            seen: None,
            quote: None,
            said: None,
            noted: Vec::new(),
        })
    }

    /// Follows the file until the service stops.
    pub async fn run(mut self) -> Result<(), StartError> {
        let stopping = self.handle.shutdown_token();
        tracing::info!("messages come in from {}", self.path.display());
        self.handle.note("watch", self.path.display().to_string());
        while !stopping.is_cancelled() {
            let pause = match self.look().await {
                Ok(Look::Progress) => continue,
                Ok(Look::Idle | Look::Waiting) => self.poll,
                Err(Trouble::Database(error)) if error.kind() == FailureKind::Fatal => {
                    return Err(error.into());
                }
                Err(trouble) => {
                    self.say(&trouble.to_string(), trouble.code());
                    self.poll.max(Duration::from_secs(1))
                }
            };
            tokio::select! {
                () = stopping.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<Look, Trouble> {
        let now =
            std::fs::metadata(&self.path).ok().and_then(|data| Some((data.len(), data.modified().ok()?)));
        if now.is_some() && now == self.seen {
            return Ok(Look::Idle);
        }
        let name = self.path.display().to_string();
        let Some(watching) = self.store.watch_file(&name).await? else { return Ok(Look::Waiting) };
        let before = Position::from(watching.position());
        let give_up =
            self.quote.is_some_and(|(at, since)| at == before.offset && since.elapsed() >= PATIENCE);

        let (path, times, from) = (self.path.clone(), self.times, before.clone());
        let chunk = tokio::task::spawn_blocking(move || read_on(&path, &from, times, give_up))
            .await
            .map_err(|error| io::Error::other(error.to_string()))??;
        let Some(chunk) = chunk else {
            self.say("it is not there yet", None);
            return Ok(Look::Waiting);
        };
        self.said = None;
        if chunk.notes != self.noted {
            tracing::info!("{name}: {}", chunk.notes.join("; "));
            self.noted = chunk.notes;
        }
        let guessed = chunk.rows.iter().filter(|row| row.guessed);
        if let Some(first) = guessed.clone().next() {
            tracing::warn!(
                count = guessed.count(),
                "line {} of {name}, and perhaps more, is not UTF-8 and was read as Windows-1252: look whether the \
                 accents are right",
                first.place.line
            );
        }

        for row in &chunk.rejected {
            tracing::warn!(
                code = %row.refusal.code,
                "line {} of {name} is rejected: {} It is kept in {}.",
                row.place.line,
                row.refusal.reason,
                self.rejects.display()
            );
        }
        if let Err(error) = rejects::append(&self.rejects, &self.path, &chunk.rejected) {
            tracing::error!("rejected lines of {name} cannot be kept in {}: {error}", self.rejects.display());
        }
        let progress = chunk.position != before;
        if progress {
            let epoch = chunk.position.epoch;
            let messages: Vec<NewMessage> =
                chunk.rows.into_iter().map(|row| message(row, &name, epoch)).collect();
            let inserted = watching.take_in(&messages, &chunk.position.into()).await?;
            let new = inserted.iter().filter(|inserted| !inserted.repeated).count();
            if new > 0 {
                tracing::info!(count = new, "{new} messages came in from {name}");
            }
            self.quote = None;
            self.seen = None;
            return Ok(Look::Progress);
        }
        if chunk.quote_is_open && self.quote.is_none_or(|(at, _)| at != before.offset) {
            self.quote = Some((before.offset, Instant::now()));
        }
        if chunk.quote_is_open || chunk.unsettled {
            return Ok(Look::Waiting);
        }
        self.seen = now;
        Ok(Look::Idle)
    }

    /// Says what is in the way, once.
    fn say(&mut self, word: &str, code: Option<Code>) {
        if self.said.as_deref() != Some(word) {
            let code = code.map_or("", Code::as_str);
            tracing::warn!(
                code,
                "nothing comes in from {}, tried again by itself: {word}",
                self.path.display()
            );
            self.said = Some(word.to_owned());
        }
    }
}

fn message(row: Row, name: &str, epoch: i64) -> NewMessage {
    let place = row.place;
    NewMessage {
        source: "watch".to_owned(),
        external_id: Some(row.external_id.unwrap_or_else(|| format!("{name}:{epoch}:{}", place.offset))),
        customer: row.customer,
        text: row.text,
        received_at: row.timestamp,
    }
}

/// Reads on where `position` says; `None` while there is nothing to read from.
fn read_on(
    path: &Path,
    position: &Position,
    times: Times,
    give_up_quotes: bool,
) -> Result<Option<Chunk>, Trouble> {
    let rest = if give_up_quotes { Rest::QuotesGivenUp } else { Rest::Growing };
    match find(path, position)? {
        Found::Missing => Ok(None),
        Found::Here(file) => read_chunk(file, position.clone(), times, rest).map(Some),
        Found::Replaced(file) => read_chunk(file, position.next_file(), times, Rest::Growing).map(Some),
        Found::Rotated(file, there_is_a_new_one) => {
            // Whoever writes it may not know yet that it was renamed.
            let quiet = file.metadata()?.modified()?.elapsed().is_ok_and(|quiet| quiet >= PATIENCE);
            let rest = if quiet { Rest::Ended } else { rest };
            let mut chunk = read_chunk(file, position.clone(), times, rest)?;
            chunk.unsettled = true;
            if quiet && there_is_a_new_one && chunk.position == *position {
                chunk.position = position.next_file();
            }
            Ok(Some(chunk))
        }
    }
}

fn read_chunk(mut file: File, position: Position, times: Times, rest: Rest) -> Result<Chunk, Trouble> {
    let mut chunk = Chunk {
        rows: Vec::new(),
        rejected: Vec::new(),
        notes: Vec::new(),
        position: position.clone(),
        quote_is_open: false,
        unsettled: false,
    };
    let Some((columns, separator, first)) = header(&mut file)? else { return Ok(chunk) };
    chunk.notes = columns.notes().to_vec();
    // A place behind the header is read on from; in a new file that is where the header ends.
    let start =
        if position.offset == 0 { first } else { Place { line: position.line, offset: position.offset } };
    file.seek(SeekFrom::Start(start.offset))?;
    let mut splitter = Splitter::at(start, separator);
    let mut piece = vec![0; PIECE];
    let mut rest_now = Rest::Growing;
    loop {
        while let Some(row) = splitter.next(rest_now) {
            match row.and_then(|(place, bytes)| columns.parse(place, &bytes, times)) {
                Ok(row) => chunk.rows.push(row),
                Err(rejected) => chunk.rejected.push(rejected),
            }
            if chunk.rows.len() + chunk.rejected.len() >= ROWS {
                break;
            }
        }
        if rest_now != Rest::Growing || chunk.rows.len() + chunk.rejected.len() >= ROWS {
            break;
        }
        match file.read(&mut piece)? {
            0 if rest == Rest::Growing => break,
            // Only at the end of the file can a quote be given up, or the last line be whole.
            0 => rest_now = rest,
            count => splitter.feed(&piece[..count]),
        }
    }
    chunk.quote_is_open = splitter.quote_is_open();
    let place = splitter.place();
    if place.offset > position.offset {
        chunk.position = Position {
            epoch: position.epoch,
            offset: place.offset,
            line: place.line,
            head: head(&mut file, place.offset)?,
        };
    }
    Ok(chunk)
}

/// The columns of a file, what separates them, and where its rows begin; `None` while its first line is not whole.
fn header(file: &mut File) -> Result<Option<(Columns, Separator, Place)>, Trouble> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(HEADER_BYTES).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 == HEADER_BYTES;
    let mut splitter = Splitter::new();
    splitter.feed(&bytes);
    match splitter.next(Rest::Growing) {
        Some(Ok((_, row))) => {
            let separator = splitter.separator();
            Ok(Some((Columns::read(&row, separator, &bytes)?, separator, splitter.place())))
        }
        Some(Err(rejected)) => Err(rejected.refusal.into()),
        None if whole => Err(Refusal::new(Code::BadRow, "The first row is too long for a header.").into()),
        None => Ok(None),
    }
}

impl From<&ReadPosition> for Position {
    fn from(position: &ReadPosition) -> Self {
        let ReadPosition { epoch, offset, line, head } = position.clone();
        Position { epoch, offset, line, head }
    }
}

impl From<Position> for ReadPosition {
    fn from(position: Position) -> Self {
        let Position { epoch, offset, line, head } = position;
        ReadPosition { epoch, offset, line, head }
    }
}

/// What keeps the file from being read.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Database(#[from] store::Error),
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{}", .0.reason)]
    Header(#[from] Refusal),
}

impl Trouble {
    fn code(&self) -> Option<Code> {
        match self {
            Trouble::Database(error) => Some(error.code()),
            Trouble::File(_) => None,
            Trouble::Header(refusal) => Some(refusal.code),
        }
    }
}
