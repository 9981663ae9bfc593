//! Every static method with the right and with wrong credentials.
use crossweave_auth::scram::Kdf;
use crossweave_auth::scram::credential::Hashing;
use crossweave_auth::{scram, wampcra};
use crossweave_client::{Auth, PrivateKey};
use crossweave_router::{Anonymous, Authentication, Methods, Source};

use super::node::{known, node, node_with};

const FAILED: &str = "wamp.error.authentication_failed";

fn ticket() -> Methods {
    let joe = known("joe", "user", "t1cket".into());
    Methods { ticket: Some(Source::Static([joe].into_iter().collect())), ..Methods::default() }
}

fn wampcra() -> Methods {
    let salting = wampcra::Salting { salt: "salt123".into(), iterations: 100, key_len: 32 };
    let derived = salting.derive(&"pa55".into());
    let users = [
        known("joe", "user", wampcra::Credential::new("secret!!!".into(), None)),
        known("jim", "admin", wampcra::Credential::new("pa55".into(), Some(salting.clone()))),
        known("jon", "user", wampcra::Credential::new(derived, Some(salting))),
    ];
    Methods { wampcra: Some(Source::Static(users.into_iter().collect())), ..Methods::default() }
}

pub(crate) fn scram() -> Methods {
    let client = |authid, kdf, iterations, memory| {
        let hashing = Hashing { kdf, salt: b"0123456789abcdef".to_vec(), iterations, memory };
        known(authid, "user", scram::Credential::derive(&"pencil".into(), hashing).unwrap())
    };
    let principals = [
        client("joe", Kdf::Pbkdf2, 4096, 0),
        client("jim", Kdf::Argon2id13, 4, 512),
        client("jon", Kdf::Argon2id13Text, 4, 512),
    ];
    Methods { scram: Some(Source::Static(principals.into_iter().collect())), ..Methods::default() }
}

pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[number; 32])
}

pub(crate) fn cryptosign() -> Methods {
    let principals = [
        known("joe", "user", vec![key(1).public(), key(2).public()]),
        known("ann", "admin", vec![key(3).public()]),
        known("twin1", "user", vec![key(4).public()]),
        known("twin2", "user", vec![key(4).public()]),
    ];
    let cryptosign = Some(Source::Static(principals.into_iter().collect()));
    Methods { cryptosign, ..Methods::default() }
}

#[tokio::test]
async fn a_ticket_opens() {
    let node = node(ticket()).await;
    let joe = node.joins_as(Auth::ticket("joe", "t1cket")).await;
    assert_eq!(joe, ["realm1", "joe", "user", "ticket", "static"]);
}

#[tokio::test]
async fn a_wampcra_secret_opens_plain_salted_and_derived() {
    let node = node(wampcra()).await;
    let joe = node.joins_as(Auth::wamp_cra("joe", "secret!!!")).await;
    assert_eq!(joe, ["realm1", "joe", "user", "wampcra", "static"]);
    assert_eq!(node.joins_as(Auth::wamp_cra("jim", "pa55")).await[2], "admin");
    assert_eq!(node.joins_as(Auth::wamp_cra("jon", "pa55")).await[1], "jon");
}

#[tokio::test]
async fn a_scram_password_opens_with_every_hash() {
    let node = node(scram()).await;
    for authid in ["joe", "jim", "jon"] {
        let joined = node.joins_as(Auth::scram(authid, "pencil")).await;
        assert_eq!(joined, ["realm1", authid, "user", "wamp-scram", "static"]);
    }
}

