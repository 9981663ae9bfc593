//! A running realm: the pure core behind its lock, with its sessions' queues and its clock.

mod asking;
mod changing;
mod clock;
mod following;
pub(crate) mod parking;
mod run;
pub(crate) mod status;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice::IterMut;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use crossweave_router_core::boundary::{Flow, Input, Record, Session, Slot};
use crossweave_router_core::{DecisionFilter, Realm};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Abort, Welcome};
use crossweave_wamp::payload::Prepared;
use crossweave_wamp::{AuthMethod, Message, ProtocolViolation, SessionId, uris};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tracing::debug;

pub(crate) use self::asking::AbortOnDrop;
use self::asking::QUESTIONS_MAX;
use self::run::Run;
use crate::authorizer::Authorizer;
use crate::dispatch::{Dispatch, Effects, Followup, Routes, SerializersInUse};
use crate::history::Storage;
use crate::internal::{InternalCaller, TRUSTED, internal_role, is_from_outside};
use crate::peer::Peer;
use crate::provision::Provision;
use crate::queue::{Detached, Lane};
use crate::quota::LogQuota;
use crate::resumption::{Resumption, Seats};
use crate::router::{RealmDefinition, SessionQueue};
use crate::tap::{Direction, Taps};
use crate::trace;

/// The realm went down by a panic. Its sessions are closed; it takes no input any more.
#[derive(Debug)]
pub(crate) struct RealmIsDown;

/// A realm that runs.
pub(crate) struct RealmCell {
    name: Arc<str>,
    /// A mutex, not an actor: the session that reads a batch routes it itself, which saves two wake-ups per message, and the
    /// order in which it appends to queues is the realm's order (see ARCHITECTURE.md, "The hot path").
    state: Mutex<State>,
    timer: Arc<Notify>,
    /// Writes what the history takes, if that is to survive.
    history: Option<Arc<Storage>>,
    /// Sessions by their serializer, to be looked at without the lock.
    serializers: Arc<SerializersInUse>,
    /// What WELCOME says the realm does.
    announced: Roles,
    quota: Arc<LogQuota>,
    /// Questions that wait for their turn or their answer.
    asked: AtomicUsize,
    authorizer: Option<Arc<dyn Authorizer>>,
    questions: Semaphore,
    internal: InternalCaller,
    /// Seats of resumable sessions that are taken.
    resumable: Arc<Seats>,
    /// Who is told whether anybody is here.
    provision: Arc<Provision>,
    /// What it was told. Held while it is told more.
    told: Mutex<bool>,
    /// Roles whose sessions are not what the realm is there for.
    background_roles: Vec<Arc<str>>,
    taps: Arc<Taps>,
}

struct State {
    /// None once a panic has left it half changed.
    realm: Option<Realm>,
    routes: Routes,
    followups: Vec<Followup>,
    /// What the timer task waits for.
    armed: Option<Instant>,
    /// The router shuts down: nobody joins any more.
    is_closing: bool,
    /// The realm was ended, which is no defect.
    is_stopped: bool,
}

