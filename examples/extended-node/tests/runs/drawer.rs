//! Cookies at a place of the program's own.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use crossweave_client::{Auth, Client, Options, Reconnect};
use serde_json::json;

use crate::node::{Node, router};

/// The cookie that a new browser gets.
fn cookie(node: &Node) -> String {
    let mut stream = UnixStream::connect(node.folder.path().join("web")).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).expect("a cookie is set");
    line.split(';').next().unwrap().to_owned()
}

async fn join(node: &Node, cookie: &str, auth: Auth) -> Result<Client, String> {
    let headers = vec![("Cookie".to_owned(), cookie.to_owned())];
    let options = Options { auth, headers, reconnect: Reconnect::Off, ..Options::default() };
    let url = format!("unix+ws://{}?path=/", node.folder.path().join("web").display());
    Client::connect_with(&url, "realm1", options).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_browser_is_known_after_a_restart_as_long_as_the_store_knows_it() {
    let websocket = json!({"type": "websocket", "endpoint": {"type": "unix", "path": "web"},
        "cookie": {"store": {"type": "rust", "name": "drawer"}},
        "auth": {"ticket": {"type": "function", "create": "door"}, "cookie": {}}});
    let node = Node::start(&[router(&[websocket])]);
    let cookie = cookie(&node);
    let client = join(&node, &cookie, Auth::ticket("anna", "door-99999999999")).await.unwrap();
    client.leave().await;
    let node = Node::start_in(node.stop());
    let client = join(&node, &cookie, Auth::Cookie).await.unwrap();
    let session = client.session();
    assert_eq!((session.authid.as_deref(), session.authrole.as_deref()), (Some("anna"), Some("visitor")));
    client.leave().await;
    let folder = node.stop();
    let files = std::fs::read_dir(folder.path().join("cookies")).unwrap();
    files.for_each(|file| std::fs::remove_file(file.unwrap().path()).unwrap());
    let node = Node::start_in(folder);
    assert!(join(&node, &cookie, Auth::Cookie).await.is_err(), "what the store has not is not known");
    node.stop();
}
