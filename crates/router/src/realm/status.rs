//! What a running realm tells its operator.

use std::sync::Arc;

use crossweave_router_core::Stats;
use crossweave_router_core::boundary::Session;

use super::{RealmCell, RealmIsDown};
use crate::internal::{is_from_outside, is_own, is_own_role};
use crate::traffic::MessageCounts;

/// What there is on a realm, and what has passed through it since it was started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RealmStats {
    /// Its roles, in order, but for `trusted`, which comes with every realm.
    pub roles: Vec<Arc<str>>,
    /// Joined sessions, but for the router's own.
    pub sessions: usize,
    /// Those of them that are neither of [`Router::connect_local`](crate::Router::connect_local) nor of
    /// [`Router::serve`](crate::Router::serve).
    pub sessions_from_outside: usize,
    /// Topics and patterns with a subscriber.
    pub subscriptions: usize,
    /// Procedures and patterns with a callee.
    pub registrations: usize,
    /// Invocations that a callee has to answer.
    pub invocations: usize,
    /// Messages of its sessions, the router's own among them.
    pub received: MessageCounts,
    /// Messages queued for them; events that found no room are not among those.
    pub sent: MessageCounts,
    /// Events dropped since the realm was started, for all sessions, those that have left among them: for sessions that read too
    /// slowly, or take none that long, and those that newer ones replaced by a delivery contract.
    pub dropped: u64,
    /// Joined sessions for which events were dropped.
    pub sessions_with_drops: usize,
    /// Bytes that wait for the session for which most do.
    pub longest_queue_bytes: usize,
    /// What the realm itself counted.
    pub counters: Stats,
}

impl RealmCell {
    pub(crate) fn stats(&self) -> Result<RealmStats, RealmIsDown> {
        let state = self.state.lock();
        let realm = state.realm.as_ref().ok_or(RealmIsDown)?;
        let traffic = &state.routes.traffic;
        let (mut dropped_now, mut sessions_with_drops, mut longest_queue_bytes) = (0, 0, 0);
        for (_, peer) in state.routes.iter() {
            let queue = peer.queue.lock();
            dropped_now += queue.dropped;
            sessions_with_drops += usize::from(queue.dropped > 0);
            longest_queue_bytes = longest_queue_bytes.max(queue.waiting_bytes());
        }
        Ok(RealmStats {
            roles: realm.roles().into_iter().filter(|name| !is_own_role(name)).collect(),
            sessions: realm.sessions().filter(|(_, session)| !is_own(session)).count(),
            sessions_from_outside: realm.sessions().filter(|(_, session)| is_from_outside(session)).count(),
            subscriptions: realm.subscription_count(),
            registrations: realm.registration_count(),
            invocations: realm.invocation_count(),
            received: traffic.received,
            sent: traffic.sent,
            dropped: state.routes.dropped_before() + dropped_now,
            sessions_with_drops,
            longest_queue_bytes,
            counters: realm.stats(),
        })
    }

    /// Its sessions, but for the router's own.
    pub(crate) fn sessions(&self) -> Vec<Session> {
        let state = self.state.lock();
        let Some(realm) = &state.realm else { return Vec::new() };
        realm.sessions().map(|(_, session)| session).filter(|session| !is_own(session)).cloned().collect()
    }
}
