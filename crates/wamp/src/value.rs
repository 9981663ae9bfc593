//! A WAMP value as a tree, for everything off the hot path: details, meta API, tools, the dynamic side of the client.

use std::fmt;

/// Any value that a WAMP serializer can carry.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`, nil, and CBOR's undefined.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that fits 64 bits with a sign.
    Int(i64),
    /// An integer above `i64::MAX`. Smaller ones are always [`Value::Int`].
    UInt(u64),
    /// A floating point number. JSON has no NaN and no infinities: they become `null` there.
    Float(f64),
    /// Text.
    Str(String),
    /// Bytes. In JSON a string of `\0` and base64.
    Bin(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A dict with string keys.
    Dict(Dict),
}

/// A dict with string keys in the order they came.
#[derive(Clone, Default, PartialEq)]
pub struct Dict(Vec<(String, Value)>);

impl Dict {
    /// An empty dict.
    pub fn new() -> Self {
        Dict::default()
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// Sets `key`, replacing a value it had.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key, value)),
        }
    }

    /// Sets `key` and returns the dict: `Dict::new().with("a", 1)`.
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(k, _)| k == key)?;
        Some(self.0.remove(at).1)
    }

    /// Appends without looking for an equal key: for decoders, which have checked.
    pub(crate) fn push(&mut self, key: String, value: Value) {
        self.0.push((key, value));
    }

    /// The text at `key`, if it is text.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The dict at `key`, if it is one.
    pub fn dict(&self, key: &str) -> Option<&Dict> {
        self.get(key)?.as_dict()
    }

    /// Entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(String, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        let mut dict = Dict::new();
        entries.into_iter().for_each(|(key, value)| dict.insert(key, value));
        dict
    }
}

impl IntoIterator for Dict {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Value {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(fact) => Some(*fact),
            _ => None,
        }
    }

    /// The integer, if it is one and not negative. A float without a fraction counts up to 2^53, as JavaScript peers cannot
    /// help sending ids that way.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::UInt(number) => Some(*number),
            Value::Float(number)
                if (0.0..=crate::id::ID_MAX as f64).contains(number) && number.fract() == 0.0 =>
            {
                Some(*number as u64)
            }
            _ => None,
        }
    }

    /// The integer, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::UInt(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The dict, if it is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// Whether it is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

macro_rules! from {
    ($($from:ty => |$it:ident| $value:expr),+ $(,)?) => {
        $(impl From<$from> for Value {
            fn from($it: $from) -> Self {
                $value
            }
        })+
    };
}

from! {
    bool => |it| Value::Bool(it),
    i32 => |it| Value::Int(it.into()),
    u32 => |it| Value::Int(it.into()),
    i64 => |it| Value::Int(it),
    u64 => |it| i64::try_from(it).map_or(Value::UInt(it), Value::Int),
    usize => |it| Value::from(it as u64),
    f64 => |it| Value::Float(it),
    &str => |it| Value::Str(it.to_owned()),
    String => |it| Value::Str(it),
    Vec<u8> => |it| Value::Bin(it),
    Vec<Value> => |it| Value::List(it),
    Dict => |it| Value::Dict(it),
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(it: Option<T>) -> Self {
        it.map_or(Value::Null, Into::into)
    }
}
