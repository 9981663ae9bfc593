//! What has to be called so that a running node becomes what another configuration says. A pure function.
//!
//! ```text
//!  what runs ──┐
//!              ├──plan──▶ differences, to be shown, and actions in their order
//!  what shall ─┘
//! ```
//!
//! First everything is stopped that is in the way, in the reverse order of the boot, then everything is started, in the order of the
//! boot. What is the same on both sides is not touched. A role changes under its sessions, and a template of realms at once, between
//! the two: its realms may be in the way, and no client is to find none. A realm, a transport or a worker that has changed is stopped
//! and started again.

mod identity;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::boot::{Call, Start, Step, WorkerPlan};
use identity::keep_ids;

/// What becomes of a part of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is started.
    Added,
    /// It is stopped.
    Removed,
    /// It is stopped and started again, or changes as it runs.
    Changed,
}

/// One part in which the two sides differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The worker's id.
    pub worker: String,
    /// What it is: `realm "realm1"`; empty for the worker itself.
    pub what: String,
    /// What becomes of it.
    pub kind: Kind,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ends a worker with all that it runs.
    StopWorker(String),
    /// Starts a worker and takes its steps.
    StartWorker(WorkerPlan),
    /// Undoes a step: the step, as it was taken.
    Undo {
        /// The worker's id.
        worker: String,
        /// What was called.
        step: Step,
    },
    /// Takes a step.
    Take {
        /// The worker's id.
        worker: String,
        /// What is to be called.
        step: Step,
    },
    /// Changes what a step has started, as it runs.
    Change {
        /// The worker's id.
        worker: String,
        /// The step by which it would be started now.
        step: Step,
    },
}

/// How two configurations differ, and what makes one of the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// To be shown.
    pub differences: Vec<Difference>,
    /// To be done, in this order.
    pub actions: Vec<Action>,
}

/// From what runs to what shall run.
pub fn plan(old: &[WorkerPlan], new: &[WorkerPlan]) -> Plan {
    plan_beside(old, new, &Others::new())
}

/// By worker, what runs beside what a configuration has started: that gets other ids.
pub(crate) type Others = BTreeMap<String, Vec<Other>>;

/// A realm or role that a client has started by a template, or somebody by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// Of a role: the id of its realm.
    pub(crate) realm: Option<String>,
    pub(crate) id: String,
}

impl Other {
    /// Whether it is what the step is about, by kind and id.
    pub(crate) fn has_id(&self, step: &Step, id: &str) -> bool {
        let is_alike = match &step.start {
            Start::Realm(_) => self.realm.is_none(),
            Start::Role(role) => self.realm.as_ref() == Some(&role.realm_id),
            _ => false,
        };
        is_alike && self.id == id
    }
}

/// The same, beside others.
pub(crate) fn plan_beside(old: &[WorkerPlan], new: &[WorkerPlan], others: &Others) -> Plan {
    let (mut plan, mut stops, mut starts) = (Plan::default(), Vec::new(), Vec::new());
    let of = |workers: &[WorkerPlan], id: &str| workers.iter().position(|it| it.id == id);
    for was in old.iter().rev().filter(|was| of(new, &was.id).is_none()) {
        plan.differs(&was.id, "", Kind::Removed);
        stops.push(Action::StopWorker(was.id.clone()));
    }
    for shall in new {
        let Some(was) = of(old, &shall.id).map(|at| &old[at]) else {
            plan.differs(&shall.id, "", Kind::Added);
            starts.push(Action::StartWorker(shall.clone()));
            continue;
        };
        let whole = |it: &WorkerPlan| (it.kind, it.is_inline, it.options.clone(), it.template.clone());
        // What runs by a template has steps of its own.
        let is_other_template = shall.template.is_some() && was.steps != shall.steps;
        if whole(was) != whole(shall) || is_other_template {
            plan.differs(&shall.id, "", Kind::Changed);
            stops.push(Action::StopWorker(shall.id.clone()));
            starts.push(Action::StartWorker(shall.clone()));
            continue;
        }
        let others = others.get(&shall.id).map_or(&[][..], Vec::as_slice);
        plan.steps(was, &keep_ids(was, shall, others), &mut stops, &mut starts);
    }
    plan.actions = stops;
    plan.actions.extend(starts);
    plan
}

