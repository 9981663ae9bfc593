//! The elements of a message, read one after the other.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::{Decoded, Opt};
use crate::error::ProtocolViolation;
use crate::id::{ID_MAX, RequestId};
use crate::limits::MESSAGE_LEN_MAX;
use crate::message::{Kind, Passthru};
use crate::payload::Payload;
use crate::serializer::read::{Element, Entries};
use crate::serializer::{Cursor, Format, Malformed, Shape};
use crate::value::{Dict, Value};

/// Reads a message from left to right. Methods take the next element, named for the error text.
pub(super) struct Fields<'a, F> {
    kind: Kind,
    bytes: &'a [u8],
    cursor: Cursor,
    format: PhantomData<F>,
}

#[cold]
fn malformed<F: Format>(bad: Malformed) -> ProtocolViolation {
    ProtocolViolation::malformed(F::SERIALIZER.name(), bad.at, bad.why)
}

impl<'a, F: Format> Fields<'a, F> {
    /// Opens the message and reads its type.
    #[inline]
    pub(super) fn open(bytes: &'a [u8]) -> Decoded<Self> {
        if bytes.len() > MESSAGE_LEN_MAX {
            return Err(ProtocolViolation::new(format!("message of {} bytes", bytes.len())));
        }
        let cursor = F::open_list(bytes, F::skip_space(bytes, 0)).map_err(malformed::<F>)?;
        let mut fields = Fields { kind: Kind::Hello, bytes, cursor, format: PhantomData };
        let code = if fields.has_more()? { fields.integer()? } else { None };
        let Some(code) = code else {
            return Err(ProtocolViolation::new("message does not start with its type, an integer"));
        };
        let unknown = || ProtocolViolation::new(format!("unknown message type {code}"));
        fields.kind = Kind::from_code(code).ok_or_else(unknown)?;
        Ok(fields)
    }

    #[inline]
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Moves to the next element, if there is one; if not, nothing may follow the message.
    #[inline(always)]
    pub(super) fn has_more(&mut self) -> Decoded<bool> {
        match F::advance(self.bytes, &mut self.cursor, b']') {
            Ok(true) => Ok(true),
            Ok(false) if F::skip_space(self.bytes, self.cursor.at) == self.bytes.len() => Ok(false),
            Ok(false) => Err(malformed::<F>(Malformed::new(self.cursor.at, "bytes after the message"))),
            Err(bad) => Err(malformed::<F>(bad)),
        }
    }

    /// Moves to the element `name`, which must be there.
    #[inline(always)]
    fn next(&mut self, name: &str) -> Decoded<()> {
        match self.has_more()? {
            true => Ok(()),
            false => Err(self.missing(name)),
        }
    }

    /// No element may follow.
    #[inline]
    pub(super) fn end(&mut self) -> Decoded<()> {
        match self.has_more()? {
            false => Ok(()),
            true => Err(ProtocolViolation::new(format!("{} has too many elements", self.kind.name()))),
        }
    }

    #[cold]
    fn missing(&self, name: &str) -> ProtocolViolation {
        ProtocolViolation::new(format!("{} lacks its {name}", self.kind.name()))
    }

    #[cold]
    fn wrong(&self, name: &str, expected: &str, found: &Element<'_>) -> ProtocolViolation {
        ProtocolViolation::new(format!(
            "{}.{name} must be {expected}, found {}",
            self.kind.name(),
            excerpt(found)
        ))
    }

