//! The few values that set-up messages are made of.

use super::{Codec, cbor, json, msgpack};
use crate::login::Login;

/// A value of a set-up message. The hot messages are templates instead.
pub(crate) enum Value<'a> {
    Uint(u64),
    Text(&'a str),
    List(Vec<Value<'a>>),
    Map(Vec<(&'a str, Value<'a>)>),
}

impl Codec {
    /// Appends `value` in this serializer.
    pub(crate) fn write(self, value: &Value<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Json => json::write(value, out),
            Self::Msgpack => msgpack::write(value, out),
            Self::Cbor => cbor::write(value, out),
        }
    }

    /// Appends an unsigned integer.
    pub(crate) fn uint(self, value: u64, out: &mut Vec<u8>) {
        match self {
            Self::Json => json::digits(value, out),
            Self::Msgpack => msgpack::uint(value, out),
            Self::Cbor => cbor::uint(value, out),
        }
    }
}

/// HELLO for `realm`, with all four client roles.
pub(crate) fn hello(realm: &str, login: Login) -> Value<'_> {
    let roles = ["publisher", "subscriber", "caller", "callee"];
    let roles = roles.map(|role| (role, Value::Map(vec![]))).into_iter().collect();
    let mut details = vec![("roles", Value::Map(roles))];
    details.extend(login.details());
    Value::List(vec![Value::Uint(1), Value::Text(realm), Value::Map(details)])
}

/// AUTHENTICATE.
pub(crate) fn authenticate(signature: &str) -> Value<'_> {
    Value::List(vec![Value::Uint(5), Value::Text(signature), Value::Map(vec![])])
}

/// How the URI of a subscription is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    Prefix,
    Wildcard,
}

/// SUBSCRIBE.
pub(crate) fn subscribe(request: u64, policy: Match, topic: &str) -> Value<'_> {
    let options = match policy {
        Match::Exact => vec![],
        Match::Prefix => vec![("match", Value::Text("prefix"))],
        Match::Wildcard => vec![("match", Value::Text("wildcard"))],
    };
    Value::List(vec![Value::Uint(32), Value::Uint(request), Value::Map(options), Value::Text(topic)])
}

/// REGISTER.
pub(crate) fn register(request: u64, procedure: &str) -> Value<'_> {
    Value::List(vec![Value::Uint(64), Value::Uint(request), Value::Map(vec![]), Value::Text(procedure)])
}
