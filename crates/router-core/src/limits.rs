//! Every bound of a realm on what its sessions may make it keep or do, by name.

use std::time::Duration;

use crossweave_wamp::Strictness;
use crossweave_wamp::limits::URI_LEN_MAX;

/// Denials that the operator is told one by one however quickly they come.
pub const DENIALS_TOLD_AT_ONCE: u32 = 100;
/// Beyond that, one more for each time that passes: some 40,000 a day.
pub const DENIALS_TOLD_EVERY: Duration = Duration::from_secs(2);

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

/// What one session may make a realm keep and do. Beyond a bound the request gets ERROR `wamp.error.resource_exhausted`, where
/// nothing else is said.
#[derive(Clone, Debug)]
pub struct RealmLimits {
    /// Subscriptions of one session (default 100,000).
    pub subscriptions_per_session_max: usize,
    /// Registrations of one session (default 100,000).
    pub registrations_per_session_max: usize,
    /// Subscriptions of one session that are prefixes or wildcards, and as many registrations (default 100,000). A match
    /// visits a bounded number of them, however many there are.
    pub patterns_per_session_max: usize,
    /// Bytes of the URIs and patterns of one session's subscriptions, and as many of its registrations (default 16 MiB). The
    /// realm keeps each of them twice.
    pub uri_bytes_per_session_max: usize,
    /// Bytes of all URIs and patterns with a subscription, and as many with a registration, of the whole realm (default 512 MiB).
    pub uri_bytes_max: usize,
    /// The components of a wildcard pattern that may be empty: the first so many (default 8). SUBSCRIBE and REGISTER of others
    /// get ERROR `wamp.error.invalid_uri`.
    ///
    /// It bounds what looking up one URI costs, whoever subscribed to what: at most 2^8 patterns match, and of the trie at
    /// most 2^8 nodes are visited for each component after the seventh, 6,655 for a URI of 32 components. That takes
    /// about 0.14 ms, with events for all that match (the `cost` example measures it). Each position more doubles it.
    pub wildcard_positions_max: usize,
    /// Calls of one session in flight, as caller (default 65,536).
    pub calls_per_session_max: usize,
    /// Callees of one shared registration (default 4,096): choosing one may look at each.
    pub callees_per_registration_max: usize,
    /// The most calls at once that `concurrency` of REGISTER can stand for (default 1,024): a larger one counts as this, so
    /// that a callee never gets more than it said. A callee without `concurrency` gets any number.
    pub concurrency_max: u64,
    /// Invocations of one session, as callee, that nobody waits for any more but that still take a place of its `concurrency`
    /// (default 4,096). Beyond it the place is free at once, as if the callee had answered. That takes a bound of its own,
    /// because a session may register, and register anew, many procedures.
    pub abandoned_per_session_max: usize,
    /// Bytes of one URI or pattern (default and most 1,024).
    pub uri_len_max: usize,
    /// Messages of one session held back while one of them awaits authorization (default 8,192, more than
    /// one read of a driver can hold). Beyond it the session is aborted: its driver was told to stop reading long before.
    pub held_messages_max: usize,
    /// Continuations that may still come for progressive calls of one session that have ended (default 64): so many ended
    /// calls are remembered, so that their continuations are not taken for new calls.
    pub ended_progressive_calls_max: usize,
    /// Decisions of authorizers that are remembered (default 16,384), each of at most some 4 KiB; 0 is none. Beyond it the
    /// oldest is forgotten.
    pub decisions_max: usize,
    /// For how long, in milliseconds (default 60,000).
    pub decision_ttl_ms: u64,
}

impl Default for RealmLimits {
    fn default() -> Self {
        RealmLimits {
            subscriptions_per_session_max: 100_000,
            registrations_per_session_max: 100_000,
            patterns_per_session_max: 100_000,
            uri_bytes_per_session_max: 16 << 20,
            uri_bytes_max: 512 << 20,
            wildcard_positions_max: 8,
            calls_per_session_max: 65_536,
            callees_per_registration_max: 4_096,
            concurrency_max: 1_024,
            abandoned_per_session_max: 4_096,
            uri_len_max: URI_LEN_MAX,
            held_messages_max: 8_192,
            ended_progressive_calls_max: 64,
            decisions_max: 16_384,
            decision_ttl_ms: 60_000,
        }
    }
}
