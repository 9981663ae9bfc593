//! The serializers: how a message becomes bytes and back.
//!
//! Reading a message never builds a tree. Its own elements are read out of the bytes one after the other; the rest (`args`,
//! `kwargs`) is checked completely (grammar, UTF-8, nesting) while its end is looked for, and travels on as it is, or is
//! copied value by value into another serializer. [`read::Element`] is one checked value, a slice of the bytes that came
//! in. Writing goes through [`write::Writer`].
//!
//! Each serializer is one [`Format`]: [`json`], [`msgpack`], [`cbor`], [`ubjson`]. [`flatbuffers`] is not: only its messages
//! are tables, their payloads are CBOR.

pub mod cbor;
pub mod flatbuffers;
pub(crate) mod heads;
pub mod json;
pub mod msgpack;
pub mod read;
pub(crate) mod transcode;
pub mod ubjson;
pub mod write;

use std::borrow::Cow;
use std::fmt;

use crate::value::Value;

/// A serializer this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Serializer {
    /// JSON (RFC 8259), bytes as a string of `\0` and base64.
    Json,
    /// MessagePack.
    MsgPack,
    /// CBOR (RFC 8949).
    Cbor,
    /// UBJSON draft 12, as Autobahn|Python before 26.6 speaks it.
    Ubjson,
    /// BJData, which peers speak under the name of UBJSON, too: Autobahn|Python since 26.6.
    BjData,
    /// FlatBuffers, by the schema of Autobahn|Python. Its payloads, and values by themselves, are CBOR.
    FlatBuffers,
}

impl Serializer {
    /// All of them, in the order a router prefers when the peer leaves the choice open.
    ///
    /// UBJSON is there twice, as it has two encodings under one name: the first is the one to begin with, and
    /// [`ubjson::dialect::of`] tells which one a peer speaks.
    pub const ALL: [Serializer; 6] = [
        Serializer::Cbor,
        Serializer::MsgPack,
        Serializer::Json,
        Serializer::BjData,
        Serializer::Ubjson,
        Serializer::FlatBuffers,
    ];

    /// The name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Serializer::Json => "json",
            Serializer::MsgPack => "msgpack",
            Serializer::Cbor => "cbor",
            Serializer::Ubjson | Serializer::BjData => "ubjson",
            Serializer::FlatBuffers => "flatbuffers",
        }
    }

    /// The serializer of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Serializer::ALL.into_iter().find(|s| s.name() == name)
    }

    /// The WebSocket subprotocol.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Serializer::Json => "wamp.2.json",
            Serializer::MsgPack => "wamp.2.msgpack",
            Serializer::Cbor => "wamp.2.cbor",
            Serializer::Ubjson | Serializer::BjData => "wamp.2.ubjson",
            Serializer::FlatBuffers => "wamp.2.flatbuffers",
        }
    }

    /// The WebSocket subprotocol with [batches](crate::batch).
    pub fn batched_subprotocol(self) -> &'static str {
        match self {
            Serializer::Json => "wamp.2.json.batched",
            Serializer::MsgPack => "wamp.2.msgpack.batched",
            Serializer::Cbor => "wamp.2.cbor.batched",
            Serializer::Ubjson | Serializer::BjData => "wamp.2.ubjson.batched",
            Serializer::FlatBuffers => "wamp.2.flatbuffers.batched",
        }
    }

    /// The serializer of this WebSocket subprotocol.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Serializer::ALL.into_iter().find(|s| s.subprotocol() == name)
    }

    /// The serializer's number in the RawSocket handshake.
    pub fn rawsocket_id(self) -> u8 {
        match self {
            Serializer::Json => 1,
            Serializer::MsgPack => 2,
            Serializer::Cbor => 3,
            Serializer::Ubjson | Serializer::BjData => 4,
            Serializer::FlatBuffers => 5,
        }
    }

    /// The serializer of this number in the RawSocket handshake.
    pub fn from_rawsocket_id(id: u8) -> Option<Self> {
        Serializer::ALL.into_iter().find(|s| s.rawsocket_id() == id)
    }

    /// The serializer of the payloads in its messages: itself, but for FlatBuffers.
    #[inline]
    pub fn of_payload(self) -> Serializer {
        match self {
            Serializer::FlatBuffers => Serializer::Cbor,
            other => other,
        }
    }

    /// Whether messages are text (WebSocket text frames) rather than bytes.
    pub fn is_text(self) -> bool {
        self == Serializer::Json
    }

    /// The value in `bytes`, which must be one whole value. Nesting is limited to [`crate::limits::DEPTH_MAX`].
    pub fn decode_value(self, bytes: &[u8]) -> Result<Value, Malformed> {
        let value = read::whole_value(self, bytes);
        match value.is_err().then(|| read::spelled_out(self, bytes)).flatten() {
            Some(plain) => read::whole_value(self, &plain),
            None => value,
        }
    }

    /// Appends `value` to `out`, whatever stands in it before.
    pub fn encode_value(self, value: &Value, out: &mut Vec<u8>) {
        if out.is_empty() {
            return with_format!(self, F => write::Writer::<F>::new(out).value(value));
        }
        // The JSON writer looks at what stands before a value to know whether a comma is due.
        let mut own = Vec::new();
        self.encode_value(value, &mut own);
        out.extend_from_slice(&own);
    }

    /// The value in `bytes`, which must be one whole value, in another serializer. No tree is built.
    pub fn transcode_value(self, to: Serializer, bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
        let spelled_out;
        let (bytes, start) = match read::whole_value_start(self, bytes) {
            Ok(start) => (bytes, start),
            Err(bad) => {
                spelled_out = read::spelled_out(self, bytes).ok_or(bad)?;
                (&spelled_out[..], read::whole_value_start(self, &spelled_out)?)
            }
        };
        let mut out = Vec::new();
        transcode::elements(self, to, 1, bytes.get(start..).unwrap_or_default(), &mut out);
        Ok(out)
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Serializer::BjData => "bjdata",
            other => other.name(),
        })
    }
}

