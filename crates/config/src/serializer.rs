//! `serializers`: the encodings of WAMP messages that a transport offers.

use crate::reading::{Fields, Finding, Reading};

/// An encoding of WAMP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// `json`.
    Json,
    /// `msgpack`.
    MsgPack,
    /// `cbor`.
    Cbor,
    /// `ubjson`.
    Ubjson,
    /// `flatbuffers`.
    FlatBuffers,
}

impl Serializer {
    /// All there are; the default of every transport.
    pub const ALL: [Self; 5] = [Self::Json, Self::MsgPack, Self::Cbor, Self::Ubjson, Self::FlatBuffers];
}

/// What one word stands for.
#[derive(Clone, Copy)]
enum Word {
    /// A serializer; on WebSocket with and without batches.
    Any(Serializer),
    /// A serializer in batches only.
    Batched(Serializer),
}

/// The serializers of a transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serializers {
    /// Spoken with one message in each of the transport's.
    pub(crate) single: Vec<Serializer>,
    /// Spoken in batches, where the transport has them.
    pub(crate) batched: Vec<Serializer>,
}

/// Whether a transport can carry several messages in one of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batches {
    Spoken,
    Unknown,
}

const WORDS: &[(&str, Word)] = &[
    ("json", Word::Any(Serializer::Json)),
    ("msgpack", Word::Any(Serializer::MsgPack)),
    ("cbor", Word::Any(Serializer::Cbor)),
    ("ubjson", Word::Any(Serializer::Ubjson)),
    ("flatbuffers", Word::Any(Serializer::FlatBuffers)),
    ("json.batched", Word::Batched(Serializer::Json)),
    ("msgpack.batched", Word::Batched(Serializer::MsgPack)),
    ("cbor.batched", Word::Batched(Serializer::Cbor)),
    ("ubjson.batched", Word::Batched(Serializer::Ubjson)),
    ("flatbuffers.batched", Word::Batched(Serializer::FlatBuffers)),
];

impl Serializers {
    /// All there are, the default of every transport.
    pub(crate) fn all() -> Self {
        Self { single: Serializer::ALL.to_vec(), batched: Serializer::ALL.to_vec() }
    }

    fn add(&mut self, word: Word) {
        let add = |to: &mut Vec<Serializer>, serializer| {
            if !to.contains(&serializer) {
                to.push(serializer);
            }
        };
        match word {
            Word::Any(serializer) => {
                add(&mut self.single, serializer);
                add(&mut self.batched, serializer);
            }
            Word::Batched(serializer) => add(&mut self.batched, serializer),
        }
    }
}

/// Reads `serializers`.
pub(crate) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, batches: Batches) -> Serializers {
    let Some(list) = fields.get("serializers") else { return Serializers::all() };
    let mut serializers = Serializers { single: Vec::new(), batched: Vec::new() };
    let elements = reading.elements(&list, "a list of serializers");
    for at in &elements {
        match reading.word(at, WORDS) {
            Some(Word::Batched(_)) if batches == Batches::Unknown => {
                reading.report(at, Finding::error("batches are of WebSocket: RawSocket has none"));
            }
            Some(word) => serializers.add(word),
            None => {}
        }
    }
    if elements.is_empty() && matches!(list.item.value, crate::document::Value::List(_)) {
        let message = "a transport without serializers can speak to nobody";
        reading.report(
            &list,
            Finding::error(message)
                .expected("`json`, `msgpack`, `cbor`, `ubjson`, `flatbuffers`, or no `serializers` at all"),
        );
    }
    serializers
}
