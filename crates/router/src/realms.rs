//! The realms of a router, by name: which run, and their end.

use std::collections::HashMap;
use std::sync::Arc;

use crossweave_router_core::{Record, Role};
use crossweave_wamp::SessionId;
use parking_lot::{Mutex, RwLock};
use tokio::task::spawn_blocking;
use tracing::{debug, warn};

use crate::history::Storage;
use crate::provision::Provision;
use crate::quota::LogQuota;
use crate::realm::{RealmCell, RealmIsDown};
use crate::router::{RealmDefinition, StartError};
use crate::tap::Taps;

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

/// Boxed, as the table has room for more than there are.
type Table = HashMap<String, Box<Running>>;

/// A table with room for more than this, and for four times what is in it, gives some back.
const ROOM_KEPT: usize = 256;

/// The realms of a router.
pub(crate) struct Realms {
    table: RwLock<Table>,
    /// Held while a realm starts afresh, which may wait for its history: the table is free meanwhile. Locked before the table.
    restart: Mutex<()>,
    quota: Arc<LogQuota>,
    provision: Arc<Provision>,
    taps: Arc<Taps>,
}

struct Running {
    cell: Arc<RealmCell>,
    definition: RealmDefinition,
    /// What writes its history, if that is written. It outlives a realm that goes down.
    history: Option<Arc<Storage>>,
    /// It ends, and its history is still being written: until then nobody else may have its name.
    is_ending: bool,
}

impl Realms {
    pub(crate) fn new(quota: Arc<LogQuota>, provision: Arc<Provision>, taps: Arc<Taps>) -> Arc<Realms> {
        Arc::new(Realms { table: RwLock::default(), restart: Mutex::default(), quota, provision, taps })
    }

    fn run(
        &self,
        name: &str,
        definition: RealmDefinition,
        (history, records): (Option<Arc<Storage>>, Vec<Record>),
    ) -> Running {
        let storage = (history.clone(), records);
        let (quota, provision) = (self.quota.clone(), self.provision.clone());
        let cell = RealmCell::start(name, definition.clone(), storage, quota, provision, self.taps.clone());
        Running { cell, definition, history, is_ending: false }
    }

    /// Starts a realm; says how many events its history had.
    pub(crate) fn start(&self, name: &str, definition: RealmDefinition) -> Result<usize, StartError> {
        if self.table.read().contains_key(name) {
            return Err(StartError::RealmExists(name.to_owned()));
        }
        let opened = Storage::open(name, &definition.history, &definition.options.history)?;
        let (history, records) = match opened {
            Some((storage, records)) => (Some(Arc::new(storage)), records),
            None => (None, Vec::new()),
        };
        let restored = records.len();
        let mut realms = self.table.write();
        if realms.contains_key(name) {
            return Err(StartError::RealmExists(name.to_owned()));
        }
        let running = self.run(name, definition, (history, records));
        realms.insert(name.to_owned(), Box::new(running));
        Ok(restored)
    }

