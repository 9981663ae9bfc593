//! Methods of the program's own: a number is counted down from, one challenge for each step.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossweave_client::{Answers, Auth, Secret};
use crossweave_router::*;
use crossweave_wamp::authmethod::OwnMethod;
use crossweave_wamp::{AuthMethod, Dict, Value, uris};

use super::causes::Causes;
use super::cookies::{join_with_cookie, new_cookie};
use super::node::{Node, Peer, known, node, node_with};

/// Whoever counts down from the number in its authid is let in. Counts the logins that are under way.
#[derive(Debug, Default)]
struct Countdown {
    logins: Arc<AtomicUsize>,
}

struct Counting {
    authid: String,
    expected: u64,
    logins: Arc<AtomicUsize>,
}

impl LoginMethod for Countdown {
    fn begin(&self, request: AuthenticateRequest) -> Box<dyn Login> {
        let authid = request.authid.unwrap_or_default();
        assert_ne!(authid, "defect", "a defect of the method");
        self.logins.fetch_add(1, Ordering::Relaxed);
        let expected = authid.parse().unwrap_or(u64::MAX);
        Box::new(Counting { authid, expected, logins: self.logins.clone() })
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.logins.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(self.authid, "drop", "a defect of the method");
    }
}

impl Counting {
    fn next(&self) -> Result<LoginNext, NotGranted> {
        match self.expected {
            0 => {
                let extra = Dict::new().with("from", self.authid.as_str());
                Ok(LoginNext::Admit(Granted { authrole: "user".into(), extra, ..Granted::default() }))
            }
            left => Ok(LoginNext::Challenge(Dict::new().with("left", left))),
        }
    }
}

impl Login for Counting {
    fn hello(&mut self) -> LoginStep<'_> {
        Box::pin(async move {
            match self.authid.as_str() {
                "hang" => pending().await,
                "panic" => panic!("a defect of the method"),
                "trusted" => {
                    Ok(LoginNext::Admit(Granted { authrole: "trusted".into(), ..Granted::default() }))
                }
                _ => self.next(),
            }
        })
    }

    fn answer(&mut self, signature: Secret, extra: Dict) -> LoginStep<'_> {
        Box::pin(async move {
            if signature.reveal() == "give up" {
                let (uri, message) = ("com.example.tired".to_owned(), "come back tomorrow".to_owned());
                return Err(NotGranted::Denied { uri, message });
            }
            let counted = signature.reveal().parse().ok();
            if counted != Some(self.expected) || extra.get("really") != Some(&Value::Bool(true)) {
                return Err(NotGranted::Failed(format!("not {}", self.expected)));
            }
            self.expected -= 1;
            self.next()
        })
    }
}

fn own(name: &str) -> OwnMethod {
    match AuthMethod::declare(name) {
        Ok(AuthMethod::Own(method)) => method,
        other => panic!("{other:?}"),
    }
}

fn methods(countdown: Countdown) -> Methods {
    let tickets = [known("joe", "user", "t1cket".into())].into_iter().collect();
    let method = Own { method: own("countdown"), name: "down".into(), by: Arc::new(countdown) };
    Methods { own: vec![method], ticket: Some(Source::Static(tickets)), ..Methods::default() }
}

fn counting(authid: &str) -> Auth {
    let answers = Answers::new(|extra| {
        let left = extra.get("left").and_then(Value::as_u64).ok_or("nothing left")?;
        Ok((left.to_string(), Dict::new().with("really", true)))
    });
    Auth::Own { method: "countdown".into(), authid: Some(authid.to_owned()), answers }
}

/// The challenges' numbers until the peer hears something else, and that.
async fn answer_all(peer: &mut Peer) -> (Vec<u64>, crossweave_wamp::Message<'static>) {
    let mut left = Vec::new();
    loop {
        match peer.receive().await {
            crossweave_wamp::Message::Challenge(challenge) => {
                assert_eq!(challenge.method, "countdown");
                let number = challenge.extra.get("left").and_then(Value::as_u64).unwrap();
                left.push(number);
                let extra = Dict::new().with("really", true);
                let signature = number.to_string();
                peer.send(crossweave_wamp::message::Authenticate { signature, extra }).await;
            }
            other => return (left, other),
        }
    }
}

