//! Realms and roles that start when a client first needs them, and realms that end when nobody is on them any more.
//!
//! ```text
//!  client ─▶ router: no such realm ─▶ template that matches ─▶ bounds ─▶ controller: crossbar.activate_realm
//!                                                                            │ start_router_realm, roles
//!  client joins ◀─ router: it is there ◀──────────────────────────────────────┘
//! ```

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossweave_api::Config;
use crossweave_api::node::ActivateRealm;
use crossweave_api::router::StartRouterRealmRole;
use crossweave_config as config;
use crossweave_router::{Activating, Activation, Missing, NotActivated, RealmProvider};
use crossweave_wamp::{AuthMethod, uris};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{MutexGuard, oneshot};
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info};

use super::realm;
use super::realms::RunningRealm;
use super::template::instance;
use super::{RouterWorker, Shared, State};
use crate::service::{by_name, reason};

/// What the controller is given to start a realm with its roles.
const ACTIVATE_DEADLINE: Duration = Duration::from_secs(20);
/// A realm that nobody is on, but somebody is about to join, is looked at again after this.
const RETRY: Duration = Duration::from_secs(1);

/// Realms of templates that nobody is on, each with what its watch waits for.
#[derive(Default)]
pub(super) struct Idle(HashMap<String, oneshot::Sender<Infallible>>);

/// Closes when somebody is on the realm, it has ended, or the time that nobody is on it begins anew.
type Over = oneshot::Receiver<Infallible>;

impl Idle {
    /// Nobody is on the realm from now on. A watch of the time before is over.
    fn begin(&mut self, realm: &str) -> Over {
        let (sender, over) = oneshot::channel();
        self.0.insert(realm.to_owned(), sender);
        over
    }

    /// Somebody is on it, or it has ended.
    pub(super) fn end(&mut self, realm: &str) {
        self.0.remove(realm);
    }
}

fn is_over(over: &mut Over) -> bool {
    over.try_recv() == Err(TryRecvError::Closed)
}

/// Whom the router asks.
struct Provider(Weak<Shared>);

impl Provider {
    fn worker(&self) -> Option<RouterWorker> {
        self.0.upgrade().map(|shared| RouterWorker { shared })
    }
}

impl RealmProvider for Provider {
    fn activate(&self, activation: Activation) -> Activating<'_> {
        let worker = self.worker();
        Box::pin(async move {
            let Some(worker) = worker else { return Err(no_such_realm(&activation.realm)) };
            match activation.missing {
                Missing::Realm => worker.activate_realm(&activation).await,
                Missing::Role => worker.activate_role(&activation).await,
            }
        })
    }

    fn occupied(&self, realm: &str) {
        if let Some(worker) = self.worker() {
            worker.shared.idle.lock().end(realm);
        }
    }

    fn emptied(&self, realm: &str) {
        if let Some(worker) = self.worker() {
            worker.is_idle(realm.to_owned());
        }
    }
}

fn no_such_realm(realm: &str) -> NotActivated {
    NotActivated::new(uris::NO_SUCH_REALM, format!("there is no realm {realm:?}"))
}

fn no_such_role(role: &str) -> NotActivated {
    NotActivated::this_client(uris::NO_SUCH_ROLE, format!("the realm has no role {role:?}"))
}

/// How sessions of this program have proven who they are: whoever wrote the configuration says so.
const TRUSTED: &str = "trusted";

/// Whether a role that is to be started is given to the client. A part of this program, such as a REST service, proves nothing: it
/// has the role that the configuration gives it.
///
/// # Errors
/// It has proven who it is by another method than those of the role.
fn check_proof(role: &config::Role, activation: &Activation) -> Result<(), NotActivated> {
    if activation.authmethod == TRUSTED || realm::admits(role, activation.proof) {
        return Ok(());
    }
    let shown = activation.proof.map_or("no known method", AuthMethod::name);
    let Activation { authrole, realm, .. } = activation;
    Err(NotActivated::unproven(format!(
        "role {authrole:?} of realm {realm:?} is not given to who has proven itself by {shown}: nothing is started"
    )))
}

/// Who pays for a realm: who has logged in, or else the address; behind a proxy the one that the proxy tells.
fn principal(activation: &Activation) -> String {
    let peer = || activation.behind_proxy.as_deref().or_else(|| activation.transport.str("peer"));
    match activation.authmethod {
        "anonymous" => peer_host(peer().unwrap_or_default()),
        _ => format!("authid {}", activation.authid),
    }
}

