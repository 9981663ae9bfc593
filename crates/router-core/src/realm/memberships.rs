//! Subscribing and registering, ending both, by whoever wants it, and the meta events that tell of it.

use std::sync::Arc;

use crossweave_wamp::features::Features;
use crossweave_wamp::message::{self, Revoked, Unregistered, Unsubscribed};
use crossweave_wamp::{RegistrationId, RequestId, SessionId, SubscriptionId, Value, uris};

use super::Realm;
use crate::boundary::{Contract, Outbox, Slot};
use crate::broker::Ended;
use crate::dealer::Waiting;
use crate::meta::{self, registration, subscription};
use crate::refused::Refused;

impl Realm {
    pub(super) fn subscribe<O: Outbox>(
        &mut self,
        slot: Slot,
        subscribe: &message::Subscribe<'_>,
        out: &mut O,
    ) -> Result<(), Refused> {
        let contract = self.contract(slot, &subscribe.options)?;
        let pattern = (subscribe.options.match_policy, &*subscribe.topic);
        let (limits, now) = (&self.options.limits, self.clock.unix_ms());
        if let Some(nkey) = &subscribe.options.nkey {
            self.broker.check_node(pattern, nkey, limits)?;
        }
        let done = self.broker.subscribe(&mut self.sessions, &mut self.ids, slot, pattern, limits, now)?;
        if let Some(nkey) = &subscribe.options.nkey {
            self.broker.name_node(done.key, slot, nkey);
        }
        if let Some(contract) = contract
            && (done.is_new_member || contract.tells_lost)
        {
            self.broker.agree(done.key, slot, contract);
        }
        out.send(slot, &message::Subscribed { request: subscribe.request, subscription: done.id }.into());
        if done.is_new_member && !meta::is_reserved(&subscribe.topic) {
            let session: Value = self.sessions.sender(slot).session.id.0.into();
            if done.is_created && self.tells(subscription::ON_CREATE) {
                let details = subscription::details(self.broker.at(done.key));
                self.tell(subscription::ON_CREATE, &[session.clone(), details.into()], None, out);
            }
            if self.tells(subscription::ON_SUBSCRIBE) {
                self.tell(subscription::ON_SUBSCRIBE, &[session, done.id.0.into()], None, out);
            }
        }
        if subscribe.options.get_retained && self.broker.retained_len() > 0 {
            let peer = self.sessions.sender(slot);
            self.broker.send_retained(done.key, peer, &self.options.limits, now, out);
        }
        Ok(())
    }

    /// The delivery contract that a SUBSCRIBE asks for, or else that of the session's role. One who subscribes again without
    /// asking keeps what it has.
    fn contract(
        &self,
        slot: Slot,
        options: &message::SubscribeOptions,
    ) -> Result<Option<Arc<Contract>>, Refused> {
        let Some(asked) = &options.delivery else {
            return Ok(self.roles.contract(self.sessions.sender(slot).role).cloned());
        };
        let invalid = |why: String| Refused::new(uris::INVALID_ARGUMENT, why);
        let delivery = asked.as_ref().as_ref().map_err(|bad| invalid(bad.to_string()))?;
        let (queue, max) = (delivery.queue_len_max, self.options.limits.delivery_queue_max);
        if queue > max {
            return Err(invalid(format!("_delivery.queue is {queue}, and at most {max} events may wait")));
        }
        Ok(Some(Arc::new(Contract { delivery: delivery.clone(), tells_lost: true })))
    }

    pub(super) fn unsubscribe<O: Outbox>(
        &mut self,
        slot: Slot,
        it: &message::Unsubscribe,
        out: &mut O,
    ) -> Result<(), Refused> {
        let ended = self.broker.unsubscribe(&mut self.sessions, slot, it.subscription)?;
        if ended.had_contract {
            out.forget(slot, it.subscription);
        }
        out.send(slot, &Unsubscribed { request: it.request, revoked: None }.into());
        self.tell_unsubscribed(self.sessions.sender(slot).session.id, ended, out);
        Ok(())
    }

    /// Ends a subscription of a session that did not ask for it. It is told so if it announced that it understands that.
    pub(crate) fn revoke_subscription<O: Outbox>(
        &mut self,
        slot: Slot,
        id: SubscriptionId,
        reason: Option<String>,
        out: &mut O,
    ) {
        let Ok(ended) = self.broker.unsubscribe(&mut self.sessions, slot, id) else { return };
        if ended.had_contract {
            out.forget(slot, id);
        }
        let session = &self.sessions.sender(slot).session;
        let (session, features) = (session.id, session.roles.subscriber.unwrap_or_default());
        if features.has(Features::SUBSCRIPTION_REVOCATION) {
            let revoked = Some(Revoked { id: id.0, reason: reason.as_deref().and_then(as_uri) });
            out.send(slot, &Unsubscribed { request: RequestId(0), revoked }.into());
        }
        self.tell_unsubscribed(session, ended, out);
    }

    pub(super) fn tell_unsubscribed<O: Outbox>(&mut self, session: SessionId, ended: Ended, out: &mut O) {
        let topics = [subscription::ON_UNSUBSCRIBE, subscription::ON_DELETE];
        self.tell_ended(session, ended, topics, out);
    }

