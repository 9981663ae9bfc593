//! The whole configuration: `{"version": 2, "controller": {...}, "workers": [...]}`.

use crate::controller::Controller;
use crate::document::Value;
use crate::reading::{At, Fields, Finding, Reading, Shape};
use crate::worker::{RouterWorker, Siblings, Worker};

/// The only version of the configuration format there is today.
const VERSION: i64 = 2;

/// A node: one controller and the workers it starts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// `controller`: the node's own settings. Default: an empty object.
    pub controller: Controller,
    /// `workers`: what the node runs, in this order. Default: none. Disabled workers are in the list too.
    pub workers: Vec<Worker>,
}

impl Node {
    /// The routers that are to be started.
    pub fn routers(&self) -> impl Iterator<Item = &RouterWorker> {
        self.workers.iter().filter(|worker| worker.disabled().is_none()).filter_map(Worker::as_router)
    }
}

pub(crate) fn read(reading: &mut Reading<'_>, at: At<'_>) -> Node {
    let Some(mut fields) = reading.object(at, "a node configuration") else { return Node::default() };
    fields.text(reading, "$schema");
    if let Version::Old = version(reading, &mut fields) {
        // All else that would be told of it is that it is old.
        return Node::default();
    }
    let controller = fields.section(reading, "controller", "the controller", |reading, fields| {
        Controller::read(reading, fields)
    });
    let mut siblings = Siblings::new();
    let list = fields.list(reading, "workers", "a list of workers");
    let (places, workers): (Vec<_>, Vec<_>) = list
        .iter()
        .filter_map(|at| Some((at.clone(), Worker::read(reading, at.clone(), &mut siblings)?)))
        .unzip();
    check_inline(reading, &list, &workers);
    check_worker_templates(reading, &places, &workers);
    fields.finish(reading);
    Node { controller, workers }
}

/// Only one router fits into the node's own process.
fn check_inline(reading: &mut Reading<'_>, list: &[At<'_>], workers: &[Worker]) {
    let routers = workers.iter().filter(|worker| worker.disabled().is_none()).filter_map(Worker::as_router);
    if routers.clone().count() < 2 || !routers.clone().any(|router| router.is_inline) {
        return;
    }
    let inline = list.iter().filter_map(|at| at.peek("options")?.peek("inline"));
    for at in inline.filter(|at| at.item.as_bool() == Some(true)) {
        let message = "only a router that is the node's only one can run in the node's own process";
        reading.report(&at, Finding::error(message).expected("false, or one router"));
    }
}

/// Workers that are started with realms need realms that are started, and can keep them.
fn check_worker_templates(reading: &mut Reading<'_>, places: &[At<'_>], workers: &[Worker]) {
    let is_on = |worker: &&Worker| worker.disabled().is_none();
    let routers = workers.iter().filter(is_on).filter_map(Worker::as_router);
    let templates: Vec<_> =
        routers.flat_map(|router| &router.realms).filter(|realm| realm.template.is_some()).collect();
    let is_kept = templates.iter().any(|realm| {
        let activation = &realm.activation;
        activation.idle_timeout.is_some() && activation.background_authroles.is_empty()
    });
    for (at, worker) in places.iter().zip(workers).filter(|(_, worker)| is_on(worker)) {
        let Some(at) = worker.template().and_then(|_| at.peek("template")) else { continue };
        let is_container = matches!(worker, Worker::Container(_));
        if templates.is_empty() {
            let message =
                "no realm is a template: this worker is started only for one that is added as the node runs";
            reading.report(&at, Finding::warning(message).expected("a realm with `\"template\": true`"));
        } else if is_kept && is_container {
            let message = "a realm is never idle while components of this worker are on it";
            let expected = "their role in `background_authroles` of the realm's `activation`";
            reading.report(&at, Finding::warning(message).expected(expected));
        }
    }
}

/// What `version` says.
enum Version {
    /// 1, which had no permissions as they are now.
    Old,
    /// 2, or what has been reported.
    Other,
}

fn version(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Version {
    const UPGRADE: &str = "version 2: `crossweave upgrade` writes it anew";
    fields.note(reading, "version", || Shape::integer(&(1..=VERSION), ""));
    let Some(at) = fields.set("version") else {
        let message = "the configuration has no `version`: that is version 1, which is too old";
        reading.report(&fields.at.start(), Finding::error(message).expected(UPGRADE));
        return Version::Old;
    };
    let (message, expected, version) = match at.item.value {
        Value::Integer(VERSION) => return Version::Other,
        Value::Integer(1) => ("version 1 is too old", UPGRADE, Version::Old),
        Value::Integer(_) => ("this version is not known", "version 2", Version::Other),
        _ => {
            reading.wrong_type(&at, "the number 2");
            return Version::Other;
        }
    };
    reading.report(&at, Finding::error(message).expected(expected));
    version
}
