//! What a resumable session was sent last.

use std::collections::VecDeque;

use bytes::Bytes;

use super::FRAME_COST_BYTES;

/// The newest messages for a session, as they are framed on its wire, bounded in bytes.
#[derive(Debug)]
pub(crate) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    bytes_max: usize,
    /// The number of the newest message; the first was 1.
    sent: u64,
    /// The number of the newest message that fell out and is no event; 0 if there is none.
    last_needed_lost: u64,
}

#[derive(Debug)]
struct Frame {
    bytes: Bytes,
    is_event: bool,
}

impl Frame {
    fn cost(&self) -> usize {
        self.bytes.len() + FRAME_COST_BYTES
    }
}

/// What a client gets that comes back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replay {
    /// Events that are no longer kept.
    pub(crate) missed: u64,
    /// The messages behind them.
    pub(crate) frames: Vec<Bytes>,
}

impl Ring {
    pub(crate) fn new(bytes_max: usize) -> Ring {
        Ring { frames: VecDeque::new(), bytes: 0, bytes_max, sent: 0, last_needed_lost: 0 }
    }

    /// What all that is kept may count for.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The number of the newest message.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// The number of the newest message that is no longer kept, and that nobody can do without as it is no event.
    pub(crate) fn last_needed_lost(&self) -> u64 {
        self.last_needed_lost
    }

    /// The number of the newest message that is no longer kept.
    fn last_lost(&self) -> u64 {
        self.sent - self.frames.len() as u64
    }

    /// Keeps a message; older ones may fall out.
    pub(crate) fn push(&mut self, bytes: Bytes, is_event: bool) {
        let frame = Frame { bytes, is_event };
        self.sent += 1;
        self.bytes += frame.cost();
        self.frames.push_back(frame);
        while self.bytes > self.bytes_max {
            let Some(lost) = self.pop() else { return };
            if !lost.is_event {
                self.last_needed_lost = self.last_lost();
            }
        }
    }

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.cost();
        Some(frame)
    }

    /// What comes behind the message of this number. The error says, for the log, why that cannot be told.
    pub(crate) fn replay(&self, received: u64) -> Result<Replay, &'static str> {
        if received > self.sent {
            return Err("it claims to have received more than it was sent");
        }
        if received < self.last_needed_lost {
            return Err("a message that it needs is no longer kept");
        }
        let lost = self.last_lost();
        // No more than there are frames.
        let known = received.saturating_sub(lost) as usize;
        let frames = self.frames.range(known..).map(|frame| frame.bytes.clone()).collect();
        Ok(Replay { missed: lost.saturating_sub(received), frames })
    }

    /// The messages up to this number are known to be received. Whoever counts those goes on from it with the first one that is
    /// kept: events that were lost in between have no numbers any more. How many those were.
    pub(crate) fn go_on_from(&mut self, received: u64) -> u64 {
        while self.last_lost() < received.min(self.sent) {
            self.pop();
        }
        let missed = self.last_lost().saturating_sub(received);
        self.sent -= missed;
        missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Room for three messages of one octet.
    fn ring() -> Ring {
        Ring::new(3 * (FRAME_COST_BYTES + 1))
    }

    fn push(ring: &mut Ring, text: &'static str, is_event: bool) {
        ring.push(Bytes::from_static(text.as_bytes()), is_event);
    }

    fn replayed(ring: &Ring, received: u64) -> (u64, String) {
        let replay = ring.replay(received).unwrap();
        (replay.missed, replay.frames.iter().map(|frame| str::from_utf8(frame).unwrap()).collect())
    }

    #[test]
    fn what_was_not_received_is_replayed_in_order() {
        let mut ring = ring();
        ["a", "b", "c"].into_iter().for_each(|text| push(&mut ring, text, true));
        assert_eq!(replayed(&ring, 0), (0, "abc".into()));
        assert_eq!(replayed(&ring, 2), (0, "c".into()));
        assert_eq!(replayed(&ring, 3), (0, "".into()));
    }

    #[test]
    fn events_that_fell_out_are_counted_exactly() {
        let mut ring = ring();
        ["a", "b", "c", "d", "e"].into_iter().for_each(|text| push(&mut ring, text, true));
        assert_eq!(replayed(&ring, 0), (2, "cde".into()));
        assert_eq!(replayed(&ring, 1), (1, "cde".into()));
        assert_eq!(replayed(&ring, 2), (0, "cde".into()));
    }

    #[test]
    fn a_client_that_lacks_an_answer_that_fell_out_cannot_go_on() {
        let mut ring = ring();
        push(&mut ring, "a", false);
        ["b", "c", "d"].into_iter().for_each(|text| push(&mut ring, text, true));
        assert_eq!(ring.last_needed_lost(), 1);
        assert!(ring.replay(0).is_err());
        assert_eq!(replayed(&ring, 1), (0, "bcd".into()));
    }

    #[test]
    fn nobody_has_received_more_than_was_sent() {
        let mut ring = ring();
        push(&mut ring, "a", true);
        assert!(ring.replay(2).is_err());
        assert!(ring.replay(u64::MAX).is_err());
    }

    #[test]
    fn a_message_larger_than_the_ring_is_lost_at_once() {
        let mut ring = ring();
        push(&mut ring, "a", true);
        ring.push(Bytes::from(vec![0; 1_000]), true);
        assert_eq!((ring.bytes, ring.frames.len()), (0, 0));
        assert_eq!(replayed(&ring, 0), (2, "".into()));
    }

    #[test]
    fn what_is_known_to_be_received_makes_room() {
        let mut ring = ring();
        ["a", "b", "c"].into_iter().for_each(|text| push(&mut ring, text, false));
        assert_eq!(ring.go_on_from(2), 0);
        ["d", "e"].into_iter().for_each(|text| push(&mut ring, text, false));
        assert_eq!((replayed(&ring, 2), ring.last_needed_lost()), ((0, "cde".into()), 0));
        assert_eq!(ring.go_on_from(u64::MAX), 0);
        assert_eq!((ring.bytes, ring.sent()), (0, 5));
    }

    #[test]
    fn what_fell_out_has_no_number_any_more_once_it_was_told() {
        let mut ring = ring();
        ["a", "b", "c", "d", "e"].into_iter().for_each(|text| push(&mut ring, text, true));
        assert_eq!(ring.go_on_from(1), 1, "b has fallen out");
        assert_eq!(replayed(&ring, 1), (0, "cde".into()));
        push(&mut ring, "f", true);
        assert_eq!(replayed(&ring, 4), (0, "f".into()), "it has received a, c, d, e");
        assert_eq!(replayed(&ring, 1), (1, "def".into()));
        assert!(ring.replay(6).is_err());
    }
}
