//! An event, as a subscription hands it out.

use std::sync::Arc;

use crossweave_wamp::message::{self, ForwardFor};
use crossweave_wamp::{PublicationId, SessionId};

use crate::content::{Content, has_content};

/// Something that was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The topic; with a pattern, the one that was published to.
    pub topic: Arc<str>,
    /// The publication: the same for every receiver.
    pub publication: PublicationId,
    /// Who published, if disclosed.
    pub publisher: Option<SessionId>,
    /// The publisher's authid, if disclosed.
    pub publisher_authid: Option<String>,
    /// The publisher's authrole, if disclosed.
    pub publisher_authrole: Option<String>,
    /// Whether it was published before the subscription and kept.
    pub is_retained: bool,
    /// Events of the subscription that the router dropped before this one, as the connection did not take them in time. Only
    /// told under a delivery contract: see [`Subscribe::delivery`](crate::Subscribe::delivery).
    pub lost: u64,
    /// The routers that it came through, if it was published on another one; empty else.
    pub forward_for: Vec<ForwardFor>,
    /// The arguments.
    pub content: Content,
}

has_content!(Event);

impl Event {
    /// `subscribed` is the topic or pattern.
    pub(crate) fn new(subscribed: &Arc<str>, event: message::Event<'_>) -> Event {
        let details = event.details;
        Event {
            topic: details.topic.map_or_else(|| subscribed.clone(), |topic| (*topic).into()),
            publication: event.publication,
            publisher: details.publisher,
            publisher_authid: details.publisher_authid.map(Into::into),
            publisher_authrole: details.publisher_authrole.map(Into::into),
            is_retained: details.retained,
            lost: details.lost,
            forward_for: details.forward_for.map_or_else(Vec::new, Vec::from),
            content: Content::new(event.payload, details.passthru),
        }
    }

    /// What it costs to keep it, in octets.
    pub(crate) fn cost(&self) -> usize {
        self.content.cost()
    }
}
