//! The sessions of a realm, and what the realm remembers of each.

use std::collections::{BTreeMap, VecDeque};

use crossweave_wamp::features::Features;
use crossweave_wamp::message::Call;
use crossweave_wamp::{
    MatchPolicy, Message, ProtocolViolation, RegistrationId, RequestId, SessionId, SubscriptionId, uris,
};
use hashbrown::HashMap;

use crate::boundary::{QuestionId, Session, Slot};
use crate::dealer::Ending;
use crate::limits::{PROGRESSIVE_OPTIONS_BYTES_MAX, RealmLimits};
use crate::meta::testament::Testaments;
use crate::refused::{Refused, Stop};
use crate::slab::Key;
use crate::uri_map::memory;
use crate::weight;

/// A joined session.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) slot: Slot,
    /// Who it is.
    pub(crate) session: Session,
    /// Its role, a place in [`crate::authorization::Roles`].
    pub(crate) role: Key,
    /// Its subscriptions, in order, so that they can be ended one by one in an order that inputs alone decide.
    pub(crate) subscriptions: BTreeMap<SubscriptionId, Membership>,
    /// What they are of.
    pub(crate) subscribed: Holding,
    /// Its registrations, in order.
    pub(crate) registrations: BTreeMap<RegistrationId, Key>,
    /// What they are of.
    pub(crate) registered: Holding,
    /// Its calls in flight, by its own request ids.
    pub(crate) calls: HashMap<RequestId, Key>,
    /// Calls of `calls` that it may continue (progressive call invocations).
    pub(crate) open_calls: u32,
    /// Open calls that ended, or were refused, before their last continuation came, oldest first.
    pub(crate) ended_open_calls: VecDeque<RequestId>,
    /// Invocations it has to answer, by the ids the realm gave them.
    pub(crate) invocations: HashMap<RequestId, Key>,
    /// Those of `invocations` that nobody waits for.
    pub(crate) abandoned: usize,
    /// The id of the last invocation sent to it.
    pub(crate) last_invocation: u64,
    /// What it leaves behind.
    pub(crate) testaments: Option<Box<Testaments>>,
    /// How often its transport has been replaced: decisions of authorizers depend on it.
    pub(crate) transports: u64,
    /// It has no connection for now: what is sent to it waits.
    pub(crate) is_away: bool,
    /// What waits while a message of it awaits authorization.
    pub(crate) gate: Option<Box<Gate>>,
    /// It has left, and these of its calls and invocations remain to be ended.
    pub(crate) ending: Ending,
}

/// The URIs and patterns of a session's subscriptions, or of its registrations, as they count against its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holding {
    count: usize,
    patterns: usize,
    memory: usize,
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
        if self.memory + memory(policy, uri) > limits.uri_memory_per_session_max {
            let what = format!("bytes of memory for its {what}");
            return Err(Refused::resource_exhausted(&what, limits.uri_memory_per_session_max));
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, policy: MatchPolicy, uri: &str) {
        self.count += 1;
        self.patterns += usize::from(policy != MatchPolicy::Exact);
        self.memory += memory(policy, uri);
    }

    pub(crate) fn remove(&mut self, policy: MatchPolicy, uri: &str) {
        self.count -= 1;
        self.patterns -= usize::from(policy != MatchPolicy::Exact);
        self.memory -= memory(policy, uri);
    }
}

/// A session's place in a subscription, kept so that leaving is one step however many subscribers there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Membership {
    pub(crate) key: Key,
    /// Index in the subscription's list of members.
    pub(crate) position: u32,
}

/// What is asked of a message that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Whether it may be carried out.
    Message,
    /// Whether a CALL of the realm's own procedure may have its effect: see [`crate::meta::effect`].
    Effect,
}

