//! What a turn of a realm leaves to be done once the lock is released: logs, wakers, questions, files.

use std::sync::Arc;

use crossweave_router_core::boundary::{Denial, RetainedBound};
use tracing::{error, info, warn};

use super::RealmCell;
use crate::dispatch::Effects;
use crate::quota::Kind;

impl RealmCell {
    /// Does what is left to do once the lock is released, but for flushing.
    #[inline]
    pub(super) fn follow(self: &Arc<Self>, effects: &mut Effects) {
        // Logging may block, too: the lock is free.
        effects.denials.drain(..).for_each(|denial| self.log_denial(&denial));
        if !effects.recorded.is_empty() {
            self.write_history(effects);
        }
        if effects.not_retained.is_some() {
            self.log_not_retained(effects);
        }
        if !effects.traced.is_empty() {
            effects.traced.write();
        }
        for (peer, abort) in effects.aborted.drain(..) {
            self.quota.log(Kind::Session, || {
                let why = abort.details.str("message");
                info!(session = peer.session(), reason = abort.reason, why, "session aborted");
            });
        }
        effects.behind.drain(..).for_each(|peer| peer.falls_behind());
        effects.too_long.drain(..).for_each(|peer| peer.misses_long_events());
        effects.overflown.drain(..).for_each(|peer| peer.overflows());
        if std::mem::take(&mut effects.went_down) {
            error!(realm = %self.name, "a defect in the router closed the realm; its sessions must join again");
        }
        // Wakers and spawned tasks may run at once on another thread: the lock is free by now.
        effects.wakes.drain(..).for_each(|peer| peer.waker.wake());
        for (question, request) in effects.questions.drain(..) {
            tokio::spawn(self.clone().answer(question, request));
        }
        // Last, as it is somebody else's code.
        if std::mem::take(&mut effects.has_turned) {
            self.tell_occupancy();
        }
    }

    /// Hands events to the thread that writes them.
    #[cold]
    fn write_history(&self, effects: &mut Effects) {
        if let Some(history) = &self.history {
            effects.recorded.drain(..).for_each(|event| history.write(event));
        }
    }

    #[cold]
    fn log_not_retained(&self, effects: &mut Effects) {
        let Some((topic, bound)) = effects.not_retained.take() else { return };
        let (bound, value) = match bound {
            RetainedBound::Events(value) => ("max_retained_events", value),
            RetainedBound::Bytes(value) => ("max_retained_bytes", value),
        };
        self.quota.log(Kind::Retained, || {
            warn!(realm = %self.name, topic, bound, value, "an event was delivered and not retained: the realm retains as much as it may");
        });
    }

    #[cold]
    fn log_denial(&self, denial: &Denial) {
        let Denial { id, session, authid, authrole, action, uri, match_policy, reason, untold, .. } = denial;
        let (action, policy) = (action.as_str(), match_policy.as_str());
        if denial.is_failure {
            warn!(realm = %self.name, correlation_id = %id, %session, %authid, %authrole, action, uri, match = policy, reason, untold, "session was denied");
        } else {
            info!(realm = %self.name, correlation_id = %id, %session, %authid, %authrole, action, uri, match = policy, reason, untold, "session was denied");
        }
    }
}
