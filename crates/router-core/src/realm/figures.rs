//! What a realm tells its driver of itself.

use crossweave_wamp::{Message, RegistrationId, SessionId, SubscriptionId};

use super::Realm;
use crate::boundary::{QuestionId, Session, Slot};
use crate::stats::Stats;

impl Realm {
    /// The joined sessions with their slots, in the order of the slots.
    pub fn sessions(&self) -> impl Iterator<Item = (Slot, &Session)> {
        self.sessions.iter().map(|peer| (peer.slot, &peer.session))
    }

    /// The joined session of this id, and its slot.
    pub fn session(&self, id: SessionId) -> Option<(Slot, &Session)> {
        let slot = self.sessions.slot_of(id)?;
        Some((slot, &self.sessions.get(slot)?.session))
    }

    /// Number of joined sessions.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Number of subscriptions: topics and patterns with at least one subscriber.
    pub fn subscription_count(&self) -> usize {
        self.broker.len()
    }

    /// Number of registrations: procedures and patterns with at least one callee.
    pub fn registration_count(&self) -> usize {
        self.dealer.registrations_len()
    }

    /// The topic or pattern of a subscription that is there.
    pub fn subscription_uri(&self, id: SubscriptionId) -> Option<&str> {
        self.broker.by_id(id).map(|subscription| &*subscription.uri)
    }

    /// The procedure or pattern of a registration that is there.
    pub fn registration_uri(&self, id: RegistrationId) -> Option<&str> {
        self.dealer.by_id(id).map(|registration| &*registration.uri)
    }

    /// Number of invocations that a callee has to answer.
    pub fn invocation_count(&self) -> usize {
        self.dealer.invocations_len()
    }

    /// What it keeps of calls beside their invocations: details of progressive calls, calls that wait or may have to go to another
    /// callee, deadlines. Nothing while no call is in flight.
    pub fn kept_of_calls(&self) -> usize {
        self.dealer.kept_len()
    }

    /// Number of messages that wait for an authorizer.
    pub fn question_count(&self) -> usize {
        self.questions.len()
    }

    /// Whether a message still waits for this answer: not if its session has left, or it was answered.
    pub fn is_asked(&self, question: QuestionId) -> bool {
        self.questions.contains_key(&question)
    }

    /// Number of decisions of authorizers that it remembers.
    pub fn decision_count(&self) -> usize {
        self.decisions.len()
    }

    /// What it counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Whether a message leads to another one with its payload, as far as that is seen at once: nobody may be subscribed to the
    /// topic, nobody registered for the procedure. Permissions are not asked.
    pub fn has_receivers(&self, message: &Message<'_>) -> bool {
        match message {
            Message::Publish(it) => self.broker.is_heard(&it.topic),
            Message::Call(it) => self.dealer.has_callees(&it.procedure),
            _ => true,
        }
    }
}
