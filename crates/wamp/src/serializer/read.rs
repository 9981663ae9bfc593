//! Reading values: one checked slice of a message, its entries, its tree.

use std::borrow::Cow;

use super::{Cursor, Format, Malformed, Serializer, Shape, Token, with_format};
use crate::limits::DICT_KEYS_MAX;
use crate::value::{Dict, Value};

/// One element of a message: the checked bytes of one value.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    serializer: Serializer,
    bytes: &'a [u8],
}

/// One entry of a dict: its key and its value.
pub type Entry<'a> = (Cow<'a, str>, Element<'a>);

impl<'a> Element<'a> {
    /// The element whose checked bytes these are.
    #[inline]
    pub(crate) fn from_checked(serializer: Serializer, bytes: &'a [u8]) -> Self {
        Element { serializer, bytes }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What it is.
    #[inline]
    pub fn token(&self) -> Token<'a> {
        with_format!(self.serializer, F => F::token(self.bytes, 0))
    }

    #[inline]
    fn shape(&self) -> Shape {
        with_format!(self.serializer, F => F::shape(self.bytes, 0))
    }

    /// The number, if it is a non-negative integer. A float without a fraction counts, as JavaScript peers cannot help
    /// sending them.
    #[inline]
    pub fn as_u64(&self) -> Option<u64> {
        const EXACT_MAX: f64 = crate::id::ID_MAX as f64;
        match self.token() {
            Token::Int(number) => u64::try_from(number).ok(),
            Token::UInt(number) => Some(number),
            Token::Float(number) if (0.0..=EXACT_MAX).contains(&number) && number.fract() == 0.0 => {
                Some(number as u64)
            }
            _ => None,
        }
    }

    /// The text, if it is text. A JSON string is, also where it could be read as bytes.
    #[inline]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        if let Some(Ok((text, _))) = with_format!(self.serializer, F => F::text(self.bytes, 0)) {
            return Some(text);
        }
        // CBOR text behind a tag.
        match self.token() {
            Token::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    #[inline]
    pub fn as_bool(&self) -> Option<bool> {
        match self.token() {
            Token::Bool(fact) => Some(fact),
            _ => None,
        }
    }

    /// Whether it is a list.
    #[inline]
    pub fn is_list(&self) -> bool {
        self.shape() == Shape::List
    }

    /// Whether it is a dict.
    #[inline]
    pub fn is_dict(&self) -> bool {
        self.shape() == Shape::Dict
    }

    /// Whether it is null, nil or undefined.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self.token(), Token::Null)
    }

    /// The elements of a list, at most `max`; nothing if it is no list.
    pub fn elements(&self, max: usize) -> Option<Result<Vec<Element<'a>>, Malformed>> {
        self.is_list().then(|| with_format!(self.serializer, F => elements::<F>(self.bytes, max)))
    }

    /// The element of a list at `index`, if this is a list that long. What follows it is not read.
    pub(crate) fn nth(&self, index: usize) -> Option<Element<'a>> {
        self.is_list().then(|| with_format!(self.serializer, F => nth::<F>(self.bytes, index)))?
    }

    /// The value of the first entry `name`, if this is a dict that has one. What follows it is not read.
    pub(crate) fn named(&self, name: &str) -> Option<Element<'a>> {
        self.is_dict().then(|| with_format!(self.serializer, F => named::<F>(self.bytes, name)))?
    }

    /// The entries of a dict, at most [`DICT_KEYS_MAX`]; nothing if it is no dict. A repeated key is malformed.
    pub fn entries(&self) -> Option<Result<Vec<Entry<'a>>, Malformed>> {
        fn all<F: Format>(bytes: &[u8]) -> Result<Vec<Entry<'_>>, Malformed> {
            let mut entries = Entries::<F>::open(bytes, 0)?;
            let mut found = Vec::new();
            while let Some(entry) = entries.next()? {
                found.push(entry);
            }
            Ok(found)
        }
        self.is_dict().then(|| with_format!(self.serializer, F => all::<F>(self.bytes)))
    }

    /// The whole value as a tree. Keys of dicts that are not text become the text of their value.
    pub fn value(&self) -> Value {
        with_format!(self.serializer, F => value::<F>(self.bytes, 0).map_or(Value::Null, |(value, _)| value))
    }
}

