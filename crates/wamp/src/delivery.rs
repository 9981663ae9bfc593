//! The delivery contract: what becomes of the events of a subscriber that reads too slowly.
//!
//! An extension, announced by brokers as the feature `_delivery`. The specification ("Messages", "Extensibility") leaves names
//! that match `_[a-z0-9_]{3,}` to implementations, and whoever does not know them ignores them.
//!
//! `SUBSCRIBE.Options._delivery|dict`:
//!
//! | key | value |
//! | --- | --- |
//! | `on_slow` | `drop_oldest`, `drop_new`, `conflate` or `disconnect`: see [`OnSlow`] |
//! | `key` | for `conflate`: the index of a positional argument, or the name of a keyword argument; absent, the topic |
//! | `queue` | most events that wait for the subscription; default [`QUEUE_LEN`] |
//!
//! An EVENT before which others were lost says how many: `EVENT.Details._lost|integer`.

use std::borrow::Cow;

use crate::limits::{CONFLATION_INDEX_MAX, CONFLATION_NAME_LEN_MAX};
use crate::serializer::read::Element;
use crate::value::{Dict, Value};

/// Events that wait for a subscription whose contract does not say how many may.
pub const QUEUE_LEN: u64 = 1_000;

/// What becomes of an event that finds no room among those that wait for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnSlow {
    /// `drop_oldest`: the one that has waited longest goes.
    DropOldest,
    /// `drop_new`: the new one is not delivered.
    DropNew,
    /// `conflate`: a new event takes the place of the one with the same key that waits, whether there is room or not. If
    /// there is none for it, and none with its key, the one that has waited longest goes.
    Conflate,
    /// `disconnect`: the session is closed.
    Disconnect,
}

impl OnSlow {
    /// Every policy.
    pub const ALL: [OnSlow; 4] = [OnSlow::DropOldest, OnSlow::DropNew, OnSlow::Conflate, OnSlow::Disconnect];

    /// Its name in options and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            OnSlow::DropOldest => "drop_oldest",
            OnSlow::DropNew => "drop_new",
            OnSlow::Conflate => "conflate",
            OnSlow::Disconnect => "disconnect",
        }
    }

    /// The policy of this name.
    pub fn parse(name: &str) -> Option<Self> {
        OnSlow::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

/// What makes two events of a subscription versions of the same thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum ConflationKey {
    /// The topic they were published to.
    #[default]
    Topic,
    /// Their positional argument at this index, at most [`CONFLATION_INDEX_MAX`].
    Argument(usize),
    /// Their keyword argument of this name, of at most [`CONFLATION_NAME_LEN_MAX`] bytes.
    Keyword(Box<str>),
}

/// A delivery contract. See the module for its form in messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// `on_slow`.
    pub on_slow: OnSlow,
    /// `key`. Routers refuse one that is not the topic where `on_slow` is not [`OnSlow::Conflate`].
    pub key: ConflationKey,
    /// `queue`: most events that wait, at least 1.
    pub queue_len_max: u64,
}

/// A `_delivery` that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadDelivery(String);

impl BadDelivery {
    fn new(why: impl Into<String>) -> Self {
        BadDelivery(why.into())
    }
}

impl Delivery {
    /// This policy, by topic if it is [`OnSlow::Conflate`], with room for [`QUEUE_LEN`] events.
    pub fn new(on_slow: OnSlow) -> Self {
        Delivery { on_slow, key: ConflationKey::Topic, queue_len_max: QUEUE_LEN }
    }

    /// The newest event of each key waits.
    pub fn conflate(key: ConflationKey) -> Self {
        Delivery { key, ..Delivery::new(OnSlow::Conflate) }
    }

    /// With room for so many events.
    #[must_use]
    pub fn queue_len_max(mut self, events: u64) -> Self {
        self.queue_len_max = events;
        self
    }

    /// What `_delivery` says.
    pub(crate) fn read(option: &Element<'_>) -> Result<Self, BadDelivery> {
        let entries = match option.entries() {
            None => return Err(BadDelivery::new("_delivery must be a dict")),
            Some(Err(bad)) => return Err(BadDelivery::new(format!("_delivery: {}", bad.why))),
            Some(Ok(entries)) => entries,
        };
        let (mut on_slow, mut key, mut queue) = (None, None, QUEUE_LEN);
        for (name, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
            match &**name {
                "on_slow" => on_slow = Some(read_on_slow(value)?),
                "key" => key = Some(read_key(value)?),
                "queue" => queue = read_queue(value)?,
                other => {
                    return Err(BadDelivery::new(format!("unknown key {} in _delivery", excerpt(other))));
                }
            }
        }
        let Some(on_slow) = on_slow else { return Err(BadDelivery::new("_delivery lacks on_slow")) };
        if key.is_some() && on_slow != OnSlow::Conflate {
            let why = format!("_delivery.key is for on_slow \"conflate\", not for \"{}\"", on_slow.as_str());
            return Err(BadDelivery::new(why));
        }
        Ok(Delivery { on_slow, key: key.unwrap_or_default(), queue_len_max: queue })
    }

    /// The dict that says it.
    pub fn to_dict(&self) -> Dict {
        let dict = Dict::new().with("on_slow", self.on_slow.as_str());
        let dict = match &self.key {
            ConflationKey::Topic => dict,
            ConflationKey::Argument(index) => dict.with("key", *index),
            ConflationKey::Keyword(name) => dict.with("key", &**name),
        };
        if self.queue_len_max == QUEUE_LEN { dict } else { dict.with("queue", self.queue_len_max) }
    }
}

impl From<&Delivery> for Value {
    fn from(delivery: &Delivery) -> Self {
        Value::Dict(delivery.to_dict())
    }
}

