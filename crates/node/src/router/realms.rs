//! Realms and roles of a router worker, as the management API starts and stops them.

mod changing;
mod hot_uris;
mod starting;
mod templates;

use std::collections::BTreeMap;
use std::time::Duration;

use crossweave_api::router::*;
use crossweave_api::{Config, Error, error};
use crossweave_config as config;
use crossweave_router::MessageCounts;
use crossweave_web::run_demo;
use tokio::sync::{MutexGuard, watch};
use tracing::{info, warn};

use super::{Findings, RouterWorker, State, invalid, no_such, realm};
use crate::component::Sessions;
use crate::service::{Caller, answers};

/// The role of clients that do not log in.
const ANONYMOUS: &str = "anonymous";

/// A realm that runs.
pub(super) struct RunningRealm {
    pub(super) id: String,
    pub(super) realm: config::Realm,
    pub(super) config: Config,
    created: String,
    pub(super) roles: Vec<RunningRole>,
    /// The template that it was started by.
    pub(super) template_id: Option<String>,
    /// What is added to it.
    sessions: Vec<Sessions>,
    /// Open while that starts.
    starting: watch::Receiver<()>,
    /// After how long it is stopped when nobody is on it, as the template said then.
    pub(super) idle_timeout: Option<Duration>,
    /// The number in the last id that was made for a role.
    last_role_id: usize,
}

pub(super) struct RunningRole {
    pub(super) id: String,
    pub(super) name: String,
    config: Config,
    /// A client has started it by a template of the realm.
    is_of_template: bool,
}

impl RunningRole {
    /// Whether one that is asked for takes its place.
    fn makes_room_for(&self, id: &str, role: &config::Role) -> bool {
        self.is_of_template && self.name == role.name && self.id != id && role.template.is_none()
    }

    fn marshal(&self) -> RealmRole {
        RealmRole { id: self.id.clone(), config: self.config.clone() }
    }
}

impl RunningRealm {
    /// Closes when all that is added to the realm is there, or is not to come; none if it is so far.
    pub(super) fn starting(&self) -> Option<watch::Receiver<()>> {
        self.starting.has_changed().is_ok().then(|| self.starting.clone())
    }

    /// An id that no role has, and that is not given out again.
    pub(super) fn new_role_id(&mut self) -> String {
        let first = (self.realm.roles.len() + self.roles.len()).max(self.last_role_id) + 1;
        let mut ids = (first..).map(|number| (number, format!("role{number:03}")));
        let is_free = |id: &str| {
            !self.roles.iter().any(|role| role.id == id) && !self.realm.roles.iter().any(|role| role.id == id)
        };
        let (number, id) = ids.find(|(_, id)| is_free(id)).unwrap_or_default();
        self.last_role_id = number;
        id
    }

    /// With the ids of its links.
    fn marshal(&self, rlinks: Vec<String>) -> RouterRealm {
        RouterRealm {
            id: self.id.clone(),
            config: self.config.clone(),
            category: config::category_of_realm(&self.realm.name).to_owned(),
            kind: if self.template_id.is_some() { "instance" } else { "static" }.to_owned(),
            created: self.created.clone(),
            roles: self.roles.iter().map(RunningRole::marshal).collect(),
            has_router: true,
            has_service_session: self.realm.options.enable_meta_api,
            rlinks,
        }
    }
}

impl State {
    /// Whether there is a realm or a template of this id.
    pub(super) fn has_realm(&self, id: &str) -> bool {
        self.realms.iter().any(|it| it.id == id) || self.templates.iter().any(|it| it.id == id)
    }

    pub(super) fn realm(&mut self, id: &str) -> Result<&mut RunningRealm, Error> {
        self.realms.iter_mut().find(|it| it.id == id).ok_or_else(|| no_such("realm", id))
    }
}

impl RouterWorker {
    pub(super) async fn answer_for_realms(&self) -> Result<(), String> {
        answers!(
            self.service(), self,
            GetRouterRealms => get_router_realms,
            GetRouterRealm => get_router_realm,
            GetRouterRealmByName => get_router_realm_by_name,
            GetRouterRealmStats => get_router_realm_stats,
            GetRouterHotUris => get_router_hot_uris,
            StartRouterRealm => start_router_realm,
            GetRouterRealmTemplates => get_router_realm_templates,
            OrderRouterRealmTemplates => order_router_realm_templates,
            ChangeRouterRealmTemplate => change_router_realm_template,
            StopRouterRealm => stop_router_realm,
            GetRouterRealmRoles => get_router_realm_roles,
            GetRouterRealmRole => get_router_realm_role,
            StartRouterRealmRole => start_router_realm_role,
            StopRouterRealmRole => stop_router_realm_role,
            ChangeRouterRealmRole => change_router_realm_role,
            KillByAuthid => kill_by_authid,
        );
        Ok(())
    }

