//! Subscribing to topics.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::oneshot;

use crossweave_wamp::{Delivery, MatchPolicy};

use crate::client::Client;
use crate::core::{EventQueue, Member, TopicKey, Wishes};
use crate::error::RequestError;
use crate::event::Event;
use crate::limits::{SUBSCRIPTION_BYTES_MAX, SUBSCRIPTION_EVENTS_MAX};
use crate::queue::{Bounds, Next, Queue};
use crate::request;
use crate::withdrawn::Withdrawn;

/// A subscription that is being prepared. `.await` it for the stream of events.
#[derive(Clone, Debug)]
#[must_use = "a subscription is made when it is awaited"]
pub struct Subscribe {
    client: Client,
    topic: String,
    policy: MatchPolicy,
    wishes: Wishes,
    bounds: Bounds,
}

impl Subscribe {
    pub(crate) fn new(client: Client, topic: String) -> Subscribe {
        let bounds = Bounds { len_max: SUBSCRIPTION_EVENTS_MAX, bytes_max: SUBSCRIPTION_BYTES_MAX };
        Subscribe { client, topic, policy: MatchPolicy::Exact, wishes: Wishes::default(), bounds }
    }

    /// All topics that start with this one. Characters, not components: `com.app` also matches `com.apple`.
    pub fn prefix(self) -> Subscribe {
        self.match_policy(MatchPolicy::Prefix)
    }

    /// All topics that have as many components, where an empty component stands for any: `com..created`.
    pub fn wildcard(self) -> Subscribe {
        self.match_policy(MatchPolicy::Wildcard)
    }

    /// How topics are compared. Default exact.
    pub fn match_policy(mut self, policy: MatchPolicy) -> Subscribe {
        self.policy = policy;
        self
    }

    /// Also delivers what the topic retains.
    pub fn get_retained(mut self) -> Subscribe {
        self.wishes.get_retained = true;
        self
    }

    /// What the router does with events that the connection does not take in time: a delivery contract, an extension that
    /// others ignore. Events then say how many were lost before them ([`Event::lost`]). The router knows one contract for a
    /// topic: with several subscriptions to it, the one asked for last holds for all. Default: as the router's
    /// configuration says.
    ///
    /// What this program itself does not read in time is another matter: [`Subscribe::events_max`].
    pub fn delivery(mut self, delivery: Delivery) -> Subscribe {
        self.wishes.delivery = Some(delivery);
        self
    }

    /// Names the node that this subscriber is (`nkey`), in a sharded subscription: of a publication with an
    /// [`rkey`](crate::Publish::rkey), only one node gets the event, always the same for the same key as long as the nodes are
    /// the same. Subscribers without one get every event. The router knows one node for a topic: with several subscriptions to
    /// it, the one asked for last holds for all.
    ///
    /// A router that does not announce `sharded_subscription` ignores it, and everybody gets every event. So does one that is
    /// not Crossweave where the session speaks FlatBuffers, whose schema has no place for it.
    pub fn nkey(mut self, nkey: impl Into<Box<str>>) -> Subscribe {
        self.wishes.nkey = Some(nkey.into());
        self
    }

    /// Events that may wait to be read; beyond, the oldest are dropped and reported. Default
    /// [`SUBSCRIPTION_EVENTS_MAX`].
    pub fn events_max(mut self, events: usize) -> Subscribe {
        self.bounds.len_max = events;
        self
    }

    /// Octets that may wait to be read; beyond, the oldest events are dropped and reported. Default
    /// [`SUBSCRIPTION_BYTES_MAX`].
    pub fn bytes_max(mut self, bytes: usize) -> Subscribe {
        self.bounds.bytes_max = bytes;
        self
    }

    async fn run(self) -> Result<Subscription, RequestError> {
        let queue = Arc::new(Queue::new(self.bounds));
        self.into_queue(queue).await
    }

    /// Its events go into this queue, whoever else's do.
    pub(crate) async fn into_queue(self, queue: Arc<EventQueue>) -> Result<Subscription, RequestError> {
        let shared = self.client.shared().clone();
        let key = TopicKey { policy: self.policy, uri: self.topic.into() };
        let withdrawn = Arc::default();
        let member = Member { queue: queue.clone(), wishes: self.wishes, withdrawn: Arc::clone(&withdrawn) };
        let (ack, answer) = oneshot::channel();
        let asked = key.clone();
        // Made before it is asked for: dropping this future leaves nothing behind.
        let subscription = Subscription { client: self.client, key, queue, withdrawn };
        shared.send(move |core| core.subscribe(asked, member, ack)).await.map_err(request::not_sent)?;
        request::answered(&shared, answer, "SUBSCRIBE", &subscription.key.uri).await?;
        Ok(subscription)
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Subscription, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Events were dropped, since the application did not read them fast enough. The stream goes on behind the gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{missed} events were not read in time and dropped")]
pub struct Lagged {
    /// How many.
    pub missed: u64,
}

/// The events of a topic or pattern, in the order in which the router sent them.
///
/// It survives a lost connection: it is subscribed again, and events that were published meanwhile are missing. It ends
/// when the client is closed, or the router revokes the subscription or refuses it on the new connection
/// ([`Subscription::withdrawn`] tells which); a router that cannot say yet (`wamp.error.authorization_failed`) is asked again.
/// Dropping it unsubscribes.
///
/// ```no_run
/// # async fn example(client: crossweave_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let mut weather = client.subscribe("com.example.weather").await?;
/// while let Some(event) = weather.next().await {
///     let (city, degrees): (String, f64) = event?.parse()?;
///     println!("{city}: {degrees}");
/// }
/// # Ok(()) }
/// ```
#[must_use = "dropping a subscription unsubscribes"]
pub struct Subscription {
    client: Client,
    key: TopicKey,
    queue: Arc<EventQueue>,
    withdrawn: Arc<OnceLock<Withdrawn>>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("topic", &self.key.uri).finish_non_exhaustive()
    }
}

impl Subscription {
    /// The topic or pattern.
    pub fn topic(&self) -> &str {
        &self.key.uri
    }

    /// The next event; nothing when the subscription is over.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Why the router ended it; nothing while it stands, or if it ended because the client is closed.
    ///
    /// Events that came before can still be read.
    pub fn withdrawn(&self) -> Option<&Withdrawn> {
        self.withdrawn.get()
    }

    /// Unsubscribes and waits for the router's answer.
    ///
    /// # Errors
    /// The connection was lost before the answer, or the router refused.
    pub async fn unsubscribe(self) -> Result<(), RequestError> {
        let shared = self.client.shared();
        let (ack, answer) = oneshot::channel();
        shared.with(|core, effects| core.unsubscribe(&self.key, &self.queue, Some(ack), effects));
        request::answered(shared, answer, "UNSUBSCRIBE", &self.key.uri).await.map(drop)
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, Lagged>>> {
        self.queue.poll_next(cx).map(|next| match next {
            Next::Item(event) => Some(Ok(event)),
            Next::Missed(missed) => Some(Err(Lagged { missed })),
            Next::End => None,
        })
    }
}

impl Stream for Subscription {
    type Item = Result<Event, Lagged>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.client.shared().with(|core, effects| core.unsubscribe(&self.key, &self.queue, None, effects));
    }
}
