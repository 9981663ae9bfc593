//! Bytes to messages: the receiving half of a RawSocket connection.

use super::handshake::MaxLen;
use crate::item::{Decoded, Item};
use crate::websocket::RETAIN_LEN_MAX;

const HEADER_LEN: usize = 4;

/// The peer broke RawSocket framing or our limit. The connection must be closed; there is no close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RawSocketError {
    /// A reserved bit of the frame header is set.
    #[error("reserved bits set in frame octet {0:#04x}")]
    ReservedBits(u8),
    /// The frame type is one of 3–7.
    #[error("reserved frame type {0}")]
    ReservedType(u8),
    /// The frame is longer than what we said we receive.
    #[error("frame of {len} octets exceeds the limit of {max} octets")]
    TooLong {
        /// The announced length in octets.
        len: usize,
        /// Our limit in octets.
        max: usize,
    },
}

/// Takes RawSocket framing off a stream of bytes. Used like the WebSocket [`Decoder`](crate::websocket::Decoder).
///
/// Frames that are in the buffer as a whole are borrowed from it. One that is not stays with the caller up to
/// [`RETAIN_LEN_MAX`] octets; a longer one moves into the decoder as it arrives.
pub struct Decoder {
    /// What holds now, in octets. No frame announces more than 2^24.
    max_len: u32,
    configured_max: u32,
    partial: Option<Box<Partial>>,
}

struct Partial {
    kind: Kind,
    len: usize,
    data: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    Message,
    Ping,
    Pong,
}

impl Kind {
    #[inline]
    fn item(self, data: &[u8]) -> Item<'_> {
        match self {
            Kind::Message => Item::Message { text: false, data },
            Kind::Ping => Item::Ping(data),
            Kind::Pong => Item::Pong(data),
        }
    }
}

impl Decoder {
    /// A decoder that receives what we announced in the handshake.
    pub fn new(own_max: MaxLen) -> Decoder {
        Decoder::with_limit(own_max.octets())
    }

    /// A decoder whose limit is not a power of two, or lower than the one announced.
    pub fn with_limit(max_len: usize) -> Decoder {
        let max_len = u32::try_from(max_len).unwrap_or(u32::MAX);
        Decoder { max_len, configured_max: max_len, partial: None }
    }

    /// Takes frames of up to `octets` only, from the next frame header on, and never more than the configured limit,
    /// which `usize::MAX` restores. For peers that have not said yet who they are.
    pub fn set_message_len_max(&mut self, octets: usize) {
        self.max_len = u32::try_from(octets).unwrap_or(u32::MAX).min(self.configured_max);
    }

    /// Takes the next item from the front of `buf`.
    ///
    /// # Errors
    /// The peer broke the framing or the limit: the connection must be closed and the decoder not be used again.
    #[inline]
    pub fn decode<'b>(&'b mut self, buf: &'b mut [u8]) -> Result<Decoded<'b>, RawSocketError> {
        if self.partial.is_some() {
            self.drop_delivered();
        }
        if self.partial.is_some() {
            return Ok(self.continue_partial(buf));
        }
        let Some((kind, len)) = self.parse_header(buf)? else {
            return Ok(Decoded { consumed: 0, item: Item::Incomplete });
        };
        match buf.get(HEADER_LEN..HEADER_LEN + len) {
            Some(payload) => Ok(Decoded { consumed: HEADER_LEN + len, item: kind.item(payload) }),
            None if HEADER_LEN + len <= RETAIN_LEN_MAX => Ok(Decoded { consumed: 0, item: Item::Incomplete }),
            None => {
                let data = buf[HEADER_LEN..].to_vec();
                self.partial = Some(Box::new(Partial { kind, len, data }));
                Ok(Decoded { consumed: buf.len(), item: Item::Incomplete })
            }
        }
    }