/// Where a peer is that could come from a neighbouring port, address or process as well: the address without its port, of IPv6
/// the network of 64 bits, as a single host has all of one, and of a process on this machine its user.
fn peer_host(peer: &str) -> String {
    let of_tcp = peer.strip_prefix("tcp4:").or_else(|| peer.strip_prefix("tcp6:"));
    if let Some(address) = of_tcp.and_then(|address| address.parse::<SocketAddr>().ok()) {
        return match address.ip().to_canonical() {
            IpAddr::V4(host) => host.to_string(),
            IpAddr::V6(host) => Ipv6Addr::from_bits(host.to_bits() >> 64 << 64).to_string(),
        };
    }
    match peer.strip_prefix("unix:").and_then(|rest| rest.rsplit_once(',')) {
        Some((_process, user)) => format!("unix:{user}"),
        None => peer.to_owned(),
    }
}

impl State {
    /// The realm of this id has ended.
    pub(super) fn forget(&mut self, id: &str) -> Option<RunningRealm> {
        let at = self.realms.iter().position(|it| it.id == id)?;
        let realm = self.realms.remove(at);
        let template = self.templates.iter_mut().find(|it| Some(&it.id) == realm.template_id.as_ref());
        if let Some(template) = template {
            template.forget(&realm.realm.name);
        }
        Some(realm)
    }

    /// A realm was not started in time by a template; if it comes all the same, it counts. The result is whether it is there as one
    /// of the configuration.
    fn not_started(&mut self, name: &str, template_id: &str) -> bool {
        let running = self.realms.iter().find(|it| it.realm.name == name);
        let is_of_template = running.map(|it| it.template_id.is_some());
        let template = self.templates.iter_mut().find(|it| it.id == template_id);
        if let (None | Some(false), Some(template)) = (is_of_template, template) {
            template.forget(name);
        }
        is_of_template == Some(false)
    }

    /// An id that no realm has, nor one that is being started: it is not given out again.
    fn new_id(&mut self) -> String {
        let first = (self.realms.len() + self.templates.len()).max(self.last_id) + 1;
        let mut ids = (first..).map(|number| (number, format!("realm{number:03}")));
        let (number, id) = ids.find(|(_, id)| !self.has_realm(id)).unwrap_or_default();
        self.last_id = number;
        id
    }
}

impl RouterWorker {
    /// Starts what clients need from now on.
    pub(super) fn provide_realms(&self) {
        let provider = Provider(Arc::downgrade(&self.shared));
        self.router().set_realm_provider(Some(Arc::new(provider)));
    }

    async fn activate_realm(&self, activation: &Activation) -> Result<(), NotActivated> {
        let name = &activation.realm;
        loop {
            let (asked, template) = self.admit(activation).await?;
            let (realm_id, template_id) = (asked.realm_id.clone(), asked.template_id.clone());
            info!("Auto starting realm '{name}' ..");
            let started = self.ask_for(&asked).await;
            if !self.shared.state.lock().await.has_template(template) {
                info!("Template '{template_id}' of realm '{name}' is another one meanwhile");
                self.stop_instance(|it| it.id == realm_id).await;
                continue;
            }
            let Err(failed) = started else {
                info!("Realm '{name}' auto started successfully");
                // Should nobody come after all.
                self.is_idle(name.clone());
                return Ok(());
            };
            if self.shared.state.lock().await.not_started(name, &template_id) {
                info!("Realm '{name}' was started without template '{template_id}' meanwhile");
                return Ok(());
            }
            let (authid, authrole) = (&activation.authid, &activation.authrole);
            error!(
                "Realm '{name}' was not started by template '{template_id}' for {authid:?} with role {authrole:?}: {failed}"
            );
            // Why is for those who run the node.
            let text = format!("realm {name:?} could not be started");
            return Err(NotActivated::new(uris::NO_SUCH_REALM, text).told());
        }
    }

    /// Has a realm started by the controller.
    async fn ask_for(&self, asked: &ActivateRealm) -> Result<(), String> {
        let call = self.service().client().call("crossbar.activate_realm").arguments(by_name(asked));
        match timeout(ACTIVATE_DEADLINE, call).await {
            Ok(answer) => answer.map(drop).map_err(|error| reason(&error)),
            Err(_) => Err(format!("no answer from the controller within {} s", ACTIVATE_DEADLINE.as_secs())),
        }
    }

    /// The realm to ask for, by the first template that matches and within its bounds; and the number of the template.
    async fn admit(&self, activation: &Activation) -> Result<(ActivateRealm, u64), NotActivated> {
        let Activation { realm, authrole, .. } = activation;
        let mut state = self.shared.state.lock().await;
        let matched = state.templates.iter_mut().find_map(|it| Some((it.instance(realm)?, it)));
        let Some((config, template)) = matched else { return Err(no_such_realm(realm)) };
        let Some(role) = template.role(authrole) else { return Err(no_such_role(authrole)) };
        check_proof(role, activation)?;
        let principal = principal(activation);
        if let Err(why) = template.admit(realm, authrole, &principal, Instant::now()) {
            // The router tells of it, as often as it is good for the log.
            debug!("Realm '{realm}' is not started for {principal} by template '{}': {why}", template.id);
            return Err(NotActivated::this_client(uris::UNAVAILABLE, why.to_string()));
        }
        let (template_id, pattern, number) =
            (template.id.clone(), template.pattern().to_owned(), template.number);
        let (worker_id, realm_id) = (self.shared.id.clone(), state.new_id());
        Ok((ActivateRealm { worker_id, template_id, pattern, realm_id, config }, number))
    }

