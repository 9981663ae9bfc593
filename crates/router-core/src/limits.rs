//! Every bound of a realm on what its sessions may make it keep or do, by name.

use crossweave_wamp::Strictness;
use crossweave_wamp::limits::URI_LEN_MAX;

/// How a realm behaves.
#[derive(Clone, Debug)]
pub struct RealmOptions {
    /// Which characters URIs may have (default: loose).
    pub strictness: Strictness,
    /// Whether `wamp.session.*` procedures and events exist (default: yes). Permissions apply to them as to any other URI.
    pub enable_meta_api: bool,
    /// The bounds.
    pub limits: RealmLimits,
}

impl Default for RealmOptions {
    fn default() -> Self {
        RealmOptions { strictness: Strictness::Loose, enable_meta_api: true, limits: RealmLimits::default() }
    }
}

/// What one session may make a realm keep. Beyond a bound the request gets ERROR `wamp.error.resource_exhausted`.
#[derive(Clone, Debug)]
pub struct RealmLimits {
    /// Subscriptions of one session (default 100,000).
    pub subscriptions_per_session_max: usize,
    /// Registrations of one session (default 100,000).
    pub registrations_per_session_max: usize,
    /// Calls of one session in flight, as caller (default 65,536).
    pub calls_per_session_max: usize,
    /// Callees of one shared registration (default 4,096): choosing one may look at each.
    pub callees_per_registration_max: usize,
    /// Bytes of one URI or pattern (default and most 1,024).
    pub uri_len_max: usize,
    /// Messages of one session held back while one of them awaits authorization (default 8,192, more than
    /// one read of a driver can hold). Beyond it the session is aborted: its driver was told to stop reading long before.
    pub held_messages_max: usize,
    /// Continuations that may still come for progressive calls of one session that have ended (default 64): so many ended
    /// calls are remembered, so that their continuations are not taken for new calls.
    pub ended_progressive_calls_max: usize,
}

impl Default for RealmLimits {
    fn default() -> Self {
        RealmLimits {
            subscriptions_per_session_max: 100_000,
            registrations_per_session_max: 100_000,
            calls_per_session_max: 65_536,
            callees_per_registration_max: 4_096,
            uri_len_max: URI_LEN_MAX,
            held_messages_max: 8_192,
            ended_progressive_calls_max: 64,
        }
    }
}
