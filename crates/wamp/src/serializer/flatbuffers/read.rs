//! From a table to a message.

use super::super::cbor::Cbor;
use super::super::read::Entries;
use super::super::write::Writer;
use super::super::{Format, Malformed, Serializer, Shape};
use super::schema::{self, Field, Holds, Place, Role, Words};
use super::table::{Buffer, Table};
use crate::error::ProtocolViolation;
use crate::limits::{LIST_LEN_MAX, MESSAGE_LEN_MAX};
use crate::message::{Kind, Message};
use crate::value::{Dict, Value};

type Checked<T> = Result<T, Malformed>;

/// The message in `bytes`.
pub(crate) fn message(bytes: &[u8]) -> Result<Message<'static>, ProtocolViolation> {
    if bytes.len() > MESSAGE_LEN_MAX {
        return Err(ProtocolViolation::new(format!("message of {} bytes", bytes.len())));
    }
    let malformed =
        |bad: Malformed| ProtocolViolation::malformed(Serializer::FlatBuffers.name(), bad.at, bad.why);
    let buffer = Buffer::new(bytes);
    let root = buffer.root().map_err(malformed)?;
    let code = root.uint(0, 1).map_err(malformed)?.unwrap_or(0);
    let kind = schema::kind(code as u8)
        .ok_or_else(|| ProtocolViolation::new(format!("unknown message type {code}")))?;
    let body = root.table(1).map_err(malformed)?;
    let body = body.ok_or_else(|| malformed(Malformed::new(0, "message without a table")))?;
    let cbor = as_cbor(kind, &body).map_err(malformed)?;
    Message::decode(Serializer::Cbor, &cbor).map(Message::into_owned)
}

/// The same message in CBOR, whose reader looks at types and values.
fn as_cbor(kind: Kind, body: &Table<'_, '_>) -> Checked<Vec<u8>> {
    let schema = schema::of(kind);
    let mut details = Dict::new();
    let mut elements = vec![Value::Null; schema.elements];
    let mut payload: [Option<&[u8]>; 3] = [None; 3];
    for field in schema.fields() {
        match field.place {
            Place::Args => payload[0] = checked_cbor(body, field, Shape::List)?,
            Place::Kwargs => payload[1] = checked_cbor(body, field, Shape::Dict)?,
            Place::Payload => payload[2] = body.bytes(field.slot)?,
            Place::Detail(key) => {
                if let Some(value) = value(body, field)? {
                    details.insert(key, value);
                }
            }
            Place::Element(index) => {
                let found = value(body, field)?;
                if let Some(element) = elements.get_mut(index).filter(|it| it.is_null()) {
                    *element = found.or(absent(field.holds)).unwrap_or_default();
                }
            }
        }
    }
    complete(kind, body, &mut details)?;
    Ok(written(kind, elements, details, payload))
}

/// What a field of an element means if it is absent.
fn absent(holds: Holds) -> Option<Value> {
    matches!(holds, Holds::Uint(_)).then_some(Value::Int(0))
}

/// Adds what the schema has no field for, and the roles that Autobahn leaves out.
fn complete(kind: Kind, body: &Table<'_, '_>, details: &mut Dict) -> Checked<()> {
    if let Some(rest) = body.bytes(schema::REST)? {
        add_further(rest, details)?;
    }
    let all: &[&str] = match kind {
        Kind::Hello => &["publisher", "subscriber", "caller", "callee"],
        Kind::Welcome => &["broker", "dealer"],
        _ => return Ok(()),
    };
    if details.get("roles").is_none() {
        let roles = all.iter().map(|role| ((*role).to_owned(), Value::Dict(Dict::new())));
        details.insert("roles", roles.collect::<Dict>());
    }
    Ok(())
}

/// Adds the entries of a dict in CBOR, which is bounded as any other dict of details.
fn add_further(rest: &[u8], details: &mut Dict) -> Checked<()> {
    if Cbor::shape(rest, 0) != Shape::Dict {
        return Err(Malformed::new(0, "further details are no dict"));
    }
    let mut entries = Entries::<Cbor>::open(rest, 0)?;
    while let Some((key, it)) = entries.next()? {
        details.insert(key, it.value());
    }
    match entries.end() == rest.len() {
        true => Ok(()),
        false => Err(Malformed::new(entries.end(), "bytes after further details")),
    }
}

