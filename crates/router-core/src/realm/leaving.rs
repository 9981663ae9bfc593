//! How a session leaves: by its own GOODBYE or ABORT, for what it did wrong, as the router or another session closes it, or
//! because its transport is gone.
//!
//! At once, whatever it had: it gets no message and no call any more, its testaments are published, `wamp.session.on_leave` tells of
//! it. Its calls and invocations, then its subscriptions and registrations end one by one in portions, so that one who has very many
//! delays nobody; what is left after the first portion is done at the next ticks. A registration that somebody else needs in
//! the meantime, or a call to which something else happens, ends before its turn.

use crossweave_wamp::message::{Abort, Goodbye};
use crossweave_wamp::{MatchPolicy, SessionId, uris};

use super::Realm;
use crate::boundary::{Flow, Outbox, Session, Slot, Whom};
use crate::broker::Publisher;
use crate::meta;
use crate::meta::testament::{Testament, Testaments};
use crate::permit::{Route, permits_testament};
use crate::session::Peer;

/// Whether others are told that a session leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// By its testaments and `wamp.session.on_leave`.
    Given,
    /// They are not, as `wamp.session.kill_all` has it.
    None,
}

impl Realm {
    /// Forgets a session and ends everything it took part in. Nothing is sent to it.
    pub(super) fn remove<O: Outbox>(&mut self, slot: Slot, notice: Notice, out: &mut O) -> Flow {
        let Some(mut peer) = self.sessions.remove(slot) else { return Flow::Gone };
        if let Some(gate) = peer.gate.take() {
            self.questions.remove(&gate.question);
        }
        let left = meta::session::left(&peer.session);
        let testaments = peer.testaments.take();
        self.sessions.let_leave(peer);
        self.end_calls(slot, out);
        if notice == Notice::Given {
            if let Some(testaments) = testaments {
                self.publish_testaments(slot, *testaments, out);
            }
            if self.tells(meta::session::ON_LEAVE) {
                self.tell(meta::session::ON_LEAVE, &left, None, out);
            }
        }
        self.work_off(out);
        self.serve_queues(out);
        Flow::Gone
    }

    /// Ends calls and invocations of a session that has just left: as a rule all of them.
    fn end_calls<O: Outbox>(&mut self, slot: Slot, out: &mut O) {
        for _ in 0..self.options.limits.leave_portion.max(1) {
            if !self.dealer.end_next(&mut self.sessions, slot, out) {
                return;
            }
        }
    }

    /// Publishes what a session leaves behind, as far as its role may still publish that.
    #[cold]
    fn publish_testaments<O: Outbox>(&mut self, slot: Slot, testaments: Testaments, out: &mut O) {
        let Some(peer) = self.sessions.leaving_mut(slot) else { return };
        let (session, role) = (peer.session.clone(), peer.role);
        for Testament { publication, mut publish, disclose, .. } in testaments.into_iter() {
            let permitted = permits_testament(&self.roles, role, &publish.topic, disclose);
            let Some(disclose) = permitted else {
                self.stats.refused += 1;
                continue;
            };
            let mut route = Route::new(self.broker.exact(&publish.topic), disclose);
            if let Some(trust) = &self.trust {
                route.attribution.trustlevel = trust.level(&session.authrole, &publish.topic);
            }
            self.broadcast(Publisher::Left(&session), publication, &mut publish, route, out);
        }
    }

    /// The router closes the session.
    pub(super) fn close<O: Outbox>(&mut self, slot: Slot, reason: &'static str, out: &mut O) -> Flow {
        if self.sessions.get(slot).is_some() {
            out.send(slot, &Goodbye::new(reason).into());
            let _ = self.remove(slot, Notice::Given, out);
            out.detach(slot, Some(reason));
        }
        Flow::Gone
    }

    /// Another session or the router closes it.
    pub(crate) fn kill<O: Outbox>(&mut self, slot: Slot, goodbye: Goodbye, notice: Notice, out: &mut O) {
        let closes = if goodbye.reason == uris::CLOSE_REALM { uris::CLOSE_REALM } else { uris::CLOSE_KILLED };
        out.send(slot, &goodbye.into());
        let _ = self.remove(slot, notice, out);
        out.detach(slot, Some(closes));
    }

