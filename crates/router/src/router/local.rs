//! Sessions that are let in by whoever holds their stream: parts of this program, and processes that it started.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossweave_transport::codec::Framing;
use crossweave_transport::rawsocket::MaxLen;
use crossweave_transport::{Codec, ListenEndpoint, PeerAddress, Stream, memory};
use crossweave_wamp::{Batching, Serializer};
use tokio::net::UnixStream;
use tokio::time::Instant;

use super::Router;
use crate::connection::{Connection, Established};
use crate::methods::Authentication;
use crate::options::TransportOptions;
use crate::peer::Wire;
use crate::provision::{self, NotActivated};

impl Router {
    /// Connects a part of this program. The stream speaks RawSocket framing with this serializer, without a handshake; its
    /// HELLO is let in under this authrole and authid whatever methods it offers.
    ///
    /// The authrole is one of the realm's, or `trusted`: that role is there on every realm, may do everything, the meta API
    /// included, and is never given to anybody from outside.
    pub fn connect_local(&self, serializer: Serializer, authrole: &str, authid: &str) -> Stream {
        let (near, far) = memory::pair();
        self.serve_stream(far, PeerAddress::Memory, serializer, authrole, authid);
        near
    }

    /// Waits until a realm that a part of this program is about to join with this authrole is there: the provider of realms
    /// ([`Router::set_realm_provider`](Router::set_realm_provider)) is asked for it in the same line and within the same bounds
    /// as for a client of this authid. Nothing is asked without a provider, nor for what is there.
    ///
    /// # Errors
    /// The provider starts no such realm or role for it, or too many wait.
    pub async fn provide(&self, realm: &str, authrole: &str, authid: &str) -> Result<(), NotActivated> {
        provision::provide(&self.shared(), realm, authrole, authid).await
    }

    /// Serves a Unix socket whose other end was handed to somebody who is trusted, such as one end of
    /// [`UnixStream::pair`] that a child process has inherited. As with [`Router::connect_local`] it speaks RawSocket framing
    /// with this serializer, without a handshake, and its HELLO is let in under this authrole and authid. Must be called
    /// within a tokio runtime.
    ///
    /// The connection does not count against the bounds for those from outside, and [`Router::shutdown`] does not wait for it.
    ///
    /// # Errors
    /// The system does not tell who is at the other end.
    pub fn serve(
        &self,
        stream: UnixStream,
        serializer: Serializer,
        authrole: &str,
        authid: &str,
    ) -> io::Result<()> {
        let peer = stream.peer_cred()?;
        let address = PeerAddress::Unix { pid: peer.pid(), uid: peer.uid(), gid: peer.gid() };
        self.serve_stream(Stream::Unix(stream), address, serializer, authrole, authid);
        Ok(())
    }

    fn serve_stream(
        &self,
        stream: Stream,
        address: PeerAddress,
        serializer: Serializer,
        authrole: &str,
        authid: &str,
    ) {
        let options = TransportOptions::new(ListenEndpoint::tcp("local", 0));
        let codec = Codec::rawsocket(MaxLen::MAX, MaxLen::MAX);
        let established = Established {
            stream,
            wire: Wire { serializer, framing: Framing::RawSocket, batching: Batching::Single },
            message_len_max: codec.encoder.len_max(),
            codec,
            leftover: Vec::new(),
            address,
            tls: None,
            authentication: Authentication::Trusted { authrole: authrole.into(), authid: authid.into() },
            visit: None,
            channel_framing: "rawsocket",
            ping: None,
            deadline: Instant::now() + Duration::from_millis(options.handshake_timeout_ms),
        };
        tokio::spawn(Connection::new(self.shared.clone(), Arc::new(options), established, None, None));
    }
}
