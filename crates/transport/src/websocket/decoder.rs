//! Bytes to messages: the receiving half of a WebSocket connection (RFC 6455 sections 5, 6 and 8).
//!
//! ```text
//!              whole frame, one fragment, not compressed
//!   buffer ───────────────────────────────────────────────► Item::Message borrowed from the buffer
//!      │
//!      │ fragment, compressed, or too long for the caller's buffer
//!      ▼
//!   Assembly { data } ── last fragment ──► Item::Message borrowed from the assembly, dropped afterwards
//! ```
//!
//! Text is checked as it arrives: an assembly refuses the first fragment that cannot become UTF-8 any more.

use super::deflate::Inflate;
use super::error::WsError;
use super::frame::{Header, Opcode, Role, parse_close};
use super::mask;
use crate::item::{Decoded, Item};
use std::ops::Range;

/// A frame that is not all there stays with the caller up to this many octets (header included); a longer one
/// moves into the decoder as it arrives. The caller's read buffer must be longer than this.
pub const RETAIN_LEN_MAX: usize = 16 * 1024;

/// An assembly's memory is used again for the next message up to this capacity.
const REUSE_LEN_MAX: usize = 64 * 1024;

/// What a peer may send, in octets. Both are checked before anything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest payload of one frame as it is on the wire. Default 16 MiB; `usize::MAX` for none.
    pub max_frame_size: usize,
    /// The longest message after reassembly and inflation. Default 16 MiB; `usize::MAX` for none.
    pub max_message_size: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_frame_size: 16 << 20, max_message_size: 16 << 20 }
    }
}

/// Takes WebSocket framing off a stream of bytes.
///
/// Call [`Decoder::decode`] over a buffer until it says [`Item::Incomplete`], also when nothing is left in the
/// buffer: that last call returns the memory of a reassembled message, so that an idle decoder is some words long.
pub struct Decoder {
    role: Role,
    is_closed: bool,
    is_compression_allowed: bool,
    /// As configured; see [`Decoder::limits`] for what holds now.
    configured: Limits,
    message_len_max: usize,
    inflate: Option<Box<Inflate>>,
    assembly: Option<Box<Assembly>>,
}

/// A message that is being put together.
#[derive(Default)]
struct Assembly {
    data: Vec<u8>,
    state: AssemblyState,
    is_text: bool,
    is_compressed: bool,
    /// How much of `data` is known to be UTF-8.
    utf8_len: usize,
    /// The frame whose payload has arrived in part.
    frame: Option<OpenFrame>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum AssemblyState {
    /// No message is open; the memory waits for the next one.
    #[default]
    Idle,
    /// Fragments are still to come.
    Open,
    /// The message was handed to the caller.
    Delivered,
}

struct OpenFrame {
    remaining: usize,
    fin: bool,
    /// The masking key as it continues.
    key: [u8; 4],
}

/// What one frame, or a part of one, led to. Ranges are within the buffer.
enum Step {
    NeedMore,
    /// A part was taken into the assembly; go on behind it.
    Taken,
    InPlace {
        text: bool,
        payload: Range<usize>,
    },
    Assembled,
    Ping(Range<usize>),
    Pong(Range<usize>),
    Close(Range<usize>),
}

impl Decoder {
    /// A decoder for our `role`. Without `inflate`, compressed messages are refused.
    pub fn new(role: Role, limits: Limits, inflate: Option<Inflate>) -> Decoder {
        Decoder {
            role,
            is_closed: false,
            is_compression_allowed: true,
            configured: limits,
            message_len_max: usize::MAX,
            inflate: inflate.map(Box::new),
            assembly: None,
        }
    }

    /// Takes frames and messages of up to `octets` only, from the next frame header on, and never more than the
    /// configured limits, which `usize::MAX` restores. For peers that have not said yet who they are.
    ///
    /// A frame whose header was taken under another limit is still taken; the message that it belongs to is
    /// measured anew with the next fragment.
    pub fn set_message_len_max(&mut self, octets: usize) {
        self.message_len_max = octets;
    }

    /// Whether compressed messages are taken where compression was negotiated (default: yes). While they are not,
    /// RSV1 is a violation ([`WsError::ReservedBits`]). A compressed message that is open is still taken.
    pub fn set_compression_allowed(&mut self, allowed: bool) {
        self.is_compression_allowed = allowed;
    }

    /// The limits as they are now.
    #[inline]
    fn limits(&self) -> Limits {
        Limits {
            max_frame_size: self.configured.max_frame_size.min(self.message_len_max),
            max_message_size: self.configured.max_message_size.min(self.message_len_max),
        }
    }

