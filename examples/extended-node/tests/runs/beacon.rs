//! A worker of the program's own type.

use serde_json::{Value, json};

use crate::node::{Node, router};

fn beacon(extra: &Value) -> Value {
    json!({"id": "beacon", "type": "rust", "options": {"name": "beacon", "extra": extra}})
}

#[tokio::test]
async fn the_worker_runs_in_a_process_of_its_own_and_is_managed_like_others() {
    let node = Node::start(&[router(&[]), beacon(&json!({"interval": 20}))]);
    let manager = node.manager().await;
    let mut beats = manager.subscribe("crossbar.worker.beacon.on_beat").await.unwrap();
    let (first,) = beats.next().await.unwrap().unwrap().parse::<(u64,)>().unwrap();
    let (second,) = beats.next().await.unwrap().unwrap().parse::<(u64,)>().unwrap();
    assert_eq!(second, first + 1);
    assert!(manager.call_with::<u64>("crossbar.worker.beacon.get_beats", ()).await.unwrap() >= second);
    let worker = manager.call("crossbar.get_worker").arg("beacon").await.unwrap();
    let (worker,) = worker.parse::<(Value,)>().unwrap();
    assert_eq!((&worker["type"], &worker["status"]), (&json!("rust"), &json!("started")));
    manager.call("crossbar.worker.beacon.get_process_stats").await.unwrap();
    manager.call("crossbar.stop_worker").arg("beacon").await.unwrap();
    assert!(manager.call("crossbar.worker.beacon.get_beats").await.is_err());
    manager.leave().await;
    node.stop();
}

#[test]
fn a_worker_that_does_not_start_keeps_the_node_from_starting() {
    assert_eq!(Node::start(&[beacon(&json!({"interval": 0}))]).told, Vec::<String>::new());
    let unknown = json!({"type": "rust", "options": {"name": "lighthouse"}});
    assert_eq!(Node::start(&[unknown]).told, Vec::<String>::new());
}
