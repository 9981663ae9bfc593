//! The life of a worker: started, watched, started again when it has failed, ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossweave_api::node::{ON_STOP_REQUESTED, ON_WORKER_EXITED, WorkerExited, WorkerStopping};
use crossweave_api::{Error, error};
use crossweave_client::{Arguments, Value};
use crossweave_config::ShutdownTrigger;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::launch::{Ended, Running};
use super::program::Program;
use super::worker::{Origin, Status, Worker};
use super::{Controller, Why};
use crate::clock::utcnow;
use crate::kind::WorkerKind;
use crate::service::{Caller, reason};

/// A worker that cannot be asked after this time has failed to start.
const READY_DEADLINE: Duration = Duration::from_secs(30);
/// What a worker is given to answer that it will end.
const TELL_DEADLINE: Duration = Duration::from_secs(5);
/// From the end of a worker until it is known that it was asked to end.
const ASKED_DEADLINE: Duration = Duration::from_millis(200);
/// Before the first and before later attempts to start a worker again.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A worker that has run so long had been kept up.
const STEADY: Duration = Duration::from_secs(30);
/// So many times in a row a worker may fail before it has run that long.
const FAILURES_MAX: u32 = 10;

/// How one run of a worker came to its end.
struct Outcome {
    ended: Ended,
    why: String,
    /// The node itself has ended it, to start it again.
    is_wanted: bool,
    /// How long it was what it is to be.
    ran: Duration,
}

impl Outcome {
    fn of(ended: Ended, why: String) -> Outcome {
        Outcome { ended, why, is_wanted: false, ran: Duration::ZERO }
    }
}

