//! Sends what is due by one channel: claims it in the database, sends it, notes what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contracts::{Failure, FailureKind};
use futures::future::join_all;
use runtime::{Handle, StartError};
use store::Store;
use store::replies::{Reply, ReplyOutcome, Sending};

use crate::channel::{Channel, Refusal};
use crate::compose::compose;
use crate::config::Config;
use crate::templates::Templates;

/// What is said, and in what money.
pub struct Voice {
    /// The texts.
    pub templates: Templates,
    /// The house's currency.
    pub currency: String,
}

/// Sends by one channel.
pub struct Sender<C> {
    channel: C,
    store: Store,
    handle: Handle,
    voice: Arc<Voice>,
    pauses: Pauses,
    sending: Sending,
    at_once: u32,
    poll: Duration,
    health: Health,
    /// What came of replies that the database could not be told yet.
    unnoted: Vec<(Reply, ReplyOutcome)>,
}

/// How long to wait after failures.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    first: Duration,
    most: Duration,
}

impl Pauses {
    /// As the settings have them.
    pub fn of(config: &Config) -> Pauses {
        let ms = Duration::from_millis;
        Pauses { first: ms(config.first_ms), most: ms(config.most_ms) }
    }

    /// After so many failures in a row: doubled each time, and between half of that and all of it, so that those who
    /// failed together do not come back together.
    pub fn after(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.most);
        doubled.mul_f64(rand::random_range(0.5..=1.0))
    }
}

/// How the other side does.
#[derive(Debug, Default)]
struct Health {
    failures: u32,
    until: Option<Instant>,
}

impl Health {
    /// How long nothing is to be sent.
    fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}

impl<C: Channel> Sender<C> {
    /// A sender with these settings.
    pub fn new(channel: C, store: Store, handle: Handle, voice: Arc<Voice>, config: &Config) -> Sender<C> {
        let sending = Sending {
            channel: C::NAME,
            lease: config.lease(),
            patience: config.patience(),
            repeatable: C::REPEATABLE,
        };
        Sender {
            channel,
            store,
            handle,
            voice,
            pauses: Pauses::of(config),
            sending,
            at_once: config.at_once,
            poll: Duration::from_millis(config.poll_ms),
            health: Health::default(),
            unnoted: Vec::new(),
        }
    }

    /// Sends until the service stops.
    pub async fn run(mut self) -> Result<(), StartError> {
        let stopping = self.handle.shutdown_token();
        self.handle.note(C::NAME, "at work");
        let mut away = 0_u32;
        while !stopping.is_cancelled() {
            let wait = match self.pass().await {
                Ok(wait) => {
                    if away > 0 {
                        tracing::info!("the database is back: customers are told by {} again", C::NAME);
                    }
                    away = 0;
                    wait
                }
                Err(error) if error.kind() == FailureKind::Fatal => return Err(error.into()),
                Err(error) => {
                    if away == 0 {
                        tracing::warn!(code = %error.code(), "nobody is told by {}, replies wait: {error}", C::NAME);
                    }
                    away = away.saturating_add(1);
                    self.pauses.after(away)
                }
            };
            if !wait.is_zero() {
                stopping.run_until_cancelled(tokio::time::sleep(wait)).await;
            }
        }
        Ok(())
    }

    /// Sends what is due, once; says how long to wait before the next look.
    async fn pass(&mut self) -> Result<Duration, store::Error> {
        self.note().await?;
        if let Some(left) = self.health.left() {
            return Ok(left.min(self.poll));
        }
        // Of a channel that just failed it is asked whether it is back, and then one reply tries it for all.
        if self.health.failures > 0
            && let Err(refusal) = self.channel.probe().await
        {
            self.failed(&refusal);
            return Ok(Duration::ZERO);
        }
        let width = if self.health.failures > 0 { 1 } else { self.at_once };
        let replies = self.store.claim_replies(&self.sending, width).await?;
        if replies.is_empty() {
            return Ok(self.poll);
        }
        let results = join_all(replies.iter().map(|reply| self.send(reply))).await;
        for (reply, result) in replies.into_iter().zip(results) {
            let outcome = self.outcome(&reply, result);
            self.unnoted.push((reply, outcome));
        }
        // At once: who stops now must not leave it open what came of them.
        self.note().await?;
        Ok(Duration::ZERO)
    }

