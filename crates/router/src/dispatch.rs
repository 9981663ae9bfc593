//! Carries out what a realm asks for, while its lock is held: encodes, queues, takes notes. No system call happens here.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use crossweave_router_core::boundary::{
    AuthorizeRequest, Contract, Denial, Outbox, QuestionId, Recorded, RetainedBound, Slot, Undelivered,
};
use crossweave_wamp::message::{Abort, Error, Event, Kind, Passthru};
use crossweave_wamp::{ConflationKey, Message, OnSlow, RequestId, Serializer, SubscriptionId, uris};

use crate::peer::{Framed, Peer, Wire};
use crate::queue::backlog::Offer;
use crate::queue::{Appended, Detached, EVENT_LEN_MAX, Lane};
use crate::trace::Sent;
use crate::traffic::Traffic;

/// The sessions of a realm by slot, and room to encode in.
#[derive(Default)]
pub(crate) struct Routes {
    peers: Vec<Option<Arc<Peer>>>,
    /// Who still uses each slot.
    users: Vec<Users>,
    free: Vec<u32>,
    scratch: Vec<u8>,
    pub(crate) serializers: Arc<SerializersInUse>,
    pub(crate) traffic: Traffic,
    /// Events dropped for sessions that are not attached any more.
    dropped_before: u64,
    /// Attached sessions from outside.
    outside: usize,
    /// The first of them has come, or the last has gone.
    pub(crate) has_turned: bool,
}

/// How many attached sessions there are of each serializer.
#[derive(Default)]
pub(crate) struct SerializersInUse([AtomicUsize; Serializer::ALL.len()]);

impl SerializersInUse {
    /// Those with a session.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Serializer> {
        Serializer::ALL
            .into_iter()
            .filter(|serializer| self.0[*serializer as usize].load(Ordering::Relaxed) > 0)
    }
}

/// Who uses a slot: it goes to another session when nobody does.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Users {
    /// The session's own task may still send messages for it.
    task: bool,
    /// The realm keeps something of the session.
    realm: bool,
    /// The session is attached, and is one from outside.
    is_outside: bool,
}

/// Keep this much room for encoding between messages; a larger one is given back.
const SCRATCH_KEEP_BYTES: usize = 256 * 1024;

/// Messages with a payload of this length on stand once in memory for all their receivers.
pub(crate) const LARGE_PAYLOAD_LEN: usize = 64 * 1024;

impl Routes {
    /// Gives a peer a slot.
    pub(crate) fn attach(&mut self, peer: Arc<Peer>, is_outside: bool) -> Slot {
        self.serializers.0[peer.wire.serializer as usize].fetch_add(1, Ordering::Relaxed);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.peers.push(None);
            self.users.push(Users::default());
            self.peers.len() as u32 - 1
        });
        self.peers[slot as usize] = Some(peer);
        self.users[slot as usize] = Users { task: true, realm: true, is_outside };
        self.outside += usize::from(is_outside);
        self.has_turned |= is_outside && self.outside == 1;
        Slot(slot)
    }

    /// Nothing is delivered to the slot any more. It stays taken until the session's own task has noticed, as that task may
    /// still send messages for it, and until the realm has no more use for it.
    pub(crate) fn detach(&mut self, slot: Slot) -> Option<Arc<Peer>> {
        let peer = self.peers.get_mut(slot.0 as usize)?.take()?;
        self.serializers.0[peer.wire.serializer as usize].fetch_sub(1, Ordering::Relaxed);
        self.dropped_before += peer.queue.lock().dropped;
        if std::mem::take(&mut self.users[slot.0 as usize].is_outside) {
            self.outside -= 1;
            self.has_turned |= self.outside == 0;
        }
        Some(peer)
    }

    /// Another peer of the same wire takes the place of an attached one.
    pub(crate) fn replace(&mut self, slot: Slot, peer: Arc<Peer>) {
        if let Some(Some(attached)) = self.peers.get_mut(slot.0 as usize) {
            *attached = peer;
        }
    }

    /// The session's own task has noticed.
    pub(crate) fn release(&mut self, slot: Slot) {
        self.detach(slot);
        self.let_go(slot, |users| users.task = false);
    }

    /// The realm has no more use for the slot.
    pub(crate) fn free(&mut self, slot: Slot) {
        self.let_go(slot, |users| users.realm = false);
    }

    fn let_go(&mut self, slot: Slot, leave: impl FnOnce(&mut Users)) {
        let Some(users) = self.users.get_mut(slot.0 as usize).filter(|users| **users != Users::default())
        else {
            return;
        };
        leave(users);
        if *users == Users::default() {
            self.free.push(slot.0);
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Arc<Peer>> {
        self.peers.get(slot.0 as usize)?.as_ref()
    }

    /// How many attached sessions are from outside.
    pub(crate) fn outside(&self) -> usize {
        self.outside
    }

    /// Events dropped for sessions that are not attached any more.
    pub(crate) fn dropped_before(&self) -> u64 {
        self.dropped_before
    }

    /// There will be nothing more to encode.
    pub(crate) fn give_back(&mut self) {
        self.scratch = Vec::new();
    }

    /// All attached peers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Arc<Peer>)> {
        let slots = self.peers.iter().enumerate();
        slots.filter_map(|(slot, peer)| Some((Slot(slot as u32), peer.as_ref()?)))
    }
}

