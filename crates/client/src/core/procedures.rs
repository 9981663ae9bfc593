//! What the application offers to be called.
//!
//! ```text
//!                 INVOCATION                      handler ends
//!   (nothing) ───────────────▶ running ─────────────────────────────▶ YIELD or ERROR
//!        │                      ▲   │ INTERRUPT, connection lost
//!        │ all handlers busy    │   ▼
//!        └─────▶ waiting ───────┘  interrupted: the handler is dropped (or told) ──▶ ERROR canceled
//!                   │
//!                   └─ INTERRUPT, unregistered ──▶ ERROR
//! ```

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use crossweave_wamp::message::{
    self, Interrupt, Kind, Register, RegisterOptions, Registered, Revoked, Unregister,
};
use crossweave_wamp::{Payload, ProtocolViolation, RegistrationId, RequestId, Serializer, uris};
use tokio::sync::watch;

use super::Epoch;
use super::effects::{Ack, Effects, Failure, Start};
use super::line::{Line, SendError};
use crate::arguments::Arguments;
use crate::cancel::CancelToken;
use crate::error::{Disconnected, WampError};
use crate::invocation::Invocation;
use crate::limits::{INVOCATIONS_WAITING_BYTES_MAX, INVOCATIONS_WAITING_MAX};
use crate::withdrawn::Withdrawn;

/// Who is told why the router ended a registration; dropped when it is over for another reason.
pub(crate) type WithdrawnSender = watch::Sender<Option<Withdrawn>>;

/// The application's code for a procedure.
pub(crate) type Handler = Arc<
    dyn Fn(Invocation) -> Pin<Box<dyn Future<Output = Result<Arguments, WampError>> + Send>> + Send + Sync,
>;

/// One registration by the application, across connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProcedureId(u64);

/// What is to be registered.
pub(crate) struct NewProcedure {
    pub(crate) uri: Arc<str>,
    pub(crate) options: RegisterOptions,
    pub(crate) handler: Handler,
    /// Handlers at the same time.
    pub(crate) handlers_max: usize,
    pub(crate) drop_on_interrupt: bool,
    /// Where it is told why the router ended it.
    pub(crate) withdrawn: WithdrawnSender,
}

struct Procedure {
    new: NewProcedure,
    id: Option<RegistrationId>,
    running: usize,
    waiting: VecDeque<Invocation>,
    waiting_bytes: usize,
    /// How often the router said that somebody else has it, since the connection was made.
    conflicts: u32,
}

struct Pending {
    procedure: ProcedureId,
    /// Who asked. Nobody, after a new connection.
    asker: Option<Ack>,
}

#[derive(Default)]
pub(super) struct Procedures {
    last: u64,
    procedures: HashMap<ProcedureId, Procedure>,
    by_id: HashMap<RegistrationId, ProcedureId>,
    pending: HashMap<RequestId, Pending>,
    /// Invocations without an answer, and how to interrupt them.
    open: HashMap<RequestId, CancelToken>,
}

fn ask(line: &mut Line, new: &NewProcedure) -> Result<RequestId, SendError> {
    let (options, procedure) = (new.options.clone(), (*new.uri).into());
    line.request(|request| Register { request, options, procedure }.into())
}

/// An ERROR for an invocation.
pub(super) fn refusal(
    request: RequestId,
    error: &WampError,
    serializer: Serializer,
) -> message::Error<'static> {
    let mut answer = message::Error::new(Kind::Invocation, request, error.uri.clone());
    answer.payload = Payload::new(serializer, &error.args, &error.kwargs);
    answer
}

fn unavailable(line: &mut Line, request: RequestId, text: &str) {
    let error = WampError::new(uris::UNAVAILABLE).arg(text);
    line.send(&refusal(request, &error, line.serializer()).into());
}

impl Procedures {
    pub(super) fn register(
        &mut self,
        line: &mut Line,
        new: NewProcedure,
        ack: Ack,
    ) -> Result<ProcedureId, SendError> {
        let request = ask(line, &new)?;
        self.last += 1;
        let procedure = ProcedureId(self.last);
        self.pending.insert(request, Pending { procedure, asker: Some(ack) });
        self.procedures.insert(
            procedure,
            Procedure { new, id: None, running: 0, waiting: VecDeque::new(), waiting_bytes: 0, conflicts: 0 },
        );
        Ok(procedure)
    }

