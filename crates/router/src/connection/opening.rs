//! From HELLO to WELCOME.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crossweave_router_core::boundary::Session;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Abort, Hello};
use crossweave_wamp::serializer::ubjson::dialect;
use crossweave_wamp::session::acceptor::{Acceptor, State, Step};
use crossweave_wamp::{Dict, Message, Serializer, uris};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::{debug, info};

use super::{Connection, Stage, welcome};
use crate::admission::Pending;
use crate::authenticate::{self, Admittance, Caller, Grant, Refusal, Verdict};
use crate::cookies::{Remembered, now_s};
use crate::methods::Authentication;
use crate::peer::Wire;
use crate::provision;
use crate::queue::{Appended, Lane};
use crate::quota::Kind;
use crate::realm::RealmIsDown;
use crate::resumption::{self, Request};
use crate::trace;

/// A session that is being opened.
pub(super) struct Opening {
    acceptor: Acceptor,
    deadline: Pin<Box<Sleep>>,
    /// The connection has had a session already.
    is_again: bool,
    pub(super) pending: Option<Pending>,
    roles: Roles,
    /// The same as it was sent, if the session is to go on elsewhere.
    pub(super) announced: Dict,
    /// The session that the client wants to go on with.
    pub(super) resume: Option<Request>,
    pub(super) wants_resumption: bool,
    /// Challenged, and has not answered.
    challenged: Option<Box<authenticate::Pending>>,
    /// An authenticator, or who starts its realm or role, is asked; nothing is read meanwhile.
    pub(super) deciding: Option<Pin<Box<dyn Future<Output = Verdict> + Send>>>,
    /// How it is refused if the authenticator that is asked does not answer in time.
    pub(super) late: Option<Box<Refusal>>,
}

impl Opening {
    pub(super) fn new(deadline: Instant, pending: Option<Pending>) -> Self {
        Opening {
            acceptor: Acceptor::default(),
            deadline: Box::pin(sleep_until(deadline)),
            is_again: false,
            pending,
            roles: Roles::default(),
            announced: Dict::new(),
            resume: None,
            wants_resumption: false,
            challenged: None,
            deciding: None,
            late: None,
        }
    }

    /// The same for a connection whose session has ended by GOODBYE.
    pub(super) fn again(deadline: Instant, pending: Option<Pending>) -> Self {
        Opening { is_again: true, ..Opening::new(deadline, pending) }
    }

    /// Whether somebody else is asked about the peer.
    pub(super) fn is_deciding(&self) -> bool {
        self.deciding.is_some()
    }
}

impl Connection {
    /// A message before the session is open.
    pub(super) fn receive_opening(&mut self, bytes: &[u8]) {
        self.heed_encoding(bytes);
        let Stage::Opening(opening) = &mut self.stage else { return };
        let message = Message::decode(self.peer.wire.serializer, bytes);
        if let Ok(message) = &message
            && trace::is_on()
        {
            trace::received_from(&self.address, message, bytes.len());
        }
        match message.and_then(|message| opening.acceptor.receive(message)) {
            Ok(Step::Decide(hello)) => self.decide(&hello),
            Ok(Step::Verify(answer)) => {
                let challenged = opening.challenged.take().expect("the acceptor expects what was challenged");
                self.heed(challenged.judge(&answer));
            }
            Ok(Step::Aborted) => self.close(""),
            Err(violation) => self.refuse(&Abort::new(violation.uri(), violation.message())),
        }
    }

    /// Answers UBJSON in the encoding in which the peer's HELLO is, if that can be seen.
    fn heed_encoding(&mut self, message: &[u8]) {
        if let Serializer::Ubjson | Serializer::BjData = self.peer.wire.serializer
            && let Some(serializer) = dialect::of(message)
        {
            self.change_wire(|wire| wire.serializer = serializer);
        }
    }

    /// Answers JSON in batches with the separator behind the peer's HELLO.
    pub(super) fn heed_separator(&mut self, frame: &[u8]) {
        self.change_wire(|wire| wire.batching = wire.batching.as_peer_does(frame));
    }

