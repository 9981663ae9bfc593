//! A running realm changes: roles come, change and go, sessions are ended, the realm itself ends.

use std::sync::Arc;

use crossweave_router_core::Role;
use crossweave_router_core::boundary::{Input, Session, Whom};
use crossweave_wamp::message::Goodbye;
use crossweave_wamp::{SessionId, uris};

use super::{RealmCell, RealmIsDown, Run};
use crate::dispatch::Effects;

impl RealmCell {
    /// Ends the realm: every session gets GOODBYE, those that are parked end, nobody joins any more. Which sessions those were,
    /// but for the router's own. What the realm had in memory is freed.
    pub(crate) fn stop(self: &Arc<Self>) -> Vec<SessionId> {
        let goodbye = Goodbye::new(uris::CLOSE_REALM).with_message("the realm was stopped");
        let mut effects = Effects::default();
        let (ended, realm) = {
            let mut state = self.state.lock();
            let ended =
                self.handle_locked(&mut state, &mut effects, |run| run.end(&Whom::Everybody, goodbye));
            state.followups.clear();
            state.routes.give_back();
            (ended, state.realm.take())
        };
        drop(realm);
        self.follow(&mut effects);
        self.finish(effects);
        // The clock's task ends.
        self.timer.notify_one();
        ended.unwrap_or_default()
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
