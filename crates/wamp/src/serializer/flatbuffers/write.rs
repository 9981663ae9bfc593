//! From a message to a table.

use super::super::Serializer;
use super::super::cbor::Cbor;
use super::super::read::Element;
use super::super::write::Writer;
use super::schema::{self, Holds, Place, Role, Words};
use crate::limits::LIST_LEN_MAX;
use crate::message::Message;
use crate::value::{Dict, Value};

/// What a field is written as.
#[derive(Debug)]
enum Content<'v> {
    /// An unsigned integer of so many bytes.
    Uint(usize, u64),
    Text(&'v str),
    Bytes(Vec<u8>),
    Ids(Vec<u64>),
    Texts(Vec<&'v str>),
    Table(Vec<(u16, Content<'v>)>),
    Tables(Vec<Vec<(u16, Content<'v>)>>),
}

/// Appends the message to `out`.
pub(crate) fn message(message: &Message<'_>, out: &mut Vec<u8>) {
    let cbor = message.to_bytes(Serializer::Cbor);
    /// The type, at most four elements, args, kwargs.
    const ELEMENTS_MAX: usize = 7;
    let list = Element::from_checked(Serializer::Cbor, &cbor);
    let elements = list.elements(ELEMENTS_MAX).and_then(Result::ok).unwrap_or_default();
    let schema = schema::of(message.kind());
    let of_message = elements.get(1..).unwrap_or_default();
    let (own, payload) = of_message.split_at(of_message.len().min(schema.elements));
    let values: Vec<Value> = own.iter().map(Element::value).collect();
    let mut fields = Vec::new();
    let mut rest = Dict::new();
    if let Some(Value::Dict(details)) = schema.details.and_then(|index| values.get(index)) {
        rest = details_fields(schema, details, &mut fields);
    }
    element_fields(schema, &values, &mut fields);
    payload_fields(schema, payload, &mut fields);
    if !rest.is_empty() {
        let mut bytes = Vec::new();
        Writer::<Cbor>::new(&mut bytes).dict(&rest);
        fields.push((schema::REST, Content::Bytes(bytes)));
    }
    let root = [(0, Content::Uint(1, schema::code(message.kind()).into())), (1, Content::Table(fields))];
    Builder { base: out.len(), out }.message(&root);
}

/// Adds the fields of options or details, and returns the entries that have none or that theirs cannot hold.
fn details_fields<'v>(
    schema: schema::Schema,
    details: &'v Dict,
    fields: &mut Vec<(u16, Content<'v>)>,
) -> Dict {
    let mut rest = Dict::new();
    for (key, value) in details.iter() {
        let field = schema.fields().find(|it| matches!(it.place, Place::Detail(own) if own == key));
        match field.and_then(|field| Some((field, content(field.holds, value)?))) {
            Some((field, content)) => {
                let is_whole = !matches!(field.holds, Holds::Roles(known) if !are_known(known, value));
                fields.push((field.slot, content));
                if !is_whole {
                    rest.insert(key, value.clone());
                }
            }
            None => rest.insert(key, value.clone()),
        }
    }
    rest
}

fn element_fields<'v>(schema: schema::Schema, values: &'v [Value], fields: &mut Vec<(u16, Content<'v>)>) {
    for (index, value) in values.iter().enumerate() {
        let all = schema.fields().filter(|it| it.place == Place::Element(index));
        // A text may have a second, shorter field, of words.
        let fitting = all.filter_map(|field| Some((field, content(field.holds, value)?)));
        let shortest = fitting.min_by_key(|(field, _)| !matches!(field.holds, Holds::Word(_)));
        if let Some((field, content)) = shortest {
            fields.push((field.slot, content));
        }
    }
}

fn payload_fields(schema: schema::Schema, payload: &[Element<'_>], fields: &mut Vec<(u16, Content<'_>)>) {
    let slot = |place| schema.fields().find(|field| field.place == place).map(|field| field.slot);
    match payload {
        [opaque] if !opaque.is_list() => {
            let bytes = match opaque.value() {
                Value::Bin(bytes) => bytes,
                Value::Str(text) => text.into_bytes(),
                _ => return,
            };
            fields.extend(slot(Place::Payload).map(|slot| (slot, Content::Bytes(bytes))));
        }
        _ => {
            for (element, place) in payload.iter().zip([Place::Args, Place::Kwargs]) {
                let bytes = Content::Bytes(element.bytes().to_vec());
                fields.extend(slot(place).map(|slot| (slot, bytes)));
            }
        }
    }
}

/// The value as a field holds it; nothing if it cannot.
fn content(holds: Holds, value: &Value) -> Option<Content<'_>> {
    Some(match (holds, value) {
        (Holds::Bool, Value::Bool(fact)) => Content::Uint(1, (*fact).into()),
        (Holds::Uint(width), Value::Int(_) | Value::UInt(_)) => {
            let number = value.as_u64()?;
            (width == 8 || number < 1 << (8 * width)).then_some(Content::Uint(width, number))?
        }
        (Holds::Word(words), Value::Str(text)) => Content::Uint(1, number(words, text)?.into()),
        (Holds::Words(words), Value::List(list)) => {
            let numbers = list.iter().map(|it| number(words, it.as_str()?)).collect::<Option<_>>()?;
            Content::Bytes(numbers)
        }
        (Holds::Text, Value::Str(text)) => Content::Text(text),
        (Holds::Texts, Value::List(list)) if list.len() <= LIST_LEN_MAX => {
            Content::Texts(list.iter().map(Value::as_str).collect::<Option<_>>()?)
        }
        (Holds::Ids, Value::List(list)) if list.len() <= LIST_LEN_MAX => {
            let ids =
                list.iter().map(|id| matches!(id, Value::Int(_) | Value::UInt(_)).then(|| id.as_u64())?);
            Content::Ids(ids.collect::<Option<_>>()?)
        }
        (Holds::Principals, Value::List(list)) if list.len() <= LIST_LEN_MAX => {
            Content::Tables(list.iter().map(principal).collect::<Option<_>>()?)
        }
        (Holds::Roles(known), Value::Dict(roles)) => Content::Table(role_fields(known, roles)),
        _ => return None,
    })
}

fn number(words: Words, text: &str) -> Option<u8> {
    words.iter().find(|(_, word)| *word == text).map(|(number, _)| *number)
}

fn principal(value: &Value) -> Option<Vec<(u16, Content<'_>)>> {
    let dict = value.as_dict()?;
    let mut fields = vec![(0, Content::Uint(8, dict.get("session")?.as_u64()?))];
    fields.extend(dict.str("authid").map(|authid| (1, Content::Text(authid))));
    fields.push((2, Content::Text(dict.str("authrole")?)));
    let is_whole = dict.iter().all(|(key, value)| match key {
        "session" | "authrole" => true,
        "authid" => matches!(value, Value::Str(_) | Value::Null),
        _ => false,
    });
    is_whole.then_some(fields)
}

/// The features of the roles, as far as the schema knows them.
fn role_fields(known: &'static [Role], roles: &Dict) -> Vec<(u16, Content<'static>)> {
    let mut tables = Vec::new();
    for (slot, (role, features)) in (0u16..).zip(known) {
        let Some(details) = roles.dict(role) else { continue };
        let mut fields = Vec::new();
        for (slot, feature) in (0u16..).zip(*features) {
            let found = details.dict("features").and_then(|found| found.get(feature));
            fields.extend(found.and_then(Value::as_bool).map(|fact| (slot, Content::Uint(1, fact.into()))));
        }
        tables.push((slot, Content::Table(fields)));
    }
    tables
}

/// Whether the schema knows all of the roles and features, so that they are read as they are.
fn are_known(known: &[Role], roles: &Value) -> bool {
    let Value::Dict(roles) = roles else { return false };
    roles.iter().all(|(role, details)| {
        let Some((_, features)) = known.iter().find(|(name, _)| *name == role) else { return false };
        let Value::Dict(details) = details else { return false };
        details.iter().all(|(key, found)| match found {
            Value::Dict(found) if key == "features" && !found.is_empty() => found
                .iter()
                .all(|(feature, fact)| features.contains(&feature) && matches!(fact, Value::Bool(_))),
            _ => false,
        })
    })
}

/// Writes tables from the front to the back: every table before what it refers to, every number at a multiple of its length.
struct Builder<'o> {
    out: &'o mut Vec<u8>,
    /// Where the message begins.
    base: usize,
}

/// A place for an offset, and what it is to lead to.
type Open<'c, 'v> = (usize, &'c Content<'v>);

impl Builder<'_> {
    fn message(&mut self, root: &[(u16, Content<'_>)]) {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        let table = self.table(root);
        self.lead(start, table);
    }

    /// Adds zeros until the place is `rest` bytes behind a multiple of `unit`.
    fn pad(&mut self, unit: usize, rest: usize) {
        while (self.out.len() - self.base) % unit != rest {
            self.out.push(0);
        }
    }

    /// Makes the offset at `place` lead to `to`.
    fn lead(&mut self, place: usize, to: usize) {
        self.out[place..place + 4].copy_from_slice(&((to - place) as u32).to_le_bytes());
    }

    /// Writes a table and what belongs to it; where it begins.
    fn table(&mut self, fields: &[(u16, Content<'_>)]) -> usize {
        let slots = fields.iter().map(|(slot, _)| usize::from(*slot) + 1).max().unwrap_or(0);
        let vtable_len = 4 + 2 * slots;
        // The table begins with the offset of its list of fields; then its widest fields come first.
        let len_before = (self.out.len() - self.base + vtable_len) % 8;
        self.out.resize(self.out.len() + (12 - len_before) % 8, 0);
        let vtable = self.out.len();
        self.out.resize(vtable + vtable_len, 0);
        let table = self.out.len();
        self.out.extend_from_slice(&(vtable_len as u32).to_le_bytes());
        let mut open = Vec::new();
        for width in [8, 4, 2, 1] {
            for (slot, content) in fields.iter().filter(|(_, content)| content.width() == width) {
                let at = self.out.len();
                self.out[vtable + 4 + 2 * usize::from(*slot)..][..2]
                    .copy_from_slice(&((at - table) as u16).to_le_bytes());
                match content {
                    Content::Uint(width, number) => {
                        self.out.extend_from_slice(&number.to_le_bytes()[..*width]);
                    }
                    content => {
                        self.out.extend_from_slice(&[0; 4]);
                        open.push((at, content));
                    }
                }
            }
        }
        let len = (self.out.len() - table) as u16;
        self.out[vtable..vtable + 2].copy_from_slice(&(vtable_len as u16).to_le_bytes());
        self.out[vtable + 2..vtable + 4].copy_from_slice(&len.to_le_bytes());
        self.referred(&open);
        table
    }

    /// Writes what the open offsets lead to.
    fn referred(&mut self, open: &[Open<'_, '_>]) {
        for (place, content) in open {
            let at = match content {
                Content::Uint(..) => continue,
                Content::Text(text) => self.text(text),
                Content::Bytes(bytes) => self.vector(bytes.len(), bytes),
                Content::Ids(ids) => {
                    self.pad(8, 4);
                    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
                    self.vector(ids.len(), &bytes)
                }
                Content::Texts(texts) => {
                    let places = self.offsets(texts.len());
                    for (index, text) in texts.iter().enumerate() {
                        let at = self.text(text);
                        self.lead(places + 4 + 4 * index, at);
                    }
                    places
                }
                Content::Table(fields) => self.table(fields),
                Content::Tables(tables) => {
                    let places = self.offsets(tables.len());
                    for (index, fields) in tables.iter().enumerate() {
                        let at = self.table(fields);
                        self.lead(places + 4 + 4 * index, at);
                    }
                    places
                }
            };
            self.lead(*place, at);
        }
    }

    fn vector(&mut self, len: usize, bytes: &[u8]) -> usize {
        self.pad(4, 0);
        let at = self.out.len();
        self.out.extend_from_slice(&(len as u32).to_le_bytes());
        self.out.extend_from_slice(bytes);
        at
    }

    /// A text ends in a zero that does not count.
    fn text(&mut self, text: &str) -> usize {
        let at = self.vector(text.len(), text.as_bytes());
        self.out.push(0);
        at
    }

    fn offsets(&mut self, len: usize) -> usize {
        self.vector(len, &vec![0; 4 * len])
    }
}

impl Content<'_> {
    /// Bytes in the table itself.
    fn width(&self) -> usize {
        match self {
            Content::Uint(width, _) => *width,
            _ => 4,
        }
    }
}