    pub(super) fn register<O: Outbox>(
        &mut self,
        slot: Slot,
        register: &message::Register<'_>,
        out: &mut O,
    ) -> Result<(), Refused> {
        let pattern = (register.options.match_policy, &*register.procedure);
        if self.sessions.is_anybody_leaving() {
            self.settle_procedure(pattern.0, pattern.1, out);
        }
        let mut waiting = Waiting::default();
        if register.options.force_reregister {
            // Nobody loses the procedure to one who does not get it.
            self.dealer.check(&self.sessions, slot, register)?;
            waiting = self.revoke_procedure(pattern, out);
        }
        let now = self.clock.unix_ms();
        let done = self.dealer.register(&mut self.sessions, &mut self.ids, slot, register, now);
        self.dealer.let_wait_at(done.as_ref().ok().map(|done| done.key), waiting);
        let done = done?;
        out.send(slot, &message::Registered { request: register.request, registration: done.id }.into());
        let session: Value = self.sessions.sender(slot).session.id.0.into();
        if done.is_created && self.tells(registration::ON_CREATE) {
            let details = registration::details(self.dealer.at(done.key));
            self.tell(registration::ON_CREATE, &[session.clone(), details.into()], None, out);
        }
        if self.tells(registration::ON_REGISTER) {
            self.tell(registration::ON_REGISTER, &[session, done.id.0.into()], None, out);
        }
        Ok(())
    }

    pub(super) fn unregister<O: Outbox>(
        &mut self,
        slot: Slot,
        it: &message::Unregister,
        out: &mut O,
    ) -> Result<(), Refused> {
        let ended = self.dealer.unregister(&mut self.sessions, slot, it.registration)?;
        out.send(slot, &Unregistered { request: it.request, revoked: None }.into());
        self.tell_unregistered(self.sessions.sender(slot).session.id, ended, out);
        Ok(())
    }

    /// Takes the procedure from all its callees, and returns the calls that wait for one of them. Their invocations in flight go on.
    fn revoke_procedure<O: Outbox>(
        &mut self,
        pattern: (crossweave_wamp::MatchPolicy, &str),
        out: &mut O,
    ) -> Waiting {
        let waiting = self.dealer.take_waiting(pattern.0, pattern.1);
        let Some(registration) = self.dealer.of_pattern(pattern.0, pattern.1) else { return waiting };
        let id = registration.id;
        let callees: Vec<Slot> = registration.callees.iter().map(|callee| callee.slot).collect();
        for slot in callees {
            self.revoke_registration(slot, id, Some("wamp.registration.taken_by_force"), out);
        }
        waiting
    }

    /// Ends a registration of a session that did not ask for it. It is told so if it announced that it understands that.
    pub(crate) fn revoke_registration<O: Outbox>(
        &mut self,
        slot: Slot,
        id: RegistrationId,
        reason: Option<&str>,
        out: &mut O,
    ) {
        let Ok(ended) = self.dealer.unregister(&mut self.sessions, slot, id) else { return };
        let session = &self.sessions.sender(slot).session;
        let (session, features) = (session.id, session.roles.callee.unwrap_or_default());
        if features.has(Features::REGISTRATION_REVOCATION) {
            let revoked = Some(Revoked { id: id.0, reason: reason.and_then(as_uri) });
            out.send(slot, &Unregistered { request: RequestId(0), revoked }.into());
        }
        self.tell_unregistered(session, ended, out);
    }

    pub(super) fn tell_unregistered<O: Outbox>(&mut self, session: SessionId, ended: Ended, out: &mut O) {
        let topics = [registration::ON_UNREGISTER, registration::ON_DELETE];
        self.tell_ended(session, ended, topics, out);
    }

    fn tell_ended<O: Outbox>(
        &mut self,
        session: SessionId,
        ended: Ended,
        [on_end, on_delete]: [&'static str; 2],
        out: &mut O,
    ) {
        if ended.is_reserved {
            return;
        }
        let args = [Value::from(session.0), ended.id.into()];
        if self.tells(on_end) {
            self.tell(on_end, &args, None, out);
        }
        if ended.was_last && self.tells(on_delete) {
            self.tell(on_delete, &args, None, out);
        }
    }
}

/// The reason of a revocation as a URI. By the specification it may be any text, but Autobahn|Python gives up its connection at
/// one that is no URI.
fn as_uri(reason: &str) -> Option<String> {
    let words: Vec<&str> =
        reason.split(|c: char| c.is_whitespace() || c == '#').filter(|it| !it.is_empty()).collect();
    let joined = words.join("_");
    let components: Vec<&str> = joined.split('.').filter(|it| !it.is_empty()).collect();
    (!components.is_empty()).then(|| components.join("."))
}

#[cfg(test)]
mod tests {
    use super::as_uri;

    #[test]
    fn a_reason_becomes_a_uri() {
        for (reason, uri) in [
            ("com.example.reason", Some("com.example.reason")),
            ("no longer authorized", Some("no_longer_authorized")),
            (" moving on.. see #5. ", Some("moving_on._see_5")),
            ("..", None),
            ("", None),
        ] {
            assert_eq!(as_uri(reason).as_deref(), uri, "{reason:?}");
        }
    }
}
