//! Listening: addresses, socket files, and surviving what accept(2) may fail with.

use crate::scratch::Scratch;
use crossweave_transport::{BoundAddress, ListenEndpoint, Listener, PeerAddress, Stream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

fn bound(listener: &Listener) -> std::net::SocketAddr {
    match listener.address() {
        BoundAddress::Tcp(address) => *address,
        BoundAddress::Unix(path) => panic!("{} is no port", path.display()),
    }
}

#[tokio::test]
async fn tcp_listens_on_a_chosen_port_of_either_version_or_a_name() {
    for (host, peer) in [("127.0.0.1", "tcp4:127.0.0.1:"), ("::1", "tcp6:[::1]:"), ("localhost", "tcp")] {
        let listener = Listener::bind(&ListenEndpoint::tcp(host, 0)).await.unwrap();
        assert_ne!(bound(&listener).port(), 0);
        let client = TcpStream::connect(bound(&listener)).await.unwrap();
        let (stream, address) = listener.accept().await;
        assert_eq!(address, PeerAddress::Tcp(client.local_addr().unwrap()));
        assert!(address.to_string().starts_with(peer), "{address}");
        let Stream::Tcp(stream) = stream else { panic!("not tcp") };
        assert!(stream.nodelay().unwrap());
    }
}

#[tokio::test]
async fn ipv4_peer_of_a_dual_stack_listener_is_an_ipv4_peer() {
    let listener = Listener::bind(&ListenEndpoint::tcp("::", 0)).await.unwrap();
    let _client = TcpStream::connect(("127.0.0.1", bound(&listener).port())).await.unwrap();
    let (_, address) = listener.accept().await;
    assert!(address.to_string().starts_with("tcp4:127.0.0.1:"), "{address}");
}

#[tokio::test]
async fn used_port_and_unknown_host_are_errors_that_name_the_endpoint() {
    let listener = Listener::bind(&ListenEndpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let port = bound(&listener).port();
    let error = Listener::bind(&ListenEndpoint::tcp("127.0.0.1", port)).await.err().unwrap();
    assert_eq!(error.cause.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on tcp:127.0.0.1:{port}: ")), "{error}");
    let unknown = Listener::bind(&ListenEndpoint::tcp("no-such-host.invalid", 1)).await.err().unwrap();
    assert!(unknown.to_string().contains("no-such-host.invalid"), "{unknown}");
}

#[tokio::test]
async fn shared_port_is_bound_twice_and_user_timeout_is_set() {
    let endpoint = |port| ListenEndpoint::Tcp {
        host: "127.0.0.1".into(),
        port,
        backlog: 10,
        shared: true,
        user_timeout_ms: Some(1500),
    };
    let first = Listener::bind(&endpoint(0)).await.unwrap();
    let port = bound(&first).port();
    let client = TcpStream::connect(bound(&first)).await.unwrap();
    let (stream, _) = first.accept().await;
    let _second = Listener::bind(&endpoint(port)).await.unwrap();
    let Stream::Tcp(stream) = stream else { panic!("not tcp") };
    let timeout = socket2::SockRef::from(&stream).tcp_user_timeout().unwrap();
    assert_eq!(timeout, Some(Duration::from_millis(1500)));
    drop(client);
}

#[tokio::test]
async fn unix_socket_gets_its_mode_and_goes_with_the_listener() {
    let scratch = Scratch::new();
    let path = scratch.path("router.sock");
    let endpoint = ListenEndpoint::Unix { path: path.clone(), mode: Some(0o600), backlog: 10 };
    let listener = Listener::bind(&endpoint).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let _client = UnixStream::connect(&path).await.unwrap();
    let (stream, peer) = listener.accept().await;
    assert!(stream.is_direct());
    let PeerAddress::Unix { pid, .. } = peer else { panic!("not unix: {peer}") };
    assert_eq!(pid, Some(std::process::id() as i32));
    drop(listener);
    assert!(!path.exists());
}

#[tokio::test]
async fn stale_socket_file_is_replaced() {
    let scratch = Scratch::new();
    let path = scratch.path("router.sock");
    // A listener of the standard library leaves its file behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listener = Listener::bind(&ListenEndpoint::unix(&path)).await.unwrap();
    UnixStream::connect(&path).await.unwrap();
    listener.accept().await;
}

#[tokio::test]
async fn socket_file_in_use_and_other_files_are_left_alone() {
    let scratch = Scratch::new();
    let path = scratch.path("router.sock");
    let _first = Listener::bind(&ListenEndpoint::unix(&path)).await.unwrap();
    let error = Listener::bind(&ListenEndpoint::unix(&path)).await.err().unwrap();
    assert_eq!(error.cause.kind(), std::io::ErrorKind::AddrInUse, "{error}");
    UnixStream::connect(&path).await.unwrap();

    let file = scratch.write("notes.txt", "precious");
    let error = Listener::bind(&ListenEndpoint::unix(&file)).await.err().unwrap();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[tokio::test]
async fn listener_does_not_remove_the_socket_of_its_successor() {
    let scratch = Scratch::new();
    let path = scratch.path("router.sock");
    let first = Listener::bind(&ListenEndpoint::unix(&path)).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let _second = Listener::bind(&ListenEndpoint::unix(&path)).await.unwrap();
    drop(first);
    UnixStream::connect(&path).await.unwrap();
}

/// Runs the next test in a process of its own that may open a few files only.
#[test]
fn accepting_goes_on_after_file_descriptors_ran_out() {
    let binary = std::env::current_exe().unwrap();
    let script = "ulimit -n 40 && exec \"$0\" --ignored --exact listen::runs_out_of_file_descriptors";
    let output = std::process::Command::new("sh").arg("-c").arg(script).arg(binary).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "started by accepting_goes_on_after_file_descriptors_ran_out"]
async fn runs_out_of_file_descriptors() {
    let listener = Listener::bind(&ListenEndpoint::tcp("127.0.0.1", 0)).await.unwrap();
    let mut clients = Vec::new();
    let mut accepted = Vec::new();
    loop {
        // A connection takes two descriptors here. The client's end must have the last one.
        let Ok(client) = std::net::TcpStream::connect(bound(&listener)) else {
            accepted.pop();
            continue;
        };
        clients.push(client);
        match tokio::time::timeout(Duration::from_millis(300), listener.accept()).await {
            Ok((stream, _)) => accepted.push(stream),
            Err(_) => break,
        }
    }
    accepted.pop();
    let result = tokio::time::timeout(Duration::from_secs(5), listener.accept()).await;
    assert!(result.is_ok(), "a descriptor is free again");
}
