//! Forwarding events.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use crossweave_client::{
    Arguments, Client, Event, ForwardFor, Inbox, Lagged, PublicationId, RequestError, SessionId,
};
use tracing::{debug, warn};

use super::watched::is_reserved;

/// Publications that a link remembers, as one that matches several subscriptions comes several times.
const REMEMBERED_MAX: usize = 4096;

/// What is to be known to forward events.
pub(super) struct Events {
    pub(super) link: String,
    pub(super) excluded: Arc<HashSet<String>>,
}

/// The latest publications.
#[derive(Default)]
struct Latest {
    order: VecDeque<PublicationId>,
    known: HashSet<PublicationId>,
}

impl Latest {
    /// Whether it is new.
    fn insert(&mut self, publication: PublicationId) -> bool {
        if !self.known.insert(publication) {
            return false;
        }
        self.order.push_back(publication);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// Publishes again what comes in, in its order, until a session ends; says why. `session` is the one to which it comes.
pub(super) async fn forward_events(
    events: Events,
    inbox: &mut Inbox,
    to: &Client,
    session: SessionId,
) -> String {
    let mut latest = Latest::default();
    loop {
        let event = match inbox.next().await {
            None => return "a subscription of the link has ended".to_owned(),
            Some(Err(Lagged { missed })) => {
                warn!(
                    link = events.link,
                    "{missed} events were not forwarded: they came faster than they go"
                );
                continue;
            }
            Some(Ok(event)) => event,
        };
        if !events.is_forwarded(&event) || !latest.insert(event.publication) {
            continue;
        }
        let topic = event.topic.clone();
        match events.publish(to, event, session).await {
            Ok(()) => {}
            Err(RequestError::Disconnected(why)) => return why.to_string(),
            Err(error) => debug!(link = events.link, %topic, "event was not forwarded: {error}"),
        }
    }
}

impl Events {
    /// What has come through a link stays: every router is linked with every other, and nothing goes in circles.
    fn is_forwarded(&self, event: &Event) -> bool {
        let is_excluded = |authid: &String| self.excluded.contains(authid);
        event.forward_for.is_empty()
            && !is_reserved(&event.topic)
            && !event.publisher_authid.as_ref().is_some_and(is_excluded)
    }

    async fn publish(&self, to: &Client, event: Event, session: SessionId) -> Result<(), RequestError> {
        let is_disclosed = event.publisher.is_some();
        let hop = ForwardFor {
            session: event.publisher.unwrap_or(session),
            authid: event.publisher_authid,
            authrole: event.publisher_authrole.unwrap_or_else(|| "rlink".to_owned()),
        };
        let publish = to.publish_arguments(&*event.topic, Arguments::received(event.content));
        let mut publish = publish.forward_for([hop]);
        if is_disclosed {
            publish = publish.disclose_me();
        }
        if !self.excluded.is_empty() {
            let excluded = self.excluded.iter().cloned().collect();
            publish = publish.receivers(|receivers| receivers.exclude_authid = Some(excluded));
        }
        publish.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_new_once_and_memory_is_bounded() {
        let mut latest = Latest::default();
        assert!(latest.insert(PublicationId(1)) && !latest.insert(PublicationId(1)));
        for publication in 2..10_000 {
            assert!(latest.insert(PublicationId(publication)));
        }
        assert_eq!((latest.order.len(), latest.known.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
