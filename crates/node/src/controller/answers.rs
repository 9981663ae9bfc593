//! The procedures of the node: `crossbar.*`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use crossweave_api::node::*;
use crossweave_api::worker::ControllerTraffic;
use crossweave_api::{Config, Error, Scope, error};
use crossweave_auth::cryptosign::{challenge_from_hex, message};
use crossweave_config::NO_DATA_MARKETS;
use crossweave_wamp::Value;
use serde_json::{Value as Json, json};
use tokio::task::spawn_blocking;
use tokio::time::{Duration, sleep, timeout};
use tracing::warn;

use super::worker::{Status, Worker};
use super::{Controller, Why, management};
use crate::clock::{utc, utcnow};
use crate::kind::WorkerKind;
use crate::service::{Caller, answers, check_id, to_json, to_value};

/// The caller of `shutdown` still gets its answer.
const SHUTDOWN_DELAY: Duration = Duration::from_millis(200);

/// The longest binary data that the node's key signs.
const SIGNED_BYTES_MAX: usize = 64 * 1024;

/// What a worker is given to say what it has counted.
const STATS_DEADLINE: Duration = Duration::from_secs(2);

impl Controller {
    /// Answers from now on.
    pub(super) async fn answer(&self) -> Result<(), String> {
        answers!(
            self.shared.service, self,
            GetStatus => get_status,
            GetSystemStats => get_system_stats,
            Shutdown => answer_shutdown,
            GetWorkers => get_workers,
            GetWorker => get_worker,
            StartWorker => answer_start_worker,
            StopWorker => answer_stop_worker,
            GetWorkerLog => get_worker_log,
            ActivateRealm => activate_realm,
            ApplyConfiguration => apply_configuration,
            GetPublicKey => get_public_key,
            Sign => sign,
            SignChallenge => sign_challenge,
        );
        self.shared.service.refuse_absent(Scope::Node).await
    }

