//! What a decoder hands to its caller: one item at a time, borrowed wherever possible.

/// The result of one call to a decoder.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'b> {
    /// Octets of the buffer that were used up; the next call starts behind them.
    pub consumed: usize,
    /// What they held.
    pub item: Item<'b>,
}

/// One thing that a peer sent, after framing was taken off.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'b> {
    /// Nothing is complete yet. What was not consumed must be offered again, with more bytes behind it.
    ///
    /// `consumed` may be above zero: parts of fragmented, compressed or large messages move into the decoder.
    Incomplete,
    /// A whole message. `text` says that the octets were checked to be UTF-8 (always `false` on RawSocket).
    Message {
        /// Whether this was a WebSocket text message.
        text: bool,
        /// The payload, unmasked, reassembled and inflated.
        data: &'b [u8],
    },
    /// A ping, to be answered with a pong of the same payload.
    Ping(&'b [u8]),
    /// A pong, asked for or not.
    Pong(&'b [u8]),
    /// The peer starts or answers the WebSocket closing handshake. Whatever follows is discarded.
    Close {
        /// The close code, if the peer gave one.
        code: Option<u16>,
        /// The reason, empty if there was none.
        reason: &'b str,
    },
}