    /// Starts a role that a role template of the realm matches.
    async fn activate_role(&self, activation: &Activation) -> Result<(), NotActivated> {
        let Activation { realm, authrole, .. } = activation;
        let (realm_id, role_id, config) = self.role_instance(activation).await?;
        info!("Auto starting role '{authrole}' on realm '{realm}' ..");
        let asked = StartRouterRealmRole { realm_id, role_id, config };
        let Err(failed) = self.start_role(None, asked).await else { return Ok(()) };
        if self.has_role(realm, authrole).await {
            info!("Role '{authrole}' was started on realm '{realm}' without a template meanwhile");
            return Ok(());
        }
        error!("Role '{authrole}' was not started on realm '{realm}': {failed}");
        let text = format!("role {authrole:?} could not be started");
        Err(NotActivated::new(uris::NO_SUCH_ROLE, text).told())
    }

    async fn has_role(&self, realm: &str, authrole: &str) -> bool {
        let state = self.shared.state.lock().await;
        let running = state.realms.iter().find(|it| it.realm.name == realm);
        running.is_some_and(|it| it.roles.iter().any(|role| role.name == authrole))
    }

    /// The role that a client needs on a realm that runs, by a template of it; with the ids of both.
    async fn role_instance(&self, activation: &Activation) -> Result<(String, String, Config), NotActivated> {
        let Activation { realm, authrole, .. } = activation;
        let mut state = self.started(realm).await;
        let running = state.realms.iter_mut().find(|it| it.realm.name == *realm);
        let running = running.ok_or_else(|| no_such_role(authrole))?;
        let written = running.config["roles"].as_array().into_iter().flatten();
        let mut roles = running.realm.roles.iter().zip(written);
        let matched = roles
            .find_map(|(role, written)| Some((role, role.template.as_ref()?.captures(authrole)?, written)));
        let Some((role, groups, template)) = matched else { return Err(no_such_role(authrole)) };
        check_proof(role, activation)?;
        let config = instance(template, authrole, &groups);
        Ok((running.id.clone(), running.new_role_id(), config))
    }

    /// What runs, once the realm of this name has all that is added to it before clients come, if it is there.
    async fn started(&self, realm: &str) -> MutexGuard<'_, State> {
        loop {
            let state = self.shared.state.lock().await;
            let running = state.realms.iter().find(|it| it.realm.name == realm);
            let Some(mut starting) = running.and_then(RunningRealm::starting) else { return state };
            drop(state);
            // Nothing is sent: it closes.
            let _ = starting.changed().await;
        }
    }

    /// Nobody is on a realm: if it is one of a template and stays so, it is stopped.
    pub(super) fn is_idle(&self, realm: String) {
        let over = self.shared.idle.lock().begin(&realm);
        tokio::spawn(self.clone().watch_idle(realm, over));
    }

    /// There is one for each realm: those that come and go would leave any number.
    async fn watch_idle(self, realm: String, mut over: Over) {
        let Some(timeout) = self.idle_timeout(&realm).await else {
            let mut idle = self.shared.idle.lock();
            if !is_over(&mut over) {
                idle.end(&realm);
            }
            return;
        };
        let mut wait = timeout;
        loop {
            tokio::select! {
                _ = &mut over => return,
                () = sleep(wait) => {}
            }
            if self.stop_idle(&realm).await {
                return;
            }
            wait = RETRY;
        }
    }

    async fn idle_timeout(&self, realm: &str) -> Option<Duration> {
        let state = self.shared.state.lock().await;
        let running = state.realms.iter().find(|it| it.realm.name == realm)?;
        let template_id = running.template_id.as_ref()?;
        let template = state.templates.iter().find(|it| it.id == *template_id);
        // One whose template has gone goes in its time all the same.
        template.map_or(running.idle_timeout, |template| template.idle_timeout())
    }

    /// Stops a realm that nobody is on. False if that has to be tried again.
    async fn stop_idle(&self, realm: &str) -> bool {
        let state = self.shared.state.lock().await;
        // One of the configuration may have taken its place.
        let is_meant = |it: &&RunningRealm| it.realm.name == realm && it.template_id.is_some();
        let Some(id) = state.realms.iter().find(is_meant).map(|it| it.id.clone()) else { return true };
        match self.router().stop_realm_if_empty(realm).await {
            Ok(true) => {
                info!("Realm '{realm}' was idle");
                self.forget_realm(state, &id, realm).await;
                true
            }
            Ok(false) => false,
            Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests;
