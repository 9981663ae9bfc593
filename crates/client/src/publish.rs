//! Publishing events.

use std::future::IntoFuture;
use std::pin::Pin;

use serde::Serialize;
use tokio::sync::oneshot;

use crossweave_wamp::message::{self, ForwardFor, PublishOptions, Receivers};
use crossweave_wamp::{PublicationId, SessionId, Value};

use crate::arguments::Arguments;
use crate::client::Client;
use crate::core::Ack;
use crate::error::RequestError;
use crate::request;

/// A publication that is being prepared. `.await` sends it, [`Publish::acknowledged`] also waits for the router's answer.
#[derive(Clone, Debug)]
#[must_use = "an event is published when it is awaited"]
pub struct Publish {
    client: Client,
    topic: String,
    arguments: Arguments,
    options: PublishOptions,
}

impl Publish {
    pub(crate) fn new(client: Client, topic: String, arguments: Arguments) -> Publish {
        Publish { client, topic, arguments, options: PublishOptions::default() }
    }

    /// Appends an argument.
    pub fn arg(mut self, value: impl Into<Value>) -> Publish {
        self.arguments = self.arguments.arg(value);
        self
    }

    /// Sets a keyword argument.
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Publish {
        self.arguments = self.arguments.kwarg(name, value);
        self
    }

    /// Sets all keyword arguments from a struct or a map.
    pub fn kwargs(mut self, kwargs: &impl Serialize) -> Publish {
        self.arguments = self.arguments.kwargs(kwargs);
        self
    }

    /// Also delivers to this session, if it subscribed.
    pub fn include_me(mut self) -> Publish {
        self.options.exclude_me = false;
        self
    }

    /// Tells subscribers who published, if the router agrees.
    pub fn disclose_me(mut self) -> Publish {
        self.options.disclose_me = true;
        self
    }

    /// Asks the router to keep the event for later subscribers.
    pub fn retain(mut self) -> Publish {
        self.options.retain = true;
        self
    }

    /// Sessions that do not get it.
    pub fn exclude(self, sessions: impl IntoIterator<Item = SessionId>) -> Publish {
        self.receivers(|receivers| receivers.exclude = Some(sessions.into_iter().collect()))
    }

    /// The only sessions that may get it.
    pub fn eligible(self, sessions: impl IntoIterator<Item = SessionId>) -> Publish {
        self.receivers(|receivers| receivers.eligible = Some(sessions.into_iter().collect()))
    }

    /// Changes who gets it: by session, authid or authrole.
    pub fn receivers(mut self, change: impl FnOnce(&mut Receivers)) -> Publish {
        change(self.options.receivers.get_or_insert_default());
        self
    }

    /// Names what the event is about (`rkey`): of the subscribers that named a [node](crate::Subscribe::nkey), those of one node
    /// get it. Where the router does not announce `sharded_subscription`, or is not Crossweave and the session speaks
    /// FlatBuffers, everybody does.
    pub fn rkey(self, rkey: impl Into<Box<str>>) -> Publish {
        self.receivers(|receivers| receivers.rkey = Some(rkey.into()))
    }

    /// Passes on what was published on other routers: whom it comes from, and which routers it came through.
    pub fn forward_for(mut self, hops: impl Into<Box<[ForwardFor]>>) -> Publish {
        self.options.forward_for = Some(hops.into());
        self
    }

    /// Sends it and waits until the router has taken it.
    ///
    /// # Errors
    /// The router refused, it cannot be sent, or the connection was lost before the answer.
    pub async fn acknowledged(mut self) -> Result<PublicationId, RequestError> {
        self.options.acknowledge = true;
        let (topic, shared) = (self.topic.clone(), self.client.shared().clone());
        let (ack, answer) = oneshot::channel();
        self.send(Some(ack)).await?;
        let publication = request::answered(&shared, answer, "PUBLISH", &topic).await?;
        publication.ok_or_else(|| shared.disconnected("acknowledged without a publication").into())
    }

    async fn send(self, ack: Option<Ack>) -> Result<(), RequestError> {
        let shared = self.client.shared();
        let (payload, passthru) = self.arguments.into_payload(shared.serializer())?;
        let options = PublishOptions { passthru, ..self.options };
        let topic = self.topic;
        let publish = move |request| message::Publish { request, options, topic: topic.into(), payload };
        shared.send(move |core| core.publish(publish, ack)).await.map_err(request::not_sent)
    }
}

impl IntoFuture for Publish {
    type Output = Result<(), RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send(None))
    }
}
