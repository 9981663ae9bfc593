//! The configuration, read again, and what runs made to be what it says.

use std::path::PathBuf;
use std::sync::Arc;

use crossweave_api::node::{
    ApplyConfiguration, ConfigurationApplied, ConfigurationDifference, ON_CONFIGURATION_APPLIED,
};
use crossweave_api::router::{CertificatesRead, GetRouterRealms};
use crossweave_api::{Config, Error, error};
use crossweave_config::{Loaded, Severity, load_checking};
use tokio::time::{Duration, timeout};
use tracing::{error, info, warn};

use super::preflight;
use super::worker::{Origin, Status, Worker};
use super::{Controller, NodeOptions};
use crate::boot::{self, Call, Start, Step, WorkerPlan};
use crate::change::{self, Action, Other, Others};
use crate::kind::{NativeKind, WorkerKind};
use crate::router::findings;
use crate::service::{Caller, to_json};

/// A worker that does not say within this time what it runs hangs.
const LOOK_DEADLINE: Duration = Duration::from_secs(5);

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
        let (runs, silent) = self.look(dry_run).await;
        let others = self.others(&runs, &silent).await;
        let plan = change::plan_beside(&runs, &boot::plan(&loaded.node, &loaded.document), &others);
        let mut applied = ConfigurationApplied {
            file: configuration.file.display().to_string(),
            dry_run,
            differences: plan.differences.iter().map(difference).collect(),
            done: Vec::new(),
            failed: None,
            left: plan.actions.iter().map(Action::told).collect(),
            put_back: Vec::new(),
            not_put_back: Vec::new(),
            certificates_read: Vec::new(),
            certificates_kept: Vec::new(),
            needs_restart: Vec::new(),
        };
        if controller_of(&loaded.document) != configuration.controller {
            applied.needs_restart.push("controller".to_owned());
        }
        applied.failed = silent.into_iter().find(|it| !plan.ends(&it.worker)).map(|it| it.to_string());
        if let Some(why) = &applied.failed {
            if !dry_run {
                error!("the configuration was not applied: {why}");
            }
        } else if !dry_run {
            for warning in &loaded.warnings {
                let line = warning.place.map_or(0, |place| place.line);
                warn!(file = loaded.warnings.file(), line, path = warning.path, "{}", warning.message);
            }
            self.end_failed().await;
            self.act(plan.actions, &runs, &mut applied).await;
        }
        if !dry_run {
            let CertificatesRead { read, kept } = self.reload_certificates().await;
            (applied.certificates_read, applied.certificates_kept) = (read, kept);
        }
        self.shared.service.tell(&ON_CONFIGURATION_APPLIED, &applied).await;
        Ok(applied)
    }

    /// Does all of this, or nothing.
    async fn act(&self, actions: Vec<Action>, runs: &[WorkerPlan], applied: &mut ConfigurationApplied) {
        if let Err(why) = preflight::check(&actions, runs, &self.shared.options.cbdir) {
            error!("the configuration was not applied: {why}");
            applied.failed = Some(why);
            return;
        }
        for action in actions {
            let told = action.told();
            if let Err(why) = self.act_once(action).await {
                error!("the configuration was not applied: {told}: {why}");
                applied.failed = Some(format!("{told}: {why}"));
                return self.put_back(runs, applied).await;
            }
            info!("configuration applied: {told}");
            applied.left.remove(0);
            applied.done.push(told);
        }
    }

    /// Workers of the configuration that have failed too often make room for what they are now.
    async fn end_failed(&self) {
        let workers: Vec<Arc<Worker>> = self.shared.workers.lock().values().cloned().collect();
        for worker in workers.iter().filter(|it| it.has_failed() && it.origin == Origin::Configuration) {
            self.end_worker(worker, false).await;
        }
    }

    /// Makes the node again what it was before something could not be done.
    async fn put_back(&self, before: &[WorkerPlan], applied: &mut ConfigurationApplied) {
        if self.shared.stop.borrow().is_some() {
            return;
        }
        for action in change::plan(&self.plans(), before).actions {
            let told = action.told();
            match self.act_once(action).await {
                Ok(()) => {
                    info!("put back as it was: {told}");
                    applied.put_back.push(told);
                }
                Err(why) => {
                    error!("could not be put back as it was: {told}: {why}");
                    applied.not_put_back.push(format!("{told}: {why}"));
                }
            }
        }
        let done = std::mem::take(&mut applied.done);
        applied.left.splice(0..0, done);
    }

    async fn act_once(&self, action: Action) -> Result<(), String> {
        match &action {
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
        let (id, call) = action.call().expect("workers as a whole were handled above");
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
        match self.call(id, call).await {
            Ok(_) => {}
            // Somebody else has stopped it already.
            Err(unanswered) if unanswered.is_gone() && matches!(action, Action::Undo { .. }) => {}
            Err(unanswered) => return Err(unanswered.to_string()),
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

    /// What runs, as far as a configuration has started it and nobody has stopped it since, and which workers do not say what
    /// they run: those are taken to run what they were told to. Unless this is only to be shown, a worker that fails from now on
    /// does not come back with what was stopped.
    async fn look(&self, is_only_shown: bool) -> (Vec<WorkerPlan>, Vec<Silent>) {
        let mut plans = self.plans();
        let mut silent = Vec::new();
        for plan in &mut plans {
            let worker = self.shared.workers.lock().get(&plan.id).cloned();
            let Some(worker) = worker else { continue };
            let _settling = worker.settling.lock().await;
            if worker.status() != Status::Started {
                continue;
            }
            let mut there = Vec::new();
            let mut hangs = false;
            for step in std::mem::take(&mut plan.steps) {
                let call = step.start.look();
                let procedure = call.procedure();
                let asked = async { if hangs { None } else { Some(self.call(&plan.id, call).await) } };
                let found = match timeout(LOOK_DEADLINE, asked).await {
                    Ok(Some(Ok(answer))) => step.start.found(&to_json(&answer)),
                    Ok(Some(Err(unanswered))) if unanswered.is_gone() => None,
                    // It cannot tell now: what it was told to start counts.
                    Ok(_) => Some(step.start.clone()),
                    Err(_) => {
                        hangs = true;
                        silent.push(Silent { worker: plan.id.clone(), procedure });
                        Some(step.start.clone())
                    }
                };
                there.extend(found.map(|start| Step { start, ..step }));
            }
            if !is_only_shown {
                worker.steps.lock().clone_from(&there);
            }
            plan.steps = there;
        }
        (plans, silent)
    }

    /// The realms and roles that run besides, such as those that clients have started by templates.
    async fn others(&self, runs: &[WorkerPlan], silent: &[Silent]) -> Others {
        let mut others = Others::new();
        let answers = |plan: &&WorkerPlan| !silent.iter().any(|it| it.worker == plan.id);
        let routers = runs.iter().filter(|plan| plan.kind == WorkerKind::Native(NativeKind::Router));
        for plan in routers.filter(answers) {
            let there = self.ask(plan, Call::of(&GetRouterRealms {})).await;
            let mut found: Vec<Other> = ids(&there).map(|id| Other { realm: None, id }).collect();
            for step in plan.steps.iter().filter(|step| has_role_templates(step)) {
                let realm = self.ask(plan, step.start.look()).await;
                let roles = realm["roles"].as_array().into_iter().flatten().map(|role| role["id"].clone());
                let of_realm = Some(step.start.id().to_owned());
                found.extend(ids(&roles.collect()).map(|id| Other { realm: of_realm.clone(), id }));
            }
            found.retain(|it| !plan.steps.iter().any(|step| it.has_id(step, step.start.id())));
            others.insert(plan.id.clone(), found);
        }
        others
    }

    /// What a worker answers; null if it does not.
    async fn ask(&self, plan: &WorkerPlan, call: Call) -> Config {
        match timeout(LOOK_DEADLINE, self.call(&plan.id, call)).await {
            Ok(Ok(answer)) => to_json(&answer),
            _ => Config::Null,
        }
    }

    /// What a configuration has started, whether all of it still runs or not.
    fn plans(&self) -> Vec<WorkerPlan> {
        // First, as who has this lock may look at the workers.
        let templates = self.worker_templates();
        let workers = self.shared.workers.lock();
        let configured = workers.values().filter(|it| it.origin == Origin::Configuration && !it.has_failed());
        configured.map(planned).chain(templates).collect()
    }
}

/// A worker that hangs. The text is for the one who applies a configuration.
#[derive(Debug, thiserror::Error)]
#[error(
    "worker {worker:?} hangs: crossbar.worker.{worker}.{procedure} was not answered within {} s; nothing was changed",
    LOOK_DEADLINE.as_secs()
)]
struct Silent {
    worker: String,
    procedure: &'static str,
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

/// The texts of a list.
fn ids(list: &Config) -> impl Iterator<Item = String> + '_ {
    list.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned))
}

/// Whether it starts a realm whose roles clients start, too.
fn has_role_templates(step: &Step) -> bool {
    let config = step.start.config();
    let roles = config["roles"].as_array();
    matches!(step.start, Start::Realm(_))
        && config["template"] != true
        && roles.is_some_and(|roles| roles.iter().any(|role| role["template"] == true))
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
