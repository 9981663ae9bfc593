//! `longpoll`: WAMP over HTTP requests.

use crate::reading::{Fields, Reading};

/// `"type": "longpoll"`, with its `options`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongPoll {
    /// `request_timeout`: seconds after which a request that found nothing to receive is answered, 1 to 3600. Default: 10.
    pub request_timeout: u32,
    /// `session_timeout`: seconds without a request after which the session is over, 1 to 86400. Default: 30.
    pub session_timeout: u32,
    /// `queue_limit_bytes`: bytes that may wait to be received, 1024 to 1073741824. Default: 131072.
    pub queue_limit_bytes: u32,
    /// `queue_limit_messages`: messages that may wait to be received, 1 to 1000000. Default: 100.
    pub queue_limit_messages: u32,
}

impl LongPoll {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let default = Self {
            request_timeout: 10,
            session_timeout: 30,
            queue_limit_bytes: 131_072,
            queue_limit_messages: 100,
        };
        let Some(mut fields) = fields.object(reading, "options", "the options of long polling") else {
            return default;
        };
        let mut int = |key, range, unit, default| fields.int(reading, key, range, unit).unwrap_or(default);
        let longpoll = Self {
            request_timeout: int("request_timeout", 1..=3_600, "seconds", default.request_timeout),
            session_timeout: int("session_timeout", 1..=86_400, "seconds", default.session_timeout),
            queue_limit_bytes: int("queue_limit_bytes", 1_024..=1 << 30, "bytes", default.queue_limit_bytes),
            queue_limit_messages: int(
                "queue_limit_messages",
                1..=1_000_000,
                "messages",
                default.queue_limit_messages,
            ),
        };
        fields.no_effect(reading, "debug", "messages are logged with `--loglevel trace`");
        fields.no_effect(reading, "debug_transport_id", "the ids of transports cannot be guessed here");
        fields.finish(reading);
        longpoll
    }
}
