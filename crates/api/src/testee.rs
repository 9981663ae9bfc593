//! WebSocket testees: servers that send every message back.

use crate::Config;
use crate::contract::{events, objects, procedures};
use crate::error;

procedures! { Testee:
    /// The transport of the testee; null if it has none.
    "get_websocket_testee_transport" GetTesteeTransport {} -> Option<TesteeTransport>;

    /// Starts the transport of the testee.
    "start_websocket_testee_transport" StartTesteeTransport {
        /// An id for it.
        transport_id: String,
        /// A WebSocket transport.
        config: Config,
    } -> TesteeTransport,
    errors [error::ALREADY_RUNNING, error::INVALID_CONFIGURATION, error::CANNOT_LISTEN];

    /// Stops the transport of the testee, and its connections.
    "stop_websocket_testee_transport" StopTesteeTransport {} -> TesteeTransport, errors [error::NOT_RUNNING];
}

objects! {
    /// A transport of a testee.
    TesteeTransport {
        /// Its id.
        id: String,
        /// The part of the configuration that it was started with.
        config: Config,
        /// When it was asked for, in UTC.
        created_at: String,
        /// Where it listens, for people.
        listening: Vec<String>,
    }
}

events! { Testee: }
