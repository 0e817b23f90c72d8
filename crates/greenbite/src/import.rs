//! `greenbite import`

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use chrono_tz::Tz;
use ingest::rejects;
use ingest::rows::{Columns, Rejected, Rest, Row, Splitter};
use ingest::times::Times;
use store::Store;
use store::messages::NewMessage;

use crate::cli::{End, complain, say};
use crate::progress::Progress;
use crate::site::Site;

/// Rows that are taken in in one transaction.
const ROWS: usize = 500;
/// Bad rows that are shown; all of them are in the file of rejects.
const SHOWN: u64 = 10;

/// `greenbite import`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Takes in a CSV file with the columns timestamp,message, as spreadsheets save it; importing it again takes in what is new in it
    Messages(Messages),
}

/// `greenbite import messages`
#[derive(Debug, clap::Args)]
pub struct Messages {
    /// The file; a `-` is standard input
    file: PathBuf,
    /// Where rows go that cannot be taken [default: FILE.rejects.jsonl]
    #[arg(long, value_name = "FILE.jsonl")]
    rejects: Option<PathBuf>,
    /// Zone of times without an offset [default: the setting restaurant.timezone]
    #[arg(long)]
    timezone: Option<Tz>,
    /// 11/3/2026 is the third of November; otherwise such a row is rejected, since it may be another day
    #[arg(long)]
    month_first: bool,
}

/// Takes a file in.
pub async fn run(site: &Site, command: Command) -> anyhow::Result<End> {
    let Command::Messages(args) = command;
    let times = Times {
        zone: args.timezone.unwrap_or(site.settings.restaurant.timezone),
        month_first: args.month_first,
    };
    let from_stdin = args.file.as_os_str() == "-";
    let rejects = match args.rejects {
        Some(path) => path,
        None if from_stdin => PathBuf::from("messages.rejects.jsonl"),
        None => rejects::beside(&args.file),
    };
    let (source, size): (Box<dyn Read>, u64) = if from_stdin {
        (Box::new(std::io::stdin()), 0)
    } else {
        let file =
            File::open(&args.file).with_context(|| format!("{} cannot be read", args.file.display()))?;
        let size = file.metadata().map_or(0, |data| data.len());
        (Box::new(file), size)
    };
    let store = site.store().await?;
    let progress = Progress::new(size, "bytes");
    let mut import =
        Import { store, rejects, file: args.file, seen: HashMap::new(), totals: Totals::default() };
    import.all(source, times, &progress).await?;
    progress.finish();

    let Totals { new, known, rejected, guessed } = import.totals;
    say(&format!("{new} messages taken in, {known} were known, {rejected} rejected"));
    if guessed > 0 {
        complain(&format!(
            "{guessed} rows are not UTF-8 and were read as Windows-1252: look whether the accents are right"
        ));
    }
    if rejected > 0 {
        say(&format!("rejected rows, each with its place and reason: {}", import.rejects.display()));
        return Ok(End::SomeRejected);
    }
    Ok(End::Done)
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    new: u64,
    known: u64,
    rejected: u64,
    /// Rows that were read as Windows-1252.
    guessed: u64,
}

struct Import {
    store: Store,
    rejects: PathBuf,
    file: PathBuf,
    /// How often each row was in the file so far: the same words twice are two messages.
    seen: HashMap<String, u32>,
    totals: Totals,
}

impl Import {
    async fn all(
        &mut self,
        mut source: Box<dyn Read>,
        times: Times,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let mut splitter = Splitter::new();
        let mut piece = vec![0; 64 * 1024];
        let mut columns: Option<Columns> = None;
        let mut rows = Vec::new();
        let mut rejected = Vec::new();
        let mut rest = Rest::Growing;
        // How much the last read brought; while the header is looked for, the file's beginning.
        let mut first = 0;
        while rest == Rest::Growing {
            match source
                .read(&mut piece)
                .with_context(|| format!("{} cannot be read", self.file.display()))?
            {
                0 => rest = Rest::Ended,
                count => {
                    first = count;
                    splitter.feed(&piece[..count]);
                }
            }
            while let Some(row) = splitter.next(rest) {
                let Some(columns) = &columns else {
                    let header = row.map_err(|rejected| rejected.refusal);
                    let beginning = &piece[..first];
                    match header.and_then(|(_, row)| Columns::read(&row, splitter.separator(), beginning)) {
                        Ok(read) => {
                            let file = self.file.display();
                            read.notes().iter().for_each(|note| complain(&format!("{file}: {note}")));
                            columns = Some(read);
                        }
                        Err(refusal) => bail!("{}: {}", self.file.display(), refusal.reason),
                    }
                    continue;
                };
                match row.and_then(|(place, bytes)| columns.parse(place, &bytes, times)) {
                    Ok(row) => rows.push(row),
                    Err(row) => rejected.push(row),
                }
                if rows.len() + rejected.len() >= ROWS {
                    self.take(&mut rows, &mut rejected).await?;
                    progress.at(splitter.place().offset);
                }
            }
        }
        if columns.is_none() {
            bail!(
                "{} is empty: its first row must name the columns, such as timestamp,message",
                self.file.display()
            );
        }
        self.take(&mut rows, &mut rejected).await?;
        progress.at(splitter.place().offset);
        Ok(())
    }

    async fn take(&mut self, rows: &mut Vec<Row>, rejected: &mut Vec<Rejected>) -> anyhow::Result<()> {
        for row in &*rejected {
            self.totals.rejected += 1;
            if self.totals.rejected <= SHOWN {
                complain(&format!("line {}: {} ({})", row.place.line, row.refusal.reason, row.refusal.code));
            }
        }
        rejects::append(&self.rejects, &self.file, rejected)
            .with_context(|| format!("{} cannot be written", self.rejects.display()))?;
        rejected.clear();
        self.totals.guessed += rows.iter().filter(|row| row.guessed).count() as u64;
        let messages: Vec<NewMessage> = rows.drain(..).map(|row| self.message(row)).collect();
        for inserted in self.store.insert_messages(&messages).await? {
            *(if inserted.repeated { &mut self.totals.known } else { &mut self.totals.new }) += 1;
        }
        Ok(())
    }

    fn message(&mut self, row: Row) -> NewMessage {
        let external_id = row.external_id.clone().unwrap_or_else(|| {
            let fingerprint = row.fingerprint();
            let count = self.seen.entry(fingerprint.clone()).or_insert(0);
            *count += 1;
            format!("{fingerprint}:{count}")
        });
        NewMessage {
            source: "csv".to_owned(),
            external_id: Some(external_id),
            customer: row.customer,
            text: row.text,
            received_at: row.timestamp,
        }
    }
}