impl Controller {
    /// Starts a worker, and answers when it can be asked.
    pub(super) async fn start_worker(&self, worker: Worker, caller: &Caller) -> Result<Arc<Worker>, Error> {
        let who = caller.session;
        let worker = Arc::new(worker);
        {
            let mut workers = self.shared.workers.lock();
            if self.shared.stop.borrow().is_some() {
                return Err(Error::new(error::CANNOT_START, "the node is stopping"));
            }
            if workers.contains_key(&worker.id) {
                let message = format!("there is a worker {:?}", worker.id);
                return Err(Error::new(error::WORKER_ALREADY_RUNNING, message));
            }
            workers.insert(worker.id.clone(), worker.clone());
        }
        info!("Starting {} with ID '{}'...", worker.kind.title(), worker.id);
        let event = |what: &str| format!("on_{}_{what}", worker.kind.as_str().replace('-', "_"));
        let starting = worker.starting(who);
        caller.progress(&starting).await;
        self.shared.service.tell_as(&event("starting"), who, &starting).await;
        let (first, started) = oneshot::channel();
        let (controller, living) = (self.clone(), worker.clone());
        tokio::spawn(async move { controller.live(&living, first).await });
        match started.await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return Err(Error::new(error::CANNOT_START, why)),
            Err(_) => return Err(Error::new(error::CANNOT_START, "it was stopped as it started")),
        }
        let pid = worker.pid().unwrap_or_default();
        info!("{} with ID '{}' and PID {pid} started", worker.kind.title(), worker.id);
        self.shared.service.tell_as(&event("started"), who, &worker.started(who)).await;
        Ok(worker)
    }

    /// Tells a worker to end, and waits until it has.
    pub(super) async fn end_worker(&self, worker: &Arc<Worker>, kill: bool) {
        let mut status = worker.status.subscribe();
        let can_be_told = worker.status() == Status::Started && matches!(worker.kind, WorkerKind::Native(_));
        worker.go(Status::Stopping);
        if can_be_told && !kill {
            let call = self.shared.client.call(format!("crossbar.worker.{}.shutdown", worker.id));
            // One that does not answer is ended the hard way.
            let _ = timeout(TELL_DEADLINE, call).await;
        }
        if kill {
            worker.kill();
        }
        worker.stop.notify_one();
        // The sender is in the worker.
        let _ = status.wait_for(|status| *status == Status::Ended).await;
    }

    /// Says who asked that a worker ends.
    pub(super) async fn tell_stopping(
        &self,
        worker: &Worker,
        kill: bool,
        who: Option<u64>,
    ) -> WorkerStopping {
        let (id, kind) = (worker.id.clone(), worker.kind.as_str().to_owned());
        let stopping = WorkerStopping { id, kind, kill, who, when: utcnow() };
        self.shared.service.tell_others(&ON_STOP_REQUESTED, who, &stopping).await;
        stopping
    }

    /// From the first start to the last end. `first` learns what became of the first start.
    async fn live(&self, worker: &Arc<Worker>, first: oneshot::Sender<Result<(), String>>) {
        let mut first = Some(first);
        let mut failures = 0;
        loop {
            let Outcome { ended, why, is_wanted, ran } = self.live_once(worker, &mut first).await;
            worker.has_process(None);
            // It takes no calls until it runs again.
            worker.go(Status::Waiting);
            self.lost_realms_of(&worker.id);
            if ended.is_clean() {
                // That it was asked to end may still be on its way.
                let mut status = worker.status.subscribe();
                let _ = timeout(ASKED_DEADLINE, status.wait_for(|it| *it == Status::Stopping)).await;
            }
            if worker.is_ending() || first.is_some() {
                // Nobody may wait any more.
                first.take().map(|first| first.send(Err(why)));
                self.tell_exit(worker, ended, false).await;
                break;
            }
            if is_wanted {
                self.tell_exit(worker, ended, true).await;
                info!("{} '{}': {why}, starting it again", worker.kind.title(), worker.id);
                worker.starts_again(false);
                worker.go(Status::Starting);
                continue;
            }
            if ended.is_clean() && worker.kind.may_finish() {
                self.tell_exit(worker, ended, false).await;
                info!("{} '{}' has ended", worker.kind.title(), worker.id);
                worker.go(Status::Ended);
                self.forget(worker);
                self.trigger(worker, false);
                return;
            }
            failures = in_a_row(failures, ran);
            let restarts = self.restarts(failures);
            self.tell_exit(worker, ended, restarts).await;
            if !restarts {
                self.give_up(worker, ended, failures, &why).await;
                break;
            }
            let pause = (BACKOFF_MIN * 2u32.pow(failures - 1)).min(BACKOFF_MAX);
            let (title, id) = (worker.kind.title(), &worker.id);
            warn!("{title} '{id}' has failed ({why}): starting it again in {} ms", pause.as_millis());
            worker.starts_again(true);
            tokio::select! {
                () = sleep(pause) => {}
                () = worker.stop.notified() => {}
            }
            if worker.is_ending() {
                break;
            }
            worker.go(Status::Starting);
        }
        worker.go(Status::Ended);
        self.forget(worker);
    }

    /// It is not started again: it stays there to be looked at, until somebody ends it.
    async fn give_up(&self, worker: &Worker, ended: Ended, failures: u32, why: &str) {
        let (title, id) = (worker.kind.title(), &worker.id);
        worker.go(Status::Failed);
        if failures > FAILURES_MAX && self.shared.options.restarts_workers {
            let goes_on = self.shared.stop.borrow().is_none() && !self.ends_with(worker, !ended.is_clean());
            let advice = advice(goes_on, &worker.origin, self.shared.options.configuration.is_some());
            error!(
                "{title} '{id}' has failed {failures} times in a row ({why}) and is not started again{advice}"
            );
        } else {
            error!("{title} '{id}' has ended: {why}");
        }
        self.trigger(worker, !ended.is_clean());
        worker.stop.notified().await;
    }

    /// From one start to its end, and why it ended.
    async fn live_once(
        &self,
        worker: &Arc<Worker>,
        first: &mut Option<oneshot::Sender<Result<(), String>>>,
    ) -> Outcome {
        const NEVER: Ended = Ended { exit_code: None, signal: None };
        // That an earlier process was ready does not count for this one.
        let _ = timeout(Duration::ZERO, worker.ready.notified()).await;
        let mut running = match self.launch(worker).await {
            Ok(running) => running,
            Err(why) => return Outcome::of(NEVER, why),
        };
        if let Program::Native(options) = &worker.program {
            if let Err((ended, why)) = self.become_ready(worker, &mut running).await {
                return Outcome::of(ended, why);
            }
            if let Err(why) = self.set_cpus(worker, &options.cpu_affinity).await {
                return Outcome::of(running.end(true).await, why);
            }
        }
        if let Some(first) = first.take() {
            worker.has_started();
            let _ = first.send(Ok(()));
        } else {
            let settled = tokio::select! {
                settled = self.settle(worker) => settled,
                () = worker.stop.notified() => {
                    let ended = running.end(worker.is_killed()).await;
                    return Outcome::of(ended, ended.shown());
                }
            };
            if let Err(why) = settled {
                return Outcome::of(running.end(true).await, why);
            }
        }
        let since = Instant::now();
        tokio::select! {
            ended = running.ended_or_changed() => if let Some(ended) = ended {
                return Outcome { ran: since.elapsed(), ..Outcome::of(ended, ended.shown()) };
            },
            () = worker.stop.notified() => {
                let ended = running.end(worker.is_killed()).await;
                return Outcome::of(ended, ended.shown());
            }
        }
        let ended = running.end_for_change(worker).await;
        let why = "files that it depends on have changed".to_owned();
        Outcome { is_wanted: true, ..Outcome::of(ended, why) }
    }

    /// Makes of a worker that runs again what it was.
    async fn settle(&self, worker: &Worker) -> Result<(), String> {
        let _settling = worker.settling.lock().await;
        worker.has_started();
        let steps = worker.steps.lock().clone();
        let taken = self.take_steps(&worker.id, worker.kind.title(), &steps).await;
        taken.map_err(|(what, why)| {
            worker.go(Status::Waiting);
            format!("{what}: {why}")
        })?;
        info!("{} with ID '{}' runs again", worker.kind.title(), worker.id);
        Ok(())
    }

    /// Lets a worker run on these CPUs only, if there are any.
    async fn set_cpus(&self, worker: &Worker, cpus: &[u16]) -> Result<(), String> {
        if cpus.is_empty() || worker.is_inline {
            return Ok(());
        }
        let cpus: Vec<Value> = cpus.iter().map(|cpu| u64::from(*cpu).into()).collect();
        let call = self.shared.client.call(format!("crossbar.worker.{}.set_cpu_affinity", worker.id));
        let call = call.arguments(Arguments::new().arg(cpus).kwarg("relative", false));
        match timeout(TELL_DEADLINE, call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(format!("cpu_affinity: {}", reason(&error))),
            Err(_) => Err(format!("cpu_affinity: no answer within {} s", TELL_DEADLINE.as_secs())),
        }
    }

    async fn become_ready(&self, worker: &Arc<Worker>, running: &mut Running) -> Result<(), (Ended, String)> {
        tokio::select! {
            () = worker.ready.notified() => Ok(()),
            ended = running.ended() => {
                let last = worker.log.last(1).pop().map(|line| format!(": {line}")).unwrap_or_default();
                Err((ended, format!("it ended as it started ({}){last}", ended.shown())))
            }
            () = worker.stop.notified() => Err((running.end(true).await, "it was stopped".to_owned())),
            () = sleep(READY_DEADLINE) => {
                let why = format!("it was not ready within {} s", READY_DEADLINE.as_secs());
                Err((running.end(true).await, why))
            }
        }
    }

    /// Whether a worker that has failed so often in a row is started again.
    fn restarts(&self, failures: u32) -> bool {
        self.shared.options.restarts_workers
            && failures <= FAILURES_MAX
            && self.shared.stop.borrow().is_none()
    }

    async fn tell_exit(&self, worker: &Worker, ended: Ended, restarts: bool) {
        let exited = WorkerExited {
            id: worker.id.clone(),
            kind: worker.kind.as_str().to_owned(),
            exit_code: ended.exit_code,
            signal: ended.signal,
            was_clean: ended.is_clean(),
            restarts,
        };
        self.shared.service.tell(&ON_WORKER_EXITED, &exited).await;
    }

    fn forget(&self, worker: &Worker) {
        self.shared.workers.lock().remove(&worker.id);
        let _ =
            self.shared.router.remove_role(crossweave_api::REALM, &super::management::role_name(&worker.id));
    }

    /// A worker has ended for good, and was not told to.
    fn trigger(&self, worker: &Worker, has_failed: bool) {
        if has_failed && !matches!(worker.origin, Origin::Realm { .. }) {
            *self.shared.has_failed.lock() = true;
        }
        if self.ends_with(worker, has_failed) {
            self.stop(Why::Worker { id: worker.id.clone(), has_failed });
        }
    }

    /// Whether the node ends with a worker that has ended for good.
    fn ends_with(&self, worker: &Worker, has_failed: bool) -> bool {
        if worker.is_minor() {
            return false;
        }
        let is_last = self.shared.workers.lock().values().all(|it| it.is_minor() || it.has_failed());
        self.shared.options.shutdown.iter().any(|trigger| match trigger {
            ShutdownTrigger::ShutdownRequested => false,
            ShutdownTrigger::WorkerExit => true,
            ShutdownTrigger::WorkerExitWithError => has_failed,
            ShutdownTrigger::LastWorkerExit => is_last,
        })
    }
}

