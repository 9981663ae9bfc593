//! The record layer of one direction, as far as it is in the clear: RFC 5246, section 6.2.

/// How many bytes of handshake messages are kept of one direction. More than that means no binding.
const MESSAGES_LEN_MAX: usize = 32 * 1024;
/// The longest record in the clear.
const RECORD_LEN_MAX: usize = 1 << 14;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// What one side has sent: its handshake messages without the records they came in.
#[derive(Default)]
pub(super) struct Records {
    /// As much of the record's header as is there.
    header: [u8; 5],
    header_len: usize,
    /// What is still to come of the record.
    body_left: usize,
    messages: Vec<u8>,
    /// A ChangeCipherSpec has come: what follows is encrypted.
    is_sealed: bool,
}

impl Records {
    /// Takes bytes as they come. None if they are nothing that belongs into a handshake, or too many.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !self.is_sealed && !bytes.is_empty() {
            if self.body_left > 0 {
                let (body, rest) = bytes.split_at(self.body_left.min(bytes.len()));
                if self.messages.len() + body.len() > MESSAGES_LEN_MAX {
                    return None;
                }
                self.messages.extend_from_slice(body);
                self.body_left -= body.len();
                bytes = rest;
                continue;
            }
            let missing = &mut self.header[self.header_len..];
            let (part, rest) = bytes.split_at(missing.len().min(bytes.len()));
            missing[..part.len()].copy_from_slice(part);
            self.header_len += part.len();
            bytes = rest;
            if self.header_len == self.header.len() {
                self.begin_record()?;
            }
        }
        Some(())
    }

    fn begin_record(&mut self) -> Option<()> {
        let [kind, major, _, high, low] = self.header;
        let len = usize::from(u16::from_be_bytes([high, low]));
        self.header_len = 0;
        match kind {
            _ if major != 3 || len == 0 || len > RECORD_LEN_MAX => None,
            HANDSHAKE => {
                self.body_left = len;
                Some(())
            }
            CHANGE_CIPHER_SPEC => {
                self.is_sealed = true;
                Some(())
            }
            _ => None,
        }
    }

    /// The messages so far; the last may be cut off.
    pub(super) fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// All messages in the clear, once no more can come.
    pub(super) fn sealed(&self) -> Option<&[u8]> {
        self.is_sealed.then_some(self.messages.as_slice())
    }
}
