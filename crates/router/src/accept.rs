//! From a new connection to an established one: TLS, telling the protocols apart, their handshakes.

pub(crate) mod http;
pub(crate) mod paths;
mod rawsocket;
mod turns;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossweave_transport::tls::{TlsAcceptor, TlsFacts};
use crossweave_transport::{Listener, PeerAddress, Protocol, Stream, sniff};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use crate::admission::{Admitted, Pending};
use crate::connection::{Connection, Established};
use crate::http::arriving::Room;
use crate::options::TransportOptions;
use crate::quota::Kind;
use crate::router::Shared;
use paths::Paths;
use turns::Turns;

/// Connections accepted before everything else that is ready goes first: each takes some 8 µs.
const ACCEPTED_PER_TURN: usize = 4;

/// A listening transport.
pub(crate) struct Acceptor {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: Arc<TransportOptions>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) paths: Arc<Paths>,
    /// For what arrives of bodies before anybody has joined.
    pub(crate) room: Arc<Room>,
}

/// Why a connection is not established.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotEstablished {
    #[error("the handshake took too long")]
    Deadline,
    #[error("nothing came in time")]
    Silent,
    #[error("{0}")]
    Refused(String),
    #[error("the connection was closed")]
    Closed,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What a connection turns out to be for.
enum Purpose {
    /// A session.
    Session(Box<Established>),
    /// HTTP requests, the first of which is in the buffer.
    Requests(Box<Handshake>),
}

/// A connection during its handshake.
pub(crate) struct Handshake {
    pub(crate) stream: Stream,
    pub(crate) address: PeerAddress,
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// What was read and not used yet.
    pub(crate) buffer: Vec<u8>,
    /// By when it must be done.
    pub(crate) deadline: Instant,
}

impl Handshake {
    /// Reads until the buffer holds `len` octets.
    async fn read(&mut self, len: usize) -> Result<(), NotEstablished> {
        while self.buffer.len() < len {
            let read = self.stream.read_buf(&mut self.buffer);
            match timeout_at(self.deadline, read).await {
                Ok(Ok(0)) => return Err(NotEstablished::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if self.buffer.is_empty() => return Err(NotEstablished::Silent),
                Err(_) => return Err(NotEstablished::Deadline),
            }
        }
        Ok(())
    }
}

impl Acceptor {
    /// Accepts connections until told to stop.
    pub(crate) async fn run(self: Arc<Self>, listener: Listener, mut stop: watch::Receiver<bool>) {
        let turns = Turns::start();
        let mut accepted: usize = 0;
        loop {
            let (stream, address) = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            match self.shared.admission.admit(&address) {
                Ok((admitted, pending)) => {
                    let acceptor = self.clone();
                    turns.begin(async move {
                        if let Some(connection) = acceptor.open(stream, address, pending, admitted).await {
                            tokio::spawn(connection);
                        }
                    });
                    accepted += 1;
                    if accepted.is_multiple_of(ACCEPTED_PER_TURN) {
                        // Those who have joined go first.
                        yield_now().await;
                    }
                }
                Err(refused) => self.shared.quota.log(Kind::Admission, || {
                    warn!(peer = %address, %refused, "connection refused");
                }),
            }
        }
        // In this order: whoever waits for this to end relies on the socket file being gone.
        drop(listener);
        drop(stop);
    }

    /// Opens a session. Nothing comes back if the connection ends before, or is there for something else.
    async fn open(
        self: &Arc<Self>,
        stream: Stream,
        address: PeerAddress,
        pending: Pending,
        admitted: Admitted,
    ) -> Option<Connection> {
        // The handshake's future is large, and must not stay for what comes behind it.
        let established = match Box::pin(self.establish(stream, address)).await? {
            Purpose::Session(established) => *established,
            // No opening, and as long as its answers take.
            Purpose::Requests(handshake) => {
                tokio::spawn(self.clone().serve(*handshake, pending, admitted));
                return None;
            }
        };
        let (shared, options) = (self.shared.clone(), self.options.clone());
        let connection = Connection::new(shared, options, established, Some(pending), Some(admitted));
        connection.open().await
    }

    async fn establish(&self, stream: Stream, address: PeerAddress) -> Option<Purpose> {
        let peer = address.clone();
        self.heed(&peer, self.handshake(stream, address).await)
    }

    /// Tells the log what became of a connection that goes no further.
    fn heed<T>(&self, peer: &PeerAddress, outcome: Result<Option<T>, NotEstablished>) -> Option<T> {
        match outcome {
            Ok(established) => established,
            // Browsers open connections ahead, and may never use them.
            Err(error @ (NotEstablished::Closed | NotEstablished::Silent | NotEstablished::Io(_))) => {
                debug!(%peer, %error, "connection ended before its handshake was done");
                None
            }
            Err(error) => {
                let line = || info!(%peer, %error, "connection refused");
                self.shared.quota.log(Kind::Handshake, line);
                None
            }
        }
    }

    async fn handshake(
        &self,
        stream: Stream,
        address: PeerAddress,
    ) -> Result<Option<Purpose>, NotEstablished> {
        let deadline = Instant::now() + Duration::from_millis(self.options.handshake_timeout_ms);
        let stream = match &self.tls {
            Some(tls) => timeout_at(deadline, tls.secure(stream))
                .await
                .map_err(|_| NotEstablished::Deadline)?
                .map_err(|error| NotEstablished::Refused(error.to_string()))?,
            None => stream,
        };
        let tls = stream.tls().map(Arc::new);
        let mut handshake = Handshake { stream, address, tls, buffer: Vec::new(), deadline };
        handshake.read(1).await?;
        match sniff(&handshake.buffer) {
            Some(Protocol::RawSocket) => {
                let established = self.rawsocket(handshake).await?;
                Ok(Some(Purpose::Session(Box::new(established))))
            }
            Some(Protocol::Http) => self.http(handshake).await,
            Some(other) => Err(NotEstablished::Refused(other.complaint().unwrap_or(other.name()).to_owned())),
            None => Err(NotEstablished::Closed),
        }
    }
}
