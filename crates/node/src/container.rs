//! A container worker: components, which connect to routers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossweave_api::container::*;
use crossweave_api::{Config, Error, error};
use crossweave_config::part::ContainerOptions;
use crossweave_config::{Code, ContainerShutdown, part};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::component::{
    Components, Interpreter, Linked, Program, PythonTask, Pythonpath, Restart, Supervised, Told, Way,
    client_options, of_host, task_of_python, url,
};
use crate::native::{NativeOptions, stop_soon, tell_of_shutdown};
use crate::service::{Caller, Service, answers, check_id};

/// A container.
#[derive(Clone)]
pub(crate) struct ContainerWorker {
    shared: Arc<Shared>,
}

struct Shared {
    service: Service,
    cbdir: std::path::PathBuf,
    interpreter: Interpreter,
    registry: Components,
    shutdown: ContainerShutdown,
    restart: Restart,
    components: Mutex<BTreeMap<String, Running>>,
    /// The container is to end.
    stop: Arc<Notify>,
}

/// A component that runs.
#[derive(Clone)]
struct Running {
    component: Arc<Supervised>,
    /// Who has asked that it starts, until it has.
    starter: Arc<Mutex<Option<u64>>>,
    /// Who has asked that it stops, if anybody has.
    stopper: Arc<Mutex<Option<Stopper>>>,
}

#[derive(Clone)]
struct Stopper {
    caller: Caller,
    /// The container does not end with it: it is started again at once, or all are stopped.
    keeps_container: bool,
}

impl ContainerWorker {
    /// A container without components, whose procedures are answered from now on. `stop` is notified when it is to end.
    ///
    /// # Errors
    /// Its options are wrong, or the procedures cannot be registered.
    pub(crate) async fn start(
        service: Service,
        options: NativeOptions,
        stop: Arc<Notify>,
    ) -> Result<ContainerWorker, String> {
        let NativeOptions { id, cbdir, extensions, options, .. } = options;
        let part = part::container_options(&options, &format!("container {id}"), &cbdir);
        let ContainerOptions { shutdown, restart, .. } = part.map_err(|problems| problems.to_string())?.value;
        let interpreter = Interpreter::of(&options, "container", &cbdir);
        let shared = Shared {
            service,
            cbdir,
            interpreter,
            registry: extensions.components,
            shutdown,
            restart: restart.into(),
            components: Mutex::default(),
            stop,
        };
        let worker = ContainerWorker { shared: Arc::new(shared) };
        answers!(
            worker.shared.service, worker,
            GetComponents => get_components,
            GetComponent => get_component,
            StartComponent => start_component,
            StopComponent => stop_component,
            RestartComponent => restart_component,
            ShutdownContainer => shut_down,
        );
        Ok(worker)
    }

    /// Where its components in Python look for modules.
    pub(crate) fn pythonpath(&self) -> &Pythonpath {
        &self.shared.interpreter.pythonpath
    }

    /// Stops all components.
    pub(crate) async fn shutdown(&self) {
        self.stop_all(None).await;
    }

    /// Stops all components, which somebody may have asked for, and answers their ids, sorted.
    async fn stop_all(&self, stopper: Option<Stopper>) -> Vec<String> {
        let components = self.shared.components.lock().clone();
        let mut stopping = JoinSet::new();
        for running in components.values().cloned() {
            if let Some(stopper) = &stopper {
                *running.stopper.lock() = Some(stopper.clone());
            }
            stopping.spawn(async move { running.component.stop().await });
        }
        stopping.join_all().await;
        components.into_keys().collect()
    }

    async fn shut_down(&self, caller: Caller, _: ShutdownContainer) -> Result<Vec<String>, Error> {
        let Shared { service, stop, .. } = &*self.shared;
        tell_of_shutdown(service, &caller).await;
        let stopped = self.stop_all(Some(Stopper { caller, keeps_container: true })).await;
        stop_soon(stop.clone());
        Ok(stopped)
    }

    async fn get_components(&self, _: Caller, _: GetComponents) -> Result<Vec<String>, Error> {
        Ok(self.shared.components.lock().keys().cloned().collect())
    }

    fn running(&self, id: &str) -> Result<Running, Error> {
        let found = self.shared.components.lock().get(id).cloned();
        found.ok_or_else(|| Error::new(error::NO_SUCH_OBJECT, format!("there is no component {id:?}")))
    }

    async fn get_component(&self, _: Caller, asked: GetComponent) -> Result<Component, Error> {
        let component = self.running(&asked.component_id)?.component;
        let (started, uptime) = component.started().unwrap_or((component.created.clone(), 0.0));
        Ok(Component { id: component.id.clone(), started, uptime, config: component.config.clone() })
    }

    async fn start_component(
        &self,
        caller: Caller,
        asked: StartComponent,
    ) -> Result<ComponentStarted, Error> {
        let StartComponent { component_id: id, config, .. } = asked;
        check_id("component", &id)?;
        let program = self.program(&caller, &id, &config)?;
        self.run(caller.session, id, config, program).await
    }

