//! The router shuts down.

use crossweave_router::{StartError, TransportOptions};
use crossweave_transport::ListenEndpoint;
use crossweave_wamp::{Message, uris};

use crate::peer::{Heard, Peer, hello, node};

#[tokio::test]
async fn a_hello_during_shutdown_is_refused() {
    let node = node().await;
    let mut newcomer = Peer::rawsocket(&node).await;
    let mut joined = Peer::rawsocket(&node).await;
    joined.hello().await;
    let router = node.router.clone();
    let shutdown = tokio::spawn(async move { router.shutdown().await });
    let Message::Goodbye(goodbye) = joined.receive().await else { panic!("not a GOODBYE") };
    assert_eq!(goodbye.reason, uris::SYSTEM_SHUTDOWN);
    newcomer.send(hello()).await;
    assert_eq!(newcomer.receive_abort().await.0, uris::SYSTEM_SHUTDOWN);
    assert!(matches!(newcomer.hear().await, Heard::End));
    assert!(node.router.session_queues("realm1").is_empty());
    drop((joined, newcomer));
    shutdown.await.unwrap();
}

#[tokio::test]
async fn a_router_that_was_shut_down_does_not_listen_again() {
    let node = node().await;
    node.router.shutdown().await;
    let again = node.router.listen(TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0))).await;
    assert!(matches!(again, Err(StartError::Stopped)), "{again:?}");
}
