//! Batches: WebSocket messages that hold many messages of WAMP. They are read in portions, so that a batch, which may be as
//! long as the longest message, holds up nobody else, and its sender no less than one that sends a frame for each message.

use std::borrow::Cow;

use super::receive::{BATCH_MESSAGES_MAX, READ_BYTES};
use super::{Connection, Stage};

/// The rest of a batch that is still to be routed.
pub(super) struct Unread {
    /// The whole batch.
    bytes: Vec<u8>,
    /// Where the rest begins.
    at: usize,
    is_text: bool,
}

impl Connection {
    /// Hands a batch to whoever it is for, message by message: a portion now, and the rest when it is read again.
    #[cold]
    pub(super) fn receive_batch(&mut self, bytes: Cow<'_, [u8]>, is_text: bool) {
        if matches!(self.stage, Stage::Opening(_)) {
            self.heed_separator(&bytes);
        }
        self.route_portion(bytes, 0, is_text);
    }

    /// Goes on with what came before and is still to be looked at: the rest of a batch, then the frames behind it.
    #[cold]
    pub(super) fn receive_leftover(&mut self) {
        self.has_leftover = false;
        let mut leftover = std::mem::take(&mut self.carry);
        if !self.takes_messages() {
            self.unread = None;
            return;
        }
        self.stall.heard();
        match self.unread.take() {
            Some(batch) => {
                self.has_leftover = !leftover.is_empty();
                self.carry = leftover;
                self.route_portion(batch.bytes.into(), batch.at, batch.is_text);
            }
            None => self.receive(&mut leftover),
        }
    }

    /// Routes as many messages as are read at a time, and keeps the rest.
    fn route_portion(&mut self, bytes: Cow<'_, [u8]>, at: usize, is_text: bool) {
        let mut messages = self.peer.wire.batching.split_from(&bytes, at);
        let (mut portion, mut len) = ([&[][..]; BATCH_MESSAGES_MAX], 0);
        let mut violation = None;
        while len < BATCH_MESSAGES_MAX && messages.read_len() - at < READ_BYTES {
            match messages.next() {
                Some(Ok(message)) => portion[len] = message,
                Some(Err(bad)) => violation = Some(bad),
                None => break,
            }
            if violation.is_some() {
                break;
            }
            len += 1;
        }
        let read = messages.read_len();
        self.route(len, |index| (portion[index], is_text));
        if let Some(violation) = violation {
            self.violated(violation);
        } else if read < bytes.len() && self.takes_messages() {
            self.unread = Some(Box::new(Unread { bytes: bytes.into_owned(), at: read, is_text }));
            self.has_leftover = true;
        }
    }
}
