//! What the application listens to.
//!
//! The router knows one subscription per topic and policy, the application may have several [`Subscription`]s on it. Each
//! asks with a SUBSCRIBE of its own; UNSUBSCRIBE is sent when the last one is gone and no answer is pending, since it would
//! also end one that is being made.
//!
//! [`Subscription`]: crate::Subscription

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crossweave_wamp::message::{self, Revoked, SubscribeOptions, Subscribed, Unsubscribe};
use crossweave_wamp::{Delivery, MatchPolicy, ProtocolViolation, RequestId, SubscriptionId, uris};

use super::Epoch;
use super::effects::{Ack, Effects, Failure};
use super::line::{Line, SendError};
use crate::error::{Disconnected, WampError};
use crate::event::Event;
use crate::queue::Queue;
use crate::withdrawn::Withdrawn;

pub(crate) type EventQueue = Queue<Event>;

/// What is listened to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopicKey {
    pub(crate) policy: MatchPolicy,
    pub(crate) uri: Arc<str>,
}

/// One of those who listen; who it is, is told by its queue.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) queue: Arc<EventQueue>,
    pub(crate) wishes: Wishes,
    /// Why the router ended it.
    pub(crate) withdrawn: Arc<OnceLock<Withdrawn>>,
}

/// What SUBSCRIBE asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) get_retained: bool,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) nkey: Option<Box<str>>,
}

#[derive(Default)]
struct Topic {
    id: Option<SubscriptionId>,
    /// SUBSCRIBEs without an answer.
    pending: usize,
    members: Vec<Member>,
    /// How often the router could not say whether we may have them, since the connection was made.
    undecided: u32,
}

struct Pending {
    key: TopicKey,
    /// Who asked. Nobody, after a new connection.
    asker: Option<(Arc<EventQueue>, Ack)>,
}

#[derive(Default)]
pub(super) struct Topics {
    topics: HashMap<TopicKey, Topic>,
    by_id: HashMap<SubscriptionId, TopicKey>,
    pending: HashMap<RequestId, Pending>,
}

fn ask(line: &mut Line, key: &TopicKey, wishes: Wishes) -> Result<RequestId, SendError> {
    let Wishes { get_retained, delivery, nkey } = wishes;
    let delivery = delivery.map(|delivery| Box::new(Ok(delivery)));
    let match_policy = key.policy;
    let options =
        SubscribeOptions { match_policy, get_retained, delivery, nkey, ..SubscribeOptions::default() };
    line.request(|request| message::Subscribe { request, options, topic: (*key.uri).into() }.into())
}

impl Topic {
    /// What its members wish. The router knows one contract and one node: those that were asked for last.
    fn wishes(&self) -> Wishes {
        let wishes = || self.members.iter().map(|member| &member.wishes);
        Wishes {
            get_retained: wishes().any(|it| it.get_retained),
            delivery: wishes().rev().find_map(|it| it.delivery.clone()),
            nkey: wishes().rev().find_map(|it| it.nkey.clone()),
        }
    }
}

impl Topics {
    pub(super) fn subscribe(
        &mut self,
        line: &mut Line,
        key: TopicKey,
        member: Member,
        ack: Ack,
    ) -> Result<(), SendError> {
        let request = ask(line, &key, member.wishes.clone())?;
        let topic = self.topics.entry(key.clone()).or_default();
        topic.pending += 1;
        topic.members.push(member.clone());
        self.pending.insert(request, Pending { key, asker: Some((member.queue, ack)) });
        Ok(())
    }

    /// A new connection: everything that is listened to is asked for again.
    pub(super) fn ask_again(&mut self, line: &mut Line) {
        for (key, topic) in &mut self.topics {
            if let Ok(request) = ask(line, key, topic.wishes()) {
                topic.pending = 1;
                self.pending.insert(request, Pending { key: key.clone(), asker: None });
            }
        }
    }

    /// Asks for one of them once more, if nobody else has.
    pub(super) fn subscribe_again(&mut self, line: &mut Line, key: &TopicKey) {
        if let Some(topic) = self.topics.get_mut(key)
            && topic.id.is_none()
            && topic.pending == 0
            && let Ok(request) = ask(line, key, topic.wishes())
        {
            topic.pending = 1;
            self.pending.insert(request, Pending { key: key.clone(), asker: None });
        }
    }

    pub(super) fn line_is_down(&mut self, why: &Disconnected, effects: &mut Effects) {
        self.by_id.clear();
        for (_, pending) in self.pending.drain() {
            if let Some((queue, ack)) = pending.asker {
                effects.answer(ack, Err(Failure::Disconnected(why.clone())));
                effects.drop_queue(queue);
            }
        }
        for topic in self.topics.values_mut() {
            (topic.id, topic.pending, topic.undecided) = (None, 0, 0);
        }
    }

    /// There will be no further connection: all streams end.
    pub(super) fn end(&mut self, effects: &mut Effects) {
        self.by_id.clear();
        for (_, topic) in self.topics.drain() {
            topic.members.into_iter().for_each(|member| close(member, effects));
        }
    }

