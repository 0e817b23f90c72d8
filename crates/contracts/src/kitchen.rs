//! An order's life in the kitchen: its states, and the steps between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::subject::Topic;

use self::State::{Accepted, Collected, Preparing, Ready, Voided};

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The kitchen is to make it: so every order begins.
    Accepted,
    /// It is being made.
    Preparing,
    /// It waits to be collected.
    Ready,
    /// The customer has it. Final.
    Collected,
    /// It is not made, or no further. Final.
    Voided,
}

/// What a person does with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Begin to make it.
    Start,
    /// It is made.
    Ready,
    /// Hand it over.
    Collect,
    /// It was not ready after all: back to the kitchen.
    Recall,
    /// Call it off.
    Void,
}

/// One row of [`STEPS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// What a person does,
    pub step: Step,
    /// in which states that is possible,
    pub from: &'static [State],
    /// and the state that it leads to.
    pub to: State,
}

/// Every step there is, in the order of [`Step`]; what is not in here is impossible.
pub const STEPS: [Row; 5] = [
    Row { step: Step::Start, from: &[Accepted], to: Preparing },
    Row { step: Step::Ready, from: &[Preparing], to: Ready },
    Row { step: Step::Collect, from: &[Ready], to: Collected },
    Row { step: Step::Recall, from: &[Ready], to: Preparing },
    Row { step: Step::Void, from: &[Accepted, Preparing], to: Voided },
];

impl State {
    /// All of them.
    pub const ALL: [State; 5] = [Accepted, Preparing, Ready, Collected, Voided];

    /// As the database has it: `preparing`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Accepted => "accepted",
            Preparing => "preparing",
            Ready => "ready",
            Collected => "collected",
            Voided => "voided",
        }
    }

    /// The topic that tells that an order came to be in this state; that it is accepted is what `registered.order` tells.
    pub const fn topic(self) -> Topic {
        match self {
            Accepted => Topic::RegisteredOrder,
            Preparing => Topic::KitchenPreparing,
            Ready => Topic::KitchenReady,
            Collected => Topic::KitchenCollected,
            Voided => Topic::KitchenVoided,
        }
    }

    /// The state after a step; none where the step is impossible.
    pub fn after(self, step: Step) -> Option<State> {
        let row = step.row();
        row.from.contains(&self).then_some(row.to)
    }

    /// The steps that are possible; none in a final state.
    pub fn possible(self) -> impl Iterator<Item = Step> {
        STEPS.iter().filter(move |row| row.from.contains(&self)).map(|row| row.step)
    }
}

impl Step {
    /// As it is typed: `start`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Step::Start => "start",
            Step::Ready => "ready",
            Step::Collect => "collect",
            Step::Recall => "recall",
            Step::Void => "void",
        }
    }

    /// The state that it leads to, wherever it is taken.
    pub const fn to(self) -> State {
        self.row().to
    }

    const fn row(self) -> &'static Row {
        &STEPS[self as usize]
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        State::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("the unknown state '{text}' of an order"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_state_that_a_step_leads_to_has_a_topic_of_its_name() {
        for row in &STEPS {
            assert_eq!(row.to.topic().to_string(), format!("kitchen.{}", row.to));
        }
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop::sample::select(STEPS.map(|row| row.step).to_vec())
    }

    #[test]
    fn each_step_finds_its_own_row_and_each_state_its_name() {
        for row in &STEPS {
            assert_eq!(row.step.row(), row);
        }
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("eaten".parse::<State>().is_err());
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
        let page = std::fs::read_to_string(page).unwrap();
        for row in &STEPS {
            let from: Vec<&str> = row.from.iter().map(|state| state.as_str()).collect();
            let line = format!("| `{}` | {} | {} |", row.step, from.join(", "), row.to);
            assert!(page.contains(&line), "docs/architecture.md lacks: {line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        // What an owner expects of a history, said without the table.
        #[test]
        fn whatever_is_pressed_an_order_has_a_legal_history(
            presses in prop::collection::vec(any_step(), 0..40),
        ) {
            let mut history = vec![Accepted];
            for step in presses {
                let state = history[history.len() - 1];
                prop_assert_eq!(state.after(step).is_some(), state.possible().any(|other| other == step));
                history.extend(state.after(step));
            }
            for pair in history.windows(2) {
                let legal = match pair[0] {
                    Accepted => [Preparing, Voided].contains(&pair[1]),
                    Preparing => [Ready, Voided].contains(&pair[1]),
                    Ready => [Collected, Preparing].contains(&pair[1]),
                    Collected | Voided => false,
                };
                prop_assert!(legal, "{:?} in {:?}", pair, &history);
            }
            let count = |state| history.iter().filter(|other| **other == state).count();
            prop_assert!(count(Collected) + count(Voided) <= 1, "{:?}", &history);
            prop_assert!(count(Ready) <= count(Preparing), "{:?}", &history);
        }
    }
}
