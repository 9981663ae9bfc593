//! permessage-deflate (RFC 7692): compressing and inflating messages. [`negotiate`] agrees on the parameters.

pub mod negotiate;

use super::error::WsError;
use super::frame::Role;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
pub use negotiate::{DeflateOptions, DeflateParams, NegotiationError};

/// The end of a flushed deflate stream, which is taken off every message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// How much the output grows at least when inflation needs room, in octets.
const INFLATE_STEP_LEN: usize = 4096;

/// How much room compression asks for at a time, in octets.
const DEFLATE_STEP_LEN: usize = 1024;

/// The smallest window that zlib works with; 8 bits are allowed on the wire only.
const ZLIB_WINDOW_BITS_MIN: u8 = 9;

/// Inflates the messages of a peer, stopping at a cap.
///
/// State of some 46 KiB (measured, whatever the window) is made for the first compressed message. Without context
/// takeover it goes as soon as the connection is idle.
pub struct Inflate {
    stream: Option<Box<Decompress>>,
    window_bits: u8,
    keeps_context: bool,
}

impl Inflate {
    /// For what the peer of `role` sends under `params`.
    pub fn new(role: Role, params: &DeflateParams) -> Inflate {
        let (window_bits, no_context_takeover) = params.sent_by(opposite(role));
        Inflate {
            stream: None,
            window_bits: window_bits.max(ZLIB_WINDOW_BITS_MIN),
            keeps_context: !no_context_takeover,
        }
    }

    /// Appends the inflated `part` of a message to `out`; `is_last` ends the message.
    ///
    /// # Errors
    /// [`WsError::MessageTooLong`] as soon as `out` would exceed `max` octets, [`WsError::InvalidDeflate`] for what
    /// is not a deflate stream.
    pub fn inflate(
        &mut self,
        part: &[u8],
        is_last: bool,
        out: &mut Vec<u8>,
        max: usize,
    ) -> Result<(), WsError> {
        let bits = self.window_bits;
        let stream =
            self.stream.get_or_insert_with(|| Box::new(Decompress::new_with_window_bits(false, bits)));
        inflate_all(stream, part, out, max)?;
        if is_last {
            inflate_all(stream, &TAIL, out, max)?;
            if !self.keeps_context {
                stream.reset(false);
            }
        }
        Ok(())
    }

    /// Returns the memory if no context has to be kept. Must not be called within a message.
    pub(crate) fn release_if_idle(&mut self) {
        if !self.keeps_context {
            self.stream = None;
        }
    }
}

fn inflate_all(stream: &mut Decompress, input: &[u8], out: &mut Vec<u8>, max: usize) -> Result<(), WsError> {
    let mut input = input;
    loop {
        reserve_towards(out, max);
        let (in_before, out_before) = (stream.total_in(), out.len());
        let status =
            stream.decompress_vec(input, out, FlushDecompress::None).map_err(|_| WsError::InvalidDeflate)?;
        let used = (stream.total_in() - in_before) as usize;
        input = &input[used..];
        if out.len() > max {
            return Err(WsError::MessageTooLong { max });
        }
        match status {
            // The peer ended its stream with a final block, as section 7.2.3.5 permits; another one follows.
            Status::StreamEnd => stream.reset(false),
            // No room left over means that more may be waiting inside.
            Status::Ok | Status::BufError if out.len() == out.capacity() => continue,
            Status::Ok | Status::BufError if used == 0 && out.len() == out_before && !input.is_empty() => {
                return Err(WsError::InvalidDeflate);
            }
            Status::Ok | Status::BufError => {}
        }
        if input.is_empty() {
            return Ok(());
        }
    }
}

/// Makes room for more output: doubling, but never far past the cap, of which one octet more shows an excess.
fn reserve_towards(out: &mut Vec<u8>, max: usize) {
    if out.len() < out.capacity() {
        return;
    }
    let left = max.saturating_sub(out.len()).saturating_add(1);
    out.reserve_exact(out.len().max(INFLATE_STEP_LEN).min(left));
}

/// Compresses the messages that we send.
///
/// A compressor takes 205 KiB with 9 to 12 window bits and 316 KiB with 15 (measured), from the first message on.
/// Without context takeover it goes when the driver calls [`Encoder::release_if_idle`].
///
/// [`Encoder::release_if_idle`]: super::Encoder::release_if_idle
pub struct Deflate {
    stream: Option<Box<Compress>>,
    level: u32,
    window_bits: u8,
    keeps_context: bool,
    min_len: usize,
}

impl Deflate {
    /// For what we, being `role`, send under `params`.
    pub fn new(role: Role, params: &DeflateParams, options: &DeflateOptions) -> Deflate {
        let (window_bits, no_context_takeover) = params.sent_by(role);
        Deflate {
            stream: None,
            level: options.level.min(9),
            window_bits,
            keeps_context: !no_context_takeover,
            min_len: options.min_len,
        }
    }

    /// Whether a message is to be compressed: short ones are not worth it.
    ///
    /// zlib has no window of 8 bits. Where a peer asked for it, messages that fit such a window (256 octets) are
    /// compressed one by one and longer ones sent as they are, so that no distance can exceed the window.
    pub fn applies_to(&self, payload: &[u8]) -> bool {
        payload.len() >= self.min_len && (self.window_bits >= ZLIB_WINDOW_BITS_MIN || payload.len() <= 256)
    }

    /// Appends the compressed `payload` to `out`.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        if payload.is_empty() {
            // RFC 7692 section 7.2.3.6: an empty message is one empty block.
            out.push(0);
            return;
        }
        let (level, bits) = (Compression::new(self.level), self.window_bits.max(ZLIB_WINDOW_BITS_MIN));
        let stream =
            self.stream.get_or_insert_with(|| Box::new(Compress::new_with_window_bits(level, false, bits)));
        compress_all(stream, payload, out);
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if !self.keeps_context || self.window_bits < ZLIB_WINDOW_BITS_MIN {
            stream.reset();
        }
    }

    /// Returns the memory if no context has to be kept.
    pub(crate) fn release_if_idle(&mut self) {
        if !self.keeps_context {
            self.stream = None;
        }
    }
}

fn compress_all(stream: &mut Compress, payload: &[u8], out: &mut Vec<u8>) {
    let mut input = payload;
    loop {
        out.reserve(DEFLATE_STEP_LEN + input.len() / 2);
        let before = stream.total_in();
        stream
            .compress_vec(input, out, FlushCompress::Sync)
            .expect("a compressor without a dictionary accepts any input");
        input = &input[(stream.total_in() - before) as usize..];
        // Room left over means that the flush is complete.
        if input.is_empty() && out.len() < out.capacity() {
            return;
        }
    }
}

fn opposite(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}
