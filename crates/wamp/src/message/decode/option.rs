//! One entry of options or details.

use std::borrow::Cow;

use super::Decoded;
use super::fields::excerpt;
use crate::error::ProtocolViolation;
use crate::id::{ID_MAX, SessionId};
use crate::limits::LIST_LEN_MAX;
use crate::message::{ForwardFor, Kind, Passthru};
use crate::serializer::read::Element;
use crate::value::Value;

/// A key with its value, which is not null.
pub(super) struct Opt<'a, 'g> {
    pub(super) kind: Kind,
    /// `Options`, `Details`.
    pub(super) group: &'g str,
    pub(super) key: Cow<'a, str>,
    pub(super) it: Element<'a>,
}

impl<'a> Opt<'a, '_> {
    #[cold]
    fn wrong(&self, expected: &str) -> ProtocolViolation {
        let Opt { kind, group, key, it } = self;
        ProtocolViolation::new(format!(
            "{}.{group}.{key} must be {expected}, found {}",
            kind.name(),
            excerpt(it)
        ))
    }

    #[inline(always)]
    pub(super) fn bool(&self) -> Decoded<bool> {
        self.it.as_bool().ok_or_else(|| self.wrong("a boolean"))
    }

    /// An id, a number of milliseconds, a level.
    pub(super) fn id(&self) -> Decoded<u64> {
        let number = self.it.as_u64().filter(|number| *number <= ID_MAX);
        number.ok_or_else(|| self.wrong("an integer from 0 to 2^53"))
    }

    pub(super) fn text(&self) -> Decoded<Cow<'a, str>> {
        self.it.as_str().ok_or_else(|| self.wrong("text"))
    }

    pub(super) fn parsed<T>(&self, parse: fn(&str) -> Option<T>, expected: &str) -> Decoded<T> {
        let text = self.it.as_str().and_then(|text| parse(&text));
        text.ok_or_else(|| self.wrong(expected))
    }

    fn list<T>(&self, expected: &str, item: fn(&Element<'_>) -> Option<T>) -> Decoded<Vec<T>> {
        let items = match self.it.elements(LIST_LEN_MAX) {
            Some(Ok(elements)) => elements.iter().map(item).collect(),
            _ => None,
        };
        items.ok_or_else(|| self.wrong(expected))
    }

    pub(super) fn sessions(&self) -> Decoded<Vec<SessionId>> {
        let id = |it: &Element<'_>| it.as_u64().filter(|id| *id <= ID_MAX).map(SessionId);
        self.list("a list of at most 4096 session ids", id)
    }

    pub(super) fn texts(&self) -> Decoded<Vec<String>> {
        self.list("a list of at most 4096 texts", |it| it.as_str().map(Cow::into_owned))
    }

    pub(super) fn forward_for(&self) -> Decoded<Option<Box<[ForwardFor]>>> {
        let router = |it: &Element<'_>| {
            let (mut session, mut authid, mut authrole) = (None, None, None);
            for (key, value) in it.entries()?.ok()? {
                match &*key {
                    "session" => session = value.as_u64().filter(|id| *id <= ID_MAX).map(SessionId),
                    "authid" => authid = value.as_str().map(Cow::into_owned),
                    "authrole" => authrole = value.as_str().map(Cow::into_owned),
                    _ => {}
                }
            }
            Some(ForwardFor { session: session?, authid, authrole: authrole? })
        };
        self.list("a list of {session, authid, authrole}", router).map(|routers| Some(routers.into()))
    }

    /// Takes an option of payload passthru; any other is unknown and ignored.
    pub(super) fn passthru(&self, to: &mut Option<Box<Passthru>>) -> Decoded<()> {
        let one_of = |names: &[&str], expected: &str| match self.text()? {
            name if names.contains(&&*name) || name.starts_with("x_") => Ok(Some(name.into_owned())),
            _ => Err(self.wrong(expected)),
        };
        match &*self.key {
            "ppt_scheme" => to.get_or_insert_default().ppt_scheme = Some(self.text()?.into_owned()),
            "ppt_serializer" => to.get_or_insert_default().ppt_serializer = Some(self.text()?.into_owned()),
            "ppt_cipher" => to.get_or_insert_default().ppt_cipher = Some(self.text()?.into_owned()),
            "ppt_keyid" => to.get_or_insert_default().ppt_keyid = Some(self.text()?.into_owned()),
            "enc_key" => to.get_or_insert_default().enc_key = Some(self.key_value()?),
            "enc_algo" => {
                to.get_or_insert_default().enc_algo =
                    one_of(&["cryptobox", "mqtt", "xbr", "null"], "cryptobox, mqtt, xbr or x_…")?;
            }
            "enc_serializer" => {
                let names = ["json", "msgpack", "cbor", "ubjson", "opaque", "flatbuffers", "null"];
                to.get_or_insert_default().enc_serializer = one_of(&names, "the name of a serializer")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The value of `enc_key`.
    fn key_value(&self) -> Decoded<Value> {
        match self.it.value() {
            key @ (Value::Str(_) | Value::Bin(_)) => Ok(key),
            _ => Err(self.wrong("text or bytes")),
        }
    }
}
