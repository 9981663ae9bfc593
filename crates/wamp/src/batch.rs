//! Several messages in one WebSocket message: the subprotocols `wamp.2.json.batched`, `wamp.2.msgpack.batched`, ….
//!
//! | serializer | batch |
//! |---|---|
//! | JSON | each message, then 0x1e (the specification) or 0x18 (Autobahn) |
//! | others | each message behind its length: 32 bits, big-endian |
//!
//! Either separator is read. A peer is answered with the one that its first message ended in: see
//! [`Batching::as_peer_does`].

use crate::error::ProtocolViolation;
use crate::serializer::Serializer;

/// ASCII's "record separator", which the specification puts behind each JSON message.
pub const RECORD_SEPARATOR: u8 = 0x1e;

/// ASCII's "cancel", which Autobahn puts there.
pub const CANCEL: u8 = 0x18;

/// Bytes of the length before each message of a binary batch.
const LENGTH_BYTES: usize = 4;

/// How WAMP messages lie in the messages of a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Batching {
    /// One in each.
    #[default]
    Single,
    /// JSON, [`RECORD_SEPARATOR`] behind each.
    RecordSeparator,
    /// JSON, [`CANCEL`] behind each.
    Cancel,
    /// Each behind its length.
    Length,
}

impl Batching {
    /// How the batched subprotocol of a serializer begins.
    pub fn of(serializer: Serializer) -> Self {
        if serializer.is_text() { Batching::RecordSeparator } else { Batching::Length }
    }

    /// The same kind of batches, separated as in the peer's `batch`.
    pub fn as_peer_does(self, batch: &[u8]) -> Self {
        match (self, batch.last()) {
            (Batching::RecordSeparator | Batching::Cancel, Some(&CANCEL)) => Batching::Cancel,
            (Batching::RecordSeparator | Batching::Cancel, _) => Batching::RecordSeparator,
            (other, _) => other,
        }
    }

    /// Begins a message at the end of `out`.
    #[inline]
    pub fn begin(self, out: &mut Vec<u8>) {
        if self == Batching::Length {
            out.extend_from_slice(&[0; LENGTH_BYTES]);
        }
    }

    /// Ends the message that began at `start` of `out`.
    #[inline]
    pub fn end(self, out: &mut Vec<u8>, start: usize) {
        match self {
            Batching::Single => {}
            Batching::RecordSeparator => out.push(RECORD_SEPARATOR),
            Batching::Cancel => out.push(CANCEL),
            Batching::Length => {
                let len = (out.len() - start - LENGTH_BYTES) as u32;
                out[start..start + LENGTH_BYTES].copy_from_slice(&len.to_be_bytes());
            }
        }
    }

    /// The messages in a batch, in order. After an error there are no more.
    pub fn split(self, batch: &[u8]) -> Messages<'_> {
        self.split_from(batch, 0)
    }

    /// The messages of a batch from a byte on, which is one that [`Messages::read_len`] has told of the same batch.
    pub fn split_from(self, batch: &[u8], at: usize) -> Messages<'_> {
        let rest = batch.get(at..).unwrap_or_default();
        Messages { batching: self, rest, len: batch.len(), is_first: at == 0 }
    }
}

/// The messages in a batch.
#[derive(Clone, Debug)]
pub struct Messages<'b> {
    batching: Batching,
    rest: &'b [u8],
    /// The whole batch's length in bytes.
    len: usize,
    is_first: bool,
}

impl<'b> Messages<'b> {
    /// Bytes of the batch that are read: its length once there are no more messages.
    pub fn read_len(&self) -> usize {
        self.len - self.rest.len()
    }

    /// The message that ends in a separator; the last one may lack it.
    fn separated(&mut self) -> &'b [u8] {
        // JSON has no control characters, so a separator is never part of a message.
        let end = memchr::memchr2(RECORD_SEPARATOR, CANCEL, self.rest).unwrap_or(self.rest.len());
        let (message, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        message
    }

    fn behind_length(&mut self) -> Result<&'b [u8], ProtocolViolation> {
        let at = self.read_len();
        let Some((length, rest)) = self.rest.split_first_chunk() else {
            return Err(ProtocolViolation::new(format!(
                "malformed batch at byte {at}: no room for a length"
            )));
        };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((message, rest)) = rest.split_at_checked(length) else {
            let left = rest.len();
            return Err(ProtocolViolation::new(format!(
                "malformed batch at byte {at}: a message of {length} bytes where {left} are left"
            )));
        };
        self.rest = rest;
        Ok(message)
    }
}

