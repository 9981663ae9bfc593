//! Every bound of a realm on what its sessions may make it keep or do, by name.

use std::time::Duration;

use crossweave_wamp::features::{Features, Roles};
use crossweave_wamp::limits::URI_LEN_MAX;
use crossweave_wamp::{MatchPolicy, Strictness};

use crate::forwarding::OWN;
use crate::trust::TrustRule;

/// Denials of one session that the operator is told one by one however quickly they come.
pub const DENIALS_OF_A_SESSION_TOLD_AT_ONCE: u32 = 20;
/// Beyond that, one more of this session for each time that passes, and one that stands for those behind it.
pub const DENIALS_OF_A_SESSION_TOLD_EVERY: Duration = Duration::from_secs(30);

/// Denials of all sessions of a realm that the operator is told one by one however quickly they come.
pub const DENIALS_TOLD_AT_ONCE: u32 = 200;
/// Beyond that, one more for each time that passes, and one that stands for those behind it: some 80,000 a day at most.
pub const DENIALS_TOLD_EVERY: Duration = Duration::from_secs(2);

/// Bytes of one `nkey`, the name of a node in SUBSCRIBE and REGISTER; a longer one gets ERROR `wamp.error.invalid_argument`.
pub const NODE_KEY_LEN_MAX: usize = 1_024;

/// Calls that time out in one turn, which takes a quarter of a millisecond; what is due besides ends in the next ones, and others go
/// first.
pub const TIMEOUTS_PER_TURN_MAX: usize = 256;

/// Bytes of texts in the options of the first CALL of a progressive call, as they are kept until its last part has come; more get
/// ERROR `wamp.error.invalid_argument`.
pub const PROGRESSIVE_OPTIONS_BYTES_MAX: usize = 4_096;

/// For whom the procedures and events of the meta API exist. Permissions apply to them as to any other URI; those that give
/// power over others need a rule that names the namespace `wamp.`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaApi {
    /// Every session.
    Everybody,
    /// Sessions of the role `trusted` alone, which are parts of the router's program.
    Own,
    /// No session.
    Nobody,
}

impl MetaApi {
    /// Whether it exists for sessions of this role.
    pub(crate) fn is_for(self, authrole: &str) -> bool {
        match self {
            MetaApi::Everybody => true,
            MetaApi::Own => authrole == OWN,
            MetaApi::Nobody => false,
        }
    }
}

/// What there is by procedures of the meta API alone.
const OF_META_API: Features = Features::SESSION_META_API
    .and(Features::SUBSCRIPTION_META_API)
    .and(Features::REGISTRATION_META_API)
    .and(Features::TESTAMENT_META_API)
    .and(Features::EVENT_HISTORY);

/// How a realm behaves.
#[derive(Clone, Debug)]
pub struct RealmOptions {
    /// Which characters URIs may have (default: loose).
    pub strictness: Strictness,
    /// For whom the procedures and events of the meta API exist (default: everybody).
    pub meta_api: MetaApi,
    /// What the event history keeps (default: nothing). Of several rules for the same topic or pattern the first counts.
    pub history: Vec<HistoryRule>,
    /// How far publishers and callers are trusted (default: nothing is said of it).
    pub trust: Vec<TrustRule>,
    /// How many calls of a registration may wait, other than by
    /// [`queued_calls_per_registration_max`](RealmLimits::queued_calls_per_registration_max) (default: no exceptions). Of several
    /// rules that match a registration the one with the longest URI counts, of those the first.
    pub call_queues: Vec<CallQueueRule>,
    /// The bounds.
    pub limits: RealmLimits,
}

/// Events of one topic or pattern that are kept for `wamp.subscription.get_events`, up to whichever bound is met first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRule {
    /// The topic or pattern.
    pub uri: String,
    /// How `uri` is compared.
    pub match_policy: MatchPolicy,
    /// Events kept: the newest so many.
    pub events_max: usize,
    /// Bytes of the events kept, payloads and a little for each. A larger event is not kept.
    pub bytes_max: usize,
    /// Milliseconds an event is kept; `None` for as long as there is room.
    pub age_max_ms: Option<u64>,
}

