//! `"type": "router"`: realms, and transports by which clients reach them.

use super::{RouterComponent, Siblings, WorkerOptions, no_python_process};
use crate::authmethod;
use crate::reading::{Fields, Reading, Unique};
use crate::realm::Realm;
use crate::transport::Transport;

/// A router: realms, and transports by which clients reach them.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterWorker {
    /// `id`: 3 to 64 of a-z, 0-9 and `_`. Default: `worker001`, `worker002`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `options.inline`: run it inside the node's own process instead of one of its own; only for a router that is the only
    /// one. Default: false. Not in Crossbar.io.
    pub is_inline: bool,
    /// `realms`: the routing domains of this worker. Default: none.
    pub realms: Vec<Realm>,
    /// `transports`: where it listens. Default: nowhere.
    pub transports: Vec<Transport>,
    /// `components`: parts of the application that run inside it. Default: none.
    pub components: Vec<RouterComponent>,
}

impl RouterWorker {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let (options, is_inline) =
            fields.section(reading, "options", "the worker's options", |reading, fields| {
                WorkerOptions::of_router(reading, fields)
            });
        let (mut realm_ids, mut realm_names) = (Unique::new("realm id"), Unique::new("realm"));
        let list = fields.list(reading, "realms", "a list of realms");
        let realms: Vec<_> = list
            .into_iter()
            .filter_map(|at| Realm::read(reading, at, &mut realm_ids, &mut realm_names))
            .collect();
        let mut transport_ids = Unique::new("transport id");
        let list = fields.list(reading, "transports", "a list of transports");
        // Disabled workers do not listen, so they cannot be in the way of others.
        let (mut apart, disabled) = (Vec::new(), options.disabled.is_some());
        let listeners = if disabled { &mut apart } else { &mut siblings.listeners };
        let transports: Vec<_> = list
            .into_iter()
            .filter_map(|at| Transport::read(reading, at, &realms, &mut transport_ids, listeners))
            .collect();
        let auths: Vec<_> = transports.iter().flat_map(Transport::auths).collect();
        authmethod::warn_of_missing(reading, &auths);
        let components = components(reading, &mut fields, &realms);
        let codes = components.iter().map(|it| &it.code);
        reading.check_python(&fields.at, options.python.as_ref(), codes, &transports);
        no_python_process(reading, &mut fields);
        fields.finish(reading);
        Self { id, options, is_inline, realms, transports, components }
    }
}

impl WorkerOptions {
    /// Reads those of a router, and whether it is a part of the node's own process.
    pub(crate) fn of_router(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> (Self, bool) {
        let options = WorkerOptions::read(reading, &mut fields);
        let is_inline = fields.bool(reading, "inline", false);
        if is_inline {
            reading.worker_env = None;
            for key in ["title", "cpu_affinity", "env"] {
                fields.no_effect(reading, key, "an `inline` router is no process of its own");
            }
        }
        for key in ["extra", "expose_shared"] {
            fields.no_effect(reading, key, "a router worker has no use for it");
        }
        fields.finish(reading);
        (options, is_inline)
    }
}

fn components(reading: &mut Reading<'_>, fields: &mut Fields<'_>, realms: &[Realm]) -> Vec<RouterComponent> {
    let mut ids = Unique::new("component id");
    let list = fields.list(reading, "components", "a list of components");
    list.into_iter().filter_map(|at| RouterComponent::read(reading, at, realms, &mut ids)).collect()
}
