//! The bridge's own session.

use std::fmt::Display;

use crossweave_client::{
    Arguments, Client, ConnectError, Dict, Options, PublicationId, Serializer, Value, uris,
};
use crossweave_router::Router;
use tokio::sync::Mutex;
use tracing::{debug, warn};

use super::answer::Refusal;
use super::order::{CallOrder, PublishOrder};
use crate::seldom::Seldom;

/// The authid of the session.
const AUTHID: &str = "http-bridge";

/// One session within this process that all requests share. Joined at the first request, and again after it was lost.
pub(crate) struct LocalSession {
    router: Router,
    realm: String,
    authrole: String,
    client: Mutex<Option<Client>>,
    /// What is told of requests that find no session.
    told: Seldom,
}

impl LocalSession {
    pub(crate) fn new(router: Router, realm: String, authrole: String) -> LocalSession {
        LocalSession { router, realm, authrole, client: Mutex::new(None), told: Seldom::default() }
    }

    /// Calls. The caller is not waited for any more once this is dropped: the call is cancelled.
    pub(crate) async fn call(&self, order: CallOrder) -> Result<(Vec<Value>, Dict), Refusal> {
        let CallOrder { procedure, args, kwargs, timeout, forward_for } = order;
        let client = self.client().await?;
        let mut call = client.call(procedure).arguments(arguments(args, kwargs)).timeout(timeout);
        if !forward_for.is_empty() {
            call = call.forward_for(forward_for);
        }
        let reply = call.await?;
        Ok((reply.args(), reply.kwargs()))
    }

    /// Publishes, and waits for the router's answer.
    pub(crate) async fn publish(&self, order: PublishOrder) -> Result<PublicationId, Refusal> {
        let PublishOrder { topic, args, kwargs, options } = order;
        let mut publish = self.client().await?.publish_arguments(topic, arguments(args, kwargs));
        if !options.exclude_me {
            publish = publish.include_me();
        }
        if options.disclose_me {
            publish = publish.disclose_me();
        }
        if options.retain {
            publish = publish.retain();
        }
        if let Some(hops) = options.forward_for {
            publish = publish.forward_for(hops);
        }
        if let Some(receivers) = options.receivers {
            publish = publish.receivers(|chosen| *chosen = *receivers);
        }
        Ok(publish.acknowledged().await?)
    }

    async fn client(&self) -> Result<Client, Refusal> {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref().filter(|client| client.state().is_connected()) {
            return Ok(client.clone());
        }
        // As for a client that joins: the realm may be one that starts when it is needed.
        let provided = self.router.provide(&self.realm, &self.authrole, AUTHID).await;
        provided.map_err(|refused| self.is_down(&refused))?;
        let joined = self.join().await.map_err(|error| self.is_down(&error))?;
        Ok(client.insert(joined).clone())
    }

    fn is_down(&self, error: &dyn Display) -> Refusal {
        let (realm, authrole) = (&self.realm, &self.authrole);
        match self.told.is_due() {
            true => warn!(realm, authrole, %error, "http bridge cannot join"),
            false => debug!(realm, authrole, %error, "http bridge cannot join"),
        }
        Refusal::new(503, uris::UNAVAILABLE, "the realm is down")
    }

    async fn join(&self) -> Result<Client, ConnectError> {
        let stream = self.router.connect_local(Serializer::Json, &self.authrole, AUTHID);
        Client::join_stream(stream, Serializer::Json, &self.realm, Options::default()).await
    }
}

fn arguments(args: Vec<Value>, kwargs: Dict) -> Arguments {
    kwargs.into_iter().fold(Arguments::from(args), |arguments, (name, value)| arguments.kwarg(name, value))
}
