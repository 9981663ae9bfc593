//! `longpoll`: WAMP over HTTP requests.

use crate::auth::{self, Auth};
use crate::reading::{Fields, Finding, Reading};
use crate::serializer::{self, Batches, Serializer, Serializers};
use crate::transport::{AllowedOrigins, Surroundings, allowed_origins};

/// `"type": "longpoll"`, with its `options`.
#[derive(Debug, Clone, PartialEq)]
pub struct LongPoll {
    /// `serializers`: those spoken with one message in each body. Default: all. Not in Crossbar.io, as are the next two.
    pub serializers: Vec<Serializer>,
    /// Those spoken in batches: the same, and what `serializers` has as `json.batched` and so on. Default: all.
    pub batched_serializers: Vec<Serializer>,
    /// `auth`. Default: anonymous, in role `anonymous`.
    pub auth: Auth,
    /// `options`.
    pub options: LongPollOptions,
}

/// `options` of `longpoll`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongPollOptions {
    /// `request_timeout`: seconds after which a request that found nothing to receive is answered, 0 to 3600; 0 for never.
    /// Default: 10.
    pub request_timeout: u32,
    /// `session_timeout`: seconds without a request after which the session is over, 0 to 86400; 0 for never. Default: 30.
    pub session_timeout: u32,
    /// `queue_limit_bytes`: bytes that may wait to be received, 1024 to 1073741824. Default: 131072.
    pub queue_limit_bytes: u32,
    /// `queue_limit_messages`: messages that may wait to be received, 1 to 1000000. Default: 100.
    pub queue_limit_messages: u32,
    /// `max_message_size`: bytes of a body that is sent, 1024 to 16777215. Default: 1048576. Not in Crossbar.io.
    pub max_message_size: u32,
    /// `allowed_origins`: web pages from where may connect. Default: from everywhere; on loopback those of this machine. Not in
    /// Crossbar.io.
    pub allowed_origins: Option<AllowedOrigins>,
    /// `debug`: log what sessions come and go, and each request of theirs. Default: false.
    pub debug: bool,
}

impl Default for LongPollOptions {
    fn default() -> Self {
        Self {
            request_timeout: 10,
            session_timeout: 30,
            queue_limit_bytes: 131_072,
            queue_limit_messages: 100,
            max_message_size: 1 << 20,
            allowed_origins: None,
            debug: false,
        }
    }
}

impl LongPoll {
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
    ) -> Self {
        let Serializers { single, batched } = serializer::read(reading, fields, Batches::Spoken);
        let auth = auth::read(reading, fields, around.reach());
        if auth.cookie {
            let message = "`longpoll` has no cookies: nobody can join by `auth.cookie`";
            reading.report(&fields.at.start(), Finding::error(message).expected("another method"));
        }
        let options = fields.section(reading, "options", "the options of long polling", |reading, fields| {
            LongPollOptions::read(reading, fields)
        });
        Self { serializers: single, batched_serializers: batched, auth, options }
    }
}

impl LongPollOptions {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        /// The longest message that the router takes, but one byte.
        const MESSAGE_MAX: i64 = (1 << 24) - 1;
        let default = Self::default();
        let mut int = |key, range, unit, default| fields.int(reading, key, range, unit).unwrap_or(default);
        let options = Self {
            request_timeout: int("request_timeout", 0..=3_600, "seconds", default.request_timeout),
            session_timeout: int("session_timeout", 0..=86_400, "seconds", default.session_timeout),
            queue_limit_bytes: int("queue_limit_bytes", 1_024..=1 << 30, "bytes", default.queue_limit_bytes),
            queue_limit_messages: int(
                "queue_limit_messages",
                1..=1_000_000,
                "messages",
                default.queue_limit_messages,
            ),
            max_message_size: int("max_message_size", 1_024..=MESSAGE_MAX, "bytes", default.max_message_size),
            allowed_origins: allowed_origins(reading, &mut fields),
            debug: fields.bool(reading, "debug", default.debug),
        };
        if options.session_timeout == 0
            && let Some(at) = fields.get("session_timeout")
        {
            let message = "sessions whose clients go away without a word never end";
            reading.report(&at, Finding::warning(message).expected("more seconds than clients are silent"));
        }
        fields.no_effect(
            reading,
            "debug_transport_id",
            "the id of a transport is the secret of its session: with a fixed one anybody could take it over",
        );
        fields.finish(reading);
        options
    }
}