    /// Changes how the connection is written to. The wire is a plain field, which costs those who write nothing: before the
    /// first session nobody else has the peer. (A later session on the same connection finds the wire as it should be.)
    fn change_wire(&mut self, change: impl FnOnce(&mut Wire)) {
        // The pongs owed to it, which are in no serializer.
        self.effects.dirty.drain(..).for_each(|peer| peer.flush());
        if let Some(peer) = Arc::get_mut(&mut self.peer) {
            change(&mut peer.wire);
        }
    }

    fn decide(&mut self, hello: &Hello) {
        let Stage::Opening(opening) = &mut self.stage else { return };
        opening.roles = Roles::from_details(&hello.details);
        if opening.roles == Roles::default() {
            let text = "HELLO announces no role in details.roles";
            return self.refuse(&Abort::new(uris::PROTOCOL_VIOLATION, text));
        }
        if self.shared.upstreams.get().is_some() {
            opening.announced = hello.details.dict("roles").cloned().unwrap_or_default();
        }
        if self.options.resumption.is_some() {
            opening.wants_resumption = resumption::wants(hello);
            opening.resume = Request::of(hello);
        }
        if let Some(visit) = &self.visit {
            // Before the cookie is looked at: whoever logs out from now on finds this connection.
            self.peer.queue.lock().is_logged_out = false;
            visit.attach(&self.peer);
        }
        let verdict = match &self.authentication {
            Authentication::Methods(methods) => {
                authenticate::start(&self.shared, methods, hello, self.caller())
            }
            Authentication::Trusted { authrole, authid } => {
                Verdict::Admit(Box::new(authenticate::trusted(hello, authrole, authid)))
            }
        };
        self.heed(verdict);
    }

    /// The cookie of the connection stands for the session from now on, unless that has proven nothing.
    fn note_in_cookie(&self, admittance: &Admittance) -> Result<(), Refusal> {
        let Session { authid, authrole, authmethod, authextra, .. } = &*admittance.session;
        self.note(authmethod, || Remembered {
            created_s: now_s(),
            authid: authid.to_string(),
            authrole: authrole.to_string(),
            authmethod: admittance.proof,
            realm: admittance.realm.name().to_string(),
            authextra: authextra.clone(),
        })
    }

    /// The same for a session that is one of another router.
    pub(super) fn note_grant_in_cookie(&self, grant: &Grant) -> Result<(), Refusal> {
        self.note(grant.method, || Remembered {
            created_s: now_s(),
            authid: grant.authid.to_string(),
            authrole: grant.authrole.to_string(),
            authmethod: grant.proof,
            realm: grant.realm.clone().unwrap_or_default(),
            authextra: grant.authextra.clone(),
        })
    }

