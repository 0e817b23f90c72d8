//! What may be thrown away when the stream fills up: the decision.

use contracts::Topic;
use contracts::topology::CONSUMERS;
use runtime::StreamState;

use crate::config::House;

/// The lowest place that each durable still needs, in the order of [`CONSUMERS`].
pub type Needs = Vec<u64>;

/// Before which place everything may go, so that the stream is as full as wanted; `None` where it is not too full.
///
/// What no durable needs any more is history: it is kept for those who look at it, as long as there is room.
pub fn purge_before(stream: &StreamState, needs: &Needs, house: &House) -> Option<u64> {
    if stream.percent() < f64::from(house.purge_percent) || stream.bytes == 0 {
        return None;
    }
    let keep = stream.max_bytes as f64 * f64::from(house.keep_percent) / 100.0;
    let share = ((stream.bytes as f64 - keep) / stream.bytes as f64).clamp(0.0, 1.0);
    let places = (stream.last_sequence + 1).saturating_sub(stream.first_sequence);
    let wanted = stream.first_sequence + (places as f64 * share).ceil() as u64;
    let lowest = needs.iter().copied().min().unwrap_or(0);
    let place = wanted.min(lowest);
    (place > stream.first_sequence).then_some(place)
}

/// When history is gone and the stream is still too full: before which place the events of each topic may go.
///
/// One slow durable holds on to its own topic only. An output stays while its input may be delivered
/// once more, since by the output a station sees that it has done its work.
pub fn purge_by_topic(needs: &Needs) -> Vec<(Topic, u64)> {
    Topic::ALL
        .iter()
        .map(|&topic| {
            let lowest = CONSUMERS
                .iter()
                .zip(needs)
                .filter(|(spec, _)| spec.input == topic || rank(spec.input) < rank(topic))
                .map(|(_, &need)| need)
                .min();
            (topic, lowest.unwrap_or(0))
        })
        .collect()
}

/// How far down the line a topic is.
fn rank(topic: Topic) -> usize {
    let mut stages: Vec<&str> = Topic::ALL.iter().map(|topic| topic.stage()).collect();
    stages.dedup();
    stages.iter().position(|stage| *stage == topic.stage()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(percent: u64) -> StreamState {
        StreamState {
            messages: 1_000,
            bytes: percent * 10,
            max_bytes: 1_000,
            first_sequence: 1,
            last_sequence: 1_000,
            created: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn needs(of: impl Fn(&str) -> u64) -> Needs {
        CONSUMERS.iter().map(|spec| of(spec.durable)).collect()
    }

    #[test]
    fn history_stays_until_the_stream_fills_up_and_then_the_oldest_goes() {
        let house = House { purge_percent: 60, keep_percent: 30, ..House::default() };
        let all_done = needs(|_| 1_001);
        assert_eq!(purge_before(&stream(59), &all_done, &house), None);
        assert_eq!(purge_before(&stream(60), &all_done, &house), Some(501));
        assert_eq!(purge_before(&stream(100), &all_done, &house), Some(701));
    }

    #[test]
    fn what_a_durable_still_needs_is_never_thrown_away() {
        let house = House { purge_percent: 60, keep_percent: 30, ..House::default() };
        let slow = needs(|durable| if durable == "notifier-misc" { 40 } else { 1_001 });
        assert_eq!(purge_before(&stream(100), &slow, &house), Some(40));
        let stuck = needs(|durable| if durable == "classifier" { 1 } else { 1_001 });
        assert_eq!(purge_before(&stream(100), &stuck, &house), None);
    }

    #[test]
    fn one_slow_durable_holds_on_to_its_own_topic_and_what_comes_after_it() {
        let slow = needs(|durable| if durable == "notifier-order" { 40 } else { 1_001 });
        for (topic, place) in purge_by_topic(&slow) {
            let held = topic == Topic::RegisteredOrder
                || ["answered", "notified", "kitchen"].contains(&topic.stage());
            assert_eq!(place, if held { 40 } else { 1_001 }, "{topic}");
        }
        let slow = needs(|durable| if durable == "classifier" { 7 } else { 1_001 });
        assert!(
            purge_by_topic(&slow).iter().all(|&(_, place)| place == 7),
            "outputs of what may be delivered again"
        );
    }
}
