//! The sessions of a realm, and what the realm remembers of each.

use std::collections::VecDeque;

use crossweave_wamp::message::Call;
use crossweave_wamp::{MatchPolicy, Message, RegistrationId, RequestId, SessionId, SubscriptionId};
use hashbrown::HashMap;

use crate::boundary::{QuestionId, Session, Slot};
use crate::limits::RealmLimits;
use crate::refused::Refused;
use crate::slab::Key;

/// A joined session.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) slot: Slot,
    /// Who it is.
    pub(crate) session: Session,
    /// Its role, a place in [`crate::authorization::Roles`].
    pub(crate) role: Key,
    /// Its subscriptions.
    pub(crate) subscriptions: HashMap<SubscriptionId, Membership>,
    /// What they are of.
    pub(crate) subscribed: Holding,
    /// Its registrations.
    pub(crate) registrations: HashMap<RegistrationId, Key>,
    /// What they are of.
    pub(crate) registered: Holding,
    /// Its calls in flight, by its own request ids.
    pub(crate) calls: HashMap<RequestId, Key>,
    /// Calls of `calls` that it may continue (progressive call invocations).
    pub(crate) open_calls: u32,
    /// Open calls that ended before their last continuation came, oldest first.
    pub(crate) ended_open_calls: VecDeque<RequestId>,
    /// Invocations it has to answer, by the ids the realm gave them.
    pub(crate) invocations: HashMap<RequestId, Key>,
    /// Those of `invocations` that nobody waits for.
    pub(crate) abandoned: usize,
    /// The id of the last invocation sent to it.
    pub(crate) last_invocation: u64,
    /// What waits while a message of it awaits authorization.
    pub(crate) gate: Option<Box<Gate>>,
}

/// The URIs and patterns of a session's subscriptions, or of its registrations, as they count against its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holding {
    count: usize,
    patterns: usize,
    uri_bytes: usize,
}

impl Holding {
    /// Whether one more finds room; `what` names them to the session.
    pub(crate) fn check(
        self,
        what: &str,
        count_max: usize,
        (policy, uri): (MatchPolicy, &str),
        limits: &RealmLimits,
    ) -> Result<(), Refused> {
        if self.count >= count_max {
            return Err(Refused::resource_exhausted(what, count_max));
        }
        if policy != MatchPolicy::Exact && self.patterns >= limits.patterns_per_session_max {
            let what = format!("{what} of patterns");
            return Err(Refused::resource_exhausted(&what, limits.patterns_per_session_max));
        }
        if self.uri_bytes + uri.len() > limits.uri_bytes_per_session_max {
            let what = format!("bytes of URIs in its {what}");
            return Err(Refused::resource_exhausted(&what, limits.uri_bytes_per_session_max));
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, policy: MatchPolicy, uri: &str) {
        self.count += 1;
        self.patterns += usize::from(policy != MatchPolicy::Exact);
        self.uri_bytes += uri.len();
    }

    pub(crate) fn remove(&mut self, policy: MatchPolicy, uri: &str) {
        self.count -= 1;
        self.patterns -= usize::from(policy != MatchPolicy::Exact);
        self.uri_bytes -= uri.len();
    }
}

/// A session's place in a subscription, kept so that leaving is one step however many subscribers there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) key: Key,
    /// Index in the subscription's list of members.
    pub(crate) position: u32,
}

/// Holds back a session's messages while one of them awaits authorization.
///
/// WAMP orders what one session sends; a message must not overtake one that is still being decided.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) question: QuestionId,
    /// The role's version when the question was asked: the answer is about that one.
    pub(crate) role_version: u64,
    /// The message that is being decided.
    pub(crate) waiting: Message<'static>,
    /// What came after it.
    pub(crate) held: VecDeque<Message<'static>>,
}

impl Peer {
    pub(crate) fn new(slot: Slot, session: Session, role: Key) -> Self {
        Peer {
            slot,
            session,
            role,
            subscriptions: HashMap::new(),
            subscribed: Holding::default(),
            registrations: HashMap::new(),
            registered: Holding::default(),
            calls: HashMap::new(),
            open_calls: 0,
            ended_open_calls: VecDeque::new(),
            invocations: HashMap::new(),
            abandoned: 0,
            last_invocation: 0,
            gate: None,
        }
    }

    /// Whether this CALL continues a progressive call that has ended; it is then to be ignored.
    pub(crate) fn is_late_continuation(&mut self, call: &Call<'_>) -> bool {
        let Some(at) = self.ended_open_calls.iter().position(|ended| *ended == call.request) else {
            return false;
        };
        if !call.options.progress {
            self.ended_open_calls.remove(at);
        }
        true
    }
}

/// All joined sessions, by slot and by id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    peers: Vec<Option<Box<Peer>>>,
    by_id: HashMap<SessionId, Slot>,
}

impl Sessions {
    pub(crate) fn insert(&mut self, peer: Peer) {
        let at = peer.slot.0 as usize;
        if at >= self.peers.len() {
            self.peers.resize_with(at + 1, || None);
        }
        assert!(self.peers[at].is_none(), "slot {at} is in use");
        self.by_id.insert(peer.session.id, peer.slot);
        self.peers[at] = Some(Box::new(peer));
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Box<Peer>> {
        let peer = self.peers.get_mut(slot.0 as usize)?.take()?;
        self.by_id.remove(&peer.session.id);
        Some(peer)
    }

    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&Peer> {
        self.peers.get(slot.0 as usize)?.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Peer> {
        self.peers.get_mut(slot.0 as usize)?.as_deref_mut()
    }

    /// The session of the message that is being handled.
    #[inline]
    pub(crate) fn sender(&self, slot: Slot) -> &Peer {
        self.get(slot).expect("a message is only handled while its session is joined")
    }

    /// The session of the message that is being handled.
    #[inline]
    pub(crate) fn sender_mut(&mut self, slot: Slot) -> &mut Peer {
        self.get_mut(slot).expect("a message is only handled while its session is joined")
    }

    pub(crate) fn slot_of(&self, id: SessionId) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// In the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter_map(|peer| peer.as_deref())
    }
}
