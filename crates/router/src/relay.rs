//! Clients that another part of this program speaks with, over a transport that the router itself does not know.

use std::sync::Arc;
use std::time::Duration;

use crossweave_transport::codec::Framing;
use crossweave_transport::rawsocket::MaxLen;
use crossweave_transport::tls::TlsFacts;
use crossweave_transport::{Codec, ListenEndpoint, PeerAddress, Stream, memory};
use crossweave_wamp::{Batching, Serializer};
use tokio::time::Instant;

use crate::admission::Refused;
use crate::connection::{Connection, Established};
use crate::methods::Authentication;
use crate::options::TransportOptions;
use crate::peer::Wire;
use crate::router::Router;

/// A client whose messages somebody passes on.
#[derive(Clone)]
pub struct Relayed {
    /// Where it is.
    pub address: PeerAddress,
    /// What TLS knows of it; absent without TLS.
    pub tls: Option<Arc<TlsFacts>>,
    /// How its messages come, as the meta API names it in `transport.channel_framing`, such as `longpoll`.
    pub channel_framing: &'static str,
    /// What it speaks.
    pub serializer: Serializer,
    /// Who may join, and as whom.
    pub authentication: Authentication,
    /// The longest message accepted from it, in octets; rounded up to a power of two, 16 MiB at most.
    pub message_len_max: usize,
    /// From now to WELCOME, in milliseconds.
    pub handshake_timeout_ms: u64,
}

impl Router {
    /// Connects a client that is somewhere else. The stream speaks RawSocket framing, without a handshake; the client has to
    /// authenticate itself, and counts as a connection.
    ///
    /// # Errors
    /// There are too many connections.
    pub fn relay(&self, relayed: Relayed) -> Result<Stream, Refused> {
        let shared = self.shared();
        let (admitted, pending) = shared.admission.admit(&relayed.address)?;
        let (near, far) = memory::pair();
        let options = TransportOptions::new(ListenEndpoint::tcp("memory", 0));
        let codec = Codec::rawsocket(MaxLen::at_least(relayed.message_len_max), MaxLen::MAX);
        let established = Established {
            stream: far,
            message_len_max: codec.encoder.len_max(),
            codec,
            wire: Wire {
                serializer: relayed.serializer,
                framing: Framing::RawSocket,
                batching: Batching::Single,
            },
            leftover: Vec::new(),
            address: relayed.address,
            tls: relayed.tls,
            authentication: relayed.authentication,
            visit: None,
            channel_framing: relayed.channel_framing,
            ping: None,
            deadline: Instant::now() + Duration::from_millis(relayed.handshake_timeout_ms),
        };
        tokio::spawn(Connection::new(shared, Arc::new(options), established, Some(pending), Some(admitted)));
        Ok(near)
    }
}
