//! A running realm changes: roles come, change and go, sessions are ended, the realm itself ends.

use std::sync::Arc;

use crossweave_router_core::boundary::{Input, Session, Whom};
use crossweave_router_core::{Realm, Role};
use crossweave_wamp::message::Goodbye;
use crossweave_wamp::{SessionId, uris};

use super::{RealmCell, RealmIsDown, Run, State};
use crate::dispatch::Effects;

/// A realm that was ended, and what is still to be done for it once no lock is held.
#[must_use]
pub(crate) struct Stopped {
    cell: Arc<RealmCell>,
    ended: Vec<SessionId>,
    effects: Effects,
    /// To be freed.
    _realm: Option<Realm>,
}

impl Stopped {
    /// Says GOODBYE. Which sessions it had, but for the router's own.
    pub(crate) fn follow(mut self) -> Vec<SessionId> {
        self.cell.follow(&mut self.effects);
        self.cell.finish(self.effects);
        // The clock's task ends.
        self.cell.timer.notify_one();
        self.ended
    }
}

impl RealmCell {
    /// Ends the realm: every session gets GOODBYE, those that are parked end, nobody joins any more. Which sessions those were,
    /// but for the router's own. What the realm had in memory is freed.
    pub(crate) fn stop(self: &Arc<Self>) -> Vec<SessionId> {
        let stopped = self.stop_locked(&mut self.state.lock());
        stopped.follow()
    }

    /// The same, unless a session from outside is here.
    pub(crate) fn stop_if_empty(self: &Arc<Self>) -> Option<Stopped> {
        let mut state = self.state.lock();
        (state.routes.outside() == 0).then(|| self.stop_locked(&mut state))
    }

    fn stop_locked(self: &Arc<Self>, state: &mut State) -> Stopped {
        let goodbye = Goodbye::new(uris::CLOSE_REALM).with_message("the realm was stopped");
        let mut effects = Effects::default();
        let ended = self.handle_locked(state, &mut effects, |run| run.end(&Whom::Everybody, goodbye));
        state.is_stopped = true;
        state.followups.clear();
        state.routes.give_back();
        let ended = ended.unwrap_or_default();
        Stopped { cell: self.clone(), ended, effects, _realm: state.realm.take() }
    }

    /// Tells the provider whether anybody from outside is here, if that is another than what it was told.
    #[cold]
    pub(super) fn tell_occupancy(&self) {
        // What is told is in order, and true: nobody else tells meanwhile.
        let mut told = self.told.lock();
        let is_occupied = {
            let mut state = self.state.lock();
            state.routes.has_turned = false;
            if state.is_stopped {
                return;
            }
            state.routes.outside() > 0
        };
        if std::mem::replace(&mut *told, is_occupied) == is_occupied {
            return;
        }
        match (self.provision.provider(), is_occupied) {
            (Some(provider), true) => provider.occupied(&self.name),
            (Some(provider), false) => provider.emptied(&self.name),
            (None, _) => {}
        }
    }

    /// Starts a role or changes it: that holds for every message from now on.
    pub(crate) fn set_role(&self, role: Role) -> Result<(), RealmIsDown> {
        self.state.lock().realm.as_mut().map(|realm| realm.set_role(role)).ok_or(RealmIsDown)
    }

    /// Ends a role and its sessions. Which those were; nothing if there is no such role.
    pub(crate) fn remove_role(self: &Arc<Self>, name: &str) -> Result<Option<Vec<SessionId>>, RealmIsDown> {
        let text = format!("role {name:?} was removed from realm {:?}", self.name);
        let goodbye = Goodbye::new(uris::CLOSE_KILLED).with_message(text);
        let mut effects = Effects::default();
        let ended = self.handle(&mut effects, |run| {
            run.realm.has_role(name).then(|| {
                let ended = run.ids(|session| &*session.authrole == name);
                let _ = run.input(Input::RemoveRole(name.into(), goodbye));
                ended
            })
        });
        self.finish(effects);
        ended
    }

    /// The names of its roles, but for the router's own.
    pub(crate) fn roles(&self) -> Vec<Arc<str>> {
        let names = self.state.lock().realm.as_ref().map_or_else(Vec::new, |realm| realm.roles());
        names.into_iter().filter(|name| !crate::internal::is_own_role(name)).collect()
    }

    /// Ends the sessions of an authid. Which those were.
    pub(crate) fn kill_by_authid(
        self: &Arc<Self>,
        authid: &str,
        goodbye: Goodbye,
    ) -> Result<Vec<SessionId>, RealmIsDown> {
        let mut effects = Effects::default();
        let ended = self.handle(&mut effects, |run| run.end(&Whom::Authid(authid.into()), goodbye));
        self.finish(effects);
        ended
    }
}

impl Run<'_> {
    fn end(&mut self, whom: &Whom, goodbye: Goodbye) -> Vec<SessionId> {
        let ended = self.ids(|session| whom.is(session));
        let _ = self.input(Input::Kill(whom.clone(), goodbye));
        ended
    }

    /// The sessions of others than the router itself.
    fn ids(&self, is_meant: impl Fn(&Session) -> bool) -> Vec<SessionId> {
        let sessions = self.realm.sessions().map(|(_, session)| session);
        let meant = sessions.filter(|session| !crate::internal::is_own(session) && is_meant(session));
        meant.map(|session| session.id).collect()
    }
}
