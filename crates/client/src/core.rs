//! One session from the application's side, as a state machine: no socket, no clock, no task.
//!
//! ```text
//!                 open()                     leave()
//!   down ───────────────────────▶ up ───────────────────────▶ leaving
//!    ▲     topics and procedures  │                              │
//!    │     are asked for again    │ close()                      │ close()
//!    └────────────────────────────┴──────────────────────────────┘
//!          what is pending fails, topics and procedures stay
//! ```
//!
//! A session that may be resumed is suspended in between, and stays up: [`Core::suspend`], [`Core::resume`].
//!
//! [`Core`] is told what the application wants and what the router sent; it appends messages to the outbox and says in
//! [`Effects`] what is to happen in the application once its lock is released.

mod calls;
mod effects;
mod line;
mod procedures;
mod topics;

pub(crate) use calls::CallSlot;
pub(crate) use effects::{Ack, Effects, Failure, Runtime, Start};
pub(crate) use line::SendError;
pub(crate) use procedures::{Handler, NewProcedure, ProcedureId};
pub(crate) use topics::{EventQueue, Member, TopicKey, Wishes};

use std::collections::HashMap;

use crossweave_transport::codec::Encoder;
use crossweave_wamp::message::{self, Abort, Goodbye, Kind, Message};
use crossweave_wamp::{Payload, ProtocolViolation, RequestId, Serializer, uris};

use crate::error::{Disconnected, WampError};
use crate::outbox::Outbox;
use calls::Calls;
use line::Line;
use procedures::Procedures;
use topics::Topics;

/// Which connection, counted: an answer must not go to another session than its question came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// What the router's message means for the connection.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// It goes on.
    Nothing,
    /// The router ends the session, or agrees that we do.
    Goodbye(Goodbye),
    /// The router ends the session for a fault.
    Abort(Abort),
}

/// The state machine above.
pub(crate) struct Core {
    epoch: Epoch,
    is_leaving: bool,
    /// Messages received in this session, WELCOME not counted.
    received: u64,
    line: Line,
    calls: Calls,
    /// PUBLISH, UNSUBSCRIBE and UNREGISTER that await their answer.
    acks: HashMap<RequestId, Ack>,
    topics: Topics,
    procedures: Procedures,
}

impl Core {
    /// Down, as `why` says.
    pub(crate) fn new(why: Disconnected) -> Core {
        Core {
            epoch: Epoch(0),
            is_leaving: false,
            received: 0,
            line: Line::down(why),
            calls: Calls::default(),
            acks: HashMap::new(),
            topics: Topics::default(),
            procedures: Procedures::default(),
        }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving
    }

    /// The sending half, while there is a session.
    pub(crate) fn outbox(&mut self) -> Option<&mut Outbox> {
        self.line.outbox()
    }

    /// Whether senders should wait; why not, if there is nothing to wait for.
    pub(crate) fn is_full(&self) -> Result<bool, SendError> {
        if self.is_leaving {
            return Err(self.line.why_down().into());
        }
        self.line.is_full()
    }

    /// A session is open.
    pub(crate) fn open(&mut self, outbox: Outbox) {
        self.epoch.0 += 1;
        self.received = 0;
        self.line.open(outbox);
        self.topics.ask_again(&mut self.line);
        self.procedures.ask_again(&mut self.line);
        if self.is_leaving {
            self.say_goodbye();
        }
    }

    /// The connection is lost, but perhaps not the session: what is pending stays so. The number of messages received in it.
    pub(crate) fn suspend(&mut self) -> u64 {
        if let Some(outbox) = self.line.outbox() {
            outbox.suspend();
        }
        self.received
    }

    /// The session goes on over another connection, whose router has received so many messages. False if it lacks one that
    /// is no longer kept; then nothing is changed.
    pub(crate) fn resume(
        &mut self,
        serializer: Serializer,
        encoder: &mut Option<Encoder>,
        received: u64,
    ) -> bool {
        let Some(outbox) = self.line.outbox() else { return false };
        if outbox.serializer() != serializer || !outbox.has_kept(received) {
            return false;
        }
        if let Some(encoder) = encoder.take() {
            outbox.resume(encoder, received);
        }
        true
    }

    /// The session is over. What is pending fails, topics and procedures wait for the next one.
    pub(crate) fn close(&mut self, why: &Disconnected, effects: &mut Effects) {
        self.line.close(why.clone());
        self.calls.fail_all(why, effects);
        for (_, ack) in self.acks.drain() {
            effects.answer(ack, Err(Failure::Disconnected(why.clone())));
        }
        self.topics.line_is_down(why, effects);
        self.procedures.line_is_down(why, effects);
    }