    pub(super) fn is_registered(&self, procedure: ProcedureId) -> bool {
        self.procedures.contains_key(&procedure)
    }

    /// A new connection: everything is registered again, in the order in which it was.
    pub(super) fn ask_again(&mut self, line: &mut Line) {
        let mut order: Vec<ProcedureId> = self.procedures.keys().copied().collect();
        order.sort_by_key(|procedure| procedure.0);
        for procedure in order {
            self.register_again(line, procedure);
        }
    }

    pub(super) fn register_again(&mut self, line: &mut Line, procedure: ProcedureId) {
        let Some(known) = self.procedures.get(&procedure) else { return };
        if let Ok(request) = ask(line, &known.new) {
            self.pending.insert(request, Pending { procedure, asker: None });
        }
    }

    pub(super) fn line_is_down(&mut self, why: &Disconnected, effects: &mut Effects) {
        self.by_id.clear();
        for (_, pending) in self.pending.drain() {
            if let Some(ack) = pending.asker {
                effects.answer(ack, Err(Failure::Disconnected(why.clone())));
            }
        }
        for (_, token) in self.open.drain() {
            effects.wake_all(token.cancel());
        }
        for procedure in self.procedures.values_mut() {
            procedure.id = None;
            procedure.conflicts = 0;
            procedure.waiting_bytes = 0;
            effects.drop_invocations(std::mem::take(&mut procedure.waiting));
        }
    }

    pub(super) fn end(&mut self, effects: &mut Effects) {
        for (_, procedure) in self.procedures.drain() {
            effects.drop_procedure(procedure.new, None);
        }
    }

    pub(super) fn registered(
        &mut self,
        line: &mut Line,
        it: Registered,
        effects: &mut Effects,
    ) -> Result<(), ProtocolViolation> {
        line.check_was_sent(it.request)?;
        let Some(pending) = self.pending.remove(&it.request) else { return Ok(()) };
        if let Some(ack) = pending.asker {
            effects.answer(ack, Ok(None));
        }
        let Some(procedure) = self.procedures.get_mut(&pending.procedure) else {
            // The application gave it up meanwhile.
            line_unregister(line, it.registration);
            return Ok(());
        };
        if self.by_id.get(&it.registration).is_some_and(|other| *other != pending.procedure) {
            let text = format!("registration {} given for two different procedures", it.registration);
            return Err(ProtocolViolation::new(text));
        }
        procedure.id = Some(it.registration);
        self.by_id.insert(it.registration, pending.procedure);
        Ok(())
    }

    /// After a new connection the router may not have noticed yet that our last session is gone, or its authorizer may not be
    /// there yet: then it is asked again later. Any other refusal ends the registration.
    pub(super) fn refused(
        &mut self,
        epoch: Epoch,
        request: RequestId,
        error: WampError,
        effects: &mut Effects,
    ) {
        let Some(pending) = self.pending.remove(&request) else { return };
        if pending.asker.is_none()
            && [uris::PROCEDURE_ALREADY_EXISTS, uris::AUTHORIZATION_FAILED].contains(&error.uri.as_str())
            && let Some(procedure) = self.procedures.get_mut(&pending.procedure)
        {
            tracing::warn!(procedure = %procedure.new.uri, %error, "registration refused after reconnecting, trying again");
            effects.register_later(epoch, pending.procedure, procedure.conflicts);
            procedure.conflicts = procedure.conflicts.saturating_add(1);
            return;
        }
        let Some(procedure) = self.procedures.remove(&pending.procedure) else { return };
        let mut why = None;
        match pending.asker {
            Some(ack) => effects.answer(ack, Err(Failure::Refused(error))),
            None => {
                tracing::warn!(procedure = %procedure.new.uri, %error, "registration refused after reconnecting");
                why = Some(Withdrawn::Refused(error));
            }
        }
        effects.drop_procedure(procedure.new, why);
    }

    /// Takes a procedure out. The request, if UNREGISTER was sent. Handlers that run go on.
    pub(super) fn unregister(
        &mut self,
        line: &mut Line,
        procedure: ProcedureId,
        effects: &mut Effects,
    ) -> Option<RequestId> {
        let removed = self.remove(line, procedure, None, effects)?;
        line_unregister(line, removed)
    }

