//! `workers[]`: what a node runs.

use crate::authmethod;
use crate::endpoint::Listener;
use crate::environment::whole_variable;
use crate::reading::{At, Fields, Reading, Unique};
use crate::realm::Realm;
use crate::transport::Transport;

/// A worker of the node.
#[derive(Debug, Clone, PartialEq)]
pub enum Worker {
    /// `"type": "router"`.
    Router(RouterWorker),
}

/// A router: realms, and transports by which clients reach them.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterWorker {
    /// `id`: 3 to 64 of a-z, 0-9 and `_`. Default: `worker001`, `worker002`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `realms`: the routing domains of this worker. Default: none.
    pub realms: Vec<Realm>,
    /// `transports`: where it listens. Default: nowhere.
    pub transports: Vec<Transport>,
}

/// `options` of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerOptions {
    /// `disabled`: leave the worker out: true, false, or `"${NAME}"`, which is true if the environment variable is set
    /// and not empty. Default: false.
    pub disabled: bool,
}

/// The worker types Crossbar.io has.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Router,
    NotBuilt(&'static str),
}

const KINDS: &[(&str, Kind)] = &[
    ("router", Kind::Router),
    ("container", Kind::NotBuilt("container")),
    ("guest", Kind::NotBuilt("guest")),
    ("proxy", Kind::NotBuilt("proxy")),
    ("websocket-testee", Kind::NotBuilt("websocket-testee")),
    ("hostmonitor", Kind::NotBuilt("hostmonitor")),
    ("xbrmm", Kind::NotBuilt("xbrmm")),
];

impl Worker {
    pub(crate) fn read(
        reading: &mut Reading<'_>,
        at: At<'_>,
        ids: &mut Unique,
        listeners: &mut Vec<Listener>,
    ) -> Option<Self> {
        let mut fields = reading.object(at, "a worker")?;
        let at = fields.required(reading, "type")?;
        match reading.word(&at, KINDS)? {
            Kind::Router => Some(Self::Router(RouterWorker::read(reading, fields, ids, listeners))),
            Kind::NotBuilt(name) => {
                reading.not_built(&at, &format!("worker type `{name}`"));
                None
            }
        }
    }
}

impl RouterWorker {
    fn read(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
        ids: &mut Unique,
        listeners: &mut Vec<Listener>,
    ) -> Self {
        let id = fields.id(reading, "worker", ids);
        let options = fields
            .object(reading, "options", "the worker's options")
            .map(|fields| WorkerOptions::read(reading, fields))
            .unwrap_or_default();
        let (mut realm_ids, mut realm_names) = (Unique::new("realm id"), Unique::new("realm"));
        let list = fields.list(reading, "realms", "a list of realms");
        let realms: Vec<_> = list
            .into_iter()
            .filter_map(|at| Realm::read(reading, at, &mut realm_ids, &mut realm_names))
            .collect();
        let mut transport_ids = Unique::new("transport id");
        let list = fields.list(reading, "transports", "a list of transports");
        // Disabled workers do not listen, so they cannot be in the way of others.
        let (mut apart, disabled) = (Vec::new(), options.disabled);
        let listeners = if disabled { &mut apart } else { listeners };
        let transports: Vec<_> = list
            .into_iter()
            .filter_map(|at| Transport::read(reading, at, &realms, &mut transport_ids, listeners))
            .collect();
        let auths: Vec<_> = transports.iter().flat_map(Transport::auths).collect();
        authmethod::warn_of_missing(reading, &auths);
        fields.not_built(reading, "components", "running components in a router");
        fields.no_effect(reading, "connections", "Crossbar.io ignores it too");
        fields.no_effect(reading, "manhole", "there is no Python process to log in to");
        fields.finish(reading);
        Self { id, options, realms, transports }
    }
}

impl WorkerOptions {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let disabled = Self::disabled(reading, &mut fields);
        for key in ["python", "pythonpath", "reactor"] {
            fields.no_effect(reading, key, "a router worker runs no Python");
        }
        for key in ["title", "cpu_affinity", "env", "extra", "expose_shared", "traceback"] {
            fields.no_effect(reading, key, "the router is not a process of its own yet");
        }
        fields.bool(reading, "expose_controller", true);
        fields.finish(reading);
        Self { disabled }
    }

    fn disabled(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> bool {
        let Some(at) = fields.get("disabled") else { return false };
        match &at.item.value {
            crate::document::Value::String(text) if at.item.as_bool().is_none() => match whole_variable(text)
            {
                Some(name) => reading.variable_if_set(name).is_some_and(|value| !value.is_empty()),
                None => {
                    reading
                        .wrong_type(&at, "true, false or the name of an environment variable, `\"${NAME}\"`");
                    false
                }
            },
            _ => fields.bool(reading, "disabled", false),
        }
    }
}
