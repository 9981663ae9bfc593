//! The router: realms by name, transports, and an orderly end.

mod local;
mod realms;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crossweave_auth::cryptosign::PrivateKey;
use crossweave_auth::decoy::Decoy;
use crossweave_router_core::{DecisionFilter, RealmOptions, Role};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::tls::{TlsAcceptor, TlsError};
use crossweave_transport::{Listener, listener::BindError};
use crossweave_wamp::{SessionId, uris};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::warn;

use crate::accept::Acceptor;
use crate::accept::paths::Paths;
use crate::admission::Admission;
use crate::authenticator::looks::Looks;
use crate::authenticator::{Authenticator, Turns};
use crate::authorizer::Authorizer;
use crate::cookies::{CookieStoreError, Jars};
use crate::history::{HistoryStore, HistoryStoreError};
use crate::hot::HotUris;
use crate::http::arriving::Room;
use crate::options::{AdmissionOptions, TransportOptions};
use crate::provision::Provision;
use crate::quota::LogQuota;
use crate::realms::Realms;
use crate::tap::{Tap, TapOptions, Taps, TooManyTaps};
use crate::transports::{Listening, NoSuchTransport, TransportId, TransportStatus, Transports};
use crate::upstream::Upstreams;

/// How long sessions get to take their GOODBYE.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// How long the end of listening is waited for, which waits for nobody but the processor.
const UNHEARD_DEADLINE: Duration = Duration::from_secs(1);

/// How long the writing of event histories is waited for.
const HISTORY_DEADLINE: Duration = Duration::from_secs(5);

/// A realm to be started.
#[derive(Clone, Default)]
pub struct RealmDefinition {
    /// Its options.
    pub options: RealmOptions,
    /// Its roles.
    pub roles: Vec<Role>,
    /// Decides for roles that are dynamic and name no procedure.
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// Where the events are kept that `options.history` names. Default: in memory.
    pub history: HistoryStore,
    /// Roles whose sessions serve the realm and are not what it is there for: they do not keep
    /// [`Router::stop_realm_if_empty`] from stopping it, and the provider is not told of them. Default: none.
    pub background_roles: Vec<Arc<str>>,
}

