//! When the simulation sends how many messages: drawn from a seed, so that a run can be repeated.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Two numbers, written `1-8`; one number stands for both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The smaller.
    pub from: f64,
    /// The larger.
    pub to: f64,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let number = |part: &str| {
            part.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
        };
        match (number(from), number(to)) {
            (Some(from), Some(to)) if from <= to => Ok(Span { from, to }),
            _ => Err(format!("'{text}' is not two numbers from small to large, such as 1-8")),
        }
    }
}

/// So many messages, and then a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How many messages.
    pub size: usize,
    /// How long to wait after them.
    pub pause: Duration,
}

/// The steps of a simulation; it never ends.
#[derive(Debug)]
pub struct Schedule {
    random: StdRng,
    sizes: RangeInclusive<usize>,
    pause: Span,
    /// What is left of the step in which an earlier run stopped.
    left: Option<Step>,
}

impl Schedule {
    /// The schedule of this seed.
    pub fn new(seed: u64, sizes: RangeInclusive<usize>, pause_seconds: Span) -> Self {
        Schedule { random: StdRng::seed_from_u64(seed), sizes, pause: pause_seconds, left: None }
    }

    /// The same, `sent` messages later.
    pub fn resumed_at(mut self, sent: u64) -> Self {
        let mut passed = 0;
        while passed < sent {
            let step = self.draw();
            passed += step.size as u64;
            if passed > sent {
                self.left = Some(Step { size: (passed - sent) as usize, ..step });
            }
        }
        self
    }

    fn draw(&mut self) -> Step {
        let size = self.random.random_range(self.sizes.clone());
        let pause = self.random.random_range(self.pause.from..=self.pause.to);
        Step { size, pause: Duration::from_secs_f64(pause) }
    }
}

impl Iterator for Schedule {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        Some(self.left.take().unwrap_or_else(|| self.draw()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Span = Span { from: 0.2, to: 3.0 };

    #[test]
    fn a_seed_gives_the_same_run_again_and_another_seed_another() {
        let steps = |seed| Schedule::new(seed, 1..=8, PAUSE).take(50).collect::<Vec<_>>();
        assert_eq!(steps(7), steps(7));
        assert_ne!(steps(7), steps(8));
        for step in steps(7) {
            assert!((1..=8).contains(&step.size));
            assert!((0.2..=3.0).contains(&step.pause.as_secs_f64()));
        }
        let sizes: std::collections::BTreeSet<usize> = steps(7).iter().map(|step| step.size).collect();
        assert!(sizes.len() >= 6, "{sizes:?}");
    }

    #[test]
    fn a_resumed_run_goes_on_as_the_unbroken_one() {
        let whole: Vec<Step> = Schedule::new(3, 1..=8, PAUSE).take(40).collect();
        let mut ends = Vec::new();
        let mut sent = 0;
        for step in &whole {
            sent += step.size as u64;
            ends.push((sent, step.pause));
        }
        for stop in 0..60 {
            let mut at = stop;
            let mut expected = ends.iter().filter(|(end, _)| *end > stop);
            for step in Schedule::new(3, 1..=8, PAUSE).resumed_at(stop).take(10) {
                at += step.size as u64;
                assert_eq!(Some(&(at, step.pause)), expected.next(), "stopped after {stop}");
            }
        }
    }

    #[test]
    fn a_span_is_two_numbers_from_small_to_large() {
        assert_eq!("1-8".parse(), Ok(Span { from: 1.0, to: 8.0 }));
        assert_eq!("0.5".parse(), Ok(Span { from: 0.5, to: 0.5 }));
        for bad in ["", "8-1", "-1", "a-b", "1-inf"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