impl HistoryRule {
    /// The newest 100 events of a topic or pattern, in at most 1 MiB.
    pub fn new(uri: impl Into<String>, match_policy: MatchPolicy) -> Self {
        HistoryRule { uri: uri.into(), match_policy, events_max: 100, bytes_max: 1 << 20, age_max_ms: None }
    }
}

impl RealmOptions {
    /// What a realm with these options announces in WELCOME: what it does, the meta API where everybody has it, event history
    /// where it keeps any, and trust levels where it assigns any.
    pub fn announced(&self) -> Roles {
        let mut roles = Roles::router();
        if !self.trust.is_empty() {
            let and = |role: &mut Option<Features>, feature| *role = role.map(|has| has.and(feature));
            and(&mut roles.broker, Features::PUBLICATION_TRUSTLEVELS);
            and(&mut roles.dealer, Features::CALL_TRUSTLEVELS);
        }
        let mut without = Features::NONE;
        if self.meta_api != MetaApi::Everybody {
            without = without.and(OF_META_API);
        }
        if self.history.is_empty() {
            without = without.and(Features::EVENT_HISTORY);
        }
        roles.broker = roles.broker.map(|has| has.without(without));
        roles.dealer = roles.dealer.map(|has| has.without(without));
        roles
    }
}

/// How many calls may wait for the callees of the registrations of a procedure or pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallQueueRule {
    /// The procedure or pattern.
    pub uri: String,
    /// How `uri` is compared. A registration by pattern has the rule if the rule matches every URI that it does.
    pub match_policy: MatchPolicy,
    /// Calls of each such registration that may wait.
    pub calls_max: usize,
}

