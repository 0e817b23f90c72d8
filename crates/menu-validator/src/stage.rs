//! The stage: an order's lines in, the verdict over them out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use contracts::topology::MENU_VALIDATOR;
use contracts::{ConsumerSpec, Decision, Extracted, OrderLine, Topic, Validated, Verdict};
use menu::live::MenuHandle;
use menu::{Lexicon, SoldOut, SoldOutHandle};
use runtime::{Context, Handle, Outcome, Restaurant, Stage, StageError, hours};

use crate::available::{self, Missing};
use crate::held::hold;
use crate::judge::Judge;
use crate::limits;
use crate::matching::Validation;

/// Holds orders against the menu as it is now, what has run out of it, and what the house takes.
pub struct MenuValidator {
    menu: MenuHandle,
    sold_out: SoldOutHandle,
    house: Restaurant,
    judge: Bench,
    handle: Handle,
    /// Whether it was said that nobody may know what is sold out.
    blind: AtomicBool,
}

/// Under which name the station says whether it knows what is sold out.
const NOTE: &str = "what is sold out";

/// The judge who is in office; another one may take over while messages are judged.
#[derive(Clone)]
pub struct Bench(Arc<RwLock<Arc<Judge>>>);

impl Bench {
    /// With this judge to begin with.
    pub fn new(judge: Judge) -> Self {
        Bench(Arc::new(RwLock::new(Arc::new(judge))))
    }

    /// From the next message on this one judges.
    pub fn take_over(&self, judge: Judge) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(judge);
    }

    fn judge(&self) -> Arc<Judge> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl MenuValidator {
    /// By this menu; where its keys do not answer, the judge in office does.
    pub fn new(
        menu: MenuHandle,
        sold_out: SoldOutHandle,
        house: Restaurant,
        judge: Bench,
        handle: Handle,
    ) -> Self {
        MenuValidator { menu, sold_out, house, judge, handle, blind: AtomicBool::new(false) }
    }

    /// Says, once and until it has passed, that the database refuses to tell what is sold out; each order that is judged
    /// meanwhile says so too.
    fn tell_blind(&self, found: &mut Validation, sold_out: &SoldOut) {
        let Some(why) = sold_out.unreadable() else {
            if self.blind.swap(false, Ordering::Relaxed) {
                tracing::info!("what is sold out can be read again");
                self.handle.note(NOTE, "is read from the database");
            }
            return;
        };
        found.reason.push_str("; what is sold out could not be looked up");
        if !self.blind.swap(true, Ordering::Relaxed) {
            tracing::error!("orders are judged without knowing what is sold out: {why}");
            self.handle.note(NOTE, format!("cannot be read, orders are judged without it: {why}"));
        }
    }

    /// What an order names or may name and has run out, each with what is nearest and there.
    async fn missing(
        &self,
        found: &Validation,
        judge: &Judge,
        lexicon: &Lexicon,
        sold_out: &SoldOut,
        now: DateTime<Utc>,
    ) -> HashMap<String, Missing> {
        let mut missing = HashMap::new();
        for slug in available::named(found) {
            let (Some(out), Some(item)) = (sold_out.item(slug, now), lexicon.menu().item(slug)) else {
                continue;
            };
            if missing.contains_key(slug) {
                continue;
            }
            let scores = judge.likeness(&item.name, lexicon).await;
            let is_there = |slug: &str| sold_out.item(slug, now).is_none();
            let until = out.until.map(|until| hours::near(self.house.clock(until), self.house.clock(now)));
            let instead = available::nearest(item, &scores, lexicon, is_there);
            missing.insert(slug.to_owned(), Missing { name: item.name.clone(), until, instead });
        }
        missing
    }

    /// Why the house takes no order: it has to be open when the message came in, and when the kitchen would get it.
    fn is_closed(&self, received_at: DateTime<Utc>, now: DateTime<Utc>) -> Option<String> {
        let house = &self.house;
        if let Some(reason) = house.takes_no_order(now) {
            return Some(format!("Now {reason}"));
        }
        let came = hours::near(house.clock(received_at), house.clock(now));
        house.takes_no_order(received_at).map(|reason| format!("When it came, {came}: {reason}"))
    }

    /// Looks the lines up among the menu's keys in the cache, all at once.
    async fn look_up(&self, lines: &mut [OrderLine]) -> Result<(), StageError> {
        let slugs: Vec<String> =
            lines.iter().map(|line| menu::slug(line.item.as_deref().unwrap_or(&line.phrase))).collect();
        let keys: Vec<&str> = slugs.iter().map(String::as_str).collect();
        for (line, direct) in lines.iter_mut().zip(self.menu.direct(&keys).await?) {
            line.item = direct.map(|direct| direct.item.name).or(line.item.take());
        }
        Ok(())
    }
}

impl Stage for MenuValidator {
    const SPEC: &'static ConsumerSpec = &MENU_VALIDATOR;
    type In = Extracted;

    async fn handle(&self, mut event: Extracted, _: &Context) -> Result<Outcome, StageError> {
        self.look_up(&mut event.lines).await?;
        let lexicon = self.menu.lexicon().await?;
        let judge = self.judge.judge();
        let (mut found, decided_by) = judge.judge(event.lines, &lexicon).await;
        let now = Utc::now();
        let sold_out = self.sold_out.now().await?;
        let missing = self.missing(&found, &judge, &lexicon, &sold_out, now).await;
        available::keep(&mut found, &missing);
        limits::keep(&mut found, &self.house.limits);
        if let Some(reason) = self.is_closed(event.message.received_at, now) {
            hold(&mut found, &reason);
        }
        self.tell_blind(&mut found, &sold_out);
        let topic = match found.verdict {
            Verdict::Accepted => Topic::ValidatedAccepted,
            Verdict::Review => Topic::ValidatedReview,
            Verdict::Rejected => Topic::ValidatedRejected,
        };
        let mut decision = Decision::by_rules(topic.outcome(), found.reason.clone())
            .decided_by(decided_by)
            .menu_version(lexicon.version());
        // An order is as sure as its least sure line.
        let scores = found.lines.iter().filter_map(|line| line.candidates.first().map(|best| best.score));
        decision.score = scores.min_by(f32::total_cmp);
        let validated = Validated {
            message: event.message,
            lines: found.lines,
            reason: found.reason,
            proposed_reply: found.proposed_reply,
            menu_version: lexicon.version().to_owned(),
            settled: None,
            trail: event.trail,
        };
        Ok(Outcome::publish(topic, validated, decision))
    }
}