/// Holds back a session's messages while one of them awaits authorization.
///
/// WAMP orders what one session sends; a message must not overtake one that is still being decided.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) question: QuestionId,
    pub(crate) about: About,
    /// The role's version when the question was asked: the answer is about that one.
    pub(crate) role_version: u64,
    /// Purges of decisions there had been by then: one that was made before a purge is not remembered after it.
    pub(crate) purges: u64,
    /// The transport of the session then.
    pub(crate) transports: u64,
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
            subscriptions: BTreeMap::new(),
            subscribed: Holding::default(),
            registrations: BTreeMap::new(),
            registered: Holding::default(),
            calls: HashMap::new(),
            open_calls: 0,
            ended_open_calls: VecDeque::new(),
            invocations: HashMap::new(),
            abandoned: 0,
            last_invocation: 0,
            testaments: None,
            transports: 0,
            is_away: false,
            gate: None,
            ending: Ending::default(),
        }
    }

    /// Whether nothing remains of it, which has left.
    pub(crate) fn has_nothing(&self) -> bool {
        self.ending.is_empty() && self.subscriptions.is_empty() && self.registrations.is_empty()
    }

    /// Whether it may begin this progressive call.
    #[cold]
    pub(crate) fn check_first_part(&self, call: &Call<'_>) -> Result<(), Stop> {
        let features = self.session.roles.caller.unwrap_or_default();
        if !features.has(Features::PROGRESSIVE_CALL_INVOCATIONS) {
            let why = "CALL with progress: the caller did not announce progressive_call_invocations";
            return Err(ProtocolViolation::new(why).into());
        }
        let (bytes, max) = (weight::call_options(&call.options), PROGRESSIVE_OPTIONS_BYTES_MAX);
        if bytes > max {
            let why = format!("options of a progressive call take {bytes} bytes, at most {max} are allowed");
            return Err(Refused::new(uris::INVALID_ARGUMENT, why).into());
        }
        Ok(())
    }

    /// Whether a CALL with this request is no new call, but continues one that was permitted or has ended: nobody has to permit it
    /// again.
    #[inline]
    pub(crate) fn continues(&self, request: RequestId) -> bool {
        (self.open_calls > 0 && self.calls.contains_key(&request))
            || (!self.ended_open_calls.is_empty() && self.ended_open_calls.contains(&request))
    }

    /// A progressive call has its answer, and parts of it may still come.
    #[cold]
    pub(crate) fn end_open_call(&mut self, request: RequestId, limits: &RealmLimits) {
        self.ended_open_calls.push_back(request);
        if self.ended_open_calls.len() > limits.ended_progressive_calls_max {
            self.ended_open_calls.pop_front();
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
    /// Sessions that have left and of which calls, subscriptions and registrations remain to be ended.
    leaving: BTreeMap<Slot, Box<Peer>>,
    /// How many have no connection for now.
    away: usize,
    /// Sessions that do not answer, and what they have to answer and nobody has looked at since; never nothing.
    silent: BTreeMap<Slot, Ending>,
}

impl Sessions {
    pub(crate) fn insert(&mut self, peer: Peer) {
        let at = peer.slot.0 as usize;
        if at >= self.peers.len() {
            self.peers.resize_with(at + 1, || None);
        }
        let is_free = self.peers[at].is_none() && !self.leaving.contains_key(&peer.slot);
        assert!(is_free, "slot {at} is in use");
        self.by_id.insert(peer.session.id, peer.slot);
        self.peers[at] = Some(Box::new(peer));
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Box<Peer>> {
        let peer = self.peers.get_mut(slot.0 as usize)?.take()?;
        self.by_id.remove(&peer.session.id);
        self.away -= usize::from(peer.is_away);
        self.silent.remove(&slot);
        Some(peer)
    }

    /// A session has no connection for now, or has one again.
    pub(crate) fn set_away(&mut self, slot: Slot, is_away: bool) {
        let Some(Some(peer)) = self.peers.get_mut(slot.0 as usize) else { return };
        self.away -= usize::from(peer.is_away);
        self.away += usize::from(is_away);
        peer.is_away = is_away;
        if !is_away {
            self.silent.remove(&slot);
        }
    }

    /// A session does not answer: what it has to answer is to be looked at.
    pub(crate) fn set_silent(&mut self, slot: Slot) {
        let ending = Ending::of_callee(self.sender(slot));
        if !ending.is_empty() {
            self.silent.insert(slot, ending);
        }
    }

    /// Whether what sessions that do not answer have to answer is still to be looked at.
    #[inline]
    pub(crate) fn is_anybody_silent(&self) -> bool {
        !self.silent.is_empty()
    }

    /// The next invocation to be looked at, and who does not answer it.
    pub(crate) fn next_unanswered(&mut self) -> Option<(Slot, RequestId)> {
        let mut first = self.silent.first_entry()?;
        let slot = *first.key();
        let request = first.get_mut().next_invocation();
        if first.get().is_empty() {
            first.remove();
        }
        request.map(|request| (slot, request))
    }

    /// Whether there are sessions that have no connection for now.
    #[inline]
    pub(crate) fn is_anybody_away(&self) -> bool {
        self.away > 0
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

    /// Keeps what remains of a session that was removed until it is worked off.
    pub(crate) fn let_leave(&mut self, mut peer: Box<Peer>) {
        peer.ending = Ending::of(&peer);
        self.leaving.insert(peer.slot, peer);
    }

    /// Whether members, callers and callees may be found that have left.
    #[inline]
    pub(crate) fn is_anybody_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// The next session that has left, while something remains of it.
    pub(crate) fn next_leaving(&mut self) -> Option<&mut Peer> {
        self.leaving.first_entry().map(|entry| &mut **entry.into_mut())
    }

    /// A session that has left, while something remains of it.
    pub(crate) fn leaving_mut(&mut self, slot: Slot) -> Option<&mut Peer> {
        leaving_at(&mut self.leaving, slot)
    }

    /// Nothing remains of a session that has left.
    pub(crate) fn has_left(&mut self, slot: Slot) {
        let peer = self.leaving.remove(&slot);
        debug_assert!(peer.is_none_or(|peer| peer.calls.is_empty() && peer.invocations.is_empty()));
    }

    /// A session that is joined, or that has left while something remains of it.
    #[inline]
    pub(crate) fn anyone_mut(&mut self, slot: Slot) -> Option<&mut Peer> {
        let joined = self.peers.get_mut(slot.0 as usize).and_then(|peer| peer.as_deref_mut());
        match joined {
            Some(peer) => Some(peer),
            None => leaving_at(&mut self.leaving, slot),
        }
    }

    /// A session that is a member or callee of something, whether it is joined or has left.
    pub(crate) fn member_mut(&mut self, slot: Slot) -> &mut Peer {
        self.anyone_mut(slot).expect("a session is forgotten after its memberships")
    }

    /// In the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter_map(|peer| peer.as_deref())
    }
}

#[cold]
#[inline(never)]
fn leaving_at(leaving: &mut BTreeMap<Slot, Box<Peer>>, slot: Slot) -> Option<&mut Peer> {
    leaving.get_mut(&slot).map(|peer| &mut **peer)
}