    /// Forgets a procedure and refuses what waits for it. Its registration, if it has one.
    fn remove(
        &mut self,
        line: &mut Line,
        procedure: ProcedureId,
        why: Option<Withdrawn>,
        effects: &mut Effects,
    ) -> Option<RegistrationId> {
        let removed = self.procedures.remove(&procedure)?;
        for invocation in &removed.waiting {
            self.open.remove(&invocation.request());
            unavailable(line, invocation.request(), "procedure is being unregistered");
        }
        effects.drop_invocations(removed.waiting);
        effects.drop_procedure(removed.new, why);
        if let Some(id) = removed.id {
            self.by_id.remove(&id);
        }
        removed.id
    }

    pub(super) fn revoked(&mut self, line: &mut Line, revoked: &Revoked, effects: &mut Effects) {
        let Some(procedure) = self.by_id.get(&RegistrationId(revoked.id)).copied() else { return };
        tracing::info!(registration = revoked.id, reason = ?revoked.reason, "registration revoked by the router");
        let why = Withdrawn::Revoked { reason: revoked.reason.clone() };
        self.remove(line, procedure, Some(why), effects);
    }

    pub(super) fn invocation(
        &mut self,
        line: &mut Line,
        epoch: Epoch,
        it: message::Invocation<'_>,
        effects: &mut Effects,
    ) -> Result<(), ProtocolViolation> {
        let request = it.request;
        if self.open.contains_key(&request) {
            return Err(ProtocolViolation::new(format!(
                "second INVOCATION {request} before the first one is answered"
            )));
        }
        let known = self.by_id.get(&it.registration);
        let Some((procedure, known)) = known.and_then(|id| Some((*id, self.procedures.get_mut(id)?))) else {
            // The call crossed our UNREGISTER.
            unavailable(line, request, "procedure is not registered any more");
            return Ok(());
        };
        let token = CancelToken::new();
        let invocation = Invocation::new(epoch, &known.new.uri, it, token.clone());
        if known.running < known.new.handlers_max {
            known.running += 1;
            effects.start(known.start(procedure, invocation));
        } else if known.may_wait(invocation.cost()) {
            known.waiting_bytes += invocation.cost();
            known.waiting.push_back(invocation);
        } else {
            unavailable(line, request, "too many calls wait for this callee");
            return Ok(());
        }
        self.open.insert(request, token);
        Ok(())
    }

    pub(super) fn interrupt(&mut self, line: &mut Line, interrupt: &Interrupt, effects: &mut Effects) {
        let request = interrupt.request;
        // It was answered meanwhile.
        let Some(token) = self.open.get(&request) else { return };
        effects.wake_all(token.cancel());
        for procedure in self.procedures.values_mut() {
            let Some(at) = procedure.waiting.iter().position(|waiting| waiting.request() == request) else {
                continue;
            };
            let removed = procedure.waiting.remove(at);
            procedure.waiting_bytes -= removed.as_ref().map_or(0, Invocation::cost);
            effects.drop_invocations(removed);
            self.open.remove(&request);
            line.send(&refusal(request, &WampError::new(uris::CANCELED), line.serializer()).into());
            return;
        }
    }

    pub(super) fn is_running(&self, request: RequestId) -> bool {
        self.open.contains_key(&request)
    }

    /// An invocation is answered; says whether it was open.
    pub(super) fn finish(&mut self, request: RequestId) -> bool {
        self.open.remove(&request).is_some()
    }

    /// A handler has ended: the call that waits longest takes its place.
    pub(super) fn next_start(&mut self, procedure: ProcedureId) -> Option<Start> {
        let known = self.procedures.get_mut(&procedure)?;
        match known.waiting.pop_front() {
            Some(invocation) => {
                known.waiting_bytes -= invocation.cost();
                Some(known.start(procedure, invocation))
            }
            None => {
                known.running -= 1;
                None
            }
        }
    }
}

impl Procedure {
    fn may_wait(&self, cost: usize) -> bool {
        self.waiting.len() < INVOCATIONS_WAITING_MAX
            && self.waiting_bytes + cost <= INVOCATIONS_WAITING_BYTES_MAX
    }

    fn start(&self, procedure: ProcedureId, invocation: Invocation) -> Start {
        let handler = self.new.handler.clone();
        Start { procedure, handler, invocation, drop_on_interrupt: self.new.drop_on_interrupt }
    }
}

fn line_unregister(line: &mut Line, registration: RegistrationId) -> Option<RequestId> {
    line.request(|request| Unregister { request, registration }.into()).ok()
}
