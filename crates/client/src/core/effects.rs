//! What is to happen in the application, once no lock is held: wakers, answers and handlers are the application's code.

use std::sync::Arc;
use std::task::Waker;

use crossweave_wamp::PublicationId;
use tokio::sync::{Notify, oneshot};

use super::procedures::{Handler, NewProcedure, ProcedureId};
use super::{CallSlot, Epoch, EventQueue, TopicKey};
use crate::error::{CallError, Disconnected, WampError};
use crate::invocation::Invocation;
use crate::reply::Reply;
use crate::withdrawn::Withdrawn;

/// Where the answer to a request goes; PUBLISHED brings an id.
pub(crate) type Ack = oneshot::Sender<Result<Option<PublicationId>, Failure>>;

/// A request failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    Refused(WampError),
    Disconnected(Disconnected),
}

/// A handler is to run.
pub(crate) struct Start {
    pub(crate) procedure: ProcedureId,
    pub(crate) handler: Handler,
    pub(crate) invocation: Invocation,
    /// Whether an interrupt ends the handler at once.
    pub(crate) drop_on_interrupt: bool,
}

enum Effect {
    Wake(Waker),
    Answer(Ack, Result<Option<PublicationId>, Failure>),
    Call(oneshot::Sender<Result<Reply, CallError>>, Result<Reply, CallError>),
    Start(Box<Start>),
    RegisterLater(Epoch, ProcedureId, u32),
    SubscribeLater(Epoch, TopicKey, u32),
    DropProcedure(Box<NewProcedure>, Option<Withdrawn>),
    WakeAll(Arc<Notify>),
    DropInvocation(Invocation),
    DropQueue(Arc<EventQueue>),
    DropSlot(CallSlot),
}

/// What is to happen; [`Effects::run`] does it.
#[derive(Default)]
pub(crate) struct Effects(Vec<Effect>);

/// What only the runtime can do.
pub(crate) trait Runtime {
    /// Runs a handler.
    fn start(&self, start: Start);
    /// Calls [`super::Core::register_again`] after a while; `attempt` counts from 0.
    fn register_later(&self, epoch: Epoch, procedure: ProcedureId, attempt: u32);
    /// Calls [`super::Core::subscribe_again`] after a while; `attempt` counts from 0.
    fn subscribe_later(&self, epoch: Epoch, topic: TopicKey, attempt: u32);
}

impl Effects {
    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        self.0.extend(waker.map(Effect::Wake));
    }

    pub(crate) fn answer(&mut self, ack: Ack, answer: Result<Option<PublicationId>, Failure>) {
        self.0.push(Effect::Answer(ack, answer));
    }

    pub(super) fn call(
        &mut self,
        slot: oneshot::Sender<Result<Reply, CallError>>,
        answer: Result<Reply, CallError>,
    ) {
        self.0.push(Effect::Call(slot, answer));
    }

    pub(super) fn start(&mut self, start: Start) {
        self.0.push(Effect::Start(Box::new(start)));
    }

    pub(super) fn register_later(&mut self, epoch: Epoch, procedure: ProcedureId, attempt: u32) {
        self.0.push(Effect::RegisterLater(epoch, procedure, attempt));
    }

    pub(super) fn subscribe_later(&mut self, epoch: Epoch, topic: TopicKey, attempt: u32) {
        self.0.push(Effect::SubscribeLater(epoch, topic, attempt));
    }

    /// A handler may hold a client: dropping it may lock the core. If the router ended the registration, `why` is told.
    pub(super) fn drop_procedure(&mut self, procedure: NewProcedure, why: Option<Withdrawn>) {
        self.0.push(Effect::DropProcedure(Box::new(procedure), why));
    }

    pub(super) fn wake_all(&mut self, waiting: Arc<Notify>) {
        self.0.push(Effect::WakeAll(waiting));
    }

    pub(super) fn drop_invocations(&mut self, invocations: impl IntoIterator<Item = Invocation>) {
        self.0.extend(invocations.into_iter().map(Effect::DropInvocation));
    }

    /// A queue may hold the last waker of a task, which may hold a client.
    pub(super) fn drop_queue(&mut self, queue: Arc<EventQueue>) {
        self.0.push(Effect::DropQueue(queue));
    }

    /// As for queues.
    pub(super) fn drop_slot(&mut self, slot: CallSlot) {
        self.0.push(Effect::DropSlot(slot));
    }

    pub(crate) fn run(self, runtime: &impl Runtime) {
        for effect in self.0 {
            match effect {
                Effect::Wake(waker) => waker.wake(),
                // Whoever asked may have given up meanwhile.
                Effect::Answer(ack, answer) => drop(ack.send(answer)),
                Effect::Call(slot, answer) => drop(slot.send(answer)),
                Effect::Start(start) => runtime.start(*start),
                Effect::RegisterLater(epoch, procedure, attempt) => {
                    runtime.register_later(epoch, procedure, attempt);
                }
                Effect::SubscribeLater(epoch, topic, attempt) => {
                    runtime.subscribe_later(epoch, topic, attempt);
                }
                Effect::DropProcedure(procedure, why) => {
                    if why.is_some() {
                        procedure.withdrawn.send_replace(why);
                    }
                }
                Effect::WakeAll(waiting) => waiting.notify_waiters(),
                Effect::DropInvocation(invocation) => drop(invocation),
                Effect::DropQueue(queue) => drop(queue),
                Effect::DropSlot(slot) => drop(slot),
            }
        }
    }
}
