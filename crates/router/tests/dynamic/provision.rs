//! Realms and roles that start when a client first needs them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{Auth, Client, ConnectError, JoinError, Options, PrivateKey};
use crossweave_router::{
    Activating, Activation, AdmissionOptions, Anonymous, Authentication, Directory, Methods, Missing,
    NotActivated, Principal, REALM_NAME_LEN_MAX, RealmProvider, Role, Router, Source, TransportOptions,
};
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::uris;
use crossweave_wamp::{AuthMethod, Dict};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

use crate::node::{connected, once, realm, served, soon, transport};

/// What a provider does with a question.
#[derive(Clone, Copy)]
enum Does {
    Starts,
    Refuses,
    RefusesThisClient,
    RefusesTheProof,
    Panics,
    Lies,
}

/// Starts what is asked for, or what the test has planned instead.
struct Provider {
    router: Router,
    plan: Mutex<VecDeque<Does>>,
    asked: Mutex<Vec<Activation>>,
    told: Mutex<Vec<String>>,
    /// Each question takes a permit.
    gate: Semaphore,
    stops_when_empty: bool,
}

impl Provider {
    fn set(router: &Router, plan: impl IntoIterator<Item = Does>) -> Arc<Provider> {
        Provider::set_with(router, plan, Semaphore::MAX_PERMITS, false)
    }

    fn set_with(
        router: &Router,
        plan: impl IntoIterator<Item = Does>,
        permits: usize,
        stops_when_empty: bool,
    ) -> Arc<Provider> {
        let provider = Arc::new(Provider {
            router: router.clone(),
            plan: Mutex::new(plan.into_iter().collect()),
            asked: Mutex::default(),
            told: Mutex::default(),
            gate: Semaphore::new(permits),
            stops_when_empty,
        });
        router.set_realm_provider(Some(provider.clone()));
        provider
    }

    fn questions(&self) -> usize {
        self.asked.lock().len()
    }
}

impl RealmProvider for Provider {
    fn activate(&self, activation: Activation) -> Activating<'_> {
        Box::pin(async move {
            self.asked.lock().push(activation.clone());
            self.gate.acquire().await.unwrap().forget();
            let does = self.plan.lock().pop_front().unwrap_or(Does::Starts);
            match (does, activation.missing) {
                (Does::Starts, Missing::Realm) => {
                    self.router.start_realm(&activation.realm, realm([&*activation.authrole])).unwrap();
                }
                (Does::Starts, Missing::Role) => {
                    self.router.set_role(&activation.realm, Role::allow_all(activation.authrole)).unwrap();
                }
                (Does::Refuses, _) => return Err(NotActivated::new("com.example.full", "no room for it")),
                (Does::RefusesThisClient, _) => {
                    return Err(NotActivated::this_client("com.example.not_you", "not for you"));
                }
                (Does::RefusesTheProof, _) => return Err(NotActivated::unproven("not by this method")),
                (Does::Panics, _) => panic!("the test wants it so"),
                (Does::Lies, _) => {}
            }
            Ok(())
        })
    }

    fn occupied(&self, realm: &str) {
        self.told.lock().push(format!("occupied {realm}"));
    }

    fn emptied(&self, realm: &str) {
        self.told.lock().push(format!("emptied {realm}"));
        if self.stops_when_empty {
            let (router, realm) = (self.router.clone(), realm.to_owned());
            tokio::spawn(async move { router.stop_realm_if_empty(&realm).await });
        }
    }
}

/// A router without realms, and where it listens.
async fn node(change: impl FnOnce(&mut TransportOptions)) -> (Router, BoundAddress) {
    let router = Router::new(AdmissionOptions::default());
    let mut options = transport();
    change(&mut options);
    let listening = router.start_listening(options).await.unwrap();
    (router, listening.address)
}

async fn joins(address: &BoundAddress, realm: &str, options: Options) -> Result<Client, (String, String)> {
    let BoundAddress::Tcp(address) = address else { panic!("not tcp: {address}") };
    match soon(Client::connect_with(&format!("rs://{address}"), realm, options)).await {
        Ok(client) => Ok(client),
        Err(ConnectError::Join { cause: JoinError::Refused(why), .. }) => {
            let text = why.to_string();
            Err((why.uri, text))
        }
        Err(other) => panic!("{other}"),
    }
}

async fn refusal(address: &BoundAddress, realm: &str) -> (String, String) {
    joins(address, realm, once()).await.expect_err("it is refused")
}

fn as_authid(authid: &str) -> Authentication {
    let anonymous = Anonymous { authrole: "guest".into(), authid: Some(authid.into()), realm: None };
    Methods { anonymous: Some(Source::Static(anonymous)), ..Methods::default() }.into()
}

