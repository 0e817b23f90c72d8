//! `cargo xtask demo`: the whole line on this machine, and what became of a data set of messages.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use comfy_table::{CellAlignment, Table, presets};
use testkit::line::Options;
use testkit::readme::{self, Shown};
use testkit::{Durability, Line, repository};
use tokio::signal::unix::{SignalKind, signal};

use crate::{cargo, install, minilm};

/// Runs the whole line on this machine with private servers, and replays the data set through it.
///
/// Data lives in .local/demo. Every run begins anew, with an empty database and the whole data set; with
/// --continue it goes on where the last one stopped.
#[derive(clap::Args)]
pub struct Arguments {
    /// Leave the line running until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Keep the last run's data, and replay what it has left.
    #[arg(long = "continue")]
    go_on: bool,
    /// How many times faster than life messages come in.
    #[arg(long, default_value_t = 20.0)]
    speed: f64,
    /// Stop after so many messages.
    #[arg(long)]
    count: Option<u64>,
    /// Replicas of each station.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=10))]
    replicas: u64,
    /// Build with all optimisations; takes some minutes, once.
    #[arg(long)]
    release: bool,
}

/// Where its data is, and how a terminal reaches it.
const FOLDER: &str = ".local/demo";

/// The model that reads names; minilm stands in where the hub is out of reach.
const MODEL: &str = "Alibaba-NLP/gte-modernbert-base";

/// How long the last messages may take to reach the kitchen.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

/// How well the line understands the data set, from the repository's root.
const EVAL: [&str; 9] = [
    "eval",
    "--menu",
    "data/menu.csv",
    "--options",
    "data/options.csv",
    "--messages",
    "data/messages.csv",
    "--labels",
    "data/labels.jsonl",
];

/// Installs, builds, runs.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    install::ensure(&[install::NATS, install::MEMCACHED, install::POSTGRESQL])?;
    if let Err(error) = minilm::ensure() {
        println!("Without a model, should the hub be out of reach too, words alone match names: {error:#}");
    }
    println!("Building the stations; the first time that takes some more minutes");
    let mut build = cargo::command();
    build.args(["build", "--workspace", "--bins"]);
    if arguments.release {
        build.arg("--release");
    }
    cargo::run(&mut build)?;

    let home = repository().join(FOLDER);
    let _lock = make_room(&home, arguments.go_on)?;

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told_to_stop = async move {
        tokio::select! { _ = interrupt.recv() => (), _ = terminate.recv() => () }
    };
    tokio::pin!(told_to_stop);

    println!("Starting the servers and the stations, with their data in .local/demo");
    let minilm = repository().join(minilm::FOLDER).display().to_string();
    let options = Options {
        replicas: usize::try_from(arguments.replicas)?,
        home: Some(home),
        standard_ports: true,
        durability: Durability::Default,
        dashboard: true,
        binaries: Some(binaries(arguments.release)?),
        environment: vec![
            ("GREENBITE_MENU_VALIDATOR__MODEL".to_owned(), MODEL.to_owned()),
            ("GREENBITE_MENU_VALIDATOR__FALLBACK".to_owned(), minilm.clone()),
            ("GREENBITE_ANSWERER__MODEL".to_owned(), minilm),
        ],
    };
    let line = tokio::select! {
        line = Line::with(options) => line?,
        () = &mut told_to_stop => bail!("stopped"),
    };
    let outcome = tokio::select! {
        outcome = play(&line, &arguments) => outcome,
        () = &mut told_to_stop => Err(anyhow::anyhow!("stopped")),
    };
    if outcome.is_ok() && arguments.keep {
        println!("\nThe line runs until Ctrl-C.");
        told_to_stop.await;
        println!();
    }
    println!("Stopping what was started");
    line.stop_stations().await;
    line.nats.stop().await;
    line.memcached.stop();
    line.pool().close().await;
    line.postgres.stop().await;
    outcome
}

/// Replays the data set and tells what became of it.
async fn play(line: &Line, arguments: &Arguments) -> anyhow::Result<()> {
    let started = now(line).await?;
    print_servers(line);
    line.write_access(&repository().join(FOLDER))?;
    println!("\nReplaying data/messages.csv at {} times the speed of life", arguments.speed);
    let data = repository().join("data/messages.csv").display().to_string();
    let speed = arguments.speed.to_string();
    let count = arguments.count.map(|count| count.to_string());
    let mut words = vec!["simulate", &data, "--speed", &speed];
    if let Some(count) = &count {
        words.extend(["--count", count]);
    }
    run_greenbite(line, &words).await?;
    line.wait_until_settled(SETTLE_WITHIN).await?;
    println!();
    print_outcomes(line, &started).await?;
    println!("\nHow well the messages were understood, against data/labels.jsonl:\n");
    run_greenbite(line, &EVAL).await?;
    println!("\nThe same again: {} {}", shown(&line.greenbite_command(&[])), EVAL.join(" "));
    print_what_next(line, arguments.keep)
}

/// Locks the demo's directory and, unless the last run is to be continued, empties it.
fn make_room(home: &Path, go_on: bool) -> anyhow::Result<File> {
    let local = home.parent().context("the demo's directory has no parent")?;
    fs::create_dir_all(local)?;
    let lock = File::create(local.join("demo.lock"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!("a demo is running already; Ctrl-C in its terminal ends it"),
        Err(TryLockError::Error(error)) => return Err(error).context("cannot lock .local/demo.lock"),
    }
    if !go_on {
        // PostgreSQL's may be elsewhere: see reachable_at.
        let postgres = testkit::Home::reachable_at(&home.join("postgres"))?;
        for directory in [postgres.path(), home] {
            fs::remove_dir_all(directory).with_context(|| format!("cannot empty {}", directory.display()))?;
        }
    }
    Ok(lock)
}

/// Where cargo has put the binaries: beside this program, or in its neighbour.
fn binaries(release: bool) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("this program is not in a target directory")?;
    Ok(target.join(if release { "release" } else { "debug" }))
}

