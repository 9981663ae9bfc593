//! Cookies: a browser that has logged in need not again, until it logs out.

use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{Auth, Client, ConnectError, Options, Reconnect};
use crossweave_router::{
    Activating, Activation, CookieOptions, Methods, RealmDefinition, RealmProvider, Role, Router, Source,
};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Authenticate, Goodbye, Hello};
use crossweave_wamp::{Dict, Message, Serializer, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::causes::Causes;
use super::node::{Node, known, node_with};

async fn cookie_node(options: CookieOptions) -> Node {
    let joe = known("joe", "user", "t1cket".into());
    let anonymous = crossweave_router::Anonymous { authrole: "user".into(), authid: None, realm: None };
    let methods = Methods {
        ticket: Some(Source::Static([joe].into_iter().collect())),
        anonymous: Some(Source::Static(anonymous)),
        cookie: true,
        ..Methods::default()
    };
    node_with(methods, |transport| {
        transport.websocket.get_mut("/ws").unwrap().cookies = Some(options);
    })
    .await
}

pub(crate) async fn join_with_cookie(node: &Node, cookie: &str, auth: Auth) -> Result<Client, ConnectError> {
    let headers = vec![("Cookie".to_owned(), cookie.to_owned())];
    let options = Options { auth, headers, reconnect: Reconnect::Off, ..Options::default() };
    Client::connect_with(&format!("ws://127.0.0.1:{}/ws", node.port), "realm1", options).await
}

/// A WebSocket by hand: what the handshake answered, and the stream.
async fn handshake(node: &Node, cookie: Option<&str>) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).await.unwrap();
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: wamp.2.json\r\n{cookie}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap(), stream)
}

fn set_cookie(head: &str) -> Option<String> {
    let line = head.lines().find_map(|line| line.strip_prefix("Set-Cookie: "))?;
    Some(line.split(';').next().unwrap().to_owned())
}

pub(crate) async fn new_cookie(node: &Node) -> String {
    set_cookie(&handshake(node, None).await.0).expect("a cookie is set")
}

async fn send(stream: &mut TcpStream, message: Message<'_>) {
    let body = message.to_bytes(Serializer::Json);
    let mut frame = vec![0x81];
    match body.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&body);
    stream.write_all(&frame).await.unwrap();
}

#[tokio::test]
async fn a_browser_that_has_logged_in_need_not_again() {
    let node = cookie_node(CookieOptions::default()).await;
    let cookie = new_cookie(&node).await;
    assert_eq!(set_cookie(&handshake(&node, Some(&cookie)).await.0), None, "it is ours");
    let refused = join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap_err().to_string();
    assert!(refused.contains("wamp.error.no_matching_auth_method"), "{refused}");
    join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    let session = join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap().session();
    assert_eq!((session.authid.as_deref(), session.authrole.as_deref()), (Some("joe"), Some("user")));
    assert_eq!(
        (session.authmethod.as_deref(), session.authprovider.as_deref()),
        (Some("cookie"), Some("cookie"))
    );
    assert!(join_with_cookie(&node, "cbtid=somebody-elses-invention", Auth::Cookie).await.is_err());
}

#[tokio::test]
async fn a_failed_login_is_not_remembered_and_an_anonymous_one_ends_it() {
    let node = cookie_node(CookieOptions::default()).await;
    let cookie = new_cookie(&node).await;
    assert!(join_with_cookie(&node, &cookie, Auth::ticket("joe", "wrong")).await.is_err());
    assert!(join_with_cookie(&node, &cookie, Auth::Cookie).await.is_err());
    join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    join_with_cookie(&node, &cookie, Auth::Anonymous).await.unwrap();
    assert!(join_with_cookie(&node, &cookie, Auth::Cookie).await.is_err());
}

