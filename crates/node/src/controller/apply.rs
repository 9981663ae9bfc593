//! The configuration, read again, and what runs made to be what it says.

use std::path::PathBuf;
use std::sync::Arc;

use crossweave_api::node::{
    ApplyConfiguration, ConfigurationApplied, ConfigurationDifference, ON_CONFIGURATION_APPLIED,
};
use crossweave_api::{Config, Error, error};
use crossweave_config::{Loaded, Severity, load_checking};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::worker::{Origin, Worker};
use super::{Controller, NodeOptions, STEP_DEADLINE};
use crate::boot::{self, WorkerPlan};
use crate::change::{self, Action};
use crate::router::findings;
use crate::service::{Caller, by_name, reason};

/// Where the configuration of a node is, and what it said when the node was started.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The file.
    pub file: PathBuf,
    /// `controller`, as it is written.
    pub controller: Config,
}

impl Controller {
    pub(super) async fn apply_configuration(
        &self,
        _: Caller,
        asked: ApplyConfiguration,
    ) -> Result<ConfigurationApplied, Error> {
        self.apply(asked.dry_run).await
    }

    /// Reads the configuration again and makes the node what it says, without touching what is the same. Reads certificates
    /// again, too. With `dry_run`, nothing is done.
    ///
    /// # Errors
    /// The node has no configuration, or it cannot be started: nothing was done. What fails later is told in the result.
    pub async fn apply(&self, dry_run: bool) -> Result<ConfigurationApplied, Error> {
        // One after the other.
        let _alone = self.shared.applying.lock().await;
        let Some(configuration) = self.shared.options.configuration.clone() else {
            let message = "the built-in node has no configuration that could be read again";
            return Err(Error::new(error::FEATURE_UNAVAILABLE, message));
        };
        let options = self.shared.options.clone();
        let file = configuration.file.clone();
        let loaded = tokio::task::spawn_blocking(move || read(&options, &file)).await;
        let loaded = loaded.map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))??;
        let plan = change::plan(&self.plans(), &boot::plan(&loaded.node, &loaded.document));
        let mut applied = ConfigurationApplied {
            file: configuration.file.display().to_string(),
            dry_run,
            differences: plan.differences.iter().map(difference).collect(),
            done: Vec::new(),
            failed: None,
            left: plan.actions.iter().map(Action::told).collect(),
            needs_restart: Vec::new(),
        };
        if controller_of(&loaded.document) != configuration.controller {
            applied.needs_restart.push("controller".to_owned());
        }
        if !dry_run {
            self.act(plan.actions, &mut applied).await;
            self.reload_certificates().await;
        }
        self.shared.service.tell(&ON_CONFIGURATION_APPLIED, &applied).await;
        Ok(applied)
    }

    async fn act(&self, actions: Vec<Action>, applied: &mut ConfigurationApplied) {
        let mut stopped = Vec::new();
        for (at, action) in actions.iter().enumerate() {
            let told = action.told();
            let before = self.shared.workers.lock().get(action.worker()).map(planned);
            if let Err(why) = self.act_once(action).await {
                error!("the configuration was not applied whole: {told}: {why}");
                applied.failed = Some(format!("{told}: {why}"));
                self.bring_back(change::comes_back(stopped, &actions[at..]), applied).await;
                return;
            }
            info!("configuration applied: {told}");
            stopped.extend(before.iter().flat_map(|before| action.inverse(before)));
            applied.left.remove(0);
            applied.done.push(told);
        }
    }

    /// Starts what was stopped again, as it was.
    async fn bring_back(&self, actions: Vec<Action>, applied: &mut ConfigurationApplied) {
        for action in actions {
            let told = format!("{}, as it was", action.told());
            match self.act_once(&action).await {
                Ok(()) => {
                    info!("{told}");
                    applied.done.push(told);
                }
                Err(why) => error!("{told}: {why}"),
            }
        }
    }

    async fn act_once(&self, action: &Action) -> Result<(), String> {
        match action {
            Action::StopWorker(id) if self.remove_worker_template(id).await => return Ok(()),
            Action::StopWorker(id) => {
                let worker = self.shared.workers.lock().get(id).cloned();
                if let Some(worker) = worker {
                    self.tell_stopping(&worker, false, None).await;
                    self.end_worker(&worker, false).await;
                }
                return Ok(());
            }
            Action::StartWorker(plan) => return self.start_planned(plan).await,
            _ => {}
        }
        let (id, procedure, arguments) = action.call().expect("workers as a whole were handled above");
        let worker = self.shared.workers.lock().get(id).cloned();
        let _settling = match &worker {
            Some(worker) => Some(worker.settling.lock().await),
            None => None,
        };
        if let Some(worker) = worker.as_ref().filter(|it| it.is_restarting()) {
            // It does this when it runs again.
            action.keep(&mut worker.steps.lock());
            return Ok(());
        }
        let uri = format!("crossbar.worker.{id}.{procedure}");
        let answer =
            timeout(STEP_DEADLINE, self.shared.client.call(uri).arguments(by_name(&arguments))).await;
        match answer {
            Ok(Ok(_)) => {}
            // Somebody else has stopped it already.
            Ok(Err(failure)) if is_gone(&failure) && matches!(action, Action::Undo { .. }) => {}
            Ok(Err(failure)) => return Err(reason(&failure)),
            Err(_) => return Err(format!("no answer within {} s", STEP_DEADLINE.as_secs())),
        }
        if let Some(worker) = &worker {
            action.keep(&mut worker.steps.lock());
        }
        Ok(())
    }

    /// Starts a worker whole, or not at all.
    async fn start_planned(&self, plan: &WorkerPlan) -> Result<(), String> {
        match self.boot_worker(plan.clone()).await {
            Ok(lines) => {
                lines.iter().for_each(|line| info!("listening on {line}"));
                Ok(())
            }
            Err(why) => {
                let begun = self.shared.workers.lock().get(&plan.id).cloned();
                if let Some(worker) = begun {
                    self.end_worker(&worker, false).await;
                }
                Err(why.0)
            }
        }
    }

    /// What runs, as far as a configuration has started it.
    fn plans(&self) -> Vec<WorkerPlan> {
        // First, as who has this lock may look at the workers.
        let templates = self.worker_templates();
        let workers = self.shared.workers.lock();
        let configured = workers.values().filter(|it| it.origin == Origin::Configuration).map(planned);
        configured.chain(templates).collect()
    }
}

