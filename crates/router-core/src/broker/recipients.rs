//! Subscriber black- and white-listing: which members of a subscription a publication is for.

use crossweave_wamp::message::Receivers;
use crossweave_wamp::{Message, SubscriptionId};

use super::audience::{Audience, has};
use crate::boundary::{Outbox, Slot};
use crate::session::{Peer, Sessions};

/// The lists of one PUBLISH, and whom of the joined sessions they name.
#[derive(Debug)]
pub(super) struct Filter {
    audience: Audience,
    /// The sessions of `eligible` that are joined, each once.
    eligible: Option<Vec<Slot>>,
}

impl Filter {
    pub(super) fn new(mut lists: Receivers, sessions: &Sessions) -> Self {
        let eligible = lists.eligible.take().map(|ids| {
            let mut slots: Vec<Slot> = ids.iter().filter_map(|id| sessions.slot_of(*id)).collect();
            slots.sort_unstable();
            slots.dedup();
            slots
        });
        Filter { audience: Audience::new(lists), eligible }
    }

    /// Sends to the members it admits. Goes through whichever is shorter: the members, or the eligible sessions.
    pub(super) fn deliver<O: Outbox>(
        &self,
        sessions: &Sessions,
        subscription: SubscriptionId,
        members: &[Slot],
        excluded: Option<Slot>,
        event: &Message<'_>,
        out: &mut O,
    ) {
        let admits = |slot: &Slot| {
            Some(*slot) != excluded && sessions.get(*slot).is_some_and(|peer| self.admits(peer))
        };
        match &self.eligible {
            Some(eligible) if eligible.len() < members.len() => {
                let is_member =
                    |slot: &Slot| sessions.sender(*slot).subscriptions.contains_key(&subscription);
                out.multicast(eligible.iter().copied().filter(is_member).filter(admits), event);
            }
            _ => out.multicast(members.iter().copied().filter(admits), event),
        }
    }

    /// Whether it is for this session.
    pub(super) fn admits(&self, peer: &Peer) -> bool {
        self.audience.admits(&peer.session) && has(&self.eligible, |slot| slot.cmp(&peer.slot), true)
    }
}
