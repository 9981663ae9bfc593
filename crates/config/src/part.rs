//! Parts of a configuration by themselves, as the management API takes them.
//!
//! Each is checked as it is within a file: the problems name the part as their file, and what they point at stands in the part
//! written as JSON.

use std::path::Path;
use std::sync::Arc;

use crate::Severity;
use crate::controller::Limits;
use crate::document::{Document, Format};
use crate::endpoint::Endpoint;
use crate::environment::Environment;
use crate::problem::Problems;
use crate::reading::{At, Finding, Reading, Unique};
use crate::realm::{Realm, RouterLink};
use crate::role::Role;
use crate::source::Source;
use crate::transport::Transport;
use crate::worker::{
    ContainerComponent, ContainerRestart, ContainerShutdown, HostMonitorWorker, LinkedWorker,
    ProxyConnection, ProxyRoute, RouterComponent, routed,
};
use crate::worker::{ContainerWorker, GuestWorker, Siblings, WorkerOptions};

/// A part of a configuration, and what is probably not meant as it is written.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// What it says.
    pub value: T,
    /// Warnings.
    pub warnings: Problems,
}

/// An item of `realms`. Relative paths in it are joined to the node directory. `what` names it in problems.
///
/// # Errors
/// All that is wrong with it.
pub fn realm(config: &serde_json::Value, what: &str, cbdir: &Path) -> Result<Part<Realm>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Realm::read(reading, at, &mut Unique::new("realm id"), &mut Unique::new("realm"))
    })
}

/// An item of `roles`.
///
/// # Errors
/// All that is wrong with it.
pub fn role(config: &serde_json::Value, what: &str, cbdir: &Path) -> Result<Part<Role>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Role::read(reading, at, &mut Unique::new("role id"), &mut Unique::new("role"))
    })
}

/// The `endpoint` of a transport.
///
/// # Errors
/// All that is wrong with it.
pub fn endpoint(config: &serde_json::Value, what: &str, cbdir: &Path) -> Result<Part<Endpoint>, Problems> {
    part(config, what, cbdir, |reading, at| Endpoint::read(reading, at, &mut Vec::new()))
}

/// An item of `rlinks`.
///
/// # Errors
/// All that is wrong with it.
pub fn router_link(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
) -> Result<Part<RouterLink>, Problems> {
    part(config, what, cbdir, |reading, at| RouterLink::read(reading, at, &mut Unique::new("rlink id")))
}

/// An item of `transports`, on a worker with these realms.
///
/// # Errors
/// All that is wrong with it.
pub fn transport(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
    realms: &[Realm],
) -> Result<Part<Transport>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Transport::read(reading, at, realms, &mut Unique::new("transport id"), &mut Vec::new())
    })
}

/// `controller.options.limits`.
///
/// # Errors
/// All that is wrong with it.
pub fn limits(config: &serde_json::Value, cbdir: &Path) -> Result<Part<Limits>, Problems> {
    part(config, "limits", cbdir, |reading, at| {
        reading.object(at, "the limits").map(|fields| Limits::read(reading, fields))
    })
}

/// `options` of a worker of this type, which is a process of this program.
///
/// # Errors
/// All that is wrong with them.
pub fn worker_options(
    config: &serde_json::Value,
    kind: &str,
    what: &str,
    cbdir: &Path,
) -> Result<Part<WorkerOptions>, Problems> {
    match kind {
        "container" => container_options(config, what, cbdir).map(|part| part.map(|it| it.options)),
        "rust" => part(config, what, cbdir, |reading, at| {
            reading
                .object(at, "the worker's options")
                .map(|fields| LinkedWorker::read_options(reading, fields).0)
        }),
        "hostmonitor" => hostmonitor_options(config, what, cbdir).map(|part| part.map(|it| it.options)),
        "router" => part(config, what, cbdir, |reading, at| {
            reading
                .object(at, "the worker's options")
                .map(|fields| WorkerOptions::of_router(reading, fields).0)
        }),
        _ => part(config, what, cbdir, |reading, at| {
            reading.object(at, "the worker's options").map(|fields| WorkerOptions::whole(reading, fields))
        }),
    }
}

/// `options` of a container.
///
/// # Errors
/// All that is wrong with them.
pub fn container_options(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
) -> Result<Part<ContainerOptions>, Problems> {
    part(config, what, cbdir, |reading, at| {
        let fields = reading.object(at, "the container's options")?;
        let (options, shutdown, restart) = ContainerWorker::read_options(reading, fields);
        Some(ContainerOptions { options, shutdown, restart })
    })
}

/// `options` of a container, by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerOptions {
    /// Those that every worker has.
    pub options: WorkerOptions,
    /// When the container ends by itself.
    pub shutdown: ContainerShutdown,
    /// Which components are started again.
    pub restart: ContainerRestart,
}

/// `options` of a host monitor.
///
/// # Errors
/// All that is wrong with them.
pub fn hostmonitor_options(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
) -> Result<Part<HostMonitorOptions>, Problems> {
    part(config, what, cbdir, |reading, at| {
        let fields = reading.object(at, "the options of a host monitor")?;
        let (options, interval, monitors) = HostMonitorWorker::read_options(reading, fields);
        Some(HostMonitorOptions { options, interval, monitors })
    })
}

/// `options` of a host monitor, by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct HostMonitorOptions {
    /// Those that every worker has.
    pub options: WorkerOptions,
    /// `interval`: milliseconds between samples.
    pub interval: u32,
    /// `monitors`: what is sampled, by name, with any options.
    pub monitors: Vec<(String, serde_json::Value)>,
}

