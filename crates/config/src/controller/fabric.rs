//! `fabric`: the connection to a node that manages this one.

use crate::connecting::ConnectingTransport;
use crate::reading::{Fields, Reading};

/// The uplink to a managing node.
#[derive(Debug, Clone, PartialEq)]
pub struct Fabric {
    /// `transport`: how it connects; null for not at all. Default: not at all.
    pub transport: Option<ConnectingTransport>,
    /// `heartbeat`.
    pub heartbeat: Heartbeat,
}

/// `heartbeat`: what the node tells of itself, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// `startup_delay`: seconds until the first one, 0 to 86400. Default: 5.
    pub startup_delay: u32,
    /// `heartbeat_period`: seconds between them, 1 to 86400. Default: 10.
    pub heartbeat_period: u32,
    /// `include_system_stats`: with figures of the machine. Default: true.
    pub include_system_stats: bool,
    /// `send_workers_heartbeats`: one for each worker besides. Default: true.
    pub send_workers_heartbeats: bool,
    /// `aggregate_workers_heartbeats`: with the sums of what router workers count. Default: true.
    pub aggregate_workers_heartbeats: bool,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            startup_delay: 5,
            heartbeat_period: 10,
            include_system_stats: true,
            send_workers_heartbeats: true,
            aggregate_workers_heartbeats: true,
        }
    }
}

impl Fabric {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let transport = fields
            .get("transport")
            .filter(|at| !matches!(at.item.value, crate::document::Value::Null))
            .and_then(|at| ConnectingTransport::read(reading, at));
        let heartbeat = fields.section(reading, "heartbeat", "the heartbeat", |reading, fields| {
            Heartbeat::read(reading, fields)
        });
        fields.finish(reading);
        Self { transport, heartbeat }
    }
}

impl Heartbeat {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let default = Self::default();
        let startup_delay = fields.int(reading, "startup_delay", 0..=86_400, "seconds");
        let heartbeat_period = fields.int(reading, "heartbeat_period", 1..=86_400, "seconds");
        let heartbeat = Self {
            startup_delay: startup_delay.unwrap_or(default.startup_delay),
            heartbeat_period: heartbeat_period.unwrap_or(default.heartbeat_period),
            include_system_stats: fields.bool(reading, "include_system_stats", true),
            send_workers_heartbeats: fields.bool(reading, "send_workers_heartbeats", true),
            aggregate_workers_heartbeats: fields.bool(reading, "aggregate_workers_heartbeats", true),
        };
        fields.finish(reading);
        heartbeat
    }
}