    /// Whether a frame has been taken in part, so that the end of the stream would cut it off.
    pub fn is_mid_message(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.data.len() < partial.len)
    }

    /// Octets of memory held for a frame that is being put together; zero when idle.
    pub fn buffered_len(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.data.capacity())
    }

    #[inline]
    fn parse_header(&self, buf: &[u8]) -> Result<Option<(Kind, usize)>, RawSocketError> {
        let Some(header) = buf.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let prefix = u32::from_be_bytes(*header);
        let first = header[0];
        if first & 0xf0 != 0 {
            return Err(RawSocketError::ReservedBits(first));
        }
        let kind = match first & 0x07 {
            0 => Kind::Message,
            1 => Kind::Ping,
            2 => Kind::Pong,
            reserved => return Err(RawSocketError::ReservedType(reserved)),
        };
        let low = (prefix & 0x00ff_ffff) as usize;
        let len = match (first & 0x08 != 0, low) {
            (false, low) => low,
            (true, 0) => 1 << 24,
            (true, _) => return Err(RawSocketError::ReservedBits(first)),
        };
        let max = self.max_len as usize;
        if len > max {
            return Err(RawSocketError::TooLong { len, max });
        }
        Ok(Some((kind, len)))
    }

    fn drop_delivered(&mut self) {
        if self.partial.as_ref().is_some_and(|partial| partial.data.len() == partial.len) {
            self.partial = None;
        }
    }

    fn continue_partial<'b>(&'b mut self, buf: &'b mut [u8]) -> Decoded<'b> {
        let Some(partial) = self.partial.as_mut() else {
            return Decoded { consumed: 0, item: Item::Incomplete };
        };
        let consumed = buf.len().min(partial.len - partial.data.len());
        partial.data.extend_from_slice(&buf[..consumed]);
        if partial.data.len() < partial.len {
            return Decoded { consumed, item: Item::Incomplete };
        }
        Decoded { consumed, item: partial.kind.item(&partial.data) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Encoder, FrameType, SEND_LEN_MAX, TooLong, append_frame};
    use super::*;

    #[test]
    fn length_of_exactly_sixteen_mebibytes_is_read_with_the_extra_bit_only() {
        let decoder = Decoder::new(MaxLen::MAX);
        let parsed = decoder.parse_header(&[0x08, 0, 0, 0]).unwrap().unwrap();
        assert_eq!(parsed.1, 1 << 24);
        assert_eq!(decoder.parse_header(&[0x00, 0xff, 0xff, 0xff]).unwrap().unwrap().1, SEND_LEN_MAX);
        assert_eq!(decoder.parse_header(&[0x08, 0, 0, 1]).err(), Some(RawSocketError::ReservedBits(8)));
        let small = Decoder::with_limit(SEND_LEN_MAX);
        let too_long = RawSocketError::TooLong { len: 1 << 24, max: SEND_LEN_MAX };
        assert_eq!(small.parse_header(&[0x08, 0, 0, 0]).err(), Some(too_long));
        assert_eq!(Encoder::new(MaxLen::MAX).len_max(), SEND_LEN_MAX);
    }

    #[test]
    fn reserved_bits_types_and_long_frames_are_refused_from_the_header_alone() {
        for bit in 4..8 {
            let first = 1 << bit;
            let error = Decoder::new(MaxLen::MAX).decode(&mut [first, 0, 0, 0]).unwrap_err();
            assert_eq!(error, RawSocketError::ReservedBits(first));
        }
        for kind in 3..8 {
            let error = Decoder::new(MaxLen::MAX).decode(&mut [kind, 0, 0, 0]).unwrap_err();
            assert_eq!(error, RawSocketError::ReservedType(kind));
        }
        let error = Decoder::new(MaxLen::MIN).decode(&mut [0, 0, 2, 1]).unwrap_err();
        assert_eq!(error, RawSocketError::TooLong { len: 513, max: 512 });
    }

    #[test]
    fn peer_limit_holds_for_what_is_sent() {
        let mut out = Vec::new();
        let encoder = Encoder::new(MaxLen::MIN);
        assert_eq!(
            encoder.append(&mut out, FrameType::Message, &[0; 513]),
            Err(TooLong { len: 513, max: 512 })
        );
        assert!(out.is_empty());
        encoder.append(&mut out, FrameType::Message, &[0; 512]).unwrap();
        assert_eq!(out[..4], [0, 0, 2, 0]);
    }

    #[test]
    fn idle_decoder_holds_no_memory_after_a_large_frame() {
        let mut wire = Vec::new();
        append_frame(&mut wire, FrameType::Ping, &[7; 200_000]);
        let mut decoder = Decoder::new(MaxLen::MAX);
        let (first, second) = wire.split_at_mut(100_000);
        assert_eq!(decoder.decode(first).unwrap(), Decoded { consumed: 100_000, item: Item::Incomplete });
        assert!(decoder.is_mid_message());
        assert_eq!(decoder.decode(second).unwrap().item, Item::Ping(&[7; 200_000]));
        assert_eq!(decoder.decode(&mut []).unwrap().item, Item::Incomplete);
        assert!(decoder.partial.is_none());
        assert!(size_of::<Decoder>() <= 16);
    }
}
