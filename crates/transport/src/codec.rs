//! One face for both framings, so that whoever drives a connection need not care which it is.

use crate::item::Decoded;
use crate::rawsocket::{self, FrameType, RawSocketError, TooLong};
use crate::websocket::{self, WsError};

/// The peer broke the framing or a limit; the connection must be failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// On a WebSocket: append a close frame with [`CodecError::close_code`] before closing.
    #[error("websocket: {0}")]
    WebSocket(#[from] WsError),
    /// On a RawSocket: close.
    #[error("rawsocket: {0}")]
    RawSocket(#[from] RawSocketError),
}

impl CodecError {
    /// The close code to send, where the framing has one.
    pub fn close_code(&self) -> Option<u16> {
        match self {
            CodecError::WebSocket(error) => Some(error.close_code()),
            CodecError::RawSocket(_) => None,
        }
    }
}

/// Which framing a connection's octets have, for caches of framed messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Four octets of prefix: shareable between all RawSocket peers.
    RawSocket,
    /// Unmasked, uncompressed WebSocket frames: shareable between all such peers of the same message kind.
    WebSocket,
    /// Masked, compressed or fragmented: octets belong to this connection only.
    Private,
}

/// The receiving half of a codec.
pub enum Decoder {
    /// RawSocket framing.
    RawSocket(rawsocket::Decoder),
    /// WebSocket framing.
    WebSocket(websocket::Decoder),
}

impl Decoder {
    /// Takes the next item from the front of `buf`; call it until it says [`Incomplete`](crate::item::Item::Incomplete).
    ///
    /// `buf` may be changed, as WebSocket payloads are unmasked in place.
    ///
    /// # Errors
    /// The peer broke the framing: fail the connection and use the decoder no more.
    #[inline]
    pub fn decode<'b>(&'b mut self, buf: &'b mut [u8]) -> Result<Decoded<'b>, CodecError> {
        match self {
            Decoder::RawSocket(decoder) => Ok(decoder.decode(buf)?),
            Decoder::WebSocket(decoder) => Ok(decoder.decode(buf)?),
        }
    }

    /// Takes messages of up to `octets` only, from the next frame header on, and never more than what was configured,
    /// which `usize::MAX` restores (the default).
    ///
    /// A peer that has not said yet who it is needs short messages only: so it cannot fill memory with long ones.
    pub fn set_message_len_max(&mut self, octets: usize) {
        match self {
            Decoder::RawSocket(decoder) => decoder.set_message_len_max(octets),
            Decoder::WebSocket(decoder) => decoder.set_message_len_max(octets),
        }
    }

    /// Whether compressed messages are taken, where WebSocket compression was negotiated (default: yes). While they
    /// are not, a compressed frame fails the connection with close code 1002. RawSocket has no compression.
    pub fn set_compression_allowed(&mut self, allowed: bool) {
        if let Decoder::WebSocket(decoder) = self {
            decoder.set_compression_allowed(allowed);
        }
    }

    /// Whether the end of the stream would now cut a message.
    pub fn is_mid_message(&self) -> bool {
        match self {
            Decoder::RawSocket(decoder) => decoder.is_mid_message(),
            Decoder::WebSocket(decoder) => decoder.is_mid_message(),
        }
    }

    /// Octets of memory held for a message that is being put together; zero when idle.
    pub fn buffered_len(&self) -> usize {
        match self {
            Decoder::RawSocket(decoder) => decoder.buffered_len(),
            Decoder::WebSocket(decoder) => decoder.buffered_len(),
        }
    }
}

/// The sending half of a codec.
pub enum Encoder {
    /// RawSocket framing.
    RawSocket(rawsocket::Encoder),
    /// WebSocket framing.
    WebSocket(websocket::Encoder),
}

impl Encoder {
    /// Appends a message. `text` chooses the WebSocket opcode and has no meaning on RawSocket.
    ///
    /// # Errors
    /// A RawSocket peer does not receive messages that long; nothing was appended and the connection goes on.
    #[inline]
    pub fn append_message(&mut self, out: &mut Vec<u8>, text: bool, payload: &[u8]) -> Result<(), TooLong> {
        match self {
            Encoder::RawSocket(encoder) => encoder.append(out, FrameType::Message, payload),
            Encoder::WebSocket(encoder) => {
                encoder.append_message(out, text, payload);
                Ok(())
            }
        }
    }