/// What is to be done once the lock is released.
#[derive(Default)]
pub(crate) struct Effects {
    /// Peers whose flush is owed.
    pub(crate) dirty: Vec<Arc<Peer>>,
    /// Peers whose own task has something to do.
    pub(crate) wakes: Vec<Arc<Peer>>,
    /// Questions for the authorizer.
    pub(crate) questions: Vec<(QuestionId, AuthorizeRequest)>,
    /// What the history took, if it is written.
    pub(crate) recorded: Vec<Recorded>,
    /// The topic of an event that was not retained, and why: the last one of the turn.
    pub(crate) not_retained: Option<(Box<str>, RetainedBound)>,
    /// What sessions were denied, to be logged.
    pub(crate) denials: Vec<Denial>,
    /// Peers for which events are dropped from now on.
    pub(crate) behind: Vec<Arc<Peer>>,
    /// Peers that miss events that are too long for them.
    pub(crate) too_long: Vec<Arc<Peer>>,
    /// Peers that were closed as they did not take what they must.
    pub(crate) overflown: Vec<Arc<Peer>>,
    /// Sessions that are aborted, and what they are told.
    pub(crate) aborted: Vec<(Arc<Peer>, Abort)>,
    /// What was sent, if that is traced.
    pub(crate) traced: Sent,
    /// The realm was closed by a panic.
    pub(crate) went_down: bool,
    /// The first session from outside may have come, or the last one gone.
    pub(crate) has_turned: bool,
}

/// What the realm must be told before the lock is released, as delivering to a session failed.
#[derive(Debug)]
pub(crate) enum Followup {
    /// The session cannot go on.
    Leave(Slot),
    /// The callee cannot be sent this invocation.
    Undelivered(Slot, RequestId, Undelivered),
    /// The caller cannot be given a part of this call's result.
    Unreceived(Slot, RequestId, Undelivered),
}

/// The outbox of one call to the realm.
pub(crate) struct Dispatch<'r> {
    pub(crate) routes: &'r mut Routes,
    pub(crate) effects: &'r mut Effects,
    pub(crate) followups: &'r mut Vec<Followup>,
    /// Whether what is sent is traced.
    pub(crate) is_traced: bool,
    /// Whether the history is written.
    pub(crate) is_recorded: bool,
}

