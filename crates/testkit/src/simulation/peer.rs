//! What one session knows, and what it must never be sent.

use std::collections::{BTreeMap, BTreeSet};

use crossweave_router_core::Session;
use crossweave_wamp::features::Features;
use crossweave_wamp::message::{CancelMode, Event, Invocation, Kind};
use crossweave_wamp::{MatchPolicy, Message, RegistrationId, RequestId, SubscriptionId, Value, uris};

use super::Counts;

/// A subscription's pattern.
pub(super) type Pattern = (MatchPolicy, String);

/// A registration with the concurrency that the session asked for.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) concurrency: Option<u64>,
}

/// A session of the game.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) session: Session,
    pub(super) is_dynamic: bool,
    /// The next request id.
    pub(super) next: u64,
    pub(super) subscribing: BTreeMap<RequestId, Pattern>,
    pub(super) unsubscribing: BTreeMap<RequestId, SubscriptionId>,
    pub(super) subscriptions: BTreeMap<SubscriptionId, Pattern>,
    pub(super) registering: BTreeMap<RequestId, Registered>,
    pub(super) unregistering: BTreeMap<RequestId, RegistrationId>,
    pub(super) registrations: BTreeMap<RegistrationId, Registered>,
    /// Calls without a final answer; whether progress was asked for.
    pub(super) calls: BTreeMap<RequestId, bool>,
    /// Progressive calls of which it has not sent the last part, open or not.
    pub(super) parts: BTreeSet<RequestId>,
    /// Invocations of which it has not got the last part, and how many it got.
    incoming: BTreeMap<RequestId, u64>,
    /// Invocations it did not answer, and those that count for its concurrency.
    pub(super) invocations: BTreeMap<RequestId, RegistrationId>,
    pub(super) busy_with: BTreeSet<RequestId>,
    last_invocation: u64,
    /// The invocation that was continued last.
    continued: Option<RequestId>,
    /// The last number of each publisher, per subscription.
    heard: BTreeMap<(SubscriptionId, u64), u64>,
}

/// A check that failed.
pub(super) type Broken = String;

impl Peer {
    pub(super) fn new(session: Session, is_dynamic: bool) -> Self {
        Peer {
            session,
            is_dynamic,
            next: 0,
            subscribing: BTreeMap::new(),
            unsubscribing: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            registering: BTreeMap::new(),
            unregistering: BTreeMap::new(),
            registrations: BTreeMap::new(),
            calls: BTreeMap::new(),
            parts: BTreeSet::new(),
            incoming: BTreeMap::new(),
            invocations: BTreeMap::new(),
            busy_with: BTreeSet::new(),
            last_invocation: 0,
            continued: None,
            heard: BTreeMap::new(),
        }
    }

    pub(super) fn request(&mut self) -> RequestId {
        self.next += 1;
        RequestId(self.next)
    }

    /// It answered an invocation for good.
    pub(super) fn answered(&mut self, request: RequestId) {
        self.invocations.remove(&request);
        self.busy_with.remove(&request);
        self.incoming.remove(&request);
    }

    /// Whether no more than the first part of an invocation has been sent to it.
    pub(super) fn has_one_part(&self, request: RequestId) -> bool {
        self.continued.as_ref() != Some(&request)
    }

    pub(super) fn receive(&mut self, message: &Message<'_>, counts: &mut Counts) -> Result<(), Broken> {
        match message {
            Message::Subscribed(it) => {
                let pattern = self.subscribing.remove(&it.request).ok_or("SUBSCRIBED answers nothing")?;
                self.subscriptions.insert(it.subscription, pattern);
            }
            Message::Unsubscribed(it) if it.request == RequestId(0) => {
                let revoked =
                    it.revoked.as_ref().ok_or("UNSUBSCRIBED answers nothing and revokes nothing")?;
                let id = SubscriptionId(revoked.id);
                self.subscriptions.remove(&id).ok_or("a revocation of what was not subscribed")?;
                counts.revoked += 1;
            }
            Message::Unregistered(it) if it.request == RequestId(0) => {
                let revoked =
                    it.revoked.as_ref().ok_or("UNREGISTERED answers nothing and revokes nothing")?;
                let id = RegistrationId(revoked.id);
                self.registrations.remove(&id).ok_or("a revocation of what was not registered")?;
                counts.revoked += 1;
            }
            Message::Unsubscribed(it) => {
                let id = self.unsubscribing.remove(&it.request).ok_or("UNSUBSCRIBED answers nothing")?;
                self.subscriptions.remove(&id).ok_or("UNSUBSCRIBED from what was not subscribed")?;
            }
            Message::Registered(it) => {
                let registered = self.registering.remove(&it.request).ok_or("REGISTERED answers nothing")?;
                // Who registers anew is a callee that has no calls yet.
                let invocations = &self.invocations;
                self.busy_with.retain(|request| invocations.get(request) != Some(&it.registration));
                self.registrations.insert(it.registration, registered);
            }
            Message::Unregistered(it) => {
                let id = self.unregistering.remove(&it.request).ok_or("UNREGISTERED answers nothing")?;
                self.registrations.remove(&id);
            }
            Message::Event(event) => self.hear(event, counts)?,
            Message::Invocation(invocation) => self.invoked(invocation)?,
            Message::Interrupt(it) => {
                counts.interrupts += 1;
                // An answer may wait behind a message that is being decided.
                if !self.is_dynamic && !self.invocations.contains_key(&it.request) {
                    return Err(format!("INTERRUPT for invocation {}, which is answered", it.request));
                }
                if it.mode == Some(CancelMode::KillNoWait) {
                    self.busy_with.remove(&it.request);
                    self.incoming.remove(&it.request);
                }
            }
            Message::Result(it) => self.result(it.request, it.details.progress, counts)?,
            Message::Error(it) if it.request_kind == Kind::Call => {
                self.calls
                    .remove(&it.request)
                    .ok_or(format!("ERROR for call {}, which is not open", it.request))?;
                counts.call_errors += 1;
                counts.full += u64::from(it.error == uris::MAX_CONCURRENCY_REACHED);
            }
            Message::Error(it) => self.refused(it.request_kind, it.request)?,
            Message::Published(_) | Message::Welcome(_) | Message::Goodbye(_) => {}
            Message::Abort(_) => counts.aborts += 1,
            other => return Err(format!("a router does not send {}", other.kind().name())),
        }
        Ok(())
    }

