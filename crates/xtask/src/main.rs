//! `cargo xtask`: the commands of the README.

mod bench;
mod cargo;
mod chaos;
mod compose_test;
mod demo;
mod deny;
mod generate;
mod image_context;
mod install;
mod minilm;
mod sqlx_prepare;
mod test;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks for those who work on GreenBite and those who try it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Demo(demo::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Chaos(chaos::Arguments),
    ComposeTest(compose_test::Arguments),
    ImageContext(image_context::Arguments),
    Install(install::Arguments),
    Deny(deny::Arguments),
    Generate(generate::Arguments),
    SqlxPrepare(sqlx_prepare::Arguments),
    Train(train::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Demo(arguments) => demo::run(arguments).await,
        Task::Test(arguments) => test::run(&arguments),
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Chaos(arguments) => chaos::run(&arguments).await,
        Task::ComposeTest(arguments) => compose_test::run(&arguments).await,
        Task::ImageContext(arguments) => image_context::run(&arguments),
        Task::Install(arguments) => install::run(&arguments),
        Task::Deny(arguments) => deny::run(&arguments),
        Task::Generate(arguments) => generate::run(&arguments),
        Task::SqlxPrepare(arguments) => sqlx_prepare::run(&arguments).await,
        Task::Train(arguments) => train::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
