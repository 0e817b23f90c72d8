//! The stage: a received message in, what it is out.

use contracts::topology::CLASSIFIER;
use contracts::{Classified, ConsumerSpec, Decision, Received, Topic};
use menu::live::MenuHandle;
use runtime::{Context, Outcome, Stage, StageError};

use reader::rules::extract::Bounds;
use reader::{Kind, Readers};

/// Classifies messages by the menu as it is now.
pub struct Classifier {
    menu: MenuHandle,
    readers: Readers,
}

impl Classifier {
    /// By this menu.
    pub fn new(menu: MenuHandle) -> Self {
        Classifier { menu, readers: Readers::default() }
    }
}

impl Stage for Classifier {
    const SPEC: &'static ConsumerSpec = &CLASSIFIER;
    type In = Received;

    async fn handle(&self, event: Received, _: &Context) -> Result<Outcome, StageError> {
        let lexicon = self.menu.lexicon().await?;
        let found = self.readers.for_menu(&lexicon).read(&event.message.text, Bounds::default());
        let topic = match found.kind {
            Kind::Order => Topic::ClassifiedOrder,
            Kind::Enquiry => Topic::ClassifiedEnquiry,
            Kind::Misc => Topic::ClassifiedMisc,
        };
        let decision = Decision::by_rules(topic.outcome(), found.kind_reason).menu_version(lexicon.version());
        let classified = Classified {
            message: event.message,
            language: found.language,
            topic: found.topic,
            trail: event.trail,
        };
        Ok(Outcome::publish(topic, classified, decision))
    }
}
