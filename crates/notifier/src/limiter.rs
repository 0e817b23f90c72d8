//! Keeps to the limits that Discord states in its answers, so that it seldom has to refuse.

use std::time::{Duration, Instant};

/// What is known of one webhook's limit. Time is handed in, so that this is a plain value.
#[derive(Debug)]
pub struct Limiter {
    window: Option<Window>,
    blocked_until: Option<Instant>,
}

#[derive(Debug)]
struct Window {
    limit: u32,
    remaining: u32,
    ends: Instant,
    length: Duration,
}

/// What an answer's headers state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stated {
    /// Requests that a window allows.
    pub limit: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// How long the window still lasts.
    pub reset_after: Duration,
}

impl Limiter {
    /// Before the first answer nothing is known, so one request a second goes out to learn.
    pub fn new(now: Instant) -> Self {
        let length = Duration::from_secs(1);
        Limiter {
            window: Some(Window { limit: 1, remaining: 1, ends: now + length, length }),
            blocked_until: None,
        }
    }

    /// Takes a request out of the window, or says how long to wait before asking again.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(wait) = self.blocked(now) {
            return Err(wait);
        }
        let Some(window) = &mut self.window else { return Ok(()) };
        if now >= window.ends {
            window.remaining = window.limit;
            window.ends = now + window.length;
        }
        if window.remaining == 0 {
            return Err(window.ends - now);
        }
        window.remaining -= 1;
        Ok(())
    }

    /// Learns from an answer; one without headers means that there is no limit to keep.
    pub fn learn(&mut self, now: Instant, stated: Option<Stated>) {
        let Some(stated) = stated else {
            self.window = None;
            return;
        };
        let ends = now + stated.reset_after;
        // Answers overtake each other, and requests are still on their way: within a window the
        // lower count is the truer one. A window that ends clearly later is a new one.
        let same = self
            .window
            .as_ref()
            .filter(|window| window.limit == stated.limit && ends < window.ends + window.length / 2);
        let remaining = same.map_or(stated.remaining, |window| window.remaining.min(stated.remaining));
        let length = same.map_or(stated.reset_after, |window| window.length.max(stated.reset_after));
        self.window = Some(Window { limit: stated.limit.max(1), remaining, ends, length });
    }

    /// Discord said how long to wait.
    pub fn block(&mut self, until: Instant) {
        self.blocked_until = self.blocked_until.max(Some(until));
    }

    /// How long Discord still wants us to wait, if at all.
    pub fn blocked(&self, now: Instant) -> Option<Duration> {
        self.blocked_until?.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn stated(remaining: u32, reset_after: Duration) -> Option<Stated> {
        Some(Stated { limit: 5, remaining, reset_after })
    }

    fn admitted(limiter: &mut Limiter, now: Instant) -> usize {
        (0..100).take_while(|_| limiter.admit(now).is_ok()).count()
    }

    #[test]
    fn one_request_goes_out_to_learn_and_then_what_was_stated_holds() {
        let now = Instant::now();
        let mut limiter = Limiter::new(now);
        assert_eq!(admitted(&mut limiter, now), 1);
        limiter.learn(now, stated(4, 2 * SECOND));
        assert_eq!(admitted(&mut limiter, now), 4);
        assert_eq!(limiter.admit(now + SECOND), Err(SECOND));
        assert_eq!(admitted(&mut limiter, now + 2 * SECOND), 5);
    }

    #[test]
    fn answers_that_overtake_each_other_do_not_make_room() {
        let now = Instant::now();
        let mut limiter = Limiter::new(now);
        limiter.learn(now, stated(4, 2 * SECOND));
        assert_eq!(admitted(&mut limiter, now), 4);
        limiter.learn(now, stated(1, 2 * SECOND));
        limiter.learn(now, stated(3, 2 * SECOND));
        assert_eq!(admitted(&mut limiter, now), 0);
    }

    #[test]
    fn somebody_else_using_the_webhook_is_noticed() {
        let now = Instant::now();
        let mut limiter = Limiter::new(now);
        limiter.learn(now, stated(0, 2 * SECOND));
        assert_eq!(limiter.admit(now), Err(2 * SECOND));
    }

    #[test]
    fn without_stated_limits_nothing_is_held_back() {
        let now = Instant::now();
        let mut limiter = Limiter::new(now);
        limiter.learn(now, None);
        assert_eq!(admitted(&mut limiter, now), 100);
    }

    #[test]
    fn the_longest_wait_that_was_asked_for_holds() {
        let now = Instant::now();
        let mut limiter = Limiter::new(now);
        limiter.block(now + 3 * SECOND);
        limiter.block(now + SECOND);
        assert_eq!(limiter.admit(now + SECOND), Err(2 * SECOND));
        assert_eq!(limiter.admit(now + 3 * SECOND), Ok(()));
    }
}