fn written(kind: Kind, elements: Vec<Value>, details: Dict, payload: [Option<&[u8]>; 3]) -> Vec<u8> {
    let schema = schema::of(kind);
    let [args, kwargs, opaque] = payload;
    // An answer to a request has none.
    let may_lack = matches!(kind, Kind::Unsubscribed | Kind::Unregistered);
    let is_without_details = may_lack && details.is_empty();
    let payload_len = match (args, kwargs, opaque) {
        (_, Some(_), None) => 2,
        (None, None, None) => 0,
        _ => 1,
    };
    let mut out = Vec::new();
    let mut writer = Writer::<Cbor>::new(&mut out);
    writer.message(1 + schema.elements - usize::from(is_without_details) + payload_len);
    writer.uint(kind.code());
    for (index, element) in elements.iter().enumerate() {
        match schema.details == Some(index) {
            true if is_without_details => {}
            true => writer.dict(&details),
            false => writer.value(element),
        }
    }
    match (args, kwargs, opaque) {
        // Payload passthru has neither args nor kwargs.
        (_, _, Some(opaque)) => Cbor::bin(&mut out, opaque),
        (args, kwargs, None) => {
            match args {
                Some(args) => writer.raw(args),
                None if kwargs.is_some() => writer.list(&[]),
                None => {}
            }
            writer.raw(kwargs.unwrap_or_default());
        }
    }
    out
}

/// The bytes of a field that are one value in CBOR, of this shape.
fn checked_cbor<'b>(body: &Table<'b, '_>, field: &Field, shape: Shape) -> Checked<Option<&'b [u8]>> {
    let Some(bytes) = body.bytes(field.slot)? else { return Ok(None) };
    // Empty is how some write that there is nothing.
    if bytes.is_empty() {
        return Ok(None);
    }
    match Cbor::skip(bytes, 0, 1)? == bytes.len() && Cbor::shape(bytes, 0) == shape {
        true => Ok(Some(bytes)),
        false => Err(Malformed::new(0, "args or kwargs are not one list or dict in cbor")),
    }
}

/// The value of a field, if it is there.
fn value(table: &Table<'_, '_>, field: &Field) -> Checked<Option<Value>> {
    let slot = field.slot;
    Ok(match field.holds {
        Holds::Bool => table.uint(slot, 1)?.map(|fact| Value::Bool(fact != 0)),
        Holds::Uint(width) => table.uint(slot, width)?.map(Value::from),
        Holds::Word(words) => table.uint(slot, 1)?.map(|number| word(words, number as u8)).transpose()?,
        Holds::Words(words) => match table.bytes(slot)? {
            Some(numbers) if numbers.len() > LIST_LEN_MAX => {
                return Err(Malformed::new(0, "list is too long"));
            }
            Some(numbers) => {
                Some(Value::List(numbers.iter().map(|number| word(words, *number)).collect::<Checked<_>>()?))
            }
            None => None,
        },
        Holds::Text => table.text(slot)?.map(Value::from),
        Holds::Texts => {
            table.texts(slot)?.map(|texts| Value::List(texts.into_iter().map(Value::from).collect()))
        }
        Holds::Ids => table.ids(slot)?.map(|ids| Value::List(ids.into_iter().map(Value::from).collect())),
        Holds::Principals => match table.tables(slot)? {
            Some(tables) => Some(Value::List(tables.iter().map(principal).collect::<Checked<_>>()?)),
            None => None,
        },
        Holds::Roles(known) => table.table(slot)?.map(|table| roles(&table, known)).transpose()?,
        Holds::Cbor | Holds::Bytes => table.bytes(slot)?.map(|bytes| Value::Bin(bytes.to_vec())),
    })
}

fn word(words: Words, number: u8) -> Checked<Value> {
    // A packing of the payload that is none.
    if number == 0 && words.iter().all(|(known, _)| *known != 0) {
        return Ok(Value::Null);
    }
    match words.iter().find(|(known, _)| *known == number) {
        Some((_, word)) => Ok((*word).into()),
        None => Err(Malformed::new(0, "number that stands for no word")),
    }
}

fn principal(table: &Table<'_, '_>) -> Checked<Value> {
    let dict = Dict::new()
        .with("session", table.uint(0, 8)?.unwrap_or(0))
        .with("authid", table.text(1)?)
        .with("authrole", table.text(2)?);
    Ok(dict.into())
}

fn roles(table: &Table<'_, '_>, known: &[Role]) -> Checked<Value> {
    let mut roles = Dict::new();
    for (slot, (role, features)) in (0u16..).zip(known) {
        let Some(table) = table.table(slot)? else { continue };
        let mut found = Dict::new();
        for (slot, feature) in (0u16..).zip(*features) {
            if let Some(fact) = table.uint(slot, 1)? {
                found.insert(*feature, fact != 0);
            }
        }
        let role_details = if found.is_empty() { Dict::new() } else { Dict::new().with("features", found) };
        roles.insert(*role, role_details);
    }
    Ok(roles.into())
}
