//! Who may go on with a session, and who may not.

use crossweave_auth::{Secret, wampcra};
use crossweave_router::{
    Anonymous, Authentication, Directory, Methods, Principal, RawSocketOptions, ResumptionOptions, Source,
    TransportOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_wamp::message::*;
use crossweave_wamp::{AuthMethod, Dict, Message, Serializer, Value, uris};

use crate::peer::*;

/// The answer to a claim that is not good: an ordinary session, and no word of why.
fn assert_is_new(welcome: &Welcome, ticket: &Ticket) {
    assert_eq!(flag(welcome, "resumed"), Some(false), "{welcome:?}");
    assert_ne!(welcome.session.0, ticket.session);
    for detail in ["recovered", "missed", "received"] {
        assert!(welcome.details.get(detail).is_none(), "{welcome:?}");
    }
    assert_eq!(flag(welcome, "resumable"), Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_one_time() {
    let node = node(ResumptionOptions::default()).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let ticket = peer.ticket();
    drop(peer);
    let (mut resumed, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true));
    // Its first message shows that it has the next token.
    assert!(resumed.knows(ticket.session).await);
    let (_thief, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_is_new(&welcome, &ticket);
    let next = resumed.ticket();
    drop(resumed);
    let (_thief, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_is_new(&welcome, &ticket);
    let (_peer, welcome) = Peer::resume(&node, Link::RawSocket, &next).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true), "the owner is not disturbed");
}

/// The network may fail again before WELCOME has come; the client has the old token only then.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_welcome_was_lost_comes_back_by_the_token_that_it_came_by() {
    let node = node(ResumptionOptions::default()).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let ticket = peer.ticket();
    drop(peer);
    let (lost, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true));
    drop(lost);
    node.parked(ticket.session).await;
    let (half_open, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true), "the session was parked again");
    let (third, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true), "the session seemed to be connected");
    let next = third.ticket();
    drop((half_open, third));
    let (mut peer, welcome) = Peer::resume(&node, Link::RawSocket, &next).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true), "and the newest one is good as well");
    assert!(peer.knows(ticket.session).await);
    for used in [ticket.clone(), next] {
        let (_thief, welcome) = Peer::resume(&node, Link::RawSocket, &used).await;
        assert_is_new(&welcome, &ticket);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_of_one_address_leave_seats_for_who_proves_who_it_is() {
    let options = ResumptionOptions { sessions_per_client_max: 2, ..Default::default() };
    let anonymous = Anonymous { authrole: "anonymous".into(), authid: None, realm: None };
    let node = node_with(Some(options), tickets_or(Some(anonymous))).await;
    for _ in 0..2 {
        let peer = Peer::join(&node, Link::RawSocket).await;
        let session = peer.ticket().session;
        drop(peer);
        node.parked(session).await;
    }
    let mut third = Peer::connect(&node, Link::RawSocket).await;
    let welcome = third.hello(Dict::new().with("resumable", true)).await;
    assert_eq!(flag(&welcome, "resumable"), Some(false), "{welcome:?}");
    let mut joe = Peer::connect(&node, Link::RawSocket).await;
    let welcome = log_in(&mut joe, "joe", Dict::new().with("resumable", true)).await;
    assert_eq!(flag(&welcome, "resumable"), Some(true), "{welcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_of_one_user_at_a_unix_socket_have_no_more_seats_than_those_of_one_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.sock");
    let node = node(ResumptionOptions::default()).await;
    let mut transport = TransportOptions::new(ListenEndpoint::unix(path.clone()));
    transport.rawsocket = Some(RawSocketOptions::default());
    transport.resumption = Some(ResumptionOptions { sessions_per_client_max: 2, ..Default::default() });
    node.router.listen(transport).await.unwrap();
    let mut peers = Vec::new();
    for expected in [true, true, false] {
        let mut peer = Peer::connect_to(&format!("unix:{}", path.display())).await;
        let welcome = peer.hello(Dict::new().with("resumable", true)).await;
        assert_eq!(flag(&welcome, "resumable"), Some(expected), "{welcome:?}");
        peers.push(peer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_and_sessions_get_an_ordinary_session() {
    let node = node(ResumptionOptions::default()).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let other = Peer::join(&node, Link::RawSocket).await;
    let (ticket, other) = (peer.ticket(), other.ticket());
    drop(peer);
    let wrong = [
        Ticket { token: "AAAAAAAAAAAAAAAAAAAAAA==".into(), ..ticket.clone() },
        Ticket { token: String::new(), ..ticket.clone() },
        Ticket { token: other.token, ..ticket.clone() },
        Ticket { token: "x".repeat(10_000), ..ticket.clone() },
        Ticket { session: 1, ..ticket.clone() },
    ];
    for wrong in wrong {
        let (_peer, welcome) = Peer::resume(&node, Link::RawSocket, &wrong).await;
        assert_is_new(&welcome, &ticket);
    }
    let (_peer, welcome) = Peer::resume(&node, Link::RawSocket, &ticket).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true), "the owner is not disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_of_no_use_on_another_realm() {
    let node = node(ResumptionOptions::default()).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let ticket = peer.ticket();
    drop(peer);
    let mut thief = Peer::connect(&node, Link::RawSocket).await;
    thief.send(Hello { realm: Some("realm2".into()), ..hello(ticket.details()) }).await;
    assert_is_new(&thief.welcome().await, &ticket);
}

fn tickets() -> Authentication {
    tickets_or(None)
}

/// By a ticket, or perhaps by nothing.
fn tickets_or(anonymous: Option<Anonymous>) -> Authentication {
    let known = |authid: &str| {
        let principal =
            Principal { authrole: "user".into(), realm: None, credential: Secret::from("secret") };
        (authid.to_owned(), principal)
    };
    let directory = Directory::from_iter([known("joe"), known("ann")]);
    let anonymous = anonymous.map(Source::Static);
    let methods = Methods { ticket: Some(Source::Static(directory)), anonymous, ..Methods::default() };
    methods.into()
}

async fn log_in(peer: &mut Peer, authid: &str, details: Dict) -> Welcome {
    let methods = vec![Value::from("ticket")];
    peer.send(hello(details.with("authmethods", methods).with("authid", authid))).await;
    assert!(matches!(peer.receive().await, Message::Challenge(_)));
    peer.send(Authenticate { signature: "secret".into(), extra: Dict::new() }).await;
    peer.welcome().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_token_is_of_no_use_to_another_client() {
    let node = node_with(Some(ResumptionOptions::default()), tickets()).await;
    let mut joe = Peer::connect(&node, Link::WebSocket).await;
    log_in(&mut joe, "joe", Dict::new().with("resumable", true)).await;
    let ticket = joe.ticket();
    drop(joe);
    let mut ann = Peer::connect(&node, Link::WebSocket).await;
    assert_is_new(&log_in(&mut ann, "ann", ticket.details()).await, &ticket);
    let mut joe = Peer::connect(&node, Link::WebSocket).await;
    let welcome = log_in(&mut joe, "joe", ticket.details()).await;
    assert_eq!(flag(&welcome, "resumed"), Some(true));
    assert_eq!((welcome.session.0, welcome.details.str("authid")), (ticket.session, Some("joe")));
}

/// Joe may use a ticket and WAMP-CRA.
fn two_methods() -> Authentication {
    let Authentication::Methods(methods) = tickets() else { panic!("methods") };
    let secret = wampcra::Credential::new("secret".into(), None);
    let joe = Principal { authrole: "user".into(), realm: None, credential: secret };
    let wampcra = Some(Source::Static(Directory::from_iter([("joe".to_owned(), joe)])));
    Methods { wampcra, ..(*methods).clone() }.into()
}

/// Joe logs in by this method; the answer of the router.
async fn answer_to(node: &Node, method: &str, details: Dict) -> (Peer, Message<'static>) {
    let mut joe = Peer::connect(node, Link::RawSocket).await;
    joe.send(hello(details.with("authid", "joe").with("authmethods", vec![Value::from(method)]))).await;
    let Message::Challenge(challenge) = joe.receive().await else { panic!("not CHALLENGE") };
    let signature = match method {
        "wampcra" => wampcra::answer(&"secret".into(), &challenge.extra).unwrap(),
        _ => "secret".to_owned(),
    };
    joe.send(Authenticate { signature, extra: Dict::new() }).await;
    let answer = joe.receive().await;
    (joe, answer)
}

/// A session that joe has begun by WAMP-CRA and lost, and what it takes to go on with it.
async fn lost_session(node: &Node) -> Ticket {
    let mut joe = Peer::connect(node, Link::RawSocket).await;
    let details = Dict::new().with("resumable", true).with("authid", "joe");
    joe.send(hello(details.with("authmethods", vec![Value::from("wampcra")]))).await;
    let Message::Challenge(challenge) = joe.receive().await else { panic!("not CHALLENGE") };
    let signature = wampcra::answer(&"secret".into(), &challenge.extra).unwrap();
    joe.send(Authenticate { signature, extra: Dict::new() }).await;
    joe.welcome().await;
    joe.ticket()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_by_the_method_that_it_was_begun_by() {
    let node = node_with(Some(ResumptionOptions::default()), two_methods()).await;
    let ticket = lost_session(&node).await;
    let (_weak, answer) = answer_to(&node, "ticket", ticket.details()).await;
    let Message::Welcome(welcome) = answer else { panic!("not WELCOME: {answer:?}") };
    assert_is_new(&welcome, &ticket);
    let (_strong, answer) = answer_to(&node, "wampcra", ticket.details()).await;
    let Message::Welcome(welcome) = answer else { panic!("not WELCOME: {answer:?}") };
    assert_eq!((flag(&welcome, "resumed"), welcome.session.0), (Some(true), ticket.session));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_no_way_round_the_least_methods_of_a_role() {
    let roles = vec![may_do_all("user").with_authmethods(Some(&[AuthMethod::WampCra]))];
    let node = node_of(Some(ResumptionOptions::default()), two_methods(), roles).await;
    let ticket = lost_session(&node).await;
    let (_weak, answer) = answer_to(&node, "ticket", ticket.details()).await;
    let Message::Abort(abort) = answer else { panic!("not ABORT: {answer:?}") };
    assert_eq!(abort.reason, uris::AUTHENTICATION_FAILED);
    let (_strong, answer) = answer_to(&node, "wampcra", ticket.details()).await;
    let Message::Welcome(welcome) = answer else { panic!("not WELCOME: {answer:?}") };
    assert_eq!(flag(&welcome, "resumed"), Some(true), "the owner is not disturbed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_replace_the_proof() {
    let node = node_with(Some(ResumptionOptions::default()), tickets()).await;
    let mut joe = Peer::connect(&node, Link::RawSocket).await;
    log_in(&mut joe, "joe", Dict::new().with("resumable", true)).await;
    let ticket = joe.ticket();
    drop(joe);
    let mut thief = Peer::connect(&node, Link::RawSocket).await;
    thief.send(hello(ticket.details().with("authid", "joe"))).await;
    assert!(matches!(thief.receive().await, Message::Abort(_)), "anonymous may not join here");
    let mut thief = Peer::connect(&node, Link::RawSocket).await;
    let methods = vec![Value::from("ticket")];
    thief.send(hello(ticket.details().with("authmethods", methods).with("authid", "joe"))).await;
    assert!(matches!(thief.receive().await, Message::Challenge(_)));
    thief.send(Authenticate { signature: "guessed".into(), extra: Dict::new() }).await;
    assert!(matches!(thief.receive().await, Message::Abort(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_say_what_it_has_received_begins_anew_and_so_does_who_claims_too_much() {
    let node = node(ResumptionOptions::default()).await;
    for received in [None, Some(1_000_000), Some(u64::MAX >> 12)] {
        let mut callee = Peer::join(&node, Link::RawSocket).await;
        callee.register("com.mine").await;
        let ticket = callee.ticket();
        drop(callee);
        let mut details = ticket.details();
        details.remove("resume_received");
        if let Some(received) = received {
            details.insert("resume_received", received);
        }
        let mut peer = Peer::connect(&node, Link::RawSocket).await;
        assert_is_new(&peer.hello(details).await, &ticket);
        // Its old session is not in its way.
        peer.register("com.mine").await;
        peer.send(Goodbye::new(uris::CLOSE_REALM)).await;
        assert!(matches!(peer.receive().await, Message::Goodbye(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_serializer_or_kind_of_transport_begins_anew() {
    let node = node(ResumptionOptions::default()).await;
    let peer = Peer::join(&node, Link::RawSocket).await;
    let ticket = peer.ticket();
    drop(peer);
    let (mut peer, welcome) = Peer::resume(&node, Link::WebSocket, &ticket).await;
    assert_is_new(&welcome, &ticket);
    peer.sees_leave(ticket.session).await;
    let mut joined = Peer::join(&node, Link::RawSocket).await;
    let ticket = joined.ticket();
    let mut peer = Peer::connect_speaking(&node, Link::RawSocket, Serializer::Cbor).await;
    peer.send(hello(ticket.details())).await;
    assert_is_new(&peer.welcome().await, &ticket);
    assert!(joined.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_offered_where_it_is_off_or_not_asked_for() {
    let off = node_with(None, Authentication::anonymous("anonymous")).await;
    let mut peer = Peer::connect(&off, Link::RawSocket).await;
    let welcome = peer.hello(Dict::new().with("resumable", true)).await;
    assert!(peer.ticket.is_none());
    assert!(!announces(&welcome) && welcome.details.get("resumable").is_none(), "{welcome:?}");
    let on = node(ResumptionOptions { sessions_max: 1, ..Default::default() }).await;
    let mut peer = Peer::connect(&on, Link::RawSocket).await;
    let welcome = peer.hello(Dict::new()).await;
    assert!(announces(&welcome) && welcome.details.get("resumable").is_none(), "{welcome:?}");
    let _one = Peer::join(&on, Link::RawSocket).await;
    let mut peer = Peer::connect(&on, Link::RawSocket).await;
    let welcome = peer.hello(Dict::new().with("resumable", true)).await;
    assert_eq!(flag(&welcome, "resumable"), Some(false), "there is one seat: {welcome:?}");
}

fn announces(welcome: &Welcome) -> bool {
    let roles = welcome.details.dict("roles").unwrap();
    ["broker", "dealer"].iter().all(|role| {
        let features = roles.dict(role).and_then(|role| role.dict("features"));
        features.and_then(|it| it.get("session_resumption")).and_then(Value::as_bool) == Some(true)
    })
}
