//! Messages, values and URIs.

use crossweave_wamp::uri::{MatchPolicy, Strictness, check};
use crossweave_wamp::{Batching, Message, Serializer, Value};

/// JSON messages.
pub fn json(data: &[u8]) {
    message(Serializer::Json, data);
}

/// MessagePack messages.
pub fn msgpack(data: &[u8]) {
    message(Serializer::MsgPack, data);
}

/// CBOR messages.
pub fn cbor(data: &[u8]) {
    message(Serializer::Cbor, data);
}

/// UBJSON messages: draft 12 and BJData, and which of them it is.
pub fn ubjson(data: &[u8]) {
    message(Serializer::Ubjson, data);
    message(Serializer::BjData, data);
    if let Some(serializer) = crossweave_wamp::serializer::ubjson::dialect::of(data) {
        assert!(Message::decode(serializer, data).is_ok());
    }
}

/// FlatBuffers messages.
pub fn flatbuffers(data: &[u8]) {
    message(Serializer::FlatBuffers, data);
}

/// Batches: their messages are parts of them, in order.
pub fn batch(data: &[u8]) {
    for batching in [Batching::Single, Batching::RecordSeparator, Batching::Length] {
        let mut written = Vec::new();
        let mut is_whole = true;
        for message in batching.split(data) {
            let Ok(message) = message else {
                is_whole = false;
                break;
            };
            let start = written.len();
            batching.begin(&mut written);
            written.extend_from_slice(message);
            batching.end(&mut written, start);
        }
        if is_whole && batching == Batching::Length {
            assert_eq!(written, data);
        }
        let again: Vec<_> = batching.split(&written).collect();
        assert!(!is_whole || again.len() == batching.split(data).count());
    }
}

/// A message that is accepted says the same after a way through any serializer.
fn message(serializer: Serializer, data: &[u8]) {
    let Ok(message) = Message::decode(serializer, data) else { return };
    let said = meaning(&message);
    for other in Serializer::ALL {
        let bytes = message.to_bytes(other);
        let again =
            Message::decode(other, &bytes).unwrap_or_else(|error| panic!("{other} of {message:?}: {error}"));
        assert_eq!(meaning(&again), said, "by way of {other}");
    }
    assert_eq!(meaning(&message.into_owned()), said, "as owned");
}

/// The message as JSON sees it: without the difference of bytes to their text, of NaN to null, of notations, and of the order
/// of keys.
fn meaning(message: &Message<'_>) -> String {
    let json = message.to_bytes(Serializer::Json);
    let value = Serializer::Json.decode_value(&json).expect("a written message is JSON");
    format!("{:?}", sorted(normal(&value)))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.into_iter().map(sorted).collect()),
        Value::Dict(dict) => {
            let mut entries: Vec<_> = dict.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Dict(entries.into_iter().collect())
        }
        other => other,
    }
}

fn normal(value: &Value) -> Value {
    let mut json = Vec::new();
    Serializer::Json.encode_value(value, &mut json);
    Serializer::Json.decode_value(&json).expect("a written value is JSON")
}

/// Values from one serializer to another: as if by way of the tree, and stable.
pub fn transcode(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let from = Serializer::ALL[usize::from(choice) % Serializer::ALL.len()];
    let Ok(value) = from.decode_value(data) else {
        assert!(from.transcode_value(Serializer::Json, data).is_err());
        return;
    };
    for to in Serializer::ALL {
        let direct = from.transcode_value(to, data).expect("what can be read can be transcoded");
        let mut by_tree = Vec::new();
        to.encode_value(&value, &mut by_tree);
        assert_eq!(direct, by_tree, "{from} to {to}");
        let again = to.decode_value(&direct).expect("what was transcoded can be read");
        assert_eq!(format!("{:?}", normal(&again)), format!("{:?}", normal(&value)), "{from} to {to}");
    }
}

/// URIs and patterns.
pub fn uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, uri) = text.split_once('\n').unwrap_or((text, text));
    for policy in [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard] {
        for strictness in [Strictness::Loose, Strictness::Strict] {
            match check(pattern, policy, strictness) {
                Ok(()) => {
                    assert!(
                        pattern.len() <= 1024 && !pattern.contains(|c: char| c.is_whitespace() || c == '#')
                    );
                    assert!(policy == MatchPolicy::Wildcard || !pattern.contains(".."));
                    assert!(check(pattern, policy, Strictness::Loose).is_ok(), "strict is loose");
                }
                Err(bad) => assert!(bad.to_string().len() < 8 * 1024 + 8 * pattern.len()),
            }
        }
        if policy.matches(pattern, uri) && policy == MatchPolicy::Wildcard {
            assert_eq!(pattern.split('.').count(), uri.split('.').count());
        }
        assert!(policy.matches(uri, uri), "a uri matches itself");
    }
}
