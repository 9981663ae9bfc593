//! What one session does to another, or has done to itself, by the meta API; and sessions without a connection.

use crossweave_router_core::Slot;
use crossweave_wamp::message::{Call, CallOptions};
use crossweave_wamp::{Dict, Message, Payload, RegistrationId, Serializer, SubscriptionId, Value};

use super::{Broken, URIS, World};

impl World {
    /// Calls a procedure of the realm's own that changes something.
    pub(super) fn use_power(&mut self, slot: Slot) -> Result<(), Broken> {
        let slots: Vec<Slot> = self.peers.keys().copied().collect();
        let Some(victim) = self.dice.pick(&slots) else { return Ok(()) };
        let victim = &self.peers[&victim];
        let id = victim.session.id.0;
        let subscriptions: Vec<SubscriptionId> = victim.subscriptions.keys().copied().collect();
        let registrations: Vec<RegistrationId> = victim.registrations.keys().copied().collect();
        let subscription = self.dice.pick(&subscriptions).unwrap_or(SubscriptionId(77_777)).0;
        let registration = self.dice.pick(&registrations).unwrap_or(RegistrationId(77_777)).0;
        let topic = URIS[self.dice.below(URIS.len())];
        let (procedure, args): (&'static str, Vec<Value>) = match self.dice.below(8) {
            0 => ("wamp.session.kill", vec![id.into()]),
            1 | 2 => ("wamp.subscription.remove_subscriber", vec![subscription.into(), id.into()]),
            3 | 4 => ("wamp.registration.remove_callee", vec![registration.into(), id.into()]),
            5 => ("wamp.session.add_testament", vec![topic.into(), Value::List(self.testament(slot, topic))]),
            6 => ("wamp.session.flush_testaments", Vec::new()),
            _ => ("wamp.subscription.get_events", vec![subscription.into(), 3.into()]),
        };
        let peer = self.peer(slot);
        let request = peer.request();
        peer.calls.insert(request, false);
        let options = CallOptions { progress: self.dice.one_in(4), ..CallOptions::default() };
        if options.progress {
            self.peer(slot).parts.insert(request);
        }
        let payload = Payload::new(Serializer::Json, &args, &Dict::new());
        let call: Message<'static> = Call { request, options, procedure: procedure.into(), payload }.into();
        self.counts.powers += 1;
        self.send(slot, call)
    }

    /// The arguments of an event as sessions expect them, from a publisher that nobody else is.
    fn testament(&mut self, slot: Slot, topic: &str) -> Vec<Value> {
        self.published += 1;
        let nobody = self.peers[&slot].session.id.0 ^ (1 << 60) ^ (self.published << 8);
        vec![topic.into(), nobody.into(), self.published.into()]
    }
}