impl RealmCell {
    /// Starts a realm with its roles and the events that its history had.
    pub(crate) fn start(
        name: &str,
        definition: RealmDefinition,
        (history, records): (Option<Arc<Storage>>, Vec<Record>),
        quota: Arc<LogQuota>,
        provision: Arc<Provision>,
        taps: Arc<Taps>,
    ) -> Arc<RealmCell> {
        let RealmDefinition { options, roles, authorizer, background_roles, history: _ } = definition;
        let name: Arc<str> = name.into();
        let announced = options.announced();
        let mut realm = Realm::new(name.clone(), options, seed());
        clock::set_clock(&mut realm);
        realm.restore(records);
        roles.into_iter().for_each(|role| realm.set_role(role));
        realm.set_role(internal_role());
        let routes = Routes::default();
        let serializers = routes.serializers.clone();
        let state = State {
            realm: Some(realm),
            routes,
            followups: Vec::new(),
            armed: None,
            is_closing: false,
            is_stopped: false,
        };
        let cell = Arc::new(RealmCell {
            name,
            state: Mutex::new(state),
            timer: Arc::default(),
            history,
            serializers,
            announced,
            quota,
            asked: AtomicUsize::new(0),
            authorizer,
            questions: Semaphore::new(QUESTIONS_MAX),
            internal: InternalCaller::default(),
            resumable: Arc::default(),
            provision,
            told: Mutex::default(),
            background_roles,
            taps,
        });
        tokio::spawn(clock::tick(Arc::downgrade(&cell), cell.timer.clone()));
        cell
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The roles and features for WELCOME.
    pub(crate) fn announced(&self) -> Roles {
        self.announced
    }

    pub(crate) fn quota(&self) -> &Arc<LogQuota> {
        &self.quota
    }

    /// The router's own sessions on this realm.
    pub(crate) fn internal(&self) -> &InternalCaller {
        &self.internal
    }

    /// Whether the role exists for those who connect.
    pub(crate) fn has_role(&self, role: &str) -> bool {
        role != TRUSTED && self.state.lock().realm.as_ref().is_some_and(|realm| realm.has_role(role))
    }

    /// Whether a client gets the role that has proven itself so; none if the role does not exist.
    pub(crate) fn admits(&self, role: &str, proof: Option<AuthMethod>) -> Option<bool> {
        self.state.lock().realm.as_ref().and_then(|realm| realm.admits(role, proof))
    }

    /// Whether it still runs.
    pub(crate) fn is_up(&self) -> bool {
        self.state.lock().realm.is_some()
    }

    /// Attaches a session: WELCOME is the first thing in its queue. What is behind it is kept if the session is resumable.
    pub(crate) fn join(
        self: &Arc<Self>,
        peer: Arc<Peer>,
        session: Box<Session>,
        welcome: Box<Welcome>,
        resumption: Option<Box<Resumption>>,
        effects: &mut Effects,
    ) -> Result<Slot, RealmIsDown> {
        peer.set_session(session.id.0);
        // Should the realm refuse it after all, it is detached with an ABORT like any other session.
        self.handle(effects, |run| {
            let slot = run.dispatch.routes.attach(peer, self.is_there_for(&session));
            let _ = run.input(Input::Join(slot, session, welcome));
            if resumption.is_some()
                && let Some(peer) = run.dispatch.routes.get(slot)
            {
                peer.queue.lock().resumption = resumption;
            }
            if run.is_closing {
                let _ = run.input(Input::Close(slot, uris::SYSTEM_SHUTDOWN));
            }
            slot
        })
    }

    /// Whether the realm is there for this session, and not the session for the realm.
    fn is_there_for(&self, session: &Session) -> bool {
        is_from_outside(session) && !self.background_roles.contains(&session.authrole)
    }

    /// A session id that is not in use.
    pub(crate) fn new_session_id(&self) -> Result<SessionId, RealmIsDown> {
        self.state.lock().realm.as_mut().map(Realm::new_session_id).ok_or(RealmIsDown)
    }

    /// Whether nobody joins any more, as the router shuts down.
    pub(crate) fn is_closing(&self) -> bool {
        self.state.lock().is_closing
    }

    /// Transcodes a large message's payload now, so that its encoding under the lock only copies bytes; if anybody may get it.
    /// Whoever keeps what is returned until the lock is released spares the realm the freeing.
    #[cold]
    pub(crate) fn prepare(&self, message: &mut Message<'_>) -> Option<Prepared> {
        let has_receivers =
            self.state.lock().realm.as_ref().is_some_and(|realm| realm.has_receivers(message));
        if !has_receivers {
            return None;
        }
        message.payload_mut().map(|payload| payload.prepare(self.serializers.iter()))
    }

    /// A batch of messages of one session, up to what is no message or ends it. Taken by reference, as each is a few hundred bytes.
    #[inline]
    pub(crate) fn messages<'i, 'm: 'i>(
        self: &Arc<Self>,
        slot: Slot,
        messages: impl Iterator<Item = &'i mut Decoded<'m>>,
        effects: &mut Effects,
    ) -> Result<Flow, RealmIsDown> {
        self.handle(effects, |run| run.messages(slot, messages, Run::message))
    }

