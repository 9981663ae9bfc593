//! How much may wait for one session, and what becomes of more.

/// Bytes above the bound that messages other than EVENT may still use: replies, invocations and GOODBYE find room when
/// events have filled the queue. As much again is there for saying that something did not fit.
pub const RESERVED_LANE_BYTES: usize = 256 * 1024;

/// The longest EVENT, in octets as encoded for its receiver. Longer ones are dropped and counted.
pub const EVENT_LEN_MAX: usize = 16 << 20;

/// Messages that are longer than half of the bound and may wait beside what it holds: one is being written while the next one
/// comes. So a message of any length reaches a session that reads, whatever else is on its way, and what waits is at most the
/// bound and so many of the longest messages.
pub const LONG_MESSAGES_MAX: u8 = 2;

/// What becomes of an EVENT for a session whose queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSlow {
    /// The new event is dropped for this session, counted and logged (default).
    #[default]
    DropNew,
    /// The session is closed.
    Disconnect,
}

/// Bounds on what waits for one session.
#[derive(Clone, Copy, Debug)]
pub struct QueueOptions {
    /// Bytes of events that may wait. Default 4 MiB. Of messages with 64 KiB of payload and more, [`LONG_MESSAGES_MAX`] that are
    /// longer than half of that may wait besides, up to [`EVENT_LEN_MAX`] each.
    pub bytes_max: usize,
    /// What happens beyond.
    pub on_slow: OnSlow,
}

impl Default for QueueOptions {
    fn default() -> Self {
        QueueOptions { bytes_max: 4 << 20, on_slow: OnSlow::DropNew }
    }
}
