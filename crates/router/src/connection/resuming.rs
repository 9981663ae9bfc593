//! A connection gets a session that another connection has lost, or leaves its own behind.

use std::sync::Arc;

use crossweave_router_core::boundary::{Presence, Session};
use crossweave_wamp::AuthMethod;
use crossweave_wamp::message::Welcome;
use tracing::{debug, info};

use super::{Connection, Stage, welcome};
use crate::authenticate::{Admittance, Grant, Verdict};
use crate::quota::Kind;
use crate::realm::RealmIsDown;
use crate::realm::parking::{Claimant, Claimed};
use crate::resumption::{self, Owner, Request, Resumption};

impl Connection {
    /// Goes on with the session that HELLO asks for. The admittance comes back if that is not to be; it is gone if the
    /// session was resumed, or is still to be given up by its connection.
    pub(super) fn resume(
        &mut self,
        admittance: Admittance,
        grant: Grant,
    ) -> Result<Option<Admittance>, RealmIsDown> {
        let Stage::Opening(opening) = &mut self.stage else { return Ok(Some(admittance)) };
        let Some(request) = opening.resume.take() else { return Ok(Some(admittance)) };
        let mut welcome = admittance.welcome.clone();
        resumption::announce(&mut welcome);
        if !welcome::shorten(&mut welcome, &self.peer, welcome::RESUMPTION_LEN_MAX) {
            return Ok(Some(admittance));
        }
        let (realm, session) = (&admittance.realm, &admittance.session);
        let (peer, proof) = (&self.peer, admittance.proof);
        let claimant = Claimant { request: &request, peer, session, proof, welcome: &welcome };
        match realm.claim(&claimant, &mut self.effects)? {
            Claimed::Resumed { slot, received, is_paused } => {
                debug!(realm = %realm.name(), session = %request.session, peer = %self.address, "session resumed");
                self.decoder.set_message_len_max(usize::MAX);
                let realm = admittance.realm;
                self.stage = Stage::Joined { realm, slot, is_paused, received, is_unconfirmed: true };
                Ok(None)
            }
            Claimed::Connected(token, given_up) => {
                opening.resume = Some(Request { token, ..request });
                opening.deciding = Some(Box::pin(async move {
                    // If the session has ended instead, the claim fails.
                    let _ = given_up.await;
                    Verdict::Admit(Box::new(grant))
                }));
                self.peer.waker.wake();
                Ok(None)
            }
            Claimed::Declined(cause) => {
                self.shared.quota.log(Kind::Session, || {
                    let authid = &session.authid;
                    info!(peer = %self.address, realm = %realm.name(), session = %request.session, %authid, cause, "session is not resumed");
                });
                Ok(Some(admittance))
            }
        }
    }

    /// Makes the session that is about to join resumable, if the client wants it and the transport has it.
    pub(super) fn offer_resumption(
        &self,
        realm: &Arc<crate::realm::RealmCell>,
        session: &Session,
        welcome: &mut Welcome,
        proof: Option<AuthMethod>,
    ) -> Option<Box<Resumption>> {
        let options = self.options.resumption.as_ref()?;
        resumption::announce(welcome);
        let Stage::Opening(opening) = &self.stage else { return None };
        if !opening.wants_resumption {
            return None;
        }
        welcome.details.insert("resumed", false);
        let made = realm.make_resumable(options, Owner::of(session, &self.address), proof, welcome);
        if made.is_none() {
            welcome.details.insert("resumable", false);
        }
        made
    }

    /// The connection is lost: its session stays behind if it is resumable, and leaves otherwise.
    pub(super) fn lose(&mut self) {
        self.lose_as(Presence::Away);
    }

    /// The peer does not answer its pings, and its connection is given up.
    pub(super) fn lose_silent(&mut self) {
        self.lose_as(Presence::Silent);
    }

    fn lose_as(&mut self, presence: Presence) {
        match self.park_as(presence) {
            true => self.stage = Stage::Ended,
            false => self.end(),
        }
    }

    /// Leaves the session to another connection, or to its fate. False if it is still this connection's.
    pub(super) fn park(&mut self) -> bool {
        self.park_as(Presence::Away)
    }

    fn park_as(&mut self, presence: Presence) -> bool {
        let Stage::Joined { realm, slot, is_paused, received, .. } = &self.stage else { return false };
        let is_resumable = self.peer.queue.lock().resumption.is_some();
        if !is_resumable {
            return false;
        }
        let visit = self.visit.as_deref().cloned();
        realm.clone().park((*slot, &self.peer), (*received, *is_paused), presence, visit, &mut self.effects)
    }

    /// Another connection goes on with the session: this one was thought alive, and is closed.
    pub(super) fn hand_over(&mut self) {
        if self.park() {
            self.stage = Stage::Detached;
            self.close("wamp.close.resumed");
        }
    }
}
