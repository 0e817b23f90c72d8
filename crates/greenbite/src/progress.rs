//! How far something is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::complain;

/// Time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// How far something is.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    unit: &'static str,
    said: Mutex<Instant>,
}

impl Progress {
    /// Of so many units in all; 0 where nobody knows.
    pub fn new(total: u64, unit: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = if total > 0 { ProgressBar::new(total) } else { ProgressBar::new_spinner() };
            let template = "{bar:30} {human_pos}/{human_len} {prefix} {elapsed_precise} {msg}";
            if let (true, Ok(style)) = (total > 0, ProgressStyle::with_template(template)) {
                bar.set_style(style);
            }
            bar.with_prefix(unit)
        });
        Progress { bar, total, unit, said: Mutex::new(Instant::now()) }
    }

    /// It is this far.
    pub fn at(&self, position: u64) {
        self.at_with(position, "");
    }

    /// It is this far, with a word on what is going on.
    pub fn at_with(&self, position: u64, word: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(word.to_owned());
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if said.elapsed() >= BETWEEN_LINES {
            *said = Instant::now();
            let of = if self.total > 0 { format!(" of {}", self.total) } else { String::new() };
            complain(&format!("{position}{of} {} {word}", self.unit));
        }
    }

    /// It has ended: the bar goes.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