fn read_on_slow(value: &Element<'_>) -> Result<OnSlow, BadDelivery> {
    const EXPECTED: &str = "drop_oldest, drop_new, conflate or disconnect";
    let Some(word) = value.as_str() else {
        return Err(BadDelivery::new(format!("_delivery.on_slow must be {EXPECTED}")));
    };
    OnSlow::parse(&word).ok_or_else(|| {
        BadDelivery::new(format!("unknown _delivery.on_slow {}: it must be {EXPECTED}", excerpt(&word)))
    })
}

fn read_key(value: &Element<'_>) -> Result<ConflationKey, BadDelivery> {
    let index = value.as_u64().and_then(|index| usize::try_from(index).ok());
    if let Some(index) = index.filter(|index| *index <= CONFLATION_INDEX_MAX) {
        return Ok(ConflationKey::Argument(index));
    }
    let name = value.as_str().filter(|name| name.len() <= CONFLATION_NAME_LEN_MAX);
    name.map(|name| ConflationKey::Keyword(Cow::into_owned(name).into())).ok_or_else(|| {
        BadDelivery::new(format!(
            "_delivery.key must be the index of an argument, from 0 to {CONFLATION_INDEX_MAX}, or the name of a keyword \
             argument, of at most {CONFLATION_NAME_LEN_MAX} bytes"
        ))
    })
}

fn read_queue(value: &Element<'_>) -> Result<u64, BadDelivery> {
    let events = value.as_u64().filter(|events| *events > 0);
    events.ok_or_else(|| BadDelivery::new("_delivery.queue must be a number of events, 1 or more"))
}

/// A word of the peer's, for an error text.
fn excerpt(word: &str) -> String {
    const LEN: usize = 40;
    format!("{:?}", word.chars().take(LEN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Serializer;

    fn read(json: &str) -> Result<Delivery, String> {
        let element = Element::from_checked(Serializer::Json, json.as_bytes());
        Delivery::read(&element).map_err(|bad| bad.to_string())
    }

    #[test]
    fn a_contract_is_read_from_its_dict() {
        assert_eq!(read(r#"{"on_slow":"drop_new"}"#), Ok(Delivery::new(OnSlow::DropNew)));
        let by_argument = Delivery::conflate(ConflationKey::Argument(2)).queue_len_max(7);
        assert_eq!(read(r#"{"on_slow":"conflate","key":2,"queue":7}"#), Ok(by_argument));
        let by_keyword = Delivery::conflate(ConflationKey::Keyword("id".into()));
        assert_eq!(read(r#"{"key":"id","on_slow":"conflate","queue":null}"#), Ok(by_keyword));
    }

    #[test]
    fn what_is_no_contract_is_named() {
        let long = format!(r#"{{"on_slow":"conflate","key":"{}"}}"#, "x".repeat(CONFLATION_NAME_LEN_MAX + 1));
        for (json, expected) in [
            ("[]", "must be a dict"),
            ("{}", "lacks on_slow"),
            (r#"{"on_slow":"block"}"#, "unknown _delivery.on_slow \"block\""),
            (r#"{"on_slow":1}"#, "on_slow must be"),
            (r#"{"on_slow":"conflate","key":64}"#, "key must be"),
            (r#"{"on_slow":"conflate","key":[0]}"#, "key must be"),
            (&long, "key must be"),
            (r#"{"on_slow":"drop_new","key":0}"#, "not for \"drop_new\""),
            (r#"{"on_slow":"drop_new","queue":0}"#, "queue must be"),
            (r#"{"on_slow":"drop_new","queue":"many"}"#, "queue must be"),
            (r#"{"on_slow":"drop_new","quue":1}"#, "unknown key \"quue\""),
            (r#"{"on_slow":"drop_new","on_slow":"drop_new"}"#, "_delivery: "),
        ] {
            let bad = read(json).unwrap_err();
            assert!(bad.contains(expected), "{json}: {bad}");
        }
    }

    #[test]
    fn keys_are_equal_where_values_are() {
        let args = [1.into(), Value::from("key"), 2.5.into()];
        let kwargs = Dict::new().with("a", vec![Value::from(1)]).with("id", Value::Bin(vec![0, 255]));
        let by_name = |name: &str| ConflationKey::Keyword(name.into());
        for key in [ConflationKey::Argument(1), by_name("a"), by_name("id")] {
            let key_in = |serializer| crate::Payload::new(serializer, &args, &kwargs).conflation_key(&key);
            let first = key_in(Serializer::Json);
            assert!(first.is_some(), "{key:?}");
            for serializer in Serializer::ALL {
                assert_eq!(key_in(serializer), first, "{serializer:?}, {key:?}");
            }
        }
        let payload = crate::Payload::new(Serializer::Json, &args, &kwargs);
        for key in [ConflationKey::Topic, ConflationKey::Argument(3), by_name("b")] {
            assert_eq!(payload.conflation_key(&key), None, "{key:?}");
        }
        assert_eq!(crate::Payload::empty().conflation_key(&by_name("id")), None);
        let opaque = crate::Payload::opaque(Serializer::Json, b"[1]");
        assert_eq!(opaque.conflation_key(&ConflationKey::Argument(0)), None);
    }

    #[test]
    fn a_contract_is_written_as_it_is_read() {
        for on_slow in OnSlow::ALL {
            let delivery = Delivery::new(on_slow).queue_len_max(3);
            let mut json = Vec::new();
            Serializer::Json.encode_value(&Value::from(&delivery), &mut json);
            assert_eq!(read(std::str::from_utf8(&json).unwrap()), Ok(delivery));
        }
    }
}
