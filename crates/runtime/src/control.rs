//! Pausing by word: a class stops a station to see what happens.
//!
//! A pause is a lease. It ends by itself unless it is renewed, so a page that goes away, or a word that gets
//! lost, never leaves a station standing still. It is no outage: the service stays ready.

use std::sync::Arc;
use std::time::Duration;

use contracts::{Control, subject};
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::Shared;

/// The longest pause that one word can ask for.
const LONGEST: Duration = Duration::from_secs(60);

/// Paused or not, until when, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Pause(watch::Sender<Option<Lease>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    until: Instant,
    by: String,
}

impl Pause {
    /// Does what was said: a pause from now on, or its end.
    fn heed(&self, control: &Control) {
        let length = Duration::from_millis(control.pause_ms).min(LONGEST);
        let lease = (!length.is_zero())
            .then(|| Lease { until: Instant::now() + length, by: control.by.chars().take(80).collect() });
        self.0.send_if_modified(|held| {
            match (held.is_some(), lease.is_some()) {
                (false, true) => {
                    tracing::info!(by = %control.by, "paused by the class: nothing more is read")
                }
                (true, false) => tracing::info!(by = %control.by, "the class lets it go on"),
                _ => {}
            }
            let changed = *held != lease;
            *held = lease;
            changed
        });
    }

    /// Ends a pause that nobody has renewed. For ever.
    async fn expire(&self) {
        let mut word = self.0.subscribe();
        loop {
            let until = word.borrow_and_update().as_ref().map(|lease| lease.until);
            let ended = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = word.changed() => continue,
                () = ended => {}
            }
            self.0.send_if_modified(|held| {
                let over = held.as_ref().is_some_and(|lease| lease.until <= Instant::now());
                if over {
                    *held = None;
                    tracing::info!("nobody renews the pause: going on");
                }
                over
            });
        }
    }

    /// Whether it is paused.
    pub(crate) fn is_on(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// In a word, for people; `None` while it is not paused.
    pub(crate) fn shown(&self) -> Option<String> {
        self.0.borrow().as_ref().map(|lease| format!("paused by the class ({})", lease.by))
    }

    /// Waits until it is paused.
    pub(crate) async fn begun(&self) {
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits until it is not.
    pub(crate) async fn over(&self) {
        let _ = self.0.subscribe().wait_for(Option::is_none).await;
    }
}

/// Listens until the service stops.
pub(crate) async fn listen(shared: Arc<Shared>) {
    let subject = subject::control(shared.service);
    let Ok(mut words) = shared.bus.client().subscribe(subject).await else { return };
    let heed = async {
        while let Some(word) = words.next().await {
            match serde_json::from_slice::<Control>(&word.payload) {
                Ok(control) => shared.pause.heed(&control),
                Err(error) => tracing::warn!("{} says nothing that is understood: {error}", word.subject),
            }
        }
    };
    tokio::select! {
        () = shared.abandoning.cancelled() => {}
        () = heed => {}
        () = shared.pause.expire() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(pause_ms: u64) -> Control {
        Control { pause_ms, by: "a test".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_by_itself_by_word_or_goes_on_when_it_is_renewed() {
        let paused = Arc::new(Pause::default());
        let own = paused.clone();
        tokio::spawn(async move { own.expire().await });
        tokio::task::yield_now().await;
        let started = Instant::now();

        paused.heed(&pause(1_000));
        assert_eq!(paused.shown().as_deref(), Some("paused by the class (a test)"));
        tokio::time::sleep(Duration::from_millis(800)).await;
        paused.heed(&pause(1_000));
        tokio::time::sleep(Duration::from_millis(800)).await;
        assert!(paused.shown().is_some(), "the renewal did not count");
        paused.over().await;
        assert_eq!(started.elapsed().as_millis(), 1_800);

        paused.heed(&pause(5_000));
        paused.heed(&pause(0));
        assert!(paused.shown().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_pauses_for_longer_than_a_minute() {
        let paused = Arc::new(Pause::default());
        let own = paused.clone();
        tokio::spawn(async move { own.expire().await });
        tokio::task::yield_now().await;
        let started = Instant::now();
        paused.heed(&pause(u64::MAX));
        paused.over().await;
        assert_eq!(started.elapsed(), LONGEST);
    }
}
