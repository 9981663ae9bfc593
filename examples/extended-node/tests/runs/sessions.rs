//! Sessions that the program adds to the management realm and to every realm.

use std::time::Duration;

use crossweave_client::{Auth, Options};
use serde_json::{Value, json};

use crate::node::{Node, realm, router, transport};

#[tokio::test]
async fn a_procedure_is_added_to_the_management_realm_and_another_one_is_taken_from_the_node() {
    let node = Node::start(&[router(&[transport(json!({}))])]);
    let manager = node.manager().await;
    assert_eq!(manager.call_with::<u64>("crossbar.example.count_workers", ()).await.unwrap(), 1);
    let refused = manager.call("crossbar.shutdown").await.unwrap_err().to_string();
    assert!(refused.contains("this node is stopped by its operator alone"), "{refused}");
    manager.leave().await;
    node.stop();
}

#[tokio::test]
async fn the_book_of_visitors_says_who_was_there() {
    let auth = json!({"auth": {"ticket": {"type": "function", "create": "door"}}});
    let node = Node::start(&[router(&[transport(auth)])]);
    let ticket = || Options { auth: Auth::ticket("anna", "door-99999999999"), ..Options::default() };
    let client = node.join("router", "realm1", ticket()).await.unwrap();
    let session = client.session().id.0;
    client.leave().await;
    let book = node.folder.path().join("visitors").join("7265616c6d31");
    let written = async {
        loop {
            match std::fs::read_to_string(&book) {
                Ok(text) if text.ends_with('\n') => return text,
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(10), written).await.expect("a line is written");
    let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let visit = json!({"session": session, "authid": "anna", "authrole": "visitor", "authmethod": "ticket"});
    assert_eq!(line, visit);
    node.stop();
}

#[tokio::test]
async fn every_realm_has_a_session_of_its_own_also_one_that_starts_later() {
    let template = json!({"name": "(?P<who>[a-z]+)-notes", "template": true,
        "roles": [{"name": "anonymous", "allow-by-default": true}]});
    let mut worker = router(&[transport(json!({}))]);
    worker["realms"] = json!([realm(), template]);
    let node = Node::start(&[worker]);
    let one = node.client().await;
    let two = node.join("router", "alice-notes", Options::default()).await.unwrap();
    assert!(one.call_with::<bool>("com.example.note", ("a", "b")).await.unwrap());
    let noted = |client: &crossweave_client::Client| {
        let call = client.call("com.example.noted").arg("a");
        async move { call.await.unwrap().args().first().and_then(|it| it.as_str().map(str::to_owned)) }
    };
    assert_eq!(noted(&one).await.as_deref(), Some("b (realm1)"));
    assert_eq!(noted(&two).await, None);
    for client in [one, two] {
        client.leave().await;
    }
    node.stop();
}