    fn note(&self, authmethod: &str, remembered: impl FnOnce() -> Remembered) -> Result<(), Refusal> {
        let Some(visit) = &self.visit else { return Ok(()) };
        match authmethod {
            // What was proven when the cookie was made is all that is known.
            "cookie" => {}
            "anonymous" => visit.forget(),
            _ => {
                let mut remembered = remembered();
                // The router's proof was for this login.
                for proof in ["verifier", "scram_server_signature"] {
                    remembered.authextra.remove(proof);
                }
                let authid = remembered.authid.clone();
                if !visit.remember(remembered, &self.peer) {
                    let cause = "its cookie was logged out while its session was being opened";
                    return Err(Refusal::unproven(authmethod, Some(&authid), cause));
                }
            }
        }
        Ok(())
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            address: self.address.clone(),
            wire: self.peer.wire,
            channel_framing: self.channel_framing,
            tls: self.tls.clone(),
            visit: self.visit.as_deref().cloned(),
        }
    }

    /// Whether it would join by a cookie that stands for it no more: deciding may have taken long.
    fn is_by_forgotten_cookie(&self, grant: &Grant) -> bool {
        let known = || self.visit.as_ref().and_then(|visit| visit.known());
        grant.method == "cookie" && known().is_none_or(|known| *known.authid != *grant.authid)
    }

    /// Does what was decided.
    fn heed(&mut self, verdict: Verdict) {
        let is_forgotten = matches!(&verdict, Verdict::Admit(grant) if self.is_by_forgotten_cookie(grant));
        let upstream = self.shared.upstreams.get();
        let Stage::Opening(opening) = &mut self.stage else { return };
        match verdict {
            Verdict::Admit(grant) if is_forgotten => {
                let cause = "the cookie was forgotten while its session was being opened";
                self.refuse_unproven(&Refusal::unproven(grant.method, Some(&grant.authid), cause));
            }
            Verdict::Admit(grant) if upstream.is_some() => {
                if let Some(upstream) = upstream {
                    self.ask_upstream(&upstream, grant);
                }
            }
            Verdict::Forward(session, grant) => self.join_upstream(*session, &grant),
            Verdict::Admit(grant) => {
                let (roles, resumes) = (opening.roles, opening.resume.is_some().then(|| grant.clone()));
                let again = (self.shared.provision.is_set() || grant.said.is_some()).then(|| grant.clone());
                let caller = self.caller();
                let is_cookie = grant.method == "cookie";
                let joined =
                    authenticate::admit(&self.shared, roles, &caller, *grant).and_then(|admittance| {
                        self.note_in_cookie(&admittance)?;
                        let is_down = |_| Abort::new(uris::NO_SUCH_REALM, "the realm is down").into();
                        self.join(admittance, resumes).map_err(is_down)
                    });
                if let Err(refusal) = joined {
                    // The next time, the browser may prove itself by another method.
                    if let Some(visit) = self.visit.as_ref().filter(|_| is_cookie && refusal.is_of_proof()) {
                        visit.forget();
                    }
                    self.turn_away(again, &caller, &refusal);
                }
            }
            Verdict::Challenge(challenge, challenged) => {
                opening.acceptor.challenge();
                opening.challenged = Some(challenged);
                if !self.say(&challenge.into(), Lane::Control) {
                    let text = "the CHALLENGE is longer than the longest message that you take";
                    self.refuse(&Abort::new(uris::PAYLOAD_SIZE_EXCEEDED, text));
                }
            }
            Verdict::Refuse(refusal) => self.refuse_unproven(&refusal),
            Verdict::Wait(deciding, late) => {
                opening.deciding = Some(deciding);
                opening.late = Some(late);
                // It is polled in this turn or the next.
                self.peer.waker.wake();
            }
        }
    }

    /// Lets a client wait for its realm or role, if that may start; refuses it otherwise.
    #[cold]
    fn turn_away(&mut self, grant: Option<Box<Grant>>, caller: &Caller, refusal: &Refusal) {
        let refused = grant.as_ref().map(|grant| grant.refusal(refusal.clone()));
        let grant = grant.filter(|_| self.shared.provision.is_set());
        let waiting = grant.and_then(|grant| provision::ask(&self.shared, grant, caller, &refusal.abort));
        match (waiting, &mut self.stage) {
            (Some(waiting), Stage::Opening(opening)) => {
                opening.deciding = Some(waiting);
                // It is polled in this turn or the next.
                self.peer.waker.wake();
            }
            _ => self.refuse_unproven(refused.as_ref().unwrap_or(refusal)),
        }
    }

    /// Hears what an authenticator says, if one is asked.
    pub(super) fn poll_deciding(&mut self, cx: &mut Context<'_>) {
        while let Stage::Opening(opening) = &mut self.stage
            && let Some(deciding) = &mut opening.deciding
            && let Poll::Ready(verdict) = deciding.as_mut().poll(cx)
        {
            (opening.deciding, opening.late) = (None, None);
            self.heed(verdict);
        }
    }

    /// Joins, or goes on with the session that the client claims under this grant.
    fn join(&mut self, admittance: Admittance, resumes: Option<Box<Grant>>) -> Result<(), RealmIsDown> {
        let admittance = match resumes {
            Some(grant) => self.resume(admittance, *grant)?,
            None => Some(admittance),
        };
        admittance.map_or(Ok(()), |admittance| self.join_anew(admittance))
    }

    fn join_anew(&mut self, admittance: Admittance) -> Result<(), RealmIsDown> {
        let Admittance { realm, session, mut welcome, proof } = admittance;
        let resumption = self.offer_resumption(&realm, &session, &mut welcome, proof);
        if !welcome::shorten(&mut welcome, &self.peer, 0) {
            let text = "the WELCOME is longer than the longest message that you take";
            self.refuse(&Abort::new(uris::PAYLOAD_SIZE_EXCEEDED, text));
            return Ok(());
        }
        let (id, authid, authrole) = (session.id, session.authid.clone(), session.authrole.clone());
        self.peer.queue.lock().dropped = 0;
        let slot = realm.join(self.peer.clone(), session, welcome, resumption, &mut self.effects)?;
        debug!(realm = %realm.name(), session = %id, %authid, %authrole, peer = %self.address, "session joined");
        self.decoder.set_message_len_max(usize::MAX);
        self.stage = Stage::Joined { realm, slot, is_paused: false, received: 0, is_unconfirmed: false };
        Ok(())
    }

    /// Refuses a client that may not join; the log is told why.
    pub(super) fn refuse_unproven(&mut self, refusal: &Refusal) {
        match refusal.is_of_proof() {
            false if refusal.is_told => {}
            false => return self.refuse(&refusal.abort),
            true => self.shared.quota.log(Kind::Authentication, || {
                info!(peer = %self.address, cause = refusal.cause, "authentication failed");
            }),
        }
        self.append_abort(&refusal.abort);
        self.close("");
    }

    /// Sends ABORT and closes.
    pub(super) fn refuse(&mut self, abort: &Abort) {
        self.shared.quota.log(Kind::Session, || {
            // Not `message`, which would take the place of the line's own text.
            let why = abort.details.str("message");
            info!(peer = %self.address, reason = abort.reason, why, "session refused");
        });
        self.append_abort(abort);
        self.close("");
    }

    /// Queues an ABORT for a peer that has not joined.
    pub(super) fn append_abort(&mut self, abort: &Abort) {
        if !self.say(&abort.clone().into(), Lane::Last) {
            // It takes no longer message: the reason alone must do.
            self.say(&Abort { details: Dict::new(), reason: abort.reason.clone() }.into(), Lane::Last);
        }
    }

    /// Queues a message of the opening. False if it is longer than the peer takes.
    pub(super) fn say(&mut self, message: &Message<'_>, lane: Lane) -> bool {
        let mut framed = Vec::new();
        let at = self.peer.wire.append(message, &mut framed);
        if at.body_len() > self.peer.message_len_max {
            return false;
        }
        if trace::is_on() {
            trace::sent_to(&self.address, message, at.body_len());
        }
        if self.peer.append(at.of(&framed), lane) == Appended::FlushOwed {
            self.effects.dirty.push(self.peer.clone());
        }
        true
    }

    pub(super) fn poll_opening_deadline(&mut self, cx: &mut Context<'_>) {
        if let Stage::Opening(opening) = &mut self.stage
            && opening.deadline.as_mut().poll(cx).is_ready()
        {
            if let Some(late) = opening.late.take() {
                return self.refuse_unproven(&late);
            }
            if opening.is_again && opening.acceptor.state() == State::Waiting {
                // Nobody has asked for anything.
                debug!(peer = %self.address, "connection is closed, as no other session was opened");
                return self.close("");
            }
            let text = match opening.acceptor.state() {
                State::Waiting => "no HELLO came in time",
                State::Challenging => "no AUTHENTICATE came in time",
                _ => "the realm did not start in time",
            };
            self.refuse(&Abort::new(uris::CLOSE_TIMEOUT, text));
        }
    }
}
