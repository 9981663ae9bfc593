//! Transports that speak a protocol of the program's own.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crossweave_router::{Authentication, Relayed, Router};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_transport::tls::TlsAcceptor;
use crossweave_transport::{Listener, PeerAddress, Stream};
use crossweave_wamp::Serializer;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::debug;

use super::transport::Listen;
use super::transports::with_port;

/// Connections of one transport at a time; others wait.
const CONNECTIONS_MAX: usize = 10_000;

/// Speaks with clients in their own language, and with the router in WAMP.
pub trait Protocol: Send + Sync {
    /// Speaks with one client, from its first octet (of what is behind TLS) to its end. `entrance` is its way to the router. It is
    /// for the protocol to bound what it reads and how long it waits.
    fn speak<'a>(
        &'a self,
        stream: Stream,
        entrance: Entrance,
    ) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + 'a>>;
}

/// The way of one client to the router.
pub struct Entrance {
    router: Router,
    relayed: Relayed,
}

impl Entrance {
    /// Where the client is.
    pub fn address(&self) -> &PeerAddress {
        &self.relayed.address
    }

    /// A connection to the router, which sees the client behind it: it authenticates by the transport's `auth`, and counts. It
    /// speaks RawSocket framing without a handshake: four octets of length, then a message in this serializer.
    ///
    /// # Errors
    /// There are too many connections.
    pub fn open(&self, serializer: Serializer) -> io::Result<Stream> {
        let relayed = Relayed { serializer, ..self.relayed.clone() };
        self.router.relay(relayed).map_err(|refused| io::Error::other(format!("{refused:?}")))
    }
}

/// What a transport speaks that is a part of this program.
#[derive(Clone)]
pub(super) struct Speaking {
    pub(super) name: String,
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) authentication: Authentication,
}

/// Accepts clients until it is dropped. Those that are there go on.
pub(super) struct Accepting(AbortHandle);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens on the first port that is free.
pub(super) async fn listen(
    router: &Router,
    listen: &Listen,
    speaking: Speaking,
) -> Result<(BoundAddress, Accepting), String> {
    let tls = listen.options.tls.as_ref().map(TlsAcceptor::new).transpose();
    let tls = tls.map_err(|error| error.to_string())?;
    let mut failure = String::new();
    for port in listen.ports.clone() {
        match Listener::bind(&with_port(&listen.options, port).endpoint).await {
            Ok(listener) => {
                let address = listener.address().clone();
                let deadline = Duration::from_millis(listen.options.handshake_timeout_ms);
                let accepting = accept(listener, tls, deadline, router.clone(), speaking);
                return Ok((address, Accepting(tokio::spawn(accepting).abort_handle())));
            }
            Err(error) => {
                let is_taken = error.cause.kind() == ErrorKind::AddrInUse;
                failure = error.to_string();
                if !is_taken {
                    break;
                }
            }
        }
    }
    Err(failure)
}

async fn accept(
    listener: Listener,
    tls: Option<TlsAcceptor>,
    deadline: Duration,
    router: Router,
    speaking: Speaking,
) {
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        let (stream, address) = listener.accept().await;
        let (tls, router, speaking) = (tls.clone(), router.clone(), speaking.clone());
        tokio::spawn(async move {
            if let Err(error) = client(stream, address.clone(), tls, deadline, router, speaking).await {
                debug!(peer = %address, %error, "a connection has ended");
            }
            drop(permit);
        });
    }
}

async fn client(
    stream: Stream,
    address: PeerAddress,
    tls: Option<TlsAcceptor>,
    deadline: Duration,
    router: Router,
    speaking: Speaking,
) -> io::Result<()> {
    let stream = match tls {
        Some(tls) => timeout(deadline, tls.secure(stream)).await?.map_err(io::Error::other)?,
        None => stream,
    };
    let relayed = Relayed {
        address,
        tls: stream.tls().map(Arc::new),
        channel_framing: "rust",
        serializer: Serializer::Json,
        authentication: speaking.authentication,
        message_len_max: 16 << 20,
        handshake_timeout_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
    };
    speaking.protocol.speak(stream, Entrance { router, relayed }).await
}
