use std::path::{Path, PathBuf};

use crossweave_router::{
    AdmissionOptions, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions,
};
use crossweave_transport::ListenEndpoint;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::watch;

use super::super::tests::{management, start_worker};
use super::*;
use crate::extension::Extensions;

/// A router, and the way to it by a socket in this folder, over which nothing comes back once `hangs` is true.
async fn router_that_may_hang(folder: &Path, hangs: watch::Receiver<bool>) -> (Router, PathBuf) {
    let router = Router::new(AdmissionOptions::default());
    let realm = RealmDefinition { roles: vec![Role::allow_all("anonymous")], ..RealmDefinition::default() };
    router.start_realm("realm1", realm).expect("it is the first one");
    let options = TransportOptions {
        rawsocket: Some(RawSocketOptions::default()),
        ..TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0))
    };
    let address = router.start_listening(options).await.expect("there is a port").address;
    let port = address.to_string().rsplit(':').next().and_then(|port| port.parse().ok()).expect("it has one");
    let path = folder.join("there");
    let listener = UnixListener::bind(&path).expect("the folder is there");
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
            let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
                (near.into_split(), far.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from_near, &mut to_far).await });
            let hangs = hangs.clone();
            tokio::spawn(async move {
                let mut octets = [0; 4096];
                while let Ok(len @ 1..) = from_far.read(&mut octets).await {
                    if *hangs.borrow() {
                        return std::future::pending().await;
                    }
                    let _ = to_near.write_all(&octets[..len]).await;
                }
            });
        }
    });
    (router, path)
}

#[tokio::test]
async fn a_worker_waits_once_for_routers_that_hang_and_answers_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (hang, hangs) = watch::channel(false);
    let (_router, path) = router_that_may_hang(folder.path(), hangs).await;
    let worker = start_worker(&management(), Extensions::default()).await;
    let asked =
        StartRouterRealm { realm_id: "r1".to_owned(), config: json!({"name": "realm1"}), template_id: None };
    worker.start_router_realm(Caller::default(), asked).await.expect("it is right");
    for id in ["one", "two", "three"] {
        let endpoint = json!({"type": "unix", "path": path});
        let transport = json!({"type": "rawsocket", "serializer": "cbor", "endpoint": endpoint});
        let config = json!({"id": id, "realm": "realm1", "transport": transport, "auth": {"anonymous": {}}});
        let asked = StartRouterRealmLink { realm_id: "r1".to_owned(), link_id: id.to_owned(), config };
        let started = worker.start_router_realm_link(Caller::default(), asked).await.expect("it is right");
        assert!(started.connected);
    }
    hang.send_replace(true);
    let began = Instant::now();
    let stopping = worker.clone();
    let stopping = tokio::spawn(async move {
        let asked = StopRouterRealm { realm_id: "r1".to_owned(), with_instances: false };
        stopping.stop_router_realm(Caller::default(), asked).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let asked = GetRouterRealmTemplates {};
    let answer = timeout(Duration::from_secs(1), worker.get_router_realm_templates(Caller::default(), asked));
    assert!(answer.await.is_ok(), "the worker answers");
    stopping.await.expect("it does not panic").expect("the realm runs");
    assert!(began.elapsed() < STOP_DEADLINE * 2, "{:?}", began.elapsed());
}
