//! Members of a subscription that have a delivery contract.

use std::sync::Arc;

use crossweave_wamp::Message;
use hashbrown::HashMap;

use super::Subscription;
use super::recipients::Filter;
use crate::boundary::{Contract, Outbox, Slot};
use crate::session::Sessions;

/// The contracts of a subscription's members; most members have none, and most subscriptions nobody with one.
#[derive(Debug, Default)]
pub(super) struct Contracts(HashMap<Slot, Arc<Contract>>);

impl Contracts {
    pub(super) fn insert(&mut self, member: Slot, contract: Arc<Contract>) {
        self.0.insert(member, contract);
    }

    /// Whether it had one.
    pub(super) fn remove(&mut self, member: Slot) -> bool {
        self.0.remove(&member).is_some()
    }

    pub(super) fn get(&self, member: Slot) -> Option<&Contract> {
        self.0.get(&member).map(|contract| &**contract)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Delivers one event to the members: to those without a contract as ever, to the others by theirs.
    #[cold]
    #[inline(never)]
    pub(super) fn deliver<O: Outbox>(
        &self,
        sessions: &Sessions,
        subscription: &Subscription,
        (excluded, filter): (Option<Slot>, Option<&Filter>),
        event: (&Message<'_>, &str),
        out: &mut O,
    ) {
        match filter {
            Some(filter) => self.share(filter.receivers(sessions, subscription, excluded), event, out),
            None => {
                let is_there = |slot: &Slot| Some(*slot) != excluded && sessions.get(*slot).is_some();
                self.share(subscription.members.iter().copied().filter(is_there), event, out);
            }
        }
    }

    fn share<O: Outbox>(
        &self,
        receivers: impl Iterator<Item = Slot> + Clone,
        (event, topic): (&Message<'_>, &str),
        out: &mut O,
    ) {
        let others = receivers.clone().filter(|slot| !self.0.contains_key(slot));
        out.multicast(others, event);
        out.deliver(receivers.filter_map(|slot| Some((slot, self.get(slot)?))), event, topic);
    }
}
