//! A realm that starts: first the realm, then what is added to it, and only then roles for others.
//!
//! The worker answers meanwhile: a session that is added may ask it, also about its own realm.

use std::sync::Arc;

use crossweave_api::router::{ON_REALM_STARTED, RouterRealm, StartRouterRealm};
use crossweave_api::{Config, Error, error};
use crossweave_config as config;
use crossweave_router::{HistoryStore, RealmDefinition, StartError};
use serde_json::json;
use tokio::sync::{MutexGuard, watch};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::super::meta_bridge::MetaBridge;
use super::super::template::RealmTemplate;
use super::super::{Findings, RouterWorker, State, invalid, realm};
use super::RunningRealm;
use crate::clock::utcnow;
use crate::component::{Component, Components, Sessions};
use crate::service::Caller;

impl RouterWorker {
    pub(in crate::router) async fn start_router_realm(
        &self,
        caller: Caller,
        asked: StartRouterRealm,
    ) -> Result<RouterRealm, Error> {
        let (StartRouterRealm { realm_id, config, template_id }, who) = (asked, caller.session);
        let mut state = self.shared.state.lock().await;
        if state.has_realm(&realm_id) {
            return Err(Error::new(error::ALREADY_RUNNING, format!("there is a realm {realm_id:?}")));
        }
        let part = config::part::realm(&config, &format!("realm {realm_id}"), &self.shared.options.cbdir);
        let part = part.map_err(|problems| invalid(&problems))?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(realm = realm_id, "{}", warning.message));
        if part.value.template.is_some() {
            let template = RealmTemplate::new(realm_id, part.value, config);
            return Ok(self.start_template(state, template, who).await);
        }
        let idle_timeout = self.start_empty(&mut state, &realm_id, &part.value, template_id.as_ref()).await?;
        let (started, starting) = watch::channel(());
        let running = RunningRealm {
            id: realm_id,
            realm: part.value,
            config,
            created: utcnow(),
            roles: Vec::new(),
            template_id,
            sessions: Vec::new(),
            starting,
            idle_timeout,
            last_role_id: 0,
        };
        let (id, wanted, starting) = (running.id.clone(), running.realm.clone(), running.starting.clone());
        let marshal = running.marshal(Vec::new());
        let template = state.templates.iter_mut().find(|it| Some(&it.id) == running.template_id.as_ref());
        let is_of_template = running.template_id.is_some();
        if let Some(template) = template {
            template.adopt(&wanted.name);
        }
        state.realms.push(running);
        drop(state);
        let added = self.add_sessions(&id, &wanted).await;
        self.settle(&id, &starting, added).await?;
        drop(started);
        info!("Realm '{}' started", wanted.name);
        if is_of_template {
            // Should nobody come: whoever has asked for it may have given up.
            self.is_idle(wanted.name);
        }
        self.service().tell_others(&ON_REALM_STARTED, who, &marshal).await;
        Ok(marshal)
    }

    async fn start_template(
        &self,
        mut state: MutexGuard<'_, State>,
        template: RealmTemplate,
        who: Option<u64>,
    ) -> RouterRealm {
        let marshal = template.marshal();
        state.add_template(template);
        drop(state);
        self.service().tell_others(&ON_REALM_STARTED, who, &marshal).await;
        marshal
    }

    /// Starts a realm without roles. The result is after how long it is stopped when nobody is on it.
    async fn start_empty(
        &self,
        state: &mut State,
        id: &str,
        wanted: &config::Realm,
        template_id: Option<&String>,
    ) -> Result<Option<std::time::Duration>, Error> {
        let options = &self.shared.options;
        let mut findings = Findings::new(&options.extensions);
        let mut definition = realm::definition(wanted, &options.limits, id, &mut findings);
        findings.settle()?;
        if template_id.is_none() {
            self.make_room(state, &wanted.name).await;
        }
        // They are started one by one.
        definition.roles.clear();
        let template = state.templates.iter().find(|it| Some(&it.id) == template_id);
        definition.background_roles = template.map_or_else(Vec::new, RealmTemplate::background_roles);
        self.start_defined(&wanted.name, definition).await.map_err(|failure| match failure {
            StartError::RealmExists(_) => Error::new(error::ALREADY_EXISTS, failure),
            _ => Error::new(error::CANNOT_START, failure),
        })?;
        Ok(template.and_then(RealmTemplate::idle_timeout))
    }

    /// Ends the realm of this name that a client has started by a template, if there is one: one that somebody has asked for takes its
    /// place. No other client gets between the two.
    async fn make_room(&self, state: &mut State, name: &str) {
        let is_in_the_way = |it: &&RunningRealm| it.realm.name == name && it.template_id.is_some();
        let Some(running) = state.realms.iter().find(is_in_the_way) else { return };
        running.sessions.iter().for_each(Sessions::stop);
        let (id, name) = (running.id.clone(), name.to_owned());
        self.end_links(&id);
        let _ = self.router().stop_realm(&name).await;
        let sessions = state.forget(&id).map(|it| it.sessions).unwrap_or_default();
        self.shared.idle.lock().end(&name);
        let worker = self.clone();
        tokio::spawn(async move { worker.realm_ended(&id, &name, sessions).await });
    }

    /// Starts a realm of the router. A history that is kept somewhere is read first, which may take a while: not here, where others
    /// wait.
    async fn start_defined(&self, name: &str, definition: RealmDefinition) -> Result<(), StartError> {
        if definition.history == HistoryStore::Memory {
            return self.router().start_realm(name, definition);
        }
        let (router, name) = (self.router().clone(), name.to_owned());
        let started = spawn_blocking(move || router.start_realm(&name, definition)).await;
        started.unwrap_or(Err(StartError::Stopped))
    }

    /// Starts what the program adds to each realm and what the configuration asks for, before anybody has a role there.
    async fn add_sessions(&self, id: &str, realm: &config::Realm) -> Result<Vec<Sessions>, String> {
        let bridge = self.bridge(id, realm).map(|bridge| Components::default().with("meta-api", bridge));
        let added = [self.shared.options.extensions.realm_sessions.clone()];
        let mut sessions = Vec::new();
        for components in added.into_iter().chain(bridge) {
            let (place, extra) = ((&*realm.name, config::TRUSTED), json!({"realm": realm.name}));
            sessions.push(Sessions::start(&components, self.router(), place, &extra).await?);
        }
        Ok(sessions)
    }

    /// What makes the realm's bridge to the management realm, if it is to have one.
    fn bridge(
        &self,
        id: &str,
        realm: &config::Realm,
    ) -> Option<impl Fn(&Config) -> Result<Box<dyn Component>, String> + Send + Sync + 'static> {
        let (management, worker) = (self.service().client().clone(), self.shared.id.clone());
        let prefix: Arc<str> = format!("crossbar.worker.{worker}.realm.{id}.root.").into();
        let make = move |_: &Config| -> Result<Box<dyn Component>, String> {
            Ok(Box::new(MetaBridge::new(management.clone(), prefix.clone())))
        };
        realm.options.bridge_meta_api.then_some(make)
    }

    /// What is added is there, or the realm is not started.
    async fn settle(
        &self,
        id: &str,
        starting: &watch::Receiver<()>,
        added: Result<Vec<Sessions>, String>,
    ) -> Result<(), Error> {
        let mut state = self.shared.state.lock().await;
        let is_it = |it: &&mut RunningRealm| it.id == id && it.starting.same_channel(starting);
        let Some(running) = state.realms.iter_mut().find(is_it) else {
            return Err(Error::new(error::CANNOT_START, format!("realm {id:?} was stopped as it started")));
        };
        match added {
            Ok(sessions) => {
                running.sessions = sessions;
                Ok(())
            }
            Err(why) => {
                let name = running.realm.name.clone();
                state.forget(id);
                self.end_links(id);
                let _ = self.router().stop_realm(&name).await;
                drop(state);
                self.stop_links(Some(id)).await;
                Err(Error::new(error::CANNOT_START, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossweave_client::Client;
    use tokio::time::timeout;

    use super::super::super::tests::{join, management, start_worker};
    use super::*;
    use crate::component::BoxFuture;
    use crate::extension::Extensions;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Calls a procedure of the worker before it counts as started.
    struct Asking {
        management: Client,
        call: (&'static str, Vec<&'static str>),
    }

    impl Component for Asking {
        fn joined<'a>(&'a mut self, _: &'a Client) -> BoxFuture<'a, Result<(), String>> {
            Box::pin(async move {
                let (procedure, args) = &self.call;
                let call = self.management.call(format!("crossbar.worker.w1.{procedure}")).args(args);
                let answer =
                    timeout(PATIENCE, call).await.map_err(|_| "the worker does not answer".to_owned())?;
                answer.map(drop).map_err(|error| error.to_string())
            })
        }
    }

    /// A worker whose realms get a session that makes this call when it joins; with a session that manages it.
    async fn worker(call: (&'static str, Vec<&'static str>)) -> (RouterWorker, Client) {
        let management = management();
        let asking = join(&management).await;
        let realm_sessions = Components::default()
            .with("asking", move |_| Ok(Box::new(Asking { management: asking.clone(), call: call.clone() })));
        let worker = start_worker(&management, Extensions { realm_sessions, ..Extensions::default() }).await;
        (worker, join(&management).await)
    }

    async fn start(manager: &Client) -> Result<(), String> {
        let config = crate::service::to_value(&json!({"name": "realm1"}));
        let call = manager.call("crossbar.worker.w1.start_router_realm").arg("r1").arg(config);
        let answer = timeout(2 * PATIENCE, call).await.expect("it answers");
        answer.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_session_that_is_added_may_ask_the_worker_for_its_own_realm() {
        for call in [
            ("get_router_realm", vec!["r1"]),
            ("get_router_realms", vec![]),
            ("get_router_realm_roles", vec!["r1"]),
        ] {
            let (_worker, manager) = worker(call.clone()).await;
            assert_eq!(start(&manager).await, Ok(()), "{call:?}");
            assert!(start(&manager).await.is_err_and(|why| why.contains("there is a realm")));
        }
    }

    #[tokio::test]
    async fn a_realm_that_is_stopped_as_it_starts_is_not_there() {
        let (worker, manager) = worker(("stop_router_realm", vec!["r1"])).await;
        let why = start(&manager).await.expect_err("it was stopped");
        assert!(why.contains("was stopped as it started"), "{why}");
        assert!(worker.router().realms().is_empty());
        assert!(worker.shared.state.lock().await.realms.is_empty());
    }

    #[tokio::test]
    async fn a_realm_whose_session_fails_is_not_there() {
        let (worker, manager) = worker(("get_router_realm", vec!["nothing"])).await;
        let why = start(&manager).await.expect_err("its session fails");
        assert!(why.contains("session \"asking\" on realm \"realm1\"") && why.contains("nothing"), "{why}");
        assert!(worker.router().realms().is_empty());
        assert!(worker.shared.state.lock().await.realms.is_empty());
    }
}