/// Why a realm or transport was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A realm of this name runs.
    #[error("realm {0:?} runs already")]
    RealmExists(String),
    /// The router was shut down.
    #[error("the router was shut down")]
    Stopped,
    /// Nothing was registered under this name.
    #[error("no authenticator {0:?} is part of this program")]
    NoSuchAuthenticator(String),
    /// The endpoint cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Cookies cannot be kept where they are to be.
    #[error(transparent)]
    Cookies(#[from] CookieStoreError),
    /// The event history cannot be kept where it is to be.
    #[error(transparent)]
    History(#[from] HistoryStoreError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The transport that is to change is not there.
    #[error(transparent)]
    NoSuchTransport(#[from] NoSuchTransport),
}

/// What waits for one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionQueue {
    /// The session.
    pub session: SessionId,
    /// Bytes that wait to be written.
    pub waiting_bytes: usize,
    /// Events dropped since it joined, as it read too slowly, or replaced by newer ones by a delivery contract.
    pub dropped: u64,
    /// It has lost its connection, and is kept for its client to come back.
    pub is_parked: bool,
}

/// What all parts of a router share.
pub(crate) struct Shared {
    pub(crate) admission: Arc<Admission>,
    pub(crate) quota: Arc<LogQuota>,
    /// Makes up what clients are shown that do not exist.
    decoy: RwLock<Decoy>,
    /// By which the router proves itself.
    key: RwLock<Option<PrivateKey>>,
    /// Those that are parts of this program, by name.
    authenticators: RwLock<HashMap<String, Arc<dyn Authenticator>>>,
    jars: Jars,
    /// The turns of questions to authenticators.
    pub(crate) questions: Arc<Turns>,
    /// What clients look like that authenticators know.
    pub(crate) looks: Looks,
    realms: Arc<Realms>,
    /// Who starts realms that somebody needs.
    pub(crate) provision: Arc<Provision>,
    /// Where clients go, if not to realms here.
    pub(crate) upstreams: Upstreams,
    transports: Transports,
    taps: Arc<Taps>,
    stop: watch::Sender<bool>,
}

impl Shared {
    /// The key by which the router proves itself.
    pub(crate) fn key(&self) -> Option<PrivateKey> {
        self.key.read().clone()
    }

    /// Makes up what clients are shown that do not exist.
    pub(crate) fn decoy(&self) -> Decoy {
        self.decoy.read().clone()
    }

    /// The part of this program that was registered under this name.
    pub(crate) fn authenticator(&self, name: &str) -> Option<Arc<dyn Authenticator>> {
        self.authenticators.read().get(name).cloned()
    }
}

/// A WAMP router within this process. Cheap to clone; the router runs until [`Router::shutdown`] or the runtime's end.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

impl Router {
    /// A router without realms and transports.
    pub fn new(admission: AdmissionOptions) -> Router {
        let (stop, _) = watch::channel(false);
        let admission = Admission::new(admission);
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system gives random bytes");
        let decoy = Decoy::new(key);
        let (quota, provision) = (Arc::<LogQuota>::default(), Arc::<Provision>::default());
        let taps = Arc::<Taps>::default();
        let shared = Shared {
            admission,
            quota: quota.clone(),
            decoy: RwLock::new(decoy),
            key: RwLock::default(),
            authenticators: RwLock::default(),
            jars: Jars::default(),
            questions: Arc::default(),
            looks: Looks::default(),
            realms: Realms::new(quota, provision.clone(), taps.clone()),
            provision,
            upstreams: Upstreams::default(),
            transports: Transports::default(),
            taps,
            stop,
        };
        Router { shared: Arc::new(shared) }
    }

    /// The key by which the router proves itself to cryptosign clients that challenge it. Without one, they are refused.
    /// Salts of clients that do not exist are made up from it, and stay the same from one start to the next as real ones do.
    pub fn set_key(&self, key: PrivateKey) {
        *self.shared.decoy.write() = Decoy::of_key(&key);
        *self.shared.key.write() = Some(key);
    }

    /// Registers a part of this program that transports may name as their authenticator, [`Asked::Named`](crate::Asked::Named).
    /// One of the same name is replaced.
    pub fn add_authenticator(&self, name: &str, authenticator: Arc<dyn Authenticator>) {
        self.shared.authenticators.write().insert(name.to_owned(), authenticator);
    }

    /// Starts to listen. Returns the address bound, which tells the port where 0 was asked for.
    ///
    /// # Errors
    /// As [`Router::start_listening`].
    pub async fn listen(&self, options: TransportOptions) -> Result<BoundAddress, StartError> {
        self.start_listening(options).await.map(|listening| listening.address)
    }

    /// Starts to listen, and says how to stop that. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The endpoint, the certificates or the place for cookies cannot be used, an authenticator is not registered, or the router
    /// was shut down. Nothing listens then.
    pub async fn start_listening(&self, mut options: TransportOptions) -> Result<Listening, StartError> {
        if self.is_shutting_down() {
            return Err(StartError::Stopped);
        }
        self.check_functions(&options)?;
        let tls = options.tls.as_ref().map(TlsAcceptor::new).transpose()?;
        let listener = Listener::bind(&options.endpoint).await?;
        let paths = Arc::new(Paths::open(std::mem::take(&mut options.websocket), &self.shared.jars)?);
        let (shared, options) = (self.shared.clone(), Arc::new(options));
        let room = Room::new(shared.admission.options());
        let acceptor = Acceptor { shared, options, tls, paths, room };
        Ok(self.shared.transports.start(listener, acceptor, self.shared.stop.subscribe()))
    }

    /// Lets a transport that listens have the WebSocket paths of these options, whose other parts mean nothing here. A path that it has
    /// already stays as it is; connections of one that it loses go on.
    ///
    /// # Errors
    /// It does not listen any more, an authenticator is not registered, or the place for cookies cannot be used. Nothing has changed
    /// then.
    pub fn change_websocket(&self, id: TransportId, options: TransportOptions) -> Result<(), StartError> {
        self.check_functions(&options)?;
        let paths = self.shared.transports.paths(id)?;
        Ok(paths.change(options.websocket, &self.shared.jars)?)
    }

    fn check_functions(&self, options: &TransportOptions) -> Result<(), StartError> {
        match options.functions().find(|name| self.shared.authenticator(name).is_none()) {
            Some(name) => Err(StartError::NoSuchAuthenticator(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Stops listening; returns when the socket is closed, and the file of a Unix socket removed. Connections that are there go on,
    /// also those in their handshake.
    ///
    /// # Errors
    /// It does not listen any more.
    pub async fn stop_listening(&self, id: TransportId) -> Result<(), NoSuchTransport> {
        self.shared.transports.stop(id).await
    }

    /// The transports that listen, and those that have stopped and still have connections, in the order in which they began.
    pub fn transports(&self) -> Vec<TransportStatus> {
        self.shared.transports.list()
    }

    /// Whether a transport has TLS.
    pub fn has_tls(&self) -> bool {
        !self.shared.transports.with_tls().is_empty()
    }

    /// Reads the certificates, keys and authorities of all transports again, and tells the log. Connections that are there go on,
    /// handshakes from now on use the new files. Where a file cannot be used the transport keeps what it had, and has an error in the
    /// result, which has all transports with TLS, by where they listen. Blocks while it reads.
    pub fn reload_certificates(&self) -> Vec<(BoundAddress, Result<(), TlsError>)> {
        self.shared.transports.reload_certificates()
    }

    /// Forgets decisions that authorizers allowed to be remembered, and says how many; none if there is no such realm. The
    /// procedure `wamp.authorization.purge` of the realm does the same.
    pub fn purge_decisions(&self, realm: &str, filter: &DecisionFilter) -> usize {
        self.shared.realm(realm).map_or(0, |realm| realm.purge_decisions(filter))
    }

    /// Lets the messages of realms be followed, from now on. It costs those realms some work per message; nobody waits for whoever
    /// reads.
    ///
    /// # Errors
    /// [`TAPS_MAX`](crate::TAPS_MAX) are open.
    pub fn tap(&self, options: TapOptions) -> Result<Tap, TooManyTaps> {
        self.shared.taps.open(options)
    }

    /// The topics and procedures with most messages since somebody asked last, at most `limit` of them and
    /// [`HOT_URIS_TOLD_MAX`](crate::HOT_URIS_TOLD_MAX); with a limit of 0 none, and it is only counted on. Counting begins with the first
    /// question and ends [`HOT_URIS_LEASE`](crate::HOT_URIS_LEASE) after the last one. Must be called within a tokio runtime.
    pub fn hot_uris(&self, limit: usize) -> HotUris {
        self.shared.taps.hot_uris(limit)
    }

    /// What waits for each session of a realm; nothing if there is no such realm.
    pub fn session_queues(&self, realm: &str) -> Vec<SessionQueue> {
        self.shared.realm(realm).map_or_else(Vec::new, |realm| realm.queues())
    }

    /// Events that a realm's history took and that could not be written, as the disk was too slow, full or broken: they are
    /// lost by a restart. 0 if there is no such realm, or nothing is written.
    pub fn unwritten_events(&self, realm: &str) -> u64 {
        self.shared.realms.history(realm).map_or(0, |history| history.lost())
    }

    /// Connections from outside now, and how many of them have not joined a realm.
    pub fn connections(&self) -> (usize, usize) {
        self.shared.admission.counts()
    }

    /// Whether [`Router::shutdown`] has begun.
    pub fn is_shutting_down(&self) -> bool {
        *self.shared.stop.borrow()
    }

    /// Stops listening, says GOODBYE to every session, and waits until they are gone, for at most five seconds. Connections that
    /// have not joined are not waited for. Then it waits until event histories are written, for at most five seconds more.
    pub async fn shutdown(&self) {
        self.shared.stop.send_replace(true);
        // It may hold this router.
        self.shared.provision.set(None);
        self.shared.upstreams.close();
        self.shared.realms.cells().iter().for_each(|realm| realm.close_all(uris::SYSTEM_SHUTDOWN));
        // Until nobody listens: a process that ends before would leave its socket files behind.
        if timeout(UNHEARD_DEADLINE, self.shared.stop.closed()).await.is_err() {
            warn!("some transports still listen");
        }
        if timeout(SHUTDOWN_DEADLINE, self.shared.admission.until_all_left()).await.is_err() {
            let (connections, _) = self.connections();
            warn!(connections, "some connections did not close in time");
        }
        self.close_histories().await;
    }

    async fn close_histories(&self) {
        let histories = self.shared.realms.histories();
        if histories.is_empty() {
            return;
        }
        let closing = spawn_blocking(move || histories.iter().for_each(|history| history.close()));
        if timeout(HISTORY_DEADLINE, closing).await.is_err() {
            warn!("event histories were not written in time: some of their events may be lost");
        }
    }
}

impl Router {
    /// What a connection of this router is made with.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
}
