//! What the demo component offers.

use crossweave_client::Value;
use crossweave_router::Role;
use crossweave_web::run_demo;
use tokio::time::timeout;

use crate::node::{DEADLINE, Node};

#[tokio::test]
async fn the_clock_ticks_each_second_and_counts() {
    let node = Node::start().await;
    let mut clock = node.client().await.subscribe("com.example.clock").await.unwrap();
    let mut ticks: Vec<(String, u64)> = Vec::new();
    while ticks.len() < 3 {
        ticks.push(timeout(DEADLINE, clock.next()).await.unwrap().unwrap().unwrap().parse().unwrap());
    }
    assert!(ticks.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1 && pair[1].0 > pair[0].0), "{ticks:?}");
    assert!(ticks.iter().all(|(text, _)| text.len() == 20 && text.ends_with('Z')), "{ticks:?}");
}

#[tokio::test]
async fn sessions_are_listed_with_what_waits_for_them() {
    let node = Node::start().await;
    node.until_demo_answers().await;
    let client = node.client().await;
    let reply = client.call("crossweave.sessions").await.unwrap();
    let args = reply.args();
    let rows = args[0].as_list().unwrap();
    assert_eq!(reply.kwargs().get("total").and_then(Value::as_u64), Some(rows.len() as u64));
    let of = |authid: &str| {
        rows.iter().filter_map(Value::as_dict).find(move |row| row.str("authid") == Some(authid))
    };
    let own = of(client.session().authid.as_deref().unwrap()).expect("the session itself is listed");
    assert_eq!((own.str("authrole"), own.str("serializer")), (Some("anonymous"), Some("msgpack")));
    assert_eq!(own.get("dropped").and_then(Value::as_u64), Some(0));
    assert!(own.get("waiting_bytes").and_then(Value::as_u64).is_some());
    assert!(of("demo").is_some() && of("http-bridge").is_some());
}

#[tokio::test]
async fn a_demo_that_is_not_let_in_says_why() {
    let node = Node::with_anonymous(Role::allow_all("anonymous")).await;
    let error = timeout(DEADLINE, run_demo(&node.router, "realm1", "stranger")).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no_such_role"), "{error}");
    let not_allowed = Node::with_anonymous(Role::fixed("anonymous", Default::default())).await;
    let error =
        timeout(DEADLINE, run_demo(&not_allowed.router, "realm1", "anonymous")).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("not_authorized"), "{error}");
}

#[tokio::test]
async fn events_dropped_for_a_slow_receiver_are_told() {
    let node = Node::start().await;
    node.until_demo_answers().await;
    let slow = node.silent_subscriber("com.example.flood").await;
    let publisher = node.client().await;
    let dropped = async {
        loop {
            for _ in 0..16 {
                let event = publisher.publish("com.example.flood", vec![0u8; 256 * 1024]);
                event.acknowledged().await.unwrap();
            }
            let reply = publisher.call("crossweave.sessions").await.unwrap();
            let args = reply.args();
            let rows = args[0].as_list().unwrap().iter().filter_map(Value::as_dict);
            let row =
                rows.into_iter().find(|row| row.get("session").and_then(Value::as_u64) == Some(slow.session));
            let row = row.expect("the slow session stays joined");
            if row.get("dropped").and_then(Value::as_u64) > Some(0) {
                let count = |key: &str| reply.kwargs().get(key).and_then(Value::as_u64).unwrap();
                assert!(count("dropped") >= row.get("dropped").and_then(Value::as_u64).unwrap());
                assert_eq!(count("sessions_with_drops"), 1);
                let first = args[0].as_list().unwrap()[0].as_dict().unwrap();
                assert_eq!(
                    first.get("session").and_then(Value::as_u64),
                    Some(slow.session),
                    "it comes first"
                );
                return row.get("waiting_bytes").and_then(Value::as_u64).unwrap();
            }
        }
    };
    let waiting = timeout(DEADLINE, dropped).await.expect("the queue fills and events are dropped");
    assert!(waiting > 1 << 20 && waiting <= 5 << 20, "{waiting} octets wait, about 4 MiB may");
}
