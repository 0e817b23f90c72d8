//! `greenbite simulate`

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono_tz::Tz;
use ingest::rows::{Columns, Rest, Row, Splitter, hex};
use ingest::times::Times;
use sha2::{Digest, Sha256};
use store::Store;
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
    let whole = |span: Span| {
        span.from.fract() == 0.0 && span.to.fract() == 0.0 && span.from >= 1.0 && span.to <= 1_000.0
    };
    if !whole(args.batch) {
        bail!(runtime::StartError::settings("--batch wants two whole numbers from 1 to 1000, such as 1-8"));
    }
    if !(args.speed.is_finite() && args.speed > 0.0) {
        bail!(runtime::StartError::settings("--speed wants a number above 0"));
    }
    let data = DataSet::read(&args.file)?;
    data.left_out.iter().for_each(|line| complain(line));
    let store = site.store().await?;
    let plan = Plan {
        sizes: args.batch.from as usize..=args.batch.to as usize,
        pause: args.pause,
        speed: args.speed,
        seed: args.seed,
        count: args.count,
        restart: args.restart,
    };
    let mut progress: Option<Progress> = None;
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    let replayed = replay(&store, &data, &plan, stop, |now| {
        let length = data.rows.len() as u64;
        if now.together == 0 && !now.at.is_multiple_of(length) {
            complain(&format!(
                "going on behind message {} of {length}; --restart begins anew",
                now.at % length
            ));
        }
        let progress = progress.get_or_insert_with(|| Progress::new(now.count, "messages"));
        progress.at_with(now.sent, &format!("({} together)", now.together));
    })
    .await?;
    if let Some(progress) = progress {
        progress.finish();
    }
    let length = data.rows.len() as u64;
    let place = match replayed.at % length {
        0 => format!("the end of {}", args.file.display()),
        n => format!("message {n} of {length}; the next run goes on there"),
    };
    say(&format!("{} messages sent, up to {place}", replayed.sent));
    Ok(End::Done)
}

/// How a data set is to be replayed.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Messages that come together.
    pub sizes: RangeInclusive<usize>,
    /// Seconds between two batches.
    pub pause: Span,
    /// So many times as fast.
    pub speed: f64,
    /// The same seed, the same batches and pauses.
    pub seed: u64,
    /// Stop after so many messages; none stops at the end of the data set.
    pub count: Option<u64>,
    /// Begin with the first message again, as new messages.
    pub restart: bool,
}

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Messages sent.
    pub sent: u64,
    /// Messages to be sent in all.
    pub count: u64,
    /// Messages of the last batch; 0 before the first.
    pub together: u64,
    /// Messages of the data set that were ever sent, pass after pass.
    pub at: u64,
}

/// Replays a data set until it is done or `stop` resolves; `progress` hears of the start and of each batch.
pub async fn replay(
    store: &Store,
    data: &DataSet,
    plan: &Plan,
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(Replay),
) -> anyhow::Result<Replay> {
    let DataSet { name, rows, .. } = data;
    let length = rows.len() as u64;
    // Positions count on from pass to pass through the data set, so that each message of each pass has
    // an id of its own; a pass begins at a multiple of the length.
    let mut at = store.simulation_position(name).await?;
    if plan.restart {
        at = at.next_multiple_of(length);
    }
    let end = match plan.count {
        Some(count) => at + count,
        None => (at + 1).next_multiple_of(length),
    };
    let schedule = || Schedule::new(plan.seed, plan.sizes.clone(), plan.pause);
    let mut now = Replay { sent: 0, count: end - at, together: 0, at };
    progress(now);
    let mut steps = schedule().resumed_at(at % length);
    tokio::pin!(stop);
    while now.at < end {
        let Some(step) = steps.next() else { break };
        let pass_end = (now.at + 1).next_multiple_of(length);
        let next = (now.at + step.size as u64).min(end).min(pass_end);
        let batch: Vec<NewMessage> =
            (now.at..next).map(|n| message(name, n, &rows[(n % length) as usize])).collect();
        store.insert_simulated(name, next, &batch).await?;
        let together = next - now.at;
        now = Replay { sent: now.sent + together, together, at: next, ..now };
        progress(now);
        if next == pass_end {
            steps = schedule();
        }
        if next < end {
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(step.pause.div_f64(plan.speed)) => {}
            }
        }
    }
    Ok(now)
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

/// Messages to be replayed.
#[derive(Debug)]
pub struct DataSet {
    /// Its own name: another content is another data set.
    pub name: String,
    /// What cannot be read of it, a line each.
    pub left_out: Vec<String>,
    rows: Vec<Row>,
}

impl DataSet {
    /// Reads a file of `timestamp,message`.
    pub fn read(path: &Path) -> anyhow::Result<DataSet> {
        let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = format!("{stem}-{}", hex(&Sha256::digest(&bytes)[..6]));
        let mut splitter = Splitter::new();
        splitter.feed(&bytes);
        let header = match splitter.next(Rest::Ended) {
            Some(Ok((_, header))) => header,
            _ => Vec::new(),
        };
        let columns = Columns::read(&header, splitter.separator(), &bytes)
            .map_err(|refusal| anyhow::anyhow!("{}: {}", path.display(), refusal.reason))?;
        let (mut rows, mut left_out) = (Vec::new(), Vec::new());
        while let Some(row) = splitter.next(Rest::Ended) {
            match row.and_then(|(place, bytes)| columns.parse(place, &bytes, Times::of(Tz::UTC))) {
                Ok(row) => rows.push(row),
                Err(row) => left_out.push(format!(
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
        Ok(DataSet { name, left_out, rows })
    }
}
