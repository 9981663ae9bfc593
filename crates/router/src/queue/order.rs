//! Whatever is appended and however it is written: what was taken comes out whole and in order, and the bounds hold.

use super::*;

const BOUNDS: QueueOptions = QueueOptions { bytes_max: 100, on_slow: OnSlow::DropNew };

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % n as u64) as usize
    }
}

/// A queue, what it has taken and not yet given, and who writes it.
struct Game {
    dice: Dice,
    queue: Queue,
    expected: VecDeque<u8>,
    /// What its task has in hand, if it takes out what it writes.
    in_hand: VecDeque<u8>,
    frames: u8,
}

impl Game {
    fn append(&mut self) {
        let lane = [Lane::Event, Lane::Event, Lane::Control, Lane::Last][self.dice.below(4)];
        let is_shared = self.dice.below(3) == 0;
        let len = if is_shared { 40 + self.dice.below(300) } else { 1 + self.dice.below(40) };
        self.frames = self.frames.wrapping_add(1);
        let frame = vec![self.frames; len];
        let appended = match is_shared {
            true => self.queue.append_shared(Bytes::from(frame.clone()), lane, &BOUNDS),
            false => self.queue.append(&frame, lane, &BOUNDS),
        };
        if appended.is_queued() {
            self.expected.extend(frame);
        } else {
            assert!(self.queue.len() > 0, "an empty queue takes everything: {len} in {lane:?}");
        }
        let most = BOUNDS.bytes_max + 2 * RESERVED_LANE_BYTES + 340;
        assert!(self.queue.len_beside_long() <= most);
        assert!(self.queue.long.messages <= LONG_MESSAGES_MAX);
    }

    fn is_written(&mut self, bytes: impl IntoIterator<Item = u8>) {
        for byte in bytes {
            assert_eq!(Some(byte), self.expected.pop_front());
        }
    }

    fn write(&mut self) {
        let len = self.dice.below(self.queue.unwritten().len() + 1);
        let written = self.queue.unwritten()[..len].to_vec();
        self.is_written(written);
        if len > 0 {
            self.queue.advance(len);
        }
    }

    /// As a task does that encrypts: it takes out, and puts away little by little.
    fn write_in_hand(&mut self) {
        if self.dice.below(2) == 0 || self.in_hand.is_empty() {
            self.in_hand.extend(self.queue.take_out());
        }
        let len = self.dice.below(self.in_hand.len() + 1);
        let written: Vec<u8> = self.in_hand.drain(..len).collect();
        self.is_written(written);
        if len > 0 {
            self.queue.put_away(len);
        }
    }

    fn drain(&mut self, takes_out: bool) {
        while self.queue.len() > 0 {
            if takes_out { self.write_in_hand() } else { self.write() }
        }
    }
}

#[test]
fn what_was_taken_comes_out_whole_and_in_order() {
    for seed in 0..400 {
        let dice = Dice(seed * 0x9e37_79b9 + 1);
        let (expected, in_hand) = Default::default();
        let mut game = Game { dice, queue: Queue::default(), expected, in_hand, frames: 0 };
        let takes_out = seed % 2 == 0;
        for _ in 0..300 {
            match game.dice.below(5) {
                0..3 => game.append(),
                _ if takes_out => game.write_in_hand(),
                _ => game.write(),
            }
            assert_eq!(game.queue.len(), game.expected.len());
        }
        game.drain(takes_out);
        assert!(game.expected.is_empty() && game.queue.len_beside_long() == 0);
        let Long { messages, messages_in_hand, bytes, bytes_in_hand } = game.queue.long;
        assert_eq!((messages, messages_in_hand, bytes, bytes_in_hand), (0, 0, 0, 0));
    }
}