#[tokio::test]
async fn a_private_key_opens_with_and_without_an_authid() {
    let node = node(cryptosign()).await;
    node.router.set_key(key(100));
    let joe = node.joins_as(Auth::cryptosign(key(2))).await;
    assert_eq!(joe, ["realm1", "joe", "user", "cryptosign", "static"]);
    let named = |authid: &str, number| Auth::Cryptosign {
        authid: Some(authid.into()),
        key: key(number),
        router: Some(key(100).public()),
    };
    assert_eq!(node.joins_as(named("ann", 3)).await[2], "admin");
    assert_eq!(node.joins_as(named("twin2", 4)).await[1], "twin2");
    assert!(node.refuses(named("ann", 1)).await.contains(FAILED), "a key of somebody else");
    assert!(node.refuses(Auth::cryptosign(key(4))).await.contains(FAILED), "a key of two");
    let wrong_router = Auth::Cryptosign { authid: None, key: key(3), router: Some(key(101).public()) };
    assert!(node.refuses(wrong_router).await.contains("router did not prove"));
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_told_the_same() {
    for (methods, auths) in [
        (ticket(), [Auth::ticket("joe", "ticket"), Auth::ticket("nobody", "t1cket")]),
        (wampcra(), [Auth::wamp_cra("jim", "secret!!!"), Auth::wamp_cra("nobody", "pa55")]),
        (scram(), [Auth::scram("jim", "pencils"), Auth::scram("nobody", "pencil")]),
        (
            cryptosign(),
            [
                Auth::Cryptosign { authid: Some("joe".into()), key: key(3), router: None },
                Auth::cryptosign(key(9)),
            ],
        ),
    ] {
        let node = node(methods).await;
        let [wrong, unknown] = auths;
        let (wrong, unknown) = (node.refuses(wrong).await, node.refuses(unknown).await);
        assert!(wrong.contains(FAILED), "{wrong}");
        assert_eq!(wrong, unknown);
    }
}

#[tokio::test]
async fn a_method_that_is_not_configured_is_no_way_in() {
    let node = node(ticket()).await;
    for auth in [Auth::Anonymous, Auth::wamp_cra("joe", "t1cket"), Auth::scram("joe", "t1cket"), Auth::Cookie]
    {
        let refused = node.refuses(auth).await;
        assert!(refused.contains("wamp.error.no_matching_auth_method"), "{refused}");
        assert!(refused.contains("use ticket"), "{refused}");
    }
}

#[tokio::test]
async fn a_client_with_a_realm_of_its_own_joins_that() {
    let mut joe = known("joe", "admin", "t1cket".into());
    joe.1.realm = Some("realm2".into());
    let anonymous =
        Anonymous { authrole: "user".into(), authid: Some("guest".into()), realm: Some("realm2".into()) };
    let methods = Methods {
        ticket: Some(Source::Static([joe].into_iter().collect())),
        anonymous: Some(Source::Static(anonymous)),
        ..Methods::default()
    };
    let node = node(methods).await;
    assert_eq!(node.joins_as(Auth::ticket("joe", "t1cket")).await[0], "realm2");
    let guest = node.joins_as(Auth::Anonymous).await;
    assert_eq!(guest, ["realm2", "guest", "user", "anonymous", "static"]);
}

#[tokio::test]
async fn nobody_becomes_the_router_and_missing_roles_are_named() {
    for role in ["trusted", "nothing"] {
        let methods = Methods {
            ticket: Some(Source::Static([known("joe", role, "t".into())].into_iter().collect())),
            ..Methods::default()
        };
        let refused = node(methods).await.refuses(Auth::ticket("joe", "t")).await;
        assert!(refused.contains("wamp.error.no_such_role"), "{refused}");
    }
}

#[tokio::test]
async fn each_part_of_a_transport_may_have_methods_of_its_own() {
    let node = node_with(ticket(), |transport| {
        let websocket = transport.websocket.get_mut("/ws").unwrap();
        websocket.authentication = Some(Authentication::from(scram()));
    })
    .await;
    assert_eq!(node.joins_as(Auth::ticket("joe", "t1cket")).await[1], "joe");
    let url = format!("ws://127.0.0.1:{}/ws", node.port);
    let join = async |auth| {
        let options = crossweave_client::Options { auth, ..Default::default() };
        crossweave_client::Client::connect_with(&url, "realm1", options).await
    };
    assert!(join(Auth::scram("joe", "pencil")).await.is_ok());
    assert!(join(Auth::ticket("joe", "t1cket")).await.is_err());
}
