//! Roles that are given only to those who have proven themselves by certain methods.

use std::sync::Arc;

use crossweave_auth::wampcra;
use crossweave_client::Auth;
use crossweave_router::*;
use crossweave_transport::ListenEndpoint;
use crossweave_transport::endpoint::BoundAddress;
use crossweave_wamp::AuthMethod;

use super::causes::Causes;
use super::cookies::{join_with_cookie, new_cookie};
use super::methods::{cryptosign, key, scram};
use super::node::{Node, known};

const FAILED: &str = "wamp.error.authentication_failed";

/// Role `user` is for those who prove it by one of these methods, and `admin` for everybody.
async fn node(authmethods: &[AuthMethod]) -> Node {
    node_with(Some(authmethods), CookieOptions::default()).await
}

async fn node_with(authmethods: Option<&[AuthMethod]>, cookies: CookieOptions) -> Node {
    node_of(authmethods, cookies, every_method()).await
}

async fn node_of(authmethods: Option<&[AuthMethod]>, cookies: CookieOptions, methods: Methods) -> Node {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![Role::allow_all("user").with_authmethods(authmethods), Role::allow_all("admin")];
    router.start_realm("realm1", RealmDefinition { roles, ..RealmDefinition::default() }).unwrap();
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.rawsocket = Some(RawSocketOptions::default());
    let websocket = WebSocketOptions { cookies: Some(cookies), ..WebSocketOptions::default() };
    transport.websocket.insert("/ws".into(), websocket);
    transport.authentication = methods.into();
    let BoundAddress::Tcp(address) = router.listen(transport).await.unwrap() else { panic!("not tcp") };
    Node { router, port: address.port() }
}

/// Client `joe` gets role `user` by any method.
fn every_method() -> Methods {
    let tickets = [known("joe", "user", "t1cket".into()), known("ann", "admin", "t1cket".into())];
    let secret = wampcra::Credential::new("secret!!!".into(), None);
    Methods {
        anonymous: Some(Source::Static(Anonymous {
            authrole: "user".into(),
            authid: Some("joe".into()),
            realm: None,
        })),
        ticket: Some(Source::Static(tickets.into_iter().collect())),
        wampcra: Some(Source::Static([known("joe", "user", secret)].into_iter().collect())),
        cookie: true,
        ..Methods { scram: scram().scram, ..cryptosign() }
    }
}

fn ways() -> [(AuthMethod, Auth); 5] {
    [
        (AuthMethod::Anonymous, Auth::Anonymous),
        (AuthMethod::Ticket, Auth::ticket("joe", "t1cket")),
        (AuthMethod::WampCra, Auth::wamp_cra("joe", "secret!!!")),
        (AuthMethod::Scram, Auth::scram("joe", "pencil")),
        (AuthMethod::Cryptosign, Auth::cryptosign(key(1))),
    ]
}

#[tokio::test]
async fn a_role_is_given_by_its_own_methods_alone() {
    for (accepted, _) in ways() {
        let node = node(&[accepted]).await;
        for (method, auth) in ways() {
            match node.join(auth).await {
                Ok(client) => {
                    assert_eq!(method, accepted);
                    assert_eq!(client.session().authrole.as_deref(), Some("user"));
                }
                Err(error) => {
                    assert_ne!(method, accepted, "{error}");
                    assert!(error.to_string().contains(FAILED), "{error}");
                }
            }
        }
        let ann = node.joins_as(Auth::ticket("ann", "t1cket")).await;
        assert_eq!(ann[2], "admin", "another role is not concerned");
    }
}

#[tokio::test]
async fn several_methods_are_each_enough_and_an_empty_list_lets_nobody_in() {
    let strong = node(&[AuthMethod::Scram, AuthMethod::Cryptosign]).await;
    strong.join(Auth::scram("joe", "pencil")).await.unwrap();
    strong.join(Auth::cryptosign(key(1))).await.unwrap();
    let refused = strong.refuses(Auth::wamp_cra("joe", "secret!!!")).await;
    assert!(refused.contains(FAILED), "{refused}");
    let nobody = node(&[]).await;
    for (_, auth) in ways() {
        assert!(nobody.refuses(auth).await.contains(FAILED));
    }
}

