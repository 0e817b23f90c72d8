//! The stage: looks for an answer, notes what came of that, and tells of it.

use contracts::kitchen::State;
use contracts::topology::ANSWERER;
use contracts::{Answered, Code, ConsumerSpec, Decision, Message, Proposal, Registered, Registration, Topic};
use knowledge::answer::{Answer, Source};
use knowledge::facts;
use menu::{Lexicon, MenuHandle, SoldOutHandle};
use runtime::{Context, Outcome, Restaurant, Stage, StageError};
use store::Store;
use store::proposals::Looked;

use crate::house::House;
use crate::library::Library;

/// Proposes answers to enquiries.
pub struct Enquiries {
    store: Store,
    menu: MenuHandle,
    sold_out: SoldOutHandle,
    library: Library,
    restaurant: Restaurant,
}

impl Enquiries {
    /// With the database, the menu, what is sold out, what the house has written down, and its hours and currency.
    pub fn new(
        store: Store,
        menu: MenuHandle,
        sold_out: SoldOutHandle,
        library: Library,
        restaurant: Restaurant,
    ) -> Self {
        Enquiries { store, menu, sold_out, library, restaurant }
    }

    async fn look(&self, message: &Message) -> Result<Looked, StageError> {
        let sold_out = self.sold_out.now().await?;
        let house = House::now(self.menu.lexicon().await?, &sold_out, &self.restaurant);
        let order = self.order_of(message, &house.lexicon).await?;
        let answerer = self.library.answerer().await?;
        let (answer, decided_by) = answerer.answer(&message.text, &house.truth(order)).await;
        Ok(match answer {
            Answer::Proposed(found) => {
                let source = match found.source {
                    Source::Entry(id) => format!("entry:{id}"),
                    Source::Fact(fact) => fact.to_string(),
                };
                let proposal = Proposal {
                    text: found.answer,
                    source,
                    topic: found.topic,
                    language: found.language,
                    sure: found.sure,
                    careful: found.careful,
                };
                looked(proposal, decided_by)
            }
            Answer::Open { about, reason } => Looked {
                proposal: None,
                topic: about,
                language: answerer.base().question(&message.text, Vec::new()).language,
                reason,
                decided_by,
            },
        })
    }

    /// The order that a message names, or else the customer's latest of the day.
    async fn order_of(
        &self,
        message: &Message,
        lexicon: &Lexicon,
    ) -> Result<Option<(i64, State)>, StageError> {
        if let Some(number) = facts::order_number(&message.text, lexicon) {
            return Ok(self.store.order_state(number).await?.map(|state| (number, state)));
        }
        match &message.customer {
            Some(customer) => Ok(self.store.latest_order_of(customer).await?),
            None => Ok(None),
        }
    }
}

/// What the validator would answer to an order of something that is not on the menu.
fn by_menu(reply: &str, message: &Message, lexicon: &Lexicon) -> Looked {
    let proposal = Proposal {
        text: reply.to_owned(),
        source: "menu".to_owned(),
        topic: "menu".to_owned(),
        language: "en".to_owned(),
        sure: None,
        careful: facts::is_of_health(&message.text, lexicon),
    };
    looked(proposal, "menu-validator".to_owned())
}

fn looked(proposal: Proposal, decided_by: String) -> Looked {
    Looked {
        topic: proposal.topic.clone(),
        language: proposal.language.clone(),
        reason: format!("proposed from {}", proposal.comes_from()),
        decided_by,
        proposal: Some(proposal),
    }
}

impl Stage for Enquiries {
    const SPEC: &'static ConsumerSpec = &ANSWERER;
    type In = Registered;
    // What takes time is the model, and that is one.
    const LANES_PER_CORE: usize = 4;

    async fn handle(&self, event: Registered, _: &Context) -> Result<Outcome, StageError> {
        let Registered { message, registration, trail, .. } = event;
        let Registration::Enquiry { number, proposed_reply, .. } = registration else {
            let reason = "what was registered is not the enquiry that its subject names";
            return Err(StageError::permanent(Code::Malformed, reason));
        };
        let looked = match proposed_reply {
            Some(reply) => by_menu(&reply, &message, &*self.menu.lexicon().await?),
            None => self.look(&message).await?,
        };
        let (stands, new) = self.store.propose(message.id, &looked).await?;
        let (topic, verdict) = match &stands.proposal {
            Some(_) => (Topic::AnsweredProposed, "proposed"),
            None => (Topic::AnsweredOpen, "open"),
        };
        let reason = if new { stands.reason } else { format!("{}; found before, told again", stands.reason) };
        let mut decision = Decision::by_rules(verdict, reason).decided_by(stands.decided_by);
        decision.score = stands.proposal.as_ref().and_then(|proposal| proposal.sure);
        let answered = Answered { message, enquiry: number, proposal: stands.proposal, trail };
        Ok(Outcome::publish(topic, answered, decision))
    }
}
