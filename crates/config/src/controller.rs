//! `controller`: the settings of the node itself, and the limits that hold for all of it.

mod fabric;
mod keyring;

pub use fabric::{Fabric, Heartbeat};
pub use keyring::Keyring;

use crate::reading::{Fields, Finding, Reading, Shape, quoted};

/// The node controller.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Controller {
    /// `id`: the node's id: 1 to 64 of letters, digits, `_`, `-` and `.`. Default: host name and process id.
    pub id: Option<String>,
    /// `options`.
    pub options: ControllerOptions,
    /// `keyring`: checked, and without effect, as in Crossbar.io. Default: none.
    pub keyring: Option<Keyring>,
    /// `fabric`: the connection to a node that manages this one. Default: none.
    pub fabric: Option<Fabric>,
    /// `enable_docker`: whether containers of Docker are managed. Default: false.
    pub enable_docker: bool,
}

/// `controller.options`.
#[derive(Debug, Clone, PartialEq)]
pub struct ControllerOptions {
    /// `title`: the process title. Default: `crossbar-controller`, which scripts written for Crossbar.io look for.
    pub title: String,
    /// `shutdown`: when the node stops by itself: one word or a list. Default: `shutdown_on_worker_exit`, of workers that
    /// could not be started again; where the word is written down, none is started again.
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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Limits {
    /// `max_connections`: open connections, 1 to 10000000. Default: 100000.
    pub max_connections: u32,
    /// `max_pending_connections`: connections that have not joined a realm yet, 1 to 1000000. Default: 2000.
    pub max_pending_connections: u32,
    /// `max_pending_per_address`: the same for one peer address, 1 to 1000000. Default: 64.
    pub max_pending_per_address: u32,
    /// `max_pending_body_bytes`: bytes of HTTP bodies that are on their way on such connections of one transport, but for the first
    /// 16384 of each, 65536 to 68719476736. Default: 67108864.
    pub max_pending_body_bytes: u64,
    /// `max_pending_body_bytes_per_address`: the same for one peer address, 65536 to 68719476736. Default: 16777216.
    pub max_pending_body_bytes_per_address: u64,
    /// `max_subscriptions_per_session`: 1 to 10000000. Default: 100000.
    pub max_subscriptions_per_session: u32,
    /// `max_registrations_per_session`: 1 to 10000000. Default: 100000.
    pub max_registrations_per_session: u32,
    /// `max_uri_length`: bytes of a URI, 16 to 65535. Default: 1024.
    pub max_uri_length: u32,
    /// `max_queued_calls_per_registration`: calls of one registration that wait while all its callees have as many as their
    /// `concurrency` allows, 0 to 1000000; `call-queue` of a realm's store may say otherwise. Default: 0.
    pub max_queued_calls_per_registration: u32,
    /// `max_retained_events`: events that the topics of one realm retain, 0 to 10000000. Default: 10000.
    pub max_retained_events: u32,
    /// `max_retained_bytes`: bytes of those, 0 to 68719476736. Default: 67108864.
    pub max_retained_bytes: u64,
    /// `max_retained_age`: how long an event is retained, 1 to 315360000 seconds. Default: for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retained_age: Option<u32>,
    /// `max_history_result`: events in one answer of `wamp.subscription.get_events`, 1 to 100000. Default: 1000.
    pub max_history_result: u32,
    /// `max_history_result_bytes`: bytes of those, 1024 to 16777216. Default: 1048576.
    pub max_history_result_bytes: u32,
    /// `max_decisions`: decisions of authorizers that one realm remembers, 0 to 1000000. Default: 16384.
    pub max_decisions: u32,
    /// `max_decision_age`: how long a decision is remembered, 1 to 86400 seconds. Default: 60.
    pub max_decision_age: u32,
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
            max_pending_body_bytes: 64 << 20,
            max_pending_body_bytes_per_address: 16 << 20,
            max_subscriptions_per_session: 100_000,
            max_registrations_per_session: 100_000,
            max_uri_length: 1_024,
            max_queued_calls_per_registration: 0,
            max_retained_events: 10_000,
            max_retained_bytes: 64 << 20,
            max_retained_age: None,
            max_history_result: 1_000,
            max_history_result_bytes: 1 << 20,
            max_decisions: 16_384,
            max_decision_age: 60,
        }
    }
}