/// What can be done about a worker that is not started again. None of it can if the node does not go on.
fn advice(node_goes_on: bool, origin: &Origin, has_configuration: bool) -> &'static str {
    match (node_goes_on, origin) {
        (false, _) => "",
        (true, Origin::Configuration) if has_configuration => {
            ": its last lines are in `crossbar.get_worker_log`; once it is mended, `crossweave apply` starts it"
        }
        (true, _) => ": its last lines are in `crossbar.get_worker_log`",
    }
}

/// How often a worker has failed in a row that has failed again, after it had run so long. That it took long to start is no
/// merit: one that hangs as it starts is given up as well.
fn in_a_row(before: u32, ran: Duration) -> u32 {
    if ran >= STEADY { 1 } else { before + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_node_that_goes_on_can_be_asked_for_a_worker_again() {
        let told = |goes_on, origin| advice(goes_on, &origin, true);
        assert!(told(true, Origin::Configuration).contains("`crossweave apply` starts it"));
        assert_eq!(told(false, Origin::Configuration), "", "the node ends with it");
        let started_by_hand = told(true, Origin::Call);
        assert!(started_by_hand.contains("get_worker_log") && !started_by_hand.contains("apply"));
        assert!(!advice(true, &Origin::Configuration, false).contains("apply"), "the built-in node has none");
    }

    #[test]
    fn only_a_worker_that_has_run_begins_anew() {
        let of_one_that_hangs = (0..FAILURES_MAX + 1).fold(0, |before, _| in_a_row(before, Duration::ZERO));
        assert!(of_one_that_hangs > FAILURES_MAX);
        assert_eq!(in_a_row(FAILURES_MAX, STEADY), 1);
    }
}