#[tokio::test]
async fn a_method_asks_as_often_as_it_wants_and_then_lets_in() {
    let countdown = Countdown::default();
    let logins = countdown.logins.clone();
    let node = node(methods(countdown)).await;
    for authid in ["0", "1", "5", "16"] {
        let joined = node.joins_as(counting(authid)).await;
        assert_eq!(joined, ["realm1", authid, "user", "countdown", "function"]);
    }
    let session = node.join(counting("2")).await.unwrap().session();
    assert_eq!(session.details.dict("authextra").and_then(|extra| extra.str("from")), Some("2"));
    assert_eq!(logins.load(Ordering::Relaxed), 0, "nothing is kept of a login that is over");
}

#[tokio::test]
async fn the_client_s_order_of_methods_counts_also_for_own_ones() {
    let node = node(methods(Countdown::default())).await;
    for (offered, used) in
        [(&["kerberos", "countdown", "ticket"][..], "countdown"), (&["ticket", "countdown"][..], "ticket")]
    {
        let mut peer = Peer::connect(&node).await;
        peer.hello(offered, Dict::new().with("authid", "3")).await;
        assert_eq!(peer.challenge().await.method, used);
    }
    let mut peer = Peer::connect(&node).await;
    peer.hello(&["kerberos"], Dict::new()).await;
    let abort = peer.abort().await;
    assert_eq!(abort.reason, uris::NO_MATCHING_AUTH_METHOD);
    assert!(abort.details.str("message").unwrap().ends_with("use ticket, countdown"), "{abort:?}");
}

#[tokio::test]
async fn whoever_answers_wrongly_is_told_nothing_unless_the_method_says_so() {
    let node = node(methods(Countdown::default())).await;
    let (causes, _guard) = Causes::watch();
    for (answer, reason, message, cause) in [
        ("7", uris::AUTHENTICATION_FAILED, "authentication failed", "login method \"down\" failed: not 3"),
        ("give up", "com.example.tired", "come back tomorrow", "login method \"down\" denied it"),
    ] {
        let mut peer = Peer::connect(&node).await;
        peer.hello(&["countdown"], Dict::new().with("authid", "3")).await;
        peer.challenge().await;
        peer.authenticate(answer).await;
        let abort = peer.abort().await;
        assert_eq!((&*abort.reason, abort.details.str("message")), (reason, Some(message)));
        let told = causes.told().pop().unwrap();
        assert!(told.starts_with("method countdown, authid \"3\": ") && told.contains(cause), "{told}");
    }
}

#[tokio::test]
async fn a_method_that_wants_too_many_challenges_has_failed() {
    let node = node(methods(Countdown::default())).await;
    let (causes, _guard) = Causes::watch();
    let mut peer = Peer::connect(&node).await;
    peer.hello(&["countdown"], Dict::new().with("authid", "1000")).await;
    let (left, last) = answer_all(&mut peer).await;
    assert_eq!(left.len(), CHALLENGES_MAX);
    let crossweave_wamp::Message::Abort(abort) = last else { panic!("{last:?}") };
    assert_eq!(abort.reason, uris::AUTHENTICATION_FAILED);
    let told = causes.told().pop().unwrap();
    assert!(told.ends_with("failed: it wants more than 16 challenges"), "{told}");
}

#[tokio::test]
async fn a_method_that_panics_or_lets_in_as_nobody_can_be_lets_nobody_in() {
    let countdown = Countdown::default();
    let logins = countdown.logins.clone();
    let node = node(methods(countdown)).await;
    let (causes, _guard) = Causes::watch();
    for (authid, cause) in [
        ("defect", "login method \"down\" failed: it panicked"),
        ("panic", "login method \"down\" failed: it panicked"),
        ("trusted", "let it in as nobody can be: role \"trusted\" does not exist"),
    ] {
        let refused = node.refuses(counting(authid)).await;
        assert!(refused.ends_with("authentication failed"), "{refused}");
        let told = causes.told().pop().unwrap();
        assert!(told.contains(cause), "{told}");
    }
    assert_eq!(logins.load(Ordering::Relaxed), 0);
    assert_eq!(node.joins_as(counting("1")).await[1], "1", "the router goes on");
}