    pub(super) fn subscribed(
        &mut self,
        line: &mut Line,
        it: Subscribed,
        effects: &mut Effects,
    ) -> Result<(), ProtocolViolation> {
        line.check_was_sent(it.request)?;
        let Some(pending) = self.pending.remove(&it.request) else { return Ok(()) };
        let Some(topic) = self.topics.get_mut(&pending.key) else {
            // Revoked between two SUBSCRIBEs.
            line_unsubscribe(line, it.subscription);
            self.answer(pending, Ok(None), effects);
            return Ok(());
        };
        if self.by_id.get(&it.subscription).is_some_and(|key| *key != pending.key) {
            let text = format!("subscription {} given for two different topics", it.subscription);
            return Err(ProtocolViolation::new(text));
        }
        topic.pending -= 1;
        if let Some(old) = topic.id.replace(it.subscription) {
            self.by_id.remove(&old);
        }
        self.by_id.insert(it.subscription, pending.key.clone());
        self.leave_if_unused(line, &pending.key);
        self.answer(pending, Ok(None), effects);
        Ok(())
    }

    fn answer(
        &self,
        pending: Pending,
        answer: Result<Option<crossweave_wamp::PublicationId>, Failure>,
        effects: &mut Effects,
    ) {
        if let Some((queue, ack)) = pending.asker {
            effects.answer(ack, answer);
            effects.drop_queue(queue);
        }
    }

    /// After a new connection the router's authorizer may not be there yet: then it is asked again later. Any other refusal ends
    /// the subscription.
    pub(super) fn refused(
        &mut self,
        line: &mut Line,
        epoch: Epoch,
        request: RequestId,
        error: WampError,
        effects: &mut Effects,
    ) {
        let Some(pending) = self.pending.remove(&request) else { return };
        let Some(topic) = self.topics.get_mut(&pending.key) else {
            return self.answer(pending, Err(Failure::Refused(error)), effects);
        };
        topic.pending -= 1;
        match &pending.asker {
            None if error.uri == uris::AUTHORIZATION_FAILED && !topic.members.is_empty() => {
                tracing::warn!(topic = %pending.key.uri, %error, "subscription refused after reconnecting, trying again");
                effects.subscribe_later(epoch, pending.key, topic.undecided);
                topic.undecided = topic.undecided.saturating_add(1);
                return;
            }
            Some((queue, _)) => topic.members.retain(|member| !Arc::ptr_eq(&member.queue, queue)),
            None => {
                tracing::warn!(topic = %pending.key.uri, %error, "subscription refused after reconnecting");
                let why = Withdrawn::Refused(error.clone());
                topic.members.drain(..).for_each(|member| withdraw(member, &why, effects));
            }
        }
        self.leave_if_unused(line, &pending.key);
        self.answer(pending, Err(Failure::Refused(error)), effects);
    }

    /// Takes one listener out. The request, if UNSUBSCRIBE was sent.
    pub(super) fn unsubscribe(
        &mut self,
        line: &mut Line,
        key: &TopicKey,
        queue: &EventQueue,
        effects: &mut Effects,
    ) -> Option<RequestId> {
        let topic = self.topics.get_mut(key)?;
        let at = topic.members.iter().position(|member| std::ptr::eq(&*member.queue, queue))?;
        effects.drop_queue(topic.members.remove(at).queue);
        self.leave_if_unused(line, key)
    }

    fn leave_if_unused(&mut self, line: &mut Line, key: &TopicKey) -> Option<RequestId> {
        let topic = self.topics.get(key)?;
        if !topic.members.is_empty() || topic.pending > 0 {
            return None;
        }
        let subscription = self.topics.remove(key)?.id?;
        self.by_id.remove(&subscription);
        line_unsubscribe(line, subscription)
    }

    pub(super) fn revoked(&mut self, revoked: &Revoked, effects: &mut Effects) {
        let Some(key) = self.by_id.remove(&SubscriptionId(revoked.id)) else { return };
        tracing::info!(topic = %key.uri, reason = ?revoked.reason, "subscription revoked by the router");
        let why = Withdrawn::Revoked { reason: revoked.reason.clone() };
        if let Some(topic) = self.topics.remove(&key) {
            topic.members.into_iter().for_each(|member| withdraw(member, &why, effects));
        }
    }

    /// Events of subscriptions that were left may still be on their way: they are ignored.
    pub(super) fn event(&mut self, event: message::Event<'_>, effects: &mut Effects) {
        let Some(key) = self.by_id.get(&event.subscription) else { return };
        let Some(topic) = self.topics.get(key) else { return };
        let is_retained = event.details.retained;
        let mut members = topic.members.iter().filter(|member| !is_retained || member.wishes.get_retained);
        let Some(first) = members.next() else { return };
        let event = Event::new(&key.uri, event);
        for member in members {
            push(&member.queue, event.clone(), effects);
        }
        push(&first.queue, event, effects);
    }
}

fn push(queue: &EventQueue, event: Event, effects: &mut Effects) {
    let cost = event.cost();
    effects.wake(queue.push_dropping_oldest(event, cost));
}

fn line_unsubscribe(line: &mut Line, subscription: SubscriptionId) -> Option<RequestId> {
    line.request(|request| Unsubscribe { request, subscription }.into()).ok()
}

fn withdraw(member: Member, why: &Withdrawn, effects: &mut Effects) {
    // Nobody else sets it, and a member is withdrawn once.
    let _ = member.withdrawn.set(why.clone());
    close(member, effects);
}

fn close(member: Member, effects: &mut Effects) {
    effects.wake(member.queue.close());
    effects.drop_queue(member.queue);
}
