//! What peers can do wrong between HELLO and WELCOME.

use std::time::Duration;

use crossweave_auth::wampcra;
use crossweave_router::{Anonymous, Methods, Source};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Goodbye, Hello, Message};
use crossweave_wamp::{Dict, Value, uris};
use tokio::time::Instant;

use super::methods::scram;
use super::node::{Node, Peer, known, node, node_with};

fn both() -> Methods {
    let cra = |salting| wampcra::Credential::new("secret!!!".into(), salting);
    let salting = wampcra::Salting { salt: "a1b2c3d4".into(), iterations: 50, key_len: 32 };
    Methods {
        ticket: Some(Source::Static([known("joe", "user", "t1cket".into())].into_iter().collect())),
        wampcra: Some(Source::Static([known("jim", "admin", cra(Some(salting)))].into_iter().collect())),
        ..Methods::default()
    }
}

fn named(authid: &str) -> Dict {
    Dict::new().with("authid", authid)
}

async fn challenged(
    node: &Node,
    methods: &[&str],
    authid: &str,
) -> (Peer, crossweave_wamp::message::Challenge) {
    let mut peer = Peer::connect(node).await;
    peer.hello(methods, named(authid)).await;
    let challenge = peer.challenge().await;
    (peer, challenge)
}

#[tokio::test]
async fn the_client_s_order_of_methods_counts_and_unknown_ones_are_skipped() {
    let node = node(both()).await;
    let order = [
        (&["ticket", "wampcra"][..], "ticket"),
        (&["wampcra", "ticket"][..], "wampcra"),
        (&["kerberos", "cookie", "tls", "scram", "wampcra", "ticket"][..], "wampcra"),
    ];
    for (offered, used) in order {
        let (_, challenge) = challenged(&node, offered, "joe").await;
        assert_eq!(challenge.method, used);
    }
}

#[tokio::test]
async fn an_unknown_client_is_challenged_like_a_known_one_and_always_with_the_same_salt() {
    let node = node(both()).await;
    let mut salts = Vec::new();
    for authid in ["jim", "nobody", "nobody", "somebody"] {
        let (_, challenge) = challenged(&node, &["wampcra"], authid).await;
        let keys: Vec<&str> = challenge.extra.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["challenge", "salt", "iterations", "keylen"]);
        let text = challenge.extra.str("challenge").unwrap();
        assert!(text.contains(&format!("{authid:?}")) && text.contains("\"admin\""), "{text}");
        salts.push(challenge.extra.str("salt").unwrap().to_owned());
    }
    assert_eq!(salts[1], salts[2]);
    assert!(salts[0] != salts[1] && salts[1] != salts[3]);
    assert!(salts.iter().all(|salt| salt.len() == 8 && salt.bytes().all(|byte| byte.is_ascii_hexdigit())));
}

#[tokio::test]
async fn the_session_gets_the_id_that_the_challenge_names() {
    let node = node(both()).await;
    let (mut peer, challenge) = challenged(&node, &["wampcra"], "jim").await;
    peer.authenticate(&wampcra::answer(&"secret!!!".into(), &challenge.extra).unwrap()).await;
    let Message::Welcome(welcome) = peer.receive().await else { panic!("not WELCOME") };
    let text = challenge.extra.str("challenge").unwrap();
    assert!(text.contains(&format!("\"session\":{}", welcome.session)), "{text}");
}

#[tokio::test]
async fn an_answer_to_another_challenge_is_refused() {
    let node = node(both()).await;
    let (mut first, old) = challenged(&node, &["wampcra"], "jim").await;
    let recorded = wampcra::answer(&"secret!!!".into(), &old.extra).unwrap();
    let (mut second, _) = challenged(&node, &["wampcra"], "jim").await;
    second.authenticate(&recorded).await;
    assert_eq!(second.abort().await.reason, uris::AUTHENTICATION_FAILED);
    first.authenticate(&recorded[..recorded.len() - 4]).await;
    assert_eq!(first.abort().await.reason, uris::AUTHENTICATION_FAILED);
}