impl Dispatch<'_> {
    /// Takes note of what happened to a message.
    #[inline]
    fn appended(&mut self, to: Slot, appended: Appended) {
        let notes = match appended {
            Appended::Queued
            | Appended::Dropped { is_first: false }
            | Appended::TooLong { is_first: false } => {
                return;
            }
            Appended::Overflow | Appended::Unresumable => return self.followups.push(Followup::Leave(to)),
            Appended::FlushOwed => &mut self.effects.dirty,
            Appended::Dropped { is_first: true } => &mut self.effects.behind,
            Appended::TooLong { is_first: true } => &mut self.effects.too_long,
        };
        if let Some(peer) = self.routes.get(to) {
            notes.push(peer.clone());
        }
    }

    /// There is no room for a message: whoever waits for the answer is told, if that is possible.
    #[cold]
    fn overflown(&mut self, to: Slot, message: &Message<'_>) {
        match message {
            Message::Invocation(it) => {
                self.followups.push(Followup::Undelivered(to, it.request, Undelivered::NoRoom));
            }
            Message::Result(it) if !it.details.progress => {
                self.send_in(
                    to,
                    &Error::new(Kind::Call, it.request, uris::RESOURCE_EXHAUSTED).into(),
                    Lane::Last,
                );
            }
            Message::Result(it) => {
                self.followups.push(Followup::Unreceived(to, it.request, Undelivered::NoRoom));
            }
            Message::Error(it) => {
                let error = it.error.clone().into_owned();
                self.send_in(to, &Error::new(it.request_kind, it.request, error).into(), Lane::Last);
            }
            // Others could end a slow callee's session by calling it and giving up.
            Message::Interrupt(_) => self.send_in(to, message, Lane::Last),
            _ => self.followups.push(Followup::Leave(to)),
        }
    }

    #[inline]
    fn send_in(&mut self, to: Slot, message: &Message<'_>, lane: Lane) {
        let Routes { peers, scratch, .. } = &mut *self.routes;
        let Some(Some(peer)) = peers.get(to.0 as usize) else { return };
        let is_large = is_large(message);
        if is_large && is_longer(message, peer.wire.serializer, peer.message_len_max) {
            return self.too_long(to, message);
        }
        scratch.clear();
        let framed = peer.wire.append(message, scratch);
        if self.is_traced {
            self.effects.traced.note(peer.session(), framed.body_len(), message);
        }
        if framed.body_len() > peer.message_len_max {
            self.too_long(to, message);
            return self.shrink_scratch();
        }
        let appended = match is_large {
            true => peer.append_shared(framed.shared(std::mem::take(scratch)), lane),
            false => peer.append(framed.of(scratch), lane),
        };
        self.routes.traffic.sent.count(message.kind(), u64::from(appended.is_queued()));
        match appended {
            Appended::Overflow if lane == Lane::Control => self.overflown(to, message),
            appended => self.appended(to, appended),
        }
        self.shrink_scratch();
    }

    /// The same for many receivers, whose queues share the bytes.
    #[cold]
    fn multicast_large(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>) {
        let mut encoded: [Option<(usize, Bytes)>; Wire::COUNT] = Default::default();
        for slot in to {
            let Some(peer) = self.routes.get(slot) else { continue };
            if is_longer(event, peer.wire.serializer, peer.message_len_max.min(EVENT_LEN_MAX)) {
                let dropped = peer.count_too_long();
                self.appended(slot, dropped);
                continue;
            }
            let (body_len, shared) = encoded[peer.wire.index()].get_or_insert_with(|| {
                let mut buffer = Vec::new();
                let framed = peer.wire.append(event, &mut buffer);
                (framed.body_len(), framed.shared(buffer))
            });
            if self.is_traced {
                self.effects.traced.note(peer.session(), *body_len, event);
            }
            let appended = match *body_len > peer.message_len_max.min(EVENT_LEN_MAX) {
                true => peer.count_too_long(),
                false => peer.append_shared(shared.clone(), Lane::Event),
            };
            self.routes.traffic.sent.count(Kind::Event, u64::from(appended.is_queued()));
            self.appended(slot, appended);
        }
    }

    /// One event for sessions with a contract: see [`crate::queue::backlog`].
    #[cold]
    fn deliver_by_contract<'c>(
        &mut self,
        to: impl Iterator<Item = (Slot, &'c Contract)>,
        event: &Message<'_>,
        topic: &str,
    ) {
        let Message::Event(it) = event else { return };
        let mut encoded: [Option<(usize, Bytes)>; Wire::COUNT] = Default::default();
        let mut keys = Keys { event: it, topic, found: HashMap::new() };
        for (slot, contract) in to {
            let Some(peer) = self.routes.get(slot) else { continue };
            let encoded = &mut encoded[peer.wire.index()];
            let (body_len, framed) = encoded.get_or_insert_with(|| {
                if is_longer(event, peer.wire.serializer, EVENT_LEN_MAX) {
                    return (usize::MAX, Bytes::new());
                }
                let mut buffer = Vec::new();
                let framed = peer.wire.append(event, &mut buffer);
                (framed.body_len(), framed.shared(buffer))
            });
            if self.is_traced {
                self.effects.traced.note(peer.session(), *body_len, event);
            }
            let (subscription, body_len) = (it.subscription, *body_len);
            let appended =
                peer.offer(&Offer { subscription, contract, framed, body_len, key: keys.of(contract) });
            self.routes.traffic.sent.count(Kind::Event, u64::from(appended.is_queued()));
            self.appended(slot, appended);
        }
    }

    /// A message is longer than its receiver takes: tell whoever waits for the answer.
    #[cold]
    fn too_long(&mut self, to: Slot, message: &Message<'_>) {
        let exceeded = |kind, request| Error::new(kind, request, uris::PAYLOAD_SIZE_EXCEEDED);
        match message {
            Message::Invocation(it) => {
                self.followups.push(Followup::Undelivered(to, it.request, Undelivered::TooLong));
            }
            // The call would go on behind an ERROR.
            Message::Result(it) if it.details.progress => {
                self.followups.push(Followup::Unreceived(to, it.request, Undelivered::TooLong));
            }
            Message::Result(it) => self.send(to, &exceeded(Kind::Call, it.request).into()),
            Message::Error(it) if !it.payload.is_empty() => {
                self.send(to, &Error::new(it.request_kind, it.request, it.error.clone().into_owned()).into());
            }
            // Its name is.
            Message::Error(it) if it.error != uris::PAYLOAD_SIZE_EXCEEDED => {
                self.send(to, &exceeded(it.request_kind, it.request).into());
            }
            Message::Event(_) => {
                let dropped = self.routes.get(to).map(|peer| peer.count_too_long());
                dropped.into_iter().for_each(|dropped| self.appended(to, dropped));
            }
            _ => self.followups.push(Followup::Leave(to)),
        }
    }

    fn shrink_scratch(&mut self) {
        if self.routes.scratch.capacity() > SCRATCH_KEEP_BYTES {
            self.routes.scratch = Vec::new();
        }
    }
}

