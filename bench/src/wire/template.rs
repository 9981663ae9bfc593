//! Messages prepared once, of which only an id and the payload are written per message.

use super::value::Value;
use super::{Codec, Key, Wire, cbor, msgpack};

/// A prepared PUBLISH, CALL or YIELD: `head`, the id (of WAMP) or the reply subject, `middle`, the payload, `end`.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    head: Vec<u8>,
    middle: Vec<u8>,
    end: &'static [u8],
}

impl Template {
    /// PUBLISH to `topic` (unacknowledged) with one string argument of `payload` octets.
    pub(crate) fn publish(wire: Wire, topic: &str, payload: usize) -> Self {
        match wire.codec() {
            Some(codec) => Self::wamp(codec, 16, &[Value::Map(vec![]), Value::Text(topic)], payload),
            None => Self::nats(format!("PUB {topic} "), String::new(), payload),
        }
    }

    /// CALL of `procedure`; on NATS a publication that wants its reply at `inbox`.
    ///
    /// The reply subject is the same for all calls of a caller, which is kind to nats-server: its route cache then knows
    /// it. A subject of its own for each call, as NATS clients have it, costs the server about 1.6 times as much.
    pub(crate) fn call(wire: Wire, procedure: &str, inbox: &str, payload: usize) -> Self {
        match wire.codec() {
            Some(codec) => Self::wamp(codec, 48, &[Value::Map(vec![]), Value::Text(procedure)], payload),
            None => Self::nats(format!("PUB {procedure} {inbox} "), String::new(), payload),
        }
    }

    /// YIELD; on NATS a publication to the reply subject.
    pub(crate) fn yield_(wire: Wire, payload: usize) -> Self {
        match wire.codec() {
            Some(codec) => Self::wamp(codec, 70, &[Value::Map(vec![])], payload),
            None => Self::nats("PUB ".to_owned(), " ".to_owned(), payload),
        }
    }

    fn wamp(codec: Codec, code: u64, fixed: &[Value<'_>], payload: usize) -> Self {
        let elements = fixed.len() as u8 + 3;
        let (mut head, mut middle) = (Vec::new(), Vec::new());
        match codec {
            Codec::Json => head.push(b'['),
            Codec::Msgpack => head.push(0x90 | elements),
            Codec::Cbor => head.push(0x80 | elements),
        }
        codec.uint(code, &mut head);
        if codec == Codec::Json {
            head.push(b',');
        }
        for value in fixed {
            if codec == Codec::Json {
                middle.push(b',');
            }
            codec.write(value, &mut middle);
        }
        match codec {
            Codec::Json => middle.extend_from_slice(b",[\""),
            Codec::Msgpack => {
                middle.push(0x91);
                msgpack::text_header(payload, &mut middle);
            }
            Codec::Cbor => {
                middle.push(0x81);
                cbor::text_header(payload, &mut middle);
            }
        }
        let end: &[u8] = if codec == Codec::Json { b"\"]]" } else { b"" };
        Self { head, middle, end }
    }

    fn nats(head: String, before_length: String, payload: usize) -> Self {
        let middle = format!("{before_length}{payload}\r\n").into_bytes();
        Self { head: head.into_bytes(), middle, end: b"\r\n" }
    }

    /// Appends one framed message.
    #[inline]
    pub(crate) fn write(&self, wire: Wire, key: Key<'_>, payload: &[u8], out: &mut Vec<u8>) {
        wire.frame(out, |out| {
            out.extend_from_slice(&self.head);
            match (key, wire.codec()) {
                (Key::Id(id), Some(codec)) => codec.uint(id, out),
                (Key::Subject(subject), _) => out.extend_from_slice(subject),
                (Key::Id(_), None) => {}
            }
            out.extend_from_slice(&self.middle);
            out.extend_from_slice(payload);
            out.extend_from_slice(self.end);
        });
    }
}

impl Wire {
    /// The WAMP serializer; `None` for NATS.
    pub(crate) fn codec(self) -> Option<Codec> {
        match self {
            Self::RawSocket(codec) | Self::WebSocket(codec) => Some(codec),
            Self::Nats => None,
        }
    }
}
