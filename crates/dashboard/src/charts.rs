//! Messages by outcome and the time from stage to stage, over the last minutes.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use crate::hub::Summary;

/// Width of one point, in milliseconds.
const STEP: i64 = 5_000;
/// Points kept: ten minutes.
const POINTS: usize = 120;
/// Samples of one stage kept in one point; a median needs no more.
const SAMPLES: usize = 256;
/// Messages on the way that are remembered, to measure from stage to stage.
const ON_THE_WAY: usize = 50_000;

#[derive(Default)]
struct Point {
    step: i64,
    outcomes: HashMap<&'static str, u32>,
    latency: HashMap<&'static str, Vec<f32>>,
}

/// The figures behind the charts, bounded whatever passes.
#[derive(Default)]
pub struct Charts {
    points: VecDeque<Point>,
    last_seen: HashMap<i64, i64>,
}

/// What the page draws: one value a point, oldest first.
#[derive(Serialize)]
pub struct Drawn {
    /// Time of each point, in seconds since 1970.
    times: Vec<i64>,
    /// Messages by outcome.
    outcomes: BTreeMap<&'static str, Vec<u32>>,
    /// Median time from the stage before, in milliseconds; null where nothing passed.
    latency: BTreeMap<&'static str, Vec<Option<f32>>>,
}

impl Charts {
    /// Counts an event.
    pub fn count(&mut self, event: &Summary) {
        let step = event.at.div_euclid(STEP);
        // What is replayed from before the window is no news.
        if self.points.back().is_some_and(|last| step + (POINTS as i64) < last.step) {
            return;
        }
        let at = match self.points.iter().rposition(|point| point.step <= step) {
            Some(at) if self.points[at].step == step => at,
            Some(at) => {
                self.points.insert(at + 1, Point { step, ..Point::default() });
                at + 1
            }
            None => {
                self.points.push_front(Point { step, ..Point::default() });
                0
            }
        };
        let stage = event.topic.stage();
        if stage == "registered" {
            *self.points[at].outcomes.entry(event.topic.outcome()).or_default() += 1;
        }
        if let Some(before) = self.last_seen.get(&event.id) {
            let samples = self.points[at].latency.entry(stage).or_default();
            if samples.len() < SAMPLES {
                samples.push((event.at - before).max(0) as f32);
            }
        }
        if stage == "notified" {
            self.last_seen.remove(&event.id);
        } else {
            if self.last_seen.len() >= ON_THE_WAY {
                self.last_seen.clear();
            }
            self.last_seen.insert(event.id, event.at);
        }
        while self.points.len() > POINTS {
            self.points.pop_front();
        }
    }

    /// The last ten minutes up to `now`, in milliseconds since 1970; quiet times are zeros, not gaps.
    pub fn draw(&self, now: i64) -> Drawn {
        let last = now.div_euclid(STEP);
        let steps: Vec<i64> = (last - POINTS as i64 + 1..=last).collect();
        let by_step: HashMap<i64, &Point> = self.points.iter().map(|point| (point.step, point)).collect();
        let outcomes = ["order", "review", "enquiry", "misc"]
            .into_iter()
            .map(|outcome| {
                let values = steps.iter().map(|step| {
                    by_step.get(step).and_then(|point| point.outcomes.get(outcome)).copied().unwrap_or(0)
                });
                (outcome, values.collect())
            })
            .collect();
        let latency = ["classified", "extracted", "validated", "registered", "notified"]
            .into_iter()
            .map(|stage| {
                let values = steps.iter().map(|step| {
                    by_step
                        .get(step)
                        .and_then(|point| point.latency.get(stage))
                        .and_then(|samples| median(samples))
                });
                (stage, values.collect())
            })
            .collect();
        Drawn { times: steps.iter().map(|step| step * STEP / 1000).collect(), outcomes, latency }
    }
}

fn median(samples: &[f32]) -> Option<f32> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use contracts::Topic;

    use super::*;

    fn event(topic: Topic, id: i64, at: i64) -> Summary {
        Summary { seq: 0, topic, id, at, took_us: None, reason: None, text: None }
    }

    #[test]
    fn counts_outcomes_and_measures_from_stage_to_stage() {
        let mut charts = Charts::default();
        for id in 0..3 {
            charts.count(&event(Topic::ReceivedMessage, id, 1_000_000));
            charts.count(&event(Topic::ClassifiedMisc, id, 1_000_010 + id * 10));
            charts.count(&event(Topic::RegisteredMisc, id, 1_000_100));
        }
        let drawn = charts.draw(1_002_000);
        assert_eq!(drawn.times.len(), POINTS);
        assert_eq!(drawn.outcomes["misc"].iter().sum::<u32>(), 3);
        assert_eq!(drawn.latency["classified"].last().copied().flatten(), Some(20.0));
        assert!(drawn.latency["extracted"].iter().all(Option::is_none));
    }

    #[test]
    fn whatever_passes_the_memory_is_bounded() {
        let mut charts = Charts::default();
        for id in 0..200_000 {
            charts.count(&event(Topic::ReceivedMessage, id, id * 700));
        }
        assert!(charts.points.len() <= POINTS && charts.last_seen.len() <= ON_THE_WAY);
    }
}
