//! A transport that speaks the program's own protocol.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::node::{Node, router};

fn lines(more: Value) -> Value {
    let mut transport = json!({"id": "lines", "type": "rust", "name": "lines",
        "endpoint": {"type": "unix", "path": "lines"}, "extra": {"line_len_max": 500}});
    transport.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    transport
}

struct Person(BufReader<UnixStream>);

impl Person {
    fn at(node: &Node) -> Person {
        Person(BufReader::new(UnixStream::connect(node.folder.path().join("lines")).unwrap()))
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.0.get_mut(), "{message}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

#[tokio::test]
async fn messages_go_line_by_line_and_the_client_logs_in_like_others() {
    let auth = json!({"auth": {"ticket": {"type": "function", "create": "door"}}});
    let node = Node::start(&[router(&[lines(auth)])]);
    assert!(node.told.iter().any(|line| line.contains("lines (lines)")), "{:?}", node.told);
    let mut person = Person::at(&node);
    let details =
        json!({"roles": {"publisher": {}, "subscriber": {}}, "authid": "anna", "authmethods": ["ticket"]});
    person.say(&json!([1, "realm1", details]));
    assert_eq!(person.hear()[0], 4, "CHALLENGE");
    person.say(&json!([5, "door-99999999999", {}]));
    let welcome = person.hear();
    assert_eq!((&welcome[0], &welcome[2]["authrole"]), (&json!(2), &json!("visitor")));
    person.say(&json!([32, 1, {}, "com.example.topic"]));
    let subscribed = person.hear();
    person.say(&json!([16, 2, {"exclude_me": false}, "com.example.topic", ["hi"]]));
    let event = person.hear();
    assert_eq!((&event[0], &event[1], &event[4]), (&json!(36), &subscribed[2], &json!(["hi"])));

    let mut loud = Person::at(&node);
    loud.say(&json!([1, "x".repeat(1_000), {}]));
    let mut rest = Vec::new();
    assert_eq!(loud.0.read_to_end(&mut rest).unwrap(), 0, "a line that is too long ends the connection");

    let manager = node.manager().await;
    manager.call("crossbar.worker.worker001.stop_router_transport").arg("lines").await.unwrap();
    assert!(UnixStream::connect(node.folder.path().join("lines")).is_err(), "nobody listens any more");
    person.say(&json!([16, 3, {"exclude_me": false}, "com.example.topic", ["still"]]));
    assert_eq!(person.hear()[4], json!(["still"]), "who is there goes on");
    manager.leave().await;
    drop(person);
    node.stop();
}
