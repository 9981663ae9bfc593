//! Subscriber black- and white-listing and sharding: which members of a subscription a publication is for.

use crossweave_wamp::message::Receivers;

use super::Subscription;
use super::audience::{Audience, has};
use crate::boundary::Slot;
use crate::session::{Peer, Sessions};
use crate::shard::ShardKey;

/// The lists of one PUBLISH, and whom of the joined sessions they name.
#[derive(Debug)]
pub(super) struct Filter {
    audience: Audience,
    /// The sessions of `eligible` that are joined, each once.
    eligible: Option<Vec<Slot>>,
    /// What it is about.
    resource: Option<ShardKey>,
}

impl Filter {
    pub(super) fn new(mut lists: Receivers, sessions: &Sessions) -> Self {
        let eligible = lists.eligible.take().map(|ids| {
            let mut slots: Vec<Slot> = ids.iter().filter_map(|id| sessions.slot_of(*id)).collect();
            slots.sort_unstable();
            slots.dedup();
            slots
        });
        let resource = lists.rkey.take().map(|rkey| ShardKey::new(rkey.as_bytes()));
        Filter { audience: Audience::new(lists), eligible, resource }
    }

    /// The members it admits. Goes through whichever is shorter: the members, or the eligible sessions.
    pub(super) fn receivers<'f>(
        &'f self,
        sessions: &'f Sessions,
        subscription: &'f Subscription,
        excluded: Option<Slot>,
    ) -> impl Iterator<Item = Slot> + Clone + 'f {
        let (members, id) = (&subscription.members, subscription.id);
        let shards = self.resource.and_then(|resource| {
            let shards = subscription.shards.as_ref()?;
            Some((shards, shards.owner(resource, sessions)?))
        });
        let admits = move |slot: &Slot| {
            Some(*slot) != excluded
                && sessions.get(*slot).is_some_and(|peer| self.admits(peer))
                && shards.is_none_or(|(shards, owner)| shards.is_for(owner, *slot))
        };
        let few = self.eligible.as_ref().filter(|eligible| eligible.len() < members.len());
        let is_member =
            move |slot: &Slot| few.is_none() || sessions.sender(*slot).subscriptions.contains_key(&id);
        few.unwrap_or(members).iter().copied().filter(is_member).filter(admits)
    }

    /// Whether it is for this session.
    fn admits(&self, peer: &Peer) -> bool {
        self.audience.admits(&peer.session) && has(&self.eligible, |slot| slot.cmp(&peer.slot), true)
    }
}
