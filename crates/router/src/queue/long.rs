//! Messages that may wait whatever else does.

use std::mem;

/// Long messages that wait beside what the bound holds, [`LONG_MESSAGES_MAX`](super::LONG_MESSAGES_MAX) at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Long {
    pub(super) messages: u8,
    /// Those of them that were taken out.
    pub(super) messages_in_hand: u8,
    /// Bytes of the others.
    pub(super) bytes: usize,
    pub(super) bytes_in_hand: usize,
}

impl Long {
    pub(super) fn add(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len;
    }

    pub(super) fn is_written(&mut self, len: usize) {
        self.messages -= 1;
        self.bytes -= len;
    }

    pub(super) fn take_out(&mut self, len: usize, unwritten: usize) {
        self.messages_in_hand += 1;
        self.bytes -= len;
        self.bytes_in_hand += unwritten;
    }

    /// Nothing is in hand any more.
    pub(super) fn put_away(&mut self) {
        self.messages -= mem::take(&mut self.messages_in_hand);
        self.bytes_in_hand = 0;
    }
}
