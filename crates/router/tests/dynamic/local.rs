//! Sessions over streams that were handed over.

use crossweave_client::{CallError, Client, ConnectError, JoinError, State, Value};
use crossweave_wamp::{Serializer, uris};
use tokio::net::UnixStream;

use crate::node::{once, router, served, soon};

#[tokio::test]
async fn a_socket_pair_carries_a_session() {
    let router = router();
    let callee = served(&router, "realm1", "anonymous", "worker1").await;
    let _double = soon(callee.register("com.double", |n: i64| async move { Ok(2 * n) }).into_future()).await;
    let caller = served(&router, "realm1", "anonymous", "worker2").await;
    let doubled: i64 = soon(caller.call_with("com.double", 21)).await.unwrap();
    assert_eq!(doubled, 42);
    let session = caller.session();
    assert_eq!(
        (session.authid.as_deref(), session.authrole.as_deref()),
        (Some("worker2"), Some("anonymous"))
    );
    let reply = soon(caller.call("wamp.session.get").arg(session.id.0).into_future()).await.unwrap();
    let Some(Value::Dict(details)) = reply.args().first().cloned() else { panic!("{reply:?}") };
    let transport = details.dict("transport").unwrap();
    assert_eq!(transport.str("channel_type"), Some("unix"));
}

#[tokio::test]
async fn a_message_of_megabytes_goes_through_a_socket_pair() {
    let router = router();
    let callee = served(&router, "realm1", "anonymous", "worker1").await;
    let _len = soon(callee.register("com.len", |s: String| async move { Ok(s.len()) }).into_future()).await;
    let caller = served(&router, "realm1", "anonymous", "worker2").await;
    let len: usize = soon(caller.call_with("com.len", "x".repeat(3 << 20))).await.unwrap();
    assert_eq!(len, 3 << 20);
}

#[tokio::test]
async fn the_client_says_that_its_connection_is_lost() {
    let router = router();
    let (near, far) = UnixStream::pair().unwrap();
    let (relay, end) = UnixStream::pair().unwrap();
    router.serve(far, Serializer::Cbor, "anonymous", "worker1").unwrap();
    let relaying = tokio::spawn(async move {
        let (mut near, mut relay) = (near, relay);
        tokio::io::copy_bidirectional(&mut near, &mut relay).await
    });
    let client = soon(Client::connect_over(end, "realm1", once())).await.unwrap();
    let pending = tokio::spawn(client.call("com.nobody").into_future());
    assert!(matches!(soon(pending).await.unwrap(), Err(CallError::Application(_))));
    relaying.abort();
    let why = soon(client.closed()).await.expect("the application did not leave");
    assert!(why.reason.contains("closed"), "{}", why.reason);
    assert!(matches!(client.state(), State::Closed(Some(_))));
    assert!(matches!(soon(client.call("com.any").into_future()).await, Err(CallError::Disconnected(_))));
}

#[tokio::test]
async fn a_client_that_left_is_closed_without_a_reason() {
    let client = served(&router(), "realm1", "anonymous", "worker1").await;
    client.leave().await;
    assert!(soon(client.closed()).await.is_none());
}

#[tokio::test]
async fn a_stream_that_is_let_in_still_needs_a_realm_and_a_role() {
    let router = router();
    for (realm, role, error) in
        [("realm2", "anonymous", uris::NO_SUCH_REALM), ("realm1", "nobody", uris::NO_SUCH_ROLE)]
    {
        let (near, far) = UnixStream::pair().unwrap();
        router.serve(far, Serializer::Cbor, role, "worker1").unwrap();
        let refused = soon(Client::connect_over(near, realm, once())).await.unwrap_err();
        let ConnectError::Join { cause: JoinError::Refused(why), .. } = &refused else { panic!("{refused}") };
        assert_eq!(why.uri, error);
    }
}

#[tokio::test]
async fn the_role_trusted_is_for_local_sessions_and_may_call_the_meta_api() {
    let router = router();
    let trusted = served(&router, "realm1", "trusted", "service").await;
    let other = served(&router, "realm1", "anonymous", "joe").await;
    let count: u64 = soon(trusted.call_with("wamp.session.count", ())).await.unwrap();
    assert_eq!(count, 2);
    let id = other.session().id.0;
    let killed: u64 = soon(trusted.call_with("wamp.session.kill", id)).await.unwrap();
    assert_eq!(killed, 1);
    soon(other.closed()).await.expect("it was killed");
}

#[tokio::test]
async fn a_trusted_session_follows_and_queries_its_realm() {
    let router = router();
    let trusted = served(&router, "realm1", "trusted", "bridge").await;
    let mut joins = soon(trusted.subscribe("wamp.session.on_join").into_future()).await.unwrap();
    let mut leaves = soon(trusted.subscribe("wamp.session.on_leave").into_future()).await.unwrap();
    let joe = served(&router, "realm1", "anonymous", "joe").await;
    let joined = soon(joins.next()).await.unwrap().unwrap();
    let Some(Value::Dict(details)) = joined.args().first().cloned() else { panic!("{joined:?}") };
    assert_eq!(
        (details.str("authid"), details.get("session").and_then(Value::as_u64)),
        (Some("joe"), Some(joe.session().id.0))
    );
    let echo = soon(joe.register("com.echo", |s: String| async { Ok(s) }).into_future()).await.unwrap();
    let id: u64 = soon(trusted.call_with("wamp.registration.lookup", "com.echo")).await.unwrap();
    let callees: Vec<u64> = soon(trusted.call_with("wamp.registration.list_callees", id)).await.unwrap();
    assert_eq!(callees, [joe.session().id.0]);
    soon(trusted.call_with::<()>("wamp.registration.remove_callee", (id, callees[0]))).await.unwrap();
    assert!(soon(joe.call_with::<String>("com.echo", "x")).await.is_err(), "nobody is registered");
    drop(echo);
    joe.leave().await;
    let left = soon(leaves.next()).await.unwrap().unwrap();
    assert_eq!(left.args()[1], Value::from("joe"));
}
