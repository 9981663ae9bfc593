//! A component that is kept running as `restart` says.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossweave_api::Config;
use crossweave_config::ContainerRestart;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Failure, Program, Reins, Stage};
use crate::clock::{utc, utcnow};

/// Before the first and before later attempts to start a component again.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A component that has run so long had been kept up.
const STEADY: Duration = Duration::from_secs(30);

/// Which ends of a component are followed by another start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    Never,
    OnFailed,
    Always,
}

impl From<ContainerRestart> for Restart {
    fn from(restart: ContainerRestart) -> Self {
        match restart {
            ContainerRestart::Never => Restart::Never,
            ContainerRestart::OnFailed => Restart::OnFailed,
            ContainerRestart::Always => Restart::Always,
        }
    }
}

/// What happens to a component.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// It has joined its realm.
    Started,
    /// A run has ended that had begun at this time, in UTC, after so many seconds. It may be started again.
    Stopped { started: String, uptime: f64 },
    /// It is not started again, and has failed or not.
    Ended { has_failed: bool },
}

/// A component.
pub(crate) struct Supervised {
    pub(crate) id: String,
    pub(crate) config: Config,
    pub(crate) created: String,
    started: Mutex<Option<(SystemTime, Instant)>>,
    stop: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

impl Supervised {
    pub(crate) fn new(id: String, config: Config) -> Arc<Supervised> {
        Arc::new(Supervised {
            id,
            config,
            created: utcnow(),
            started: Mutex::default(),
            stop: watch::channel(false).0,
            ended: watch::channel(false).0,
        })
    }

    /// Starts it. Answers whether it has joined its realm; one that has failed to and is to be started again goes on trying.
    /// `tell` hears of everything that happens to it, in order.
    ///
    /// # Errors
    /// Why it is not there, and what it could not do.
    pub(crate) async fn start<T, F>(
        self: &Arc<Self>,
        program: Program,
        restart: Restart,
        tell: T,
    ) -> Result<bool, (Stage, String)>
    where
        T: Fn(Told) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (first, started) = oneshot::channel();
        let component = self.clone();
        tokio::spawn(async move {
            let has_failed = component.live(&program, restart, first, &tell).await;
            tell(Told::Ended { has_failed }).await;
            component.ended.send_replace(true);
        });
        started.await.unwrap_or_else(|_| Err((Stage::Start, "it was stopped as it started".to_owned())))
    }

    /// Stops it, and waits until it has ended.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// When it has joined last, and for how many seconds it has run since.
    pub(crate) fn started(&self) -> Option<(String, f64)> {
        self.started.lock().map(|(at, since)| (utc(at), since.elapsed().as_secs_f64()))
    }

    /// From the first start to the last end. The result: whether it has failed.
    async fn live<F: Future<Output = ()>>(
        &self,
        program: &Program,
        restart: Restart,
        first: oneshot::Sender<Result<bool, (Stage, String)>>,
        tell: &impl Fn(Told) -> F,
    ) -> bool {
        let (mut first, mut failures) = (Some(first), 0_u32);
        loop {
            let begun = Instant::now();
            let ended = self.live_once(program, &mut first, tell).await;
            if *self.stop.borrow() {
                return false;
            }
            let failure = ended.err();
            let is_again = match restart {
                Restart::Never => false,
                Restart::OnFailed => failure.is_some(),
                Restart::Always => true,
            };
            let why = failure.as_ref().map_or("it has ended", |failure| failure.why.as_str());
            if let Some(first) = first.take() {
                let is_tried_again = is_again && failure.as_ref().is_some_and(|failure| !failure.is_lasting);
                // Nobody may wait any more.
                let stage = failure.as_ref().map_or(Stage::Start, |failure| failure.stage);
                let _ = first.send(if is_tried_again { Ok(false) } else { Err((stage, why.to_owned())) });
                if !is_tried_again {
                    return true;
                }
            }
            if !is_again {
                self.log_end(failure.as_ref());
                return failure.is_some();
            }
            failures = if begun.elapsed() >= STEADY { 0 } else { failures };
            let pause = (BACKOFF_MIN * 2u32.saturating_pow(failures.min(16))).min(BACKOFF_MAX);
            failures += 1;
            warn!("component '{}': {why}; starting it again in {} ms", self.id, pause.as_millis());
            let mut stop = self.stop.subscribe();
            tokio::select! {
                () = sleep(pause) => {}
                () = Reins::stopped(&mut stop) => return false,
            }
        }
    }

    /// Says why it is not started again. A realm or router that has ended takes its sessions along: nothing is wrong with them.
    fn log_end(&self, failure: Option<&Failure>) {
        match failure {
            None => info!("component '{}' has ended", self.id),
            Some(Failure { closed: Some(what), .. }) => info!("component '{}' has ended: {what}", self.id),
            Some(failure) => warn!("component '{}' has failed: {}", self.id, failure.why),
        }
    }

    async fn live_once<F: Future<Output = ()>>(
        &self,
        program: &Program,
        first: &mut Option<oneshot::Sender<Result<bool, (Stage, String)>>>,
        tell: &impl Fn(Told) -> F,
    ) -> Result<(), Failure> {
        let (joined, has_joined) = oneshot::channel();
        let mut run = std::pin::pin!(program.run(&self.id, Reins { joined, stop: self.stop.subscribe() }));
        tokio::select! {
            biased;
            Ok(()) = has_joined => {}
            ended = &mut run => return ended,
        }
        let (at, since) = (SystemTime::now(), Instant::now());
        *self.started.lock() = Some((at, since));
        info!("component '{}' has joined its realm", self.id);
        tell(Told::Started).await;
        if let Some(first) = first.take() {
            let _ = first.send(Ok(true));
        }
        let ended = run.await;
        self.started.lock().take();
        tell(Told::Stopped { started: utc(at), uptime: since.elapsed().as_secs_f64() }).await;
        ended
    }
}
