//! HTTP on a transport.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{advance, pause, resume, timeout};

use crate::peer::{SECOND, node};

/// The head of the answer to one request.
async fn ask(stream: &mut TcpStream, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = timeout(2 * SECOND, stream.read(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn a_connection_is_not_kept_for_requests_forever() {
    let node = node().await;
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    let mut age_s = 0;
    while age_s < 120 {
        let answer = ask(&mut stream, "/nothing").await;
        assert!(!answer.to_lowercase().contains("connection: close"), "after {age_s} s: {answer}");
        // Less than the time after which a connection without requests is closed.
        pause();
        advance(Duration::from_secs(12)).await;
        resume();
        age_s += 12;
    }
    let answer = ask(&mut stream, "/nothing").await;
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    let end = timeout(2 * SECOND, stream.read(&mut [0])).await.expect("the end").unwrap();
    assert_eq!(end, 0);
}

/// The first line of the answer to an upgrade at this path.
async fn upgrade_at(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let read = timeout(2 * SECOND, stream.read(&mut answer)).await.expect("an answer").unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_websocket_path_has_what_is_below_it() {
    let node = node().await;
    for path in ["/ws", "/ws/", "/ws//", "/ws/a/b"] {
        assert!(upgrade_at(node.port, path).await.contains(" 101 "), "{path}");
    }
    for path in ["/", "/wsx", "/wsx/", "/a/ws", "//"] {
        assert!(upgrade_at(node.port, path).await.contains(" 404 "), "{path}");
    }
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    for (path, status) in [("/ws", " 426 "), ("/ws/", " 426 "), ("/ws/a", " 404 "), ("/", " 404 ")] {
        let answer = ask(&mut stream, path).await;
        assert!(answer.lines().next().is_some_and(|line| line.contains(status)), "{path}: {answer}");
    }
}
