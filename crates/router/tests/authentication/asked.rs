//! Authenticators that decide at run time.

use std::sync::Arc;
use std::time::Duration;

use crossweave_auth::scram;
use crossweave_auth::scram::Kdf;
use crossweave_auth::scram::credential::Hashing;
use crossweave_client::{Auth, Client, Options, PrivateKey, Reconnect, WampError};
use crossweave_router::{
    Anonymous, Answer, Asked, AuthenticateRequest, Authenticator, Credential, Granted, Methods, NotGranted,
    Procedure, Source, StartError, TransportOptions,
};
use crossweave_wamp::{Dict, Message};

use super::causes::Causes;
use super::node::{Node, Peer, node, node_with};

/// Knows joe; what it does is in the authid of others.
#[derive(Debug)]
struct Database;

impl Authenticator for Database {
    fn authenticate(&self, request: AuthenticateRequest) -> Answer<'_> {
        Box::pin(async move {
            match request.authid.as_deref() {
                Some("hang") => std::future::pending().await,
                Some("panic") => panic!("a defect of the authenticator"),
                Some("denied") => {
                    let (uri, message) =
                        ("com.example.locked".to_owned(), "your account is locked".to_owned());
                    return Err(NotGranted::Denied { uri, message });
                }
                Some(role @ ("trusted" | "norole")) => {
                    return Ok(Granted { authrole: role.into(), ..Granted::default() });
                }
                Some("norealm") => {
                    let realm = Some("nowhere".to_owned());
                    return Ok(Granted { authrole: "user".into(), realm, ..Granted::default() });
                }
                Some("unknown") => return Err(NotGranted::NoSuchClient),
                Some("joe") | None => {}
                Some(_) => return Err(NotGranted::Failed("no such table".into())),
            }
            if request.method == "ticket" && request.ticket.is_none_or(|ticket| ticket.reveal() != "t1cket") {
                return Err(NotGranted::Failed("wrong ticket".into()));
            }
            let credential = match request.method {
                "wampcra" => Credential::WampCra { secret: "secret!!!".into(), salting: None },
                "wamp-scram" | "scram" => {
                    let salt = vec![1; 16];
                    let hashing = Hashing { kdf: Kdf::Pbkdf2, salt, iterations: 4096, memory: 0 };
                    Credential::Scram(scram::Credential::derive(&"pencil".into(), hashing).unwrap())
                }
                "cryptosign" => Credential::Cryptosign(vec![PrivateKey::from_bytes(&[1; 32]).public()]),
                _ => Credential::None,
            };
            let extra = crossweave_wamp::Dict::new().with("team", "blue");
            let realm = Some("realm2".to_owned());
            Ok(Granted { authrole: "user".into(), realm, extra, credential, ..Granted::default() })
        })
    }
}

fn methods() -> Methods {
    let database = Asked::Function(Arc::new(Database));
    Methods {
        anonymous: Some(Source::Asked(database.clone())),
        ticket: Some(Source::Asked(database.clone())),
        wampcra: Some(Source::Asked(database.clone())),
        scram: Some(Source::Asked(database.clone())),
        cryptosign: Some(Source::Asked(database)),
        ..Methods::default()
    }
}

#[tokio::test]
async fn whom_an_authenticator_knows_joins_where_it_says() {
    let node = node(methods()).await;
    let key = PrivateKey::from_bytes(&[1; 32]);
    for (auth, method) in [
        (Auth::ticket("joe", "t1cket"), "ticket"),
        (Auth::wamp_cra("joe", "secret!!!"), "wampcra"),
        (Auth::scram("joe", "pencil"), "wamp-scram"),
        (Auth::Cryptosign { authid: Some("joe".into()), key, router: None }, "cryptosign"),
    ] {
        assert_eq!(node.joins_as(auth).await, ["realm2", "joe", "user", method, "function"]);
    }
    let guest = node.join(Auth::Anonymous).await.unwrap().session();
    assert_eq!(guest.details.dict("authextra").and_then(|extra| extra.str("team")), Some("blue"));
}

#[tokio::test]
async fn wrong_secrets_and_failing_authenticators_let_nobody_in() {
    let node = node(methods()).await;
    let other = PrivateKey::from_bytes(&[2; 32]);
    for auth in [
        Auth::ticket("joe", "ticket"),
        Auth::ticket("nobody", "t1cket"),
        Auth::ticket("panic", "t1cket"),
        Auth::wamp_cra("joe", "secret"),
        Auth::wamp_cra("nobody", "secret!!!"),
        Auth::scram("joe", "pencils"),
        Auth::Cryptosign { authid: Some("joe".into()), key: other, router: None },
    ] {
        let refused = node.refuses(auth).await;
        assert!(refused.contains("wamp.error.authentication_failed"), "{refused}");
        assert!(!refused.contains("no such table"), "{refused}");
    }
}