    /// The running realm of this name. One that went down by a defect is started afresh.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<RealmCell>> {
        let (cell, _) = self.entry(name)?;
        if cell.is_up() { Some(cell) } else { self.start_afresh(name) }
    }

    /// The running realm of this name; nothing if it went down.
    pub(crate) fn find_up(&self, name: &str) -> Option<Arc<RealmCell>> {
        self.entry(name).map(|(cell, _)| cell).filter(|cell| cell.is_up())
    }

    /// Looks at the roles of a realm that went down; none if it is up, or not there.
    pub(crate) fn with_fallen<T>(&self, name: &str, look: impl FnOnce(&[Role]) -> T) -> Option<T> {
        let realms = self.table.read();
        let running = realms.get(name).filter(|running| !running.is_ending && !running.cell.is_up())?;
        Some(look(&running.definition.roles))
    }

    /// A realm that does not end, up or not, and what writes its history.
    fn entry(&self, name: &str) -> Option<(Arc<RealmCell>, Option<Arc<Storage>>)> {
        let realms = self.table.read();
        let running = realms.get(name).filter(|running| !running.is_ending)?;
        Some((running.cell.clone(), running.history.clone()))
    }

    #[cold]
    fn start_afresh(&self, name: &str) -> Option<Arc<RealmCell>> {
        let _restart = self.restart.lock();
        let (cell, history) = self.entry(name)?;
        if cell.is_up() {
            return Some(cell);
        }
        warn!(realm = name, "starting the realm afresh");
        // With the history that was written. That whoever needs the realm waits for the file here is the price of a defect.
        let records = history.as_ref().map(|history| history.load()).unwrap_or_default();
        let mut realms = self.table.write();
        let running = realms.get_mut(name).filter(|running| !running.is_ending)?;
        // Meanwhile it may have been stopped and another one started in its place.
        if Arc::ptr_eq(&running.cell, &cell) {
            **running = self.run(name, running.definition.clone(), (history, records));
        }
        Some(running.cell.clone())
    }

    /// Ends a realm and its sessions. Returns when its name is free: at once, but for a history that is written to a file.
    pub(crate) async fn stop(self: &Arc<Self>, name: &str) -> Result<Vec<SessionId>, RealmError> {
        let (cell, history) = {
            let mut realms = self.table.write();
            let running = realms.get_mut(name).filter(|running| !running.is_ending);
            let running = running.ok_or_else(|| RealmError::NoSuchRealm(name.to_owned()))?;
            let cell = running.cell.clone();
            (cell, take(&mut realms, name))
        };
        let ended = cell.stop();
        drop(cell);
        self.taps.forget(name);
        debug!(realm = name, sessions = ended.len(), "realm stopped");
        self.close(name, history).await;
        Ok(ended)
    }

    /// The same, unless a session from outside is on it: then false.
    pub(crate) async fn stop_if_empty(self: &Arc<Self>, name: &str) -> Result<bool, RealmError> {
        let (stopped, history) = {
            // Until it is out of the table: it would be taken for one that went down.
            let mut realms = self.table.write();
            let running = realms.get_mut(name).filter(|running| !running.is_ending);
            let running = running.ok_or_else(|| RealmError::NoSuchRealm(name.to_owned()))?;
            if self.provision.expects(name) {
                return Ok(false);
            }
            let Some(stopped) = running.cell.stop_if_empty() else { return Ok(false) };
            (stopped, take(&mut realms, name))
        };
        stopped.follow();
        self.taps.forget(name);
        debug!(realm = name, "realm stopped as it was empty");
        self.close(name, history).await;
        Ok(true)
    }

    /// The name of a realm that ends is free once its history is written.
    async fn close(self: &Arc<Self>, name: &str, history: Option<Arc<Storage>>) {
        let Some(history) = history else { return };
        let (realms, name) = (self.clone(), name.to_owned());
        // Also if nobody waits for it any more.
        let closing = spawn_blocking(move || {
            history.close();
            drop(history);
            remove(&mut realms.table.write(), &name);
        });
        if closing.await.is_err() {
            warn!("an event history could not be closed");
        }
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
        let mut realms = self.table.write();
        let running = realms.get_mut(realm).filter(|running| !running.is_ending);
        change(running.ok_or_else(|| RealmError::NoSuchRealm(realm.to_owned()))?)
    }

    /// In alphabetical order.
    pub(crate) fn names(&self) -> Vec<String> {
        let realms = self.table.read();
        let running = realms.iter().filter(|(_, running)| !running.is_ending);
        let mut names: Vec<String> = running.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(crate) fn cells(&self) -> Vec<Arc<RealmCell>> {
        self.table.read().values().map(|running| running.cell.clone()).collect()
    }

    pub(crate) fn history(&self, realm: &str) -> Option<Arc<Storage>> {
        self.table.read().get(realm)?.history.clone()
    }

    pub(crate) fn histories(&self) -> Vec<Arc<Storage>> {
        self.table.read().values().filter_map(|running| running.history.clone()).collect()
    }
}

/// Takes a realm that ends out of the table, unless its history is still to be closed.
fn take(realms: &mut Table, name: &str) -> Option<Arc<Storage>> {
    let running = realms.get_mut(name)?;
    let history = running.history.clone();
    running.is_ending = history.is_some();
    if !running.is_ending {
        remove(realms, name);
    }
    history
}

fn remove(realms: &mut Table, name: &str) {
    realms.remove(name);
    if realms.capacity() > ROOM_KEPT.max(4 * realms.len()) {
        realms.shrink_to(2 * realms.len());
    }
}
