//! Event histories at a place of the program's own.

use crossweave_client::Client;
use crossweave_wamp::{Dict, Value};
use serde_json::json;

use crate::node::{Node, router, transport};

async fn publish(client: &Client, topic: &str, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        client.publish(topic, (number,)).acknowledged().await.unwrap();
    }
}

/// The arguments of the events that the realm has, oldest first.
async fn kept(client: &Client) -> Vec<u64> {
    let options = Dict::new().with("match", "prefix");
    let rule = client.call("wamp.subscription.lookup").arg("com.example.").arg(options).await.unwrap();
    let events = client.call("wamp.subscription.get_events").arg(rule.args()[0].clone()).await.unwrap();
    let number = |event: &Value| event.as_dict()?.get("args")?.as_list()?.first()?.as_u64();
    events.args().iter().map(|event| number(event).unwrap()).collect()
}

fn with_history(store: &str) -> serde_json::Value {
    let mut worker = router(&[transport(json!({}))]);
    worker["realms"][0]["store"] = json!({"type": "rust", "name": store,
        "event-history": [{"uri": "com.example.", "match": "prefix", "limit": 3}]});
    worker
}

#[tokio::test]
async fn what_was_published_is_there_after_a_restart_as_long_as_the_store_has_it() {
    let node = Node::start(&[with_history("ledger")]);
    let client = node.client().await;
    publish(&client, "com.example.news", 1..=5).await;
    publish(&client, "com.other", 6..=6).await;
    assert_eq!(kept(&client).await, [3, 4, 5]);
    client.leave().await;
    let folder = node.stop();
    let realm = folder.path().join("events").join("7265616c6d31");
    assert_eq!(std::fs::read_dir(&realm).unwrap().count(), 3);

    let node = Node::start_in(folder);
    let client = node.client().await;
    assert_eq!(kept(&client).await, [3, 4, 5]);
    publish(&client, "com.example.news", 7..=7).await;
    assert_eq!(kept(&client).await, [4, 5, 7]);
    client.leave().await;
    let folder = node.stop();
    std::fs::remove_dir_all(&realm).unwrap();
    let node = Node::start_in(folder);
    let client = node.client().await;
    assert_eq!(kept(&client).await, Vec::<u64>::new(), "what the store has not is gone");
    client.leave().await;
    let folder = node.stop();

    std::fs::create_dir_all(&realm).unwrap();
    std::fs::write(realm.join("1"), "scribble").unwrap();
    assert_eq!(Node::start_in(folder).told, Vec::<String>::new(), "a store that cannot be read");
}

#[test]
fn a_store_that_is_not_registered_keeps_the_node_from_starting() {
    assert_eq!(Node::start(&[with_history("leger")]).told, Vec::<String>::new());
}

#[tokio::test]
async fn a_realm_that_is_started_later_may_name_the_store_too() {
    let node = Node::start(&[router(&[transport(json!({}))])]);
    let manager = node.manager().await;
    let start = |id: &str, name: &str| {
        let config = json!({"name": id, "store": {"type": "rust", "name": name, "event-history": [{"uri": "com.example.a"}]}});
        let config = crossweave_wamp::Serializer::Json.decode_value(config.to_string().as_bytes()).unwrap();
        manager.call("crossbar.worker.worker001.start_router_realm").arg(id.to_owned()).arg(config)
    };
    start("later", "ledger").await.unwrap();
    let refused = start("never", "leger").await.unwrap_err().to_string();
    assert!(
        refused.contains("no event store \"leger\" is part of this program, which has ledger"),
        "{refused}"
    );
    manager.leave().await;
    node.stop();
}
