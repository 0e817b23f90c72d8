//! Where a message is that has been on its way for long: the decision whether it is published again.

use contracts::topology::consumer_of;
use contracts::{ConsumerSpec, Topic};
use runtime::DurableState;

/// What the bus says of a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// Its last event, and where that stands in the stream.
    pub last_event: Option<(Topic, u64)>,
    /// A dead letter of it waits for a person.
    pub is_dead_letter: bool,
}

/// The line as it was before anything was asked about a single message.
#[derive(Debug, Clone)]
pub struct Line {
    /// The last place in the stream.
    pub last_sequence: u64,
    /// How far each durable was.
    pub durables: Vec<(&'static ConsumerSpec, DurableState)>,
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Somewhere in the line: its turn comes.
    Waits,
    /// Among the dead letters: a person's turn.
    DeadLetter,
    /// Nowhere: it is published again.
    Lost,
}

/// Where a message is.
///
/// The order of asking matters: the line first, the message after. A station publishes before it
/// acknowledges, so a message whose last event was acknowledged before we asked has no later
/// event only if that was lost.
pub fn whereabouts(traces: &Traces, line: &Line) -> Whereabouts {
    if traces.is_dead_letter {
        return Whereabouts::DeadLetter;
    }
    let Some((topic, sequence)) = traces.last_event else { return Whereabouts::Lost };
    if sequence > line.last_sequence {
        return Whereabouts::Waits;
    }
    let reader = consumer_of(topic).map(|spec| spec.durable);
    let waits = line
        .durables
        .iter()
        .any(|(spec, state)| Some(spec.durable) == reader && state.may_still_need(sequence));
    if waits { Whereabouts::Waits } else { Whereabouts::Lost }
}

#[cfg(test)]
mod tests {
    use contracts::topology::{CLASSIFIER, NOTIFIER_ORDER};

    use super::*;

    fn state(lag: u64, ack_floor: u64) -> DurableState {
        DurableState { pending: lag, ack_pending: 0, redelivered: 0, waiting: 1, ack_floor }
    }

    fn line(classifier: DurableState, notifier: DurableState) -> Line {
        Line { last_sequence: 100, durables: vec![(&CLASSIFIER, classifier), (&NOTIFIER_ORDER, notifier)] }
    }

    #[test]
    fn a_message_that_waits_for_its_turn_or_lies_among_the_dead_is_left_alone() {
        let busy = line(state(3, 50), state(0, 0));
        let at = |topic, sequence| Traces { last_event: Some((topic, sequence)), is_dead_letter: false };
        assert_eq!(whereabouts(&at(Topic::ReceivedMessage, 60), &busy), Whereabouts::Waits);
        assert_eq!(
            whereabouts(&at(Topic::ReceivedMessage, 101), &busy),
            Whereabouts::Waits,
            "it moved meanwhile"
        );
        let dead = Traces { is_dead_letter: true, ..at(Topic::ReceivedMessage, 40) };
        assert_eq!(whereabouts(&dead, &busy), Whereabouts::DeadLetter);
    }

    #[test]
    fn a_message_that_nobody_will_touch_again_is_lost() {
        let busy = line(state(3, 50), state(0, 0));
        let at = |topic, sequence| Traces { last_event: Some((topic, sequence)), is_dead_letter: false };
        assert_eq!(whereabouts(&Traces::default(), &busy), Whereabouts::Lost, "the bus was wiped");
        assert_eq!(
            whereabouts(&at(Topic::ReceivedMessage, 50), &busy),
            Whereabouts::Lost,
            "acknowledged, no output"
        );
        assert_eq!(
            whereabouts(&at(Topic::RegisteredOrder, 60), &busy),
            Whereabouts::Lost,
            "an idle durable's floor is 0"
        );
        assert_eq!(
            whereabouts(&at(Topic::NotifiedOrder, 60), &busy),
            Whereabouts::Lost,
            "told of, but not registered"
        );
    }
}
