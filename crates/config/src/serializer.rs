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
}

impl Serializer {
    /// All there are; the default of every transport.
    pub const ALL: [Self; 3] = [Self::Json, Self::MsgPack, Self::Cbor];
}

const WORDS: &[(&str, Option<Serializer>)] = &[
    ("json", Some(Serializer::Json)),
    ("msgpack", Some(Serializer::MsgPack)),
    ("cbor", Some(Serializer::Cbor)),
    ("ubjson", None),
    ("flatbuffers", None),
    ("json.batched", None),
    ("msgpack.batched", None),
    ("cbor.batched", None),
    ("ubjson.batched", None),
    ("flatbuffers.batched", None),
];

/// Reads `serializers`. One that is not built yet is a warning while others remain: clients agree on one of those.
pub(crate) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<Serializer> {
    let Some(list) = fields.get("serializers") else { return Serializer::ALL.to_vec() };
    let mut serializers = Vec::new();
    let mut not_built = Vec::new();
    let elements = reading.elements(&list, "a list of serializers");
    for at in &elements {
        match reading.word(at, WORDS) {
            Some(Some(serializer)) if !serializers.contains(&serializer) => serializers.push(serializer),
            Some(None) => not_built.push(at),
            _ => {}
        }
    }
    let finding = if serializers.is_empty() { Finding::error } else { Finding::warning };
    for at in not_built {
        if let crate::document::Value::String(name) = &at.item.value {
            reading.report(at, finding(format!("serializer `{name}` is not built yet")));
        }
    }
    if elements.is_empty() && matches!(list.item.value, crate::document::Value::List(_)) {
        let message = "a transport without serializers can speak to nobody";
        reading.report(
            &list,
            Finding::error(message).expected("`json`, `msgpack`, `cbor`, or no `serializers` at all"),
        );
    }
    serializers
}