/// A guest worker.
///
/// # Errors
/// All that is wrong with it.
pub fn guest(config: &serde_json::Value, what: &str, cbdir: &Path) -> Result<Part<GuestWorker>, Problems> {
    part(config, what, cbdir, |reading, at| {
        let mut fields = reading.object(at, "a guest")?;
        // The type is known already.
        fields.get("type");
        Some(GuestWorker::read(reading, fields, &mut Siblings::new()))
    })
}

/// A component of a container.
///
/// # Errors
/// All that is wrong with it.
pub fn container_component(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
) -> Result<Part<ContainerComponent>, Problems> {
    part(config, what, cbdir, |reading, at| {
        ContainerComponent::read(reading, at, &mut Unique::new("component id"))
    })
}

/// A component of a router worker with these realms.
///
/// # Errors
/// All that is wrong with it.
pub fn router_component(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
    realms: &[Realm],
) -> Result<Part<RouterComponent>, Problems> {
    part(config, what, cbdir, |reading, at| {
        RouterComponent::read(reading, at, realms, &mut Unique::new("component id"))
    })
}

/// The connection of this name of a proxy.
///
/// # Errors
/// All that is wrong with it.
pub fn proxy_connection(
    config: &serde_json::Value,
    name: &str,
    cbdir: &Path,
) -> Result<Part<ProxyConnection>, Problems> {
    part(config, &format!("connection {name}"), cbdir, |reading, at| ProxyConnection::read(reading, name, at))
}

/// The connections of a proxy by role, for this realm. `known` are the names of those that it has.
///
/// # Errors
/// All that is wrong with them.
pub fn proxy_routes(
    config: &serde_json::Value,
    realm: &str,
    cbdir: &Path,
    known: &[String],
) -> Result<Part<Vec<ProxyRoute>>, Problems> {
    part(config, &format!("route of realm {realm}"), cbdir, |reading, at| {
        Some(ProxyRoute::read(reading, realm, at, known))
    })
}

/// An item of `transports` of a proxy with these routes.
///
/// # Errors
/// All that is wrong with it.
pub fn proxy_transport(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
    routes: &[ProxyRoute],
) -> Result<Part<Transport>, Problems> {
    part(config, what, cbdir, |reading, at| {
        reading.is_proxy = true;
        Transport::read(reading, at, &routed(routes), &mut Unique::new("transport id"), &mut Vec::new())
    })
}

/// The transport of a WebSocket testee.
///
/// # Errors
/// All that is wrong with it.
pub fn testee_transport(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
) -> Result<Part<Transport>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Transport::read_testee(reading, at, &mut Unique::new("transport id"), &mut Vec::new())
    })
}

impl<T> Part<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Part<U> {
        Part { value: change(self.value), warnings: self.warnings }
    }
}

fn part<T>(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
    read: impl FnOnce(&mut Reading<'_>, At<'_>) -> Option<T>,
) -> Result<Part<T>, Problems> {
    let text = serde_json::to_string_pretty(config).expect("JSON can be written as JSON");
    let source = Arc::new(Source::new(what, &text));
    let mut reading = Reading::new(&source, Environment::process(), Some(cbdir));
    let value = match Document::parse(&source, Format::Json) {
        Ok(document) => {
            let root = reading.root(&document);
            read(&mut reading, root)
        }
        Err(error) => {
            let finding = Finding::error(error.message).expected_if(error.expected);
            reading.add(error.range, "$", finding);
            None
        }
    };
    let (list, _) = reading.into_findings();
    // What is not built is refused as it is at start: a part that is left out would let clients in or fail them.
    let (warnings, refusals): (Vec<_>, Vec<_>) =
        list.into_iter().partition(|problem| problem.severity == Severity::Warning);
    match value {
        Some(value) if refusals.is_empty() => Ok(Part { value, warnings: Problems::new(source, warnings) }),
        _ => Err(Problems::new(source, refusals)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cbdir() -> &'static Path {
        Path::new("/srv/node")
    }

    #[test]
    fn a_realm_by_itself_is_read_as_one_of_a_file() {
        let roles = json!([{"name": "anonymous", "permissions": [{"uri": "*", "allow": {"call": true}}]}]);
        let realm = realm(&json!({"name": "realm1", "roles": roles}), "realm r1", cbdir()).unwrap().value;
        assert_eq!((realm.name.as_str(), realm.roles.len()), ("realm1", 1));
    }

    #[test]
    fn problems_name_the_part_and_the_place_in_it() {
        let permissions = json!([{"uri": "com.", "match": "prefx"}]);
        let config = json!({"name": "user", "permissions": permissions});
        let text = role(&config, "role user", cbdir()).unwrap_err().to_string();
        assert!(text.contains("role user") && text.contains("prefx"), "{text}");
    }

    #[test]
    fn what_is_not_built_is_refused_and_nothing_else_is_said() {
        let permission = json!({"uri": "a.b", "validate": {"call": "x.Y"}});
        let roles = json!([{"name": "user", "permissions": [permission]}]);
        let config = json!({"name": "realm1", "odd": 1, "roles": roles});
        let text = realm(&config, "realm r1", cbdir()).unwrap_err().to_string();
        assert!(text.contains("validation of payloads is not built yet") && !text.contains("odd"), "{text}");
        let config = json!({"name": "realm1", "odd": 1, "roles": []});
        let warnings = realm(&config, "realm r1", cbdir()).unwrap().warnings;
        assert_eq!((warnings.len(), warnings.count(Severity::Warning)), (1, 1), "{warnings}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(realm(&json!("realm1"), "realm r1", cbdir()).is_err());
        assert!(limits(&json!([]), cbdir()).is_err());
    }
}