    async fn get_router_realms(&self, _: Caller, _: GetRouterRealms) -> Result<Vec<String>, Error> {
        let state = self.shared.state.lock().await;
        let templates = state.templates.iter().map(|it| it.id.clone());
        let mut ids: Vec<String> = state.realms.iter().map(|it| it.id.clone()).chain(templates).collect();
        ids.sort();
        Ok(ids)
    }

    async fn get_router_realm(&self, _: Caller, asked: GetRouterRealm) -> Result<RouterRealm, Error> {
        let mut state = self.shared.state.lock().await;
        match state.templates.iter().find(|it| it.id == asked.realm_id) {
            Some(template) => Ok(template.marshal()),
            None => {
                let links = self.link_ids(&asked.realm_id);
                state.realm(&asked.realm_id).map(|it| it.marshal(links))
            }
        }
    }

    async fn get_router_realm_by_name(
        &self,
        _: Caller,
        asked: GetRouterRealmByName,
    ) -> Result<RouterRealm, Error> {
        let state = self.shared.state.lock().await;
        let found = state.realms.iter().find(|it| it.realm.name == asked.realm_name);
        found.map(|it| it.marshal(self.link_ids(&it.id))).ok_or_else(|| {
            Error::new(
                error::NO_SUCH_OBJECT,
                format!("there is no realm with the name {:?}", asked.realm_name),
            )
        })
    }

    pub(in crate::router) async fn stop_router_realm(
        &self,
        _: Caller,
        asked: StopRouterRealm,
    ) -> Result<RealmStopped, Error> {
        let mut state = self.shared.state.lock().await;
        if let Some(at) = state.templates.iter().position(|it| it.id == asked.realm_id) {
            let template = state.templates.remove(at);
            drop(state);
            return Ok(self.template_stopped(template, asked.with_instances).await);
        }
        let running = state.realm(&asked.realm_id)?;
        running.sessions.iter().for_each(Sessions::stop);
        let name = running.realm.name.clone();
        self.end_links(&asked.realm_id);
        let detached = self.router().stop_realm(&name).await.unwrap_or_default();
        let id = asked.realm_id;
        self.forget_realm(state, &id, &name).await;
        Ok(RealmStopped { id, name, detached_sessions: detached.iter().map(|it| it.0).collect() })
    }

    /// A realm has ended.
    pub(super) async fn forget_realm(&self, mut state: MutexGuard<'_, State>, id: &str, name: &str) {
        let sessions = state.forget(id).map(|it| it.sessions).unwrap_or_default();
        self.shared.idle.lock().end(name);
        drop(state);
        self.realm_ended(id, name, sessions).await;
    }

    /// What is left of a realm that is forgotten.
    async fn realm_ended(&self, id: &str, name: &str, sessions: Vec<Sessions>) {
        self.stop_links(Some(id)).await;
        // What they have on the management realm goes with them, before somebody starts it anew.
        for sessions in sessions {
            sessions.ended().await;
        }
        self.shared.leftovers.of_realm();
        info!("Realm '{name}' stopped");
        self.service().tell(&ON_REALM_STOPPED, &id).await;
    }

    async fn get_router_realm_roles(
        &self,
        _: Caller,
        asked: GetRouterRealmRoles,
    ) -> Result<Vec<RealmRole>, Error> {
        let mut state = self.shared.state.lock().await;
        Ok(state.realm(&asked.realm_id)?.roles.iter().map(RunningRole::marshal).collect())
    }

    async fn get_router_realm_role(&self, _: Caller, asked: GetRouterRealmRole) -> Result<RealmRole, Error> {
        let mut state = self.shared.state.lock().await;
        let realm = state.realm(&asked.realm_id)?;
        let found = realm.roles.iter().find(|it| it.id == asked.role_id);
        found.map(RunningRole::marshal).ok_or_else(|| no_such("role", &asked.role_id))
    }

    pub(super) async fn start_router_realm_role(
        &self,
        caller: Caller,
        asked: StartRouterRealmRole,
    ) -> Result<RealmRole, Error> {
        self.start_role(Some(&caller), asked).await
    }