    /// Takes the next item from the front of `buf`, unmasking in place.
    ///
    /// # Errors
    /// The peer broke the protocol or a limit: the connection must be failed and the decoder not be used again.
    #[inline]
    pub fn decode<'b>(&'b mut self, buf: &'b mut [u8]) -> Result<Decoded<'b>, WsError> {
        let (consumed, step) = self.advance(buf)?;
        let item = match step {
            Step::InPlace { text, payload } => Item::Message { text, data: &buf[payload] },
            Step::NeedMore | Step::Taken => Item::Incomplete,
            Step::Assembled => self.delivered(),
            Step::Ping(payload) => Item::Ping(&buf[payload]),
            Step::Pong(payload) => Item::Pong(&buf[payload]),
            Step::Close(payload) => {
                let (code, reason) = parse_close(&buf[payload])?;
                self.is_closed = true;
                Item::Close { code, reason }
            }
        };
        Ok(Decoded { consumed, item })
    }

    /// Whether a message or a close handshake is under way, so that the end of the stream would cut it off.
    pub fn is_mid_message(&self) -> bool {
        self.assembly.as_ref().is_some_and(|assembly| assembly.state == AssemblyState::Open)
    }

    /// Octets of memory held for a message that is being put together; zero when idle.
    pub fn buffered_len(&self) -> usize {
        self.assembly.as_ref().map_or(0, |assembly| assembly.data.capacity())
    }

    fn delivered(&self) -> Item<'_> {
        match &self.assembly {
            Some(assembly) => Item::Message { text: assembly.is_text, data: &assembly.data },
            None => Item::Incomplete,
        }
    }

    /// Goes through frames until one of them is an item or the buffer runs out.
    #[inline]
    fn advance(&mut self, buf: &mut [u8]) -> Result<(usize, Step), WsError> {
        if self.assembly.is_some() {
            self.retire_delivered();
        }
        if self.is_closed {
            return Ok((buf.len(), Step::NeedMore));
        }
        let mut at = 0;
        loop {
            let (used, step) = match self.open_frame() {
                Some(_) => self.continue_frame(&mut buf[at..])?,
                None => self.start_frame(buf, at)?,
            };
            at += used;
            match step {
                Step::Taken => continue,
                Step::NeedMore => {
                    self.release_if_idle();
                    return Ok((at, step));
                }
                item => return Ok((at, item)),
            }
        }
    }

    #[inline]
    fn open_frame(&self) -> Option<&OpenFrame> {
        self.assembly.as_ref()?.frame.as_ref()
    }

    /// Reads the frame that starts at `at`.
    #[inline]
    fn start_frame(&mut self, buf: &mut [u8], at: usize) -> Result<(usize, Step), WsError> {
        let Some(header) = Header::parse(&buf[at..], self.role)? else { return Ok((0, Step::NeedMore)) };
        let is_whole = header.len <= buf.len() - at - header.size;
        let payload = at + header.size..at + header.size + if is_whole { header.len } else { 0 };
        if header.opcode.is_control() {
            return Ok(control_frame(buf, &header, is_whole, payload));
        }
        self.check_data_frame(&header)?;
        if !is_whole {
            return self.start_partial_frame(&mut buf[at..], &header);
        }
        if header.is_masked {
            mask::apply(&mut buf[payload.clone()], header.key);
        }
        let used = header.size + header.len;
        if header.fin && !header.rsv1 && header.opcode != Opcode::Continuation {
            let text = header.opcode == Opcode::Text;
            if text && simdutf8::basic::from_utf8(&buf[payload.clone()]).is_err() {
                return Err(WsError::InvalidUtf8);
            }
            return Ok((used, Step::InPlace { text, payload }));
        }
        self.begin_message(&header);
        Ok((used, self.absorb(&buf[payload], header.fin)?))
    }

    /// Checks what depends on the open message and on the limits, before anything of the frame is kept.
    #[inline]
    fn check_data_frame(&self, header: &Header) -> Result<(), WsError> {
        let open = self.assembly.as_ref().filter(|assembly| assembly.state == AssemblyState::Open);
        let is_continuation = header.opcode == Opcode::Continuation;
        if header.rsv1 && (is_continuation || self.inflate.is_none() || !self.is_compression_allowed) {
            return Err(WsError::ReservedBits(0x40));
        }
        let (assembled_len, is_compressed) = match (open, is_continuation) {
            (None, true) => return Err(WsError::ContinuationUnexpected),
            (Some(_), false) => return Err(WsError::ContinuationMissing),
            (None, false) => (0, header.rsv1),
            (Some(assembly), true) => (assembly.data.len(), assembly.is_compressed),
        };
        let limits = self.limits();
        if header.len > limits.max_frame_size {
            return Err(WsError::FrameTooLong { max: limits.max_frame_size });
        }
        // A compressed message is measured as it is inflated.
        if !is_compressed && header.len > limits.max_message_size.saturating_sub(assembled_len) {
            return Err(WsError::MessageTooLong { max: limits.max_message_size });
        }
        Ok(())
    }

