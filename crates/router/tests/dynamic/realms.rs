//! Realms stop and start again.

use crossweave_client::{Client, ConnectError, JoinError, Options, Resume};
use crossweave_router::{
    HistoryStore, RealmDefinition, RealmError, RealmOptions, ResumptionOptions, StartError,
};
use crossweave_router_core::HistoryRule;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::{Dict, MatchPolicy, uris};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

use crate::node::{connected, once, realm, router, served, soon, transport};

#[tokio::test]
async fn a_realm_that_stops_says_goodbye_and_lets_nobody_in() {
    let router = router();
    router.start_realm("realm2", realm(["anonymous"])).unwrap();
    let listening = router.start_listening(transport()).await.unwrap();
    let outside = connected(&listening.address, "realm1").await;
    let inside = served(&router, "realm1", "trusted", "worker1").await;
    let elsewhere = connected(&listening.address, "realm2").await;

    let mut ended = router.stop_realm("realm1").await.unwrap();
    let mut expected = vec![outside.session().id, inside.session().id];
    ended.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ended, expected);
    for client in [&outside, &inside] {
        let why = soon(client.closed()).await.unwrap();
        assert!(why.reason.contains(uris::CLOSE_REALM), "{}", why.reason);
        assert!(why.reason.contains("the realm was stopped"), "{}", why.reason);
    }
    let BoundAddress::Tcp(address) = &listening.address else { panic!() };
    let late = Client::connect_with(&format!("rs://{address}"), "realm1", once()).await.unwrap_err();
    let ConnectError::Join { cause: JoinError::Refused(why), .. } = &late else { panic!("{late}") };
    assert_eq!(why.uri, uris::NO_SUCH_REALM);
    assert_eq!(router.realms(), ["realm2"]);
    let count: u64 = soon(elsewhere.call_with("wamp.session.count", ())).await.unwrap();
    assert_eq!(count, 1, "other realms go on");
    assert_eq!(router.stop_realm("realm1").await, Err(RealmError::NoSuchRealm("realm1".to_owned())));
}

#[tokio::test]
async fn a_name_can_be_started_again_at_once_and_nothing_of_the_realm_is_left() {
    let router = router();
    let before = served(&router, "realm1", "anonymous", "joe").await;
    let _echo = soon(before.register("com.echo", |s: String| async { Ok(s) }).into_future()).await.unwrap();
    for _ in 0..3 {
        router.stop_realm("realm1").await.unwrap();
        router.start_realm("realm1", realm(["anonymous"])).unwrap();
        let client = served(&router, "realm1", "anonymous", "joe").await;
        let count: u64 = soon(client.call_with("wamp.session.count", ())).await.unwrap();
        assert_eq!(count, 1);
        let gone = soon(client.call_with::<String>("com.echo", "x")).await.unwrap_err();
        assert!(gone.to_string().contains(uris::NO_SUCH_PROCEDURE), "{gone}");
    }
}

async fn events_of_com(client: &Client) -> usize {
    let prefix = Dict::new().with("match", "prefix");
    let rule = client.call("wamp.subscription.lookup").arg("com.").arg(prefix).into_future();
    let rule = soon(rule).await.unwrap().args()[0].clone();
    let events = soon(client.call("wamp.subscription.get_events").arg(rule).into_future()).await.unwrap();
    events.args().len()
}

#[tokio::test]
async fn a_history_in_a_file_is_there_when_its_realm_starts_again() {
    let router = router();
    let folder = tempfile::tempdir().unwrap();
    let definition = || {
        let rules = vec![HistoryRule::new("com.", MatchPolicy::Prefix)];
        let history = HistoryStore::Sqlite { path: folder.path().join("events.db") };
        let options = RealmOptions { history: rules, ..RealmOptions::default() };
        RealmDefinition { options, history, ..realm(["anonymous"]) }
    };
    router.start_realm("realm2", definition()).unwrap();
    for round in 0..3 {
        let client = served(&router, "realm2", "anonymous", "joe").await;
        assert_eq!(events_of_com(&client).await, round);
        soon(client.publish("com.topic", round as u64).acknowledged()).await.unwrap();
        drop(client);
        router.stop_realm("realm2").await.unwrap();
        router.start_realm("realm2", definition()).unwrap();
        assert_eq!(router.unwritten_events("realm2"), 0);
    }
    let again = router.start_realm("realm2", definition());
    assert!(matches!(again, Err(StartError::RealmExists(_))), "{again:?}");
}

#[tokio::test]
async fn sessions_that_wait_to_be_resumed_end_with_their_realm() {
    let router = router();
    let mut resumable = transport();
    resumable.resumption = Some(ResumptionOptions::default());
    let listening = router.start_listening(resumable).await.unwrap();
    let BoundAddress::Tcp(address) = listening.address else { panic!() };
    let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rs://{}", relay.local_addr().unwrap());
    let relaying = tokio::spawn(async move {
        let (mut near, _) = relay.accept().await.unwrap();
        let mut far = TcpStream::connect(address).await.unwrap();
        copy_bidirectional(&mut near, &mut far).await
    });
    let options = Options { resume: Some(Resume::default()), ..Options::default() };
    let client = soon(Client::connect_with(&url, "realm1", options)).await.unwrap();
    let id = client.session().id;
    relaying.abort();
    let parked = async {
        while !router.session_queues("realm1").iter().any(|queue| queue.is_parked) {
            yield_now().await;
        }
    };
    soon(parked).await;
    assert_eq!(router.stop_realm("realm1").await.unwrap(), [id]);
    router.start_realm("realm1", realm(["anonymous"])).unwrap();
    assert!(router.session_queues("realm1").is_empty());
}

#[tokio::test]
async fn no_realm_starts_on_a_router_that_was_shut_down() {
    let router = router();
    router.shutdown().await;
    assert!(matches!(router.start_realm("realm2", realm([])), Err(StartError::Stopped)));
}
