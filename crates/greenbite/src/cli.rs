//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use contracts::Code;
use contracts::topology::{OPERATOR, PROVISION};
use runtime::StartError;

use crate::config::Config;
use crate::site::Site;
use crate::{
    calibrate, customers, dataset, dlq, doctor, eval, export, import, journey, knowledge, ledger, menus,
    models, orders, provision, replies, report, simulate, webhooks,
};

/// GreenBite's operator's command.
#[derive(Debug, Parser)]
#[command(
    name = "greenbite",
    version,
    after_help = "Exit codes: 0 done, 1 failed or something needs a person, 64 usage or settings, 65 some of the input was not taken, 69 a server is away."
)]
struct Cli {
    /// Settings file [default: greenbite.toml, where there is one]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Creates or updates tables, roles, streams and durables, and compares what came back
    Provision(provision::Args),
    /// The menu: from CSV into the database and the cache, or onto the screen
    #[command(subcommand)]
    Menu(menus::Command),
    /// The model that reads names: into the cache before the stations start
    #[command(subcommand)]
    Model(models::Command),
    /// The synthetic data set
    Dataset(dataset::Args),
    /// Takes messages in from a file
    #[command(subcommand)]
    Import(import::Command),
    /// Replays a data set as live traffic; goes on where it stopped
    Simulate(simulate::Args),
    /// What the line would make of messages and, with labels, how right that is
    Eval(eval::Args),
    /// What a model makes of the labelled phrases, and the bounds that follow
    Calibrate(calibrate::Args),
    /// What is where, and what needs a person
    Doctor(doctor::Args),
    /// Dead letters: messages that the line could not handle
    #[command(subcommand)]
    Dlq(dlq::Command),
    /// What the house knows: answers from CSV into the database, what is missing, and how right they are
    #[command(subcommand)]
    Knowledge(knowledge::Command),
    /// Files for a spreadsheet
    #[command(subcommand)]
    Export(export::Command),
    /// Orders in the kitchen: what is open, and the steps from start to collected
    #[command(subcommand)]
    Order(orders::Command),
    /// What customers were not told: what failed, and sending it once more
    #[command(subcommand)]
    Reply(replies::Command),
    /// A day in figures: orders and money by hour, item and door, how they were decided, how long they took
    Report(report::Args),
    /// What is known of one customer, and forgetting it
    #[command(subcommand)]
    Customer(customers::Command),
    /// Every step of one message's way, with verdicts and reasons
    Journey(journey::Args),
    /// Whether every message is in one place, was told of once, and the money adds up: green or red
    Ledger(ledger::Args),
    /// Posts a few words to every Discord webhook that is set, and tells what Discord said
    Webhooks,
    /// Lists every setting with its environment variable
    Settings,
}

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Done.
    Done,
    /// Something needs a person.
    NeedsPerson,
    /// Some of the input was not taken.
    SomeRejected,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        match end {
            End::Done => ExitCode::SUCCESS,
            End::NeedsPerson => ExitCode::FAILURE,
            End::SomeRejected => ExitCode::from(65),
        }
    }
}

/// The whole of `main`.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no async runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(end) => end.into(),
        Err(error) => {
            complain(&format!("{error:#}"));
            exit_code(&error)
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<End> {
    let site = || Site::load(cli.config.as_deref(), OPERATOR);
    match cli.command {
        Command::Provision(args) => {
            provision::run(&Site::load(cli.config.as_deref(), PROVISION)?, args).await
        }
        Command::Menu(command) => menus::run(&site()?, command).await,
        Command::Model(command) => models::run(cli.config.as_deref(), command).await,
        Command::Dataset(args) => dataset::run(args).map(|()| End::Done),
        Command::Import(command) => import::run(&site()?, command).await,
        Command::Simulate(args) => simulate::run(&site()?, args).await,
        Command::Eval(args) => eval::run(&args).await.map(|_| End::Done),
        Command::Calibrate(args) => calibrate::run(&args).await.map(|()| End::Done),
        Command::Doctor(args) => doctor::run(&site()?, args).await,
        Command::Dlq(command) => dlq::run(&site()?, command).await,
        Command::Knowledge(command) => knowledge::run(&site()?, command).await,
        Command::Export(command) => export::run(&site()?, command).await,
        Command::Order(command) => orders::run(&site()?, command).await,
        Command::Reply(command) => replies::run(&site()?, command).await,
        Command::Report(args) => report::run(&site()?, args).await,
        Command::Customer(command) => customers::run(&site()?, command).await,
        Command::Journey(args) => journey::run(&site()?, args).await,
        Command::Ledger(args) => ledger::run(&site()?, args).await,
        Command::Webhooks => webhooks::run(cli.config.as_deref()).await,
        Command::Settings => {
            say(&runtime::settings_help::<Config>(contracts::Service::Greenbite));
            Ok(End::Done)
        }
    }
}

/// 64 for settings, 69 for a server that is away, 1 for the rest.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    let code = error.chain().find_map(|cause| {
        let start = cause.downcast_ref::<StartError>().map(|error| error.code);
        let store = cause.downcast_ref::<store::Error>().map(contracts::Failure::code);
        let bus = cause.downcast_ref::<runtime::BusError>().map(contracts::Failure::code);
        start.or(store).or(bus)
    });
    match code {
        Some(Code::Settings) => ExitCode::from(64),
        Some(Code::BusOutage | Code::DatabaseOutage | Code::ModelOutage) => ExitCode::from(69),
        _ => ExitCode::FAILURE,
    }
}

/// A line on standard output. A reader that has gone away is no error of ours.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line on standard error.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "greenbite: {text}");
}

/// An answer for a program.
pub fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// A table for people: plain lines between the columns, none around.
pub fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header);
    // Into a file or a pipe a row stays one line; a terminal has only so much room.
    let terminal = console::Term::stdout();
    if terminal.is_term() {
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(terminal.size().1);
    }
    table
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_no_contradiction() {
        Cli::command().debug_assert();
    }
}
