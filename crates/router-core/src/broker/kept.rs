//! An event that is kept for those who come later: retained, or in the history.

use std::borrow::Cow;

use crossweave_wamp::message::{Event, EventDetails, Publish, PublishOptions};
use crossweave_wamp::{MatchPolicy, Payload, PublicationId, SessionId, SubscriptionId};

use super::Subscription;
use super::audience::Audience;
use crate::boundary::Session;
use crate::forwarding::disclosed;
use crate::trust::Attribution;
use crate::weight;

/// What one kept event takes besides its texts and payload.
const OVERHEAD_BYTES: usize = 256;

/// A publication as it was carried out.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its place among the events of the realm's history.
    pub(crate) number: u64,
    pub(crate) publication: PublicationId,
    pub(crate) topic: Box<str>,
    /// When, in milliseconds since 1970.
    pub(crate) unix_ms: u64,
    /// What every subscriber is told of it; the topic is for those who subscribed to a pattern.
    pub(crate) details: EventDetails<'static>,
    pub(crate) payload: Payload<'static>,
    pub(super) audience: Option<Audience>,
    /// The publisher, if the event was not for itself.
    pub(super) excluded: Option<SessionId>,
}

impl Kept {
    pub(crate) fn new(
        publish: &Publish<'_>,
        (number, publication): (u64, PublicationId),
        publisher: &Session,
        attribution: Attribution,
        unix_ms: u64,
    ) -> Self {
        let options = &publish.options;
        let mut details = details(options);
        details.trustlevel = attribution.trustlevel;
        if attribution.disclose.holds(options.disclose_me) {
            let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
            let (session, authid, authrole) =
                disclosed(publisher, details.forward_for.as_deref(), options.disclose_me);
            details.publisher = session;
            (details.publisher_authid, details.publisher_authrole) = (owned(authid), owned(authrole));
        }
        Kept {
            number,
            publication,
            topic: (&*publish.topic).into(),
            unix_ms,
            details,
            payload: publish.payload.borrowed().into_owned(),
            audience: options.receivers.as_deref().and_then(Audience::of),
            excluded: options.exclude_me.then_some(publisher.id),
        }
    }

    /// Whether somebody is left out, but for the publisher.
    pub(super) fn is_restricted(&self) -> bool {
        self.audience.is_some()
    }

    /// Whether somebody is meant or left out by session id.
    pub(super) fn names_sessions(&self) -> bool {
        self.audience.as_ref().is_some_and(Audience::names_sessions)
    }

    /// Whether the lists of its PUBLISH admit a session.
    pub(crate) fn admits(&self, session: &Session) -> bool {
        self.audience.as_ref().is_none_or(|audience| audience.admits(session))
    }

    /// Whether the session would have got it, had it been subscribed.
    pub(super) fn was_for(&self, session: &Session) -> bool {
        self.excluded != Some(session.id) && self.admits(session)
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let audience = self.audience.as_ref().map_or(0, Audience::bytes);
        let EventDetails { passthru, forward_for, transaction_hash, .. } = &self.details;
        let options =
            weight::passed_on(passthru.as_deref(), forward_for.as_deref(), transaction_hash.as_deref());
        OVERHEAD_BYTES + self.topic.len() + self.payload.bytes().len() + audience + options
    }

    /// What a subscriber is told of it.
    pub(crate) fn details_for(&self, subscription: &Subscription) -> EventDetails<'static> {
        let topic = (subscription.policy != MatchPolicy::Exact).then(|| Cow::Owned(self.topic.to_string()));
        EventDetails { topic, ..self.details.clone() }
    }

    /// The EVENT for one who has just subscribed.
    pub(super) fn retained(&self, subscription: &Subscription) -> Event<'_> {
        let details = EventDetails { retained: true, ..self.details_for(subscription) };
        let (publication, payload) = (self.publication, self.payload.borrowed());
        Event { subscription: SubscriptionId(subscription.id.0), publication, details, payload }
    }
}

/// What subscribers are told of a publication, but for its publisher.
pub(super) fn details(options: &PublishOptions) -> EventDetails<'static> {
    EventDetails {
        passthru: options.passthru.clone(),
        forward_for: options.forward_for.clone(),
        transaction_hash: options.transaction_hash.clone(),
        ..EventDetails::default()
    }
}