#[tokio::test]
async fn a_client_starts_the_realm_that_it_joins() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set(&router, []);
    let client = connected(&address, "com.example.user1").await;
    let count: u64 = soon(client.call_with("wamp.session.count", ())).await.unwrap();
    assert_eq!(count, 1);
    let asked = provider.asked.lock().clone();
    let [activation] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(activation.realm, "com.example.user1");
    assert_eq!(&*activation.authrole, "anonymous");
    assert_eq!(Some(&*activation.authid), client.session().authid.as_deref());
    assert_eq!((activation.authmethod, activation.authprovider), ("anonymous", "static"));
    assert_eq!(activation.proof, Some(AuthMethod::Anonymous));
    assert_eq!(activation.transport.str("channel_type"), Some("tcp"));
    let _second = connected(&address, "com.example.user1").await;
    assert_eq!(provider.questions(), 1, "the realm runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_first_joins_start_one_realm() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set_with(&router, [], 0, false);
    let mut joining = JoinSet::new();
    for _ in 0..100 {
        let address = address.clone();
        joining.spawn(async move { connected(&address, "realm9").await });
    }
    let all_wait = async {
        while router.connections().1 < 100 {
            yield_now().await;
        }
    };
    soon(all_wait).await;
    provider.gate.add_permits(100);
    let clients = soon(joining.join_all()).await;
    assert_eq!(provider.questions(), 1);
    let count: u64 = soon(clients[0].call_with("wamp.session.count", ())).await.unwrap();
    assert_eq!(count, 100);
}

#[tokio::test]
async fn a_client_starts_the_role_that_it_has() {
    let (router, address) = node(|options| options.authentication = as_authid("joe")).await;
    router.start_realm("realm1", realm(["anonymous"])).unwrap();
    let provider = Provider::set(&router, []);
    let client = connected(&address, "realm1").await;
    assert_eq!(client.session().authrole.as_deref(), Some("guest"));
    let asked = provider.asked.lock().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].missing, &*asked[0].authid), (Missing::Role, "joe"));
}

#[tokio::test]
async fn a_client_with_too_weak_a_proof_is_told_what_all_are_told_whose_login_fails() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set(&router, [Does::RefusesTheProof]);
    let (uri, text) = refusal(&address, "realm9").await;
    assert_eq!(uri, "wamp.error.authentication_failed");
    assert!(text.contains("authentication failed") && !text.contains("method"), "{text}");
    connected(&address, "realm9").await;
    assert_eq!(provider.questions(), 2, "another client may be let in");
}

#[tokio::test]
async fn a_refusal_answers_everybody_who_waits() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set_with(&router, [Does::Refuses], 0, false);
    let mut refused = JoinSet::new();
    for _ in 0..20 {
        let address = address.clone();
        refused.spawn(async move { refusal(&address, "realm9").await });
    }
    while provider.questions() < 1 || router.connections().1 < 20 {
        yield_now().await;
    }
    // The last ones may still be about to get in line.
    tokio::time::sleep(Duration::from_millis(100)).await;
    provider.gate.add_permits(1);
    for (uri, text) in soon(refused.join_all()).await {
        assert_eq!(uri, "com.example.full");
        assert!(text.contains("no room for it"), "{text}");
    }
    assert_eq!(provider.questions(), 1);
    assert!(router.realms().is_empty());
}

