//! An [`Outbox`] that keeps what a realm asks of its driver.

use crossweave_router_core::{
    AuthorizeRequest, Contract, Denial, Outbox, QuestionId, Recorded, RetainedBound, Slot,
};
use crossweave_wamp::{Message, SubscriptionId};

/// One thing a realm asked for.
#[derive(Clone, Debug)]
pub enum Output {
    /// A message for a session.
    Send(Slot, Message<'static>),
    /// The next message, an EVENT, is for a session with this contract.
    Under(Slot, Contract),
    /// What waits for a session on a subscription is not to be delivered.
    Forget(Slot, SubscriptionId),
    /// A question to an authorizer.
    Ask(QuestionId, AuthorizeRequest),
    /// A denial, for the operator.
    Denied(Denial),
    /// The history took an event.
    Recorded(Recorded),
    /// An event with this topic was not retained.
    NotRetained(String, RetainedBound),
    /// A session is read again.
    Resume(Slot),
    /// A session has left.
    Detach(Slot, Option<&'static str>),
    /// Nothing of a session remains.
    Free(Slot),
}

/// Keeps outputs in order.
#[derive(Debug, Default)]
pub struct Recorder {
    /// What came so far.
    pub outputs: Vec<Output>,
}

impl Recorder {
    /// What came since the last time.
    pub fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }
}

impl Outbox for Recorder {
    fn send(&mut self, to: Slot, message: &Message<'_>) {
        self.outputs.push(Output::Send(to, message.clone().into_owned()));
    }

    fn multicast(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>) {
        for slot in to {
            self.send(slot, event);
        }
    }

    fn deliver<'c>(
        &mut self,
        to: impl Iterator<Item = (Slot, &'c Contract)>,
        event: &Message<'_>,
        _topic: &str,
    ) {
        for (slot, contract) in to {
            self.outputs.push(Output::Under(slot, contract.clone()));
            self.send(slot, event);
        }
    }

    fn forget(&mut self, slot: Slot, subscription: SubscriptionId) {
        self.outputs.push(Output::Forget(slot, subscription));
    }

    fn ask(&mut self, question: QuestionId, request: AuthorizeRequest) {
        self.outputs.push(Output::Ask(question, request));
    }

    fn denied(&mut self, denial: Denial) {
        self.outputs.push(Output::Denied(denial));
    }

    fn recorded(&mut self, event: Recorded) {
        self.outputs.push(Output::Recorded(event));
    }

    fn not_retained(&mut self, topic: &str, bound: RetainedBound) {
        self.outputs.push(Output::NotRetained(topic.to_owned(), bound));
    }

    fn resume(&mut self, slot: Slot) {
        self.outputs.push(Output::Resume(slot));
    }

    fn detach(&mut self, slot: Slot, close: Option<&'static str>) {
        self.outputs.push(Output::Detach(slot, close));
    }

    fn free(&mut self, slot: Slot) {
        self.outputs.push(Output::Free(slot));
    }
}
