//! The decision: a proposal for a question, or why there is none.

use text::health;

use crate::base::{Base, Question};
use crate::facts::{self, Fact, Truth};
use crate::say;

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An entry, by its id.
    Entry(String),
    /// Computed from what is true now.
    Fact(Fact),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Entry(id) => f.write_str(id),
            Source::Fact(fact) => fact.fmt(f),
        }
    }
}

/// An answer that a person may send.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The words.
    pub answer: String,
    /// Where it comes from.
    pub source: Source,
    /// What the entry is about, or what was computed.
    pub topic: String,
    /// Its language, as an ISO 639-1 code.
    pub language: String,
    /// How often answers as sure as this one were right in trials, from 0 to 1; none for what is computed.
    pub sure: Option<f32>,
    /// About health: it goes to a person first, whatever the settings say.
    pub careful: bool,
}

/// What comes of a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// This may be answered.
    Proposed(Proposal),
    /// A person has to answer.
    Open {
        /// What it seems to be about.
        about: String,
        /// Why nothing is proposed.
        reason: String,
    },
}

/// Decides about one question. Facts go first; what concerns health is quoted from an entry before the menu.
pub fn answer(text: &str, question: &Question, base: &Base, truth: &Truth<'_>) -> Answer {
    let language = question.language.as_str();
    let health = facts::is_of_health(text, truth.lexicon);
    let computed = facts::compute(text, language, truth);
    let said = |answer: String, careful: bool| if careful { say::careful(language, &answer) } else { answer };
    let careful = |fact: Fact| match fact {
        // What is in a dish may be asked by somebody who must not have it, and does not say so.
        Fact::Ingredients => true,
        Fact::Price => health::speaks_of_health(text),
        Fact::OnMenu | Fact::OpenNow | Fact::Status => health,
    };
    if let Some(facts::Computed { fact, answer }) = computed
        // That something is or is not sold says nothing about what makes somebody ill.
        && !(careful(fact) && matches!(fact, Fact::OnMenu | Fact::Price))
    {
        let careful = careful(fact);
        return match answer {
            Some(answer) => Answer::Proposed(Proposal {
                answer: said(answer, careful),
                source: Source::Fact(fact),
                topic: fact.to_string(),
                language: language.to_owned(),
                sure: None,
                careful,
            }),
            None => Answer::Open {
                about: fact.to_string(),
                reason: format!("it asks for {fact}, and nothing that is known here says it"),
            },
        };
    }
    match retrieve(question, base) {
        Answer::Proposed(mut proposal) => {
            // "Anything for somebody who can't digest bread?" finds what the house says of gluten.
            proposal.careful = health || health::speaks_of_health(&proposal.answer);
            proposal.answer = said(proposal.answer, proposal.careful);
            Answer::Proposed(proposal)
        }
        open => open,
    }
}

fn retrieve(question: &Question, base: &Base) -> Answer {
    let Some(found) = base.find(question) else {
        let reason = "none of its words is known".to_owned();
        return Answer::Open { about: "unknown".to_owned(), reason };
    };
    let Some(entry) = found.entry else {
        let reason = format!("it is nearest to questions about '{}', which no entry answers", found.topic);
        return Answer::Open { about: found.topic.to_owned(), reason };
    };
    let bounds = base.bounds(&question.language);
    if found.confidence < bounds.dare {
        let reason = format!(
            "the nearest entry is '{}', and {:.2} is below the bound {:.2} from which an answer is dared",
            entry.id, found.confidence, bounds.dare
        );
        return Answer::Open { about: entry.topic.clone(), reason };
    }
    Answer::Proposed(Proposal {
        answer: entry.answer.clone(),
        source: Source::Entry(entry.id.clone()),
        topic: entry.topic.clone(),
        language: entry.language.clone(),
        sure: Some(bounds.sure(found.confidence)),
        careful: false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use menu::{Lexicon, Menu, MenuItem};

    use super::*;
    use crate::entry;
    use crate::facts::Doors;

    fn answered(text: &str) -> Answer {
        let entries = "id,topic,language,questions,answer\n\
            allergens,allergens,en,Do you have a list of allergens? | I have a food allergy.,A folder lists them.\n\
            dogs,dogs,en,Can I bring my dog? | Are dogs allowed?,On a lead.\n";
        let base = Base::new(entry::read("k.csv", entries.as_bytes()).unwrap(), None);
        let menu = Menu::new(vec![MenuItem::new("Brownie", "Full of walnuts.", 450)], Vec::new());
        let (lexicon, sold_out) = (Lexicon::new(menu), HashSet::new());
        let truth = Truth {
            lexicon: &lexicon,
            currency: "$",
            sold_out: &sold_out,
            doors: Doors::Unknown,
            order: None,
        };
        answer(text, &base.question(text, Vec::new()), &base, &truth)
    }

    fn proposed(text: &str) -> Proposal {
        match answered(text) {
            Answer::Proposed(proposal) => proposal,
            open => panic!("{text}: {open:?}"),
        }
    }

    #[test]
    fn what_concerns_health_is_quoted_and_goes_to_a_person() {
        let quoted = proposed("i have a food allergy!");
        assert!(
            quoted.careful && quoted.answer.starts_with("A folder lists them. Please confirm"),
            "{quoted:?}"
        );
        let described = proposed("does the brownie contain nuts?");
        assert!(described.careful && described.answer.contains("“Full of walnuts.” Please"), "{described:?}");
        let asked_plainly = proposed("what is in the brownie?");
        assert!(
            asked_plainly.careful && asked_plainly.answer.contains("Please confirm"),
            "{asked_plainly:?}"
        );
        assert!(!proposed("can I bring my dog?").careful && !proposed("how much is the brownie?").careful);
        // Nothing says that there are no peanuts.
        if let Answer::Proposed(quoted) = answered("do you have peanuts?") {
            assert_eq!(quoted.source, Source::Entry("allergens".to_owned()), "{quoted:?}");
            assert!(quoted.careful);
        }
        for text in ["do you have mustard?", "do you have almonds?", "do you sell fish"] {
            if let Answer::Proposed(quoted) = answered(text) {
                assert!(matches!(quoted.source, Source::Entry(_)), "{text}: {quoted:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_stays_open_and_says_why() {
        let Answer::Open { about, reason } = answered("where is my order?") else { panic!() };
        assert_eq!(about, "fact:status");
        assert!(reason.contains("nothing that is known here says it"), "{reason}");
        let Answer::Open { about, .. } = answered("Do you have karaoke?") else { panic!() };
        assert_eq!(about, "quiz or karaoke");
    }
}