    /// Notes what came of what was sent.
    async fn note(&mut self) -> Result<(), store::Error> {
        while let Some((reply, outcome)) = self.unnoted.last() {
            self.store.note_reply(reply, outcome).await?;
            self.unnoted.pop();
        }
        Ok(())
    }

    async fn send(&self, reply: &Reply) -> Result<(), Refusal> {
        let words = compose(reply, &self.voice.templates, &self.voice.currency);
        self.channel.send(reply, &words).await
    }

    /// What is noted of a try, and what it says about the channel.
    fn outcome(&mut self, reply: &Reply, result: Result<(), Refusal>) -> ReplyOutcome {
        let (id, step) = (reply.message.id, reply.step.as_str());
        let Err(refusal) = result else {
            self.recovered();
            tracing::debug!(message_id = %id, "the customer of message {id} was told '{step}' by {}", C::NAME);
            return ReplyOutcome::Sent;
        };
        let why = refusal.why().to_owned();
        match refusal {
            Refusal::Never(_) => {
                tracing::warn!(message_id = %id, "the customer of message {id} is not told '{step}': {why}");
                return ReplyOutcome::GivenUp(why);
            }
            Refusal::Unknown(_) if !C::REPEATABLE => {
                self.failed(&refusal);
                tracing::warn!(
                    message_id = %id,
                    "nobody knows whether the customer of message {id} was told '{step}', and he is not told twice; \
                     `greenbite reply failed` lists it: {why}"
                );
                return ReplyOutcome::Unknown(why);
            }
            Refusal::Unknown(_) | Refusal::Later { .. } => self.failed(&refusal),
        }
        let wait = match refusal {
            Refusal::Later { wait: Some(wait), .. } => wait,
            _ => Duration::ZERO,
        };
        ReplyOutcome::Again { after: self.pauses.after(reply.attempt).max(wait), trouble: why }
    }

    /// The channel pauses: for as long as it says, or longer with each failure.
    fn failed(&mut self, refusal: &Refusal) {
        let now = Instant::now();
        // Requests that were on their way together fail together: that is one failure.
        if self.health.left().is_none() {
            self.health.failures = self.health.failures.saturating_add(1);
        }
        let pause = match refusal {
            Refusal::Later { wait: Some(wait), .. } => *wait,
            _ => self.pauses.after(self.health.failures),
        };
        self.health.until = self.health.until.max(Some(now + pause));
        if self.health.failures == 1 {
            tracing::warn!("{} takes no replies now, they wait: {}", C::NAME, refusal.why());
        }
        self.handle.note(C::NAME, format!("takes no replies now, they wait: {}", refusal.why()));
    }

    fn recovered(&mut self) {
        // Others of the same batch were told to wait: what was taken beside them does not end that.
        if self.health.left().is_some() {
            return;
        }
        if self.health.failures > 0 {
            tracing::info!("{} takes replies again", C::NAME);
            self.handle.note(C::NAME, "at work");
        }
        self.health = Health::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_differ() {
        let pauses = Pauses { first: Duration::from_secs(1), most: Duration::from_secs(60) };
        for (failures, most) in [(1, 1), (2, 2), (4, 8), (7, 60), (u32::MAX, 60)] {
            for _ in 0..50 {
                let pause = pauses.after(failures).as_secs_f64();
                assert!(pause >= f64::from(most) / 2.0 && pause <= f64::from(most), "{failures}: {pause}");
            }
        }
        let some: Vec<Duration> = (0..10).map(|_| pauses.after(5)).collect();
        assert!(some.iter().any(|pause| *pause != some[0]));
    }
}