#[tokio::test]
async fn a_refusal_of_one_client_leaves_the_next_its_own_question() {
    let router = Router::new(AdmissionOptions::default());
    let mut addresses = Vec::new();
    for authid in ["mallory", "ann"] {
        let mut options = transport();
        options.authentication = as_authid(authid);
        addresses.push(router.start_listening(options).await.unwrap().address);
    }
    let provider = Provider::set_with(&router, [Does::RefusesThisClient], 0, false);
    let mallory = {
        let address = addresses[0].clone();
        tokio::spawn(async move { refusal(&address, "realm9").await })
    };
    while provider.questions() < 1 {
        yield_now().await;
    }
    let ann = {
        let address = addresses[1].clone();
        tokio::spawn(async move { connected(&address, "realm9").await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    provider.gate.add_permits(2);
    assert_eq!(soon(mallory).await.unwrap().0, "com.example.not_you");
    assert_eq!(soon(ann).await.unwrap().session().authid.as_deref(), Some("ann"));
    let asked: Vec<String> = provider.asked.lock().iter().map(|it| it.authid.to_string()).collect();
    assert_eq!(asked, ["mallory", "ann"]);
}

#[tokio::test]
async fn nothing_is_asked_before_a_client_has_proven_who_it_is() {
    let principal = Principal { authrole: "user".into(), realm: None, credential: "secret".into() };
    let directory: Directory<_> = [("joe".to_owned(), principal)].into_iter().collect();
    let methods = Methods { ticket: Some(Source::Static(directory)), ..Methods::default() };
    let (router, address) = node(|options| options.authentication = methods.into()).await;
    let provider = Provider::set(&router, []);
    let with = |ticket: &str| Options { auth: Auth::ticket("joe", ticket), ..once() };
    let refused = joins(&address, "realm9", with("wrong")).await.unwrap_err();
    assert_eq!(refused.0, uris::AUTHENTICATION_FAILED);
    assert_eq!(provider.questions(), 0);
    joins(&address, "realm9", with("secret")).await.unwrap();
    assert_eq!(provider.asked.lock()[0].authmethod, "ticket");
}

#[tokio::test]
async fn the_deadline_of_the_handshake_holds_and_the_realm_starts_all_the_same() {
    let (router, address) = node(|options| options.handshake_timeout_ms = 100).await;
    let provider = Provider::set_with(&router, [], 0, false);
    let (uri, text) = refusal(&address, "realm9").await;
    assert_eq!(uri, uris::CLOSE_TIMEOUT);
    assert!(text.contains("the realm did not start in time"), "{text}");
    provider.gate.add_permits(1);
    connected(&address, "realm9").await;
    assert_eq!(provider.questions(), 1);
}

#[tokio::test]
async fn a_provider_that_fails_is_as_good_as_none() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set(&router, [Does::Panics, Does::Lies]);
    for _ in 0..2 {
        assert_eq!(refusal(&address, "realm9").await.0, uris::NO_SUCH_REALM);
    }
    assert_eq!(provider.questions(), 2);
    connected(&address, "realm9").await;
}

#[tokio::test]
async fn what_is_no_name_of_a_realm_is_not_asked_for() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set(&router, []);
    let long = "x".repeat(REALM_NAME_LEN_MAX + 1);
    for name in ["a realm", "com..example", ".", "com.#", &long] {
        assert_eq!(refusal(&address, name).await.0, uris::NO_SUCH_REALM, "{name}");
    }
    assert_eq!(provider.questions(), 0);
    connected(&address, &long[1..]).await;
}

#[tokio::test]
async fn the_provider_learns_when_a_realm_is_empty() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set(&router, []);
    let first = connected(&address, "realm9").await;
    let second = connected(&address, "realm9").await;
    let _inside = served(&router, "realm9", "trusted", "component").await;
    assert_eq!(router.stop_realm_if_empty("realm9").await, Ok(false));
    first.leave().await;
    assert_eq!(*provider.told.lock(), ["occupied realm9"]);
    second.leave().await;
    let emptied = async {
        while provider.told.lock().len() < 2 {
            yield_now().await;
        }
    };
    soon(emptied).await;
    assert_eq!(*provider.told.lock(), ["occupied realm9", "emptied realm9"]);
    assert_eq!(router.stop_realm_if_empty("realm9").await, Ok(true));
    assert!(router.realms().is_empty());
    connected(&address, "realm9").await;
    assert_eq!(provider.questions(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_realms_come_and_go() {
    let (router, address) = node(|_| {}).await;
    let provider = Provider::set_with(&router, [], Semaphore::MAX_PERMITS, true);
    let mut busy = JoinSet::new();
    for task in 0..6 {
        let address = address.clone();
        busy.spawn(async move {
            for _ in 0..40 {
                let client = connected(&address, &format!("realm{}", task % 2)).await;
                client.leave().await;
            }
        });
    }
    busy.join_all().await;
    assert!(provider.questions() > 1, "realms were stopped in between");
    let all_gone = async {
        while !router.realms().is_empty() {
            yield_now().await;
        }
    };
    soon(all_gone).await;
}

#[tokio::test]
async fn only_a_proxy_says_where_a_client_is() {
    let methods = Methods {
        anonymous: Some(Source::Static(Anonymous { authrole: "guest".into(), authid: None, realm: None })),
        cryptosign_proxy: Some(Source::Static(Directory::from_iter([(
            "proxy".to_owned(),
            Principal {
                authrole: "proxy".into(),
                realm: None,
                credential: vec![PrivateKey::from_bytes(&[1; 32]).public()],
            },
        )]))),
        ..Methods::default()
    };
    let (router, address) = node(|options| options.authentication = methods.into()).await;
    let provider = Provider::set(&router, []);
    let extra = |realm: &str| {
        Dict::new()
            .with("proxy_realm", realm)
            .with("proxy_authid", "joe")
            .with("proxy_authrole", "guest")
            .with("proxy_authmethod", "anonymous")
            .with("transport", Dict::new().with("peer", "tcp4:10.0.0.1:5000"))
    };
    let proxy = Auth::CryptosignProxy { authid: None, key: PrivateKey::from_bytes(&[1; 32]) };
    for (realm, auth) in [("behind", proxy), ("forged", Auth::Anonymous)] {
        let options = Options { auth, authextra: extra(realm), ..once() };
        joins(&address, realm, options).await.expect("it may join");
    }
    let told: Vec<Option<String>> =
        provider.asked.lock().iter().map(|it| it.behind_proxy.as_deref().map(str::to_owned)).collect();
    assert_eq!(told, [Some("tcp4:10.0.0.1:5000".to_owned()), None]);
}