/// Runs the operator's command with its output shown.
async fn run_greenbite(line: &Line, words: &[&str]) -> anyhow::Result<()> {
    let mut command = line.greenbite_command(words);
    command.current_dir(repository());
    let mut child = tokio::process::Command::from(command).stdin(Stdio::null()).kill_on_drop(true).spawn()?;
    let status = child.wait().await?;
    if !status.success() {
        bail!("`greenbite {}` failed ({status})", words.join(" "));
    }
    Ok(())
}

/// The command as one would type it in the repository's root.
fn shown(command: &std::process::Command) -> String {
    let program = Path::new(command.get_program());
    program.strip_prefix(repository()).unwrap_or(program).display().to_string()
}

async fn now(line: &Line) -> anyhow::Result<String> {
    Ok(sqlx::query_scalar("SELECT now()::text").fetch_one(line.pool()).await?)
}

fn print_servers(line: &Line) {
    println!("  nats-server  {}", line.nats.url());
    println!("  PostgreSQL   127.0.0.1:{}", line.postgres.port());
    println!("  memcached    {}", line.memcached.address());
    println!("  Discord      a stand-in at http://{}", line.discord.address());
    if let Some((address, _)) = line.door(0) {
        println!("  POST         {address}");
    }
    if let Some((address, _)) = line.page_address() {
        println!("  web page     {address}");
    }
}

/// Messages by outcome, orders with their money, notifications, latency.
async fn print_outcomes(line: &Line, since: &str) -> anyhow::Result<()> {
    let rows: Vec<(String, i64, Option<i64>, i64, i64)> = sqlx::query_as(
        "SELECT m.outcome, count(*), sum(o.total_cents)::bigint, \
                count(*) FILTER (WHERE n.state = 'sent'), count(*) FILTER (WHERE n.possible_repeat) \
         FROM messages m \
         LEFT JOIN orders o ON o.message_id = m.id \
         LEFT JOIN notifications n ON n.message_id = m.id AND n.category = m.outcome \
         WHERE m.received_at >= $1::timestamptz \
         GROUP BY 1 ORDER BY array_position(ARRAY['order', 'review', 'enquiry', 'misc'], m.outcome)",
    )
    .bind(since)
    .fetch_all(line.pool())
    .await?;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header([
        "outcome",
        "messages",
        "money",
        "told on Discord",
    ]);
    let (mut messages, mut money, mut told) = (0, 0, 0);
    for (outcome, count, cents, sent, repeats) in rows {
        let told_of = match repeats {
            0 => sent.to_string(),
            repeats => format!("{sent} ({repeats} perhaps twice)"),
        };
        table.add_row([outcome, count.to_string(), cents.map(dollars).unwrap_or_default(), told_of]);
        (messages, money, told) = (messages + count, money + cents.unwrap_or(0), told + sent);
    }
    table.add_row(["all".to_owned(), messages.to_string(), dollars(money), told.to_string()]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");

    let (proposed, enquiries): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE p.state = 'proposed'), count(*) \
         FROM messages m LEFT JOIN proposals p ON p.message_id = m.id \
         WHERE m.outcome = 'enquiry' AND m.received_at >= $1::timestamptz",
    )
    .bind(since)
    .fetch_one(line.pool())
    .await?;
    println!("\nAn answer is proposed for {proposed} of {enquiries} enquiries");

    let latency: (Option<f64>, Option<f64>, Option<f64>) = sqlx::query_as(
        "WITH times AS (SELECT 1000 * extract(epoch FROM n.sent_at - m.received_at)::float8 AS ms \
             FROM messages m JOIN notifications n ON n.message_id = m.id AND n.state = 'sent' \
             WHERE m.received_at >= $1::timestamptz) \
         SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), \
                percentile_cont(0.95) WITHIN GROUP (ORDER BY ms), \
                percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) FROM times",
    )
    .bind(since)
    .fetch_one(line.pool())
    .await?;
    if let (Some(p50), Some(p95), Some(p99)) = latency {
        println!(
            "\nFrom the customer's message to the kitchen's screen: p50 {p50:.0} ms, p95 {p95:.0} ms, p99 {p99:.0} ms"
        );
    }
    Ok(())
}

fn dollars(cents: i64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// The README's own lines, so that whoever reads the one can use the other.
fn print_what_next(line: &Line, keep: bool) -> anyhow::Result<()> {
    let readme = fs::read_to_string(repository().join("README.md")).context("cannot read README.md")?;
    println!(
        "\nTry next{}:\n",
        if keep { "" } else { ", while `cargo xtask demo --keep` runs (it makes its own passwords)" }
    );
    if let Some((address, token)) = line.page_address() {
        println!("  {address}/#token={token}");
    }
    for Shown { command, purpose } in readme::commands(&readme, "Watch it")? {
        println!("  {command:<70} # {purpose}");
    }
    if let Some((address, key)) = line.door(0) {
        println!(
            "  a message of yours   curl -H 'X-Api-Key: {key}' --json '{{\"text\":\"Two chicken burgers, no onions\"}}' {address}"
        );
    }
    Ok(())
}
