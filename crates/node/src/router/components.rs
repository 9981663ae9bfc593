//! Components of a router worker: sessions of its realms that are a part of the node.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossweave_api::router::*;
use crossweave_api::{Config, Error, error};
use crossweave_config as config;
use crossweave_config::Code;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use tracing::{info, warn};

use super::{RouterWorker, invalid, no_such};
use crate::component::{
    Linked, LocalTransport, Program, PythonTask, Restart, Supervised, Told, Way, task_of_python,
};
use crate::service::{Caller, answers, check_id};

/// The components that run, by id.
pub(super) type RunningComponents = Mutex<BTreeMap<String, Running>>;

/// A component that runs.
pub(super) struct Running {
    component: Arc<Supervised>,
    /// How its process gets to the router.
    _transport: Option<LocalTransport>,
}

fn marshal(component: &Supervised) -> RouterComponent {
    let (started, uptime) = component.started().unzip();
    RouterComponent {
        id: component.id.clone(),
        created: component.created.clone(),
        started,
        uptime,
        config: component.config.clone(),
    }
}

impl RouterWorker {
    pub(super) async fn answer_for_components(&self) -> Result<(), String> {
        answers!(
            self.service(), self,
            GetRouterComponents => get_router_components,
            GetRouterComponent => get_router_component,
            StartRouterComponent => start_router_component,
            StopRouterComponent => stop_router_component,
        );
        Ok(())
    }

    async fn get_router_components(
        &self,
        _: Caller,
        _: GetRouterComponents,
    ) -> Result<Vec<RouterComponent>, Error> {
        Ok(self.shared.components.lock().values().map(|it| marshal(&it.component)).collect())
    }

    fn component(&self, id: &str) -> Result<Arc<Supervised>, Error> {
        let components = self.shared.components.lock();
        components.get(id).map(|it| it.component.clone()).ok_or_else(|| no_such("component", id))
    }

    async fn get_router_component(
        &self,
        _: Caller,
        asked: GetRouterComponent,
    ) -> Result<RouterComponent, Error> {
        self.component(&asked.id).map(|it| marshal(&it))
    }

    async fn start_router_component(
        &self,
        caller: Caller,
        asked: StartRouterComponent,
    ) -> Result<RouterComponentTold, Error> {
        let StartRouterComponent { id, config } = asked;
        check_id("component", &id)?;
        let (program, transport) = self.prepare_component(&caller, &id, &config).await?;
        let component = Supervised::new(id.clone(), config);
        {
            let mut components = self.shared.components.lock();
            if components.contains_key(&id) {
                return Err(Error::new(error::ALREADY_RUNNING, format!("there is a component {id:?}")));
            }
            let running = Running { component: component.clone(), _transport: transport };
            components.insert(id.clone(), running);
        }
        let told = RouterComponentTold { id };
        self.service().tell_others(&ON_COMPONENT_START, caller.session, &told).await;
        let (worker, about) = (self.clone(), told.clone());
        let tell = move |what: Told| {
            let (worker, about) = (worker.clone(), about.clone());
            async move { worker.component_told(&about, what).await }
        };
        let started = component.start(program, Restart::Never, tell).await;
        started.map_err(|(stage, why)| Error::new(stage.error(), why))?;
        Ok(told)
    }

    async fn component_told(&self, about: &RouterComponentTold, what: Told) {
        match what {
            Told::Started => self.service().tell(&ON_COMPONENT_READY, about).await,
            Told::Stopped { .. } => self.service().tell(&ON_COMPONENT_STOP, about).await,
            Told::Ended { .. } => {
                self.shared.components.lock().remove(&about.id);
            }
        }
    }

    /// What is to be run, and how it gets to the router.
    async fn prepare_component(
        &self,
        caller: &Caller,
        id: &str,
        written: &Config,
    ) -> Result<(Program, Option<LocalTransport>), Error> {
        let options = &self.shared.options;
        let realms: Vec<config::Realm> =
            self.shared.state.lock().await.realms.iter().map(|it| it.realm.clone()).collect();
        let part =
            config::part::router_component(written, &format!("component {id}"), &options.cbdir, &realms);
        let part = part.map_err(|problems| invalid(&problems))?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(component = id, "{}", warning.message));
        let config::RouterComponent { realm, role, code, references, .. } = part.value;
        if !references.is_empty() {
            warn!(component = id, "`references` has no effect: there are no shared connections");
        }
        let (router, authid) = (self.router().clone(), id.to_owned());
        let cannot = |why: String| Error::new(error::CANNOT_START, why);
        if let Code::Rust { name, extra, .. } = code {
            let constructor = options.extensions.components.find("component", &name).map_err(cannot)?;
            let (extra, way) = (extra.unwrap_or_default(), Way::Local { router, role, authid });
            return Ok((Program::Rust(Linked { constructor, extra, realm, way }), None));
        }
        let transport = LocalTransport::open(router, role, authid)
            .await
            .map_err(|error| cannot(format!("its process cannot get to the router: {error}")))?;
        let endpoint = json!({"type": "unix", "path": transport.path()});
        let mut task = task_of_python(&realm, code, json!({"type": "rawsocket", "endpoint": endpoint}));
        if let Some(Json::Object(extra)) = task.get_mut("extra") {
            // As in Crossbar.io.
            extra.entry("cbdir").or_insert_with(|| json!(options.cbdir));
        }
        let program = Program::Python(PythonTask { interpreter: options.interpreter.clone(), task });
        Ok((program, Some(transport)))
    }

    async fn stop_router_component(
        &self,
        _: Caller,
        asked: StopRouterComponent,
    ) -> Result<RouterComponentTold, Error> {
        let component = self.component(&asked.id)?;
        component.stop().await;
        info!("component '{}' stopped", asked.id);
        Ok(RouterComponentTold { id: asked.id })
    }

    /// Stops all of them.
    pub(super) async fn stop_components(&self) {
        let components: Vec<Arc<Supervised>> =
            self.shared.components.lock().values().map(|it| it.component.clone()).collect();
        let stopping = components.into_iter().map(|component| async move { component.stop().await });
        stopping.collect::<tokio::task::JoinSet<()>>().join_all().await;
    }
}
