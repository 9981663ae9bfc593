//! Rust values as arguments and back, through serde and MessagePack.
//!
//! MessagePack is the bridge because it is both: a serde format that others maintain (`rmp-serde`), and a WAMP serializer. In
//! a session that speaks it, what serde writes is what travels. Other serializers are transcoded from it once, which also
//! gives bytes their proper form in JSON.
//!
//! Structs are dicts with their field names, and types that have a readable form (times, UUIDs, addresses) use it, so that
//! peers in other languages find what they expect.

mod args;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crossweave_wamp::{Dict, Payload, Serializer, Value};

use crate::error::{DecodeError, EncodeError};

/// MessagePack's nil.
const NIL: u8 = 0xc0;
/// MessagePack's list of one.
const LIST_OF_ONE: u8 = 0x91;
/// MessagePack's empty list.
const EMPTY_LIST: u8 = 0x90;

/// `value` in MessagePack.
fn encode(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map().with_human_readable();
    value.serialize(&mut serializer).map_err(|error| EncodeError::Value(error.to_string()))
}

/// One value from MessagePack.
fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    T::deserialize(&mut deserializer).map_err(|error| DecodeError(error.to_string()))
}

/// `args` in MessagePack: a tuple or list is the arguments, `()` is none, any other value is the only one.
pub(crate) fn encode_args(args: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(64);
    encode(args, &mut out)?;
    match out.first() {
        Some(0x90..=0x9f | 0xdc | 0xdd) => {}
        Some(&NIL) if out.len() == 1 => out[0] = EMPTY_LIST,
        _ => out.insert(0, LIST_OF_ONE),
    }
    Ok(out)
}

/// A handler's result in MessagePack: `()` is no argument, any other value is the only one.
pub(crate) fn encode_result(result: &impl Serialize) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(64);
    out.push(LIST_OF_ONE);
    encode(result, &mut out)?;
    if out.len() == 2 && out[1] == NIL {
        out.truncate(1);
        out[0] = EMPTY_LIST;
    }
    Ok(out)
}

/// The dict that a struct or map is.
pub(crate) fn encode_kwargs(kwargs: &impl Serialize) -> Result<Dict, EncodeError> {
    let mut out = Vec::with_capacity(64);
    encode(kwargs, &mut out)?;
    match to_value(&out)? {
        Value::Dict(dict) => Ok(dict),
        Value::Null => Ok(Dict::new()),
        _ => Err(EncodeError::Value("kwargs must be a struct or a map with text keys".to_owned())),
    }
}

/// The list that MessagePack bytes are.
pub(crate) fn to_values(args: &[u8]) -> Result<Vec<Value>, EncodeError> {
    match to_value(args)? {
        Value::List(list) => Ok(list),
        other => Ok(vec![other]),
    }
}

fn to_value(bytes: &[u8]) -> Result<Value, EncodeError> {
    Serializer::MsgPack.decode_value(bytes).map_err(|error| EncodeError::Value(error.to_string()))
}

/// The arguments as a tuple or list, or, if `T` is neither, the only argument.
pub(crate) fn decode_args<T: DeserializeOwned>(payload: &Payload<'_>) -> Result<T, DecodeError> {
    let payload = payload.transcoded(Serializer::MsgPack);
    args::decode(payload.args_bytes().unwrap_or(&[EMPTY_LIST]))
}

/// A call's result: nothing is `()` or `None`, one argument is `T`, several are a tuple or list.
pub(crate) fn decode_result<T: DeserializeOwned>(payload: &Payload<'_>) -> Result<T, DecodeError> {
    let payload = payload.transcoded(Serializer::MsgPack);
    let list = payload.args_bytes().unwrap_or(&[EMPTY_LIST]);
    match args::split(list)? {
        (0, _) => decode(&[NIL]),
        (1, only) => decode(only),
        _ => decode(list),
    }
}