/// The conflation keys of one event, each looked for once.
struct Keys<'e, 'k> {
    event: &'e Event<'e>,
    topic: &'e str,
    found: HashMap<&'k ConflationKey, Option<Arc<[u8]>>>,
}

impl<'k> Keys<'_, 'k> {
    fn of(&mut self, contract: &'k Contract) -> Option<&Arc<[u8]>> {
        let Contract { delivery, .. } = contract;
        if delivery.on_slow != OnSlow::Conflate {
            return None;
        }
        let value = self.found.entry(&delivery.key).or_insert_with(|| match &delivery.key {
            ConflationKey::Topic => Some(self.topic.as_bytes().into()),
            _ if self.event.details.passthru.as_deref().is_some_and(Passthru::is_active) => None,
            key => self.event.payload.conflation_key(key).map(Into::into),
        });
        value.as_ref()
    }
}

/// Whether a message is known to be longer than `len_max` without encoding it.
fn is_longer(message: &Message<'_>, serializer: Serializer, len_max: usize) -> bool {
    let bytes = message.payload().and_then(|payload| payload.bytes_in(serializer));
    bytes.is_some_and(|bytes| bytes.len() > len_max)
}

/// Whether a message's bytes are worth sharing instead of copying them into each queue.
#[inline]
fn is_large(message: &Message<'_>) -> bool {
    message.payload().is_some_and(|payload| payload.bytes().len() >= LARGE_PAYLOAD_LEN)
}

