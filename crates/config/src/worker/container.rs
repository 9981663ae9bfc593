//! `"type": "container"`: a process for parts of the application.

use super::{ContainerComponent, Siblings, WorkerOptions, WorkerTemplate, no_python_process};
use crate::reading::{Fields, Finding, Reading, Unique};

/// A container: a process that runs components, which connect to routers.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerWorker {
    /// `id`. Default: `worker001`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `options.shutdown`: when the container ends by itself. Default: `shutdown-manual`.
    pub shutdown: ContainerShutdown,
    /// `options.restart`: which components are started again. Default: `restart-never`.
    pub restart: ContainerRestart,
    /// `template` and `realm`: it is started with each realm whose name matches. Default: it is started with the node.
    pub template: Option<WorkerTemplate>,
    /// `components`. Default: none.
    pub components: Vec<ContainerComponent>,
}

/// `options.shutdown` of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContainerShutdown {
    /// `shutdown-manual`: only when asked to.
    #[default]
    Manual,
    /// `shutdown-on-last-component-stopped`.
    LastComponentStopped,
    /// `shutdown-on-any-component-failed`.
    AnyComponentFailed,
    /// `shutdown-on-any-component-stopped`.
    AnyComponentStopped,
}

/// `options.restart` of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContainerRestart {
    /// `restart-never`.
    #[default]
    Never,
    /// `restart-on-failed`.
    OnFailed,
    /// `restart-always`.
    Always,
}

const SHUTDOWN: &[(&str, ContainerShutdown)] = &[
    ("shutdown-manual", ContainerShutdown::Manual),
    ("shutdown-on-last-component-stopped", ContainerShutdown::LastComponentStopped),
    ("shutdown-on-any-component-failed", ContainerShutdown::AnyComponentFailed),
    ("shutdown-on-any-component-stopped", ContainerShutdown::AnyComponentStopped),
];

const RESTART: &[(&str, ContainerRestart)] = &[
    ("restart-never", ContainerRestart::Never),
    ("restart-on-failed", ContainerRestart::OnFailed),
    ("restart-always", ContainerRestart::Always),
];

impl ContainerWorker {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let template = WorkerTemplate::read(reading, &mut fields);
        let outer = std::mem::replace(&mut reading.groups, WorkerTemplate::names(template.as_ref()));
        let (mut options, mut shutdown, mut restart) = Default::default();
        if let Some(fields) = fields.object(reading, "options", "the container's options") {
            (options, shutdown, restart) = Self::read_options(reading, fields);
        }
        let mut ids = Unique::new("component id");
        let list = fields.list(reading, "components", "a list of components");
        let components: Vec<_> =
            list.into_iter().filter_map(|at| ContainerComponent::read(reading, at, &mut ids)).collect();
        let codes = components.iter().map(|it| &it.code);
        reading.check_python(&fields.at, options.python.as_ref(), codes, &[]);
        reading.groups = outer;
        no_python_process(reading, &mut fields);
        fields.finish(reading);
        Self { id, options, shutdown, restart, template, components }
    }
}

impl ContainerWorker {
    pub(crate) fn read_options(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
    ) -> (WorkerOptions, ContainerShutdown, ContainerRestart) {
        let options = WorkerOptions::read(reading, &mut fields);
        let shutdown = fields.word(reading, "shutdown", SHUTDOWN).unwrap_or_default();
        let restart = fields.word(reading, "restart", RESTART).unwrap_or_default();
        check_combination(reading, &mut fields, shutdown, restart);
        for key in ["extra", "expose_shared"] {
            fields.no_effect(reading, key, "each component is a process of its own, and has its own `extra`");
        }
        fields.finish(reading);
        (options, shutdown, restart)
    }
}

/// What is always started again never ends the container.
fn check_combination(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    shutdown: ContainerShutdown,
    restart: ContainerRestart,
) {
    let is_impossible = match restart {
        ContainerRestart::Always => shutdown != ContainerShutdown::Manual,
        ContainerRestart::OnFailed => shutdown == ContainerShutdown::AnyComponentFailed,
        ContainerRestart::Never => false,
    };
    if let Some(at) = fields.get("shutdown").filter(|_| is_impossible) {
        let message = "this `shutdown` never happens with this `restart`, which starts such components again";
        reading.report(&at, Finding::error(message).expected("`shutdown-manual`, or another `restart`"));
    }
}
