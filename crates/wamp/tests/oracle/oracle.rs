//! The same formats by other people's hands: serde_json, rmpv, ciborium. What they and we accept must be equal.
//!
//! Nobody has written UBJSON for Rust: [`ubjson`] is a second reading of its specification, as plain as can be.

#[path = "ubjson.rs"]
mod ubjson;

use crossweave_wamp::{Dict, Serializer, Value};

/// The first value in `bytes` and its length, or nothing if the other implementation refuses it.
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) fn decode(serializer: Serializer, bytes: &[u8]) -> Option<(Value, usize)> {
    match serializer {
        Serializer::Json => {
            let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<serde_json::Value>();
            let value = values.next()?.ok()?;
            Some((from_json(&value), values.byte_offset()))
        }
        Serializer::MsgPack => {
            let mut rest = bytes;
            let value = rmpv::decode::read_value_with_max_depth(&mut rest, 1000).ok()?;
            Some((from_msgpack(&value)?, bytes.len() - rest.len()))
        }
        // Values of FlatBuffers are CBOR.
        Serializer::Cbor | Serializer::FlatBuffers => {
            let mut rest = bytes;
            let value: ciborium::Value =
                ciborium::de::from_reader_with_recursion_limit(&mut rest, 1000).ok()?;
            Some((from_cbor(&value)?, bytes.len() - rest.len()))
        }
        Serializer::Ubjson => ubjson::decode(bytes, false),
        Serializer::BjData => ubjson::decode(bytes, true),
    }
}

/// A JSON value in `serializer`, written by the other implementation.
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) fn encode(serializer: Serializer, value: &serde_json::Value) -> Vec<u8> {
    let mut out = Vec::new();
    match serializer {
        Serializer::Json => out = serde_json::to_vec(value).unwrap(),
        Serializer::MsgPack => rmpv::encode::write_value(&mut out, &to_msgpack(value)).unwrap(),
        Serializer::Cbor | Serializer::FlatBuffers => ciborium::into_writer(value, &mut out).unwrap(),
        Serializer::Ubjson => ubjson::encode(value, false, &mut out),
        Serializer::BjData => ubjson::encode(value, true, &mut out),
    }
    out
}

pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(fact) => Value::Bool(*fact),
        Json::Number(number) if number.is_i64() => Value::Int(number.as_i64().unwrap()),
        Json::Number(number) if number.is_u64() => Value::UInt(number.as_u64().unwrap()),
        Json::Number(number) => Value::Float(number.as_f64().unwrap()),
        Json::String(text) => Value::Str(text.clone()),
        Json::Array(list) => Value::List(list.iter().map(from_json).collect()),
        Json::Object(dict) => {
            Value::Dict(dict.iter().map(|(key, value)| (key.clone(), from_json(value))).collect())
        }
    }
}

fn to_msgpack(value: &serde_json::Value) -> rmpv::Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => rmpv::Value::Nil,
        Json::Bool(fact) => (*fact).into(),
        Json::Number(number) if number.is_i64() => number.as_i64().unwrap().into(),
        Json::Number(number) if number.is_u64() => number.as_u64().unwrap().into(),
        Json::Number(number) => number.as_f64().unwrap().into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(list) => rmpv::Value::Array(list.iter().map(to_msgpack).collect()),
        Json::Object(dict) => rmpv::Value::Map(
            dict.iter().map(|(key, value)| (key.as_str().into(), to_msgpack(value))).collect(),
        ),
    }
}

/// Nothing where the text is not UTF-8 or a key not text, which rmpv lets pass.
fn from_msgpack(value: &rmpv::Value) -> Option<Value> {
    use rmpv::Value as Msg;
    Some(match value {
        Msg::Nil => Value::Null,
        Msg::Boolean(fact) => Value::Bool(*fact),
        Msg::Integer(number) => match number.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::UInt(number.as_u64()?),
        },
        Msg::F32(number) => Value::Float((*number).into()),
        Msg::F64(number) => Value::Float(*number),
        Msg::String(text) => Value::Str(text.as_str()?.to_owned()),
        Msg::Binary(bytes) | Msg::Ext(_, bytes) => Value::Bin(bytes.clone()),
        Msg::Array(list) => Value::List(list.iter().map(from_msgpack).collect::<Option<_>>()?),
        Msg::Map(entries) => {
            let entry = |(key, value): &(Msg, Msg)| Some((key.as_str()?.to_owned(), from_msgpack(value)?));
            Value::Dict(entries.iter().map(entry).collect::<Option<Dict>>()?)
        }
    })
}

fn from_cbor(value: &ciborium::Value) -> Option<Value> {
    use ciborium::Value as Cbor;
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(fact) => Value::Bool(*fact),
        Cbor::Integer(number) => match i64::try_from(*number) {
            Ok(number) => Value::Int(number),
            Err(_) => match u64::try_from(*number) {
                Ok(number) => Value::UInt(number),
                Err(_) => Value::Float(i128::from(*number) as f64),
            },
        },
        Cbor::Float(number) => Value::Float(*number),
        Cbor::Text(text) => Value::Str(text.clone()),
        Cbor::Bytes(bytes) => Value::Bin(bytes.clone()),
        Cbor::Tag(_, inner) => from_cbor(inner)?,
        Cbor::Array(list) => Value::List(list.iter().map(from_cbor).collect::<Option<_>>()?),
        Cbor::Map(entries) => {
            let entry = |(key, value): &(Cbor, Cbor)| Some((key.as_text()?.to_owned(), from_cbor(value)?));
            Value::Dict(entries.iter().map(entry).collect::<Option<Dict>>()?)
        }
        _ => return None,
    })
}