/// Reads and checks the configuration.
fn read(options: &NodeOptions, file: &std::path::Path) -> Result<Loaded, Error> {
    let invalid = |text: String| Error::new(error::INVALID_CONFIGURATION, text);
    let loaded = load_checking(&options.cbdir, Some(file), &options.extensions)
        .map_err(|problems| invalid(problems.to_string()))?;
    if loaded.warnings.count(Severity::NotBuilt) > 0 {
        return Err(invalid(loaded.warnings.to_string()));
    }
    match findings(&loaded.node, &options.extensions) {
        Ok(warnings) => warnings.iter().for_each(|warning| warn!("{warning}")),
        Err(obstacles) => {
            let texts: Vec<String> = obstacles.iter().map(ToString::to_string).collect();
            return Err(invalid(texts.join("\n")));
        }
    }
    Ok(loaded)
}

/// `controller` of a configuration, as it is written.
pub fn controller_of(document: &Config) -> Config {
    document.get("controller").cloned().unwrap_or_default()
}

fn planned(worker: &Arc<Worker>) -> WorkerPlan {
    let (id, is_inline, options) = (worker.id.clone(), worker.is_inline, worker.options.clone());
    let steps = worker.steps.lock().clone();
    WorkerPlan { id, kind: worker.kind, is_inline, options, steps, template: None }
}

fn difference(it: &change::Difference) -> ConfigurationDifference {
    let change = match it.kind {
        change::Kind::Added => "added",
        change::Kind::Removed => "removed",
        change::Kind::Changed => "changed",
    };
    ConfigurationDifference { worker: it.worker.clone(), what: it.what.clone(), change: change.to_owned() }
}

fn is_gone(failure: &crossweave_client::CallError) -> bool {
    matches!(failure, crossweave_client::CallError::Application(answer) if answer.uri == error::NO_SUCH_OBJECT)
}
