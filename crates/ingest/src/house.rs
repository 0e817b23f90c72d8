//! Keeping the house: what one replica does for all of them from time to time.
//!
//! Deliveries that the server gave up become whole dead letters. Events that nobody needs go when
//! the stream fills up. Messages that got lost on the bus are published again.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::topology::STREAM;
use contracts::{MessageId, Topic};
use futures::{StreamExt, TryStreamExt, stream};
use runtime::{Bus, BusError, Handle, Resolved, StartError, StreamState};
use store::Store;
use store::messages::Stalled;

use crate::chore::Trouble;
use crate::config::{Config, House};
use crate::janitor::{Needs, purge_before, purge_by_topic};
use crate::reconcile::{Line, Traces, Whereabouts, whereabouts};

/// Rows that are looked at together.
const PAGE: u32 = 500;
/// Questions to the bus at once.
const AT_ONCE: usize = 16;
/// Given-up deliveries that are looked after in one round.
const GIVEN_UP: usize = 100;
/// Rounds between two looks for messages that were registered and never announced: it reads the whole table.
const UNANNOUNCED_EVERY: u64 = 6;
/// A message that was published again this often waits no longer than that many times the usual.
const MOST_PATIENCE: u32 = 30;

/// How far the clocks of database and bus may be apart.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

/// Keeps the house.
pub struct Housekeeper {
    store: Store,
    handle: Handle,
    house: House,
    watermark_percent: u8,
    round: u64,
    overdue_after: MessageId,
    unannounced_after: MessageId,
}

/// What a round did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Given-up deliveries that are dead letters now.
    pub buried: usize,
    /// Events that were thrown away.
    pub purged: u64,
    /// Messages that are published again.
    pub republished: usize,
}

impl Housekeeper {
    /// A housekeeper with these settings.
    pub fn new(store: Store, handle: Handle, config: &Config) -> Self {
        Housekeeper {
            store,
            handle,
            house: config.house.clone(),
            watermark_percent: config.watermark_percent,
            round: 0,
            overdue_after: MessageId(0),
            unannounced_after: MessageId(0),
        }
    }

    /// Keeps the house until the service stops.
    pub async fn run(mut self) -> Result<(), StartError> {
        let stopping = self.handle.shutdown_token();
        let mut failing = false;
        loop {
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                () = tokio::time::sleep(Duration::from_secs(self.house.every_s)) => {}
            }
            match self.round().await {
                Ok(_) => failing = false,
                Err(trouble) => {
                    let trouble = trouble.passing()?;
                    if !failing {
                        tracing::warn!("the house is not kept for now, tried again by itself: {trouble}");
                    }
                    failing = true;
                }
            }
        }
    }

    /// One round; nothing where another replica has the key.
    async fn round(&mut self) -> Result<Round, Trouble> {
        let bus = self.handle.bus().clone();
        if !bus.is_connected() {
            return Err(BusError::Unknown("there is no connection".to_owned()).into());
        }
        let Some(_key) = self.store.take_house_key().await? else { return Ok(Round::default()) };
        let buried = self.look_after_given_up(&bus).await?;
        let purged = self.make_room(&bus).await?;
        self.tell_steps_again(&bus).await?;
        let overdue =
            TimeDelta::from_std(Duration::from_secs(self.house.overdue_s)).unwrap_or(TimeDelta::MAX);
        let before = Utc::now() - overdue;
        let mut republished = 0;
        while self.reconcile_page(&bus, before, Missing::Outcome, &mut republished).await? {}
        if self.round.is_multiple_of(UNANNOUNCED_EVERY) {
            while self.reconcile_page(&bus, before, Missing::Announcement, &mut republished).await? {}
        }
        self.round += 1;
        Ok(Round { buried, purged, republished })
    }

    async fn look_after_given_up(&self, bus: &Bus) -> Result<usize, Trouble> {
        let mut buried = 0;
        for given_up in bus.given_up(GIVEN_UP).await? {
            let (durable, sequence) = (given_up.durable.clone(), given_up.sequence);
            match bus.resolve(given_up).await? {
                Resolved::Buried(letter) => {
                    buried += 1;
                    tracing::warn!(code = %letter.code, subject = letter.subject, "a dead letter: {}", letter.reason);
                }
                Resolved::WasDone => tracing::debug!(durable, sequence, "given up, but it was done"),
                Resolved::Gone => tracing::warn!(durable, sequence, "given up, and no longer in the stream"),
            }
        }
        Ok(buried)
    }

    /// Throws away what nobody needs, when the stream fills up.
    async fn make_room(&self, bus: &Bus) -> Result<u64, Trouble> {
        let full = bus.stream_state(STREAM).await?;
        if full.percent() < f64::from(self.house.purge_percent) {
            return Ok(0);
        }
        let needs = needs(bus, &full).await?;
        let mut purged = 0;
        if let Some(place) = purge_before(&full, &needs, &self.house) {
            purged += bus.purge_before(STREAM, None, place).await?;
        }
        let left = bus.stream_state(STREAM).await?;
        if left.percent() >= f64::from(self.watermark_percent) {
            for (topic, place) in purge_by_topic(&needs) {
                if place > left.first_sequence {
                    purged += bus.purge_before(STREAM, Some(topic.filter()), place).await?;
                }
            }
        }
        let after = bus.stream_state(STREAM).await?;
        if purged > 0 {
            tracing::info!(
                purged,
                "threw away {purged} events that nobody needs: the stream was {:.0} % full and is {:.0} % full",
                full.percent(),
                after.percent()
            );
        } else if after.percent() >= f64::from(self.watermark_percent) {
            tracing::warn!(
                "the stream is {:.0} % full of events that wait for their stations",
                after.percent()
            );
        }
        Ok(purged)
    }

    /// Has the kitchen's steps told again that a stream from before this one had.
    async fn tell_steps_again(&self, bus: &Bus) -> Result<(), Trouble> {
        // Two clocks: what is told once too often is refused.
        let before = bus.stream_state(STREAM).await?.created + CLOCKS_DIFFER;
        let again = self.store.tell_steps_again(before).await?;
        if again > 0 {
            tracing::info!(again, "{again} steps of the kitchen are told again: the stream is a new one");
        }
        Ok(())
    }

    /// Looks at some messages that have been on their way for long; whether to look at more at once.
    async fn reconcile_page(
        &mut self,
        bus: &Bus,
        before: DateTime<Utc>,
        missing: Missing,
        republished: &mut usize,
    ) -> Result<bool, Trouble> {
        let page = match missing {
            Missing::Outcome => self.store.without_outcome(before, self.overdue_after, PAGE).await?,
            Missing::Announcement => self.store.unannounced(before, self.unannounced_after, PAGE).await?,
        };
        let whole = page.len() == PAGE as usize;
        let next = if whole { page.last().map_or(MessageId(0), |last| last.id) } else { MessageId(0) };
        match missing {
            Missing::Outcome => self.overdue_after = next,
            Missing::Announcement => self.unannounced_after = next,
        }
        if page.is_empty() {
            return Ok(false);
        }
        // The line first, the messages after: see `whereabouts`.
        let last_sequence = bus.stream_state(STREAM).await?.last_sequence;
        let line = Line { last_sequence, durables: bus.line_state().await? };
        let due: Vec<(MessageId, u32)> =
            page.iter().filter(|row| is_due(row, before)).map(|row| (row.id, row.generation)).collect();
        let line = &line;
        let lost: Vec<(MessageId, u32)> = stream::iter(due)
            .map(|(id, generation)| async move {
                let traces = traces(bus, id).await?;
                let lost = whereabouts(&traces, line) == Whereabouts::Lost;
                Ok::<_, BusError>(lost.then_some((id, generation)))
            })
            .buffered(AT_ONCE)
            .try_filter_map(|lost| async move { Ok(lost) })
            .try_collect()
            .await?;
        let again = self.store.next_generation(&lost).await?;
        for (id, generation) in &again {
            tracing::debug!(message_id = %id, generation, "published again");
        }
        if !again.is_empty() {
            *republished += again.len();
            tracing::warn!(
                count = again.len(),
                "{} messages are nowhere on the line and {}: they are published again",
                again.len(),
                match missing {
                    Missing::Outcome => "have no outcome",
                    Missing::Announcement => "were never announced",
                }
            );
        }
        // After a loss there is much to do at once; a long queue is looked through at leisure.
        Ok(whole && again.len() * 2 >= page.len())
    }
}