#[tokio::test]
async fn logging_out_forgets_the_cookie_and_closes_its_other_connections() {
    let node = cookie_node(CookieOptions::default()).await;
    let (cookie, other) = (new_cookie(&node).await, new_cookie(&node).await);
    let sibling = join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    let stranger = join_with_cookie(&node, &other, Auth::ticket("joe", "t1cket")).await.unwrap();
    let (_, mut stream) = handshake(&node, Some(&cookie)).await;
    let details =
        Dict::new().with("roles", Roles::client().to_dict()).with("authmethods", vec![Value::from("cookie")]);
    send(&mut stream, Hello { realm: Some("realm1".into()), details }.into()).await;
    let mut welcome = [0; 64];
    stream.read_exact(&mut welcome).await.unwrap();
    assert!(String::from_utf8_lossy(&welcome).contains("[2,"), "WELCOME");
    send(&mut stream, Goodbye::new("wamp.close.logout").into()).await;
    let mut states = sibling.states();
    let closed = states.wait_for(|state| !state.is_connected());
    timeout(Duration::from_secs(5), closed).await.expect("the sibling is closed").unwrap();
    assert!(stranger.state().is_connected());
    assert!(join_with_cookie(&node, &cookie, Auth::Cookie).await.is_err());
    assert!(set_cookie(&handshake(&node, Some(&cookie)).await.0).is_some(), "another one is set");
}

#[tokio::test]
async fn a_cookie_that_lets_nobody_in_is_not_said_to_be_unconfigured_and_the_log_says_why() {
    let node = cookie_node(CookieOptions { max_age_s: 1, ..CookieOptions::default() }).await;
    let (causes, _guard) = Causes::watch();
    let refused = async |cookie: &str| {
        let refused = join_with_cookie(&node, cookie, Auth::Cookie).await.unwrap_err().to_string();
        let told = "(cookie) can be used: the cookie does not let this client in; use anonymous, ticket";
        assert!(refused.contains("no_matching_auth_method") && refused.ends_with(told), "{refused}");
        causes.told().pop().unwrap()
    };
    assert_eq!(
        refused("cbtid=forged").await,
        "method cookie: the cookie was not given out here, or is forgotten"
    );
    assert_eq!(refused("a=b").await, "method cookie: no cookie that stands for anybody was brought");
    let cookie = new_cookie(&node).await;
    join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(refused(&cookie).await, "method cookie: the cookie is too old");
}

/// Starts the realm that somebody waits for, in a while.
struct Slow(Router);

impl RealmProvider for Slow {
    fn activate(&self, activation: Activation) -> Activating<'_> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let definition =
                RealmDefinition { roles: vec![Role::allow_all("user")], ..RealmDefinition::default() };
            self.0.start_realm(&activation.realm, definition).unwrap();
            Ok(())
        })
    }
}

async fn log_out(stream: &mut TcpStream) {
    let mut answer = [0; 4096];
    send(stream, Goodbye::new("wamp.close.logout").into()).await;
    let _ = timeout(Duration::from_secs(5), stream.read(&mut answer)).await.expect("GOODBYE");
}

