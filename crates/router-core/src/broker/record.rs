//! Events of the history on their way out of the realm and back: its driver may write them down, and give them to a realm that
//! starts later.
//!
//! ```text
//!  PUBLISH ─▶ history ─▶ Outbox::recorded(Recorded) ··· to_record ─▶ a file ─▶ Realm::restore(Record) ─▶ history
//! ```
//!
//! A [`Recorded`] is a pointer, so that telling of it costs next to nothing under a lock; taking it apart is for later.

use std::borrow::Cow;
use std::sync::Arc;

use crossweave_wamp::message::{Publish, PublishOptions};
use crossweave_wamp::{PublicationId, RequestId, SessionId};

use super::audience::Audience;
use super::kept::{Kept, details};

/// An event that the history of a realm has just taken. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorded(pub(super) Arc<Kept>);

impl Recorded {
    /// Its place among the events of the realm's history: each has a larger one than those before. There are gaps.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// When it was published, in milliseconds since 1970.
    pub fn unix_ms(&self) -> u64 {
        self.0.unix_ms
    }

    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// The bytes it takes of a rule's [`bytes_max`](crate::HistoryRule::bytes_max).
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// All there is to know about it, copied.
    pub fn to_record(&self) -> Record {
        let event = &*self.0;
        let details = &event.details;
        let publisher = details.publisher.map(|session| Publisher {
            session,
            authid: details.publisher_authid.as_deref().unwrap_or_default().to_owned(),
            authrole: details.publisher_authrole.as_deref().unwrap_or_default().to_owned(),
        });
        let options = PublishOptions {
            receivers: event.audience.as_ref().map(|audience| Box::new(audience.lists().clone())),
            passthru: details.passthru.clone(),
            forward_for: details.forward_for.clone(),
            transaction_hash: details.transaction_hash.clone(),
            ..PublishOptions::default()
        };
        let (topic, payload) = (Cow::Owned(event.topic.to_string()), event.payload.clone());
        Record {
            number: event.number,
            publication: event.publication,
            unix_ms: event.unix_ms,
            publisher,
            trustlevel: details.trustlevel,
            publish: Publish { request: RequestId(1), options, topic, payload },
        }
    }
}

/// An event of the history, to be written down or to be restored.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place among the events of the realm's history.
    pub number: u64,
    /// Its id.
    pub publication: PublicationId,
    /// When it was published, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Who published it, if that was disclosed.
    pub publisher: Option<Publisher>,
    /// How far the router trusted it, if it said so.
    pub trustlevel: Option<u64>,
    /// The topic, the payload, whom it is for and what subscribers are told. The request and options that were for the router
    /// alone (`acknowledge`, `exclude_me`, `disclose_me`, `retain`) mean nothing.
    pub publish: Publish<'static>,
}

/// Who published an event, as subscribers are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publisher {
    /// `publisher`.
    pub session: SessionId,
    /// `publisher_authid`.
    pub authid: String,
    /// `publisher_authrole`.
    pub authrole: String,
}

impl Record {
    pub(super) fn into_kept(self) -> Kept {
        let Record { number, publication, unix_ms, publisher, trustlevel, publish } = self;
        let mut details = details(&publish.options);
        details.trustlevel = trustlevel;
        if let Some(Publisher { session, authid, authrole }) = publisher {
            details.publisher = Some(session);
            details.publisher_authid = Some(Cow::Owned(authid));
            details.publisher_authrole = Some(Cow::Owned(authrole));
        }
        Kept {
            number,
            publication,
            topic: publish.topic.into_owned().into_boxed_str(),
            unix_ms,
            details,
            payload: publish.payload,
            audience: publish.options.receivers.map(|lists| Audience::new(*lists)),
            excluded: None,
        }
    }
}