#[tokio::test]
async fn a_login_that_panics_when_it_is_dropped_harms_nobody_else() {
    let node = node(methods(Countdown::default())).await;
    for _ in 0..3 {
        let mut peer = Peer::connect(&node).await;
        peer.hello(&["countdown"], Dict::new().with("authid", "drop")).await;
        peer.challenge().await;
        drop(peer);
    }
    assert_eq!(node.joins_as(counting("1")).await[1], "1");
}

#[tokio::test]
async fn a_method_that_hangs_is_not_waited_for_beyond_the_deadline() {
    let countdown = Countdown::default();
    let logins = countdown.logins.clone();
    let node = node_with(methods(countdown), |transport| transport.handshake_timeout_ms = 300).await;
    let (causes, _guard) = Causes::watch();
    let refused = tokio::time::timeout(Duration::from_secs(3), node.refuses(counting("hang"))).await.unwrap();
    assert!(refused.ends_with("authentication failed"), "{refused}");
    let told = causes.told().pop().unwrap();
    assert_eq!(told, "method countdown, authid \"hang\": login method \"down\" did not answer in time");
    gone(&logins).await;
}

/// Waits until no login is under way.
async fn gone(logins: &AtomicUsize) {
    let none = async {
        while logins.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), none).await.expect("the logins end");
}

#[tokio::test]
async fn a_client_that_does_not_answer_or_leaves_takes_its_login_along() {
    let countdown = Countdown::default();
    let logins = countdown.logins.clone();
    let node = node_with(methods(countdown), |transport| transport.handshake_timeout_ms = 300).await;
    let mut silent = Peer::connect(&node).await;
    silent.hello(&["countdown"], Dict::new().with("authid", "3")).await;
    silent.challenge().await;
    let abort = silent.abort().await;
    assert_eq!(abort.details.str("message"), Some("no AUTHENTICATE came in time"));
    let mut leaving = Peer::connect(&node).await;
    leaving.hello(&["countdown"], Dict::new().with("authid", "hang")).await;
    drop(leaving);
    gone(&logins).await;
}

/// Role `strict` is for this method alone.
async fn strict(accepted: AuthMethod) -> Node {
    let node = node(methods(Countdown::default())).await;
    let role = Role::allow_all("user").with_authmethods(Some(&[accepted]));
    node.router.set_role("realm1", role).unwrap();
    node
}

#[tokio::test]
async fn a_role_may_ask_for_an_own_method_and_no_other_counts_for_it() {
    let by_countdown = strict(AuthMethod::Own(own("countdown"))).await;
    assert_eq!(by_countdown.joins_as(counting("1")).await[3], "countdown");
    assert!(by_countdown.refuses(Auth::ticket("joe", "t1cket")).await.ends_with("authentication failed"));
    for other in [AuthMethod::Ticket, AuthMethod::Own(own("count-up"))] {
        let node = strict(other).await;
        assert!(node.refuses(counting("1")).await.ends_with("authentication failed"), "{other:?}");
    }
}

#[tokio::test]
async fn a_cookie_stands_for_a_login_by_an_own_method_also_after_a_restart() {
    let folder = tempfile::TempDir::new().unwrap();
    let store = || CookieStore::File { path: folder.path().join("cookies.dat"), purge_on_startup: false };
    let start = async || {
        let methods = Methods { cookie: true, ..self::methods(Countdown::default()) };
        let node = node_with(methods, |transport| {
            let cookies = Some(CookieOptions { store: store(), ..CookieOptions::default() });
            transport
                .websocket
                .insert("/ws".into(), WebSocketOptions { cookies, ..WebSocketOptions::default() });
        });
        let node = node.await;
        let accepted = AuthMethod::Own(own("countdown"));
        let role = Role::allow_all("user").with_authmethods(Some(&[accepted]));
        node.router.set_role("realm1", role).unwrap();
        node
    };
    let node = start().await;
    let cookie = new_cookie(&node).await;
    join_with_cookie(&node, &cookie, counting("2")).await.unwrap();
    let again = join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap();
    assert_eq!(again.session().authid.as_deref(), Some("2"));
    drop(again);
    node.router.shutdown().await;
    drop(node);
    let node = start().await;
    let again = join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap();
    assert_eq!(again.session().authid.as_deref(), Some("2"));
}