#[tokio::test]
async fn what_an_authenticator_answers_wrongly_is_told_to_the_log_alone() {
    let node = node(methods()).await;
    let (causes, _guard) = Causes::watch();
    let wrong = node.refuses(Auth::ticket("joe", "ticket")).await;
    for (authid, why) in [
        ("trusted", "role \"trusted\" does not exist on realm \"realm1\""),
        ("norole", "role \"norole\" does not exist on realm \"realm1\""),
        ("norealm", "no realm \"nowhere\" exists"),
    ] {
        assert_eq!(node.refuses(Auth::ticket(authid, "x")).await, wrong);
        let cause = causes.told().pop().unwrap();
        let who = format!("method ticket, authid {authid:?}: the authenticator let it in as nobody can be");
        assert!(cause.starts_with(&who) && cause.contains(why), "{cause}");
    }
}

/// What a client sees of a login with a guess: what is in the challenge, what is fixed in it, its salt, and the ABORT.
#[derive(Debug, PartialEq)]
struct Seen {
    names: Vec<String>,
    signed: Option<(usize, serde_json::Value)>,
    salt: Option<String>,
    refusal: (String, Option<String>),
}

async fn guess(node: &Node, method: &str, authid: &str) -> Seen {
    let mut peer = Peer::connect(node).await;
    let nonce = Dict::new().with("nonce", "egVDf3DMJh0=");
    peer.hello(&[method], Dict::new().with("authid", authid).with("authextra", nonce)).await;
    let Message::Challenge(challenge) = peer.receive().await else {
        panic!("{method}, {authid}: no challenge")
    };
    let names = challenge.extra.iter().map(|(name, _)| name.to_string()).collect();
    // What WAMP-CRA lets the client sign is JSON.
    let signed: Option<serde_json::Value> =
        challenge.extra.str("challenge").and_then(|text| serde_json::from_str(text).ok());
    let signed = signed.and_then(|it| Some((it.as_object()?.len(), it["authrole"].clone())));
    let salt = challenge.extra.str("salt").map(str::to_owned);
    peer.authenticate("guess").await;
    let Message::Abort(abort) = peer.receive().await else { panic!("{method}, {authid}: no ABORT") };
    let refusal = (abort.reason.to_string(), abort.details.str("message").map(str::to_owned));
    Seen { names, signed, salt, refusal }
}

/// Asserts that the second, a client that is not there, looks like the first, one that is.
fn assert_alike(known: &Seen, unknown: &Seen) {
    let of = |seen: &Seen| {
        (seen.names.clone(), seen.signed.clone(), seen.salt.as_ref().map(String::len), seen.refusal.clone())
    };
    assert_eq!(of(known), of(unknown));
}

#[tokio::test]
async fn a_client_that_an_authenticator_does_not_know_is_challenged_like_one_that_it_knows() {
    let node = node(methods()).await;
    for method in ["wampcra", "wamp-scram", "cryptosign"] {
        let known = guess(&node, method, "joe").await;
        let unknown = guess(&node, method, "unknown").await;
        assert_alike(&known, &unknown);
        assert_eq!(guess(&node, method, "unknown").await, unknown, "{method}: the same for one authid");
    }
    assert!(
        node.refuses(Auth::ticket("unknown", "t1cket")).await.contains("wamp.error.authentication_failed")
    );
}

