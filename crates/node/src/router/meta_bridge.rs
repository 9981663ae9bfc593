//! `bridge_meta_api` of a realm: its meta API on the management realm, too.
//!
//! ```text
//!  management realm                                       realm
//!  <prefix>wamp.session.count   ── call ──▶   bridge ──▶  wamp.session.count
//!  <prefix>wamp-session-on_join ◀── event ──  bridge ◀──  wamp.session.on_join
//! ```
//!
//! The prefix is `crossbar.worker.<worker>.realm.<realm>.root.`; names and dashes are Crossbar.io's. Who may call there is what the
//! management realm says: the bridge itself has the role `trusted` on the realm.

use std::sync::Arc;

use crossweave_client::{
    Arguments, CallError, Client, Inbox, Invocation, Lagged, Listening, MatchPolicy, Registration,
    RequestError, WampError, uris,
};
use crossweave_router_core::{META_TOPICS, meta_procedures};
use tracing::{debug, warn};

use crate::component::{BoxFuture, Component};

/// Events that wait to be told on, and their bytes.
const EVENTS_MAX: usize = 16_384;
const EVENTS_BYTES_MAX: usize = 16 << 20;

/// They are about the caller's own session, which is not on the realm.
const OF_CALLERS: [&str; 2] = ["wamp.session.add_testament", "wamp.session.flush_testaments"];

/// One run of the bridge of a realm.
pub(super) struct MetaBridge {
    management: Client,
    prefix: Arc<str>,
    registrations: Vec<Registration>,
    heard: Option<(Inbox, Vec<Listening>)>,
}

impl MetaBridge {
    /// Between the realm that its session joins and the management realm, where its URIs start with `prefix`.
    pub(super) fn new(management: Client, prefix: Arc<str>) -> MetaBridge {
        MetaBridge { management, prefix, registrations: Vec::new(), heard: None }
    }

    /// Lets a procedure of the realm be called on the management realm.
    async fn register(&mut self, realm: &Client, procedure: &'static str) -> Result<(), String> {
        let uri = format!("{}{procedure}", self.prefix);
        let realm = realm.clone();
        let answer = move |invocation: Invocation| {
            let realm = realm.clone();
            async move { forward(&realm, procedure, invocation).await }
        };
        let registered = self.management.register_dynamic(uri.clone(), answer).await;
        self.registrations.push(registered.map_err(|error| format!("cannot register {uri}: {error}"))?);
        Ok(())
    }

    async fn listen(&mut self, realm: &Client) -> Result<(), String> {
        let inbox = realm.inbox(EVENTS_MAX, EVENTS_BYTES_MAX);
        let mut listening = Vec::new();
        for topic in META_TOPICS {
            let heard = inbox.listener().listen(topic, MatchPolicy::Exact).await;
            listening.push(heard.map_err(|error| format!("cannot subscribe to {topic}: {error}"))?);
        }
        self.heard = Some((inbox, listening));
        Ok(())
    }

    /// Tells what is heard on the realm, in its order, until that is over.
    async fn tell(&mut self) -> Result<(), String> {
        let Some((inbox, _)) = &mut self.heard else { return Ok(()) };
        while let Some(event) = inbox.next().await {
            let event = match event {
                Ok(event) => event,
                Err(Lagged { missed }) => {
                    warn!(
                        prefix = &*self.prefix,
                        "{missed} events of the meta API were not told on: too many"
                    );
                    continue;
                }
            };
            let topic = format!("{}{}", self.prefix, event.topic.replace('.', "-"));
            let told = Arguments::received(event.content);
            match self.management.publish_arguments(topic.clone(), told).await {
                Ok(_) => {}
                Err(RequestError::Disconnected(why)) => return Err(why.to_string()),
                Err(error) => debug!(topic, "event was not told on: {error}"),
            }
        }
        Err("its subscriptions have ended".to_owned())
    }
}

impl Component for MetaBridge {
    fn joined<'a>(&'a mut self, client: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.listen(client).await?;
            for procedure in meta_procedures().filter(|it| !OF_CALLERS.contains(it)) {
                self.register(client, procedure).await?;
            }
            Ok(())
        })
    }

    fn run<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(self.tell())
    }
}

async fn forward(realm: &Client, procedure: &str, invocation: Invocation) -> Result<Arguments, WampError> {
    let call = realm.call(procedure).arguments(Arguments::received(invocation.content));
    match call.await {
        Ok(reply) => Ok(Arguments::received(reply.content)),
        Err(CallError::Disconnected(_)) => {
            Err(WampError::new(uris::UNAVAILABLE).arg("the realm has just ended, or is being started again"))
        }
        Err(other) => Err(other.into()),
    }
}
