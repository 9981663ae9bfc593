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
        Self { max_queue_bytes: 4 * 1024 * 1024, on_slow: OnSlow::DropNew, handshake_timeout: 5_000 }
    }
}

impl ConnectionOptions {
    /// Reads the three keys out of a transport's `options`, which has other keys too.
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
            for key in ["max_queue_bytes", "on_slow", "handshake_timeout"] {
                fields.elsewhere(key, "it in the `options` of the transport");
            }
        }
    }
}
