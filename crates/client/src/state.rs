//! Whether there is a connection.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Disconnected;
use crate::session::Session;

/// Whether there is a connection.
///
/// ```text
///   Connected ⇄ Disconnected ──▶ Closed
///       └────────────────────────▲
/// ```
#[derive(Clone, Debug)]
pub enum State {
    /// A session is open.
    Connected(Arc<Session>),
    /// The connection is lost.
    Disconnected {
        /// Why; after a failed attempt, why that failed.
        why: Disconnected,
        /// When the next attempt is made.
        retry_in: Duration,
        /// Attempts since the connection was lost.
        attempts: u32,
    },
    /// There will be no further connection: why not, or nothing if the application left.
    Closed(Option<Disconnected>),
}

impl State {
    /// Whether a session is open.
    pub fn is_connected(&self) -> bool {
        matches!(self, State::Connected(_))
    }

    /// Whether it stays as it is.
    pub fn is_closed(&self) -> bool {
        matches!(self, State::Closed(_))
    }
}