    fn refused(&mut self, kind: Kind, request: RequestId) -> Result<(), Broken> {
        let was_open = match kind {
            Kind::Subscribe => self.subscribing.remove(&request).is_some(),
            Kind::Unsubscribe => self.unsubscribing.remove(&request).is_some(),
            Kind::Register => self.registering.remove(&request).is_some(),
            Kind::Unregister => self.unregistering.remove(&request).is_some(),
            Kind::Publish => true,
            _ => false,
        };
        if was_open { Ok(()) } else { Err(format!("ERROR for {} {request}, which is not open", kind.name())) }
    }

    fn result(&mut self, request: RequestId, progress: bool, counts: &mut Counts) -> Result<(), Broken> {
        let wants_progress =
            *self.calls.get(&request).ok_or(format!("RESULT for call {request}, which is not open"))?;
        if progress {
            counts.progress += 1;
            return if wants_progress { Ok(()) } else { Err("progress nobody asked for".into()) };
        }
        self.calls.remove(&request);
        counts.results += 1;
        Ok(())
    }

    fn hear(&mut self, event: &Event<'_>, counts: &mut Counts) -> Result<(), Broken> {
        counts.events += 1;
        let id = event.subscription;
        let (policy, pattern) =
            self.subscriptions.get(&id).ok_or(format!("EVENT for {id}, not subscribed"))?;
        if let Some(topic) = event.details.topic.as_deref().filter(|topic| topic.starts_with("wamp.")) {
            // The realm's own events reach those who subscribed to everything.
            let is_for = policy.matches(pattern, topic);
            return if is_for {
                Ok(())
            } else {
                Err(format!("EVENT of {topic:?} for {pattern:?} {policy:?}"))
            };
        }
        let args = event.payload.args();
        let (Some(Value::Str(topic)), Some(publisher), Some(number)) =
            (args.first(), args.get(1).and_then(Value::as_u64), args.get(2).and_then(Value::as_u64))
        else {
            return Err(format!("EVENT with other arguments than were published: {args:?}"));
        };
        if !policy.matches(pattern, topic) {
            return Err(format!("EVENT of {topic:?} for {pattern:?} {policy:?}"));
        }
        let told = event.details.topic.as_deref();
        let expected = (*policy != MatchPolicy::Exact).then_some(topic.as_str());
        if told != expected {
            return Err(format!("EVENT says topic {told:?}, not {expected:?}"));
        }
        if event.details.retained {
            return Ok(());
        }
        let last = self.heard.insert((id, publisher), number).unwrap_or(0);
        if last >= number { Err(format!("event {number} of {publisher} after {last}")) } else { Ok(()) }
    }

    /// One more part of an invocation that is not answered yet.
    fn continued(&mut self, request: RequestId, id: RegistrationId, has_more: bool) -> Result<(), Broken> {
        self.continued = Some(request);
        if self.is_dynamic {
            // An answer may wait behind a message that is being decided.
            return Ok(());
        }
        let known =
            self.invocations.get(&request).ok_or(format!("a part of {request}, which is answered"))?;
        if *known != id {
            return Err(format!("a part of {request} comes through {id}, not {known}"));
        }
        let parts = self.incoming.get_mut(&request).ok_or(format!("a part of {request} behind its end"))?;
        *parts += 1;
        if !has_more {
            self.incoming.remove(&request);
        }
        Ok(())
    }

    fn invoked(&mut self, invocation: &Invocation<'_>) -> Result<(), Broken> {
        let (request, id) = (invocation.request, invocation.registration);
        let has_more = invocation.details.progress;
        let takes_parts = Features::PROGRESSIVE_CALL_INVOCATIONS.and(Features::CALL_CANCELING);
        if has_more && !self.session.roles.callee.unwrap_or_default().has(takes_parts) {
            return Err(format!("INVOCATION {request} in parts, which it does not take"));
        }
        let is_opaque = invocation.details.passthru.is_some();
        if is_opaque && !self.session.roles.callee.unwrap_or_default().has(Features::PAYLOAD_PASSTHRU_MODE) {
            return Err(format!("INVOCATION {request} with ppt_scheme, which it does not take"));
        }
        if request.0 <= self.last_invocation {
            return self.continued(request, id, has_more);
        }
        self.continued = None;
        if request.0 != self.last_invocation + 1 {
            return Err(format!("INVOCATION {request} after {}", self.last_invocation));
        }
        self.last_invocation = request.0;
        if has_more {
            self.incoming.insert(request, 1);
        }
        let registered = self.registrations.get(&id).ok_or(format!("INVOCATION for {id}, not registered"))?;
        self.invocations.insert(request, id);
        if let Some(max) = registered.concurrency {
            self.busy_with.insert(request);
            let busy =
                self.busy_with.iter().filter(|it| self.invocations.get(it) == Some(&id)).count() as u64;
            if busy > max {
                return Err(format!("{busy} calls at once for {id}, which takes {max}"));
            }
        }
        Ok(())
    }
}
