//! The stage: an order's lines in, the verdict over them out.

use std::sync::{Arc, PoisonError, RwLock};

use contracts::topology::MENU_VALIDATOR;
use contracts::{ConsumerSpec, Decision, Extracted, OrderLine, Topic, Validated, Verdict};
use menu::live::MenuHandle;
use runtime::{Context, Outcome, Stage, StageError};

use crate::judge::Judge;

/// Holds orders against the menu as it is now.
pub struct MenuValidator {
    menu: MenuHandle,
    judge: Bench,
}

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
    pub fn new(menu: MenuHandle, judge: Bench) -> Self {
        MenuValidator { menu, judge }
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
        let (found, decided_by) = self.judge.judge().judge(event.lines, &lexicon).await;
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
