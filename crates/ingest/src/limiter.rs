//! How many messages a door takes in: a bucket of tokens that fills at a fixed rate.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Debug)]
pub struct Limiter {
    per_second: f64,
    burst: f64,
    state: Mutex<(f64, Instant)>,
}

impl Limiter {
    /// A bucket of `burst` tokens, full, that gets `per_second` new ones.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (f64::from(per_second.max(1)), f64::from(burst.max(1)));
        Limiter { per_second, burst, state: Mutex::new((burst, Instant::now())) }
    }

    /// Takes `count` tokens, or says how long to wait for them.
    ///
    /// More than the bucket holds are given when it is full, and leave it in debt.
    pub fn take(&self, count: u32) -> Result<(), Duration> {
        self.take_at(count, Instant::now())
    }

    fn take_at(&self, count: u32, now: Instant) -> Result<(), Duration> {
        // A panic while the lock is held is impossible below; the value is valid in any case.
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (tokens, at) = *state;
        let tokens =
            (tokens + now.saturating_duration_since(at).as_secs_f64() * self.per_second).min(self.burst);
        let wanted = f64::from(count);
        let enough = wanted.min(self.burst);
        *state = (tokens, now);
        if tokens < enough {
            return Err(Duration::from_secs_f64((enough - tokens) / self.per_second));
        }
        state.0 -= wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_gives_its_burst_and_then_its_rate() {
        let limiter = Limiter::new(10, 3);
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(limiter.take_at(1, start), Ok(()));
        }
        let wait = limiter.take_at(1, start).unwrap_err();
        assert!((wait.as_secs_f64() - 0.1).abs() < 0.001, "{wait:?}");
        assert_eq!(limiter.take_at(1, start + Duration::from_millis(101)), Ok(()));
        assert!(limiter.take_at(1, start + Duration::from_millis(101)).is_err());
    }

    #[test]
    fn more_than_the_bucket_holds_goes_through_once_and_is_paid_for() {
        let limiter = Limiter::new(10, 5);
        let start = Instant::now();
        assert_eq!(limiter.take_at(20, start), Ok(()));
        let wait = limiter.take_at(1, start).unwrap_err();
        assert!((wait.as_secs_f64() - 1.6).abs() < 0.001, "{wait:?}");
        assert_eq!(limiter.take_at(5, start + Duration::from_secs(60)), Ok(()));
    }
}
