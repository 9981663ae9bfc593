//! A web service of the program.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::node::{Node, router};

fn web(extra: &Value) -> Value {
    let service = json!({"type": "rust", "name": "greeting", "extra": extra});
    let endpoint = json!({"type": "unix", "path": "web"});
    json!({"id": "web", "type": "web", "endpoint": endpoint, "paths": {"/": {"type": "none"}, "hello": service}})
}

fn get(node: &Node, path: &str) -> String {
    let mut stream = UnixStream::connect(node.folder.path().join("web")).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test]
async fn the_service_answers_at_its_path_and_can_be_added_while_the_node_runs() {
    let node = Node::start(&[router(&[web(&json!({"word": "Servus"}))])]);
    assert!(get(&node, "/hello/Anna").ends_with("\r\n\r\nServus, Anna!\n"));
    assert!(get(&node, "/hello").ends_with("Servus, whoever is on realm1!\n"));
    assert!(get(&node, "/other").starts_with("HTTP/1.1 404"));
    let manager = node.manager().await;
    let config = json!({"type": "rust", "name": "greeting", "extra": {"word": "Moin"}});
    let start = |name: &str, config: &Value| {
        let config = config.to_string();
        let config = crossweave_wamp::Serializer::Json.decode_value(config.as_bytes()).unwrap();
        let uri = "crossbar.worker.worker001.start_web_transport_service";
        manager.call(uri).arg("web").arg(name.to_owned()).arg(config)
    };
    start("moin", &config).await.unwrap();
    assert!(get(&node, "/moin/Jan").ends_with("Moin, Jan!\n"));
    let refused = start("ciao", &json!({"type": "rust", "name": "greeting"})).await.unwrap_err().to_string();
    assert!(refused.contains("expected a `word`"), "{refused}");
    let refused = start("ciao", &json!({"type": "rust", "name": "byes"})).await.unwrap_err().to_string();
    assert!(
        refused.contains("no web service \"byes\" is part of this program, which has greeting"),
        "{refused}"
    );
    manager.leave().await;
    node.stop();
}
