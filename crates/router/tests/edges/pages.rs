//! HTTP on a transport.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{advance, pause, resume, timeout};

use crate::peer::{SECOND, node};

/// The head of the answer to one request.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
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
        let answer = ask(&mut stream).await;
        assert!(!answer.to_lowercase().contains("connection: close"), "after {age_s} s: {answer}");
        // Less than the time after which a connection without requests is closed.
        pause();
        advance(Duration::from_secs(12)).await;
        resume();
        age_s += 12;
    }
    let answer = ask(&mut stream).await;
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    let end = timeout(2 * SECOND, stream.read(&mut [0])).await.expect("the end").unwrap();
    assert_eq!(end, 0);
}
