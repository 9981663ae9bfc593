//! Transports start and stop while connections go on.

use crossweave_client::Client;
use crossweave_router::{NoSuchTransport, Router, TransportState};
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use tokio::net::{TcpStream, UnixStream};

use crate::node::{connected, once, router, soon, transport};

fn states(router: &Router) -> Vec<(TransportState, usize)> {
    router.transports().into_iter().map(|it| (it.state, it.connections)).collect()
}

async fn until(router: &Router, expected: &[(TransportState, usize)]) {
    let wait = async {
        while states(router) != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), wait)
        .await
        .unwrap_or_else(|_| panic!("{:?} instead of {expected:?}", states(router)));
}

#[tokio::test]
async fn connections_outlive_their_transport() {
    let router = router();
    let first = router.start_listening(transport()).await.unwrap();
    let second = router.start_listening(transport()).await.unwrap();
    assert_ne!(first.id, second.id);
    let client = connected(&first.address, "realm1").await;
    until(&router, &[(TransportState::Listening, 1), (TransportState::Listening, 0)]).await;

    router.stop_listening(first.id).await.unwrap();
    let BoundAddress::Tcp(address) = &first.address else { panic!() };
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
    let count: u64 = soon(client.call_with("wamp.session.count", ())).await.unwrap();
    assert_eq!(count, 1, "the session goes on");
    until(&router, &[(TransportState::Stopped, 1), (TransportState::Listening, 0)]).await;
    assert_eq!(router.stop_listening(first.id).await, Err(NoSuchTransport(first.id)));

    client.leave().await;
    until(&router, &[(TransportState::Listening, 0)]).await;
    assert_eq!(router.transports()[0].address, second.address);
}

#[tokio::test]
async fn a_port_can_be_listened_on_again() {
    let router = router();
    let first = router.start_listening(transport()).await.unwrap();
    let _client = connected(&first.address, "realm1").await;
    router.stop_listening(first.id).await.unwrap();
    let BoundAddress::Tcp(address) = &first.address else { panic!() };
    let mut again = transport();
    again.endpoint = ListenEndpoint::tcp("127.0.0.1", address.port());
    let second = router.start_listening(again).await.unwrap();
    assert_eq!(second.address, first.address);
    connected(&second.address, "realm1").await.leave().await;
}

#[tokio::test]
async fn the_file_of_a_unix_socket_goes_with_its_transport() {
    let router = router();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.sock");
    let mut options = transport();
    options.endpoint = ListenEndpoint::unix(&path);
    let listening = router.start_listening(options).await.unwrap();
    let client = Client::connect_with(&format!("unix:{}", path.display()), "realm1", once()).await.unwrap();
    router.stop_listening(listening.id).await.unwrap();
    assert!(!path.exists());
    assert!(UnixStream::connect(&path).await.is_err());
    let count: u64 = soon(client.call_with("wamp.session.count", ())).await.unwrap();
    assert_eq!(count, 1);
}

#[tokio::test]
async fn a_transport_that_cannot_listen_is_not_listed() {
    let router = router();
    let first = router.start_listening(transport()).await.unwrap();
    let BoundAddress::Tcp(address) = &first.address else { panic!() };
    let mut taken = transport();
    taken.endpoint = ListenEndpoint::tcp("127.0.0.1", address.port());
    assert!(router.start_listening(taken).await.is_err());
    assert_eq!(states(&router), [(TransportState::Listening, 0)]);
}