impl Default for RealmOptions {
    fn default() -> Self {
        RealmOptions {
            strictness: Strictness::Loose,
            meta_api: MetaApi::Everybody,
            history: Vec::new(),
            trust: Vec::new(),
            call_queues: Vec::new(),
            limits: RealmLimits::default(),
        }
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
    /// Bytes of memory for one session's subscriptions, and as many for its registrations (default 64 MiB), by an estimate: 256
    /// for each, twice its URI, and 200 for each component of a wildcard.
    pub uri_memory_per_session_max: usize,
    /// The same for all subscriptions, and for all registrations, of the whole realm (default 1 GiB).
    pub uri_memory_max: usize,
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
    /// Subscribers of one subscription that name a node with `nkey` (default 4,096): a publication with `rkey` looks at each.
    pub sharded_subscribers_max: usize,
    /// The most calls at once that `concurrency` of REGISTER can stand for (default 1,024): a larger one counts as this, so
    /// that a callee never gets more than it said. A callee without `concurrency` gets any number.
    pub concurrency_max: u64,
    /// Calls of one registration that wait for a callee with room when all have as many as their `concurrency` allows (default
    /// 0: they get ERROR `crossbar.error.max_concurrency_reached` at once).
    pub queued_calls_per_registration_max: usize,
    /// Bytes of the calls that a realm keeps because they wait, or because another callee may have to take them (default 64
    /// MiB). Beyond it calls neither wait nor are rerouted.
    pub kept_call_bytes_max: usize,
    /// Invocations of one session, as callee, that nobody waits for any more but that still take a place of its `concurrency`
    /// (default 4,096). Beyond it the place is free at once, as if the callee had answered. That takes a bound of its own,
    /// because a session may register, and register anew, many procedures.
    pub abandoned_per_session_max: usize,
    /// Bytes of one URI or pattern (default and most 1,024).
    pub uri_len_max: usize,
    /// Messages of one session held back while one of them awaits authorization (default 8,192, more than
    /// one read of a driver can hold). Beyond it the session is aborted: its driver was told to stop reading long before.
    pub held_messages_max: usize,
    /// Calls, subscriptions and registrations of sessions that have left that are ended in one turn (default 256, less than
    /// half a millisecond; in the turn in which one leaves, twice as many); and calls of silent callees. What remains is worked off at following
    /// [`Input::Tick`](crate::Input::Tick)s; nothing is sent to who has left in the meantime, and no call goes there.
    pub leave_portion: usize,
    /// Calls that waited for a callee with room and now go to one, or end with their registration, in one turn (default 256, some
    /// quarter of a millisecond). The others wait for following [`Input::Tick`](crate::Input::Tick)s, and calls that come for their
    /// registration meanwhile wait behind them.
    pub queue_portion: usize,
    /// Ids in the answer of one call of `wamp.session.list`, of `list` and `list_subscribers` of `wamp.subscription`, and of
    /// `list` and `list_callees` of `wamp.registration` (default 200,000). Where there are more, the call is refused.
    pub meta_list_max: usize,
    /// Bytes of the arguments of one call of the realm's own procedures (default 384 KiB: as much as a testament may have,
    /// though it be bytes in JSON). They are read while everybody on the realm waits. Beyond it the call gets ERROR
    /// `wamp.error.payload_size_exceeded`, and nothing is read.
    pub meta_payload_bytes_max: usize,
    /// Testaments of one session (default 64).
    pub testaments_per_session_max: usize,
    /// Bytes of the testaments of one session (default 256 KiB).
    pub testament_bytes_per_session_max: usize,
    /// Events that the topics of a realm retain (default 10,000). Beyond it, and beyond
    /// [`retained_bytes_max`](Self::retained_bytes_max), PUBLISH with `retain` is carried out and nothing retained.
    pub retained_events_max: usize,
    /// Bytes of the events that the topics of a realm retain (default 64 MiB).
    pub retained_bytes_max: usize,
    /// Events with restricted receivers that one topic retains beside the one for everybody (default 16): the newest.
    pub retained_restricted_max: usize,
    /// Retained events that one SUBSCRIBE of a pattern gets (default 1,000): those of the first topics in order.
    pub retained_per_subscribe_max: usize,
    /// Bytes of the retained events that one SUBSCRIBE gets (default 4 MiB), or one event if that is larger: those of the first topics
    /// in order. They are encoded while everybody on the realm waits, and more find no room in a queue as it is by default.
    pub retained_bytes_per_subscribe_max: usize,
    /// Milliseconds after which a retained event is no longer delivered (default: never).
    pub retained_age_max_ms: Option<u64>,
    /// Events that a delivery contract may let wait for a subscription (default 10,000). SUBSCRIBE with a larger `queue` gets
    /// ERROR `wamp.error.invalid_argument`. They are bounded in bytes, too, by the driver.
    pub delivery_queue_max: u64,
    /// Events in one answer of `wamp.subscription.get_events` (default 1,000); the answer says that there would be more.
    pub history_result_max: usize,
    /// Bytes of the events in one answer of `wamp.subscription.get_events` (default 1 MiB), or one event if that is larger.
    pub history_result_bytes_max: usize,
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
            uri_memory_per_session_max: 64 << 20,
            uri_memory_max: 1 << 30,
            wildcard_positions_max: 8,
            calls_per_session_max: 65_536,
            callees_per_registration_max: 4_096,
            sharded_subscribers_max: 4_096,
            concurrency_max: 1_024,
            queued_calls_per_registration_max: 0,
            kept_call_bytes_max: 64 << 20,
            abandoned_per_session_max: 4_096,
            uri_len_max: URI_LEN_MAX,
            held_messages_max: 8_192,
            leave_portion: 256,
            queue_portion: 256,
            testaments_per_session_max: 64,
            testament_bytes_per_session_max: 256 << 10,
            retained_events_max: 10_000,
            retained_bytes_max: 64 << 20,
            retained_restricted_max: 16,
            retained_per_subscribe_max: 1_000,
            retained_bytes_per_subscribe_max: 4 << 20,
            retained_age_max_ms: None,
            delivery_queue_max: 10_000,
            history_result_max: 1_000,
            history_result_bytes_max: 1 << 20,
            meta_list_max: 200_000,
            meta_payload_bytes_max: 384 << 10,
            ended_progressive_calls_max: 64,
            decisions_max: 16_384,
            decision_ttl_ms: 60_000,
        }
    }
}
