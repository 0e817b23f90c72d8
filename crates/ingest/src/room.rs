//! How many messages the line has room for: the decision whether ingest goes on.

use runtime::StreamState;

/// What the later stages add for a message that is on the line, at the least.
const GROWTH_BYTES: u64 = 8 * 1024;
/// Events that are still to come for a message that has just been put on the line.
const EVENTS_TO_COME: u64 = 5;

/// How many more messages may be put on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// So many.
    For(u64),
    /// None, for this reason.
    Full(String),
}

/// How many more messages may be put on the line.
///
/// Two bounds. The stream must stay below its watermark. And what is on the line already must be able
/// to go on to its end: a line that is full of beginnings could never finish one of them.
pub fn room(stream: &StreamState, on_the_line: u64, watermark_percent: u8) -> Room {
    if stream.max_bytes == 0 {
        return Room::For(u64::MAX);
    }
    let filled = stream.percent();
    if filled >= f64::from(watermark_percent) {
        return Room::Full(format!(
            "the stream is {filled:.0} % full ({} of {} bytes); new messages wait in the database from \
             {watermark_percent} % on",
            stream.bytes, stream.max_bytes
        ));
    }
    let average = stream.bytes.checked_div(stream.messages).unwrap_or(0);
    let growth = GROWTH_BYTES.max(EVENTS_TO_COME * average);
    // One at least: a stream of a few kilobytes is slow, not stuck.
    let most = (stream.max_bytes.saturating_sub(stream.bytes) / growth).max(1);
    if on_the_line >= most {
        return Room::Full(format!(
            "{on_the_line} messages are on the line, and the stream has room for what comes of {most}; new ones wait \
             in the database"
        ));
    }
    Room::For(most - on_the_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(bytes: u64, max_bytes: u64) -> StreamState {
        StreamState {
            messages: bytes / 1_000,
            bytes,
            max_bytes,
            first_sequence: 1,
            last_sequence: bytes / 1_000,
            created: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn nothing_is_put_on_the_line_from_the_watermark_on() {
        assert!(matches!(room(&stream(790 << 20, 1_000 << 20), 0, 80), Room::For(_)));
        let Room::Full(word) = room(&stream(800 << 20, 1_000 << 20), 0, 80) else { panic!("it went on") };
        assert!(word.contains("80 % full"), "{word}");
    }

    #[test]
    fn what_is_on_the_line_keeps_its_room_to_the_end() {
        let free = stream(0, 80 << 20);
        assert_eq!(room(&free, 0, 80), Room::For(10_240));
        assert_eq!(room(&free, 10_000, 80), Room::For(240));
        assert!(matches!(room(&free, 10_240, 80), Room::Full(_)));
        let large = StreamState { messages: 10, bytes: 1 << 20, ..free };
        let Room::For(few) = room(&large, 0, 80) else { panic!("it stopped") };
        assert!(few < 200, "large messages take more room: {few}");
    }

    #[test]
    fn a_tiny_stream_is_slow_but_not_stuck_and_an_unbounded_one_takes_all() {
        assert_eq!(room(&stream(0, 4_096), 0, 80), Room::For(1));
        assert_eq!(room(&stream(1 << 40, 0), 1 << 30, 80), Room::For(u64::MAX));
    }
}