fn elements<F: Format>(bytes: &[u8], max: usize) -> Result<Vec<Element<'_>>, Malformed> {
    let mut cursor = F::open_list(bytes, 0)?;
    let mut found = Vec::new();
    while F::advance(bytes, &mut cursor, b']')? {
        if found.len() == max {
            return Err(Malformed::new(cursor.at, "list is too long"));
        }
        let start = cursor.at;
        cursor.at = F::skip(bytes, start, 0)?;
        found.push(Element::from_checked(F::SERIALIZER, bytes.get(start..cursor.at).unwrap_or_default()));
    }
    Ok(found)
}

fn nth<F: Format>(bytes: &[u8], index: usize) -> Option<Element<'_>> {
    let mut cursor = F::open_list(bytes, 0).ok()?;
    for _ in 0..index {
        if !F::advance(bytes, &mut cursor, b']').ok()? {
            return None;
        }
        cursor.at = F::skip(bytes, cursor.at, 0).ok()?;
    }
    F::advance(bytes, &mut cursor, b']').ok()?.then(|| here::<F>(bytes, cursor.at))?
}

fn named<'a, F: Format>(bytes: &'a [u8], name: &str) -> Option<Element<'a>> {
    let mut cursor = F::open_dict(bytes, 0).ok()?;
    while F::advance(bytes, &mut cursor, b'}').ok()? {
        let (key, end) = key_text::<F>(bytes, cursor.at).ok()?;
        cursor.at = end;
        F::to_value(bytes, &mut cursor).ok()?;
        if key == name {
            return here::<F>(bytes, cursor.at);
        }
        cursor.at = F::skip(bytes, cursor.at, 0).ok()?;
    }
    None
}

/// The checked value that begins at `at`.
fn here<F: Format>(bytes: &[u8], at: usize) -> Option<Element<'_>> {
    let end = F::skip(bytes, at, 0).ok()?;
    Some(Element::from_checked(F::SERIALIZER, bytes.get(at..end)?))
}

/// The entries of an options or details dict, one after the other, while its bytes are checked.
pub(crate) struct Entries<'a, F> {
    bytes: &'a [u8],
    cursor: Cursor,
    seen: Seen<'a>,
    format: std::marker::PhantomData<F>,
}

impl<'a, F: Format> Entries<'a, F> {
    /// The entries of the dict at `at`.
    pub(crate) fn open(bytes: &'a [u8], at: usize) -> Result<Self, Malformed> {
        let cursor = F::open_dict(bytes, at)?;
        Ok(Entries { bytes, cursor, seen: Seen::default(), format: std::marker::PhantomData })
    }

    /// The next entry, at most [`DICT_KEYS_MAX`]. A repeated key is malformed, and one that is not text.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'a>>, Malformed> {
        /// The message and the dict.
        const DEPTH: usize = 2;
        if !F::advance(self.bytes, &mut self.cursor, b'}')? {
            return Ok(None);
        }
        let at = self.cursor.at;
        let Some(found) = F::key_text(self.bytes, at) else {
            return Err(Malformed::new(at, "key is not text"));
        };
        let (key, end) = found?;
        self.cursor.at = end;
        F::to_value(self.bytes, &mut self.cursor)?;
        let start = self.cursor.at;
        self.cursor.at = F::skip(self.bytes, start, DEPTH)?;
        self.seen.add(key.clone()).map_err(|why| Malformed::new(at, why))?;
        let value = self.bytes.get(start..self.cursor.at).unwrap_or_default();
        Ok(Some((key, Element::from_checked(F::SERIALIZER, value))))
    }

    /// The end of the dict, once [`Entries::next`] has found it.
    pub(crate) fn end(&self) -> usize {
        self.cursor.at
    }
}

/// The keys of one dict so far. The first few, which are all that most dicts have, need no memory of their own.
#[derive(Default)]
struct Seen<'a> {
    few: [Cow<'a, str>; 6],
    more: Vec<Cow<'a, str>>,
    len: usize,
}

