//! The Rust client goes on with its session over a network that loses connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossweave_client::{Backoff, Client, Options, Reconnect, Resume};
use e2e::Node;
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(30);

/// What becomes of the connections through the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Both ends are told.
    Whole,
    /// The router is not: it takes the connection for alive.
    HalfOpen,
}

/// Passes octets on to the router until it cuts its connections.
struct Proxy {
    address: SocketAddr,
    cuts: watch::Sender<Cut>,
}

impl Proxy {
    async fn start(router: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let cuts = watch::Sender::new(Cut::Whole);
        let cut = cuts.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(router).await.expect("the router listens");
                tokio::spawn(pass(near, far, cut.subscribe()));
            }
        });
        Proxy { address, cuts }
    }

    fn cut(&self, cut: Cut) {
        self.cuts.send_replace(cut);
    }
}

async fn pass(mut near: TcpStream, mut far: TcpStream, mut cuts: watch::Receiver<Cut>) {
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => return,
        cut = cuts.changed() => if cut.is_err() { return },
    }
    let cut = *cuts.borrow();
    drop(near);
    if cut == Cut::HalfOpen {
        sleep(SOON).await;
    }
    drop(far);
}

fn node(resumption: serde_json::Value) -> Node {
    let mut config = e2e::config(65_536);
    config["workers"][0]["transports"][0]["options"] = json!({"resumption": resumption});
    Node::start_with(&config)
}

async fn connect(url: &str, resume: Option<Resume>) -> Client {
    let backoff =
        Backoff { first: Duration::from_millis(20), max: Duration::from_millis(100), ..Backoff::default() };
    let options = Options { reconnect: Reconnect::Backoff(backoff), resume, ..Options::default() };
    Client::connect_with(url, "realm1", options).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn urls(address: SocketAddr) -> [String; 2] {
    [format!("ws://{address}/ws"), format!("rs://{address}")]
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_while_connections_are_cut() {
    for at in [0, 1] {
        let node = node(json!({"window": 20, "buffer": 4_194_304}));
        let proxy = Arc::new(Proxy::start(node.address()).await);
        let url = urls(proxy.address)[at].clone();
        let client = connect(&url, Some(Resume::default())).await;
        let other = connect(&urls(node.address())[1], None).await;
        let session = client.session().id;
        let mut events = client.subscribe("com.example.count").await.expect("subscribed");
        let called = Arc::new(AtomicU64::new(0));
        let counter = called.clone();
        let count = move |(number,): (u64,)| {
            let counter = counter.clone();
            async move {
                counter.fetch_add(1, Ordering::SeqCst);
                Ok(number)
            }
        };
        let _through = client.register("com.example.through", count).await.expect("registered");
        let double = |(number,): (u64,)| async move {
            sleep(Duration::from_millis(5)).await;
            Ok(2 * number)
        };
        let _double = other.register("com.example.double", double).await.expect("registered");
        let cutter = {
            let proxy = proxy.clone();
            tokio::spawn(async move {
                for cut in [Cut::Whole, Cut::HalfOpen].into_iter().cycle() {
                    sleep(Duration::from_millis(300)).await;
                    proxy.cut(cut);
                }
            })
        };
        let publishing = {
            let other = other.clone();
            tokio::spawn(async move {
                for number in 0..2_000_u64 {
                    other.publish("com.example.count", (number,)).acknowledged().await.expect("published");
                    sleep(Duration::from_micros(500)).await;
                }
            })
        };
        let calling = tokio::spawn(async move {
            for number in 0..200_u64 {
                let answer: u64 = other.call_with("com.example.through", (number,)).await.expect("an answer");
                assert_eq!(answer, number);
                sleep(Duration::from_millis(5)).await;
            }
        });
        let caller = client.clone();
        let calls = tokio::spawn(async move {
            for number in 0..200_u64 {
                let answer: u64 = caller.call_with("com.example.double", (number,)).await.expect("an answer");
                assert_eq!(answer, 2 * number);
            }
        });
        for number in 0..2_000_u64 {
            let event = timeout(SOON, events.next()).await.expect("an event in time").expect("an event");
            let (received,): (u64,) = event.expect("no lag").parse().expect("a number");
            assert_eq!(received, number, "{url}");
        }
        for task in [publishing, calling, calls] {
            timeout(SOON, task).await.expect("it comes to its end").expect("it does not fail");
        }
        cutter.abort();
        assert_eq!(called.load(Ordering::SeqCst), 200, "{url}: each call is made once");
        let last = client.session();
        assert!(last.is_resumed && last.id == session && last.missed == 0, "{url}: {last:?}");
        client.leave().await;
        node.stop_and_expect_success();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_comes_back_too_late_is_replaced_by_another_one() {
    let node = node(json!({"window": 1}));
    let proxy = Proxy::start(node.address()).await;
    let options = Options {
        reconnect: Reconnect::Backoff(Backoff { first: Duration::from_secs(4), ..Backoff::default() }),
        resume: Some(Resume::default()),
        ..Options::default()
    };
    let client = Client::connect_with(&urls(proxy.address)[1], "realm1", options).await.expect("joined");
    let other = connect(&urls(node.address())[1], None).await;
    let session = client.session().id;
    let forever = |(): ()| async { std::future::pending::<Result<(), _>>().await };
    let _forever = other.register("com.example.forever", forever).await.expect("registered");
    let mut events = client.subscribe("com.example.count").await.expect("subscribed");
    let pending = {
        let client = client.clone();
        tokio::spawn(async move { client.call("com.example.forever").await })
    };
    sleep(Duration::from_millis(100)).await;
    proxy.cut(Cut::Whole);
    let failed = timeout(SOON, pending).await.expect("it does not wait for ever").expect("no panic");
    assert!(failed.is_err(), "the router has ended it");
    let comes_back = async {
        while client.session().id == session {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, comes_back).await.expect("it joins anew");
    assert!(!client.session().is_resumed);
    // It is subscribed again.
    let receives = async {
        loop {
            other.publish("com.example.count", (1,)).acknowledged().await.expect("published");
            if timeout(Duration::from_millis(100), events.next()).await.is_ok() {
                return;
            }
        }
    };
    timeout(SOON, receives).await.expect("an event");
    client.leave().await;
    other.leave().await;
    node.stop_and_expect_success();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_ask_and_a_router_that_does_not_offer_join_anew() {
    for (resumption, resume) in [(json!({"window": 20}), None), (json!(null), Some(Resume::default()))] {
        let node = match resumption.is_null() {
            true => Node::start(),
            false => node(resumption),
        };
        let proxy = Proxy::start(node.address()).await;
        let client = connect(&urls(proxy.address)[0], resume).await;
        let session = client.session().id;
        proxy.cut(Cut::Whole);
        let comes_back = async {
            while client.session().id == session {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(SOON, comes_back).await.expect("it joins anew");
        assert!(!client.session().is_resumed);
        client.leave().await;
    }
}
