//! A router that nobody listens for yet, and sessions on it.

use std::time::Duration;

use crossweave_client::{Client, Options, Reconnect};
use crossweave_router::{
    AdmissionOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::Serializer;
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A router with `realm1`, where the role `anonymous` may do everything.
pub(crate) fn router() -> Router {
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", realm(["anonymous"])).unwrap();
    router
}

pub(crate) fn realm<const N: usize>(roles: [&str; N]) -> RealmDefinition {
    let roles = roles.map(Role::allow_all).to_vec();
    RealmDefinition { roles, ..RealmDefinition::default() }
}

/// RawSocket on a free port of loopback.
pub(crate) fn transport() -> TransportOptions {
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport
}

/// A session over TCP.
pub(crate) async fn connected(address: &BoundAddress, realm: &str) -> Client {
    let BoundAddress::Tcp(address) = address else { panic!("not tcp: {address}") };
    soon(Client::connect_with(&format!("rs://{address}"), realm, once())).await.unwrap()
}

/// Does not connect again.
pub(crate) fn once() -> Options {
    Options { reconnect: Reconnect::Off, serializers: vec![Serializer::Cbor], ..Options::default() }
}

/// A session over a socket pair.
pub(crate) async fn served(router: &Router, realm: &str, authrole: &str, authid: &str) -> Client {
    let (near, far) = UnixStream::pair().unwrap();
    router.serve(far, Serializer::Cbor, authrole, authid).unwrap();
    soon(Client::connect_over(near, realm, once())).await.unwrap()
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(5), future).await.expect("it happens within five seconds")
}
