//! Messages to bytes: the sending half of one WebSocket connection.

use super::deflate::Deflate;
use super::frame::{self, Opcode, Role};
use super::mask::MaskKeys;

/// Puts WebSocket framing on messages: masks as a client, compresses if negotiated, fragments if asked to.
///
/// Without any of the three the frames are the same octets for every receiver ([`Encoder::is_shareable`]).
pub struct Encoder {
    masks: Option<Box<MaskKeys>>,
    deflate: Option<Box<Deflate>>,
    fragment_len: usize,
}

impl Encoder {
    /// An encoder for our `role`. With `deflate`, messages that are long enough are compressed.
    pub fn new(role: Role, deflate: Option<Deflate>) -> Encoder {
        let masks = match role {
            Role::Server => None,
            Role::Client => Some(Box::new(MaskKeys::new())),
        };
        Encoder { masks, deflate: deflate.map(Box::new), fragment_len: usize::MAX }
    }

    /// Cuts messages into fragments of at most `len` payload octets. Zero means whole messages, the default.
    pub fn set_fragment_len(&mut self, len: usize) {
        self.fragment_len = if len == 0 { usize::MAX } else { len };
    }

    /// Whether frames do not depend on this connection, so that octets framed once can go to many receivers.
    pub fn is_shareable(&self) -> bool {
        self.masks.is_none() && self.deflate.is_none() && self.fragment_len == usize::MAX
    }

    /// Appends a message.
    #[inline]
    pub fn append_message(&mut self, out: &mut Vec<u8>, text: bool, payload: &[u8]) {
        let opcode = Opcode::of_message(text);
        if self.is_shareable() {
            return frame::append_frame(out, opcode, payload);
        }
        self.append_private_message(out, opcode, payload);
    }

    fn append_private_message(&mut self, out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
        match self.deflate.as_mut().filter(|deflate| deflate.applies_to(payload)) {
            None => self.append_fragments(out, opcode, payload, false),
            Some(deflate) => {
                let mut compressed = Vec::new();
                deflate.compress(payload, &mut compressed);
                self.append_fragments(out, opcode, &compressed, true);
            }
        }
    }

    fn append_fragments(&mut self, out: &mut Vec<u8>, opcode: Opcode, mut rest: &[u8], rsv1: bool) {
        let mut opcode = opcode;
        let mut rsv1 = rsv1;
        loop {
            let (fragment, behind) = rest.split_at(rest.len().min(self.fragment_len));
            let key = self.next_key();
            frame::append_frame_with(out, opcode, fragment, behind.is_empty(), rsv1, key);
            if behind.is_empty() {
                return;
            }
            (opcode, rsv1, rest) = (Opcode::Continuation, false, behind);
        }
    }

    /// Appends a ping. At most 125 octets of `payload` are sent.
    pub fn append_ping(&mut self, out: &mut Vec<u8>, payload: &[u8]) {
        self.append_control(out, Opcode::Ping, payload);
    }

    /// Appends a pong, which must carry the payload of the ping it answers.
    pub fn append_pong(&mut self, out: &mut Vec<u8>, payload: &[u8]) {
        self.append_control(out, Opcode::Pong, payload);
    }

    /// Appends a close frame; a code that must not be on the wire, such as 1006, is left out.
    pub fn append_close(&mut self, out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
        let key = self.next_key();
        frame::append_close(out, code.filter(|code| frame::is_close_code_valid(*code)), reason, key);
    }

    fn append_control(&mut self, out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
        let payload = &payload[..payload.len().min(frame::CONTROL_LEN_MAX)];
        let key = self.next_key();
        frame::append_frame_with(out, opcode, payload, true, false, key);
    }

    fn next_key(&mut self) -> Option<[u8; 4]> {
        self.masks.as_mut().map(|masks| masks.next())
    }

    /// Returns the compressor's memory where the negotiated parameters allow it; call it when nothing is to send.
    pub fn release_if_idle(&mut self) {
        if let Some(deflate) = self.deflate.as_mut() {
            deflate.release_if_idle();
        }
    }
}
