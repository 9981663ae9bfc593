//! A place for event histories that a program brings along.

use crossweave_router_core::boundary::Publisher;
use crossweave_router_core::{Record, Recorded};
use crossweave_wamp::{Dict, Message, PublicationId, Serializer, SessionId, Value};

use super::file;
use super::shelves::Entry;
use crate::shelf::Named;

/// Keeps the event histories of realms, so that they outlive the router.
///
/// It is called by one thread for each realm, which may be blocked: what is published meanwhile waits, in a bounded queue, and
/// neither the realm nor any client does. Threads of several realms may call it at once. A panic counts as an error.
pub trait EventShelf: Send + Sync {
    /// All that is kept of a realm, in any order. Called when the realm starts, and when it starts afresh after a defect of the
    /// router; it has ten seconds.
    ///
    /// # Errors
    /// It cannot be read: the realm does not start.
    fn load(&self, realm: &str) -> Result<Vec<KeptEvent>, String>;

    /// Keeps events of a realm, each in the place of what was kept under its number: all of them, or none.
    ///
    /// # Errors
    /// They cannot be written: each is tried once more by itself, and lost if that fails, too. The text is for the log.
    fn keep(&self, realm: &str, events: &[KeptEvent]) -> Result<(), String>;

    /// Keeps these events of a realm no more, as its rules have no room for them. They may not be there.
    ///
    /// # Errors
    /// They cannot be deleted: that is tried again. The text is for the log.
    fn forget(&self, realm: &str, numbers: &[u64]) -> Result<(), String>;
}

/// An event of a history, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptEvent {
    /// Its place among the events of its realm: each has a larger one than those before. There are gaps.
    pub number: u64,
    /// Its id.
    pub publication: PublicationId,
    /// When it was published, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Its topic.
    pub topic: String,
    /// Who published it, if that was disclosed.
    pub publisher: Option<Publisher>,
    /// How far the router trusted it, if it said so.
    pub trustlevel: Option<u64>,
    /// The bytes that it takes of the rules' bounds.
    pub bytes: u64,
    /// In which serializer `publish` is.
    pub serializer: Serializer,
    /// A PUBLISH message with its topic, its payload, and whom it is for.
    pub publish: Vec<u8>,
}

