//! Carries out what a realm asks for, while its lock is held: encodes, queues, takes notes. No system call happens here.

use std::sync::Arc;

use bytes::Bytes;
use crossweave_router_core::boundary::{AuthorizeRequest, Denial, Outbox, QuestionId, Slot};
use crossweave_wamp::message::{Error, Kind};
use crossweave_wamp::{Message, RequestId, uris};

use crate::peer::{Framed, Peer, Wire};
use crate::queue::{Appended, Detached, Lane};

/// The sessions of a realm by slot, and room to encode in.
#[derive(Default)]
pub(crate) struct Routes {
    peers: Vec<Option<Arc<Peer>>>,
    free: Vec<u32>,
    scratch: Vec<u8>,
}

/// Keep this much room for encoding between messages; a larger one is given back.
const SCRATCH_KEEP_BYTES: usize = 256 * 1024;

/// Messages with a payload of this length on stand once in memory for all their receivers.
pub(crate) const LARGE_PAYLOAD_LEN: usize = 64 * 1024;

impl Routes {
    /// Gives a peer a slot.
    pub(crate) fn attach(&mut self, peer: Arc<Peer>) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                self.peers[slot as usize] = Some(peer);
                Slot(slot)
            }
            None => {
                self.peers.push(Some(peer));
                Slot(self.peers.len() as u32 - 1)
            }
        }
    }

    /// Nothing is delivered to the slot any more. It stays taken until the session's own task has noticed, as that task may
    /// still send messages for it.
    pub(crate) fn detach(&mut self, slot: Slot) -> Option<Arc<Peer>> {
        self.peers.get_mut(slot.0 as usize)?.take()
    }

    /// The session's own task has noticed: the slot may be given to another session.
    pub(crate) fn release(&mut self, slot: Slot) {
        self.detach(slot);
        self.free.push(slot.0);
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Arc<Peer>> {
        self.peers.get(slot.0 as usize)?.as_ref()
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
    /// What sessions were denied, to be logged.
    pub(crate) denials: Vec<Denial>,
    /// Peers for which events are dropped from now on.
    pub(crate) behind: Vec<Arc<Peer>>,
    /// Peers that were closed as they did not take what they must.
    pub(crate) overflown: Vec<Arc<Peer>>,
    /// The realm was closed by a panic.
    pub(crate) went_down: bool,
}

/// What the realm must be told before the lock is released, as delivering to a session failed.
#[derive(Debug)]
pub(crate) enum Followup {
    /// The session cannot go on.
    Leave(Slot),
    /// The callee has no room for this invocation.
    Undelivered(Slot, RequestId),
    /// The callee does not take an invocation that long: as if it had answered so.
    Refused(Slot, Error<'static>),
}

/// The outbox of one call to the realm.
pub(crate) struct Dispatch<'r> {
    pub(crate) routes: &'r mut Routes,
    pub(crate) effects: &'r mut Effects,
    pub(crate) followups: &'r mut Vec<Followup>,
}

impl Dispatch<'_> {
    /// Takes note of what happened to a message.
    #[inline]
    fn appended(&mut self, to: Slot, appended: Appended) {
        let notes = match appended {
            Appended::Queued | Appended::Dropped { is_first: false } => return,
            Appended::Overflow => return self.followups.push(Followup::Leave(to)),
            Appended::FlushOwed => &mut self.effects.dirty,
            Appended::Dropped { is_first: true } => &mut self.effects.behind,
        };
        if let Some(peer) = self.routes.get(to) {
            notes.push(peer.clone());
        }
    }

    /// There is no room for a message: whoever waits for the answer is told, if that is possible.
    #[cold]
    fn overflown(&mut self, to: Slot, message: &Message<'_>) {
        match message {
            Message::Invocation(it) => self.followups.push(Followup::Undelivered(to, it.request)),
            Message::Result(it) if !it.details.progress => {
                self.send_in(
                    to,
                    &Error::new(Kind::Call, it.request, uris::RESOURCE_EXHAUSTED).into(),
                    Lane::Last,
                );
            }
            _ => self.followups.push(Followup::Leave(to)),
        }
    }

    #[inline]
    fn send_in(&mut self, to: Slot, message: &Message<'_>, lane: Lane) {
        let Routes { peers, scratch, .. } = &mut *self.routes;
        let Some(Some(peer)) = peers.get(to.0 as usize) else { return };
        let is_large = is_large(message);
        scratch.clear();
        let framed = peer.wire.append(message, scratch);
        if framed.body_len() > peer.message_len_max {
            return self.too_long(to, message);
        }
        let appended = match is_large {
            true => peer.append_shared(framed.shared(std::mem::take(scratch)), lane),
            false => peer.append(framed.of(scratch), lane),
        };
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
            let (body_len, shared) = encoded[peer.wire.index()].get_or_insert_with(|| {
                let mut buffer = Vec::new();
                let framed = peer.wire.append(event, &mut buffer);
                (framed.body_len(), framed.shared(buffer))
            });
            let appended = match *body_len > peer.message_len_max {
                true => peer.count_dropped(),
                false => peer.append_shared(shared.clone(), Lane::Event),
            };
            self.appended(slot, appended);
        }
    }

    /// A message is longer than its receiver takes: tell whoever waits for the answer.
    #[cold]
    fn too_long(&mut self, to: Slot, message: &Message<'_>) {
        let exceeded = |kind, request| Error::new(kind, request, uris::PAYLOAD_SIZE_EXCEEDED);
        match message {
            Message::Invocation(it) => {
                self.followups.push(Followup::Refused(to, exceeded(Kind::Invocation, it.request)));
            }
            Message::Result(it) => self.send(to, &exceeded(Kind::Call, it.request).into()),
            Message::Error(it) if !it.payload.is_empty() => {
                self.send(to, &Error::new(it.request_kind, it.request, it.error.clone().into_owned()).into());
            }
            Message::Event(_) => {
                let dropped = self.routes.get(to).map(|peer| peer.count_dropped());
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
        self.send_in(to, message, lane);
    }

    #[inline]
    fn multicast(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>) {
        if is_large(event) {
            return self.multicast_large(to, event);
        }
        let mut encoded: [Option<Framed>; Wire::COUNT] = [None; Wire::COUNT];
        self.routes.scratch.clear();
        for slot in to {
            let Routes { peers, scratch, .. } = &mut *self.routes;
            let Some(Some(peer)) = peers.get(slot.0 as usize) else { continue };
            let framed = *encoded[peer.wire.index()].get_or_insert_with(|| peer.wire.append(event, scratch));
            let appended = match framed.body_len() > peer.message_len_max {
                true => peer.count_dropped(),
                false => peer.append(framed.of(scratch), Lane::Event),
            };
            if appended != Appended::Queued {
                self.appended(slot, appended);
            }
        }
        self.shrink_scratch();
    }

    fn ask(&mut self, question: QuestionId, request: AuthorizeRequest) {
        self.effects.questions.push((question, request));
    }

    fn denied(&mut self, denial: Denial) {
        self.effects.denials.push(denial);
    }

    fn resume(&mut self, slot: Slot) {
        if let Some(peer) = self.routes.get(slot) {
            peer.queue.lock().is_resumed = true;
            self.effects.wakes.push(peer.clone());
        }
    }

    fn detach(&mut self, slot: Slot, close: Option<&'static str>) {
        if let Some(peer) = self.routes.detach(slot) {
            peer.queue.lock().detached = Some(close.map_or(Detached::Reusable, Detached::Close));
            self.effects.wakes.push(peer);
        }
    }
}