impl<'b> Iterator for Messages<'b> {
    type Item = Result<&'b [u8], ProtocolViolation>;

    fn next(&mut self) -> Option<Self::Item> {
        // An empty batch is one empty message, which its reader refuses.
        if self.rest.is_empty() && !self.is_first {
            return None;
        }
        self.is_first = false;
        let message = match self.batching {
            Batching::Single => Ok(std::mem::take(&mut self.rest)),
            Batching::RecordSeparator | Batching::Cancel => Ok(self.separated()),
            Batching::Length => self.behind_length(),
        };
        if message.is_err() {
            self.rest = &[];
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(batching: Batching, batch: &[u8]) -> Result<Vec<&[u8]>, ProtocolViolation> {
        batching.split(batch).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for batching in [Batching::RecordSeparator, Batching::Cancel, Batching::Length] {
            let mut out = b"before".to_vec();
            for message in [&b"[1]"[..], b"[2,3]"] {
                let start = out.len();
                batching.begin(&mut out);
                out.extend_from_slice(message);
                batching.end(&mut out, start);
            }
            assert_eq!(messages(batching, &out[6..]), Ok(vec![&b"[1]"[..], b"[2,3]"]), "{batching:?}");
        }
        assert_eq!(messages(Batching::Single, b"[1]"), Ok(vec![&b"[1]"[..]]));
    }

    #[test]
    fn either_separator_is_read_and_answered_in_kind() {
        let batching = Batching::of(Serializer::Json);
        assert_eq!(messages(batching, b"[1]\x18[2]\x1e[3]\x18"), Ok(vec![&b"[1]"[..], b"[2]", b"[3]"]));
        assert_eq!(messages(batching, b"[1]"), Ok(vec![&b"[1]"[..]]), "the last separator may be missing");
        assert_eq!(batching.as_peer_does(b"[1]\x18"), Batching::Cancel);
        assert_eq!(Batching::Cancel.as_peer_does(b"[1]\x1e"), Batching::RecordSeparator);
        assert_eq!(Batching::Length.as_peer_does(b"\0\0\0\x01\x18"), Batching::Length);
    }

    #[test]
    fn lengths_that_lie_end_the_batch() {
        let lie = |batch: &[u8]| messages(Batching::Length, batch).unwrap_err().message().to_owned();
        assert!(lie(b"\0\0").contains("no room for a length"));
        assert!(lie(b"").contains("at byte 0"));
        assert!(
            lie(b"\0\0\0\x01a\xff\xff\xff\xffb")
                .contains("at byte 5: a message of 4294967295 bytes where 1 are left")
        );
        let mut batch = Batching::Length.split(b"\0\0\0\x01a\0\0\0\x09b");
        assert_eq!(batch.next(), Some(Ok(&b"a"[..])));
        assert!(matches!(batch.next(), Some(Err(_))));
        assert_eq!(batch.next(), None);
    }

    #[test]
    fn a_batch_can_be_left_behind_any_message() {
        for (batching, batch) in [
            (Batching::RecordSeparator, &b"[1]\x1e[2]\x1e[3]"[..]),
            (Batching::Length, b"\0\0\0\x03[1]\0\0\0\x03[2]\0\0\0\x03[3]"),
        ] {
            let (mut found, mut at) = (Vec::new(), 0);
            while at < batch.len() {
                let mut messages = batching.split_from(batch, at);
                found.push(messages.next().unwrap().unwrap());
                at = messages.read_len();
            }
            assert_eq!(found, [b"[1]", b"[2]", b"[3]"], "{batching:?}");
            assert_eq!(batching.split_from(batch, at).next(), None);
        }
        let mut lie = Batching::Length.split(b"\0\0\0\x01a\0\0");
        let _ = lie.next();
        let error = Batching::Length.split_from(b"\0\0\0\x01a\0\0", lie.read_len()).next().unwrap();
        assert!(error.unwrap_err().message().contains("at byte 5"), "the place is the batch's");
    }

    #[test]
    fn an_empty_message_is_left_to_its_reader() {
        assert_eq!(messages(Batching::RecordSeparator, b""), Ok(vec![&b""[..]]));
        assert_eq!(messages(Batching::RecordSeparator, b"\x1e"), Ok(vec![&b""[..]]));
        assert_eq!(messages(Batching::Length, b"\0\0\0\0"), Ok(vec![&b""[..]]));
    }
}