#[derive(Debug, Clone, Copy)]
enum Missing {
    Outcome,
    Announcement,
}

/// Whether a message was given its time: the more often it was published, the more.
fn is_due(row: &Stalled, before: DateTime<Utc>) -> bool {
    let patience = (Utc::now() - before) * (row.generation.clamp(1, MOST_PATIENCE) as i32);
    Utc::now() - row.published_at >= patience
}

async fn traces(bus: &Bus, id: MessageId) -> Result<Traces, BusError> {
    let (event, letter) = futures::try_join!(bus.last_event(id), bus.last_dead_letter(id))?;
    let mut last_event = event.and_then(|event| Some((Topic::parse(&event.subject)?.0, event.sequence)));
    // A cook, or the answerer, may be quicker than the notifier: what matters is where the order or the enquiry itself is
    // on the line.
    if let Some(registered) = last_event.and_then(|(topic, _)| beside(topic)) {
        let event = bus.last_message(STREAM, &registered.subject(id)).await?;
        last_event = event.map(|event| (registered, event.sequence));
    }
    Ok(Traces { last_event, is_dead_letter: letter.is_some() })
}

/// Of what happens beside the notifier: the event by which the message itself goes on.
fn beside(topic: Topic) -> Option<Topic> {
    match topic {
        Topic::AnsweredProposed | Topic::AnsweredOpen => Some(Topic::RegisteredEnquiry),
        topic if topic.stage() == Topic::KitchenReady.stage() => Some(Topic::RegisteredOrder),
        _ => None,
    }
}

/// The lowest place that each durable still needs. The stream's state was asked for before.
async fn needs(bus: &Bus, stream: &StreamState) -> Result<Needs, BusError> {
    let behind_all = stream.last_sequence + 1;
    let line = bus.line_state().await?;
    futures::future::try_join_all(line.into_iter().map(|(spec, state)| async move {
        if state.lag() == 0 {
            return Ok(behind_all);
        }
        // The floor of a durable that never acknowledged is 0, however far down its first message is.
        let first = bus.next_message(STREAM, spec.input.filter(), state.ack_floor + 1).await?;
        Ok(first.map_or(behind_all, |first| first.sequence.min(behind_all)))
    }))
    .await
}