/// The bytes are not what the serializer allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} at byte {at}")]
pub struct Malformed {
    /// Bytes from the start of what was read.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
}

impl Malformed {
    pub(crate) fn new(at: usize, why: &'static str) -> Self {
        Malformed { at, why }
    }

    pub(crate) fn truncated(at: usize) -> Self {
        Malformed { at, why: "unexpected end" }
    }
}

/// What starts at a place: a scalar with its value, or the kind of a container.
#[derive(Clone, Debug, PartialEq)]
pub enum Token<'a> {
    /// `null`, nil, undefined.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits `i64`.
    Int(i64),
    /// A larger one.
    UInt(u64),
    /// A floating point number.
    Float(f64),
    /// Text.
    Str(Cow<'a, str>),
    /// Bytes.
    Bin(Cow<'a, [u8]>),
    /// A list starts.
    List,
    /// A dict starts.
    Dict,
}

/// The shape of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A list.
    List,
    /// A dict.
    Dict,
    /// `null`, nil, undefined.
    Null,
    /// Anything else.
    Other,
}

/// Where an iteration over a list or dict stands.
#[derive(Clone, Copy, Debug)]
pub struct Cursor {
    /// The next byte to look at.
    pub at: usize,
    /// Elements left (a dict's key and value count as one); `u64::MAX` where only an end mark tells.
    pub left: u64,
    /// Whether the first element is still to come.
    pub is_first: bool,
}

/// One serializer: where values end, what they are, and how they are written.
///
/// Functions that take `at` expect it at the first byte of a value. None of them allocates from a claimed length and none
/// recurses.
pub trait Format {
    /// Which serializer it is.
    const SERIALIZER: Serializer;

