//! The whole configuration: `{"version": 2, "controller": {...}, "workers": [...]}`.

use crate::controller::Controller;
use crate::reading::{At, Fields, Finding, Reading};
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
    version(reading, &mut fields);
    let controller = fields
        .object(reading, "controller", "the controller")
        .map(|fields| Controller::read(reading, fields))
        .unwrap_or_default();
    let mut siblings = Siblings::new();
    let list = fields.list(reading, "workers", "a list of workers");
    let workers: Vec<_> =
        list.iter().filter_map(|at| Worker::read(reading, at.clone(), &mut siblings)).collect();
    check_inline(reading, &list, &workers);
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

fn version(reading: &mut Reading<'_>, fields: &mut Fields<'_>) {
    const EXPECTED: &str = "`\"version\": 2`; `crossweave upgrade` writes one of version 1 so";
    let Some(at) = fields.get("version") else {
        reading.is_of_version_1 = true;
        let finding =
            Finding::error("the configuration has no `version`: it is of version 1, which is too old");
        return reading.report(&fields.at.start(), finding.expected(EXPECTED));
    };
    if fields.int::<i64>(reading, "version", 1..=i64::MAX, "") == Some(VERSION) {
        return;
    }
    let message = match at.item.value {
        crate::document::Value::Integer(1) => {
            reading.is_of_version_1 = true;
            return reading.report(&at, Finding::error("version 1 is too old").expected(EXPECTED));
        }
        crate::document::Value::Integer(version) if version > VERSION => "this version is not known",
        _ => return,
    };
    reading.report(&at, Finding::error(message).expected("version 2"));
}
