//! `greenbite simulate`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono_tz::Tz;
use ingest::rows::{Columns, Rest, Row, Splitter, hex};
use sha2::{Digest, Sha256};
use store::messages::NewMessage;

use crate::cli::{End, complain, say};
use crate::progress::Progress;
use crate::schedule::{Schedule, Span};
use crate::site::Site;

/// `greenbite simulate`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Rows of timestamp,message
    #[arg(default_value = "data/messages.csv")]
    file: PathBuf,
    /// Messages that come together, from-to
    #[arg(long, default_value = "1-8", value_name = "FROM-TO")]
    batch: Span,
    /// Seconds between two batches, from-to
    #[arg(long, default_value = "0.2-3", value_name = "FROM-TO")]
    pause: Span,
    /// The same seed, the same batches and pauses
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many times as fast
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Stop after so many messages; past the end it goes on with the first [default: to the end of the file]
    #[arg(long)]
    count: Option<u64>,
    /// Begin with the first message again, as new messages
    #[arg(long)]
    restart: bool,
}

/// Replays a data set.
pub async fn run(site: &Site, args: Args) -> anyhow::Result<End> {
    let whole = |span: Span| span.from.fract() == 0.0 && span.to.fract() == 0.0 && span.from >= 1.0 && span.to <= 1_000.0;
    if !whole(args.batch) {
        bail!(runtime::StartError::settings("--batch wants two whole numbers from 1 to 1000, such as 1-8"));
    }
    if !(args.speed.is_finite() && args.speed > 0.0) {
        bail!(runtime::StartError::settings("--speed wants a number above 0"));
    }
    let (name, rows) = read(&args.file)?;
    let length = rows.len() as u64;
    let store = site.store().await?;

    // Positions count on from pass to pass through the data set, so that each message of each pass has
    // an id of its own; a pass begins at a multiple of the length.
    let mut at = store.simulation_position(&name).await?;
    if args.restart {
        at = at.next_multiple_of(length);
    }
    let end = match args.count {
        Some(count) => at + count,
        None => (at + 1).next_multiple_of(length),
    };
    let sizes = args.batch.from as usize..=args.batch.to as usize;
    let schedule = || Schedule::new(args.seed, sizes.clone(), args.pause);
    if !at.is_multiple_of(length) {
        complain(&format!("going on behind message {} of {length}; --restart begins anew", at % length));
    }
    let began = at;
    let progress = Progress::new(end - began, "messages");
    let mut steps = schedule().resumed_at(at % length);
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    while at < end {
        let Some(step) = steps.next() else { break };
        let pass_end = (at + 1).next_multiple_of(length);
        let next = (at + step.size as u64).min(end).min(pass_end);
        let batch: Vec<NewMessage> = (at..next).map(|n| message(&name, n, &rows[(n % length) as usize])).collect();
        store.insert_simulated(&name, next, &batch).await?;
        at = next;
        progress.at_with(at - began, &format!("({} together)", batch.len()));
        if at == pass_end {
            steps = schedule();
        }
        if at < end {
            tokio::select! {
                _ = &mut stop => break,
                () = tokio::time::sleep(step.pause.div_f64(args.speed)) => {}
            }
        }
    }
    progress.finish();
    let place = match at % length {
        0 => format!("the end of {}", args.file.display()),
        n => format!("message {n} of {length}; the next run goes on there"),
    };
    say(&format!("{} messages sent, up to {place}", at - began));
    Ok(End::Done)
}

fn message(name: &str, n: u64, row: &Row) -> NewMessage {
    NewMessage {
        source: "simulation".to_owned(),
        external_id: Some(format!("{name}:{n}")),
        customer: row.customer.clone(),
        text: row.text.clone(),
        // Live traffic: it comes in now, whenever it was written.
        received_at: None,
    }
}

/// The rows of a data set, and a name that is the data set's own: another content is another data set.
fn read(path: &Path) -> anyhow::Result<(String, Vec<Row>)> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = format!("{stem}-{}", hex(&Sha256::digest(&bytes)[..6]));
    let mut splitter = Splitter::new();
    splitter.feed(&bytes);
    let header = match splitter.next(Rest::Ended) {
        Some(Ok((_, header))) => header,
        _ => Vec::new(),
    };
    let columns =
        Columns::read(&header).map_err(|refusal| anyhow::anyhow!("{}: {}", path.display(), refusal.reason))?;
    let mut rows = Vec::new();
    while let Some(row) = splitter.next(Rest::Ended) {
        match row.and_then(|(place, bytes)| columns.parse(place, &bytes, Tz::UTC)) {
            Ok(row) => rows.push(row),
            Err(row) => complain(&format!(
                "{} line {} is left out: {} ({})",
                path.display(),
                row.place.line,
                row.refusal.reason,
                row.refusal.code
            )),
        }
    }
    if rows.is_empty() {
        bail!("{} holds no message", path.display());
    }
    Ok((name, rows))
}
