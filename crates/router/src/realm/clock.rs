//! The realm's deadlines, and its wall clock.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crossweave_router_core::Realm;
use crossweave_router_core::boundary::Input;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::timeout_at;

use super::{RealmCell, RealmIsDown, State};
use crate::dispatch::Effects;
use crate::history::unix_ms;

impl RealmCell {
    /// Has the clock's task wait for the realm's next deadline, if that is before what it waits for.
    #[inline]
    pub(super) fn arm(&self, state: &mut State) {
        if let Some(deadline) = state.realm.as_ref().and_then(Realm::deadline)
            && state.armed.is_none_or(|armed| deadline < armed)
        {
            state.armed = Some(deadline);
            self.timer.notify_one();
        }
    }

    /// Tells the realm that its deadline has passed, if it has, and says when the next one is.
    pub(super) fn tick(self: &Arc<Self>) -> Result<Option<Instant>, RealmIsDown> {
        let mut effects = Effects::default();
        self.handle(&mut effects, |run| {
            set_clock(run.realm);
            if run.realm.deadline().is_some_and(|deadline| deadline <= run.now) {
                let _ = run.input(Input::Tick);
            }
        })?;
        self.finish(effects);
        // Asked again under the lock under which it is noted: in between, somebody may have come who counts on what was noted.
        let mut state = self.state.lock();
        state.armed = state.realm.as_ref().and_then(Realm::deadline);
        Ok(state.armed)
    }
}

/// Wakes the realm at its deadlines, for as long as it lives.
pub(super) async fn tick(cell: Weak<RealmCell>, timer: Arc<Notify>) {
    /// Look this often whether the realm is still there, and what the wall clock says.
    const IDLE: Duration = Duration::from_secs(60);
    loop {
        let Some(next) = cell.upgrade().and_then(|cell| cell.tick().ok()) else { return };
        let idle = Instant::now() + IDLE;
        let deadline = next.map_or(idle, |next| next.min(idle));
        // What is left of a long turn must not keep others from theirs.
        yield_now().await;
        let _ = timeout_at(deadline.into(), timer.notified()).await;
    }
}

pub(super) fn set_clock(realm: &mut Realm) {
    realm.set_clock(Instant::now(), unix_ms());
}
