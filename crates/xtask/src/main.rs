//! `cargo xtask`: the commands of the README.

mod generate;

use clap::{Parser, Subcommand};

/// Tasks for those who work on GreenBite and those who try it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Generate(generate::Arguments),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Generate(arguments) => generate::run(&arguments),
    }
}
