//! `cargo xtask chaos`: the whole line under faults drawn from a seed, and the ledger afterwards.

use std::time::Duration;

use anyhow::bail;
use testkit::chaos::{self, Plan};

use crate::{cargo, install};

/// Breaks the line on purpose and checks that nothing was lost and nothing done twice.
#[derive(clap::Args)]
pub struct Arguments {
    /// The schedule is drawn from it; the first of several with --runs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long faults happen in each run.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// How many runs, each with the next seed.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// Replicas of each station.
    #[arg(long, default_value_t = 3)]
    replicas: usize,
    /// Messages a second, on average.
    #[arg(long, default_value_t = 12.0)]
    rate: f64,
}

/// Runs the plan, prints schedule, figures and offences; fails where there are any.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    install::ensure(&[install::NATS, install::MEMCACHED, install::POSTGRESQL])?;
    cargo::run(cargo::command().args(["build", "--workspace", "--bins"]))?;
    let mut offences = 0;
    let mut table =
        String::from("seed  faults  messages  generations  notifications  repeats  settled  offences\n");
    for seed in arguments.seed..arguments.seed + arguments.runs {
        println!("chaos with seed {seed}, {} minutes of faults:", arguments.minutes);
        let mut plan = Plan::new(seed, Duration::from_secs_f64(arguments.minutes * 60.0));
        (plan.replicas, plan.rate) = (arguments.replicas, arguments.rate);
        let report = chaos::run(&plan).await?;
        println!("{report}\n");
        offences += report.offences.len();
        table.push_str(&format!(
            "{seed:>4}  {:>6}  {:>8}  {:>11}  {:>13}  {:>7}  {:>5.1} s  {:>8}\n",
            report.schedule.len(),
            report.messages,
            report.generations,
            report.shown,
            report.repeats,
            report.settled_in.as_secs_f64(),
            report.offences.len(),
        ));
    }
    println!("{table}");
    if offences > 0 {
        bail!("{offences} offences: see the journeys above");
    }
    Ok(())
}
