//! Logging in by the program's own rules.

use crossweave_client::{Auth, Options};
use serde_json::json;

use crate::node::{Node, router, transport};

fn with(ticket: &str) -> Options {
    Options { auth: Auth::ticket("alice", ticket.to_owned()), ..Options::default() }
}

#[tokio::test]
async fn who_has_a_good_ticket_is_let_in_and_others_are_told_why_not() {
    let auth = json!({"auth": {"ticket": {"type": "function", "create": "door"}}});
    let node = Node::start(&[router(&[transport(auth)])]);
    let client = node.join("router", "realm1", with("door-99999999999")).await.unwrap();
    let session = client.session();
    assert_eq!((session.authid.as_deref(), session.authrole.as_deref()), (Some("alice"), Some("visitor")));
    for (ticket, why) in
        [("door-1", "the ticket is not good any more"), ("window", "this is no ticket for this door")]
    {
        let refused = node.join("router", "realm1", with(ticket)).await.err().unwrap();
        assert!(refused.contains(why), "{refused}");
    }
    client.leave().await;
    node.stop();
}

#[test]
fn a_name_that_is_not_registered_keeps_the_node_from_starting() {
    let auth = json!({"auth": {"ticket": {"type": "function", "create": "window"}}});
    let node = Node::start(&[router(&[transport(auth)])]);
    assert_eq!(node.told, Vec::<String>::new(), "it has ended");
}
