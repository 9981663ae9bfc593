//! The realms of a router, by name: which run, and their end.

use std::collections::HashMap;
use std::sync::Arc;

use crossweave_router_core::{Record, Role};
use crossweave_wamp::SessionId;
use parking_lot::RwLock;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::history::Storage;
use crate::quota::LogQuota;
use crate::realm::{RealmCell, RealmIsDown};
use crate::router::{RealmDefinition, StartError};

/// Why a running realm was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RealmError {
    /// No realm of this name runs.
    #[error("no realm {0:?} runs")]
    NoSuchRealm(String),
    /// The realm runs, and has no such role.
    #[error("realm {realm:?} has no role {role:?}")]
    NoSuchRole {
        /// The realm.
        realm: String,
        /// The role.
        role: String,
    },
    /// The role is the router's own, and comes with every realm.
    #[error("role {0:?} comes with every realm and cannot be changed")]
    ReservedRole(String),
}

/// The realms of a router.
#[derive(Default)]
pub(crate) struct Realms(RwLock<HashMap<String, Running>>);

struct Running {
    cell: Arc<RealmCell>,
    definition: RealmDefinition,
    /// What writes its history, if that is written. It outlives a realm that goes down.
    history: Option<Arc<Storage>>,
    /// It ends, and its history is still being written: until then nobody else may have its name.
    is_ending: bool,
}

impl Running {
    fn start(
        name: &str,
        definition: RealmDefinition,
        (history, records): (Option<Arc<Storage>>, Vec<Record>),
        quota: &Arc<LogQuota>,
    ) -> Self {
        let cell = RealmCell::start(name, definition.clone(), (history.clone(), records), quota.clone());
        Running { cell, definition, history, is_ending: false }
    }

    /// Starts it again, with the history that was written. That it waits for the file here is the price of a defect.
    fn start_afresh(&mut self, name: &str, quota: &Arc<LogQuota>) {
        let records = self.history.as_ref().map(|history| history.load()).unwrap_or_default();
        let history = (self.history.clone(), records);
        *self = Running::start(name, self.definition.clone(), history, quota);
    }
}

impl Realms {
    /// Starts a realm; says how many events its history had.
    pub(crate) fn start(
        &self,
        name: &str,
        definition: RealmDefinition,
        quota: &Arc<LogQuota>,
    ) -> Result<usize, StartError> {
        if self.0.read().contains_key(name) {
            return Err(StartError::RealmExists(name.to_owned()));
        }
        let opened = Storage::open(name, &definition.history, &definition.options.history)?;
        let (history, records) = match opened {
            Some((storage, records)) => (Some(Arc::new(storage)), records),
            None => (None, Vec::new()),
        };
        let restored = records.len();
        let mut realms = self.0.write();
        if realms.contains_key(name) {
            return Err(StartError::RealmExists(name.to_owned()));
        }
        let running = Running::start(name, definition, (history, records), quota);
        realms.insert(name.to_owned(), running);
        Ok(restored)
    }

    /// The running realm of this name. One that went down by a defect is started afresh.
    pub(crate) fn find(&self, name: &str, quota: &Arc<LogQuota>) -> Option<Arc<RealmCell>> {
        let cell = self.0.read().get(name).filter(|running| !running.is_ending)?.cell.clone();
        if cell.is_up() {
            return Some(cell);
        }
        let mut realms = self.0.write();
        let running = realms.get_mut(name).filter(|running| !running.is_ending)?;
        if !running.cell.is_up() {
            warn!(realm = name, "starting the realm afresh");
            running.start_afresh(name, quota);
        }
        Some(running.cell.clone())
    }

    /// Ends a realm and its sessions. Returns when its name is free: at once, but for a history that is written to a file.
    pub(crate) async fn stop(self: &Arc<Self>, name: &str) -> Result<Vec<SessionId>, RealmError> {
        let no_such_realm = || RealmError::NoSuchRealm(name.to_owned());
        let (cell, history) = {
            let mut realms = self.0.write();
            let running = realms.get_mut(name).filter(|running| !running.is_ending);
            let running = running.ok_or_else(no_such_realm)?;
            running.is_ending = running.history.is_some();
            let found = (running.cell.clone(), running.history.clone());
            if !running.is_ending {
                realms.remove(name);
            }
            found
        };
        let ended = cell.stop();
        drop(cell);
        if let Some(history) = history {
            let (realms, name) = (self.clone(), name.to_owned());
            // Also if nobody waits for it any more.
            let closing = spawn_blocking(move || {
                history.close();
                drop(history);
                realms.0.write().remove(&name);
            });
            if closing.await.is_err() {
                warn!("an event history could not be closed");
            }
        }
        info!(realm = name, sessions = ended.len(), "realm stopped");
        Ok(ended)
    }

    /// Starts a role of a running realm, or changes it.
    pub(crate) fn set_role(&self, realm: &str, role: Role) -> Result<(), RealmError> {
        self.change(realm, |running| {
            let done = running.cell.set_role(role.clone());
            running.definition.roles.retain(|other| other.name != role.name);
            running.definition.roles.push(role);
            // A realm that is down gets it when it starts afresh.
            drop(done);
            Ok(())
        })
    }

    /// Ends a role and its sessions.
    pub(crate) fn remove_role(&self, realm: &str, role: &str) -> Result<Vec<SessionId>, RealmError> {
        let (cell, was_there) = self.change(realm, |running| {
            let roles = &mut running.definition.roles;
            let before = roles.len();
            roles.retain(|other| &*other.name != role);
            Ok((running.cell.clone(), roles.len() < before))
        })?;
        // Its sessions are told with no lock held but the realm's own.
        match cell.remove_role(role) {
            Ok(Some(ended)) => Ok(ended),
            Err(RealmIsDown) if was_there => Ok(Vec::new()),
            _ => Err(RealmError::NoSuchRole { realm: realm.to_owned(), role: role.to_owned() }),
        }
    }

    fn change<T>(
        &self,
        realm: &str,
        change: impl FnOnce(&mut Running) -> Result<T, RealmError>,
    ) -> Result<T, RealmError> {
        let mut realms = self.0.write();
        let running = realms.get_mut(realm).filter(|running| !running.is_ending);
        change(running.ok_or_else(|| RealmError::NoSuchRealm(realm.to_owned()))?)
    }

    /// In alphabetical order.
    pub(crate) fn names(&self) -> Vec<String> {
        let realms = self.0.read();
        let running = realms.iter().filter(|(_, running)| !running.is_ending);
        let mut names: Vec<String> = running.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn cells(&self) -> Vec<Arc<RealmCell>> {
        self.0.read().values().map(|running| running.cell.clone()).collect()
    }

    pub(crate) fn history(&self, realm: &str) -> Option<Arc<Storage>> {
        self.0.read().get(realm)?.history.clone()
    }

    pub(crate) fn histories(&self) -> Vec<Arc<Storage>> {
        self.0.read().values().filter_map(|running| running.history.clone()).collect()
    }
}