    /// There will be no further session.
    pub(crate) fn end(&mut self, effects: &mut Effects) {
        self.is_leaving = true;
        self.topics.end(effects);
        self.procedures.end(effects);
    }

    /// The application leaves.
    pub(crate) fn leave(&mut self) {
        if !std::mem::replace(&mut self.is_leaving, true) {
            self.say_goodbye();
            self.line.refuse("left by the application");
        }
    }

    fn say_goodbye(&mut self) {
        self.line.send(&Goodbye::new(uris::CLOSE_REALM).into());
    }

    /// Ends the session for the router's fault.
    pub(crate) fn abort(&mut self, violation: &ProtocolViolation) {
        self.line.send(&Abort::new(violation.uri(), violation.message()).into());
    }

    pub(crate) fn call(
        &mut self,
        call: impl FnOnce(RequestId) -> message::Call<'static>,
        slot: CallSlot,
    ) -> Result<RequestId, SendError> {
        let request = self.line.request(|request| call(request).into())?;
        self.calls.insert(request, slot);
        Ok(request)
    }

    /// The application no longer wants the answer.
    pub(crate) fn cancel(
        &mut self,
        epoch: Epoch,
        request: RequestId,
        mode: message::CancelMode,
        effects: &mut Effects,
    ) {
        if epoch == self.epoch && self.calls.remove(request, effects) {
            self.line.send(&message::Cancel { request, mode: Some(mode), forward_for: None }.into());
        }
    }

    /// Publishes; with `ack`, PUBLISHED is awaited.
    pub(crate) fn publish(
        &mut self,
        publish: impl FnOnce(RequestId) -> message::Publish<'static>,
        ack: Option<Ack>,
    ) -> Result<(), SendError> {
        let request = self.line.request(|request| publish(request).into())?;
        if let Some(ack) = ack {
            self.acks.insert(request, ack);
        }
        Ok(())
    }

    pub(crate) fn subscribe(&mut self, key: TopicKey, member: Member, ack: Ack) -> Result<(), SendError> {
        self.topics.subscribe(&mut self.line, key, member, ack)
    }

    /// Takes a subscriber out; with `ack`, UNSUBSCRIBED is awaited if it was the last one.
    pub(crate) fn unsubscribe(
        &mut self,
        key: &TopicKey,
        queue: &EventQueue,
        ack: Option<Ack>,
        effects: &mut Effects,
    ) {
        let request = self.topics.unsubscribe(&mut self.line, key, queue, effects);
        self.await_answer(request, ack, effects);
    }

    pub(crate) fn register(&mut self, procedure: NewProcedure, ack: Ack) -> Result<ProcedureId, SendError> {
        self.procedures.register(&mut self.line, procedure, ack)
    }

    /// Takes a procedure out; with `ack`, UNREGISTERED is awaited.
    pub(crate) fn unregister(&mut self, procedure: ProcedureId, ack: Option<Ack>, effects: &mut Effects) {
        let request = self.procedures.unregister(&mut self.line, procedure, effects);
        self.await_answer(request, ack, effects);
    }

    /// Tries once more to register a procedure that the router did not take for a reason that may pass.
    pub(crate) fn register_again(&mut self, epoch: Epoch, procedure: ProcedureId) {
        if epoch == self.epoch {
            self.procedures.register_again(&mut self.line, procedure);
        }
    }

    /// Asks once more for events of which the router could not say whether we may have them.
    pub(crate) fn subscribe_again(&mut self, epoch: Epoch, topic: &TopicKey) {
        if epoch == self.epoch {
            self.topics.subscribe_again(&mut self.line, topic);
        }
    }

    /// Whether the registration still stands.
    pub(crate) fn is_registered(&self, procedure: ProcedureId) -> bool {
        self.procedures.is_registered(procedure)
    }

    fn await_answer(&mut self, request: Option<RequestId>, ack: Option<Ack>, effects: &mut Effects) {
        match (request, ack) {
            (Some(request), Some(ack)) => drop(self.acks.insert(request, ack)),
            (None, Some(ack)) => effects.answer(ack, Ok(None)),
            (_, None) => {}
        }
    }

    /// A progressive result of a handler. `Ok(false)`: nobody waits for it any more.
    pub(crate) fn progress(
        &mut self,
        epoch: Epoch,
        request: RequestId,
        answer: message::Yield<'_>,
    ) -> Result<bool, SendError> {
        if epoch != self.epoch || !self.procedures.is_running(request) {
            return Ok(false);
        }
        self.line.try_send(&answer.into()).map(|()| true)
    }

