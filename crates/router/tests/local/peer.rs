//! A session within the program that sends and receives single messages.

use std::time::Duration;

use crossweave_router::Router;
use crossweave_transport::Stream;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::Hello;
use crossweave_wamp::{Dict, Message, Serializer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// It waits for ten seconds for what it expects.
pub(crate) struct Peer {
    stream: Stream,
    pub(crate) serializer: Serializer,
    /// The details of its WELCOME.
    pub(crate) welcome: Dict,
}

impl Peer {
    /// Joins `realm1`.
    pub(crate) async fn join(router: &Router, authrole: &str, authid: &str, serializer: Serializer) -> Peer {
        let stream = router.connect_local(serializer, authrole, authid);
        let mut peer = Peer { stream, serializer, welcome: Dict::new() };
        let details = Dict::new().with("roles", Roles::client().to_dict());
        peer.send(Hello { realm: Some("realm1".into()), details }).await;
        let Message::Welcome(welcome) = peer.receive().await else { panic!("no WELCOME") };
        peer.welcome = welcome.details;
        peer
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message<'_>>) {
        let body = message.into().to_bytes(self.serializer);
        self.stream.write_u32(body.len() as u32).await.unwrap();
        self.stream.write_all(&body).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Message<'static> {
        let received = timeout(Duration::from_secs(10), async {
            let mut body = vec![0; self.stream.read_u32().await.unwrap() as usize];
            self.stream.read_exact(&mut body).await.unwrap();
            body
        });
        Message::decode(self.serializer, &received.await.expect("a message in time")).unwrap().into_owned()
    }
}
