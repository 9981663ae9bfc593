//! Messages that wait for an authorizer, and those of their session that wait behind them.

use std::mem;
use std::time::Instant;

use crossweave_wamp::{Message, PublicationId, message, uris};

use super::{Realm, answer_to};
use crate::boundary::{AuthorizeRequest, Decision, Flow, Outbox, QuestionId, Slot};
use crate::question::Deed;
use crate::session::{About, Gate};

impl Realm {
    /// Keeps a message that came while an earlier one of its session awaits authorization.
    #[cold]
    pub(super) fn hold<O: Outbox>(&mut self, slot: Slot, message: &mut Message<'_>, out: &mut O) -> Flow {
        let max = self.options.limits.held_messages_max;
        let Some(gate) = &mut self.sessions.sender_mut(slot).gate else { return Flow::Continue };
        if gate.held.len() >= max {
            let why = format!("session sent more than {max} messages while one awaits authorization");
            return self.abort(slot, uris::RESOURCE_EXHAUSTED, &why, out);
        }
        gate.held.push_back(take(message));
        Flow::Pause
    }

    /// Asks for a message, and lets the session wait.
    #[cold]
    pub(super) fn ask<O: Outbox>(
        &mut self,
        slot: Slot,
        (about, request): (About, AuthorizeRequest),
        message: &mut Message<'_>,
        out: &mut O,
    ) -> Flow {
        self.last_question += 1;
        let question = QuestionId(self.last_question);
        self.questions.insert(question, slot);
        let (waiting, held) = (take(message), Default::default());
        let peer = self.sessions.sender_mut(slot);
        let (role_version, purges) = (self.roles.version(peer.role), self.decisions.purges());
        let transports = peer.transports;
        let gate = Gate { question, about, role_version, purges, transports, waiting, held };
        peer.gate = Some(Box::new(gate));
        out.ask(question, request);
        Flow::Pause
    }

    /// Carries out what waited for the answer, then what was held back, until one of those has to wait in turn.
    pub(super) fn answer<O: Outbox>(
        &mut self,
        now: Instant,
        question: QuestionId,
        decision: Decision,
        out: &mut O,
    ) -> Flow {
        let Some(slot) = self.questions.remove(&question) else { return Flow::Continue };
        let Some(gate) = self.sessions.sender_mut(slot).gate.take() else { return Flow::Continue };
        let Gate { about, mut waiting, mut held, role_version, purges, transports, .. } = *gate;
        // An answer about a role that is another one by now means nothing.
        let peer = self.sessions.sender(slot);
        let decision = (self.roles.version(peer.role) == role_version).then_some(decision);
        // One that a purge or another transport has overtaken is about this message alone.
        let is_lasting = self.decisions.purges() == purges && peer.transports == transports;
        let decision = if is_lasting { decision } else { decision.map(Decision::once) };
        let mut flow = match (about, &decision) {
            (About::Effect, Some(_)) => self.take_effect(now, slot, &mut waiting, decision.as_ref(), out),
            // In another role the call itself has to be permitted anew, and not only its effect.
            (About::Effect, None) => self.dispatch(now, slot, &mut waiting, None, out),
            (About::Message, _) => {
                if let (Some(decision), Some(deed)) = (&decision, Deed::of(&waiting)) {
                    let limits = &self.options.limits;
                    self.decisions.remember(now, peer, role_version, &deed, decision, limits);
                }
                self.dispatch(now, slot, &mut waiting, decision.as_ref(), out)
            }
        };
        while flow == Flow::Continue {
            let Some(mut message) = held.pop_front() else {
                out.resume(slot);
                return Flow::Continue;
            };
            flow = self.dispatch(now, slot, &mut message, None, out);
        }
        if let Some(peer) = self.sessions.get_mut(slot)
            && let Some(gate) = &mut peer.gate
        {
            gate.held = held;
        }
        flow
    }

    /// Carries out a call of the realm's own procedure that waited for the authorizer to permit its effect.
    #[cold]
    pub(super) fn take_effect<O: Outbox>(
        &mut self,
        now: Instant,
        slot: Slot,
        message: &mut Message<'_>,
        decision: Option<&Decision>,
        out: &mut O,
    ) -> Flow {
        let answer_to = answer_to(message);
        let Message::Call(call) = message else { unreachable!("only calls have an effect to ask for") };
        let done = self.call_meta(now, slot, call, decision, out);
        self.conclude(now, slot, message, answer_to, done, out)
    }
}

/// The message, to be kept. What stays behind is not looked at again.
fn take(message: &mut Message<'_>) -> Message<'static> {
    let nothing = message::EventReceived { publication: PublicationId(0) };
    mem::replace(message, nothing.into()).into_owned()
}
