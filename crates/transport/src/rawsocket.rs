//! WAMP RawSocket: a four-octet handshake, then frames with a four-octet header.
//!
//! ```text
//!   handshake   0x7F | LLLL SSSS | 0 | 0     L: 2^(9+L) octets the sender will receive, S: serializer
//!   refusal     0x7F | EEEE 0000 | 0 | 0     E: 1 serializer, 2 length, 3 reserved bits, 4 too many connections
//!   frame       RRRR XTTT | length (24 bits) | payload      T: 0 message, 1 ping, 2 pong
//! ```
//!
//! `X` is the 25th bit of the length, set only for exactly 2^24 octets. We read it and never write it, since older
//! peers take it for a reserved bit: what we send tops at 2^24 - 1 octets.

pub mod decoder;
pub mod handshake;

pub use decoder::{Decoder, RawSocketError};
pub use handshake::{ClientHello, HandshakeError, MaxLen, Refusal, parse_reply};

/// The longest payload that 24 bits of length can announce, and the longest that we send.
pub const SEND_LEN_MAX: usize = (1 << 24) - 1;

/// What a frame is: the low three bits of its first octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameType {
    /// A serialized WAMP message.
    Message = 0,
    /// A request for a pong with the same payload.
    Ping = 1,
    /// The answer to a ping.
    Pong = 2,
}

/// A message is longer than the peer is willing to receive. Nothing was sent; the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("message of {len} octets exceeds the {max} octets the peer receives")]
pub struct TooLong {
    /// The message's length in octets.
    pub len: usize,
    /// The most the peer receives, in octets.
    pub max: usize,
}

/// Appends a frame. `payload` must not exceed [`SEND_LEN_MAX`]; [`Encoder`] also minds the peer's own limit.
#[inline]
pub fn append_frame(out: &mut Vec<u8>, kind: FrameType, payload: &[u8]) {
    debug_assert!(payload.len() <= SEND_LEN_MAX);
    let prefix = u32::from(kind as u8) << 24 | payload.len() as u32;
    out.reserve(4 + payload.len());
    out.extend_from_slice(&prefix.to_be_bytes());
    out.extend_from_slice(payload);
}

/// Puts frames on messages for one peer.
#[derive(Debug, Clone, Copy)]
pub struct Encoder {
    peer_len_max: u32,
}

impl Encoder {
    /// For a peer that receives messages of up to `peer_max` octets.
    pub fn new(peer_max: MaxLen) -> Encoder {
        Encoder { peer_len_max: peer_max.octets().min(SEND_LEN_MAX) as u32 }
    }

    /// The longest payload that may be sent, in octets.
    pub fn len_max(&self) -> usize {
        self.peer_len_max as usize
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// The payload is longer than the peer receives; nothing was appended.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, kind: FrameType, payload: &[u8]) -> Result<(), TooLong> {
        if payload.len() > self.len_max() {
            return Err(TooLong { len: payload.len(), max: self.len_max() });
        }
        append_frame(out, kind, payload);
        Ok(())
    }
}
