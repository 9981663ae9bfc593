//! Links of realms to realms of other routers, as the management API starts and stops them.
//!
//! ```text
//!  realm here ── session `trusted` ── link ── session over the network ── realm there
//! ```
//!
//! `life` connects a link again and again; `direction` is one of its two ways; `watched` knows what there is to be forwarded.

mod calls;
mod direction;
mod events;
mod life;
mod watched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossweave_api::process::SessionIdent;
use crossweave_api::router::*;
use crossweave_api::{Config, Error, Event, error};
use crossweave_client::{Auth, Dict, Options, Reconnect, Serializer};
use crossweave_config::{
    self as config, ConnectingEndpoint, ConnectingProtocol, ConnectingTransport, RouterLink,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use super::{RouterWorker, invalid, no_such};
use crate::clock::utcnow;
use crate::component::{client_options, url};
use crate::key::node_key;
use crate::service::{Caller, answers};
use life::{Link, Told, live};

/// How long the answer to a start waits for the link to be connected.
const CONNECT_WAIT: Duration = Duration::from_secs(2);
/// How long a link has to say goodbye.
const STOP_DEADLINE: Duration = Duration::from_secs(3);

/// The links that run, by the ids of realm and link.
pub(super) type RunningLinks = Mutex<BTreeMap<(String, String), RunningLink>>;

/// A link that runs.
pub(super) struct RunningLink {
    about: Arc<About>,
    task: JoinHandle<()>,
}

/// What is told of a link.
struct About {
    id: String,
    config: Config,
    started: String,
    started_by: SessionIdent,
    is_connected: AtomicBool,
    stop: Notify,
}

impl About {
    fn marshal(&self) -> RouterRealmLink {
        RouterRealmLink {
            id: self.id.clone(),
            config: self.config.clone(),
            started: self.started.clone(),
            started_by: self.started_by.clone(),
            connected: self.is_connected.load(Ordering::Relaxed),
        }
    }
}

impl RouterWorker {
    pub(super) async fn answer_for_links(&self) -> Result<(), String> {
        answers!(
            self.service(), self,
            GetRouterRealmLinks => get_router_realm_links,
            GetRouterRealmLink => get_router_realm_link,
            StartRouterRealmLink => start_router_realm_link,
            StopRouterRealmLink => stop_router_realm_link,
        );
        Ok(())
    }

    async fn get_router_realm_links(
        &self,
        _: Caller,
        asked: GetRouterRealmLinks,
    ) -> Result<Vec<String>, Error> {
        self.shared.state.lock().await.realm(&asked.realm_id)?;
        Ok(self.link_ids(&asked.realm_id))
    }

    /// The ids of the links of a realm, sorted.
    pub(super) fn link_ids(&self, realm_id: &str) -> Vec<String> {
        let links = self.shared.links.lock();
        links.keys().filter(|(realm, _)| realm == realm_id).map(|(_, id)| id.clone()).collect()
    }

    async fn get_router_realm_link(
        &self,
        _: Caller,
        asked: GetRouterRealmLink,
    ) -> Result<RouterRealmLink, Error> {
        self.shared.state.lock().await.realm(&asked.realm_id)?;
        let links = self.shared.links.lock();
        let found = links.get(&(asked.realm_id, asked.link_id.clone()));
        found.map(|it| it.about.marshal()).ok_or_else(|| no_such("link", &asked.link_id))
    }

    async fn start_router_realm_link(
        &self,
        caller: Caller,
        asked: StartRouterRealmLink,
    ) -> Result<RouterRealmLink, Error> {
        let StartRouterRealmLink { realm_id, link_id, config } = asked;
        let mut state = self.shared.state.lock().await;
        let realm = state.realm(&realm_id)?.realm.name.clone();
        let place = (realm_id, link_id);
        if self.shared.links.lock().contains_key(&place) {
            let message = format!("realm {:?} has a link {:?}", place.0, place.1);
            return Err(Error::new(error::ALREADY_RUNNING, message));
        }
        let link = self.prepare_link(&caller, &place.1, realm, &config)?;
        let about = Arc::new(About {
            id: place.1.clone(),
            config,
            started: utcnow(),
            started_by: caller.ident(),
            is_connected: AtomicBool::new(false),
            stop: Notify::new(),
        });
        let tried = Arc::new(Notify::new());
        // Before it is told that it is connected.
        self.service().tell(&ON_ROUTER_REALM_LINK_STARTED, &about.marshal()).await;
        let task = tokio::spawn(self.clone().run_link(link, about.clone(), tried.clone()));
        self.shared.links.lock().insert(place, RunningLink { about: about.clone(), task });
        drop(state);
        // Whether it could be connected is in the answer.
        let _ = timeout(CONNECT_WAIT, tried.notified()).await;
        Ok(about.marshal())
    }

    /// Runs until the link is stopped.
    async fn run_link(self, link: Link, about: Arc<About>, tried: Arc<Notify>) {
        let (worker, of, router) = (self.clone(), about.clone(), self.router().clone());
        let tell = move |told: Told| {
            let (worker, about, tried) = (worker.clone(), of.clone(), tried.clone());
            async move {
                tried.notify_one();
                worker.link_told(&about, told).await;
            }
        };
        live(&link, &router, &about.stop, tell).await;
        about.is_connected.store(false, Ordering::Relaxed);
    }

    async fn link_told(&self, about: &About, told: Told) {
        let event: &Event = match told {
            Told::Connected => &ON_ROUTER_REALM_LINK_CONNECTED,
            Told::Disconnected => &ON_ROUTER_REALM_LINK_DISCONNECTED,
            Told::Failed => return,
        };
        about.is_connected.store(matches!(told, Told::Connected), Ordering::Relaxed);
        self.service().tell(event, &about.marshal()).await;
    }

    fn prepare_link(
        &self,
        caller: &Caller,
        id: &str,
        realm: String,
        written: &Config,
    ) -> Result<Link, Error> {
        let cbdir = &self.shared.options.cbdir;
        let part = config::part::router_link(written, &format!("link {id}"), cbdir);
        let part = part.map_err(|problems| invalid(&problems))?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(link = id, "{}", warning.message));
        let config = part.value;
        let wrong = |why: String| Error::new(error::INVALID_CONFIGURATION, why);
        let url = url(&config.transport).map_err(wrong)?;
        let as_proxy = config.auth.as_ref().and_then(|auth| auth.get("cryptosign-proxy"));
        let by_itself = config.auth.as_ref().filter(|_| as_proxy.is_none());
        let mut options = client_options(&config.transport, by_itself).map_err(wrong)?;
        if by_itself.is_none() {
            let key = node_key(cbdir).map_err(|why| Error::new(error::CANNOT_START, why))?;
            let authid = config.authid.clone();
            options.auth = match as_proxy {
                None => Auth::Cryptosign { authid, key, router: None },
                Some(_) => Auth::CryptosignProxy { authid, key },
            };
        }
        if let Some(method) = as_proxy {
            options.authextra = self.as_proxy_says(&config, method);
        }
        let options = Options {
            serializers: serializers(&config.transport),
            connect_timeout: connect_timeout(&config).unwrap_or(options.connect_timeout),
            reconnect: Reconnect::Off,
            reroutes_calls: true,
            ..options
        };
        Ok(Link { id: id.to_owned(), realm, url, options, config })
    }

    /// As whom a link joins a router that lets in proxies: it speaks for itself.
    fn as_proxy_says(&self, config: &config::RouterLink, method: &Config) -> Dict {
        let authid = config.authid.as_ref().unwrap_or(&self.shared.options.node_id);
        let role = method.get("role").and_then(|role| role.as_str()).unwrap_or(watched::LINK_ROLE);
        Dict::new()
            .with("proxy_realm", config.realm.as_str())
            .with("proxy_authid", authid.as_str())
            .with("proxy_authrole", role)
    }

    async fn stop_router_realm_link(
        &self,
        _: Caller,
        asked: StopRouterRealmLink,
    ) -> Result<RouterRealmLink, Error> {
        self.shared.state.lock().await.realm(&asked.realm_id)?;
        let found = self.shared.links.lock().remove(&(asked.realm_id, asked.link_id.clone()));
        let running = found.ok_or_else(|| no_such("link", &asked.link_id))?;
        Ok(self.stop_link(running, Instant::now() + STOP_DEADLINE).await)
    }

    async fn stop_link(&self, mut running: RunningLink, deadline: Instant) -> RouterRealmLink {
        running.about.stop.notify_one();
        if timeout_at(deadline, &mut running.task).await.is_err() {
            running.task.abort();
        }
        running.about.is_connected.store(false, Ordering::Relaxed);
        let marshal = running.about.marshal();
        info!("Link '{}' stopped", marshal.id);
        self.service().tell(&ON_ROUTER_REALM_LINK_STOPPED, &marshal).await;
        marshal
    }

    /// Lets the links of a realm begin to end, for somebody who cannot wait now.
    pub(super) fn end_links(&self, realm_id: &str) {
        let links = self.shared.links.lock();
        links
            .iter()
            .filter(|((realm, _), _)| realm == realm_id)
            .for_each(|(_, it)| it.about.stop.notify_one());
    }

    /// Stops the links of a realm, or of all, at the same time: routers that hang are not waited for one after the other. Nobody
    /// else should have to wait for this.
    pub(super) async fn stop_links(&self, realm_id: Option<&str>) {
        let is_meant = |(realm, _): &(String, String)| realm_id.is_none_or(|id| id == realm);
        let ending: Vec<RunningLink> = {
            let mut links = self.shared.links.lock();
            let places: Vec<_> = links.keys().filter(|place| is_meant(place)).cloned().collect();
            places.iter().filter_map(|place| links.remove(place)).collect()
        };
        ending.iter().for_each(|it| it.about.stop.notify_one());
        let deadline = Instant::now() + STOP_DEADLINE;
        for running in ending {
            self.stop_link(running, deadline).await;
        }
    }
}

/// Those that a connecting transport speaks.
pub(super) fn serializers(transport: &ConnectingTransport) -> Vec<Serializer> {
    let ours = |it: &config::Serializer| match it {
        config::Serializer::Json => Serializer::Json,
        config::Serializer::MsgPack => Serializer::MsgPack,
        config::Serializer::Cbor => Serializer::Cbor,
        config::Serializer::Ubjson => Serializer::Ubjson,
        config::Serializer::FlatBuffers => Serializer::FlatBuffers,
    };
    match &transport.protocol {
        ConnectingProtocol::WebSocket { serializers, .. } => serializers.iter().map(ours).collect(),
        ConnectingProtocol::RawSocket { serializer, .. } => vec![ours(serializer)],
    }
}

/// As configured; 0 is as good as for ever.
fn connect_timeout(link: &RouterLink) -> Option<Duration> {
    let seconds = match &link.transport.endpoint {
        ConnectingEndpoint::Tcp(tcp) => tcp.timeout,
        ConnectingEndpoint::Unix { timeout, .. } => *timeout,
    };
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests;
