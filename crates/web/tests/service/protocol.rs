//! HTTP/1.1 itself: connections, heads, bodies.

use std::sync::Arc;
use std::time::Duration;

use crossweave_router::http::limits::{LINGER, STALL};
use crossweave_transport::http::{HEAD_LEN_MAX, HEADERS_MAX};
use crossweave_web::{BODY_LEN_MAX, Files, FilesOptions, Json, JsonOptions, SiteOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::node::{DEADLINE, Node};

async fn node() -> Node {
    Node::with_site(SiteOptions::default(), |_| {
        let service = |n: u8| Arc::new(Json::new(&json!(n), JsonOptions::default()));
        vec![("/1", service(1)), ("/2", service(2)), ("/3", service(3))]
    })
    .await
}

#[tokio::test]
async fn requests_in_a_pipeline_are_answered_in_order() {
    let node = node().await;
    let get = |n: u8, more: &str| format!("GET /{n} HTTP/1.1\r\nHost: h\r\n{more}\r\n");
    let answers = node.raw(get(1, "") + &get(2, "") + "\r\n" + &get(3, "Connection: close\r\n")).await;
    let bodies: Vec<&str> =
        answers.split("HTTP/1.1 200 OK\r\n").skip(1).map(|it| it.split_once("\r\n\r\n").unwrap().1).collect();
    assert_eq!(bodies, ["1\n", "2\n", "3\n"]);
}

#[tokio::test]
async fn http_1_0_closes_unless_it_is_asked_to_stay() {
    let node = node().await;
    let answer = node.raw("GET /1 HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("\r\n\r\n1\n"), "{answer}");
    let first = "GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let answer = node.raw(format!("{first}GET /2 HTTP/1.0\r\n\r\n")).await;
    assert!(answer.contains("connection: keep-alive\r\n") && answer.ends_with("2\n"), "{answer}");
}

#[tokio::test]
async fn bad_requests_get_their_status_and_a_line_of_text() {
    let node = node().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(HEAD_LEN_MAX));
    let many = format!("GET /1 HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX));
    for (request, status) in [
        ("GET /1 HTTP/1.1\r\n\r\n", 400),
        ("GET /1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /1 HTTP/1.1\r\nHost: h\r\nbad header: x\r\n\r\n", 400),
        ("G@T /1 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n", 400),
        ("GET /1 HTTP/3.0\r\nHost: h\r\n\r\n", 505),
        ("POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400),
        (&long, 431),
        (&many, 431),
    ] {
        let answer = node.raw(request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer} for {request:.60}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert!(body.ends_with('\n') && body.lines().count() == 1, "{answer}");
    }
}

#[tokio::test]
async fn heads_that_follow_are_bounded_as_the_first_is() {
    let node = node().await;
    let first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    let long = format!("GET /2 HTTP/1.1\r\nHost: h\r\nA: {}\r\n\r\n", "a".repeat(HEAD_LEN_MAX));
    let many = format!("GET /2 HTTP/1.1\r\nHost: h\r\n{}\r\n", "A: b\r\n".repeat(HEADERS_MAX));
    for (second, status) in [
        (long.as_str(), 431),
        (&many, 431),
        ("GET /2 HTTP/1.1\r\n\r\n", 400),
        ("GET /2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (
            "POST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("nonsense\r\n\r\n", 400),
    ] {
        let answers = node.raw(format!("{first}{second}")).await;
        assert!(answers.contains(&format!("1\nHTTP/1.1 {status} ")), "{answers}");
    }
}

/// A request within a body that another parser might take for one of its own.
const SMUGGLED: &str = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn no_request_is_smuggled_in_what_two_parsers_read_differently() {
    let node = node().await;
    let len = SMUGGLED.len();
    let first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    for framing in [
        format!("Content-Length: {len}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {len}\r\n\r\n0\r\n\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {len}\r\n\r\n"),
        format!("Content-Length: {len}, {len}\r\n\r\n"),
        "Content-Length: +0\r\n\r\n".to_owned(),
        "Content-Length: -1\r\n\r\n".to_owned(),
        "Content-Length: 0x0\r\n\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "X: y\0\r\n\r\n".to_owned(),
        "X: y\rTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n".to_owned(),
    ] {
        for before in ["", first] {
            let answers =
                node.raw(format!("{before}POST /1 HTTP/1.1\r\nHost: h\r\n{framing}{SMUGGLED}")).await;
            assert!(!answers.contains("\r\n\r\n2\n"), "{framing:?} behind {before:?}: {answers}");
        }
    }
}

#[tokio::test]
async fn http_1_0_has_no_chunks() {
    let node = node().await;
    let chunked = "POST /1 HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let first = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    for before in ["", first] {
        let answers = node.raw(format!("{before}{chunked}{SMUGGLED}")).await;
        assert!(!answers.contains("\r\n\r\n2\n"), "behind {before:?}: {answers}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() {
    let node = Node::start().await;
    let mut stream = node.stream().await;
    let head = "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::time::pause();
    for _ in 0..4 {
        tokio::time::advance(Duration::from_secs(2)).await;
        let _ = stream.write_all(b" ").await;
    }
    tokio::time::resume();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("the end comes").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn the_server_as_a_whole_can_only_be_asked_what_it_takes() {
    let node = node().await;
    let ask = |method: &str| format!("{method} * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(node.raw(ask("OPTIONS")).await.starts_with("HTTP/1.1 204 "));
    let answer = node.raw(ask("GET")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn a_body_is_asked_for_before_it_is_sent() {
    let node = Node::start().await;
    let body = r#"{"topic":"com.example.hello"}"#;
    let head = |len: usize| {
        format!(
            "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n"
        )
    };
    let mut stream = node.stream().await;
    stream.write_all(head(body.len()).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(DEADLINE, stream.read_exact(&mut go_on)).await.expect("the client is told to go on").unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let refused = node.raw(head(BODY_LEN_MAX + 1)).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
}

#[tokio::test]
async fn bodies_may_come_in_chunks_and_are_bounded_all_the_same() {
    let node = Node::start().await;
    let head = "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let chunks = "a\r\n{\"topic\":\"\r\n11\r\ncom.example.hello\r\n2\r\n\"}\r\n0\r\n\r\n";
    let answer = node.raw(format!("{head}{chunks}")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    let answer = node.raw(format!("{head}{}", chunk.repeat(BODY_LEN_MAX / 0x10000 + 1))).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let answer = node.raw(format!("{head}zz\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn an_upgrade_may_follow_other_requests() {
    let node = node().await;
    let mut stream = node.stream().await;
    stream.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let read = timeout(DEADLINE, stream.read(&mut answer)).await.unwrap().unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200 OK"));
    // The first frame comes with the head: a ping.
    let upgrade = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n\x89\x80\0\0\0\0";
    stream.write_all(upgrade).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n\x8a\0") {
        let read = timeout(DEADLINE, stream.read_buf(&mut answer)).await.expect("a pong comes").unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
    }
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    assert!(
        answer.starts_with("http/1.1 101 ") && answer.contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{answer}"
    );
    assert!(answer.contains("sec-websocket-protocol: wamp.2.json\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_is_refused_while_it_sends_reads_why() {
    let node = Node::start().await;
    let mut stream = node.stream().await;
    let len = BODY_LEN_MAX + 1;
    let head = format!(
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 300_000]).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE + LINGER, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

/// A file that does not fit into the buffers of a connection, and a node that serves it.
async fn node_with_large_file() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("large"), vec![b'x'; 64 << 20]).unwrap();
    let files = Arc::new(Files::new(folder.path(), FilesOptions::default()).unwrap());
    let node = Node::with_site(SiteOptions::default(), |_| vec![("/", files)]).await;
    (folder, node)
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let (_folder, node) = node_with_large_file().await;
    let mut stream = node.stream().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut start = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut start)).await.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::time::pause();
    tokio::time::advance(STALL + Duration::from_secs(1)).await;
    tokio::time::resume();
    let gone = async {
        while node.router.connections() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("the connection is given up");
}

#[tokio::test]
async fn large_files_come_whole() {
    let (_folder, node) = node_with_large_file().await;
    let answer = node.get("/large").await;
    assert_eq!((answer.status, answer.body.len()), (200, 64 << 20));
    assert!(answer.body.bytes().all(|octet| octet == b'x'));
}

#[tokio::test]
async fn a_head_that_does_not_come_is_given_up() {
    let node = node().await;
    let first = node.raw("GET /1 HTTP/1.1\r\nHost:").await;
    assert!(first.starts_with("HTTP/1.1 408 "), "{first}");
    // One that follows has the time in which a connection may be without request.
    let mut stream = node.stream().await;
    stream.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /1 HT").await.unwrap();
    let mut answer = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(16)).await;
    tokio::time::resume();
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("the end comes").unwrap();
}