/// Gives role `user` to everybody.
#[derive(Debug)]
struct Generous;

impl Authenticator for Generous {
    fn authenticate(&self, _: AuthenticateRequest) -> Answer<'_> {
        Box::pin(async { Ok(Granted { authrole: "user".into(), ..Granted::default() }) })
    }
}

#[tokio::test]
async fn an_authenticator_cannot_give_it_to_others_either() {
    for (accepted, may) in [(AuthMethod::Ticket, true), (AuthMethod::Cryptosign, false)] {
        let methods = Methods {
            ticket: Some(Source::Asked(Asked::Function(Arc::new(Generous)))),
            ..Methods::default()
        };
        let node = node_of(Some(&[accepted]), CookieOptions::default(), methods).await;
        match node.join(Auth::ticket("joe", "anything")).await {
            Ok(client) => assert!(may && client.session().authrole.as_deref() == Some("user")),
            Err(error) => assert!(!may && error.to_string().contains(FAILED), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_cookie_counts_as_the_method_that_it_was_made_with() {
    let strong = node(&[AuthMethod::Scram]).await;
    let cookie = new_cookie(&strong).await;
    let cookied = async |auth| join_with_cookie(&strong, &cookie, auth).await;
    assert!(cookied(Auth::ticket("joe", "t1cket")).await.is_err());
    let refused = cookied(Auth::Cookie).await.unwrap_err().to_string();
    assert!(refused.contains("no_matching_auth_method"), "a refused login leaves nothing: {refused}");
    cookied(Auth::scram("joe", "pencil")).await.unwrap();
    assert_eq!(cookied(Auth::Cookie).await.unwrap().session().authrole.as_deref(), Some("user"));
}

#[tokio::test]
async fn a_cookie_of_a_time_when_less_was_asked_for_is_refused_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = CookieStore::File { path: folder.path().join("cookies.dat"), purge_on_startup: false };
    let options = CookieOptions { store, ..CookieOptions::default() };
    let node = node_with(None, options.clone()).await;
    let cookie = new_cookie(&node).await;
    join_with_cookie(&node, &cookie, Auth::ticket("joe", "t1cket")).await.unwrap();
    join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap();
    node.router.shutdown().await;
    drop(node);
    let node = node_with(Some(&[AuthMethod::Scram]), options).await;
    let refused = join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap_err().to_string();
    assert!(refused.contains(FAILED), "{refused}");
    let again = join_with_cookie(&node, &cookie, Auth::Cookie).await.unwrap_err().to_string();
    assert!(again.contains("no_matching_auth_method"), "{again}");
}

/// Whoever has the right ticket for a role that is not given for one is told what whoever has a wrong one is told.
#[tokio::test]
async fn the_client_is_told_nothing_of_it_and_the_log_everything() {
    let node = node(&[AuthMethod::Cryptosign]).await;
    let (causes, _guard) = Causes::watch();
    let right = node.refuses(Auth::ticket("joe", "t1cket")).await;
    let wrong = node.refuses(Auth::ticket("joe", "wrong")).await;
    let unknown = node.refuses(Auth::ticket("nobody", "t1cket")).await;
    assert_eq!((&right, &right), (&wrong, &unknown));
    let causes = causes.told();
    assert_eq!(causes.len(), 3, "{causes:?}");
    let refused = "role \"user\" is not given to who has proven itself by ticket";
    assert_eq!(causes[0], format!("method ticket, authid \"joe\": {refused}"));
    assert!(!causes.concat().contains("t1cket"), "{causes:?}");
    assert!(causes[1].contains("wrong answer") && causes[2].contains("no such client"), "{causes:?}");
}