#[tokio::test]
async fn there_is_one_attempt_per_challenge() {
    let node = node(both()).await;
    let (mut peer, _) = challenged(&node, &["ticket"], "joe").await;
    peer.authenticate("wrong").await;
    peer.authenticate("t1cket").await;
    let abort = peer.abort().await;
    assert_eq!(abort.reason, uris::AUTHENTICATION_FAILED);
    assert_eq!(abort.details.str("message"), Some("authentication failed"));
}

#[tokio::test]
async fn a_second_authenticate_ends_the_session() {
    let node = node(both()).await;
    let (mut peer, _) = challenged(&node, &["ticket"], "joe").await;
    peer.authenticate("t1cket").await;
    assert!(matches!(peer.receive().await, Message::Welcome(_)));
    peer.authenticate("t1cket").await;
    assert_eq!(peer.abort().await.reason, uris::PROTOCOL_VIOLATION);
}

#[tokio::test]
async fn only_authenticate_answers_a_challenge() {
    let node = node(both()).await;
    let (mut peer, _) = challenged(&node, &["ticket"], "joe").await;
    peer.send(Goodbye::new("wamp.close.normal")).await;
    assert_eq!(peer.abort().await.reason, uris::PROTOCOL_VIOLATION);
    let mut unasked = Peer::connect(&node).await;
    unasked.authenticate("t1cket").await;
    assert_eq!(unasked.abort().await.reason, uris::PROTOCOL_VIOLATION);
    let (mut again, _) = challenged(&node, &["ticket"], "joe").await;
    again.hello(&["ticket"], named("joe")).await;
    assert_eq!(again.abort().await.reason, uris::PROTOCOL_VIOLATION);
}

