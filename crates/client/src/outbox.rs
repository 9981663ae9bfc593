//! What is to be written: messages serialized and framed, ready for one write.

use crossweave_transport::codec::Encoder;
use crossweave_transport::rawsocket::TooLong;
use crossweave_wamp::{Message, Serializer};

use crate::limits::{KEEP_BYTES, OUTBOUND_RESERVE_BYTES};
use crate::resume::Sent;

/// The sending half of a connection.
pub(crate) struct Outbox {
    serializer: Serializer,
    encoder: Encoder,
    framed: Vec<u8>,
    /// One message before framing.
    scratch: Vec<u8>,
    /// The payload of the last ping that is not answered yet: only the last one has to be.
    pong: Option<Vec<u8>>,
    bytes_max: usize,
    /// What was sent last, if the session can be resumed.
    sent: Option<Box<Sent>>,
}

impl Outbox {
    pub(crate) fn new(serializer: Serializer, encoder: Encoder, bytes_max: usize) -> Outbox {
        Outbox {
            serializer,
            encoder,
            framed: Vec::new(),
            scratch: Vec::new(),
            pong: None,
            bytes_max,
            sent: None,
        }
    }

    /// Keeps what is sent from now on.
    pub(crate) fn keeping(self, sent: Option<Sent>) -> Outbox {
        Outbox { sent: sent.map(Box::new), ..self }
    }

    /// The connection is lost, and the session may go on over another one: there is room for what is sent meanwhile.
    pub(crate) fn suspend(&mut self) {
        self.framed = Vec::new();
        self.pong = None;
    }

    /// Whether all is kept that the router needs, which has received so many messages.
    pub(crate) fn has_kept(&self, received: u64) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.behind(received).is_some())
    }

    /// The session goes on over this connection: what the router has not received is sent again.
    pub(crate) fn resume(&mut self, encoder: Encoder, received: u64) {
        self.suspend();
        self.encoder = encoder;
        for message in self.sent.iter().filter_map(|sent| sent.behind(received)).flatten() {
            let framed = self.encoder.append_message(&mut self.framed, self.serializer.is_text(), message);
            if let Err(too_long) = framed {
                tracing::warn!(%too_long, "message not sent again");
            }
        }
    }

    pub(crate) fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// Whether senders that can wait should.
    pub(crate) fn is_full(&self) -> bool {
        self.framed.len() >= self.bytes_max
    }

    /// Whether also the reserve is used up: the router does not read.
    pub(crate) fn is_overrun(&self) -> bool {
        self.framed.len() >= self.bytes_max.saturating_add(OUTBOUND_RESERVE_BYTES)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.framed.is_empty() && self.pong.is_none()
    }

    /// Appends a message.
    pub(crate) fn send(&mut self, message: &Message<'_>) -> Result<(), TooLong> {
        self.scratch.clear();
        message.encode(self.serializer, &mut self.scratch);
        self.encoder.append_message(&mut self.framed, self.serializer.is_text(), &self.scratch)?;
        if let Some(sent) = &mut self.sent {
            sent.push(&self.scratch);
        }
        if self.scratch.capacity() > KEEP_BYTES {
            self.scratch = Vec::new();
        }
        Ok(())
    }

    pub(crate) fn ping(&mut self, payload: &[u8]) {
        self.encoder.append_ping(&mut self.framed, payload);
    }

    pub(crate) fn pong(&mut self, payload: &[u8]) {
        self.pong = Some(payload.to_vec());
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        self.encoder.append_close(&mut self.framed, Some(code), reason);
    }

    /// Exchanges what is to be written for `written`, which is empty but for its memory.
    pub(crate) fn take(&mut self, written: &mut Vec<u8>) {
        debug_assert!(written.is_empty(), "what was taken before has been written");
        if let Some(payload) = self.pong.take()
            && self.encoder.append_pong(&mut self.framed, &payload).is_err()
        {
            tracing::debug!(len = payload.len(), "ping is longer than its sender receives, not answered");
        }
        if written.capacity() > KEEP_BYTES {
            *written = Vec::new();
        }
        std::mem::swap(&mut self.framed, written);
    }
}