async fn hello_by_cookie(stream: &mut TcpStream, realm: &str) {
    let details =
        Dict::new().with("roles", Roles::client().to_dict()).with("authmethods", vec![Value::from("cookie")]);
    send(stream, Hello { realm: Some(realm.to_owned()), details }.into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_by_a_cookie_that_is_forgotten_meanwhile_does_not_open() {
    let node = cookie_node(CookieOptions::default()).await;
    node.router.set_realm_provider(Some(Arc::new(Slow(node.router.clone()))));
    let cookie = new_cookie(&node).await;
    join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    let (_, mut other) = handshake(&node, Some(&cookie)).await;
    hello_by_cookie(&mut other, "realm1").await;
    let mut welcome = [0; 4096];
    let read = other.read(&mut welcome).await.unwrap();
    assert!(String::from_utf8_lossy(&welcome[..read]).contains("[2,"), "WELCOME");
    // Another page waits for the realm while this one, whose session the stop has ended, logs in elsewhere and out.
    let (_, mut waiting) = handshake(&node, Some(&cookie)).await;
    node.router.stop_realm("realm1").await.unwrap();
    hello_by_cookie(&mut waiting, "realm1").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (_, mut third) = handshake(&node, Some(&cookie)).await;
    let details = Dict::new()
        .with("roles", Roles::client().to_dict())
        .with("authid", "joe")
        .with("authmethods", vec![Value::from("ticket")]);
    send(&mut third, Hello { realm: Some("realm2".into()), details }.into()).await;
    let read = third.read(&mut welcome).await.unwrap();
    assert!(String::from_utf8_lossy(&welcome[..read]).contains("[4,"), "CHALLENGE");
    let answer = Authenticate { signature: "t1cket".into(), extra: Dict::new() };
    send(&mut third, answer.into()).await;
    let read = third.read(&mut welcome).await.unwrap();
    assert!(String::from_utf8_lossy(&welcome[..read]).contains("[2,"), "WELCOME");
    log_out(&mut third).await;
    let read = timeout(Duration::from_secs(5), waiting.read(&mut welcome)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&welcome[..read]).into_owned();
    assert!(answer.contains("wamp.error.authentication_failed"), "{answer}");
}

async fn reads(stream: &mut TcpStream) -> String {
    let mut frame = [0; 4096];
    let read = timeout(Duration::from_secs(5), stream.read(&mut frame)).await.expect("an answer").unwrap();
    String::from_utf8_lossy(&frame[..read]).into_owned()
}

async fn hello_by_ticket(stream: &mut TcpStream) {
    let details = Dict::new()
        .with("roles", Roles::client().to_dict())
        .with("authid", "joe")
        .with("authmethods", vec![Value::from("ticket")]);
    send(stream, Hello { realm: Some("realm1".into()), details }.into()).await;
    assert!(reads(stream).await.contains("[4,"), "CHALLENGE");
}

async fn authenticate(stream: &mut TcpStream) -> String {
    send(stream, Authenticate { signature: "t1cket".into(), extra: Dict::new() }.into()).await;
    reads(stream).await
}

#[tokio::test]
async fn a_login_under_way_when_its_cookie_logs_out_fails_and_the_cookie_stays_forgotten() {
    let node = cookie_node(CookieOptions::default()).await;
    let (causes, _guard) = Causes::watch();
    let cookie = new_cookie(&node).await;
    let (_, mut first) = handshake(&node, Some(&cookie)).await;
    hello_by_ticket(&mut first).await;
    assert!(authenticate(&mut first).await.contains("[2,"), "WELCOME");
    let (_, mut second) = handshake(&node, Some(&cookie)).await;
    hello_by_ticket(&mut second).await;
    log_out(&mut first).await;
    let answer = authenticate(&mut second).await;
    assert!(answer.contains("wamp.error.authentication_failed"), "{answer}");
    let cause = causes.told().pop().unwrap();
    assert!(cause.ends_with("its cookie was logged out while its session was being opened"), "{cause}");
    assert!(set_cookie(&handshake(&node, Some(&cookie)).await.0).is_some(), "the old one is forgotten");
}

#[tokio::test]
async fn a_page_that_has_logged_out_may_log_in_again_on_its_connection() {
    let node = cookie_node(CookieOptions::default()).await;
    let cookie = new_cookie(&node).await;
    let (_, mut page) = handshake(&node, Some(&cookie)).await;
    for _ in 0..2 {
        hello_by_ticket(&mut page).await;
        assert!(authenticate(&mut page).await.contains("[2,"), "WELCOME");
        send(&mut page, Goodbye::new("wamp.close.logout").into()).await;
        assert!(reads(&mut page).await.contains("[6,"), "GOODBYE");
    }
}

#[tokio::test]
async fn a_handshake_tries_two_cookies() {
    let node = cookie_node(CookieOptions::default()).await;
    let cookie = new_cookie(&node).await;
    join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    let second = format!("other=1; cbtid=guess; {cookie}");
    assert!(join_with_cookie(&node, &second, Auth::Cookie).await.is_ok());
    let third = format!("cbtid=guess; cbtid=guess2; {cookie}");
    assert!(join_with_cookie(&node, &third, Auth::Cookie).await.is_err());
}
