//! Workers that are started with realms: `"template": "realm"` of containers and guests.
//!
//! ```text
//!  realm activated ──▶ each template that matches: a worker of its own, started by a task of its own
//!  realm ended, or its router ──▶ that task ends the worker
//! ```
//!
//! The table says what is wanted, the tasks make it so: each has one place, the worker of one template for one realm on one router. So
//! a realm that is there again before its worker has ended gets a new one only after that.

mod table;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::Controller;
use super::worker::{Origin, Status};
use crate::boot::WorkerPlan;
use table::{Order, Place, Refusal, Table, Wanted};

/// Workers that are being started with realms at a time; others wait for that.
const STARTS_MAX: usize = 4;
/// How long the end of a node waits for workers that nobody has begun to end.
const END_DEADLINE: Duration = Duration::from_secs(20);

/// The workers that are started with realms.
pub(super) struct RealmWorkers {
    table: Mutex<Table>,
    starts: Semaphore,
}

impl Default for RealmWorkers {
    fn default() -> Self {
        RealmWorkers { table: Mutex::default(), starts: Semaphore::new(STARTS_MAX) }
    }
}

impl Controller {
    /// Realms that match get such a worker from now on, and those that run already get one now.
    pub(super) fn add_worker_template(&self, plan: WorkerPlan) {
        let (title, id) = (plan.kind.title(), plan.id.clone());
        let pattern = plan.template.as_ref().map_or("", |template| &template.realm.pattern).to_owned();
        info!("{title} '{id}' is started with each realm that matches '{pattern}'");
        let orders = self.shared.realm_workers.table.lock().add(plan, &|id| self.has_worker(id));
        self.carry_out(orders);
    }

    /// Ends the workers of a template. False if there is no template of this id.
    pub(super) async fn remove_worker_template(&self, id: &str) -> bool {
        let Some(ending) = self.shared.realm_workers.table.lock().remove(id) else { return false };
        all_ended(ending).await;
        true
    }

    /// The templates, as a configuration has them.
    pub(super) fn worker_templates(&self) -> Vec<WorkerPlan> {
        self.shared.realm_workers.table.lock().templates()
    }

    /// A realm is about to be started by a template of this router.
    pub(super) fn expect_realm(&self, router: &str, realm_id: &str, name: &str) {
        self.shared.realm_workers.table.lock().expect(router, realm_id, name);
    }

    /// The realm is there with its roles.
    pub(super) fn start_realm_workers(&self, router: &str, realm_id: &str) {
        let orders =
            self.shared.realm_workers.table.lock().begin(router, realm_id, &|id| self.has_worker(id));
        self.carry_out(orders);
    }

    /// A realm has ended.
    pub(super) fn lost_realm(&self, router: &str, realm_id: &str) {
        self.shared.realm_workers.table.lock().end(router, Some(realm_id));
    }

    /// A router has ended.
    pub(super) fn lost_realms_of(&self, router: &str) {
        self.shared.realm_workers.table.lock().end(router, None);
    }

    /// The node stops: no more are started, and those there are end.
    pub(super) async fn end_realm_workers(&self) {
        let ending = self.shared.realm_workers.table.lock().clear();
        if timeout(END_DEADLINE, all_ended(ending)).await.is_err() {
            warn!("workers that were started with realms have not ended within {} s", END_DEADLINE.as_secs());
        }
    }

