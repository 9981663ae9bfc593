//! `controller`: the settings of the node itself, and the limits that hold for all of it.

use crate::reading::{Fields, Finding, Reading, quoted};

/// The node controller.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Controller {
    /// `id`: the node's id: 1 to 64 of letters, digits, `_`, `-` and `.`. Default: host name and process id.
    pub id: Option<String>,
    /// `options`.
    pub options: ControllerOptions,
}

/// `controller.options`.
#[derive(Debug, Clone, PartialEq)]
pub struct ControllerOptions {
    /// `title`: the process title. Default: `crossbar-controller`, which scripts written for Crossbar.io look for.
    pub title: String,
    /// `shutdown`: when the node stops by itself: one word or a list. Default: `shutdown_on_worker_exit`.
    pub shutdown: Vec<ShutdownTrigger>,
    /// `enable_parallel_worker_start`: start workers at the same time instead of one after the other. Default: false.
    pub enable_parallel_worker_start: bool,
    /// `limits`: what peers may use up. Not in Crossbar.io.
    pub limits: Limits,
}

/// When a node stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownTrigger {
    /// `shutdown_on_shutdown_requested`: only when asked to.
    ShutdownRequested,
    /// `shutdown_on_worker_exit`: when any worker ends.
    WorkerExit,
    /// `shutdown_on_worker_exit_with_error`: when any worker fails.
    WorkerExitWithError,
    /// `shutdown_on_last_worker_exit`: when no worker is left.
    LastWorkerExit,
}

/// What peers may use up, over the whole node. Not in Crossbar.io, which has no such limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `max_connections`: open connections, 1 to 10000000. Default: 100000.
    pub max_connections: u32,
    /// `max_pending_connections`: connections that have not joined a realm yet, 1 to 1000000. Default: 2000.
    pub max_pending_connections: u32,
    /// `max_pending_per_address`: the same for one peer address, 1 to 1000000. Default: 64.
    pub max_pending_per_address: u32,
    /// `max_subscriptions_per_session`: 1 to 10000000. Default: 100000.
    pub max_subscriptions_per_session: u32,
    /// `max_registrations_per_session`: 1 to 10000000. Default: 100000.
    pub max_registrations_per_session: u32,
    /// `max_uri_length`: bytes of a URI, 16 to 65535. Default: 1024.
    pub max_uri_length: u32,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self {
            title: "crossbar-controller".to_owned(),
            shutdown: vec![ShutdownTrigger::WorkerExit],
            enable_parallel_worker_start: false,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            max_pending_connections: 2_000,
            max_pending_per_address: 64,
            max_subscriptions_per_session: 100_000,
            max_registrations_per_session: 100_000,
            max_uri_length: 1_024,
        }
    }
}

impl Controller {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let id = node_id(reading, &mut fields);
        let options = fields
            .object(reading, "options", "the controller's options")
            .map(|fields| ControllerOptions::read(reading, fields))
            .unwrap_or_default();
        fields.no_effect(reading, "manhole", "there is no Python process to log in to");
        fields.no_effect(reading, "connections", "Crossbar.io ignores it too");
        fields.no_effect(reading, "keyring", "the node key is in the file `key.priv`");
        fields.no_effect(reading, "fabric", "the management uplink is not built yet");
        fields.no_effect(reading, "blockchain", "Crossweave uses no blockchain");
        fields.no_effect(reading, "enable_docker", "managing Docker is not built yet");
        fields.finish(reading);
        Self { id, options }
    }
}

fn node_id(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let id = fields.text(reading, "id")?;
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=64).contains(&id.len()) && id.bytes().all(is_inner) {
        return Some(id);
    }
    let at = fields.get("id")?;
    let finding = Finding::error(format!("{} cannot be a node id", quoted(&id)));
    reading.report(&at, finding.expected("1 to 64 letters, digits, `_`, `-` and `.`"));
    None
}

impl ControllerOptions {
    const SHUTDOWN: &[(&'static str, ShutdownTrigger)] = &[
        ("shutdown_on_shutdown_requested", ShutdownTrigger::ShutdownRequested),
        ("shutdown_on_worker_exit", ShutdownTrigger::WorkerExit),
        ("shutdown_on_worker_exit_with_error", ShutdownTrigger::WorkerExitWithError),
        ("shutdown_on_last_worker_exit", ShutdownTrigger::LastWorkerExit),
    ];

    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let default = Self::default();
        let options = Self {
            title: fields.text(reading, "title").unwrap_or(default.title),
            shutdown: Self::shutdown(reading, &mut fields).unwrap_or(default.shutdown),
            enable_parallel_worker_start: fields.bool(reading, "enable_parallel_worker_start", false),
            limits: fields
                .object(reading, "limits", "the limits")
                .map(|fields| Limits::read(reading, fields))
                .unwrap_or_default(),
        };
        fields.finish(reading);
        options
    }

    /// One word, or a list of words.
    fn shutdown(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Vec<ShutdownTrigger>> {
        let at = fields.get("shutdown")?;
        let words = match at.item.value {
            crate::document::Value::List(_) => reading.elements(&at, "a list of shutdown triggers"),
            _ => vec![at],
        };
        Some(words.iter().filter_map(|at| reading.word(at, Self::SHUTDOWN)).collect())
    }
}

impl Limits {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let default = Self::default();
        let mut limit = |key, range, default| fields.int(reading, key, range, "").unwrap_or(default);
        let limits = Self {
            max_connections: limit("max_connections", 1..=10_000_000, default.max_connections),
            max_pending_connections: limit(
                "max_pending_connections",
                1..=1_000_000,
                default.max_pending_connections,
            ),
            max_pending_per_address: limit(
                "max_pending_per_address",
                1..=1_000_000,
                default.max_pending_per_address,
            ),
            max_subscriptions_per_session: limit(
                "max_subscriptions_per_session",
                1..=10_000_000,
                default.max_subscriptions_per_session,
            ),
            max_registrations_per_session: limit(
                "max_registrations_per_session",
                1..=10_000_000,
                default.max_registrations_per_session,
            ),
            max_uri_length: limit("max_uri_length", 16..=65_535, default.max_uri_length),
        };
        fields.finish(reading);
        limits
    }
}
