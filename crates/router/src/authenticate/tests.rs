//! What a HELLO does before it is known who sends it.

use std::future::pending;
use std::task::{Context, Poll, Waker};

use crossweave_auth::cryptosign::{PrivateKey, PublicKey};
use crossweave_auth::wampcra;
use crossweave_router_core::Role;
use crossweave_transport::codec::Framing;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::Hello;
use crossweave_wamp::{Batching, Serializer, Value};

use super::pending::Standing;
use super::*;
use crate::authenticator::{
    Answer, Asked, AuthenticateRequest, Authenticator, Granted, Procedure, QUESTIONS_MAX,
};
use crate::methods::{Methods, Principal, Source};
use crate::options::AdmissionOptions;
use crate::router::{RealmDefinition, Router, Shared};

/// A router with `realm1`, which has the role `user`.
fn router() -> Router {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("user")];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() }).unwrap();
    router
}

fn caller() -> Caller {
    let wire = Wire { serializer: Serializer::Json, framing: Framing::RawSocket, batching: Batching::Single };
    Caller { address: PeerAddress::Memory, wire, channel_framing: "rawsocket", tls: None, visit: None }
}

/// Says HELLO to `realm1` as joe.
fn hello(shared: &Arc<Shared>, methods: &Methods, method: &str) -> Verdict {
    let details = Dict::new().with("authid", "joe").with("authmethods", vec![Value::from(method)]);
    start(shared, methods, &Hello { realm: Some("realm1".into()), details }, caller())
}

#[tokio::test]
async fn a_realm_that_went_down_is_started_afresh_for_who_has_proven_itself_only() {
    let router = router();
    let shared = router.shared();
    let known = Principal {
        authrole: "user".into(),
        realm: None,
        credential: wampcra::Credential::new("secret".into(), None),
    };
    let procedure = Procedure {
        uri: "com.example.authenticate".into(),
        realm: Some("realm1".into()),
        authrole: None,
        default_role: None,
        passes_errors: false,
    };
    let methods = Methods {
        wampcra: Some(Source::Static([("joe".to_owned(), known)].into_iter().collect())),
        anonymous: Some(Source::Asked(Asked::Procedure(Arc::new(procedure)))),
        ..Methods::default()
    };
    shared.realm("realm1").unwrap().break_down();
    let Verdict::Challenge(_, challenged) = hello(&shared, &methods, "wampcra") else {
        panic!("joe is challenged")
    };
    let Verdict::Wait(asking, _) = hello(&shared, &methods, "anonymous") else { panic!("somebody is asked") };
    assert!(matches!(asking.await, Verdict::Refuse(_)));
    assert!(shared.realm_that_is_up("realm1").is_none(), "nobody has proven anything");
    let admitted = admit(&shared, Roles::default(), &caller(), challenged.grant).map(|it| it.realm.is_up());
    assert!(matches!(admitted, Ok(true)), "as if the answer were right");
}

/// The log has to tell a key of several clients from one of nobody; clients are challenged alike.
#[tokio::test]
async fn a_key_of_several_clients_is_nobodys_without_an_authid() {
    let (router, key) = (router(), PrivateKey::from_bytes(&[1; 32]).public());
    let known = |authid: &str| {
        (authid.to_owned(), Principal { authrole: "user".into(), realm: None, credential: vec![key] })
    };
    let directory = [known("ann"), known("joe")].into_iter().collect();
    let methods = Methods { cryptosign: Some(Source::Static(directory)), ..Methods::default() };
    let standing = |details: Dict, key: &PublicKey| {
        let details = details
            .with("authmethods", vec![Value::from("cryptosign")])
            .with("authextra", Dict::new().with("pubkey", key.to_hex()));
        let hello = Hello { realm: Some("realm1".into()), details };
        let Verdict::Challenge(_, pending) = start(&router.shared(), &methods, &hello, caller()) else {
            panic!("everybody is challenged")
        };
        pending.standing
    };
    let others = PrivateKey::from_bytes(&[2; 32]).public();
    assert_eq!(standing(Dict::new(), &key), Standing::KeyOfSeveral);
    assert_eq!(standing(Dict::new(), &others), Standing::NoSuchClient);
    assert_eq!(standing(Dict::new().with("authid", "joe"), &key), Standing::Known);
    assert_eq!(standing(Dict::new().with("authid", "joe"), &others), Standing::KeyNotListed);
}

#[tokio::test]
async fn a_realm_that_went_down_stays_down_for_who_would_not_be_let_in() {
    let router = Router::new(AdmissionOptions::default());
    let strict = Role::allow_all("admin").with_authmethods(Some(&[AuthMethod::Scram]));
    let roles = vec![Role::allow_all("user"), strict];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() }).unwrap();
    let shared = router.shared();
    let grant = |authrole: &str, proof| Grant {
        authid: "joe".into(),
        authrole: authrole.into(),
        method: "ticket",
        proof,
        provider: "static",
        realm: Some("realm1".into()),
        authextra: Dict::new(),
        session: None,
        questions: 0,
        said: None,
        behind_proxy: None,
        shown_method: None,
    };
    let joins = |authrole: &str, proof| {
        admit(&shared, Roles::default(), &caller(), grant(authrole, proof))
            .map(drop)
            .map_err(|refusal| refusal.abort.reason.to_string())
    };
    shared.realm("realm1").unwrap().break_down();
    assert_eq!(joins("admin", Some(AuthMethod::Ticket)), Err(uris::AUTHENTICATION_FAILED.to_owned()));
    assert_eq!(joins("nobody", Some(AuthMethod::Ticket)), Err(uris::NO_SUCH_ROLE.to_owned()));
    assert_eq!(joins("trusted", Some(AuthMethod::Ticket)), Err(uris::NO_SUCH_ROLE.to_owned()));
    assert!(shared.realm_that_is_up("realm1").is_none(), "nobody of them could be let in");
    assert_eq!(joins("admin", Some(AuthMethod::Scram)), Ok(()));
    assert!(shared.realm_that_is_up("realm1").is_some());
}

#[derive(Debug)]
struct Hanging;

impl Authenticator for Hanging {
    fn authenticate(&self, _: AuthenticateRequest) -> Answer<'_> {
        Box::pin(pending())
    }
}

#[derive(Debug)]
struct Quick;

impl Authenticator for Quick {
    fn authenticate(&self, _: AuthenticateRequest) -> Answer<'_> {
        Box::pin(async { Ok(Granted { authrole: "user".into(), ..Granted::default() }) })
    }
}

#[tokio::test]
async fn an_authenticator_that_hangs_holds_up_no_logins_by_others() {
    let router = router();
    let shared = router.shared();
    let methods = Methods {
        anonymous: Some(Source::Asked(Asked::Function(Arc::new(Hanging)))),
        wampcra: Some(Source::Asked(Asked::Function(Arc::new(Quick)))),
        ..Methods::default()
    };
    let mut hanging = Vec::new();
    for _ in 0..2 * QUESTIONS_MAX {
        let Verdict::Wait(mut asking, _) = hello(&shared, &methods, "anonymous") else {
            panic!("somebody is asked")
        };
        let now = asking.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(now, Poll::Pending));
        hanging.push(asking);
    }
    let Verdict::Wait(asking, _) = hello(&shared, &methods, "wampcra") else { panic!("somebody is asked") };
    let Verdict::Refuse(refusal) = asking.await else { panic!("it gave no credential") };
    assert!(refusal.cause.contains("no credential for wampcra"), "it was asked: {}", refusal.cause);
}