    /// Learns which workers can be asked.
    pub(super) async fn watch_workers(&self) -> Result<(), String> {
        let client = &self.shared.client;
        let ready = client.subscribe("crossbar.worker..on_worker_ready").wildcard().await;
        let mut ready = ready.map_err(|error| format!("cannot learn which workers are ready: {error}"))?;
        let controller = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            while let Some(event) = ready.next().await {
                let Some(shared) = controller.upgrade() else { return };
                let Ok(event) = event else { continue };
                // What it is published as, which only the worker itself may.
                let id = event.topic.split('.').nth(2).unwrap_or_default();
                if let Some(worker) = shared.workers.lock().get(id) {
                    worker.ready.notify_one();
                }
            }
        });
        self.watch_shutdowns().await
    }

    /// Learns which workers were asked to end: they are not started again.
    async fn watch_shutdowns(&self) -> Result<(), String> {
        let client = &self.shared.client;
        let asked = client.subscribe("crossbar.worker..on_shutdown_requested").wildcard().await;
        let mut asked = asked.map_err(|error| format!("cannot learn which workers are to end: {error}"))?;
        let controller = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            while let Some(event) = asked.next().await {
                let Some(shared) = controller.upgrade() else { return };
                let Ok(event) = event else { continue };
                let id = event.topic.split('.').nth(2).unwrap_or_default();
                if let Some(worker) = shared.workers.lock().get(id) {
                    worker.go(Status::Stopping);
                }
            }
        });
        self.watch_realms().await
    }

    /// The node is to stop.
    pub(super) fn stop(&self, why: Why) {
        self.shared.stop.send_if_modified(|stop| {
            let is_first = stop.is_none();
            stop.get_or_insert(why);
            is_first
        });
    }

    async fn get_status(&self, _: Caller, _: GetStatus) -> Result<NodeStatus, Error> {
        let options = &self.shared.options;
        let mut by_type = BTreeMap::new();
        for worker in self.shared.workers.lock().values().filter(|it| !it.has_failed()) {
            *by_type.entry(worker.kind.as_str().to_owned()).or_insert(0) += 1;
        }
        Ok(NodeStatus {
            title: options.title.clone(),
            started: utc(self.shared.started.0),
            controller_pid: std::process::id(),
            node_id: options.node_id.clone(),
            running_workers: by_type.values().sum(),
            workers_by_type: by_type,
            directory: options.cbdir.display().to_string(),
            pubkey: options.key.as_ref().map(|key| key.public().to_hex()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ethadr: None,
            management_realm: None,
            management_node_id: None,
            management_session_id: None,
            management_node_extra: None,
            has_docker: false,
        })
    }

    async fn get_system_stats(&self, _: Caller, _: GetSystemStats) -> Result<SystemStats, Error> {
        let shared = self.shared.clone();
        let told = spawn_blocking(move || shared.machine.lock().tell()).await;
        let failed = |failure: &dyn Display| Error::new(error::RUNTIME_ERROR, failure);
        told.map_err(|failure| failed(&failure))?.map_err(|failure| failed(&failure))
    }

    async fn answer_shutdown(&self, caller: Caller, asked: Shutdown) -> Result<NodeShutdown, Error> {
        let Shutdown { restart, mode } = asked;
        let (controller, who) = (self.clone(), caller.session);
        let why = Why::Asked { restart, mode: mode.clone(), who };
        tokio::spawn(async move {
            sleep(SHUTDOWN_DELAY).await;
            controller.stop(why);
        });
        let node_id = self.shared.options.node_id.clone();
        Ok(NodeShutdown { node_id, restart, mode, who, when: utcnow(), was_clean: !self.has_failed() })
    }

    async fn get_workers(&self, _: Caller, asked: GetWorkers) -> Result<Vec<String>, Error> {
        let types = asked.filter_types;
        let workers = self.shared.workers.lock();
        let is_asked =
            |it: &&Arc<Worker>| types.is_empty() || types.iter().any(|name| name == it.kind.as_str());
        Ok(workers.values().filter(is_asked).map(|it| it.id.clone()).collect())
    }

    fn worker(&self, id: &str) -> Result<Arc<Worker>, Error> {
        let found = self.shared.workers.lock().get(id).cloned();
        found.ok_or_else(|| Error::new(error::NO_SUCH_WORKER, format!("there is no worker {id:?}")))
    }

    async fn get_worker(&self, _: Caller, asked: GetWorker) -> Result<WorkerInfo, Error> {
        let worker = self.worker(&asked.worker_id)?;
        let mut info = worker.info();
        if asked.include_stats {
            info.stats = Some(WorkerStats { controller_traffic: self.traffic(&worker).await });
        }
        Ok(info)
    }

    /// What a worker has counted; none if it has nothing to do with the controller, or cannot be asked.
    async fn traffic(&self, worker: &Worker) -> Option<ControllerTraffic> {
        if worker.status() != Status::Started || worker.kind == WorkerKind::Guest {
            return None;
        }
        let call = self.shared.client.call(format!("crossbar.worker.{}.get_controller_traffic", worker.id));
        let answer = timeout(STATS_DEADLINE, call).await.ok()?.ok()?;
        serde_json::from_value(to_json(answer.args().first()?)).ok()
    }

    async fn answer_start_worker(&self, caller: Caller, asked: StartWorker) -> Result<WorkerStarted, Error> {
        let StartWorker { worker_id, worker_type, worker_options } = asked;
        check_id("worker", &worker_id)?;
        let Some(kind) = WorkerKind::parse(&worker_type) else {
            let message = match worker_type.as_str() {
                "xbrmm" => format!("worker type `xbrmm` is refused: {NO_DATA_MARKETS}"),
                _ => format!("there is no worker type {worker_type:?}: expected {}", WorkerKind::NAMES),
            };
            return Err(Error::new(error::FEATURE_UNAVAILABLE, message));
        };
        if self.worker_templates().iter().any(|it| it.id == worker_id) {
            let message =
                format!("{worker_id:?} is the id of a template, by which workers are started with realms");
            return Err(Error::new(error::WORKER_ALREADY_RUNNING, message));
        }
        let options = worker_options.unwrap_or_else(|| json!({}));
        let cbdir = &self.shared.options.cbdir;
        let (worker, warnings) = Worker::new(worker_id, kind, false, options, cbdir)?;
        warnings.iter().for_each(|warning| warn!(worker = worker.id, "{}", warning.message));
        let worker = self.start_worker(worker, &caller).await?;
        Ok(worker.started(caller.session))
    }

    async fn answer_stop_worker(&self, caller: Caller, asked: StopWorker) -> Result<WorkerStopping, Error> {
        let worker = self.worker(&asked.worker_id)?;
        if worker.status() == Status::Stopping {
            let message = format!("worker {:?} is being stopped", worker.id);
            return Err(Error::new(error::WORKER_NOT_RUNNING, message));
        }
        let stopping = self.tell_stopping(&worker, asked.kill, caller.session).await;
        self.end_worker(&worker, asked.kill).await;
        Ok(stopping)
    }

    async fn get_worker_log(&self, _: Caller, asked: GetWorkerLog) -> Result<Vec<String>, Error> {
        Ok(self.worker(&asked.worker_id)?.log.last(asked.limit))
    }

    async fn activate_realm(&self, caller: Caller, asked: ActivateRealm) -> Result<(), Error> {
        let worker = self.worker(&asked.worker_id)?;
        if caller.authrole() != Some(&*management::role_name(&worker.id)) {
            let message = format!("only worker {:?} itself can ask for its realms", worker.id);
            return Err(Error::new(error::INVALID_ARGUMENT, message));
        }
        self.activate(&worker, asked).await
    }

    fn key(&self) -> Result<&crossweave_auth::cryptosign::PrivateKey, Error> {
        let key = self.shared.options.key.as_ref();
        key.ok_or_else(|| Error::new(error::FEATURE_UNAVAILABLE, "this node has no key"))
    }

    async fn get_public_key(&self, _: Caller, _: GetPublicKey) -> Result<String, Error> {
        Ok(self.key()?.public().to_hex())
    }

    async fn sign(&self, _: Caller, asked: Sign) -> Result<Config, Error> {
        let key = self.key()?;
        let invalid = |what: String| Err(Error::new(error::INVALID_ARGUMENT, format!("sign: `data` {what}")));
        match to_value(&asked.data) {
            Value::Bin(data) if data.len() > SIGNED_BYTES_MAX => {
                invalid(format!("has {} octets: expected at most {SIGNED_BYTES_MAX}", data.len()))
            }
            Value::Bin(data) => Ok(to_json(&Value::Bin(key.signature(&data).to_vec()))),
            Value::Str(text) => match challenge_from_hex(&text) {
                Some(data) => Ok(key.sign(&data).into()),
                None => invalid("is not 64 hexadecimal digits".to_owned()),
            },
            _ => invalid("is neither binary nor a text".to_owned()),
        }
    }

    async fn sign_challenge(&self, _: Caller, asked: SignChallenge) -> Result<String, Error> {
        let key = self.key()?;
        let SignChallenge { challenge_method, challenge_extra, channel_id_raw, channel_id_type } = asked;
        let invalid =
            |what: String| Err(Error::new(error::INVALID_ARGUMENT, format!("sign_challenge: {what}")));
        if !matches!(challenge_method.as_str(), "cryptosign" | "cryptosign-proxy") {
            return invalid(format!("`challenge_method` is {challenge_method:?}: expected cryptosign"));
        }
        let challenge = challenge_extra.get("challenge").and_then(Json::as_str).and_then(challenge_from_hex);
        let Some(challenge) = challenge else {
            return invalid("`challenge_extra` has no `challenge` of 64 hexadecimal digits".to_owned());
        };
        let channel = match (channel_id_type.as_deref(), channel_id_raw) {
            (None, None) => None,
            (Some("tls-unique" | "tls-exporter"), Some(id)) => match channel_id(&id) {
                Some(id) => Some(id),
                None => return invalid("`channel_id_raw` has no 32 octets".to_owned()),
            },
            (Some(other), Some(_)) => return invalid(format!("unknown `channel_id_type` {other:?}")),
            _ => return invalid("`channel_id_raw` and `channel_id_type` belong together".to_owned()),
        };
        Ok(key.sign(&message(&challenge, channel.as_ref())))
    }
}

/// 32 octets, binary or in hexadecimal digits.
fn channel_id(given: &Config) -> Option<[u8; 32]> {
    match to_value(given) {
        Value::Bin(octets) => octets.try_into().ok(),
        Value::Str(text) => challenge_from_hex(&text),
        _ => None,
    }
}
