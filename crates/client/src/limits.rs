//! Every bound of this client, by name. Those in [`Options`](crate::Options) are defaults, the others are fixed.

use std::time::Duration;

/// The longest message the router may send, in octets: what RawSocket can announce.
pub const MESSAGE_LEN_MAX: usize = 1 << 24;

/// Octets that wait to be written before senders wait.
pub const OUTBOUND_BYTES_MAX: usize = 4 << 20;

/// Octets beyond the outbound bound for what cannot wait (CANCEL, UNSUBSCRIBE, refusals of calls). A router that makes us
/// fill this too does not read, and is disconnected.
pub const OUTBOUND_RESERVE_BYTES: usize = 1 << 20;

/// Events that wait in one subscription.
pub const SUBSCRIPTION_EVENTS_MAX: usize = 4096;

/// Items that are longer than half of the octets that may wait in a queue and may wait there besides: an event or a progressive
/// result of any length reaches an application that reads.
pub const LONG_ITEMS_MAX: usize = 2;

/// Octets of payload that wait in one subscription, besides [`LONG_ITEMS_MAX`].
pub const SUBSCRIPTION_BYTES_MAX: usize = 4 << 20;

/// Progressive results of one call that wait.
pub const PROGRESS_RESULTS_MAX: usize = 4096;

/// Octets of progressive results of one call that wait, besides [`LONG_ITEMS_MAX`].
pub const PROGRESS_BYTES_MAX: usize = 4 << 20;

/// Handlers of one registration that run at the same time.
pub const HANDLERS_MAX: usize = 64;

/// Calls of one registration that wait for a handler; one more is answered with `wamp.error.unavailable`.
pub const INVOCATIONS_WAITING_MAX: usize = 1024;

/// Octets of payload of the calls of one registration that wait for a handler.
pub const INVOCATIONS_WAITING_BYTES_MAX: usize = 16 << 20;

/// What a waiting event, result or invocation costs beside its payload, in octets.
pub(crate) const ITEM_BYTES: usize = 128;

/// Octets that one read takes at most.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// What a buffer may keep when it is empty, in octets.
pub(crate) const KEEP_BYTES: usize = 256 << 10;

/// How long after a call's timeout the answer of a router that watches timeouts itself is awaited.
pub const CALL_TIMEOUT_GRACE: Duration = Duration::from_millis(200);

/// How long a session must have lived for back-off to start anew.
pub const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Octets of messages kept so that they can be sent again in a session that goes on.
pub const RESUME_BYTES_MAX: usize = 8 << 20;

/// How long a client tries to go on with a session at most, whatever the router says.
pub const RESUME_WINDOW_MAX: Duration = Duration::from_secs(3600);

/// How long the last octets of a connection that is being closed may take.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
