//! A router whose transport has these methods, and peers of it.

use std::time::Duration;

use crossweave_client::{Auth, Client, ConnectError, Options, Reconnect};
use crossweave_router::*;
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Abort, Authenticate, Challenge, Hello};
use crossweave_wamp::{Dict, Message, Serializer, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) port: u16,
}

/// Realms `realm1` and `realm2`, each with roles `user` and `admin`.
pub(crate) async fn node(methods: Methods) -> Node {
    node_with(methods, |_| {}).await
}

pub(crate) async fn node_with(methods: Methods, change: impl FnOnce(&mut TransportOptions)) -> Node {
    let router = Router::new(AdmissionOptions::default());
    for name in ["realm1", "realm2"] {
        let roles = ["user", "admin"].map(Role::allow_all).to_vec();
        let realm = RealmDefinition { roles, ..RealmDefinition::default() };
        router.start_realm(name, realm).unwrap();
    }
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.websocket.insert("/ws".into(), WebSocketOptions::default());
    transport.authentication = methods.into();
    change(&mut transport);
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

impl Node {
    pub(crate) async fn join(&self, auth: Auth) -> Result<Client, ConnectError> {
        let options = Options { auth, reconnect: Reconnect::Off, ..Options::default() };
        Client::connect_with(&format!("rs://127.0.0.1:{}", self.port), "realm1", options).await
    }

    /// Realm, authid, authrole, authmethod and authprovider of whoever joins so.
    pub(crate) async fn joins_as(&self, auth: Auth) -> [String; 5] {
        let session = self.join(auth).await.expect("may join").session();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (authid, authrole) = (text(&session.authid), text(&session.authrole));
        [session.realm.clone(), authid, authrole, text(&session.authmethod), text(&session.authprovider)]
    }

    /// The error of whoever may not join so.
    pub(crate) async fn refuses(&self, auth: Auth) -> String {
        self.join(auth).await.expect_err("may not join").to_string()
    }
}

/// A peer that says what it is told.
pub(crate) struct Peer(TcpStream);

impl Peer {
    pub(crate) async fn connect(node: &Node) -> Peer {
        let mut stream = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
        stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        Peer(stream)
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message<'_>>) {
        let body = message.into().to_bytes(Serializer::Json);
        self.0.write_all(&[(body.len() as u32).to_be_bytes().to_vec(), body].concat()).await.unwrap();
    }

    pub(crate) async fn hello(&mut self, methods: &[&str], details: Dict) {
        let methods: Vec<Value> = methods.iter().map(|method| Value::from(*method)).collect();
        let details = details.with("roles", Roles::client().to_dict()).with("authmethods", methods);
        self.send(Hello { realm: Some("realm1".into()), details }).await;
    }

    pub(crate) async fn authenticate(&mut self, signature: &str) {
        self.send(Authenticate { signature: signature.into(), extra: Dict::new() }).await;
    }

    pub(crate) async fn receive(&mut self) -> Message<'static> {
        let read = async {
            let len = self.0.read_u32().await.unwrap();
            let mut body = vec![0; len as usize];
            self.0.read_exact(&mut body).await.unwrap();
            body
        };
        let body = timeout(Duration::from_secs(5), read).await.expect("a message within five seconds");
        Message::decode(Serializer::Json, &body).unwrap().into_owned()
    }

    pub(crate) async fn challenge(&mut self) -> Challenge {
        match self.receive().await {
            Message::Challenge(challenge) => challenge,
            other => panic!("expected CHALLENGE, got {other:?}"),
        }
    }

    pub(crate) async fn abort(&mut self) -> Abort {
        match self.receive().await {
            Message::Abort(abort) => abort,
            other => panic!("expected ABORT, got {other:?}"),
        }
    }
}

/// A client known by this.
pub(crate) fn known<C>(authid: &str, authrole: &str, credential: C) -> (String, Principal<C>) {
    (authid.to_owned(), Principal { authrole: authrole.into(), realm: None, credential })
}