    /// Starts a role because this caller has asked for it; without one, by a template of its realm. The former takes the place of the
    /// latter: its sessions go on.
    pub(super) async fn start_role(
        &self,
        caller: Option<&Caller>,
        asked: StartRouterRealmRole,
    ) -> Result<RealmRole, Error> {
        let (who, is_of_template) = (caller.and_then(|it| it.session), caller.is_none());
        let StartRouterRealmRole { realm_id, role_id, config } = asked;
        let mut state = self.shared.state.lock().await;
        let running = state.realm(&realm_id)?;
        let part = config::part::role(&config, &format!("role {role_id}"), &self.shared.options.cbdir);
        let part = part.map_err(|problems| invalid(&problems))?;
        // What is to be said of a template was said of it.
        for warning in caller.into_iter().flat_map(|caller| caller.warnings(&part.warnings)) {
            warn!(role = role_id, "{}", warning.message);
        }
        let is_replaced = |it: &RunningRole| !is_of_template && it.makes_room_for(&role_id, &part.value);
        let is_there = |it: &&RunningRole| it.id == role_id || it.name == part.value.name;
        if let Some(other) = running.roles.iter().filter(|it| !is_replaced(it)).find(is_there) {
            let (id, name) = (&other.id, &other.name);
            let message = format!("realm {realm_id:?} has a role {id:?} with the name {name:?}");
            return Err(Error::new(error::ALREADY_EXISTS, message));
        }
        let mut findings = Findings::new(&self.shared.options.extensions);
        let role = realm::role(&part.value, &format!("realm {realm_id:?}"), &mut findings);
        findings.settle()?;
        let realm = running.realm.name.clone();
        if let Some(role) = role {
            self.router()
                .set_role(&realm, role)
                .map_err(|failure| Error::new(error::CANNOT_START, failure))?;
        }
        let name = part.value.name.clone();
        let replaced = running.roles.iter().position(is_replaced).map(|at| running.roles.remove(at));
        let started = RunningRole { id: role_id, name: name.clone(), config, is_of_template };
        let marshal = started.marshal();
        running.roles.push(started);
        drop(state);
        if let Some(replaced) = replaced {
            self.service().tell_others(&ON_ROUTER_REALM_ROLE_STOPPED, who, &replaced.marshal()).await;
        }
        if name == ANONYMOUS && self.shared.options.has_start_page {
            self.run_demo(realm.clone());
        }
        info!("Role '{name}' started on realm '{realm}'");
        self.service().tell_others(&ON_ROUTER_REALM_ROLE_STARTED, who, &marshal).await;
        Ok(marshal)
    }

    async fn stop_router_realm_role(
        &self,
        caller: Caller,
        asked: StopRouterRealmRole,
    ) -> Result<RealmRole, Error> {
        let mut state = self.shared.state.lock().await;
        let running = state.realm(&asked.realm_id)?;
        let position = running.roles.iter().position(|it| it.id == asked.role_id);
        let role = running.roles.remove(position.ok_or_else(|| no_such("role", &asked.role_id))?);
        let realm = running.realm.name.clone();
        let removed = self.router().remove_role(&realm, &role.name);
        drop(state);
        removed.map_err(|failure| Error::new(error::CANNOT_STOP, failure))?;
        info!("Role '{}' stopped on realm '{realm}'", role.name);
        let marshal = role.marshal();
        self.service().tell_others(&ON_ROUTER_REALM_ROLE_STOPPED, caller.session, &marshal).await;
        Ok(marshal)
    }

    async fn get_router_realm_stats(
        &self,
        _: Caller,
        asked: GetRouterRealmStats,
    ) -> Result<BTreeMap<String, RealmStats>, Error> {
        let mut state = self.shared.state.lock().await;
        if let Some(id) = &asked.realm_id {
            state.realm(id)?;
        }
        let is_asked = |it: &&RunningRealm| asked.realm_id.as_ref().is_none_or(|id| *id == it.id);
        let stats = |it: &RunningRealm| Some((it.id.clone(), self.realm_stats(it)?));
        Ok(state.realms.iter().filter(is_asked).filter_map(stats).collect())
    }

    fn realm_stats(&self, running: &RunningRealm) -> Option<RealmStats> {
        let stats = self.router().realm_stats(&running.realm.name).ok()?;
        let by_type = |counts: &MessageCounts| -> BTreeMap<String, u64> {
            counts.iter().map(|(kind, count)| (kind.name().to_lowercase(), count)).collect()
        };
        let messages = [("received", by_type(&stats.received)), ("sent", by_type(&stats.sent))];
        Some(RealmStats {
            roles: running.roles.len() as u64,
            sessions: stats.sessions as u64,
            dropped: stats.dropped,
            sessions_with_drops: stats.sessions_with_drops as u64,
            longest_queue: stats.longest_queue_bytes as u64,
            messages: messages.into_iter().map(|(way, counts)| (way.to_owned(), counts)).collect(),
        })
    }

    async fn kill_by_authid(&self, _: Caller, asked: KillByAuthid) -> Result<Vec<u64>, Error> {
        let realm = self.shared.state.lock().await.realm(&asked.realm_id)?.realm.name.clone();
        let KillByAuthid { authid, reason, message, .. } = asked;
        let killed = self.router().kill_by_authid(&realm, &authid, &reason, message.as_deref());
        let killed = killed.map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))?;
        Ok(killed.iter().map(|it| it.0).collect())
    }

    /// Makes something move on a realm that nobody has configured yet.
    fn run_demo(&self, realm: String) {
        let router = self.router().clone();
        self.shared.demos.lock().spawn(async move {
            if let Err(error) = run_demo(&router, &realm, ANONYMOUS).await {
                warn!(realm, "{error}");
            }
        });
    }
}
