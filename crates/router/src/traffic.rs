//! Messages of a realm's sessions, counted by type. Plain numbers: they are written and read under the realm's lock.

use std::fmt;

use crossweave_wamp::message::Kind;

/// The types that a joined session sends or gets, in the order of their numbers.
const KINDS: [Kind; 23] = [
    Kind::Hello,
    Kind::Welcome,
    Kind::Abort,
    Kind::Goodbye,
    Kind::Error,
    Kind::Publish,
    Kind::Published,
    Kind::Subscribe,
    Kind::Subscribed,
    Kind::Unsubscribe,
    Kind::Unsubscribed,
    Kind::Event,
    Kind::Call,
    Kind::Cancel,
    Kind::Result,
    Kind::Register,
    Kind::Registered,
    Kind::Unregister,
    Kind::Unregistered,
    Kind::Invocation,
    Kind::Interrupt,
    Kind::Yield,
    Kind::EventReceived,
];

/// How many messages there were of each type since the realm was started.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageCounts([u64; KINDS.len() + 1]);

impl MessageCounts {
    #[inline]
    pub(crate) fn count(&mut self, kind: Kind, times: u64) {
        self.0[place(kind)] += times;
    }

    /// Those of one type.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[place(kind)]
    }

    /// Those of all types.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The types of which there were any, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        KINDS.into_iter().map(|kind| (kind, self.of(kind))).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Debug for MessageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(kind, count)| (kind.name(), count))).finish()
    }
}

/// Messages in both directions.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) received: MessageCounts,
    pub(crate) sent: MessageCounts,
}

/// Where a type is counted.
#[inline]
fn place(kind: Kind) -> usize {
    match kind {
        Kind::Hello => 0,
        Kind::Welcome => 1,
        Kind::Abort => 2,
        Kind::Goodbye => 3,
        Kind::Error => 4,
        Kind::Publish => 5,
        Kind::Published => 6,
        Kind::Subscribe => 7,
        Kind::Subscribed => 8,
        Kind::Unsubscribe => 9,
        Kind::Unsubscribed => 10,
        Kind::Event => 11,
        Kind::Call => 12,
        Kind::Cancel => 13,
        Kind::Result => 14,
        Kind::Register => 15,
        Kind::Registered => 16,
        Kind::Unregister => 17,
        Kind::Unregistered => 18,
        Kind::Invocation => 19,
        Kind::Interrupt => 20,
        Kind::Yield => 21,
        Kind::EventReceived => 22,
        // Of the handshake alone, and a violation afterwards.
        Kind::Challenge | Kind::Authenticate => 23,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_place_of_its_own() {
        let mut counts = MessageCounts::default();
        for (place, kind) in (1..).zip(KINDS) {
            counts.count(kind, place);
        }
        let found: Vec<(Kind, u64)> = counts.iter().collect();
        assert_eq!(found, KINDS.into_iter().zip(1..).collect::<Vec<_>>());
        assert_eq!(counts.total(), (1..=KINDS.len() as u64).sum());
    }
}
