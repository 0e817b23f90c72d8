//! The stage: an order's lines in, the verdict over them out.

use contracts::topology::MENU_VALIDATOR;
use contracts::{ConsumerSpec, Decision, Extracted, OrderLine, Topic, Validated, Verdict};
use menu::live::MenuHandle;
use runtime::{Context, Outcome, Stage, StageError};

use crate::judge::Judge;

/// Holds orders against the menu as it is now.
pub struct MenuValidator {
    menu: MenuHandle,
    judge: Judge,
}

impl MenuValidator {
    /// By this menu; where its keys do not answer, this judge does.
    pub fn new(menu: MenuHandle, judge: Judge) -> Self {
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
        let (found, decided_by) = self.judge.judge(event.lines, &lexicon).await;
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
