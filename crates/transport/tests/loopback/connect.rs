//! Connecting by URL: both framings, negotiation, and errors that name the step.

use crate::scratch::Scratch;
use crate::server::{SERIALIZER, Server};
use crossweave_transport::connector::{Cause, Negotiated, Step};
use crossweave_transport::rawsocket::MaxLen;
use crossweave_transport::websocket::deflate::DeflateOptions;
use crossweave_transport::{ConnectOptions, Connection, Item, ListenEndpoint, Listener, Stream, connect};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub(crate) fn options() -> ConnectOptions {
    ConnectOptions {
        timeout_ms: 5000,
        protocols: vec!["wamp.2.msgpack".into(), "wamp.2.cbor".into(), "wamp.2.json".into()],
        serializers: vec![1, SERIALIZER],
        ..Default::default()
    }
}

/// The next message of a connection.
async fn receive(connection: &mut Connection, at: &mut usize) -> Vec<u8> {
    loop {
        let decoded = connection.codec.decoder.decode(&mut connection.leftover[*at..]).unwrap();
        *at += decoded.consumed;
        match decoded.item {
            Item::Incomplete => {}
            Item::Message { data, .. } => return data.to_vec(),
            other => panic!("unexpected {other:?}"),
        }
        assert_ne!(connection.stream.read_buf(&mut connection.leftover).await.unwrap(), 0, "closed");
    }
}

/// Sends messages of many lengths and reads them back.
pub(crate) async fn check_echo(mut connection: Connection) {
    let mut at = 0;
    if let Negotiated::Subprotocol(_) = connection.negotiated {
        assert_eq!(receive(&mut connection, &mut at).await, b"welcome");
    }
    for len in [0, 1, 125, 126, 1000, 20_000, 70_000, 90_000] {
        let payload = vec![b'x'; len];
        let mut out = Vec::new();
        connection.codec.append_message(&mut out, true, &payload).unwrap();
        connection.stream.write_all(&out).await.unwrap();
        connection.stream.flush().await.unwrap();
        assert!(receive(&mut connection, &mut at).await == payload, "{len} octets");
    }
}

#[tokio::test]
async fn websocket_and_rawsocket_share_a_tcp_port() {
    let server = Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), None).await;
    let port = server.port();
    let websocket = connect(&format!("ws://localhost:{port}/ws"), &options()).await.unwrap();
    assert_eq!(websocket.negotiated, Negotiated::Subprotocol(Some("wamp.2.cbor".into())));
    let Stream::Tcp(stream) = &websocket.stream else { panic!("not tcp") };
    assert!(stream.nodelay().unwrap());
    check_echo(websocket).await;

    let rawsocket = connect(&format!("rs://127.0.0.1:{port}"), &options()).await.unwrap();
    assert_eq!(rawsocket.negotiated, Negotiated::Serializer(SERIALIZER), "the second choice");
    assert_eq!(rawsocket.codec.encoder.len_max(), MaxLen::at_least(100_000).octets());
    check_echo(rawsocket).await;
}

#[tokio::test]
async fn compression_is_negotiated_over_a_real_connection() {
    let server = Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), None).await;
    let deflate = Some(DeflateOptions { min_len: 0, no_context_takeover: true, ..Default::default() });
    let url = format!("ws://127.0.0.1:{}", server.port());
    check_echo(connect(&url, &ConnectOptions { deflate, ..options() }).await.unwrap()).await;
}

#[tokio::test]
async fn unix_socket_carries_both_framings() {
    let scratch = Scratch::new();
    let path = scratch.path("router.sock");
    let _server = Server::start(&ListenEndpoint::unix(&path), None).await;
    for scheme in ["unix:", "unix+rs://", "unix+ws://"] {
        check_echo(connect(&format!("{scheme}{}", path.display()), &options()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn plain_http_is_answered_on_the_same_port() {
    let server = Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), None).await;
    for (request, status, body) in [
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "200 OK", "\r\n\r\nhello"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "host header missing"),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n",
            "426 Upgrade Required",
            "websocket endpoint",
        ),
    ] {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(answer.contains(body), "{answer}");
    }
}

async fn failure(url: &str, options: &ConnectOptions) -> (Step, Cause, String) {
    let error = connect(url, options).await.err().expect("must not connect");
    let text = error.to_string();
    (error.step, error.cause, text)
}

