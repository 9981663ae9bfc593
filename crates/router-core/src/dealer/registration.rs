//! One registration: its callees, and which of them gets a call. Specification: "Shared Registration".

use crossweave_wamp::message::InvokePolicy;
use crossweave_wamp::{MatchPolicy, RegistrationId, uris};

use crate::boundary::Slot;
use crate::ids::Ids;
use crate::refused::Refused;
use crate::shard::ShardKey;
use crate::slab::Key;

/// One procedure or pattern and its callees.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) id: RegistrationId,
    pub(crate) uri: Box<str>,
    pub(crate) policy: MatchPolicy,
    pub(crate) invoke: InvokePolicy,
    /// When it came to be, in milliseconds since 1970.
    pub(crate) created_ms: u64,
    /// In the order they registered; never empty while it is in the tables.
    pub(crate) callees: Vec<Callee>,
    /// Who is next in turn (round robin).
    next: usize,
    /// Where calls wait for a callee with room, if some do.
    pub(super) queue: Option<Key>,
    /// How many may wait.
    pub(super) queued_max: usize,
}

/// What REGISTER has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registered {
    pub(crate) key: Key,
    pub(crate) id: RegistrationId,
    /// The registration is new.
    pub(crate) is_created: bool,
}

/// One callee of a registration.
#[derive(Debug)]
pub(crate) struct Callee {
    pub(crate) slot: Slot,
    /// Told from every other callee there ever was, so that a slot is not given back to the wrong one.
    pub(super) number: u64,
    /// Calls it takes at once, if it said so.
    concurrency: Option<u64>,
    /// Calls it has now; counted only if `concurrency` bounds them.
    in_flight: u64,
    /// The node it is, for sharded calls.
    pub(super) node: ShardKey,
    /// It wants to know who calls.
    pub(super) disclose_caller: bool,
}

impl Callee {
    /// A callee that names no node is one of its own.
    pub(super) fn new(slot: Slot, number: u64, concurrency: Option<u64>, node: Option<ShardKey>) -> Self {
        let node = node.unwrap_or_else(|| ShardKey::new(&number.to_be_bytes()));
        Callee { slot, number, concurrency, in_flight: 0, node, disclose_caller: false }
    }

    /// Whether the calls it has are counted.
    #[inline]
    pub(super) fn is_limited(&self) -> bool {
        self.concurrency.is_some()
    }

    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.concurrency.is_none_or(|max| self.in_flight < max)
    }
}

impl Registration {
    pub(super) fn new(
        id: RegistrationId,
        uri: &str,
        policy: MatchPolicy,
        invoke: InvokePolicy,
        created_ms: u64,
        queued_max: usize,
    ) -> Self {
        Registration {
            id,
            uri: uri.into(),
            policy,
            invoke,
            created_ms,
            callees: Vec::new(),
            next: 0,
            queue: None,
            queued_max,
        }
    }

    /// Whether this session may register here too.
    pub(super) fn admit(&self, slot: Slot, invoke: InvokePolicy, callees_max: usize) -> Result<(), Refused> {
        let uri = &self.uri;
        if self.invoke == InvokePolicy::Single {
            let why = format!("procedure {uri:?} is registered, and not shared");
            return Err(Refused::new(uris::PROCEDURE_ALREADY_EXISTS, why));
        }
        if self.invoke != invoke {
            let (has, asked) = (self.invoke.as_str(), invoke.as_str());
            let why =
                format!("procedure {uri:?} is registered with invocation policy {has:?}, not {asked:?}");
            return Err(Refused::new(uris::PROCEDURE_EXISTS_INVOCATION_POLICY_CONFLICT, why));
        }
        if self.callees.iter().any(|callee| callee.slot == slot) {
            let why = format!("session has registered procedure {uri:?} before");
            return Err(Refused::new(uris::PROCEDURE_ALREADY_EXISTS, why));
        }
        if self.callees.len() >= callees_max {
            let why = format!("procedure {uri:?} has {callees_max} callees, no more are allowed");
            return Err(Refused::new(uris::RESOURCE_EXHAUSTED, why));
        }
        Ok(())
    }

    /// Removes a callee; the turn stays with who had it.
    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(at) = self.callees.iter().position(|callee| callee.slot == slot) else { return };
        self.callees.remove(at);
        if at < self.next {
            self.next -= 1;
        }
    }

    /// The index of the callee that gets the next call: by the policy, among those that can take it. `None` if none can.
    #[inline]
    pub(super) fn choose(&mut self, ids: &mut Ids, can_take: impl Fn(&Callee) -> bool) -> Option<usize> {
        match self.invoke {
            InvokePolicy::Single | InvokePolicy::First => self.callees.iter().position(can_take),
            InvokePolicy::Last => self.callees.iter().rposition(can_take),
            InvokePolicy::RoundRobin => self.choose_in_turn(can_take),
            InvokePolicy::Random => self.choose_any(ids, can_take),
        }
    }

    fn choose_in_turn(&mut self, can_take: impl Fn(&Callee) -> bool) -> Option<usize> {
        let len = self.callees.len();
        let at = (self.next..len).chain(0..self.next.min(len)).find(|at| can_take(&self.callees[*at]))?;
        self.next = (at + 1) % len;
        Some(at)
    }

    fn choose_any(&self, ids: &mut Ids, can_take: impl Fn(&Callee) -> bool) -> Option<usize> {
        let at = ids.index(self.callees.len());
        if can_take(&self.callees[at]) {
            return Some(at);
        }
        let free = || self.callees.iter().enumerate().filter(|(_, callee)| can_take(callee));
        match free().count() {
            0 => None,
            count => free().nth(ids.index(count)).map(|(at, _)| at),
        }
    }

    /// Counts a call that the callee gets.
    #[inline]
    pub(super) fn take(&mut self, at: usize) {
        let callee = &mut self.callees[at];
        if callee.is_limited() {
            callee.in_flight += 1;
        }
    }

    /// Counts a call that the callee no longer has, if it is still registered.
    pub(super) fn give_back(&mut self, number: u64) {
        if let Some(callee) = self.callees.iter_mut().find(|callee| callee.number == number) {
            callee.in_flight = callee.in_flight.checked_sub(1).expect("every call given back was taken");
        }
    }
}