    /// The answer of a handler. One that is too long is answered by an error in its place.
    pub(crate) fn answer(&mut self, epoch: Epoch, request: RequestId, answer: Message<'_>) {
        if epoch != self.epoch || !self.procedures.finish(request) {
            return;
        }
        if let Err(SendError::TooLong(too_long)) = self.line.try_send(&answer) {
            let error = WampError::new(uris::PAYLOAD_SIZE_EXCEEDED).arg(too_long.to_string());
            self.line.send(&procedures::refusal(request, &error, self.line.serializer()).into());
        }
    }

    /// The next call that waits for the handler of `procedure`, which has finished one.
    pub(crate) fn next_start(&mut self, procedure: ProcedureId) -> Option<Start> {
        self.procedures.next_start(procedure)
    }

    /// The router sent a message.
    pub(crate) fn receive(
        &mut self,
        message: Message<'_>,
        effects: &mut Effects,
    ) -> Result<Heard, ProtocolViolation> {
        self.received += 1;
        let line = &mut self.line;
        match message {
            Message::Event(event) => self.topics.event(event, effects),
            Message::Result(result) => self.calls.result(line, result, effects)?,
            Message::Invocation(invocation) => {
                self.procedures.invocation(line, self.epoch, invocation, effects)?
            }
            Message::Interrupt(interrupt) => self.procedures.interrupt(line, &interrupt, effects),
            Message::Published(it) => self.acknowledge(it.request, Ok(Some(it.publication)), effects)?,
            Message::Subscribed(it) => self.topics.subscribed(line, it, effects)?,
            Message::Unsubscribed(it) => match it.revoked {
                Some(revoked) if it.request.0 == 0 => self.topics.revoked(&revoked, effects),
                _ => self.acknowledge(it.request, Ok(None), effects)?,
            },
            Message::Registered(it) => self.procedures.registered(line, it, effects)?,
            Message::Unregistered(it) => match it.revoked {
                Some(revoked) if it.request.0 == 0 => self.procedures.revoked(line, &revoked, effects),
                _ => self.acknowledge(it.request, Ok(None), effects)?,
            },
            Message::Error(error) => self.error(error, effects)?,
            Message::Goodbye(goodbye) => return Ok(self.goodbye(goodbye)),
            Message::Abort(abort) => return Ok(Heard::Abort(abort)),
            other => return Err(unexpected(&other)),
        }
        Ok(Heard::Nothing)
    }

    fn goodbye(&mut self, goodbye: Goodbye) -> Heard {
        if !self.is_leaving {
            self.line.send(&Goodbye::new(uris::GOODBYE_AND_OUT).into());
        }
        Heard::Goodbye(goodbye)
    }

    /// Answers to a request that nobody awaits any more are ignored; to one that was never made they are a violation.
    fn acknowledge(
        &mut self,
        request: RequestId,
        answer: Result<Option<crossweave_wamp::PublicationId>, Failure>,
        effects: &mut Effects,
    ) -> Result<(), ProtocolViolation> {
        self.line.check_was_sent(request)?;
        if let Some(ack) = self.acks.remove(&request) {
            effects.answer(ack, answer);
        }
        Ok(())
    }

    fn error(&mut self, error: message::Error<'_>, effects: &mut Effects) -> Result<(), ProtocolViolation> {
        let request = error.request;
        let answer = wamp_error(&error.error, &error.payload);
        self.line.check_was_sent(request)?;
        match error.request_kind {
            Kind::Call => self.calls.error(request, answer, effects),
            Kind::Subscribe => self.topics.refused(&mut self.line, self.epoch, request, answer, effects),
            Kind::Register => self.procedures.refused(self.epoch, request, answer, effects),
            Kind::Publish | Kind::Unsubscribe | Kind::Unregister => {
                self.acknowledge(request, Err(Failure::Refused(answer)), effects)?;
            }
            other => return Err(ProtocolViolation::new(format!("unexpected ERROR for {}", other.name()))),
        }
        Ok(())
    }
}

fn unexpected(message: &Message<'_>) -> ProtocolViolation {
    ProtocolViolation::new(format!("unexpected {} from the router in an open session", message.kind().name()))
}

/// An ERROR's URI and arguments.
fn wamp_error(uri: &str, payload: &Payload<'_>) -> WampError {
    WampError { uri: uri.to_owned(), args: payload.args(), kwargs: payload.kwargs() }
}