#[tokio::test]
async fn a_denial_is_passed_on() {
    let node = node(methods()).await;
    let refused = node.refuses(Auth::ticket("denied", "t1cket")).await;
    assert!(
        refused.contains("com.example.locked") && refused.contains("your account is locked"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_authenticator_that_hangs_is_not_waited_for_beyond_the_deadline() {
    let node = node_with(methods(), |transport| transport.handshake_timeout_ms = 300).await;
    let (causes, _guard) = Causes::watch();
    let hanging = Auth::ticket("hang", "t1cket");
    let refused = tokio::time::timeout(Duration::from_secs(3), node.refuses(hanging)).await.unwrap();
    assert_eq!(refused, node.refuses(Auth::ticket("joe", "wrong")).await);
    let cause = "method ticket, authid \"hang\": the authenticator did not answer in time";
    assert_eq!(causes.told()[0], cause);
    assert_eq!(node.joins_as(Auth::ticket("joe", "t1cket")).await[1], "joe");
}

#[tokio::test]
async fn nothing_is_taken_while_an_authenticator_is_asked() {
    let node = node(methods()).await;
    let mut peer = Peer::connect(&node).await;
    peer.hello(&["wampcra"], crossweave_wamp::Dict::new().with("authid", "hang")).await;
    peer.authenticate("guess").await;
    // It is neither read nor judged: the authenticator is still being waited for.
    let early = tokio::time::timeout(Duration::from_millis(300), peer.receive()).await;
    assert!(early.is_err(), "{early:?}");
    drop(node.router);
}

fn procedure(uri: &str) -> Asked {
    Asked::Procedure(Arc::new(on_realm2(uri)))
}

fn on_realm2(uri: &str) -> Procedure {
    let (uri, realm) = (uri.to_owned(), Some("realm2".to_owned()));
    Procedure { uri, realm, authrole: None, default_role: None, passes_errors: false }
}

type Details = (Option<String>, Option<String>, serde_json::Value);

/// What all are told who may not join.
const FAILED: &str = "refused with wamp.error.authentication_failed: authentication failed";

/// What `com.example.auth` says of a client: joe is known. The authid of others says what is the matter.
async fn look_up((_, authid, details): Details) -> Result<serde_json::Value, WampError> {
    let method = details["authmethod"].as_str().unwrap_or_default().to_owned();
    match authid.as_deref() {
        Some("joe") if method != "ticket" => Ok(serde_json::json!({
            "role": "user", "secret": "pa55", "salt": "salt", "iterations": 10, "keylen": 32, "kdf": "pbkdf2",
            "pubkey": PrivateKey::from_bytes(&[1; 32]).public().to_hex(),
        })),
        Some("null") => Ok(serde_json::Value::Null),
        Some("odd") => Ok(serde_json::json!(["user"])),
        Some("hang") => std::future::pending().await,
        Some(uri) => Err(WampError::new(uri).arg(format!("no such user: {uri}"))),
        None => Err(WampError::new("com.example.no_such_user").arg("who are you?")),
    }
}

/// A node whose clients are looked up by the procedure, once that is there: the guard keeps it.
async fn with_procedure(asked: Procedure) -> (Node, Client) {
    let by = || Some(Asked::Procedure(Arc::new(asked.clone())));
    let methods = Methods {
        anonymous: Some(Source::Asked(Asked::Function(Arc::new(Database)))),
        ticket: by().map(Source::Asked),
        wampcra: by().map(Source::Asked),
        cryptosign: by().map(Source::Asked),
        ..Methods::default()
    };
    let node = node_with(methods, |transport| transport.handshake_timeout_ms = 1500).await;
    let backend = node.join(Auth::Anonymous).await.unwrap();
    backend.register(&asked.uri, look_up).await.unwrap().detach();
    (node, backend)
}

#[tokio::test]
async fn nobody_finds_out_by_the_errors_of_a_procedure_who_exists() {
    let (node, _backend) = with_procedure(on_realm2("com.example.auth")).await;
    let (causes, _guard) = Causes::watch();
    for method in ["wampcra", "cryptosign"] {
        let known = guess(&node, method, "joe").await;
        for uri in ["com.example.no_such_user", "wamp.error.no_such_principal", "wamp.error.runtime_error"] {
            assert_alike(&known, &guess(&node, method, uri).await);
            let why = format!("procedure \"com.example.auth\" refused it: {uri}: \"no such user: {uri}\"");
            let cause = format!("method {method}, authid \"{uri}\": {why}");
            assert_eq!(causes.told().last(), Some(&cause));
        }
        assert_alike(&known, &guess(&node, method, "null").await);
        assert!(causes.told().last().unwrap().ends_with("refused it: its answer is null"));
    }
    for uri in ["com.example.no_such_user", "wamp.error.not_authorized", "null", "odd"] {
        let refused = node.refuses(Auth::ticket(uri, "t1cket")).await;
        assert!(refused.ends_with(FAILED), "{refused}");
    }
}

#[tokio::test]
async fn failures_of_a_procedure_are_told_to_the_log_alone() {
    let (node, backend) = with_procedure(on_realm2("com.example.auth")).await;
    let (causes, _guard) = Causes::watch();
    for (authid, why) in [
        ("odd", "failed: its answer is neither a role nor a dict"),
        ("wamp.error.canceled", "failed: wamp.error.canceled"),
        ("hang", "did not answer in time"),
    ] {
        let refused = node.refuses(Auth::wamp_cra(authid, "x")).await;
        assert!(refused.ends_with(FAILED), "{refused}");
        assert!(causes.told().last().unwrap().contains(why), "{:?}", causes.told());
    }
    backend.leave().await;
    assert!(node.refuses(Auth::wamp_cra("joe", "pa55")).await.ends_with(FAILED));
    assert!(causes.told().last().unwrap().contains("wamp.error.no_such_procedure"), "{:?}", causes.told());
}

#[tokio::test]
async fn errors_of_a_procedure_reach_the_client_where_that_is_wanted() {
    let asked = Procedure { passes_errors: true, ..on_realm2("com.example.auth") };
    let (node, _backend) = with_procedure(asked).await;
    let locked = "com.example.locked";
    for auth in [Auth::ticket(locked, "t1cket"), Auth::wamp_cra(locked, "x")] {
        let refused = node.refuses(auth).await;
        assert!(refused.ends_with("with com.example.locked: no such user: com.example.locked"), "{refused}");
    }
    let hidden = node.refuses(Auth::ticket("wamp.error.runtime_error", "x")).await;
    assert!(hidden.ends_with(FAILED), "{hidden}");
    let known = guess(&node, "wampcra", "joe").await;
    assert_alike(&known, &guess(&node, "wampcra", "wamp.error.no_such_principal").await);
}

#[tokio::test]
async fn a_procedure_decides_who_joins() {
    let anyone = Asked::Function(Arc::new(Database));
    let methods = Methods {
        anonymous: Some(Source::Asked(anyone)),
        ticket: Some(Source::Asked(procedure("com.example.auth.ticket"))),
        wampcra: Some(Source::Asked(procedure("com.example.auth.wampcra"))),
        ..Methods::default()
    };
    let node = node(methods).await;
    // Not registered yet: nobody is let in, and nobody is told why.
    assert!(node.refuses(Auth::ticket("joe", "t1cket")).await.ends_with("authentication failed"));
    let backend = node.join(Auth::Anonymous).await.unwrap();
    let ticket = backend.register("com.example.auth.ticket", |(realm, authid, details): Details| async move {
        match (authid.as_deref(), details["ticket"].as_str()) {
            (Some("joe"), Some("t1cket")) => Ok(
                serde_json::json!({"role": "admin", "extra": {"asked": realm, "by": details["authmethod"]}}),
            ),
            (Some("shapeless"), _) => Ok(serde_json::json!(["admin"])),
            _ => Err(WampError::new("com.example.unknown").arg("we do not know you")),
        }
    });
    let _ticket = ticket.await.unwrap();
    let wampcra = backend.register("com.example.auth.wampcra", |_: Details| async move {
        Ok(serde_json::json!({"role": "user", "secret": "pa55", "salt": "x", "iterations": 10, "keylen": 32}))
    });
    let _wampcra = wampcra.await.unwrap();
    let joe = node.join(Auth::ticket("joe", "t1cket")).await.unwrap().session();
    assert_eq!(joe.authprovider.as_deref(), Some("dynamic"));
    assert_eq!((joe.realm.as_str(), joe.authrole.as_deref()), ("realm1", Some("admin")));
    let extra = joe.details.dict("authextra").unwrap();
    assert_eq!((extra.str("asked"), extra.str("by")), (Some("realm1"), Some("ticket")));
    assert_eq!(node.joins_as(Auth::wamp_cra("joe", "pa55")).await[1], "joe");
    assert!(node.refuses(Auth::wamp_cra("joe", "pa56")).await.ends_with("authentication failed"));
    assert!(node.refuses(Auth::ticket("jim", "t1cket")).await.ends_with("authentication failed"));
    assert!(node.refuses(Auth::ticket("shapeless", "x")).await.ends_with("authentication failed"));
}

/// Who may register on the realm that a client asks for must not decide who joins another one.
#[tokio::test]
async fn a_procedure_that_is_called_where_the_client_asks_admits_to_that_realm_alone() {
    let uri = "com.example.authenticate".to_owned();
    let asked = Procedure { uri, realm: None, authrole: None, default_role: None, passes_errors: false };
    let stranger = Anonymous { authrole: "user".into(), authid: None, realm: Some("realm1".into()) };
    let methods = Methods {
        anonymous: Some(Source::Static(stranger)),
        ticket: Some(Source::Asked(Asked::Procedure(Arc::new(asked)))),
        ..Methods::default()
    };
    let node = node(methods).await;
    let stranger = node.join(Auth::Anonymous).await.unwrap();
    // The authid says into which realm.
    let procedure = async |(_, realm, _): Details| {
        Ok(serde_json::json!({"role": "admin", "realm": realm, "authid": "root"}))
    };
    let _registered = stranger.register("com.example.authenticate", procedure).await.unwrap();
    let [realm, authid, ..] = node.joins_as(Auth::ticket("realm1", "x")).await;
    assert_eq!((realm.as_str(), authid.as_str()), ("realm1", "root"));
    let refused = node.refuses(Auth::ticket("realm2", "x")).await;
    assert!(refused.ends_with("authentication failed") && !refused.contains("realm2"), "{refused}");
}

#[tokio::test]
async fn the_log_names_the_procedure_that_hangs() {
    let anonymous = Some(Source::Asked(Asked::Function(Arc::new(Database))));
    let ticket = Some(Source::Asked(procedure("com.example.auth.ticket")));
    let methods = Methods { anonymous, ticket, ..Methods::default() };
    let node = node_with(methods, |transport| transport.handshake_timeout_ms = 300).await;
    let backend = node.join(Auth::Anonymous).await.unwrap();
    let hangs = |_: (Option<String>, Option<String>, serde_json::Value)| async move {
        std::future::pending::<Result<String, WampError>>().await
    };
    let _registration = backend.register("com.example.auth.ticket", hangs).await.unwrap();
    let (causes, _guard) = Causes::watch();
    let refused = node.refuses(Auth::ticket("joe", "t1cket")).await;
    assert!(refused.ends_with("authentication failed"), "{refused}");
    let why = "procedure \"com.example.auth.ticket\" did not answer in time";
    assert_eq!(causes.told(), [format!("method ticket, authid \"joe\": {why}")]);
}

#[tokio::test]
async fn a_part_of_this_program_is_found_by_its_name() {
    let named = || Methods { ticket: Some(Source::Asked(Asked::Named("db".into()))), ..Methods::default() };
    let router = crossweave_router::Router::new(Default::default());
    let mut transport = TransportOptions::new(crossweave_transport::ListenEndpoint::tcp("127.0.0.1", 0));
    transport.authentication = named().into();
    let refused = router.listen(transport.clone()).await;
    assert!(matches!(refused, Err(StartError::NoSuchAuthenticator(name)) if name == "db"));
    router.add_authenticator("db", Arc::new(Database));
    assert!(router.listen(transport).await.is_ok());
}

/// Knows the key of the proxy that may speak for ada, and where.
#[derive(Debug)]
struct Gatekeeper;

impl Authenticator for Gatekeeper {
    fn authenticate(&self, request: AuthenticateRequest) -> Answer<'_> {
        Box::pin(async move {
            let extra = request.details.dict("authextra").cloned().unwrap_or_default();
            assert_eq!((request.method, extra.str("proxy_authrole")), ("cryptosign-proxy", Some("admin")));
            let realm = match request.authid.as_deref() {
                Some("ada") => None,
                Some("eve") => Some("realm2".to_owned()),
                _ => return Err(NotGranted::NoSuchClient),
            };
            let credential = Credential::Cryptosign(vec![PrivateKey::from_bytes(&[1; 32]).public()]);
            Ok(Granted { authrole: "proxy".into(), realm, credential, ..Granted::default() })
        })
    }
}

#[tokio::test]
async fn an_authenticator_says_which_proxy_speaks_for_a_client() {
    let gatekeeper = Asked::Function(Arc::new(Gatekeeper));
    let node =
        node(Methods { cryptosign_proxy: Some(Source::Asked(gatekeeper)), ..Methods::default() }).await;
    let speak = async |key: u8, authid: &str| {
        let authextra = Dict::new()
            .with("proxy_realm", "realm1")
            .with("proxy_authid", authid)
            .with("proxy_authrole", "admin")
            .with("proxy_authprovider", "static");
        let auth = Auth::CryptosignProxy { authid: None, key: PrivateKey::from_bytes(&[key; 32]) };
        let options = Options { auth, authextra, reconnect: Reconnect::Off, ..Options::default() };
        Client::connect_with(&format!("rs://127.0.0.1:{}", node.port), "realm1", options).await
    };
    let session = speak(1, "ada").await.expect("its proxy has the key").session();
    let who = (session.realm.as_str(), session.authid.as_deref(), session.authrole.as_deref());
    assert_eq!(who, ("realm1", Some("ada"), Some("admin")));
    for (key, authid) in [(2, "ada"), (1, "eve"), (1, "nobody")] {
        let refused = speak(key, authid).await.expect_err("may not join").to_string();
        assert!(refused.contains("wamp.error.authentication_failed"), "{key}, {authid}: {refused}");
    }
}
