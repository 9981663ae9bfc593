//! `delivery` of a role: what becomes of events that its sessions read too slowly.

use crate::document::Value;
use crate::reading::{At, Fields, Finding, Reading, Shape};

/// A delivery contract, for the subscriptions of a role that do not ask for one of their own. Crossbar.io has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `on_slow`: what happens to an event that finds no room. Required.
    pub on_slow: DeliveryPolicy,
    /// `key`: what makes two events versions of the same thing, for `conflate`: the index of a positional argument, or the name
    /// of a keyword argument. Default: the topic.
    pub key: DeliveryKey,
    /// `queue`: how many events may wait for a subscription, 1 to 10000. Default: 1000.
    pub queue: u32,
}

/// What happens to an event that finds no room among those that wait for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryPolicy {
    /// `drop_oldest`: the one that has waited longest is dropped.
    DropOldest,
    /// `drop_new`: the new one is dropped.
    DropNew,
    /// `conflate`: a new event replaces the one with the same key that waits.
    Conflate,
    /// `disconnect`: the client is disconnected.
    Disconnect,
}

/// `key` of a delivery contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DeliveryKey {
    /// The topic.
    #[default]
    Topic,
    /// A positional argument.
    Argument(u32),
    /// A keyword argument.
    Keyword(String),
}

const POLICIES: &[(&str, DeliveryPolicy)] = &[
    ("drop_oldest", DeliveryPolicy::DropOldest),
    ("drop_new", DeliveryPolicy::DropNew),
    ("conflate", DeliveryPolicy::Conflate),
    ("disconnect", DeliveryPolicy::Disconnect),
];

/// The last positional argument that may be a key.
const INDEX_MAX: i64 = 63;
/// Bytes of the name of a keyword argument that may be a key.
const NAME_LEN_MAX: usize = 128;

impl Delivery {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let on_slow = fields.required(reading, "on_slow").and_then(|at| reading.word(&at, POLICIES));
        let key = fields.get("key").filter(|at| !matches!(at.item.value, Value::Null));
        if let Some(at) = &key
            && on_slow.is_some_and(|policy| policy != DeliveryPolicy::Conflate)
        {
            let message = "`key` is for `on_slow: conflate`";
            reading.report(at, Finding::error(message).expected("no `key`, or `conflate`"));
        }
        let key = key.map(|at| read_key(reading, &at));
        let queue = fields.int(reading, "queue", 1..=10_000, "events").unwrap_or(1_000);
        fields.finish(reading);
        Some(Self { on_slow: on_slow?, key: key.unwrap_or_default(), queue })
    }
}

fn read_key(reading: &mut Reading<'_>, at: &At<'_>) -> DeliveryKey {
    reading.note(&at.path, || Shape::integer(&(0..=INDEX_MAX), ""));
    match &at.item.value {
        Value::Integer(index @ 0..=INDEX_MAX) => DeliveryKey::Argument(*index as u32),
        Value::Integer(_) => {
            reading.integer(at, 0..=INDEX_MAX, "");
            DeliveryKey::Topic
        }
        _ => {
            let Some(name) = reading.text(at) else { return DeliveryKey::Topic };
            if name.len() > NAME_LEN_MAX {
                let message = format!("a name of {} bytes is too long for a key", name.len());
                reading.report(at, Finding::error(message).expected("at most 128 bytes"));
            }
            DeliveryKey::Keyword(name)
        }
    }
}
