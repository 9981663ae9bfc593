//! `args` and `kwargs`, kept as the bytes they came in.

use std::borrow::Cow;
use std::sync::Arc;

use crate::delivery::ConflationKey;
use crate::limits::CONFLATION_PAYLOAD_LEN_MAX;
use crate::serializer::{Malformed, Serializer, read, transcode, with_format, write::Writer};
use crate::value::{Dict, Value};

/// The application payload of a message: nothing, `args`, `args` and `kwargs`, or one opaque binary (payload passthru).
///
/// It is the bytes between the message's last own element and its end, in the serializer of the peer that sent them. A
/// receiver with the same serializer gets them as they are; for another one they are transcoded once.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    serializer: Serializer,
    /// Elements in `bytes`: 0, 1 (`args`, or the opaque binary) or 2 (`args`, `kwargs`).
    count: u8,
    bytes: Cow<'a, [u8]>,
    /// The same in other serializers: see [`Payload::prepare`].
    prepared: Option<Arc<[Payload<'static>]>>,
}

/// Keeps alive what [`Payload::prepare`] made.
#[derive(Clone, Debug)]
pub struct Prepared(#[expect(dead_code, reason = "it is there to be dropped")] Arc<[Payload<'static>]>);

impl<'a> Payload<'a> {
    /// No payload.
    pub const fn empty() -> Self {
        Payload { serializer: Serializer::Json, count: 0, bytes: Cow::Borrowed(&[]), prepared: None }
    }

    /// A payload of checked bytes: `count` elements, one after the other as in a message.
    pub(crate) fn from_checked(serializer: Serializer, count: usize, bytes: &'a [u8]) -> Self {
        Payload { serializer, count: count as u8, bytes: Cow::Borrowed(bytes), prepared: None }
    }

    /// A payload of checked bytes in a memory of its own.
    pub(crate) fn from_owned(serializer: Serializer, count: usize, bytes: Vec<u8>) -> Self {
        Payload { serializer, count: count as u8, bytes: Cow::Owned(bytes), prepared: None }
    }

    /// A payload of values. `kwargs` without `args` sends empty `args`; both empty is no payload.
    pub fn new(serializer: Serializer, args: &[Value], kwargs: &Dict) -> Payload<'static> {
        let serializer = serializer.of_payload();
        let count = if !kwargs.is_empty() { 2 } else { u8::from(!args.is_empty()) };
        let mut values = vec![Value::List(args.to_vec()), Value::Dict(kwargs.clone())];
        values.truncate(usize::from(count));
        Payload { serializer, count, bytes: Cow::Owned(encode(serializer, &values)), prepared: None }
    }

    /// A payload of `args` that are bytes of a list in `serializer`, checked here.
    pub fn from_encoded_args(serializer: Serializer, args: Vec<u8>) -> Result<Payload<'static>, Malformed> {
        let serializer = serializer.of_payload();
        let start = read::whole_value_start(serializer, &args)?;
        let value = args.get(start..).unwrap_or_default();
        if !read::Element::from_checked(serializer, value).is_list() {
            return Err(Malformed { at: start, why: "expected a list" });
        }
        Ok(Payload { serializer, count: 1, bytes: Cow::Owned(args), prepared: None })
    }

    /// One opaque binary in the place of `args`, as the older form of payload passthru (`enc_algo`) sends it. The
    /// specification's form (`ppt_scheme`) sends a list of it: `Payload::new(serializer, &[bytes.into()], &Dict::new())`.
    pub fn opaque(serializer: Serializer, bytes: &[u8]) -> Payload<'static> {
        let serializer = serializer.of_payload();
        let value = Value::Bin(bytes.to_vec());
        Payload { serializer, count: 1, bytes: Cow::Owned(encode(serializer, &[value])), prepared: None }
    }

    /// The serializer of the bytes.
    pub fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// The bytes, as they stand in a message of [`Payload::serializer`].
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of message elements: 0, 1 or 2.
    #[inline]
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// `args`; empty if there are none or the payload is opaque.
    pub fn args(&self) -> Vec<Value> {
        match self.element(0) {
            Some(Value::List(list)) => list,
            _ => Vec::new(),
        }
    }

    /// `kwargs`; empty if there are none.
    pub fn kwargs(&self) -> Dict {
        match self.element(1) {
            Some(Value::Dict(dict)) => dict,
            _ => Dict::new(),
        }
    }

    /// The opaque binary of payload passthru, in either form: in the place of `args`, or the one item of `args`. A JSON
    /// peer may send it as plain text. Ask only if the message's passthru is active: ordinary `args` may look the same.
    pub fn opaque_bytes(&self) -> Option<Vec<u8>> {
        let item = match self.element(0)? {
            Value::List(mut list) if list.len() == 1 => list.pop()?,
            other => other,
        };
        match item {
            Value::Bin(bytes) => Some(bytes),
            Value::Str(text) => Some(text.into_bytes()),
            _ => None,
        }
    }

    /// The bytes of `args` alone, a list in [`Payload::serializer`]; nothing if there is no `args` list.
    pub fn args_bytes(&self) -> Option<&[u8]> {
        let first = *read::sequence(self.serializer, 1, &self.bytes).first()?;
        first.is_list().then(|| first.bytes())
    }

    fn element(&self, index: usize) -> Option<Value> {
        if index >= self.count() {
            return None;
        }
        Some(read::sequence(self.serializer, self.count(), &self.bytes).get(index)?.value())
    }

    /// The argument that makes two events versions of the same thing, as bytes that are equal for equal values, whatever the
    /// serializers they came in. Nothing if there is no such argument, or the payload is opaque or longer than
    /// [`CONFLATION_PAYLOAD_LEN_MAX`].
    pub fn conflation_key(&self, key: &ConflationKey) -> Option<Vec<u8>> {
        let (place, index) = match key {
            ConflationKey::Topic => return None,
            ConflationKey::Argument(index) => (0, *index),
            ConflationKey::Keyword(_) => (1, 0),
        };
        if place >= self.count() || self.bytes.len() > CONFLATION_PAYLOAD_LEN_MAX {
            return None;
        }
        let element = *read::sequence(self.serializer, self.count(), &self.bytes).get(place)?;
        let value = match key {
            ConflationKey::Keyword(name) => element.named(name)?,
            _ => element.nth(index)?,
        };
        let mut bytes = Vec::new();
        transcode::elements(self.serializer, Serializer::Cbor, 1, value.bytes(), &mut bytes);
        Some(bytes)
    }

    /// The same payload in another serializer; borrowed if it is the same one.
    pub fn transcoded(&self, serializer: Serializer) -> Payload<'_> {
        let serializer = serializer.of_payload();
        if self.serializer == serializer || self.count == 0 {
            return Payload { serializer, ..self.borrowed() };
        }
        let mut out = Vec::with_capacity(self.bytes.len());
        let count = transcode::elements(self.serializer, serializer, self.count(), &self.bytes, &mut out);
        Payload { serializer, count: count as u8, bytes: Cow::Owned(out), prepared: None }
    }

    /// Transcodes it for receivers of `serializers` now, so that encoding a message with it later only copies bytes. For a
    /// large payload that is to be encoded where time is precious.
    ///
    /// Whoever keeps what is returned until after that frees the memory, instead of the payload where it ends.
    pub fn prepare(&mut self, serializers: impl Iterator<Item = Serializer>) -> Prepared {
        let others = serializers.filter(|other| *other != self.serializer && self.count > 0);
        let prepared: Arc<[_]> = others.map(|other| self.transcoded(other).into_owned()).collect();
        self.prepared = Some(prepared.clone());
        Prepared(prepared)
    }

    /// Its bytes in this serializer, if they are at hand: if it is its own, or was prepared.
    #[inline]
    pub fn bytes_in(&self, serializer: Serializer) -> Option<&[u8]> {
        if self.serializer == serializer {
            return Some(&self.bytes);
        }
        let prepared = self.prepared.as_deref()?;
        prepared.iter().find(|other| other.serializer == serializer).map(Payload::bytes)
    }

    /// The same payload with bytes of its own. What was prepared is let go.
    pub fn into_owned(self) -> Payload<'static> {
        Payload { bytes: Cow::Owned(self.bytes.into_owned()), prepared: None, ..self }
    }

    /// The same payload, borrowing.
    #[inline]
    pub fn borrowed(&self) -> Payload<'_> {
        Payload {
            serializer: self.serializer,
            count: self.count,
            bytes: Cow::Borrowed(&self.bytes),
            prepared: self.prepared.clone(),
        }
    }
}

impl PartialEq for Payload<'_> {
    /// Equal values; the bytes may differ, and so may the serializers. Empty `args` equal absent ones.
    fn eq(&self, other: &Self) -> bool {
        self.args() == other.args()
            && self.kwargs() == other.kwargs()
            && self.opaque_bytes() == other.opaque_bytes()
    }
}

/// `values` one after the other, as they stand in a message.
fn encode(serializer: Serializer, values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    with_format!(serializer, F => values.iter().for_each(|value| Writer::<F>::new(&mut out).value(value)));
    out
}
