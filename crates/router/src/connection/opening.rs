//! From HELLO to WELCOME.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use crossweave_wamp::message::{Abort, Hello};
use crossweave_wamp::serializer::ubjson::dialect;
use crossweave_wamp::session::acceptor::{Acceptor, Step};
use crossweave_wamp::{Dict, Message, Serializer, uris};
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::{debug, info};

use super::{Connection, Stage};
use crate::admission::Pending;
use crate::authenticate::{self, Admittance, Caller};
use crate::peer::Wire;
use crate::queue::{Appended, Lane};
use crate::quota::Kind;
use crate::trace;

/// A session that is being opened.
pub(super) struct Opening {
    acceptor: Acceptor,
    deadline: Pin<Box<Sleep>>,
    pub(super) pending: Option<Pending>,
}

impl Opening {
    pub(super) fn new(deadline: Instant, pending: Option<Pending>) -> Self {
        Opening { acceptor: Acceptor::default(), deadline: Box::pin(sleep_until(deadline)), pending }
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
            // Unreachable while no method challenges; the acceptor refuses an AUTHENTICATE nobody asked for.
            Ok(Step::Verify(_)) => {
                self.refuse(&Abort::new(uris::PROTOCOL_VIOLATION, "no CHALLENGE is pending"))
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
        let caller = Caller {
            address: &self.address,
            wire: self.peer.wire,
            is_websocket: self.is_websocket,
            is_tls: self.is_tls,
        };
        match authenticate::decide(&self.shared, self.authentication(), hello, &caller) {
            Ok(admittance) => self.join(admittance),
            Err(abort) => self.refuse(&abort),
        }
    }

    fn join(&mut self, admittance: Admittance) {
        let Admittance { realm, session, welcome } = admittance;
        let (id, authid, authrole) = (session.id, session.authid.clone(), session.authrole.clone());
        self.peer.queue.lock().dropped = 0;
        match realm.join(self.peer.clone(), session, welcome, &mut self.effects) {
            Ok(slot) => {
                debug!(realm = %realm.name(), session = %id, %authid, %authrole, peer = %self.address, "session joined");
                self.decoder.set_message_len_max(usize::MAX);
                self.stage = Stage::Joined { realm, slot, is_paused: false };
            }
            Err(_) => self.refuse(&Abort::new(uris::NO_SUCH_REALM, "the realm is down")),
        }
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
        let mut framed = Vec::new();
        let message = abort.clone().into();
        let mut at = self.peer.wire.append(&message, &mut framed);
        if trace::is_on() {
            trace::sent_to(&self.address, &message, at.body_len());
        }
        if at.body_len() > self.peer.message_len_max {
            // It takes no longer message: the reason alone must do.
            let short = Abort { details: Dict::new(), reason: abort.reason.clone() };
            at = self.peer.wire.append(&short.into(), &mut framed);
        }
        if self.peer.append(at.of(&framed), Lane::Last) == Appended::FlushOwed {
            self.effects.dirty.push(self.peer.clone());
        }
    }

    pub(super) fn poll_opening_deadline(&mut self, cx: &mut Context<'_>) {
        if let Stage::Opening(opening) = &mut self.stage
            && opening.deadline.as_mut().poll(cx).is_ready()
        {
            self.refuse(&Abort::new(uris::CLOSE_TIMEOUT, "no HELLO came in time"));
        }
    }
}