#[tokio::test]
async fn a_challenge_that_is_not_answered_is_over_at_the_deadline() {
    let node = node_with(both(), |transport| transport.handshake_timeout_ms = 300).await;
    let (mut peer, _) = challenged(&node, &["ticket"], "joe").await;
    let start = Instant::now();
    let abort = peer.abort().await;
    assert_eq!(abort.details.str("message"), Some("no AUTHENTICATE came in time"));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn hellos_that_lack_what_the_method_needs_are_told_what() {
    let mut methods = scram();
    methods.cryptosign = Some(Source::Static([].into_iter().collect()));
    methods.ticket = both().ticket;
    let node = node(methods).await;
    let extra = |key: &str, value: Value| named("joe").with("authextra", Dict::new().with(key, value));
    for (method, details, expected) in [
        ("ticket", Dict::new(), "no authid"),
        ("wamp-scram", named("joe"), "authextra.nonce"),
        ("scram", extra("nonce", "a,b=c".into()), "authextra.nonce"),
        ("scram", extra("nonce", 5.into()), "authextra.nonce"),
        ("cryptosign", Dict::new(), "needs an authid or authextra.pubkey"),
        ("cryptosign", extra("pubkey", "00".into()), "64 hexadecimal digits"),
        ("cryptosign", extra("channel_binding", "tls-unique".into()), "use tls-exporter"),
        ("cryptosign", extra("channel_binding", "tls-exporter".into()), "needs tls 1.3"),
        ("cryptosign", extra("challenge", "x".into()), "64 hexadecimal digits"),
        ("cryptosign", extra("challenge", "0".repeat(64).into()), "no key"),
    ] {
        let mut peer = Peer::connect(&node).await;
        peer.hello(&[method], details).await;
        let abort = peer.abort().await;
        assert_eq!(abort.reason, uris::AUTHENTICATION_FAILED);
        let text = abort.details.str("message").unwrap();
        assert!(text.contains(expected), "{method}: {text}");
    }
}

#[tokio::test]
async fn scram_answers_without_our_nonce_or_with_another_are_refused() {
    let node = node(scram()).await;
    for signature in ["", "AAAA", "not base64!", &"A".repeat(44)] {
        let mut peer = Peer::connect(&node).await;
        let extra = Dict::new().with("nonce", "egVDf3DMJh0=");
        peer.hello(&["scram"], named("joe").with("authextra", extra)).await;
        let challenge = peer.challenge().await;
        assert!(challenge.extra.str("nonce").unwrap().starts_with("egVDf3DMJh0="));
        peer.authenticate(signature).await;
        assert_eq!(peer.abort().await.reason, uris::AUTHENTICATION_FAILED);
    }
}

/// What is said to a client that gives a wrong answer: the kinds of messages, their keys and the types of the values.
async fn what_is_said(node: &Node, method: &str, authid: &str) -> Vec<String> {
    let mut peer = Peer::connect(node).await;
    let extra = Dict::new().with("nonce", "egVDf3DMJh0=");
    peer.hello(&[method], named(authid).with("authextra", extra)).await;
    let challenge = peer.challenge().await;
    let shape = |(key, value): (&str, &Value)| match value {
        // The text to be signed names the client.
        Value::Str(text) if key == "challenge" && method == "wampcra" => {
            format!("{key}: {:?}", text.split("\"session\"").next().map(|it| it.replace(authid, "AUTHID")))
        }
        Value::Str(text) => format!("{key}: {} letters", text.len()),
        other => format!("{key}: {other:?}"),
    };
    let mut said = vec![format!("CHALLENGE {}", challenge.method)];
    said.extend(challenge.extra.iter().map(shape));
    peer.authenticate(&"A".repeat(128)).await;
    let abort = peer.abort().await;
    said.push(format!("ABORT {} {:?}", abort.reason, abort.details));
    said
}

#[tokio::test]
async fn a_client_that_does_not_exist_hears_what_one_hears_that_does() {
    let methods =
        Methods { cryptosign: super::methods::cryptosign().cryptosign, scram: scram().scram, ..both() };
    let node = node(methods).await;
    for (method, known) in [
        ("ticket", "joe"),
        ("wampcra", "jim"),
        ("wamp-scram", "joe"),
        ("scram", "joe"),
        ("cryptosign", "joe"),
    ] {
        let expected = what_is_said(&node, method, known).await;
        assert!(expected.len() >= 2 && expected[0].contains(method), "{expected:?}");
        // Made-up clients look like one of those that exist, in turn.
        let mut heard = Vec::new();
        for number in 0..60 {
            let unknown = format!("nobody{number}");
            heard.push(what_is_said(&node, method, &unknown).await);
        }
        assert!(heard.contains(&expected), "{method}: {expected:?} is not among {heard:?}");
        assert!(heard.iter().all(|it| it.first() == expected.first() && it.last() == expected.last()));
    }
}

#[tokio::test]
async fn methods_that_are_no_list_of_texts_are_refused() {
    let anonymous = Anonymous { authrole: "user".into(), authid: None, realm: None };
    let node = node(Methods { anonymous: Some(Source::Static(anonymous)), ..both() }).await;
    for methods in
        [Value::from("ticket"), vec![Value::from(5)].into(), vec!["ticket".into(), Value::Null].into()]
    {
        let mut peer = Peer::connect(&node).await;
        let details = named("joe").with("roles", Roles::client().to_dict()).with("authmethods", methods);
        peer.send(Hello { realm: Some("realm1".into()), details }).await;
        let abort = peer.abort().await;
        assert_eq!(abort.reason, uris::PROTOCOL_VIOLATION);
        assert!(abort.details.str("message").is_some_and(|text| text.contains("authmethods")), "{abort:?}");
    }
}

#[tokio::test]
async fn an_empty_list_of_methods_is_none_at_all() {
    let anonymous = Anonymous { authrole: "user".into(), authid: None, realm: None };
    let open = node(Methods { anonymous: Some(Source::Static(anonymous)), ..both() }).await;
    let closed = node(both()).await;
    for details in [named("joe"), named("joe").with("authmethods", Value::List(Vec::new()))] {
        let details = details.with("roles", Roles::client().to_dict());
        let hello = Hello { realm: Some("realm1".into()), details };
        let mut peer = Peer::connect(&open).await;
        peer.send(hello.clone()).await;
        let Message::Welcome(welcome) = peer.receive().await else { panic!("not WELCOME") };
        assert_eq!(welcome.details.str("authmethod"), Some("anonymous"));
        let mut peer = Peer::connect(&closed).await;
        peer.send(hello).await;
        assert_eq!(peer.abort().await.reason, uris::NO_MATCHING_AUTH_METHOD);
    }
}
