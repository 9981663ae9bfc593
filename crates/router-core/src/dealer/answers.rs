//! What callees answer: YIELD and ERROR. Specification: "Call and Invocation Errors", "Progressive Call Results".

use std::borrow::Cow;
use std::time::Instant;

use crossweave_wamp::message::{self, Kind, ResultDetails, Yield};
use crossweave_wamp::{ProtocolViolation, RequestId, uris};

use super::Dealer;
use super::invocation::{Event, State, ToCaller};
use crate::boundary::{Outbox, Slot};
use crate::ids::Ids;
use crate::passthru;
use crate::session::Sessions;
use crate::slab::Key;
use crate::stats::Stats;

impl Dealer {
    /// A result.
    #[inline]
    pub(crate) fn yield_<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        now: Instant,
        from: Slot,
        yield_: &mut Yield<'_>,
        stats: &mut Stats,
        out: &mut O,
    ) -> Result<(), ProtocolViolation> {
        let Some(key) = self.answered(sessions, from, Kind::Yield, yield_.request, stats)? else {
            return Ok(());
        };
        let options = &mut yield_.options;
        if options.progress && !self.kept.is_empty() {
            // Part of the result is with the caller: the call cannot start again with somebody else.
            self.forget_kept(key);
        }
        let event = if options.progress { Event::Progress } else { Event::Answer };
        let invocation = &self.invocations[key];
        if options.progress && invocation.deadline.is_some() {
            self.put_off(key, now);
        }
        let invocation = &self.invocations[key];
        let (to, request) = (invocation.caller, invocation.call);
        match self.advance(sessions, key, event, out) {
            ToCaller::Nothing if options.progress => stats.unwanted_progress += 1,
            ToCaller::Nothing => stats.late_answers += 1,
            _ if options.passthru.is_some() && !takes(sessions, to, options.passthru.as_deref()) => {
                // The caller could make nothing of a part, but of the end.
                if !options.progress {
                    out.send(to, &passthru::not_supported(Kind::Result).to_error(Kind::Call, request));
                }
            }
            _ => {
                let details = ResultDetails {
                    progress: options.progress,
                    passthru: options.passthru.take(),
                    forward_for: options.forward_for.take(),
                };
                let payload = yield_.payload.borrowed();
                out.send(to, &message::Result { request, details, payload }.into());
            }
        }
        Ok(())
    }

    /// A procedure's error: to the caller as it came, or as `wamp.error.canceled` if the caller had it killed, whatever the
    /// callee's language makes of being interrupted.
    pub(crate) fn error<O: Outbox>(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        error: &mut message::Error<'_>,
        ids: &mut Ids,
        stats: &mut Stats,
        out: &mut O,
    ) -> Result<(), ProtocolViolation> {
        if error.request_kind != Kind::Invocation {
            let kind = error.request_kind.name();
            return Err(ProtocolViolation::new(format!(
                "unexpected ERROR for {kind}: a client answers INVOCATION only"
            )));
        }
        let Some(key) = self.answered(sessions, from, Kind::Error, error.request, stats)? else {
            return Ok(());
        };
        if error.error == uris::UNAVAILABLE && self.is_rerouted(key) {
            self.reroute(sessions, ids, key, stats, out);
            return Ok(());
        }
        let invocation = &self.invocations[key];
        let (to, request) = (invocation.caller, invocation.call);
        let was_interrupted = invocation.state == State::Interrupted;
        match self.advance(sessions, key, Event::Answer, out) {
            ToCaller::Nothing => stats.late_answers += 1,
            _ => {
                let details = std::mem::take(&mut error.details);
                let name = Cow::Borrowed(if was_interrupted { uris::CANCELED } else { &error.error });
                let payload = error.payload.borrowed();
                out.send(
                    to,
                    &message::Error { request_kind: Kind::Call, request, details, error: name, payload }
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// The invocation that a callee answers; `None` if it has ended.
    #[inline]
    fn answered(
        &self,
        sessions: &Sessions,
        from: Slot,
        kind: Kind,
        request: RequestId,
        stats: &mut Stats,
    ) -> Result<Option<Key>, ProtocolViolation> {
        let callee = sessions.sender(from);
        if let Some(key) = callee.invocations.get(&request) {
            return Ok(Some(*key));
        }
        if request.0 == 0 || request.0 > callee.last_invocation {
            let kind = kind.name();
            return Err(ProtocolViolation::new(format!(
                "{kind} for invocation {request}, which was never sent"
            )));
        }
        stats.late_answers += 1;
        Ok(None)
    }
}

/// Whether a caller takes an opaque result.
#[cold]
#[inline(never)]
fn takes(sessions: &Sessions, caller: Slot, passthru: Option<&message::Passthru>) -> bool {
    let features = sessions.get(caller).and_then(|peer| peer.session.roles.caller);
    passthru.is_none_or(|passthru| passthru::is_announced(passthru, features))
}
