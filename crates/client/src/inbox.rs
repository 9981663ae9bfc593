//! Events of several topics in one line.

use std::sync::Arc;
use std::task::{Context, Poll};

use crossweave_wamp::MatchPolicy;

use crate::client::Client;
use crate::core::EventQueue;
use crate::error::RequestError;
use crate::event::Event;
use crate::queue::{Bounds, Next, Queue};
use crate::subscribe::{Lagged, Subscription};
use crate::withdrawn::Withdrawn;

/// The events of several topics and patterns, in the order in which the router sent them: what a
/// [`Subscription`] keeps for one topic, kept for many. [`Event::topic`] says which it is.
///
/// It ends when the client is closed, or the router revokes one of the subscriptions.
pub struct Inbox {
    client: Client,
    queue: Arc<EventQueue>,
}

/// Adds topics to an [`Inbox`], also while that is read.
#[derive(Clone)]
pub struct Listener {
    client: Client,
    queue: Arc<EventQueue>,
}

/// A topic whose events go to an [`Inbox`], for as long as this is kept. Dropping it unsubscribes.
#[derive(Debug)]
#[must_use = "dropping it unsubscribes"]
pub struct Listening {
    subscription: Subscription,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox").field("waiting", &self.queue.len()).finish_non_exhaustive()
    }
}

impl Inbox {
    pub(crate) fn new(client: Client, len_max: usize, bytes_max: usize) -> Inbox {
        Inbox { client, queue: Arc::new(Queue::new(Bounds { len_max, bytes_max })) }
    }

    /// What adds topics to it.
    pub fn listener(&self) -> Listener {
        Listener { client: self.client.clone(), queue: self.queue.clone() }
    }

    /// The next event; nothing when it is over.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Lagged>>> {
        self.queue.poll_next(cx).map(|next| match next {
            Next::Item(event) => Some(Ok(event)),
            Next::Missed(missed) => Some(Err(Lagged { missed })),
            Next::End => None,
        })
    }
}

impl Listener {
    /// Subscribes, until what is returned is dropped.
    ///
    /// # Errors
    /// The router refused, or the connection was lost before the answer.
    pub async fn listen(&self, topic: &str, policy: MatchPolicy) -> Result<Listening, RequestError> {
        let subscribe = self.client.subscribe(topic).match_policy(policy);
        Ok(Listening { subscription: subscribe.into_queue(self.queue.clone()).await? })
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl Listening {
    /// The topic or pattern.
    pub fn topic(&self) -> &str {
        self.subscription.topic()
    }

    /// Why the router ended it; see [`Subscription::withdrawn`].
    pub fn withdrawn(&self) -> Option<&Withdrawn> {
        self.subscription.withdrawn()
    }

    /// Unsubscribes and waits for the router's answer.
    ///
    /// # Errors
    /// The connection was lost before the answer, or the router refused.
    pub async fn unsubscribe(self) -> Result<(), RequestError> {
        self.subscription.unsubscribe().await
    }
}
