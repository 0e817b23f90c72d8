//! The simulation as the page runs it: one at a time, by the engine of `greenbite simulate`.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Utc;
use greenbite::schedule::Span;
use greenbite::simulate::{self, DataSet, Replay};
use serde::{Deserialize, Serialize};
use store::Store;
use tokio_util::sync::CancellationToken;

/// Lines of the log that are kept.
const LOG: usize = 200;
/// Limits of what the page may ask for.
const MOST_TOGETHER: u32 = 1_000;
const MOST_MESSAGES: u64 = 1_000_000;
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What the page asks for.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Plan {
    min_batch: u32,
    max_batch: u32,
    min_pause_ms: u64,
    max_pause_ms: u64,
    speed: f64,
    count: u64,
    seed: u64,
}

impl Plan {
    fn check(self) -> Result<simulate::Plan, String> {
        let Plan { min_batch, max_batch, min_pause_ms, max_pause_ms, speed, count, seed } = self;
        if !(1..=max_batch).contains(&min_batch) || max_batch > MOST_TOGETHER {
            return Err(format!("Batches grow from 1 to {MOST_TOGETHER} at most, the smallest first."));
        }
        if min_pause_ms > max_pause_ms || u128::from(max_pause_ms) > LONGEST_PAUSE.as_millis() {
            return Err("The shortest pause comes first, and an hour is the longest.".to_owned());
        }
        if !(speed.is_finite() && (0.01..=10_000.0).contains(&speed)) {
            return Err("The speed is a number from 0.01 to 10000.".to_owned());
        }
        if !(1..=MOST_MESSAGES).contains(&count) {
            return Err(format!("Send 1 to {MOST_MESSAGES} messages."));
        }
        let seconds = |ms| Duration::from_millis(ms).as_secs_f64();
        Ok(simulate::Plan {
            sizes: min_batch as usize..=max_batch as usize,
            pause: Span { from: seconds(min_pause_ms), to: seconds(max_pause_ms) },
            speed,
            seed,
            count: Some(count),
            restart: false,
        })
    }
}

/// How the simulation is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Simulated {
    running: bool,
    /// Messages sent.
    sent: u64,
    /// Messages to be sent in all; 0 before the first run.
    count: u64,
    /// Why the last run ended too early.
    error: Option<String>,
    /// What it did, oldest first.
    log: VecDeque<String>,
}

impl Simulated {
    fn say(&mut self, what: &str) {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back(format!("{} {what}", Utc::now().format("%H:%M:%S")));
    }
}

/// One simulation at a time.
pub struct Simulation {
    dataset: PathBuf,
    now: Arc<Mutex<Simulated>>,
    stop: Mutex<CancellationToken>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in here is whole after each statement: a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulation {
    /// Of this data set.
    pub fn new(dataset: &str) -> Self {
        Simulation { dataset: dataset.into(), now: Arc::default(), stop: Mutex::default() }
    }

    /// Starts a run, unless one is going on.
    pub fn start(&self, store: &Store, plan: Plan) -> Result<(), String> {
        let plan = plan.check()?;
        {
            let mut now = lock(&self.now);
            if now.running {
                return Err("A simulation is running already: stop it first.".to_owned());
            }
            let log = std::mem::take(&mut now.log);
            *now = Simulated { running: true, count: plan.count.unwrap_or(0), log, ..Simulated::default() };
        }
        let stop = CancellationToken::new();
        *lock(&self.stop) = stop.clone();
        let (now, store, dataset) = (self.now.clone(), store.clone(), self.dataset.clone());
        tokio::spawn(async move {
            // Whatever happens in there, the next run can be started.
            let run = tokio::spawn(run(now.clone(), store, dataset, plan, stop));
            let ended = run.await.unwrap_or_else(|error| Err(anyhow::anyhow!("it failed: {error}")));
            let mut now = lock(&now);
            now.running = false;
            match ended {
                Ok(Replay { sent, count, .. }) if sent < count => {
                    now.say(&format!("stopped after {sent} of {count}"))
                }
                Ok(Replay { sent, .. }) => now.say(&format!("done: {sent} sent")),
                Err(error) => {
                    tracing::warn!("the simulation ended: {error:#}");
                    let error = format!("{error:#}");
                    now.say(&error);
                    now.error = Some(error);
                }
            }
        });
        Ok(())
    }

    /// Stops the run, if one is going on.
    pub fn stop(&self) {
        lock(&self.stop).cancel();
    }

    /// How it is now.
    pub fn now(&self) -> Simulated {
        lock(&self.now).clone()
    }
}

async fn run(
    now: Arc<Mutex<Simulated>>,
    store: Store,
    dataset: PathBuf,
    plan: simulate::Plan,
    stop: CancellationToken,
) -> anyhow::Result<Replay> {
    let data = tokio::task::spawn_blocking(move || DataSet::read(&dataset)).await??;
    {
        let mut now = lock(&now);
        data.left_out.iter().for_each(|line| now.say(line));
    }
    simulate::replay(&store, &data, &plan, stop.cancelled_owned(), |replay| {
        let mut now = lock(&now);
        (now.sent, now.count) = (replay.sent, replay.count);
        match replay.together {
            0 => now.say(&format!("{}: {} messages to send", data.name, replay.count)),
            together => now.say(&format!("{together} together, {} of {}", replay.sent, replay.count)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        min_batch: 1,
        max_batch: 8,
        min_pause_ms: 200,
        max_pause_ms: 2_000,
        speed: 1.0,
        count: 100,
        seed: 7,
    };

    #[test]
    fn a_plan_that_contradicts_itself_is_refused_in_words() {
        assert!(PLAN.check().is_ok());
        for bad in [
            Plan { min_batch: 0, ..PLAN },
            Plan { min_batch: 9, ..PLAN },
            Plan { max_batch: 1_001, ..PLAN },
            Plan { min_pause_ms: 2_001, ..PLAN },
            Plan { max_pause_ms: 3_600_001, ..PLAN },
            Plan { speed: 0.0, ..PLAN },
            Plan { speed: f64::NAN, ..PLAN },
            Plan { count: 0, ..PLAN },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn one_that_cannot_run_says_why_and_can_be_started_again() {
        let store = Store::connect("postgres://nobody@127.0.0.1:1/none", 1).await.unwrap();
        let simulation = Simulation::new("/no/such/file.csv");
        for _ in 0..2 {
            simulation.start(&store, PLAN).unwrap();
            assert!(simulation.start(&store, PLAN).is_err(), "two at once");
            while simulation.now().running {
                tokio::task::yield_now().await;
            }
            assert!(simulation.now().error.unwrap().contains("cannot be read"));
        }
    }

    #[test]
    fn the_log_is_bounded() {
        let mut now = Simulated::default();
        (0..500).for_each(|n| now.say(&n.to_string()));
        assert_eq!(now.log.len(), LOG);
        assert!(now.log[LOG - 1].ends_with("499"));
    }
}