impl Plan {
    /// Whether the worker is ended, to be started again or not.
    pub(crate) fn ends(&self, worker: &str) -> bool {
        self.actions.iter().any(|action| matches!(action, Action::StopWorker(id) if id == worker))
    }

    fn differs(&mut self, worker: &str, what: &str, kind: Kind) {
        let (worker, what) = (worker.to_owned(), what.to_owned());
        self.differences.push(Difference { worker, what, kind });
    }

    /// What a worker that goes on has to do.
    fn steps(
        &mut self,
        was: &WorkerPlan,
        shall: &WorkerPlan,
        stops: &mut Vec<Action>,
        starts: &mut Vec<Action>,
    ) {
        let worker = &shall.id;
        // Realms that end, whether they come back or not: with them goes what is in them.
        let ending: Vec<&Step> = was
            .steps
            .iter()
            .filter(|step| is_realm(step))
            .filter(|step| {
                let is_kept = |now| is_same(step, now) || is_changed_in_place(step, now);
                !found(&shall.steps, step).is_some_and(is_kept)
            })
            .collect();
        let ends_with_realm = |step: &Step| ending.iter().any(|realm| is_in(step, realm));
        let comes_back = |realm: &Step| found(&shall.steps, realm).is_some_and(|now| now.what == realm.what);
        let comes_with_realm =
            |step: &Step| ending.iter().any(|realm| is_in(step, realm) && comes_back(realm));
        for step in was.steps.iter().rev() {
            let now = found(&shall.steps, step);
            if ends_with_realm(step) {
                continue;
            }
            let kind = match now {
                None => Kind::Removed,
                Some(now) if is_same(step, now) => continue,
                Some(now) if is_changed_in_place(step, now) => {
                    if is_realm(now) {
                        self.differs(worker, &now.what, Kind::Changed);
                        stops.push(Action::Change { worker: worker.clone(), step: now.clone() });
                    }
                    continue;
                }
                // What has its id from now on is something else.
                Some(now) if now.what != step.what => Kind::Removed,
                Some(_) => Kind::Changed,
            };
            // The templates that are left are told by themselves.
            if !is_order(step) {
                self.differs(worker, &step.what, kind);
            }
            stops.push(Action::Undo { worker: worker.clone(), step: step.clone() });
        }
        for step in &shall.steps {
            let (worker, now) = (worker.clone(), step.clone());
            match found(&was.steps, step).filter(|it| !ends_with_realm(it)) {
                None => {
                    // What comes back with its realm was told with it.
                    if !comes_with_realm(step) && !is_order(step) {
                        self.differs(&worker, &step.what, Kind::Added);
                    }
                    starts.push(Action::Take { worker, step: now });
                }
                Some(before) if is_same(before, step) => {}
                // That was done before anything is started.
                Some(before) if is_realm(step) && is_changed_in_place(before, step) => {}
                Some(before) if is_changed_in_place(before, step) => {
                    if !is_same_order(before, step) {
                        self.differs(&worker, &step.what, Kind::Changed);
                    }
                    starts.push(Action::Change { worker, step: now });
                }
                Some(before) => {
                    if before.what != step.what {
                        self.differs(&worker, &step.what, Kind::Added);
                    }
                    starts.push(Action::Take { worker, step: now });
                }
            }
        }
    }
}

impl Action {
    /// What it does, for people.
    pub fn told(&self) -> String {
        match self {
            Action::StopWorker(id) => format!("stop worker {id:?}"),
            Action::StartWorker(plan) => format!("start worker {:?}", plan.id),
            Action::Undo { worker, step } => format!("worker {worker:?}: stop {}", step.what),
            Action::Take { worker, step } => format!("worker {worker:?}: start {}", step.what),
            Action::Change { worker, step } => format!("worker {worker:?}: change {}", step.what),
        }
    }