    /// Appends a ping. A payload of up to 125 octets fits both framings; what is beyond is cut.
    pub fn append_ping(&mut self, out: &mut Vec<u8>, payload: &[u8]) {
        match self {
            Encoder::RawSocket(_) => {
                let payload = &payload[..payload.len().min(websocket::frame::CONTROL_LEN_MAX)];
                rawsocket::append_frame(out, FrameType::Ping, payload);
            }
            Encoder::WebSocket(encoder) => encoder.append_ping(out, payload),
        }
    }

    /// Appends the answer to a ping, with the ping's payload.
    ///
    /// # Errors
    /// A RawSocket peer sent a ping longer than what it receives itself, so it cannot be answered.
    pub fn append_pong(&mut self, out: &mut Vec<u8>, payload: &[u8]) -> Result<(), TooLong> {
        match self {
            Encoder::RawSocket(encoder) => encoder.append(out, FrameType::Pong, payload),
            Encoder::WebSocket(encoder) => {
                encoder.append_pong(out, payload);
                Ok(())
            }
        }
    }

    /// Appends a close frame; does nothing on RawSocket, which has none.
    pub fn append_close(&mut self, out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
        if let Encoder::WebSocket(encoder) = self {
            encoder.append_close(out, code, reason);
        }
    }

    /// The longest message the peer receives, in octets; `usize::MAX` where the framing does not tell.
    pub fn len_max(&self) -> usize {
        match self {
            Encoder::RawSocket(encoder) => encoder.len_max(),
            Encoder::WebSocket(_) => usize::MAX,
        }
    }

    /// Which octets this encoder makes, and so whether they may be shared with other connections.
    #[inline]
    pub fn framing(&self) -> Framing {
        match self {
            Encoder::RawSocket(_) => Framing::RawSocket,
            Encoder::WebSocket(encoder) if encoder.is_shareable() => Framing::WebSocket,
            Encoder::WebSocket(_) => Framing::Private,
        }
    }

    /// Returns memory that is not needed until the next message.
    pub fn release_if_idle(&mut self) {
        if let Encoder::WebSocket(encoder) = self {
            encoder.release_if_idle();
        }
    }
}

/// Both halves of a connection's framing, in either protocol and role.
///
/// A driver in which other tasks append to a connection's queue moves the halves to where they are used.
pub struct Codec {
    /// The receiving half.
    pub decoder: Decoder,
    /// The sending half.
    pub encoder: Encoder,
}

impl Codec {
    /// RawSocket framing that receives up to `own_max` and sends up to `peer_max`.
    pub fn rawsocket(own_max: rawsocket::MaxLen, peer_max: rawsocket::MaxLen) -> Codec {
        Codec {
            decoder: Decoder::RawSocket(rawsocket::Decoder::new(own_max)),
            encoder: Encoder::RawSocket(rawsocket::Encoder::new(peer_max)),
        }
    }

    /// WebSocket framing out of its two halves.
    pub fn websocket(decoder: websocket::Decoder, encoder: websocket::Encoder) -> Codec {
        Codec { decoder: Decoder::WebSocket(decoder), encoder: Encoder::WebSocket(encoder) }
    }

    /// The two halves.
    pub fn split(self) -> (Decoder, Encoder) {
        (self.decoder, self.encoder)
    }

    /// As [`Decoder::decode`].
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    #[inline]
    pub fn decode<'b>(&'b mut self, buf: &'b mut [u8]) -> Result<Decoded<'b>, CodecError> {
        self.decoder.decode(buf)
    }

    /// As [`Encoder::append_message`].
    ///
    /// # Errors
    /// As [`Encoder::append_message`].
    #[inline]
    pub fn append_message(&mut self, out: &mut Vec<u8>, text: bool, payload: &[u8]) -> Result<(), TooLong> {
        self.encoder.append_message(out, text, payload)
    }
}
