//! `stats` of a realm: when the figures of a session are published.

use crate::reading::{Fields, Finding, Reading};

/// Figures of sessions, published to `wamp.session.on_stats`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStats {
    /// `rated_message_size`: bytes that count as one message, an even number from 2 to 1048576. Default: 512.
    pub rated_message_size: u32,
    /// `trigger_after_rated_messages`: published after so many, 1 to 1000000000. Default: never.
    pub trigger_after_rated_messages: Option<u32>,
    /// `trigger_after_duration`: published after so long, 1 to 86400000 milliseconds. Default: never.
    pub trigger_after_duration: Option<u32>,
    /// `trigger_on_join`: published when a session joins. Default: false.
    pub trigger_on_join: bool,
    /// `trigger_on_leave`: published when it leaves. Default: true.
    pub trigger_on_leave: bool,
}

impl SessionStats {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let rated_message_size =
            fields.int(reading, "rated_message_size", 2..=1 << 20, "bytes").unwrap_or(512);
        if rated_message_size % 2 == 1
            && let Some(at) = fields.get("rated_message_size")
        {
            reading.report(&at, Finding::error("`rated_message_size` is odd").expected("an even number"));
        }
        let stats = Self {
            rated_message_size,
            trigger_after_rated_messages: fields.int(
                reading,
                "trigger_after_rated_messages",
                0..=1_000_000_000,
                "messages",
            ),
            trigger_after_duration: fields.int(
                reading,
                "trigger_after_duration",
                0..=86_400_000,
                "milliseconds",
            ),
            trigger_on_join: fields.bool(reading, "trigger_on_join", false),
            trigger_on_leave: fields.bool(reading, "trigger_on_leave", true),
        };
        fields.finish_lenient(reading);
        let never = |count: Option<u32>| count.filter(|count| *count > 0);
        Self {
            trigger_after_rated_messages: never(stats.trigger_after_rated_messages),
            trigger_after_duration: never(stats.trigger_after_duration),
            ..stats
        }
    }
}