    /// Whether somebody looks at messages: at those of this realm, or of another one.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        trace::is_on() || self.taps.is_watching()
    }

    /// Does what [`RealmCell::messages`] does while somebody looks: with the messages' lengths, and the session that they came from.
    #[cold]
    pub(crate) fn watched_messages<'i, 'm: 'i>(
        self: &Arc<Self>,
        (session, slot): (u64, Slot),
        messages: &mut IterMut<'i, Decoded<'m>>,
        lens: impl Iterator<Item = usize>,
        effects: &mut Effects,
    ) -> Result<Flow, RealmIsDown> {
        if self.open_turn(effects) {
            let seen = messages.as_slice().iter().map_while(|it| it.as_ref().ok());
            note_received(session, seen.zip(lens), effects);
        }
        if !self.taps.is_counting() {
            return self.messages(slot, messages, effects);
        }
        self.handle(effects, |run| {
            run.messages(slot, messages, |run, slot, message| {
                run.counted_message(&self.taps.heat, &self.name, slot, message)
            })
        })
    }

    /// Whether messages are noted one by one: not if they are only counted.
    #[cold]
    fn open_turn(&self, effects: &mut Effects) -> bool {
        if effects.traced.tapped.is_none() && self.taps.is_open() {
            effects.traced.tapped = self.taps.turn(&self.name);
        }
        effects.traced.tapped.is_some() || trace::is_on()
    }

    /// A session's transport is gone.
    pub(crate) fn leave(self: &Arc<Self>, slot: Slot, effects: &mut Effects) {
        let left = self.handle(effects, |run| {
            if run.dispatch.routes.detach(slot).is_some() {
                let _ = run.input(Input::Leave(slot));
            }
            run.dispatch.routes.release(slot);
        });
        if left.is_err() {
            debug!(realm = %self.name, "session left a realm that is down");
        }
    }

    /// Closes a session of the caller's with this reason.
    pub(crate) fn close(self: &Arc<Self>, slot: Slot, reason: &'static str, effects: &mut Effects) {
        // If the realm is down, so is the session.
        let _ = self.handle(effects, |run| run.input(Input::Close(slot, reason)));
    }

    /// A session that the realm has detached will send nothing more.
    pub(crate) fn release(&self, slot: Slot) {
        self.state.lock().routes.release(slot);
    }

    /// Closes every session with this reason.
    pub(crate) fn close_all(self: &Arc<Self>, reason: &'static str) {
        let mut effects = Effects::default();
        let slots: Vec<Slot> = {
            let mut state = self.state.lock();
            state.is_closing = true;
            state.routes.iter().map(|(slot, _)| slot).collect()
        };
        for slot in slots {
            if self.handle(&mut effects, |run| run.input(Input::Close(slot, reason))).is_err() {
                break;
            }
        }
        self.finish(effects);
    }

    /// Forgets decisions of authorizers that the realm remembers, and says how many.
    pub(crate) fn purge_decisions(&self, filter: &DecisionFilter) -> usize {
        self.state.lock().realm.as_mut().map_or(0, |realm| realm.purge_decisions(filter))
    }

    /// What waits for each session: id, bytes, events dropped.
    pub(crate) fn queues(&self) -> Vec<SessionQueue> {
        let peers: Vec<Arc<Peer>> = self.state.lock().routes.iter().map(|(_, peer)| peer.clone()).collect();
        let queue = |peer: Arc<Peer>| {
            let queue = peer.queue.lock();
            SessionQueue {
                session: SessionId(peer.session()),
                waiting_bytes: queue.waiting_bytes(),
                dropped: queue.dropped,
                is_parked: queue.resumption.as_ref().is_some_and(|resumption| resumption.parked().is_some()),
            }
        };
        peers.into_iter().map(queue).collect()
    }

    /// Flushes all that is owed, for callers that cannot come back.
    pub(crate) fn finish(&self, mut effects: Effects) {
        effects.dirty.drain(..).for_each(|peer| peer.flush());
    }

    /// Gives inputs to the realm under its lock. A panic in there closes the realm and nothing else.
    #[inline]
    fn handle<T>(
        self: &Arc<Self>,
        effects: &mut Effects,
        inputs: impl FnOnce(&mut Run<'_>) -> T,
    ) -> Result<T, RealmIsDown> {
        let result = self.handle_locked(&mut self.state.lock(), effects, inputs);
        self.follow(effects);
        result
    }

    #[inline]
    fn handle_locked<T>(
        &self,
        state: &mut State,
        effects: &mut Effects,
        inputs: impl FnOnce(&mut Run<'_>) -> T,
    ) -> Result<T, RealmIsDown> {
        let realm = state.realm.as_mut().ok_or(RealmIsDown)?;
        let (routes, followups) = (&mut state.routes, &mut state.followups);
        let (is_recorded, is_traced) = (self.history.is_some(), self.is_watched() && self.open_turn(effects));
        let dispatch = Dispatch { routes, effects, followups, is_traced, is_recorded };
        let mut run = Run { realm, dispatch, now: Instant::now(), is_closing: state.is_closing };
        let result = catch_unwind(AssertUnwindSafe(|| {
            let result = inputs(&mut run);
            run.follow_up();
            result
        }));
        let result = match result {
            Ok(result) => {
                self.arm(state);
                Ok(result)
            }
            Err(_) => {
                self.go_down(state, effects);
                Err(RealmIsDown)
            }
        };
        if is_traced && let Some(turn) = &mut effects.traced.tapped {
            turn.settle(state.realm.as_ref());
        }
        effects.has_turned |= state.routes.has_turned;
        result
    }

    #[cold]
    fn go_down(&self, state: &mut State, effects: &mut Effects) {
        effects.went_down = true;
        state.realm = None;
        state.followups.clear();
        let abort = Abort::new(uris::RUNTIME_ERROR, "the realm was closed by a defect in the router").into();
        let slots: Vec<Slot> = state.routes.iter().map(|(slot, _)| slot).collect();
        for peer in slots.into_iter().filter_map(|slot| state.routes.detach(slot)) {
            let mut framed = Vec::new();
            let abort = peer.wire.append(&abort, &mut framed);
            let _ = peer.append(abort.of(&framed), Lane::Last);
            let mut queue = peer.queue.lock();
            queue.detach(Detached::Close(uris::RUNTIME_ERROR));
            queue.give_to_owner();
            drop(queue);
            effects.wakes.push(peer);
        }
    }
}

/// Tells those who look of messages that came from a session, before they are handed to the realm.
fn note_received<'m, 'b: 'm>(
    session: u64,
    messages: impl Iterator<Item = (&'m Message<'b>, usize)>,
    effects: &mut Effects,
) {
    for (message, len) in messages {
        if let Some(turn) = &mut effects.traced.tapped {
            turn.note(Direction::Received, session, len, message);
        }
        trace::received(session, message, len);
    }
}

/// What a session sent: a message, or why it is none.
pub(crate) type Decoded<'m> = Result<Message<'m>, ProtocolViolation>;

fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("the operating system gives random bytes");
    seed
}

#[cfg(test)]
mod tests;