    async fn run(
        &self,
        who: Option<u64>,
        id: String,
        config: Config,
        program: Program,
    ) -> Result<ComponentStarted, Error> {
        let component = Supervised::new(id.clone(), config.clone());
        let starter = Arc::new(Mutex::new(who));
        let running = Running { component: component.clone(), starter, stopper: Arc::default() };
        {
            let mut components = self.shared.components.lock();
            if components.contains_key(&id) {
                return Err(Error::new(error::ALREADY_RUNNING, format!("there is a component {id:?}")));
            }
            components.insert(id.clone(), running.clone());
        }
        let (worker, starting) = (self.clone(), running.clone());
        let tell = move |what: Told| {
            let (worker, running) = (worker.clone(), running.clone());
            async move { worker.told(&running, what).await }
        };
        let started = component.start(program, self.shared.restart, tell).await;
        let has_joined = started.map_err(|(stage, why)| Error::new(stage.error(), why))?;
        if !has_joined {
            // What has been answered is not that it has started: that is still to come.
            *starting.starter.lock() = None;
        }
        Ok(ComponentStarted { id, config, has_joined })
    }

    /// Passes on what happens to a component.
    async fn told(&self, running: &Running, what: Told) {
        let Running { component, stopper, .. } = running;
        let (id, config) = (component.id.clone(), component.config.clone());
        let stopper = stopper.lock().clone();
        match what {
            Told::Started => {
                let started = ComponentStarted { id, config, has_joined: true };
                // Whoever has asked for the first start has its answer.
                let who = running.starter.lock().take();
                self.shared.service.tell_others(&ON_COMPONENT_STARTED, who, &started).await;
            }
            Told::Stopped { started, uptime } => {
                let component = Component { id: id.clone(), started, uptime, config };
                let who = stopper.as_ref().and_then(|it| it.caller.session);
                self.shared.service.tell_others(&ON_COMPONENT_STOP, who, &component).await;
                let caller = stopper.map(|it| it.caller.ident());
                let stopped = ComponentStopped { component_id: id, uptime, caller };
                self.shared.service.tell_others(&ON_COMPONENT_STOPPED, who, &stopped).await;
            }
            Told::Ended { has_failed } => {
                let is_last = {
                    let mut components = self.shared.components.lock();
                    components.remove(&id);
                    components.is_empty()
                };
                if !stopper.is_some_and(|it| it.keeps_container) {
                    self.trigger(&id, has_failed, is_last);
                }
            }
        }
    }

    /// A component has ended and is not started again: the container may end with it.
    fn trigger(&self, id: &str, has_failed: bool, is_last: bool) {
        let ends = match self.shared.shutdown {
            ContainerShutdown::Manual => false,
            ContainerShutdown::LastComponentStopped => is_last,
            ContainerShutdown::AnyComponentFailed => has_failed,
            ContainerShutdown::AnyComponentStopped => true,
        };
        if ends {
            info!("component '{id}' has ended, and the container ends with it");
            self.shared.stop.notify_one();
        }
    }

    /// What a component runs.
    fn program(&self, caller: &Caller, id: &str, written: &Config) -> Result<Program, Error> {
        let part = part::container_component(written, &format!("component {id}"), &self.shared.cbdir);
        let part = part.map_err(|problems| Error::new(error::INVALID_CONFIGURATION, problems))?;
        caller.warnings(&part.warnings).for_each(|warning| warn!(component = id, "{}", warning.message));
        let component = part.value;
        let Code::Rust { name, auth, extra } = component.code else {
            let transport = of_host(&component.transport, &written["transport"]);
            let task = task_of_python(&component.realm, component.code, transport);
            return Ok(Program::Python(PythonTask { interpreter: self.shared.interpreter.clone(), task }));
        };
        let cannot = |why: String| Error::new(error::CANNOT_START, why);
        let constructor = self.shared.registry.find("component", &name).map_err(cannot)?;
        let url = url(&component.transport).map_err(cannot)?;
        let options = client_options(&component.transport, auth.as_ref()).map_err(cannot)?;
        let way = Way::Url { url, options: Box::new(options) };
        let (extra, realm) = (extra.unwrap_or_default(), component.realm);
        Ok(Program::Rust(Linked { constructor, extra, realm, way }))
    }

    async fn stop(&self, id: &str, stopper: Stopper) -> Result<(Arc<Supervised>, f64), Error> {
        let running = self.running(id)?;
        *running.stopper.lock() = Some(stopper);
        let uptime = running.component.started().map_or(0.0, |(_, uptime)| uptime);
        running.component.stop().await;
        Ok((running.component, uptime))
    }

    async fn stop_component(&self, caller: Caller, asked: StopComponent) -> Result<ComponentStopped, Error> {
        let requester = caller.ident();
        let (_, uptime) = self.stop(&asked.component_id, Stopper { caller, keeps_container: false }).await?;
        info!("component '{}' stopped", asked.component_id);
        Ok(ComponentStopped { component_id: asked.component_id, uptime, caller: Some(requester) })
    }

    async fn restart_component(
        &self,
        caller: Caller,
        asked: RestartComponent,
    ) -> Result<ComponentRestarted, Error> {
        let id = asked.component_id;
        let (session, caller_told) = (caller.session, caller.ident());
        // It is running, so its configuration is good; files that it names may have gone.
        let program = self.program(&caller, &id, &self.running(&id)?.component.config)?;
        let (component, uptime) = self.stop(&id, Stopper { caller, keeps_container: true }).await?;
        let started = self.run(session, id.clone(), component.config.clone(), program).await?;
        let stopped = ComponentStopped { component_id: id, uptime, caller: Some(caller_told.clone()) };
        let restarted = ComponentRestarted { stopped, started, caller: caller_told };
        self.shared.service.tell_others(&ON_COMPONENT_RESTARTED, session, &restarted).await;
        Ok(restarted)
    }
}
