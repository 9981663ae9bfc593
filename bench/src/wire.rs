//! What the generator speaks: WAMP in three serializers over two framings, and the NATS text protocol.
//!
//! Written for the generator alone and shared with nothing, so that a fault of the router's own codec cannot hide
//! here. Outgoing messages are prepared once ([`template::Template`]); per message only an id and the payload are
//! written. Incoming messages are skimmed for what a scenario needs, and never turned into a tree of values.

use std::fmt;

pub(crate) mod cbor;
pub(crate) mod json;
pub(crate) mod message;
pub(crate) mod msgpack;
pub(crate) mod nats;
pub(crate) mod rawsocket;
pub(crate) mod template;
pub(crate) mod value;
pub(crate) mod websocket;

/// A WAMP serializer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Codec {
    /// `wamp.2.json`
    Json,
    /// `wamp.2.msgpack`
    Msgpack,
    /// `wamp.2.cbor`
    Cbor,
}

/// A protocol with its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wire {
    /// WAMP in length-prefixed frames.
    RawSocket(Codec),
    /// WAMP in masked WebSocket frames.
    WebSocket(Codec),
    /// The NATS client protocol.
    Nats,
}

impl Wire {
    /// RawSocket with MessagePack: the cheapest WAMP there is.
    pub(crate) const RS_MSGPACK: Self = Self::RawSocket(Codec::Msgpack);
    /// RawSocket with CBOR.
    pub(crate) const RS_CBOR: Self = Self::RawSocket(Codec::Cbor);
    /// WebSocket with JSON: what a browser speaks.
    pub(crate) const WS_JSON: Self = Self::WebSocket(Codec::Json);

    /// Reads the next whole message at the start of `bytes`, with the octets it took; `None` if it has not all arrived.
    ///
    /// Before the peer has answered the handshake (`is_open` false) that answer is what is read.
    pub(crate) fn next<'a>(
        self,
        is_open: bool,
        bytes: &'a [u8],
    ) -> Result<Option<(Incoming<'a>, usize)>, Malformed> {
        match (self, is_open) {
            (Self::RawSocket(codec), false) => rawsocket::handshake_answer(codec, bytes),
            (Self::RawSocket(codec), true) => rawsocket::next(codec, bytes),
            (Self::WebSocket(codec), false) => websocket::handshake_answer(codec, bytes),
            (Self::WebSocket(codec), true) => websocket::next(codec, bytes),
            (Self::Nats, false) => nats::greeting(bytes),
            (Self::Nats, true) => nats::next(bytes),
        }
    }

    /// Appends one message to `out` in this wire's framing; `write` appends the message itself.
    pub(crate) fn frame(self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::RawSocket(_) => rawsocket::frame(out, rawsocket::MESSAGE, write),
            Self::WebSocket(Codec::Json) => websocket::frame(out, websocket::TEXT, write),
            Self::WebSocket(_) => websocket::frame(out, websocket::BINARY, write),
            Self::Nats => write(out),
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codec = |codec: &Codec| match codec {
            Codec::Json => "json",
            Codec::Msgpack => "msgpack",
            Codec::Cbor => "cbor",
        };
        match self {
            Self::RawSocket(c) => write!(f, "rs {}", codec(c)),
            Self::WebSocket(c) => write!(f, "ws {}", codec(c)),
            Self::Nats => f.write_str("nats"),
        }
    }
}

/// What names the request that an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    /// A WAMP request id. NATS has none.
    Id(u64),
    /// A NATS reply subject.
    Subject(&'a [u8]),
}

/// An incoming message, reduced to what the scenarios look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// The transport's handshake has been accepted.
    Upgraded,
    /// CHALLENGE in JSON, whole.
    Challenged(&'a [u8]),
    /// WELCOME.
    Joined,
    /// SUBSCRIBED, REGISTERED, PUBLISHED or UNSUBSCRIBED.
    Acknowledged,
    /// NATS PONG, which answers both CONNECT and what a client sent before its PING.
    Pong,
    /// EVENT, with its payload.
    Event(&'a [u8]),
    /// INVOCATION (or a NATS message that asks for a reply), with its payload.
    Invocation(Key<'a>, &'a [u8]),
    /// RESULT, with its payload.
    Result(&'a [u8]),
    /// ERROR, with its URI.
    Failed(&'a [u8]),
    /// ABORT, GOODBYE, a WebSocket close or NATS `-ERR`, with the reason.
    Refused(&'a [u8]),
    /// A ping of the transport that must be answered.
    Ping(&'a [u8]),
    /// Something no scenario looks at.
    Ignored,
    /// The connection is gone.
    Closed,
}

/// The peer sent what the generator cannot read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unreadable bytes from the peer: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests;
