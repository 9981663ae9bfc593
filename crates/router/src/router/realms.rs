//! Realms of a router that runs.

use std::sync::Arc;

use crossweave_router_core::Role;
use crossweave_router_core::boundary::Session;
use crossweave_wamp::message::Goodbye;
use crossweave_wamp::{AuthMethod, SessionId};
use tracing::debug;

use super::{RealmDefinition, Router, Shared, StartError};
use crate::internal::is_own_role;
use crate::provision::RealmProvider;
use crate::realm::RealmCell;
use crate::realm::status::RealmStats;
use crate::realms::RealmError;
use crate::upstream::Upstream;

impl Shared {
    /// The running realm of this name. One that went down by a defect is started afresh.
    pub(crate) fn realm(&self, name: &str) -> Option<Arc<RealmCell>> {
        self.realms.find(name)
    }

    /// The same, but nothing if it went down: for those who have not proven who they are, and may not start anything.
    pub(crate) fn realm_that_is_up(&self, name: &str) -> Option<Arc<RealmCell>> {
        self.realms.find_up(name)
    }

    /// Whether a realm that went down would let such a client in; none if there is no such realm.
    #[cold]
    pub(crate) fn would_admit_afresh(
        &self,
        realm: &str,
        role: &str,
        proof: Option<AuthMethod>,
    ) -> Option<Option<bool>> {
        let accepts = |role: &Role| {
            role.authmethods.as_ref().is_none_or(|accepted| proof.is_some_and(|it| accepted.contains(&it)))
        };
        self.realms.with_fallen(realm, |roles| roles.iter().find(|it| &*it.name == role).map(accepts))
    }

    fn known_realm(&self, name: &str) -> Result<Arc<RealmCell>, RealmError> {
        self.realm(name).ok_or_else(|| RealmError::NoSuchRealm(name.to_owned()))
    }
}

impl Router {
    /// Starts a realm. Must be called within a tokio runtime. Reads the history first, if there is one in a file.
    ///
    /// # Errors
    /// A realm of this name runs, its history cannot be kept where it is to be, or the router was shut down.
    pub fn start_realm(&self, name: &str, definition: RealmDefinition) -> Result<(), StartError> {
        if *self.shared.stop.borrow() {
            return Err(StartError::Stopped);
        }
        let restored = self.shared.realms.start(name, definition)?;
        debug!(realm = name, restored, "realm started");
        Ok(())
    }

    /// Ends a realm: its sessions get GOODBYE `wamp.close.close_realm`, those that wait to be resumed end, and whoever says HELLO
    /// from now on gets `wamp.error.no_such_realm`. No testament is published and no meta event sent, as nobody is left to get
    /// them. Returns the sessions that it had, but for the router's own.
    ///
    /// When it returns, the name can be started again: at once, or when the events of a history in a file are written.
    /// Connections still take their time to close; they hold nothing of the realm.
    ///
    /// # Errors
    /// No realm of this name runs.
    pub async fn stop_realm(&self, name: &str) -> Result<Vec<SessionId>, RealmError> {
        self.shared.realms.stop(name).await
    }

    /// Ends a realm as [`Router::stop_realm`] does, unless a session from outside is on it, or is about to be as the realm
    /// provider was asked for it: then false, and whoever wants it stopped should try again later.
    ///
    /// # Errors
    /// No realm of this name runs.
    pub async fn stop_realm_if_empty(&self, name: &str) -> Result<bool, RealmError> {
        self.shared.realms.stop_if_empty(name).await
    }

    /// Whom to ask when a client, proven to be who it says, wants to join a realm that does not run, or in a role that is not
    /// there; nobody by default. Replaces the one before. It is not asked for sessions of this program.
    pub fn set_realm_provider(&self, provider: Option<Arc<dyn RealmProvider>>) {
        self.shared.provision.set(provider);
    }

    /// Where clients get their sessions once they have proven who they are; on the realms of this router by default. Holds for
    /// those that join from now on, and not for sessions of this program.
    pub fn set_upstream(&self, upstream: Option<Arc<dyn Upstream>>) {
        self.shared.upstreams.set(upstream);
    }

    /// The names of the realms that run, in order.
    pub fn realms(&self) -> Vec<String> {
        self.shared.realms.names()
    }

    /// Starts a role of a running realm, or changes the one of this name. Its sessions have the new permissions from their next
    /// message on; what an authorizer decided for them is forgotten.
    ///
    /// # Errors
    /// No such realm runs, or the role is `trusted`, which comes with every realm.
    pub fn set_role(&self, realm: &str, role: Role) -> Result<(), RealmError> {
        if is_own_role(&role.name) {
            return Err(RealmError::ReservedRole(role.name.to_string()));
        }
        self.shared.realms.set_role(realm, role)
    }

    /// Ends a role of a running realm: its sessions may do nothing any more, get GOODBYE `wamp.close.killed` with a text that says
    /// so, and are gone; HELLOs from now on get `wamp.error.no_such_role`. Returns those sessions.
    ///
    /// # Errors
    /// There is no such realm or role, or the role is `trusted`, which comes with every realm.
    pub fn remove_role(&self, realm: &str, role: &str) -> Result<Vec<SessionId>, RealmError> {
        if is_own_role(role) {
            return Err(RealmError::ReservedRole(role.to_owned()));
        }
        self.shared.realms.remove_role(realm, role)
    }

    /// The names of a realm's roles, in order, but for `trusted`.
    ///
    /// # Errors
    /// No such realm runs.
    pub fn roles(&self, realm: &str) -> Result<Vec<Arc<str>>, RealmError> {
        Ok(self.shared.known_realm(realm)?.roles())
    }

    /// What there is on a realm, and how many messages of each type have passed through it.
    ///
    /// # Errors
    /// No such realm runs.
    pub fn realm_stats(&self, realm: &str) -> Result<RealmStats, RealmError> {
        let gone = |_| RealmError::NoSuchRealm(realm.to_owned());
        self.shared.known_realm(realm)?.stats().map_err(gone)
    }

    /// Who has joined a realm, but for the router's own sessions.
    ///
    /// # Errors
    /// No such realm runs.
    pub fn sessions(&self, realm: &str) -> Result<Vec<Session>, RealmError> {
        Ok(self.shared.known_realm(realm)?.sessions())
    }

    /// Ends all sessions of an authid on a realm with a GOODBYE of this reason, a URI such as `wamp.close.killed`, and this text.
    /// Returns them.
    ///
    /// # Errors
    /// No such realm runs.
    pub fn kill_by_authid(
        &self,
        realm: &str,
        authid: &str,
        reason: &str,
        message: Option<&str>,
    ) -> Result<Vec<SessionId>, RealmError> {
        let goodbye = match message {
            Some(message) => Goodbye::new(reason).with_message(message),
            None => Goodbye::new(reason),
        };
        // If the realm has just gone down, so have its sessions.
        Ok(self.shared.known_realm(realm)?.kill_by_authid(authid, goodbye).unwrap_or_default())
    }
}