    /// The end of the value at `at`, after checking all of it; `depth` containers are open around it.
    fn skip(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Malformed>;
    /// What the value at `at` is, which has passed [`Format::skip`].
    fn token(bytes: &[u8], at: usize) -> Token<'_>;
    /// Which shape the value at `at` has, as far as its first byte tells.
    fn shape(bytes: &[u8], at: usize) -> Shape;
    /// The non-negative integer at `at` and its end. Nothing for other values, malformed ones and unusual notations: they
    /// take the way over [`Format::skip`] and [`Format::token`].
    fn uint(bytes: &[u8], at: usize) -> Option<(u64, usize)>;
    /// The text at `at`, checked here, and its end. Nothing for other values.
    fn text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(Cow<'a, str>, usize), Malformed>>;
    /// The key at `at` of a dict, if it is text, checked here, and its end.
    #[inline(always)]
    fn key_text<'a>(bytes: &'a [u8], at: usize) -> Option<Result<(Cow<'a, str>, usize), Malformed>> {
        Self::text(bytes, at)
    }
    /// The same value or message in a form that the functions here can read, where `bytes` are not in one and there is such
    /// a form.
    fn spelled_out(_bytes: &[u8]) -> Option<Vec<u8>> {
        None
    }
    /// The end of the dict at `at`, if it is written in the shortest empty form.
    fn plain_empty_dict(bytes: &[u8], at: usize) -> Option<usize>;
    /// Opens the list at `at`.
    fn open_list(bytes: &[u8], at: usize) -> Result<Cursor, Malformed>;
    /// Opens the dict at `at`.
    fn open_dict(bytes: &[u8], at: usize) -> Result<Cursor, Malformed>;
    /// Moves to the next element, or past the end of the container and says `false`.
    fn advance(bytes: &[u8], cursor: &mut Cursor, closing: u8) -> Result<bool, Malformed>;
    /// Moves from the end of a key to its value.
    fn to_value(bytes: &[u8], cursor: &mut Cursor) -> Result<(), Malformed>;
    /// Skips what may stand around values.
    fn skip_space(bytes: &[u8], at: usize) -> usize;
    /// Skips what stands between two elements of a list.
    fn skip_comma(bytes: &[u8], at: usize) -> usize;

    /// Begins a message of `len` elements, whatever stands in `out` before it.
    fn begin_message(out: &mut Vec<u8>, len: usize);
    /// Ends a message.
    fn end_message(out: &mut Vec<u8>);
    /// Begins a list of `len` elements.
    fn begin_list(out: &mut Vec<u8>, len: usize);
    /// Ends a list.
    fn end_list(out: &mut Vec<u8>);
    /// Begins a dict of `len` entries.
    fn begin_dict(out: &mut Vec<u8>, len: usize);
    /// Ends a dict.
    fn end_dict(out: &mut Vec<u8>);
    /// Begins a list whose length is told at its end.
    fn open_counted_list(out: &mut Vec<u8>) -> usize;
    /// Begins a dict whose number of entries is told at its end.
    fn open_counted_dict(out: &mut Vec<u8>) -> usize;
    /// Ends what [`Format::open_counted_list`] began. `false` if the head at `mark` has no room for `len`: a longer one has to
    /// take its place before the output is complete.
    fn close_counted_list(out: &mut Vec<u8>, mark: usize, len: usize) -> bool;
    /// Ends what [`Format::open_counted_dict`] began, and says the same.
    fn close_counted_dict(out: &mut Vec<u8>, mark: usize, len: usize) -> bool;
    /// Writes a dict's key.
    fn key(out: &mut Vec<u8>, key: &str);
    /// Writes null.
    fn null(out: &mut Vec<u8>);
    /// Writes a boolean.
    fn bool(out: &mut Vec<u8>, value: bool);
    /// Writes an unsigned integer.
    fn uint_value(out: &mut Vec<u8>, value: u64);
    /// Writes an integer.
    fn int(out: &mut Vec<u8>, value: i64);
    /// Writes a floating point number.
    fn float(out: &mut Vec<u8>, value: f64);
    /// Writes text.
    fn str(out: &mut Vec<u8>, value: &str);
    /// Writes bytes.
    fn bin(out: &mut Vec<u8>, value: &[u8]);
    /// Writes elements that are already in this serializer.
    fn raw(out: &mut Vec<u8>, elements: &[u8]);
}

/// Whether text is UTF-8. Most is ASCII, which is cheaper to see.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok()
}

/// Calls a function that is generic over the format.
macro_rules! with_format {
    ($serializer:expr, $format:ident => $call:expr) => {
        match $serializer {
            $crate::serializer::Serializer::Json => {
                type $format = $crate::serializer::json::Json;
                $call
            }
            $crate::serializer::Serializer::MsgPack => {
                type $format = $crate::serializer::msgpack::MsgPack;
                $call
            }
            $crate::serializer::Serializer::Cbor | $crate::serializer::Serializer::FlatBuffers => {
                type $format = $crate::serializer::cbor::Cbor;
                $call
            }
            $crate::serializer::Serializer::Ubjson => {
                type $format = $crate::serializer::ubjson::Ubjson<false>;
                $call
            }
            $crate::serializer::Serializer::BjData => {
                type $format = $crate::serializer::ubjson::Ubjson<true>;
                $call
            }
        }
    };
}
pub(crate) use with_format;
