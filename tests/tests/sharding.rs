//! Sharding by the Rust client against the real router: what belongs together goes to one node, over every serializer.

use std::collections::BTreeMap;
use std::time::Duration;

use crossweave_client::{
    CallError, Client, InvokePolicy, Options, Reconnect, RunMode, Serializer, Subscription,
};
use e2e::Node;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);
const TOPIC: &str = "com.example.reading";
const PROCEDURE: &str = "com.example.owner";
/// What publications and calls are about.
const KEYS: u64 = 24;

async fn connect(node: &Node, serializer: Serializer) -> Client {
    let url = format!("ws://{}/ws", node.address());
    let options = Options { serializers: vec![serializer], reconnect: Reconnect::Off, ..Options::default() };
    Client::connect_with(&url, "realm1", options).await.expect("it may join")
}

/// How often each key came, until an event says that it is the last.
async fn keys(events: &mut Subscription) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    loop {
        let event = timeout(SOON, events.next()).await.expect("an event in time").expect("it goes on");
        let (key,): (String,) = event.expect("no lag").parse().expect("a key");
        if key == "last" {
            return keys;
        }
        *keys.entry(key).or_default() += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_with_an_rkey_goes_to_one_node() {
    let node = Node::start();
    let mut owners = Vec::new();
    for serializer in Serializer::ALL {
        let (one, two, all) = (
            connect(&node, serializer).await,
            connect(&node, serializer).await,
            connect(&node, serializer).await,
        );
        let mut of_one = one.subscribe(TOPIC).nkey("node1").await.expect("subscribed");
        let mut of_two = two.subscribe(TOPIC).nkey("node2").await.expect("subscribed");
        let mut of_all = all.subscribe(TOPIC).await.expect("subscribed");
        let publisher = connect(&node, serializer).await;
        for _ in 0..2 {
            for key in 0..KEYS {
                let key = format!("sensor{key}");
                let publish = publisher.publish(TOPIC, (&key,)).rkey(key.as_str());
                publish.acknowledged().await.expect("published");
            }
        }
        publisher.publish(TOPIC, ("last",)).acknowledged().await.expect("published");
        let (one, two, all) = (keys(&mut of_one).await, keys(&mut of_two).await, keys(&mut of_all).await);
        assert!(!one.is_empty() && !two.is_empty(), "{serializer}: {one:?} {two:?}");
        assert!(one.keys().all(|key| !two.contains_key(key)), "{serializer}: {one:?} {two:?}");
        assert!(one.values().chain(two.values()).chain(all.values()).all(|times| *times == 2));
        assert_eq!((one.len() + two.len(), all.len()), (KEYS as usize, KEYS as usize), "{serializer}");
        owners.push(one);
    }
    assert!(owners.iter().all(|it| *it == owners[0]), "the same keys, whatever is spoken: {owners:?}");
    node.stop_and_expect_success();
}

/// A callee that answers with its own name.
async fn callee(node: &Node, serializer: Serializer, name: &'static str) -> Client {
    let client = connect(node, serializer).await;
    let register = client.register(PROCEDURE, move |(): ()| async move { Ok(name.to_owned()) });
    let registration = register.invoke(InvokePolicy::RoundRobin).nkey(name).await.expect("registered");
    registration.detach();
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_a_partition_goes_to_the_node_that_has_the_rkey() {
    let node = Node::start();
    for serializer in Serializer::ALL {
        let callees = [callee(&node, serializer, "node1").await, callee(&node, serializer, "node2").await];
        let caller = connect(&node, serializer).await;
        let owner = async |key: u64| {
            let call = caller.call(PROCEDURE).runmode(RunMode::Partition).rkey(format!("customer{key}"));
            call.get::<String>().await.expect("an owner")
        };
        let mut counts = BTreeMap::new();
        for key in 0..KEYS {
            let first = owner(key).await;
            assert_eq!(first, owner(key).await, "{serializer}: customer{key}, asked twice");
            *counts.entry(first).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 2, "{serializer}: both have some: {counts:?}");

        let refusal = async |call: crossweave_client::Call| match call.await {
            Err(CallError::Application(error)) => error.uri,
            other => panic!("expected ERROR, got {other:?}"),
        };
        let without_key = caller.call(PROCEDURE).runmode(RunMode::Partition);
        assert_eq!(refusal(without_key).await, "wamp.error.invalid_argument", "{serializer}");
        let all = caller.call(PROCEDURE).runmode(RunMode::All).rkey("customer1");
        assert_eq!(refusal(all).await, "wamp.error.feature_not_supported", "{serializer}");
        for callee in callees {
            callee.leave().await;
        }
    }
    node.stop_and_expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_key_that_is_too_long_is_refused() {
    let node = Node::start();
    let client = connect(&node, Serializer::Cbor).await;
    let too_long = "n".repeat(1_025);
    let refused = client.subscribe(TOPIC).nkey(too_long.as_str()).await.expect_err("it is too long");
    assert!(refused.to_string().contains("nkey has 1025 bytes"), "{refused}");
    let register = client.register(PROCEDURE, |(): ()| async { Ok(()) });
    let refused = register.nkey(too_long.as_str()).await.expect_err("it is too long");
    assert!(refused.to_string().contains("nkey has 1025 bytes"), "{refused}");
    node.stop_and_expect_success();
}
