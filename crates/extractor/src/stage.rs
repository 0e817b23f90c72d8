//! The stage: an order's words in, its lines out.

use contracts::topology::EXTRACTOR;
use contracts::{Classified, ConsumerSpec, Decision, Extracted, Topic};
use menu::live::MenuHandle;
use runtime::{Context, Outcome, Stage, StageError};

use reader::Readers;
use reader::rules::extract::Bounds;

/// Reads orders by the menu as it is now.
pub struct Extractor {
    menu: MenuHandle,
    readers: Readers,
    bounds: Bounds,
}

impl Extractor {
    /// By this menu, within these bounds.
    pub fn new(menu: MenuHandle, bounds: Bounds) -> Self {
        Extractor { menu, readers: Readers::default(), bounds }
    }
}

impl Stage for Extractor {
    const SPEC: &'static ConsumerSpec = &EXTRACTOR;
    type In = Classified;

    async fn handle(&self, event: Classified, _: &Context) -> Result<Outcome, StageError> {
        let lexicon = self.menu.lexicon().await?;
        let read = self.readers.for_menu(&lexicon).read(&event.message.text, self.bounds);
        let topic = match read.lines.is_empty() {
            true => Topic::ExtractedUnclear,
            false => Topic::ExtractedOrder,
        };
        let decision = Decision::by_rules(topic.outcome(), read.reason).menu_version(lexicon.version());
        let extracted = Extracted {
            message: event.message,
            language: read.language,
            lines: read.lines,
            trail: event.trail,
        };
        Ok(Outcome::publish(topic, extracted, decision))
    }
}