#[tokio::test]
async fn errors_name_url_and_step() {
    let (step, _, text) = failure("ws://u:secret@h/", &options()).await;
    assert_eq!(step, Step::Url);
    assert!(!text.contains("secret"), "{text}");

    let (step, _, text) = failure("ws://no-such-host.invalid/?ticket=secret", &options()).await;
    assert_eq!(step, Step::Resolve);
    assert!(text.starts_with("cannot connect to ws://no-such-host.invalid:80/: resolve: "), "{text}");
    assert!(!text.contains("secret"), "{text}");

    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (step, _, text) = failure(&format!("rs://127.0.0.1:{port}"), &options()).await;
    assert_eq!(step, Step::Connect, "{text}");

    let (step, _, _) = failure("unix:/no/such.sock", &options()).await;
    assert_eq!(step, Step::Connect);
    let none = ConnectOptions { serializers: Vec::new(), ..options() };
    assert!(matches!(failure("unix:/no/such.sock", &none).await.1, Cause::NoSerializer));
}

#[tokio::test]
async fn refusals_of_the_server_are_told() {
    let server = Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), None).await;
    let port = server.port();
    let unknown = ConnectOptions { protocols: vec!["wamp.3".into()], serializers: vec![1, 3], ..options() };
    let (step, _, text) = failure(&format!("ws://127.0.0.1:{port}"), &unknown).await;
    assert_eq!(step, Step::Handshake);
    let reason = "no common subprotocol: client offers [wamp.3], server speaks [wamp.2.json, wamp.2.cbor]";
    assert!(text.ends_with(&format!("handshake: server answered 400 Bad Request: {reason}")), "{text}");
    let (step, _, text) = failure(&format!("rs://127.0.0.1:{port}"), &unknown).await;
    assert_eq!(step, Step::Handshake);
    assert!(text.ends_with("refused: serializer unsupported"), "{text}");
    let foreign = ConnectOptions { headers: vec![("Origin".into(), "http://evil".into())], ..options() };
    let (_, _, text) = failure(&format!("ws://127.0.0.1:{port}"), &foreign).await;
    assert!(text.ends_with("403 Forbidden: origin \"http://evil\" is not allowed"), "{text}");
    // TLS on a plain port.
    let (step, _, _) = failure(&format!("wss://127.0.0.1:{port}"), &with_any_ca(&Scratch::new())).await;
    assert_eq!(step, Step::Tls);
}

/// The machine may have no authorities of its own; then one of ours keeps the set-up from failing first.
fn with_any_ca(scratch: &Scratch) -> ConnectOptions {
    let ca = crate::tls::Authority::new();
    let mut options = options();
    options.tls.ca_file = Some(scratch.write("ca.pem", &ca.pem()));
    options
}

#[tokio::test]
async fn silent_server_is_given_up_in_time_at_every_step() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let scratch = Scratch::new();
    for (scheme, expected) in [("ws", Step::Handshake), ("rs", Step::Handshake), ("wss", Step::Tls)] {
        let options = ConnectOptions { timeout_ms: 200, ..with_any_ca(&scratch) };
        let start = Instant::now();
        let (step, cause, text) = failure(&format!("{scheme}://127.0.0.1:{port}"), &options).await;
        assert_eq!(step, expected, "{text}");
        assert!(matches!(cause, Cause::Timeout(200)), "{text}");
        assert!(start.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn server_that_closes_or_talks_nonsense_is_told_apart() {
    let listener = Listener::bind(&ListenEndpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let address = listener.address().to_string().replace("tcp:", "");
    let answers: [&[u8]; 4] = [b"", b"", b"SSH-2.0-OpenSSH\r\n\r\n", b"SSH-"];
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await;
            let _ = stream.read(&mut [0; 1000]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    let one = ConnectOptions { serializers: vec![1], ..options() };
    assert!(matches!(failure(&format!("ws://{address}"), &one).await.1, Cause::Closed));
    assert!(matches!(failure(&format!("rs://{address}"), &one).await.1, Cause::Closed));
    let (_, _, text) = failure(&format!("ws://{address}"), &one).await;
    assert!(text.contains("malformed answer"), "{text}");
    let (_, _, text) = failure(&format!("rs://{address}"), &one).await;
    assert!(text.contains("is not the rawsocket magic"), "{text}");
}
