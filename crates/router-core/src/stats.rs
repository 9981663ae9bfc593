//! What a realm counts. Numbers only grow, from 0 when the realm starts.

/// Counters of a realm, for its operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// PUBLISHes that were carried out.
    pub publications: u64,
    /// CALLs that became an INVOCATION, at once or after they waited.
    pub invocations: u64,
    /// CALLs that had to wait for a callee with room.
    pub queued: u64,
    /// Calls that went on to another callee as one was not available.
    pub rerouted: u64,
    /// YIELDs and ERRORs that came after their call had ended: cancelled, timed out, or the caller gone.
    pub late_answers: u64,
    /// Progressive results dropped because the caller did not ask for them.
    pub unwanted_progress: u64,
    /// Requests that were refused, unacknowledged PUBLISHes among them.
    pub refused: u64,
    /// Events that were to be retained and found no room.
    pub not_retained: u64,
    /// Sessions aborted for breaking the protocol or a bound.
    pub aborted: u64,
}