    /// Leaves a short frame with the caller, takes in what is there of a long one.
    fn start_partial_frame(&mut self, buf: &mut [u8], header: &Header) -> Result<(usize, Step), WsError> {
        if header.len <= RETAIN_LEN_MAX - header.size {
            return Ok((0, Step::NeedMore));
        }
        self.begin_message(header);
        self.assembly_mut().frame =
            Some(OpenFrame { remaining: header.len, fin: header.fin, key: header.key });
        let (used, step) = self.continue_frame(&mut buf[header.size..])?;
        Ok((header.size + used, step))
    }

    /// Takes in more of a frame that is too long for the caller's buffer.
    fn continue_frame(&mut self, buf: &mut [u8]) -> Result<(usize, Step), WsError> {
        let Some(frame) = self.assembly_mut().frame.as_mut() else { return Ok((0, Step::Taken)) };
        let used = frame.remaining.min(buf.len());
        if used == 0 {
            return Ok((0, Step::NeedMore));
        }
        let payload = &mut buf[..used];
        mask::apply(payload, frame.key);
        frame.key = mask::advance(frame.key, used);
        frame.remaining -= used;
        let is_frame_done = frame.remaining == 0;
        let is_message_done = is_frame_done && frame.fin;
        if is_frame_done {
            self.assembly_mut().frame = None;
        }
        Ok((used, self.absorb(payload, is_message_done)?))
    }

    fn assembly_mut(&mut self) -> &mut Assembly {
        self.assembly.get_or_insert_default()
    }

    fn begin_message(&mut self, header: &Header) {
        if header.opcode == Opcode::Continuation {
            return;
        }
        let assembly = self.assembly_mut();
        assembly.state = AssemblyState::Open;
        assembly.is_text = header.opcode == Opcode::Text;
        assembly.is_compressed = header.rsv1;
    }

    /// Adds a part of the open message; `is_last` completes it.
    fn absorb(&mut self, payload: &[u8], is_last: bool) -> Result<Step, WsError> {
        let max = self.limits().max_message_size;
        let assembly = self.assembly.get_or_insert_default();
        match self.inflate.as_mut().filter(|_| assembly.is_compressed) {
            Some(inflate) => inflate.inflate(payload, is_last, &mut assembly.data, max)?,
            None => assembly.data.extend_from_slice(payload),
        }
        assembly.check_utf8(is_last)?;
        if !is_last {
            return Ok(Step::Taken);
        }
        assembly.state = AssemblyState::Delivered;
        Ok(Step::Assembled)
    }

    /// Empties the assembly whose message the caller has seen.
    fn retire_delivered(&mut self) {
        let Some(assembly) = self.assembly.as_mut() else { return };
        if assembly.state != AssemblyState::Delivered {
            return;
        }
        if assembly.data.capacity() > REUSE_LEN_MAX {
            self.assembly = None;
        } else {
            assembly.data.clear();
            assembly.utf8_len = 0;
            assembly.state = AssemblyState::Idle;
        }
    }

    #[inline]
    fn release_if_idle(&mut self) {
        if self.assembly.as_ref().is_some_and(|assembly| assembly.state == AssemblyState::Idle) {
            self.assembly = None;
        }
        if self.assembly.is_none()
            && let Some(inflate) = self.inflate.as_mut()
        {
            inflate.release_if_idle();
        }
    }
}

#[inline]
fn control_frame(buf: &mut [u8], header: &Header, is_whole: bool, payload: Range<usize>) -> (usize, Step) {
    if !is_whole {
        return (0, Step::NeedMore);
    }
    mask::apply(&mut buf[payload.clone()], header.key);
    let step = match header.opcode {
        Opcode::Ping => Step::Ping(payload),
        Opcode::Pong => Step::Pong(payload),
        _ => Step::Close(payload),
    };
    (header.size + header.len, step)
}

impl Assembly {
    /// Checks what has been added to a text message; only its end may not cut a character.
    fn check_utf8(&mut self, is_last: bool) -> Result<(), WsError> {
        if !self.is_text {
            return Ok(());
        }
        match simdutf8::compat::from_utf8(&self.data[self.utf8_len..]) {
            Ok(_) => self.utf8_len = self.data.len(),
            Err(error) if error.error_len().is_none() && !is_last => self.utf8_len += error.valid_up_to(),
            Err(_) => return Err(WsError::InvalidUtf8),
        }
        Ok(())
    }
}
