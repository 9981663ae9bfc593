//! Subscriber black- and white-listing: which members of a subscription a publication is for.
//!
//! Specification: "Subscriber Black- and Whitelisting". A list that is absent does not restrict; a white-list that is present
//! and empty admits nobody.

use crossweave_wamp::message::Receivers;
use crossweave_wamp::{Message, SubscriptionId};

use crate::boundary::{Outbox, Slot};
use crate::session::{Peer, Sessions};

/// The lists of one PUBLISH, sorted so that asking for one member is a binary search.
#[derive(Debug)]
pub(super) struct Filter {
    lists: Receivers,
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
        sort(&mut lists.exclude);
        for list in [
            &mut lists.exclude_authid,
            &mut lists.exclude_authrole,
            &mut lists.eligible_authid,
            &mut lists.eligible_authrole,
        ] {
            sort(list);
        }
        Filter { lists, eligible }
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

    fn admits(&self, peer: &Peer) -> bool {
        let lists = &self.lists;
        let (authid, authrole) = (&*peer.session.authid, &*peer.session.authrole);
        !has(&lists.exclude, |id| id.cmp(&peer.session.id), false)
            && !has(&lists.exclude_authid, |it| it.as_str().cmp(authid), false)
            && !has(&lists.exclude_authrole, |it| it.as_str().cmp(authrole), false)
            && has(&self.eligible, |slot| slot.cmp(&peer.slot), true)
            && has(&lists.eligible_authid, |it| it.as_str().cmp(authid), true)
            && has(&lists.eligible_authrole, |it| it.as_str().cmp(authrole), true)
    }
}

fn sort<T: Ord>(list: &mut Option<Vec<T>>) {
    if let Some(list) = list {
        list.sort_unstable();
    }
}

fn has<T>(list: &Option<Vec<T>>, compare: impl FnMut(&T) -> std::cmp::Ordering, if_absent: bool) -> bool {
    list.as_ref().map_or(if_absent, |list| list.binary_search_by(compare).is_ok())
}
