//! Messages between publishers, the broker and subscribers.

use std::borrow::Cow;

use super::{ForwardFor, Passthru, Revoked};
use crate::delivery::{BadDelivery, Delivery};
use crate::id::{PublicationId, RequestId, SessionId, SubscriptionId};
use crate::payload::Payload;
use crate::uri::MatchPolicy;

/// `[SUBSCRIBE, Request|id, Options|dict, Topic|uri]`
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe<'a> {
    /// The request.
    pub request: RequestId,
    /// Options.
    pub options: SubscribeOptions,
    /// A topic, or a pattern if the options say so.
    pub topic: Cow<'a, str>,
}

/// `SUBSCRIBE.Options`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscribeOptions {
    /// `match`.
    pub match_policy: MatchPolicy,
    /// `get_retained`: also deliver what the topic retains.
    pub get_retained: bool,
    /// `nkey`: the node that the subscriber is, for publications with [`rkey`](Receivers::rkey).
    pub nkey: Option<Box<str>>,
    /// `_delivery`: what becomes of events while the subscriber reads too slowly; or why what was sent says nothing of it.
    pub delivery: Option<Box<Result<Delivery, BadDelivery>>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
}

/// `[SUBSCRIBED, SUBSCRIBE.Request|id, Subscription|id]`
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribed {
    /// The request answered.
    pub request: RequestId,
    /// The subscription.
    pub subscription: SubscriptionId,
}

/// `[UNSUBSCRIBE, Request|id, SUBSCRIBED.Subscription|id]`
#[derive(Clone, Debug, PartialEq)]
pub struct Unsubscribe {
    /// The request.
    pub request: RequestId,
    /// The subscription to leave.
    pub subscription: SubscriptionId,
}

/// `[UNSUBSCRIBED, UNSUBSCRIBE.Request|id]`, or `[UNSUBSCRIBED, 0, Details|dict]` where the router revokes.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsubscribed {
    /// The request answered; 0 when the router revokes.
    pub request: RequestId,
    /// What was revoked.
    pub revoked: Option<Revoked>,
}

/// `[PUBLISH, Request|id, Options|dict, Topic|uri, Arguments|list, ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Publish<'a> {
    /// The request.
    pub request: RequestId,
    /// Options.
    pub options: PublishOptions,
    /// The topic.
    pub topic: Cow<'a, str>,
    /// The payload.
    pub payload: Payload<'a>,
}

/// `PUBLISH.Options`
#[derive(Clone, Debug, PartialEq)]
pub struct PublishOptions {
    /// `acknowledge`: answer with PUBLISHED.
    pub acknowledge: bool,
    /// `exclude_me` (default true): do not deliver to the publisher itself.
    pub exclude_me: bool,
    /// `disclose_me`: tell receivers who published.
    pub disclose_me: bool,
    /// `retain`: keep the event for later subscribers.
    pub retain: bool,
    /// Who may and who may not receive it. Boxed, as nearly all publications have none.
    pub receivers: Option<Box<Receivers>>,
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
    /// `transaction_hash`, passed on.
    pub transaction_hash: Option<Box<str>>,
}

impl Default for PublishOptions {
    fn default() -> Self {
        PublishOptions {
            acknowledge: false,
            exclude_me: true,
            disclose_me: false,
            retain: false,
            receivers: None,
            passthru: None,
            forward_for: None,
            transaction_hash: None,
        }
    }
}

/// Subscriber black- and white-listing, and sharding. Absent lists do not restrict; a present, empty white-list admits nobody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receivers {
    /// `exclude`: sessions that do not get it.
    pub exclude: Option<Vec<SessionId>>,
    /// `exclude_authid`.
    pub exclude_authid: Option<Vec<String>>,
    /// `exclude_authrole`.
    pub exclude_authrole: Option<Vec<String>>,
    /// `eligible`: only these sessions get it.
    pub eligible: Option<Vec<SessionId>>,
    /// `eligible_authid`.
    pub eligible_authid: Option<Vec<String>>,
    /// `eligible_authrole`.
    pub eligible_authrole: Option<Vec<String>>,
    /// `rkey`: what it is about, for sharded subscriptions: of the subscribers with an [`nkey`](SubscribeOptions::nkey) only one
    /// node gets it.
    pub rkey: Option<Box<str>>,
}

/// `[PUBLISHED, PUBLISH.Request|id, Publication|id]`
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The request answered.
    pub request: RequestId,
    /// The publication.
    pub publication: PublicationId,
}

/// `[EVENT, SUBSCRIBED.Subscription|id, PUBLISHED.Publication|id, Details|dict, Arguments|list, ArgumentsKw|dict]`
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// The subscription it is delivered for.
    pub subscription: SubscriptionId,
    /// The publication.
    pub publication: PublicationId,
    /// Details.
    pub details: EventDetails<'a>,
    /// The payload.
    pub payload: Payload<'a>,
}

/// `EVENT.Details`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventDetails<'a> {
    /// `publisher`, if disclosed.
    pub publisher: Option<SessionId>,
    /// `publisher_authid`, if disclosed.
    pub publisher_authid: Option<Cow<'a, str>>,
    /// `publisher_authrole`, if disclosed.
    pub publisher_authrole: Option<Cow<'a, str>>,
    /// `topic`, for pattern-based subscriptions.
    pub topic: Option<Cow<'a, str>>,
    /// `trustlevel`.
    pub trustlevel: Option<u64>,
    /// `retained`: delivered because it was kept.
    pub retained: bool,
    /// `x_acknowledged_delivery`: the subscriber is to answer EVENT_RECEIVED.
    pub acknowledged_delivery: bool,
    /// How the payload is packed.
    pub passthru: Option<Box<Passthru>>,
    /// Routers on the way.
    pub forward_for: Option<Box<[ForwardFor]>>,
    /// `transaction_hash`.
    pub transaction_hash: Option<Box<str>>,
    /// `_lost`: events of this subscription that were lost before this one, by its delivery contract.
    pub lost: u64,
}

/// `[EVENT_RECEIVED, EVENT.Publication|id]`, a draft of acknowledged delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct EventReceived {
    /// The publication received.
    pub publication: PublicationId,
}

impl Subscribe<'_> {
    pub(super) fn into_owned(self) -> Subscribe<'static> {
        Subscribe { request: self.request, options: self.options, topic: Cow::Owned(self.topic.into_owned()) }
    }
}

impl Publish<'_> {
    pub(super) fn into_owned(self) -> Publish<'static> {
        Publish {
            request: self.request,
            options: self.options,
            topic: Cow::Owned(self.topic.into_owned()),
            payload: self.payload.into_owned(),
        }
    }
}

impl Event<'_> {
    /// The same event with texts and payload of its own.
    pub fn into_owned(self) -> Event<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let details = self.details;
        Event {
            subscription: self.subscription,
            publication: self.publication,
            details: EventDetails {
                publisher: details.publisher,
                publisher_authid: owned(details.publisher_authid),
                publisher_authrole: owned(details.publisher_authrole),
                topic: owned(details.topic),
                trustlevel: details.trustlevel,
                retained: details.retained,
                acknowledged_delivery: details.acknowledged_delivery,
                passthru: details.passthru,
                forward_for: details.forward_for,
                transaction_hash: details.transaction_hash,
                lost: details.lost,
            },
            payload: self.payload.into_owned(),
        }
    }
}