    /// The call that it is, and of which worker; none for workers as a whole.
    pub(crate) fn call(&self) -> Option<(&str, Call)> {
        match self {
            Action::StopWorker(_) | Action::StartWorker(_) => None,
            Action::Undo { worker, step } => Some((worker, step.start.stop())),
            Action::Take { worker, step } => Some((worker, step.start.call())),
            Action::Change { worker, step } => Some((worker, step.start.change()?)),
        }
    }

    /// What a worker's steps are once this is done.
    pub(crate) fn keep(&self, steps: &mut Vec<Step>) {
        match self {
            Action::StopWorker(_) | Action::StartWorker(_) => {}
            Action::Undo { step, .. } => {
                let goes = |it: &Step| is_it(it, step) || (is_realm(step) && is_in(it, step));
                steps.retain(|it| !goes(it));
            }
            Action::Take { step, .. } | Action::Change { step, .. } => {
                steps.retain(|it| !is_it(it, step));
                steps.push(step.clone());
            }
        }
        steps.sort_by_key(rank);
    }
}

/// A boot listens at last, gives a realm what it has once the realm is there, and leads routes over connections that are.
fn rank(step: &Step) -> u8 {
    match step.start {
        Start::TemplateOrder(_) | Start::Realm(_) | Start::ProxyConnection(_) => 0,
        Start::Transport(_) | Start::ProxyTransport(_) => 2,
        _ => 1,
    }
}

/// The step about the same thing.
fn found<'s>(steps: &'s [Step], step: &Step) -> Option<&'s Step> {
    steps.iter().find(|it| is_it(it, step))
}

fn is_it(one: &Step, other: &Step) -> bool {
    let (one, other) = (&one.start, &other.start);
    one.is_like(other) && one.id() == other.id() && one.realm() == other.realm()
}

fn is_realm(step: &Step) -> bool {
    matches!(step.start, Start::Realm(_))
}

fn is_order(step: &Step) -> bool {
    matches!(step.start, Start::TemplateOrder(_))
}

/// Whether both are orders of templates, and those that are in both have the same places among each other.
fn is_same_order(before: &Step, now: &Step) -> bool {
    let (Start::TemplateOrder(before), Start::TemplateOrder(now)) = (&before.start, &now.start) else {
        return false;
    };
    let kept = before.realm_ids.iter().filter(|id| now.realm_ids.contains(id));
    kept.eq(now.realm_ids.iter().filter(|id| before.realm_ids.contains(id)))
}

/// Whether a step is about something within this realm.
fn is_in(step: &Step, realm: &Step) -> bool {
    step.start.realm().is_some_and(|id| id == realm.start.id())
}

/// Whether what one step has started can become what the other would start.
fn is_changed_in_place(before: &Step, now: &Step) -> bool {
    let is_alike = match is_realm(now) {
        true => before.start.is_realm_template(),
        false => before.start.config()["name"] == now.start.config()["name"],
    };
    is_alike && now.start.change().is_some()
}

/// Whether both would start the same.
fn is_same(one: &Step, other: &Step) -> bool {
    match is_realm(one) {
        true => without_parts(one) == without_parts(other),
        false => one.start == other.start,
    }
}

/// A realm but for what has steps of its own: roles, if they are no templates nor in one, and links. What trust roles have is the
/// realm's.
fn without_parts(step: &Step) -> (Map<String, Json>, Vec<Json>) {
    let mut config = step.start.config().as_object().cloned().unwrap_or_default();
    let roles = config.remove("roles").unwrap_or_default();
    let is_template = config.get("template") == Some(&Json::Bool(true));
    if !is_template {
        config.remove("rlinks");
    }
    let is_of_realm =
        |role: &&Json| is_template || role["template"] == true || role.to_string().contains("\"trustlevel\"");
    let roles = roles.as_array().into_iter().flatten();
    (config, roles.filter(is_of_realm).cloned().collect())
}

#[cfg(test)]
mod tests;
