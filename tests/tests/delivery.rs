//! Delivery contracts: a client of the real router that stops reading, and then reads.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crossweave_client::{Client, ConflationKey, Delivery, OnSlow, Subscription};
use e2e::Node;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);
const TOPIC: &str = "com.example.price";
/// More than sockets take of a client that does not read.
const EVENTS: u64 = 2_000;
/// Different things that the events are about.
const KEYS: u64 = 10;

/// A client that does nothing while its subscription is not read: they share one thread.
struct Stopping {
    runtime: Runtime,
    client: Client,
    subscription: Subscription,
}

impl Stopping {
    fn start(url: &str, delivery: Option<Delivery>) -> Stopping {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, subscription) = runtime.block_on(async {
            let client = Client::connect(url, "realm1").await.expect("it may join");
            let mut subscribe = client.subscribe(TOPIC).events_max(1 << 20).bytes_max(1 << 30);
            if let Some(delivery) = delivery {
                subscribe = subscribe.delivery(delivery);
            }
            let subscription = subscribe.await.expect("it may subscribe");
            (client, subscription)
        });
        Stopping { runtime, client, subscription }
    }

    /// The numbers that come, and how many were lost before each, until `is_all` is true of them.
    fn read(&mut self, is_all: impl Fn(&[(u64, u64)]) -> bool) -> Vec<(u64, u64)> {
        let mut got = Vec::new();
        while !is_all(&got) {
            let next = async { timeout(SOON, self.subscription.next()).await.expect("an event in time") };
            let event = self.runtime.block_on(next).expect("the stream goes on").expect("no lag");
            let (number, _): (u64, String) = event.parse().expect("its arguments");
            got.push((number, event.lost));
        }
        got
    }
}

fn publish_all(url: &str) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = Client::connect(url, "realm1").await.expect("it may join");
        let filler = "x".repeat(10_000);
        for number in 1..=EVENTS {
            let publish = client.publish(TOPIC, (number, &filler)).kwarg("id", number % KEYS);
            publish.acknowledged().await.expect("published");
        }
        client.leave().await;
    });
}

fn all_of(got: &[(u64, u64)]) -> bool {
    got.len() as u64 + got.iter().map(|(_, lost)| lost).sum::<u64>() >= EVENTS
}

#[test]
fn each_subscriber_gets_what_its_contract_says() {
    let mut config = e2e::config(1 << 20);
    let router = &mut config["workers"][0];
    router["realms"][0]["roles"][0]["delivery"] = serde_json::json!({"on_slow": "drop_oldest", "queue": 15});
    router["transports"][0]["options"]["max_queue_bytes"] = (1 << 20).into();
    let node = Node::start_with(&config);
    for url in [format!("ws://{}/ws", node.address()), format!("rs://{}", node.address())] {
        let conflate = Delivery::conflate(ConflationKey::Keyword("id".into()));
        let mut conflating = Stopping::start(&url, Some(conflate));
        let mut by_role = Stopping::start(&url, None);
        publish_all(&url);

        let got = conflating.read(all_of);
        let lost: u64 = got.iter().map(|(_, lost)| lost).sum();
        assert_eq!(lost + got.len() as u64, EVENTS, "what is missing was told");
        let mut last: Vec<u64> = got.iter().rev().map(|(number, _)| *number).take(KEYS as usize).collect();
        last.sort_unstable();
        assert_eq!(last, (EVENTS - KEYS + 1..=EVENTS).collect::<Vec<_>>(), "the newest of each");

        let got = by_role.read(|got| got.last().is_some_and(|(number, _)| *number == EVENTS));
        assert!(got.iter().all(|(_, lost)| *lost == 0), "who did not ask is not told");
        assert!((got.len() as u64) < EVENTS, "though events are missing");
    }
    node.stop_and_expect_success();
}

#[test]
fn closing_a_session_by_its_contract_is_logged_with_its_id() {
    let mut config = e2e::config(1 << 20);
    config["workers"][0]["transports"][0]["options"]["max_queue_bytes"] = (1 << 20).into();
    let node = Node::start_with(&config);
    for url in [format!("ws://{}/ws", node.address()), format!("rs://{}", node.address())] {
        let patient = Stopping::start(&url, Some(Delivery::new(OnSlow::DropOldest)));
        let strict = Stopping::start(&url, Some(Delivery::new(OnSlow::Disconnect).queue_len_max(10)));
        publish_all(&url);
        let id = |client: &Stopping| format!("session={}", client.client.session().id);
        let of = |log: &str, id: &str| {
            let closings = log.lines().filter(|line| line.contains("closing it"));
            closings.filter(|line| line.split_whitespace().any(|word| word == id)).map(str::to_owned).next()
        };
        let deadline = Instant::now() + SOON;
        let line = loop {
            let log = node.log();
            if let Some(line) = of(&log, &id(&strict)) {
                break line;
            }
            assert!(Instant::now() < deadline, "{log}");
            sleep(Duration::from_millis(10));
        };
        assert!(line.contains("session reads too slowly"), "{line}");
        assert!(line.contains("a delivery contract may not drop"), "{line}");
        assert_eq!(of(&node.log(), &id(&patient)), None);
    }
    node.stop_and_expect_success();
}
