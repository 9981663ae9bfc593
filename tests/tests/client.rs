//! The Rust client against the real router: over every transport, and through the router's restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossweave_client::{Backoff, CallError, Client, Options, Reconnect, Serializer, State};
use e2e::Node;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(10);

fn urls(node: &Node) -> [String; 2] {
    [format!("ws://{}/ws", node.address()), format!("rs://{}", node.address())]
}

async fn connect(url: &str, serializer: Serializer) -> Client {
    let backoff =
        Backoff { first: Duration::from_millis(50), max: Duration::from_millis(200), ..Backoff::default() };
    let options = Options {
        serializers: vec![serializer],
        reconnect: Reconnect::Backoff(backoff),
        ..Options::default()
    };
    Client::connect_with(url, "realm1", options).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_events_work_over_every_transport_and_serializer() {
    let node = Node::start();
    for url in urls(&node) {
        for serializer in Serializer::ALL {
            let client = connect(&url, serializer).await;
            let add2 =
                client.register("com.example.add2", |(a, b): (i64, i64)| async move { Ok(a + b) }).await;
            let _add2 = add2.expect("nobody else registered it");
            let sum: i64 = client.call_with("com.example.add2", (2, 3)).await.expect("a sum");
            assert_eq!(sum, 5, "{url} {serializer}");
            let mut events = client.subscribe("com.example.topic").await.expect("subscribed");
            client
                .publish("com.example.topic", ("hello", 1))
                .include_me()
                .acknowledged()
                .await
                .expect("published");
            let event = timeout(SOON, events.next()).await.expect("an event in time").expect("an event");
            let (text, number): (String, u64) = event.expect("no lag").parse().expect("its arguments");
            assert_eq!((text.as_str(), number), ("hello", 1));
            client.leave().await;
        }
    }
    node.stop_and_expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_interrupts_its_callee() {
    let node = Node::start();
    let url = &urls(&node)[0];
    let (callee, caller) = (connect(url, Serializer::MsgPack).await, connect(url, Serializer::Json).await);
    let running = Arc::new(AtomicUsize::new(0));
    let counter = running.clone();
    let handler = move |(): ()| {
        let running = Running::start(counter.clone());
        async move {
            std::future::pending::<()>().await;
            drop(running);
            Ok(())
        }
    };
    let _registration = callee.register("com.example.forever", handler).await.expect("registered");
    let call = tokio::spawn(async move { caller.call("com.example.forever").await });
    until(|| running.load(Ordering::SeqCst) == 1).await;
    call.abort();
    until(|| running.load(Ordering::SeqCst) == 0).await;
}

/// Waits for a fact.
async fn until(fact: impl Fn() -> bool) {
    let comes_true = async {
        while !fact() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, comes_true).await.expect("it comes true in time");
}

/// Counts a handler while it lives.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn start(count: Arc<AtomicUsize>) -> Running {
        count.fetch_add(1, Ordering::SeqCst);
        Running(count)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_and_registrations_survive_the_routers_restart() {
    let port = |node: &Node| vec!["--port".to_owned(), node.address().port().to_string()];
    let node = Node::start_without_config(&["--port".to_owned(), "0".to_owned()]);
    let (url, again) = (urls(&node)[0].clone(), port(&node));
    let client = connect(&url, Serializer::Cbor).await;
    let mut states = client.states();
    let mut events = client.subscribe("com.example.topic").await.expect("subscribed");
    let greet = |(name,): (String,)| async move { Ok(format!("hello {name}")) };
    let _greet = client.register("com.example.greet", greet).await.expect("registered");

    node.stop_and_expect_success();
    let is_lost = |state: &State| matches!(state, State::Disconnected { .. });
    timeout(SOON, states.wait_for(is_lost)).await.expect("the loss is seen").expect("a state");
    let node = Node::start_without_config(&again);
    let is_back = |state: &State| matches!(state, State::Connected(_));
    timeout(SOON, states.wait_for(is_back)).await.expect("it comes back").expect("a state");

    let other = connect(&urls(&node)[1], Serializer::Json).await;
    let greeting = async {
        loop {
            match other.call_with::<String>("com.example.greet", ("Ada",)).await {
                Ok(greeting) => return greeting,
                // It is connected, and about to register.
                Err(CallError::Application(error)) if error.uri == "wamp.error.no_such_procedure" => {
                    sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(timeout(SOON, greeting).await.expect("registered again"), "hello Ada");
    other.publish("com.example.topic", (7,)).acknowledged().await.expect("published");
    let event = timeout(SOON, events.next()).await.expect("subscribed again").expect("an event");
    assert_eq!(event.expect("no lag").parse::<(u64,)>().expect("its argument"), (7,));
    node.stop_and_expect_success();
}