    /// The element here, whatever it is, checked.
    #[inline]
    fn element(&mut self) -> Decoded<Element<'a>> {
        let start = self.cursor.at;
        self.cursor.at = F::skip(self.bytes, start, 1).map_err(malformed::<F>)?;
        Ok(Element::from_checked(F::SERIALIZER, self.bytes.get(start..self.cursor.at).unwrap_or_default()))
    }

    /// The non-negative integer here, or nothing if it is something else.
    #[inline]
    fn integer(&mut self) -> Decoded<Option<u64>> {
        match F::uint(self.bytes, self.cursor.at) {
            Some((number, end)) => {
                self.cursor.at = end;
                Ok(Some(number))
            }
            None => Ok(self.element()?.as_u64()),
        }
    }

    #[inline(always)]
    pub(super) fn id(&mut self, name: &str) -> Decoded<u64> {
        self.next(name)?;
        match F::uint(self.bytes, self.cursor.at) {
            Some((id, end)) if id <= ID_MAX => {
                self.cursor.at = end;
                Ok(id)
            }
            _ => self.unusual_id(name),
        }
    }

    #[cold]
    fn unusual_id(&mut self, name: &str) -> Decoded<u64> {
        let element = self.element()?;
        let id = element.as_u64().filter(|id| *id <= ID_MAX);
        id.ok_or_else(|| self.wrong(name, "an id (an integer from 1 to 2^53)", &element))
    }

    #[inline(always)]
    pub(super) fn request(&mut self) -> Decoded<RequestId> {
        match self.id("request")? {
            // An answer to 0 is the router's own doing: it revokes.
            0 if self.kind.is_request() => {
                let expected = "expected an id (an integer from 1 to 2^53)";
                Err(ProtocolViolation::new(format!("{}.request is 0, {expected}", self.kind.name())))
            }
            id => Ok(RequestId(id)),
        }
    }

    #[inline(always)]
    pub(super) fn text(&mut self, name: &str) -> Decoded<Cow<'a, str>> {
        self.next(name)?;
        match F::text(self.bytes, self.cursor.at) {
            Some(Ok((text, end))) => {
                self.cursor.at = end;
                Ok(text)
            }
            Some(Err(bad)) => Err(malformed::<F>(bad)),
            None => self.unusual_text(name),
        }
    }

    #[cold]
    fn unusual_text(&mut self, name: &str) -> Decoded<Cow<'a, str>> {
        let element = self.element()?;
        element.as_str().ok_or_else(|| self.wrong(name, "text", &element))
    }

    pub(super) fn owned_text(&mut self, name: &str) -> Decoded<String> {
        self.text(name).map(Cow::into_owned)
    }

    pub(super) fn text_or_null(&mut self, name: &str) -> Decoded<Option<String>> {
        self.next(name)?;
        let element = self.element()?;
        match element.as_str() {
            Some(text) => Ok(Some(text.into_owned())),
            None if element.is_null() => Ok(None),
            None => Err(self.wrong(name, "text", &element)),
        }
    }

    /// Text that an error must not repeat, not even if it is of the wrong type.
    pub(super) fn secret(&mut self, name: &str) -> Decoded<String> {
        self.next(name)?;
        let text = self.element()?.as_str().map(Cow::into_owned);
        text.ok_or_else(|| ProtocolViolation::new(format!("{}.{name} must be text", self.kind.name())))
    }

    /// A dict as a tree. Its own keys are checked as those of options are.
    pub(super) fn dict(&mut self, name: &str) -> Decoded<Dict> {
        self.next(name)?;
        let start = self.cursor.at;
        self.options_here(name, |_| Ok(()))?;
        let dict =
            Element::from_checked(F::SERIALIZER, self.bytes.get(start..self.cursor.at).unwrap_or_default());
        match dict.value() {
            Value::Dict(dict) => Ok(dict),
            _ => Err(self.wrong(name, "a dict", &dict)),
        }
    }

    /// Hands the entries of an options or details dict to `take`, except those that are null.
    #[inline]
    pub(super) fn options(
        &mut self,
        group: &'static str,
        take: impl FnMut(Opt<'a, '_>) -> Decoded<()>,
    ) -> Decoded<()> {
        self.next(group)?;
        self.options_here(group, take)
    }

    /// As [`Fields::options`], for the element here.
    #[inline]
    pub(super) fn options_here(
        &mut self,
        group: &str,
        take: impl FnMut(Opt<'a, '_>) -> Decoded<()>,
    ) -> Decoded<()> {
        if let Some(end) = F::plain_empty_dict(self.bytes, self.cursor.at) {
            self.cursor.at = end;
            return Ok(());
        }
        self.entries(group, take)
    }

    fn entries(&mut self, group: &str, mut take: impl FnMut(Opt<'a, '_>) -> Decoded<()>) -> Decoded<()> {
        if F::shape(self.bytes, self.cursor.at) != Shape::Dict {
            let element = self.element()?;
            return Err(self.wrong(group, "a dict", &element));
        }
        let kind = self.kind;
        let in_group = |bad: Malformed| {
            let why = format!("malformed {} at byte {}: {}", F::SERIALIZER, bad.at, bad.why);
            ProtocolViolation::new(format!("{}.{group}: {why}", kind.name()))
        };
        let mut entries = Entries::<F>::open(self.bytes, self.cursor.at).map_err(in_group)?;
        while let Some((key, it)) = entries.next().map_err(in_group)? {
            if !it.is_null() {
                take(Opt { kind, group, key, it })?;
            }
        }
        self.cursor.at = entries.end();
        Ok(())
    }

    /// `args` and `kwargs`, to the end of the message. Without payload passthru they must be a list and a dict.
    #[inline]
    pub(super) fn payload(&mut self, passthru: Option<&Passthru>) -> Decoded<Payload<'a>> {
        if !self.has_more()? {
            return Ok(Payload::empty());
        }
        let start = self.cursor.at;
        let shape = F::shape(self.bytes, start);
        let args = self.element()?;
        if shape != Shape::List {
            return self.unusual_args(&args, shape, passthru);
        }
        if !self.has_more()? {
            return Ok(Payload::from_checked(F::SERIALIZER, 1, args.bytes()));
        }
        let is_dict = F::shape(self.bytes, self.cursor.at) == Shape::Dict;
        let kwargs = self.element()?;
        let end = self.cursor.at;
        self.end()?;
        match is_dict {
            true => {
                Ok(Payload::from_checked(F::SERIALIZER, 2, self.bytes.get(start..end).unwrap_or_default()))
            }
            // Some peers send null for "no keyword arguments".
            false if kwargs.is_null() => Ok(Payload::from_checked(F::SERIALIZER, 1, args.bytes())),
            false => Err(self.wrong("ArgumentsKw", "a dict", &kwargs)),
        }
    }

    /// An opaque payload, or null where some peers mean "no arguments".
    #[cold]
    fn unusual_args(
        &mut self,
        args: &Element<'a>,
        shape: Shape,
        passthru: Option<&Passthru>,
    ) -> Decoded<Payload<'a>> {
        let kwargs = if self.has_more()? { Some(self.element()?) } else { None };
        if kwargs.is_some() {
            self.end()?;
        }
        let kwargs = kwargs.filter(|kwargs| !kwargs.is_null());
        match kwargs {
            None if shape == Shape::Null => Ok(Payload::empty()),
            Some(kwargs) if shape == Shape::Null && kwargs.is_dict() => Ok(without_args::<F>(&kwargs)),
            Some(kwargs) if shape == Shape::Null => Err(self.wrong("ArgumentsKw", "a dict", &kwargs)),
            None if passthru.is_some_and(Passthru::is_active) => match args.value() {
                Value::Bin(_) | Value::Str(_) => Ok(Payload::from_checked(F::SERIALIZER, 1, args.bytes())),
                _ => Err(self.wrong("Arguments", "a list, or one binary", args)),
            },
            _ => Err(self.wrong("Arguments", "a list", args)),
        }
    }
}

/// The payload of empty `args` and these `kwargs`.
fn without_args<F: Format>(kwargs: &Element<'_>) -> Payload<'static> {
    let mut bytes = Vec::with_capacity(kwargs.bytes().len() + 3);
    F::begin_list(&mut bytes, 0);
    F::end_list(&mut bytes);
    F::raw(&mut bytes, kwargs.bytes());
    Payload::from_owned(F::SERIALIZER, 2, bytes)
}

/// The beginning of an element, for an error text.
pub(super) fn excerpt(element: &Element<'_>) -> String {
    const LEN: usize = 40;
    if element.bytes().len() > 16 * LEN {
        return format!("{} bytes", element.bytes().len());
    }
    let mut json = Vec::new();
    crate::Serializer::Json.encode_value(&element.value(), &mut json);
    let text = String::from_utf8_lossy(&json);
    match text.char_indices().nth(LEN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.into_owned(),
    }
}