    /// The router closes sessions of its own accord.
    #[cold]
    pub(super) fn kill_whom<O: Outbox>(&mut self, whom: &Whom, goodbye: &Goodbye, out: &mut O) -> Flow {
        let notice = match whom {
            Whom::Everybody => Notice::None,
            Whom::Authid(_) => Notice::Given,
        };
        self.kill_where(goodbye, notice, |session| whom.is(session), out);
        Flow::Continue
    }

    /// The role goes, and its sessions with it.
    #[cold]
    pub(super) fn revoke_role<O: Outbox>(&mut self, name: &str, goodbye: &Goodbye, out: &mut O) -> Flow {
        // First, so that nothing is done in its name any more.
        if self.remove_role(name) {
            self.kill_where(goodbye, Notice::Given, |session| &*session.authrole == name, out);
            self.roles.forget(name);
        }
        Flow::Continue
    }

    fn kill_where<O: Outbox>(
        &mut self,
        goodbye: &Goodbye,
        notice: Notice,
        is_meant: impl Fn(&Session) -> bool,
        out: &mut O,
    ) {
        let meant = self.sessions().filter(|(_, session)| is_meant(session));
        let slots: Vec<Slot> = meant.map(|(slot, _)| slot).collect();
        slots.into_iter().for_each(|slot| self.kill(slot, goodbye.clone(), notice, out));
    }

    /// The session closes itself, and its transport may open another one.
    pub(super) fn goodbye<O: Outbox>(&mut self, slot: Slot, out: &mut O) -> Flow {
        out.send(slot, &Goodbye::new(uris::GOODBYE_AND_OUT).into());
        let _ = self.remove(slot, Notice::Given, out);
        out.detach(slot, None);
        Flow::Gone
    }

    /// The session broke the protocol or a bound.
    #[cold]
    pub(super) fn abort<O: Outbox>(
        &mut self,
        slot: Slot,
        reason: &'static str,
        message: &str,
        out: &mut O,
    ) -> Flow {
        if self.sessions.get(slot).is_some() {
            self.stats.aborted += 1;
            out.send(slot, &Abort::new(reason, message).into());
            let _ = self.remove(slot, Notice::Given, out);
            out.detach(slot, Some(reason));
        }
        Flow::Gone
    }

    /// Ends some of the calls, subscriptions and registrations of sessions that have left.
    pub(super) fn work_off<O: Outbox>(&mut self, out: &mut O) {
        for _ in 0..self.options.limits.leave_portion.max(1) {
            // Sessions that have nothing more are free at once, so that no turn is spent on them alone.
            while let Some(peer) = self.sessions.next_leaving()
                && peer.has_nothing()
            {
                let slot = peer.slot;
                self.sessions.has_left(slot);
                out.free(slot);
            }
            let Some(peer) = self.sessions.next_leaving() else { return };
            let (slot, session) = (peer.slot, peer.session.id);
            if !peer.ending.is_empty() {
                self.dealer.end_next(&mut self.sessions, slot, out);
            } else if let Some((id, membership)) = peer.subscriptions.pop_first() {
                let ended = self.broker.remove_member(&mut self.sessions, id, membership);
                self.tell_unsubscribed(session, ended, out);
            } else if let Some((_, key)) = peer.registrations.pop_first() {
                let ended = self.dealer.remove_callee(key, slot);
                self.tell_unregistered(session, ended, out);
            }
        }
    }

    /// Before a call or a registration of a procedure: callees of it that have left are no longer there.
    #[cold]
    pub(super) fn settle_procedure<O: Outbox>(&mut self, policy: MatchPolicy, uri: &str, out: &mut O) {
        loop {
            let registration = match policy {
                MatchPolicy::Exact => self.dealer.matching(uri),
                policy => self.dealer.of_pattern(policy, uri),
            };
            let Some(registration) = registration else { return };
            let has_left = |slot: &Slot| self.sessions.get(*slot).is_none();
            let Some(slot) = registration.callees.iter().map(|callee| callee.slot).find(has_left) else {
                return;
            };
            let id = registration.id;
            let Some(session) = self.end_early(slot, |peer| peer.registrations.remove(&id)) else { return };
            let (session, key) = session;
            let ended = self.dealer.remove_callee(key, slot);
            self.tell_unregistered(session, ended, out);
        }
    }

    fn end_early<T>(
        &mut self,
        slot: Slot,
        take: impl FnOnce(&mut Peer) -> Option<T>,
    ) -> Option<(SessionId, T)> {
        let peer = self.sessions.leaving_mut(slot)?;
        Some((peer.session.id, take(peer)?))
    }
}