impl Controller {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let id = node_id(reading, &mut fields);
        let options = fields.section(reading, "options", "the controller's options", |reading, fields| {
            ControllerOptions::read(reading, fields)
        });
        let keyring = fields
            .object(reading, "keyring", "the place of the node's key")
            .and_then(|fields| Keyring::read(reading, fields));
        fields.no_effect(reading, "keyring", "the node key is in the file `key.priv`");
        let fabric = fields
            .object(reading, "fabric", "the management uplink")
            .map(|fields| Fabric::read(reading, fields));
        fields.no_effect(reading, "fabric", "the management uplink is not built yet");
        let enable_docker = fields.bool(reading, "enable_docker", false);
        if enable_docker {
            fields.no_effect(reading, "enable_docker", "managing Docker is not built yet");
        }
        fields.refused(reading, "manhole", "it is a shell into a Python process, and there is none");
        fields.refused(reading, "blockchain", "Crossweave uses no blockchain");
        fields.refused(
            reading,
            "cdc",
            "it is of a management service that is no more; `fabric` has taken its place",
        );
        fields.no_effect(reading, "connections", "Crossbar.io ignores it too");
        fields.finish(reading);
        Self { id, options, keyring, fabric, enable_docker }
    }
}

fn node_id(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let id = fields.text(reading, "id")?;
    if is_node_id(&id) {
        return Some(id);
    }
    let at = fields.get("id")?;
    let finding = Finding::error(format!("{} cannot be a node id", quoted(&id)));
    reading.report(&at, finding.expected(NODE_ID));
    None
}

/// What [`is_node_id`] takes, in words.
pub const NODE_ID: &str = "1 to 64 letters, digits, `_`, `-` and `.`";

/// Whether this can be the id of a node.
pub fn is_node_id(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_inner)
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
                .section(reading, "limits", "the limits", |reading, fields| Limits::read(reading, fields)),
        };
        fields.finish(reading);
        options
    }

    /// One word, or a list of words.
    fn shutdown(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Vec<ShutdownTrigger>> {
        let at = fields.get("shutdown")?;
        reading.note(&at.path, || Shape::words(Self::SHUTDOWN));
        let words = match at.item.value {
            crate::document::Value::List(_) => reading.elements(&at, "a list of shutdown triggers"),
            _ => vec![at],
        };
        Some(words.iter().filter_map(|at| reading.word(at, Self::SHUTDOWN)).collect())
    }
}

impl Limits {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
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
            max_queued_calls_per_registration: limit(
                "max_queued_calls_per_registration",
                0..=1_000_000,
                default.max_queued_calls_per_registration,
            ),
            max_retained_events: limit("max_retained_events", 0..=10_000_000, default.max_retained_events),
            max_history_result: limit("max_history_result", 1..=100_000, default.max_history_result),
            max_decisions: limit("max_decisions", 0..=1_000_000, default.max_decisions),
            ..Self::bytes_and_ages(reading, &mut fields)
        };
        fields.finish(reading);
        limits
    }

    /// The limits that have a unit.
    fn bytes_and_ages(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        const TEN_YEARS_S: i64 = 315_360_000;
        let default = Self::default();
        Self {
            max_pending_body_bytes: fields
                .int(reading, "max_pending_body_bytes", 65_536..=64 << 30, "bytes")
                .unwrap_or(default.max_pending_body_bytes),
            max_pending_body_bytes_per_address: fields
                .int(reading, "max_pending_body_bytes_per_address", 65_536..=64 << 30, "bytes")
                .unwrap_or(default.max_pending_body_bytes_per_address),
            max_retained_bytes: fields
                .int(reading, "max_retained_bytes", 0..=64 << 30, "bytes")
                .unwrap_or(default.max_retained_bytes),
            max_retained_age: fields.int(reading, "max_retained_age", 1..=TEN_YEARS_S, "seconds"),
            max_history_result_bytes: fields
                .int(reading, "max_history_result_bytes", 1_024..=16 << 20, "bytes")
                .unwrap_or(default.max_history_result_bytes),
            max_decision_age: fields
                .int(reading, "max_decision_age", 1..=86_400, "seconds")
                .unwrap_or(default.max_decision_age),
            ..default
        }
    }
}