/// The keyword arguments as a struct or map.
pub(crate) fn decode_kwargs<T: DeserializeOwned>(payload: &Payload<'_>) -> Result<T, DecodeError> {
    let mut bytes = Vec::new();
    Serializer::MsgPack.encode_value(&Value::Dict(payload.kwargs()), &mut bytes);
    decode(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i32,
        y: Option<f64>,
        name: String,
    }

    fn point() -> Point {
        Point { x: -5, y: Some(0.5), name: "München".into() }
    }

    fn payload(bytes: Vec<u8>) -> Payload<'static> {
        Payload::from_encoded_args(Serializer::MsgPack, bytes).unwrap()
    }

    /// The payload as it arrives at a peer that speaks another serializer.
    fn through(serializer: Serializer, args: &impl Serialize) -> Payload<'static> {
        payload(encode_args(args).unwrap()).transcoded(serializer).into_owned()
    }

    #[test]
    fn tuples_are_the_arguments_and_other_values_the_only_one() {
        assert_eq!(payload(encode_args(&(1, "a")).unwrap()).args(), [Value::from(1), "a".into()]);
        assert_eq!(payload(encode_args(&vec![1, 2]).unwrap()).args(), [Value::from(1), 2.into()]);
        assert_eq!(payload(encode_args(&"a").unwrap()).args(), [Value::from("a")]);
        assert_eq!(payload(encode_args(&()).unwrap()).args(), []);
        let dict = Dict::new().with("x", -5).with("y", 0.5).with("name", "München");
        assert_eq!(payload(encode_args(&point()).unwrap()).args(), [Value::from(dict)]);
    }

    #[test]
    fn values_survive_every_serializer() {
        for serializer in Serializer::ALL {
            let payload = through(serializer, &(point(), vec![1u8, 2], u64::MAX, true, None::<i32>));
            let back: (Point, Vec<u8>, u64, bool, Option<i32>) = decode_args(&payload).unwrap();
            assert_eq!(back, (point(), vec![1, 2], u64::MAX, true, None), "{serializer}");
            assert_eq!(decode_args::<Point>(&through(serializer, &point())), Ok(point()), "{serializer}");
        }
    }

    #[test]
    fn a_single_type_reads_the_only_argument() {
        assert_eq!(decode_args::<String>(&through(Serializer::Json, &"a")), Ok("a".to_owned()));
        assert_eq!(decode_args::<(String,)>(&through(Serializer::Json, &"a")), Ok(("a".to_owned(),)));
        assert_eq!(decode_args::<Option<i32>>(&Payload::empty()), Ok(None));
        assert_eq!(decode_args::<()>(&Payload::empty()), Ok(()));
        let error = decode_args::<i32>(&through(Serializer::Json, &(1, 2))).unwrap_err();
        assert_eq!(error.to_string(), "unexpected arguments: 2 arguments where one was expected");
    }

    #[test]
    fn wrong_arguments_are_errors() {
        assert!(decode_args::<(i32, i32)>(&through(Serializer::Cbor, &(1,))).is_err());
        assert!(decode_args::<(i32,)>(&through(Serializer::Cbor, &(1, 2))).is_err());
        assert!(decode_args::<(i32,)>(&through(Serializer::Cbor, &("1",))).is_err());
        assert!(decode_args::<()>(&through(Serializer::Cbor, &(1,))).is_err());
    }

    #[test]
    fn one_result_is_itself_and_several_are_a_tuple() {
        assert_eq!(decode_result(&payload(encode_result(&vec![1, 2]).unwrap())), Ok(vec![1, 2]));
        assert_eq!(decode_result(&payload(encode_result(&(1, "a")).unwrap())), Ok((1, "a".to_owned())));
        assert_eq!(decode_result(&payload(encode_args(&(1, "a")).unwrap())), Ok((1, "a".to_owned())));
        assert_eq!(decode_result(&payload(encode_result(&()).unwrap())), Ok(()));
        assert_eq!(decode_result(&payload(encode_result(&()).unwrap())), Ok(None::<i32>));
    }

    #[test]
    fn kwargs_are_a_struct() {
        let kwargs = encode_kwargs(&point()).unwrap();
        for serializer in Serializer::ALL {
            let payload = Payload::new(serializer, &[], &kwargs);
            assert_eq!(decode_kwargs::<Point>(&payload), Ok(point()), "{serializer}");
        }
        assert!(encode_kwargs(&5).is_err());
    }
}