    /// Learns which realms have ended.
    pub(super) async fn watch_realms(&self) -> Result<(), String> {
        let stopped = self.shared.client.subscribe("crossbar.worker..on_realm_stopped").wildcard().await;
        let mut stopped =
            stopped.map_err(|error| format!("cannot learn which realms have ended: {error}"))?;
        let controller = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            while let Some(event) = stopped.next().await {
                let Some(shared) = controller.upgrade() else { return };
                let controller = Controller { shared };
                let Ok(event) = event else {
                    controller.look_for_realms().await;
                    continue;
                };
                let router = event.topic.split('.').nth(2).unwrap_or_default();
                let told = event.args().into_iter().next().unwrap_or_default();
                if let Some(realm_id) = told.as_str() {
                    controller.lost_realm(router, realm_id);
                }
            }
        });
        Ok(())
    }

    /// Some events were lost: asks the routers which realms they still have.
    async fn look_for_realms(&self) {
        let routers = self.shared.realm_workers.table.lock().routers();
        for (router, known) in routers {
            let call = self.shared.client.call(format!("crossbar.worker.{router}.get_router_realms"));
            let Ok(Ok(answer)) = timeout(super::STEP_DEADLINE, call).await else { continue };
            let told = answer.args().into_iter().next().unwrap_or_default();
            let there: Vec<&str> =
                told.as_list().unwrap_or_default().iter().filter_map(|it| it.as_str()).collect();
            for realm_id in known.iter().filter(|id| !there.contains(&id.as_str())) {
                self.lost_realm(&router, realm_id);
            }
        }
    }

    fn has_worker(&self, id: &str) -> bool {
        self.shared.workers.lock().contains_key(id)
    }

    fn carry_out(&self, orders: Vec<Result<Order, Refusal>>) {
        for order in orders {
            match order {
                Ok(Order { place, wanted }) => {
                    let controller = self.clone();
                    tokio::spawn(async move { controller.keep(&place, wanted).await });
                }
                Err(refusal) => error!("{refusal}"),
            }
        }
    }

    /// Keeps one worker as it is wanted, until it is not any more.
    async fn keep(&self, place: &Place, mut wanted: watch::Receiver<Option<Wanted>>) {
        loop {
            let now = wanted.borrow_and_update().clone();
            let Some(now) = now else {
                if self.shared.realm_workers.table.lock().close(place) {
                    return;
                }
                continue;
            };
            let is_over = |it: &Option<Wanted>| it.as_ref().map(|it| it.run) != Some(now.run);
            let mut over = wanted.clone();
            tokio::select! {
                () = self.start_for(place, &now.plan) => {}
                // The sender is in the table until this task closes the place.
                _ = over.wait_for(is_over) => {}
            }
            let _ = wanted.wait_for(is_over).await;
            self.end_for(place, &now.plan).await;
        }
    }

    /// Starts a worker for a realm. The realm goes on if that fails.
    async fn start_for(&self, place: &Place, plan: &WorkerPlan) {
        // Nobody closes it.
        let Ok(_turn) = self.shared.realm_workers.starts.acquire().await else { return };
        let (title, id, realm) = (plan.kind.title(), &plan.id, &place.realm);
        info!("Realm '{realm}' is started with {title} '{id}', of template '{}'", place.template);
        let origin = Origin::Realm { template_id: place.template.clone(), realm: realm.clone() };
        if let Err(why) = self.run_plan(plan.clone(), origin).await {
            error!("Realm '{realm}' goes on without {title} '{id}': {why}");
            self.end_for(place, plan).await;
        }
    }

    /// Ends the worker of a realm, if it is there.
    async fn end_for(&self, place: &Place, plan: &WorkerPlan) {
        let worker = self.shared.workers.lock().get(&plan.id).cloned();
        let is_its = |origin: &Origin| {
            matches!(origin, Origin::Realm { realm, template_id }
                if *realm == place.realm && *template_id == place.template)
        };
        let Some(worker) = worker.filter(|it| is_its(&it.origin)) else { return };
        if worker.status() != Status::Ended {
            info!("{} '{}' ends with realm '{}'", plan.kind.title(), plan.id, place.realm);
            self.tell_stopping(&worker, false, None).await;
        }
        self.end_worker(&worker, false).await;
    }
}

/// Waits until the tasks of these places have closed them.
async fn all_ended(places: Vec<watch::Receiver<Option<Wanted>>>) {
    for mut place in places {
        while place.changed().await.is_ok() {}
    }
}
