//! The transports of a router: which there are, and their end.

use std::fmt;
use std::sync::{Arc, Weak};

use crossweave_transport::Listener;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::tls::{TlsAcceptor, TlsError};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info};

use crate::accept::Acceptor;
use crate::accept::paths::Paths;
use crate::options::TransportOptions;

/// Names a transport of a router, for as long as the router is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportId(u64);

impl fmt::Display for TransportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A transport that has begun to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// What to stop it by.
    pub id: TransportId,
    /// Where it listens, with the port where 0 was asked for.
    pub address: BoundAddress,
}

/// Whether a transport takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportState {
    /// It does.
    Listening,
    /// It has stopped, and some of its connections go on.
    Stopped,
}

/// One transport of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportStatus {
    /// Its name.
    pub id: TransportId,
    /// Where it listens, or did.
    pub address: BoundAddress,
    /// Whether it does.
    pub state: TransportState,
    /// Connections that it has established and that are still there.
    pub connections: usize,
    /// Whether it has TLS.
    pub has_tls: bool,
}

/// There is no transport with this id that listens: it has been stopped, or is another router's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no transport {0} listens")]
pub struct NoSuchTransport(pub TransportId);

/// The transports of a router.
#[derive(Default)]
pub(crate) struct Transports(Mutex<Table>);

#[derive(Default)]
struct Table {
    last: u64,
    /// In the order in which they began to listen.
    entries: Vec<Entry>,
}

struct Entry {
    id: TransportId,
    address: BoundAddress,
    tls: Option<TlsAcceptor>,
    /// Its acceptor has one of these, and each of its connections.
    options: Weak<TransportOptions>,
    paths: Arc<Paths>,
    /// The task that accepts; none once it was told to end.
    accepting: Option<JoinHandle<()>>,
}

impl Transports {
    /// Starts to accept.
    pub(crate) fn start(
        &self,
        listener: Listener,
        acceptor: Acceptor,
        stop: watch::Receiver<bool>,
    ) -> Listening {
        let address = listener.address().clone();
        let (tls, options) = (acceptor.tls.clone(), Arc::downgrade(&acceptor.options));
        let paths = acceptor.paths.clone();
        let mut table = self.0.lock();
        table.forget_those_without_connections();
        table.last += 1;
        let id = TransportId(table.last);
        let accepting = Some(tokio::spawn(Arc::new(acceptor).run(listener, stop)));
        table.entries.push(Entry { id, address: address.clone(), tls, options, paths, accepting });
        Listening { id, address }
    }

    /// Ends accepting; returns when the listening socket is closed.
    pub(crate) async fn stop(&self, id: TransportId) -> Result<(), NoSuchTransport> {
        let (accepting, address) = {
            let mut table = self.0.lock();
            let entry = table.entries.iter_mut().find(|entry| entry.id == id).ok_or(NoSuchTransport(id))?;
            (entry.accepting.take().ok_or(NoSuchTransport(id))?, entry.address.clone())
        };
        accepting.abort();
        // It ends as it is aborted: with its task goes the socket.
        let _ = accepting.await;
        self.0.lock().forget_those_without_connections();
        info!(endpoint = %address, "transport stopped listening");
        Ok(())
    }

    /// The WebSocket paths of one that listens.
    pub(crate) fn paths(&self, id: TransportId) -> Result<Arc<Paths>, NoSuchTransport> {
        let table = self.0.lock();
        let entry = table.entries.iter().find(|entry| entry.id == id && entry.is_listening());
        entry.map(|entry| entry.paths.clone()).ok_or(NoSuchTransport(id))
    }

    pub(crate) fn list(&self) -> Vec<TransportStatus> {
        let mut table = self.0.lock();
        table.forget_those_without_connections();
        table.entries.iter().map(Entry::status).collect()
    }

    /// Those with certificates that may still be shown.
    pub(crate) fn with_tls(&self) -> Vec<(BoundAddress, TlsAcceptor)> {
        let table = self.0.lock();
        let listening = table.entries.iter().filter(|entry| entry.is_listening());
        listening.filter_map(|entry| Some((entry.address.clone(), entry.tls.clone()?))).collect()
    }

    /// Reads all certificates again; says of each transport what came of it.
    pub(crate) fn reload_certificates(&self) -> Vec<(BoundAddress, Result<(), TlsError>)> {
        let reload = |(address, tls): (BoundAddress, TlsAcceptor)| {
            let reloaded = tls.reload();
            match &reloaded {
                Ok(()) => info!(endpoint = %address, "certificates were read again"),
                Err(error) => error!(endpoint = %address, %error, "certificates stay as they were"),
            }
            (address, reloaded)
        };
        self.with_tls().into_iter().map(reload).collect()
    }
}

impl Table {
    /// A transport that has stopped is of interest while connections of it are there.
    fn forget_those_without_connections(&mut self) {
        self.entries.retain(|entry| entry.is_listening() || entry.options.strong_count() > 0);
    }
}

impl Entry {
    fn is_listening(&self) -> bool {
        self.accepting.as_ref().is_some_and(|task| !task.is_finished())
    }

    fn status(&self) -> TransportStatus {
        let is_listening = self.is_listening();
        // One is the acceptor's.
        let connections = self.options.strong_count().saturating_sub(usize::from(is_listening));
        TransportStatus {
            id: self.id,
            address: self.address.clone(),
            state: if is_listening { TransportState::Listening } else { TransportState::Stopped },
            connections,
            has_tls: self.tls.is_some(),
        }
    }
}