impl Outbox for Dispatch<'_> {
    #[inline]
    fn send(&mut self, to: Slot, message: &Message<'_>) {
        let lane = match message {
            Message::Event(_) => Lane::Event,
            Message::Goodbye(_) | Message::Abort(_) => Lane::Last,
            _ => Lane::Control,
        };
        if let Message::Abort(abort) = message
            && let Some(peer) = self.routes.get(to)
        {
            self.effects.aborted.push((peer.clone(), abort.clone()));
        }
        if lane == Lane::Last
            && let Some(peer) = self.routes.get(to)
        {
            // Nothing comes after it.
            peer.queue.lock().forget_all();
        }
        self.send_in(to, message, lane);
    }

    fn deliver<'c>(
        &mut self,
        to: impl Iterator<Item = (Slot, &'c Contract)>,
        event: &Message<'_>,
        topic: &str,
    ) {
        self.deliver_by_contract(to, event, topic);
    }

    #[cold]
    fn has_room(&self, slot: Slot) -> bool {
        self.routes.get(slot).is_none_or(|peer| peer.has_room())
    }

    #[cold]
    fn drop_events(
        &mut self,
        slot: Slot,
        subscription: SubscriptionId,
        contract: Option<&Contract>,
        events: u64,
    ) {
        let Some(peer) = self.routes.get(slot) else { return };
        let dropped = peer.drop_events(contract.map(|contract| (subscription, contract)), events);
        self.appended(slot, dropped);
    }

    #[cold]
    fn forget(&mut self, slot: Slot, subscription: SubscriptionId) {
        if let Some(peer) = self.routes.get(slot) {
            peer.queue.lock().forget(subscription);
        }
    }

    #[inline]
    fn multicast(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>) {
        if is_large(event) {
            return self.multicast_large(to, event);
        }
        let mut encoded: [Option<Framed>; Wire::COUNT] = [None; Wire::COUNT];
        self.routes.scratch.clear();
        let mut queued = 0;
        for slot in to {
            let Routes { peers, scratch, .. } = &mut *self.routes;
            let Some(Some(peer)) = peers.get(slot.0 as usize) else { continue };
            let framed = *encoded[peer.wire.index()].get_or_insert_with(|| peer.wire.append(event, scratch));
            if self.is_traced {
                self.effects.traced.note(peer.session(), framed.body_len(), event);
            }
            let appended = match framed.body_len() > peer.message_len_max {
                true => peer.count_too_long(),
                false => peer.append(framed.of(scratch), Lane::Event),
            };
            queued += u64::from(appended.is_queued());
            if appended != Appended::Queued {
                self.appended(slot, appended);
            }
        }
        self.routes.traffic.sent.count(Kind::Event, queued);
        self.shrink_scratch();
    }

    fn ask(&mut self, question: QuestionId, request: AuthorizeRequest) {
        self.effects.questions.push((question, request));
    }

    fn denied(&mut self, denial: Denial) {
        self.effects.denials.push(denial);
    }

    fn recorded(&mut self, event: Recorded) {
        if self.is_recorded {
            self.effects.recorded.push(event);
        }
    }

    #[cold]
    fn not_retained(&mut self, topic: &str, bound: RetainedBound) {
        self.effects.not_retained = Some((topic.into(), bound));
    }

    fn resume(&mut self, slot: Slot) {
        if let Some(peer) = self.routes.get(slot) {
            peer.queue.lock().is_resumed = true;
            self.effects.wakes.push(peer.clone());
        }
    }

    fn detach(&mut self, slot: Slot, close: Option<&'static str>) {
        if let Some(peer) = self.routes.detach(slot) {
            peer.queue.lock().detach(close.map_or(Detached::Reusable, Detached::Close));
            self.effects.wakes.push(peer);
        }
    }

    fn free(&mut self, slot: Slot) {
        self.routes.free(slot);
    }
}
