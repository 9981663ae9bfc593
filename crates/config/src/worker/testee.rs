//! `"type": "websocket-testee"`: an echo server by which WebSocket implementations are tested.

use super::{Siblings, WorkerOptions};
use crate::reading::{Fields, Reading, Unique};
use crate::transport::Transport;

/// A WebSocket server that sends every message back, for the Autobahn test suite.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocketTesteeWorker {
    /// `id`. Default: `worker001`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `transport`: a WebSocket transport. Needed.
    pub transport: Option<Box<Transport>>,
}

impl WebSocketTesteeWorker {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let options = WorkerOptions::alone(reading, &mut fields);
        let mut ids = Unique::new("transport id");
        let transport = fields
            .required(reading, "transport")
            .and_then(|at| Transport::read_testee(reading, at, &mut ids, &mut siblings.listeners))
            .map(Box::new);
        fields.finish(reading);
        Self { id, options, transport }
    }
}