impl<'a> Seen<'a> {
    fn add(&mut self, key: Cow<'a, str>) -> Result<(), &'static str> {
        let few = self.few.get(..self.len).unwrap_or(&self.few);
        if few.iter().chain(&self.more).any(|other| *other == key) {
            return Err("repeated key");
        }
        if self.len == DICT_KEYS_MAX {
            return Err("options with too many keys");
        }
        match self.few.get_mut(self.len) {
            Some(free) => *free = key,
            None => self.more.push(key),
        }
        self.len += 1;
        Ok(())
    }
}

/// The tree of the checked value at `at`, and its end. Recursion is bounded by [`crate::limits::DEPTH_MAX`], as checked
/// values are no deeper.
fn value<F: Format>(bytes: &[u8], at: usize) -> Result<(Value, usize), Malformed> {
    let scalar = match F::token(bytes, at) {
        Token::List => return list::<F>(bytes, F::open_list(bytes, at)?),
        Token::Dict => return dict::<F>(bytes, F::open_dict(bytes, at)?),
        Token::Null => Value::Null,
        Token::Bool(fact) => Value::Bool(fact),
        Token::Int(number) => Value::Int(number),
        Token::UInt(number) => Value::UInt(number),
        Token::Float(number) => Value::Float(number),
        Token::Str(text) => Value::Str(text.into_owned()),
        Token::Bin(bytes) => Value::Bin(bytes.into_owned()),
    };
    Ok((scalar, F::skip(bytes, at, 0)?))
}

fn list<F: Format>(bytes: &[u8], mut cursor: Cursor) -> Result<(Value, usize), Malformed> {
    let mut list = Vec::new();
    while F::advance(bytes, &mut cursor, b']')? {
        let (value, end) = value::<F>(bytes, cursor.at)?;
        list.push(value);
        cursor.at = end;
    }
    Ok((Value::List(list), cursor.at))
}

fn dict<F: Format>(bytes: &[u8], mut cursor: Cursor) -> Result<(Value, usize), Malformed> {
    let mut dict = Dict::new();
    while F::advance(bytes, &mut cursor, b'}')? {
        let (key, end) = key_text::<F>(bytes, cursor.at)?;
        cursor.at = end;
        F::to_value(bytes, &mut cursor)?;
        let (value, end) = value::<F>(bytes, cursor.at)?;
        dict.push(key.into_owned(), value);
        cursor.at = end;
    }
    Ok((Value::Dict(dict), cursor.at))
}

/// The key at `at` as text, and its end. A key that is not text, which WAMP does not have but MessagePack and CBOR do,
/// becomes the text of its value.
pub(super) fn key_text<F: Format>(bytes: &[u8], at: usize) -> Result<(Cow<'_, str>, usize), Malformed> {
    if let Some(found) = F::key_text(bytes, at) {
        return found;
    }
    let text = match F::token(bytes, at) {
        Token::Str(text) => text,
        Token::Bin(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        Token::Null => "null".into(),
        Token::Bool(fact) => fact.to_string().into(),
        Token::Int(number) => number.to_string().into(),
        Token::UInt(number) => number.to_string().into(),
        Token::Float(number) => format!("{number:?}").into(),
        // Not their text: written out, keys within keys would double their escapes at every level.
        Token::List => "(list)".into(),
        Token::Dict => "(dict)".into(),
    };
    Ok((text, F::skip(bytes, at, 0)?))
}

/// Where the one whole value in `bytes` starts, after checking it.
pub(crate) fn whole_value_start(serializer: Serializer, bytes: &[u8]) -> Result<usize, Malformed> {
    fn start<F: Format>(bytes: &[u8]) -> Result<usize, Malformed> {
        let start = F::skip_space(bytes, 0);
        let end = F::skip(bytes, start, 0)?;
        match F::skip_space(bytes, end) == bytes.len() {
            true => Ok(start),
            false => Err(Malformed::new(end, "bytes after the value")),
        }
    }
    with_format!(serializer, F => start::<F>(bytes))
}

pub(super) fn whole_value(serializer: Serializer, bytes: &[u8]) -> Result<Value, Malformed> {
    let start = whole_value_start(serializer, bytes)?;
    with_format!(serializer, F => value::<F>(bytes, start).map(|(value, _)| value))
}

/// `bytes` in a form that can be read in place, where they are not and can be brought into it.
#[cold]
pub(super) fn spelled_out(serializer: Serializer, bytes: &[u8]) -> Option<Vec<u8>> {
    with_format!(serializer, F => F::spelled_out(bytes))
}

/// The elements in bytes that hold `count` of them one after the other, as a payload does.
pub(crate) fn sequence(serializer: Serializer, count: usize, bytes: &[u8]) -> Vec<Element<'_>> {
    fn each<F: Format>(count: usize, bytes: &[u8]) -> Vec<Element<'_>> {
        let mut found = Vec::with_capacity(2);
        let mut at = F::skip_space(bytes, 0);
        while found.len() < count
            && let Ok(end) = F::skip(bytes, at, 1)
        {
            found.push(Element::from_checked(F::SERIALIZER, bytes.get(at..end).unwrap_or_default()));
            at = F::skip_comma(bytes, end);
        }
        found
    }
    with_format!(serializer, F => each::<F>(count, bytes))
}