impl KeptEvent {
    /// All of it, for a store of octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let KeptEvent {
            number,
            publication,
            unix_ms,
            topic,
            publisher,
            trustlevel,
            bytes,
            serializer,
            publish,
        } = self;
        let publisher = publisher.as_ref().map(|it| {
            Value::List(vec![it.session.0.into(), it.authid.as_str().into(), it.authrole.as_str().into()])
        });
        let list: [Value; 9] = [
            (*number).into(),
            publication.0.into(),
            (*unix_ms).into(),
            topic.as_str().into(),
            publisher.unwrap_or(Value::Null),
            trustlevel.map_or(Value::Null, Value::from),
            (*bytes).into(),
            file::name(*serializer).into(),
            Value::Bin(publish.clone()),
        ];
        let mut octets = Vec::new();
        Serializer::Cbor.encode_value(&Value::List(list.to_vec()), &mut octets);
        octets
    }

    /// What [`KeptEvent::to_bytes`] has made; none if it is something else.
    pub fn from_bytes(octets: &[u8]) -> Option<KeptEvent> {
        let Value::List(list) = Serializer::Cbor.decode_value(octets).ok()? else { return None };
        let [number, publication, unix_ms, topic, publisher, trustlevel, bytes, serializer, publish] =
            <[Value; 9]>::try_from(list).ok()?;
        let publisher = match publisher {
            Value::Null => None,
            Value::List(list) => Some(Publisher {
                session: SessionId(list.first()?.as_u64()?),
                authid: list.get(1)?.as_str()?.to_owned(),
                authrole: list.get(2)?.as_str()?.to_owned(),
            }),
            _ => return None,
        };
        let Value::Bin(publish) = publish else { return None };
        Some(KeptEvent {
            number: number.as_u64()?,
            publication: PublicationId(publication.as_u64()?),
            unix_ms: unix_ms.as_u64()?,
            topic: topic.as_str()?.to_owned(),
            publisher,
            trustlevel: trustlevel.as_u64(),
            bytes: bytes.as_u64()?,
            serializer: file::parse(serializer.as_str()?)?,
            publish,
        })
    }

    /// Its arguments, for people and programs that look into a store. None if `publish` is no such message.
    pub fn arguments(&self) -> Option<(Vec<Value>, Dict)> {
        let Message::Publish(publish) = Message::decode(self.serializer, &self.publish).ok()? else {
            return None;
        };
        Some((publish.payload.args(), publish.payload.kwargs()))
    }

    fn of(event: &Recorded) -> KeptEvent {
        let Record { number, publication, unix_ms, publisher, trustlevel, publish } = event.to_record();
        let serializer = publish.payload.serializer();
        KeptEvent {
            number,
            publication,
            unix_ms,
            topic: event.topic().to_owned(),
            publisher,
            trustlevel,
            bytes: event.bytes() as u64,
            serializer,
            publish: Message::Publish(publish).to_bytes(serializer),
        }
    }

    /// As a realm takes it; none if it makes no event.
    fn to_record(&self) -> Option<Record> {
        let KeptEvent { number, publication, unix_ms, topic, publisher, trustlevel, .. } = self;
        let message = Message::decode(self.serializer, &self.publish).ok()?;
        let Message::Publish(publish) = message.into_owned() else { return None };
        let (number, publication, unix_ms) = (*number, *publication, *unix_ms);
        let record = Record {
            number,
            publication,
            unix_ms,
            publisher: publisher.clone(),
            trustlevel: *trustlevel,
            publish,
        };
        (*record.publish.topic == **topic).then_some(record)
    }
}

/// A shelf of events by its name.
pub type NamedEventShelf = Named<dyn EventShelf>;

/// The events of one realm on a shelf.
pub(super) struct Shelved {
    realm: String,
    shelf: NamedEventShelf,
    /// What was there when it was opened, newest first, until it is taken.
    found: Option<Vec<KeptEvent>>,
}

impl Shelved {
    pub(super) fn open(realm: &str, named: &NamedEventShelf) -> Result<Shelved, String> {
        let mut shelved = Shelved { realm: realm.to_owned(), shelf: named.clone(), found: None };
        shelved.found = Some(shelved.load()?);
        Ok(shelved)
    }

    fn load(&self) -> Result<Vec<KeptEvent>, String> {
        let mut events = self.shelf.ask(|shelf| shelf.load(&self.realm))?;
        events.sort_unstable_by_key(|event| std::cmp::Reverse(event.number));
        events.dedup_by_key(|event| event.number);
        Ok(events)
    }

    /// Looks at what was there when it was opened, from the newest on.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(Entry<'_>)) {
        for event in self.found.iter().flatten() {
            let KeptEvent { number, topic, bytes, unix_ms, .. } = event;
            visit(Entry { number: *number, topic, bytes: *bytes, unix_ms: *unix_ms });
        }
    }

    /// All events, oldest first, and the numbers of those that cannot be read.
    pub(super) fn read(&mut self) -> Result<(Vec<Record>, Vec<u64>), String> {
        let events = match self.found.take() {
            Some(events) => events,
            None => self.load()?,
        };
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for event in events.into_iter().rev() {
            match event.to_record() {
                Some(record) => records.push(record),
                None => unreadable.push(event.number),
            }
        }
        Ok((records, unreadable))
    }

    pub(super) fn insert(&self, events: &[&Recorded]) -> Result<(), String> {
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<KeptEvent> = events.iter().map(|event| KeptEvent::of(event)).collect();
        self.shelf.ask(|shelf| shelf.keep(&self.realm, &events))
    }

    pub(super) fn delete(&self, numbers: &[u64]) -> Result<(), String> {
        self.shelf.ask(|shelf| shelf.forget(&self.realm, numbers))
    }
}
