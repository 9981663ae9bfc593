//! What one connection may use up: our own options beside those of Crossbar.io.

use crate::reading::{Fields, Reading};

/// Bounds of one connection. They stand in the `options` of a transport; Crossbar.io does not have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// `max_queue_bytes`: how many bytes may wait for a client that reads slower than it is sent to, 65536 to
    /// 1073741824. Default: 4194304 (4 MiB).
    pub max_queue_bytes: u32,
    /// `on_slow`: what happens when they are used up. Default: `drop_new`.
    pub on_slow: OnSlow,
    /// `handshake_timeout`: milliseconds a client has until its transport is open, and again from there until it has
    /// joined a realm; 0 for no limit, else 100 to 86400000. Default: 5000.
    pub handshake_timeout: u32,
    /// `resumption`: clients that ask for it may go on with their session when their connection was lost. Default: they
    /// may not.
    pub resumption: Option<ResumptionOptions>,
}

/// `resumption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumptionOptions {
    /// `window`: seconds for which a session is kept without a connection, 1 to 3600. Default: 30.
    pub window: u32,
    /// `buffer`: bytes of messages kept for each such session, 4096 to 67108864. Default: 262144 (256 KiB).
    pub buffer: u32,
    /// `max_sessions`: how many sessions of a realm may be resumable at a time, 1 to 1000000. Default: 1000.
    pub max_sessions: u32,
    /// `max_sessions_per_client`: how many of them one client may have, that is one authid, or of anonymous clients one
    /// address, or one user of a Unix socket, 1 to 1000000. Default: 32.
    pub max_sessions_per_client: u32,
}

impl Default for ResumptionOptions {
    fn default() -> Self {
        Self { window: 30, buffer: 256 * 1024, max_sessions: 1_000, max_sessions_per_client: 32 }
    }
}

impl ResumptionOptions {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let default = Self::default();
        let window = fields.int(reading, "window", 1..=3_600, "seconds");
        let buffer = fields.int(reading, "buffer", 4_096..=67_108_864, "bytes");
        let max_sessions = fields.int(reading, "max_sessions", 1..=1_000_000, "sessions");
        let per_client = fields.int(reading, "max_sessions_per_client", 1..=1_000_000, "sessions");
        fields.finish(reading);
        Self {
            window: window.unwrap_or(default.window),
            buffer: buffer.unwrap_or(default.buffer),
            max_sessions: max_sessions.unwrap_or(default.max_sessions),
            max_sessions_per_client: per_client.unwrap_or(default.max_sessions_per_client),
        }
    }
}

/// What happens to a client that reads too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnSlow {
    /// `drop_new`: it misses events until it has caught up; they are counted.
    DropNew,
    /// `disconnect`: it is disconnected.
    Disconnect,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self {
            max_queue_bytes: 4 * 1024 * 1024,
            on_slow: OnSlow::DropNew,
            handshake_timeout: 5_000,
            resumption: None,
        }
    }
}

impl ConnectionOptions {
    /// Reads its keys out of a transport's `options`, which has other keys too.
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let default = Self::default();
        let words = &[("drop_new", OnSlow::DropNew), ("disconnect", OnSlow::Disconnect)];
        Self {
            max_queue_bytes: fields
                .int(reading, "max_queue_bytes", 65_536..=1_073_741_824, "bytes")
                .unwrap_or(default.max_queue_bytes),
            on_slow: fields.word(reading, "on_slow", words).unwrap_or(default.on_slow),
            handshake_timeout: fields
                .millis(reading, "handshake_timeout")
                .unwrap_or(default.handshake_timeout),
            resumption: fields
                .part(reading, "resumption", "how sessions may be resumed")
                .map(|fields| ResumptionOptions::read(reading, fields)),
        }
    }
}

/// Reads `options` of a transport that has no others.
pub(super) fn alone(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> ConnectionOptions {
    let Some(mut fields) = fields.object(reading, "options", "the transport's options") else {
        return ConnectionOptions::default();
    };
    let connection = ConnectionOptions::read(reading, &mut fields);
    fields.finish(reading);
    connection
}

/// Reads them into `connection` where they belong, and says where they belong elsewhere.
pub(super) fn read_or_refuse(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    connection: Option<&mut ConnectionOptions>,
) {
    match connection {
        Some(connection) => *connection = ConnectionOptions::read(reading, fields),
        None => {
            for key in ["max_queue_bytes", "on_slow", "handshake_timeout", "resumption"] {
                fields.elsewhere(key, "it in the `options` of the transport");
            }
        }
    }
}
