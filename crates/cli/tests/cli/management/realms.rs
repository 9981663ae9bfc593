//! Realms, roles and templates.

use std::time::Duration;

use crossweave_api::error;
use crossweave_api::node::*;
use crossweave_api::router::*;
use crossweave_api::{Contract, Procedure as _};
use crossweave_client::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::driver::Driver;
use super::{ROUTER, closed, permissions, realm, session};

pub(super) async fn realms_and_roles(driver: &mut Driver, folder: &TempDir) {
    assert_eq!(driver.right(ROUTER, &GetRouterRealms {}).await, ["realm001", "realm002"]);
    let of = |realm_id: &str| GetRouterRealm { realm_id: realm_id.to_owned() };
    let one = driver.right(ROUTER, &of("realm001")).await;
    assert_eq!((&one.config["name"], one.roles.len()), (&json!("one"), 2));
    assert_eq!((&*one.category, &*one.kind), ("standalone", "static"));
    driver.wrong(ROUTER, &of("one"), error::NO_SUCH_OBJECT).await;
    let by_name = GetRouterRealmByName { realm_name: "two".to_owned() };
    assert_eq!(driver.right(ROUTER, &by_name).await.id, "realm002");
    let by_name = GetRouterRealmByName { realm_name: "realm002".to_owned() };
    driver.wrong(ROUTER, &by_name, error::NO_SUCH_OBJECT).await;

    order_of_templates(driver).await;

    let start = StartRouterRealm {
        realm_id: "third".to_owned(),
        config: realm("three", &["anonymous"]),
        template_id: None,
    };
    assert_eq!(driver.right(ROUTER, &start).await.id, "third");
    driver.wrong(ROUTER, &start, error::ALREADY_RUNNING).await;
    for (id, config, expected) in [
        ("fourth", realm("three", &[]), error::ALREADY_EXISTS),
        ("fourth", json!({"nam": "four"}), error::INVALID_CONFIGURATION),
        ("fourth", json!([]), error::INVALID_CONFIGURATION),
    ] {
        let start = StartRouterRealm { realm_id: id.to_owned(), config, template_id: None };
        driver.wrong(ROUTER, &start, expected).await;
    }
    roles(driver).await;

    let (realm_id, role_id) = ("third".to_owned(), "anonymous".to_owned());
    let config = json!({"name": "anonymous", "permissions": permissions()});
    driver.right(ROUTER, &StartRouterRealmRole { realm_id, role_id, config }).await;
    let guest = session(folder, "a.sock", "three").await;
    let stats = driver.right(ROUTER, &GetRouterRealmStats { realm_id: Some("third".to_owned()) }).await;
    assert_eq!((stats.len(), stats["third"].sessions, stats["third"].roles), (1, 1, 1));
    let all = driver.right(ROUTER, &GetRouterRealmStats { realm_id: None }).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["realm001", "realm002", "third"]);
    let of_nothing = GetRouterRealmStats { realm_id: Some("nothing".to_owned()) };
    driver.wrong(ROUTER, &of_nothing, error::NO_SUCH_OBJECT).await;
    hot_uris(driver, &guest).await;

    let authid = guest.session().authid.clone().unwrap();
    let kill = |realm_id: &str, authid: &str| KillByAuthid {
        realm_id: realm_id.to_owned(),
        authid: authid.to_owned(),
        reason: "com.example.enough".to_owned(),
        message: Some("go".to_owned()),
    };
    assert_eq!(driver.right(ROUTER, &kill("third", "nobody")).await, Vec::<u64>::new());
    assert_eq!(driver.right(ROUTER, &kill("third", &authid)).await, [guest.session().id.0]);
    let why = closed(&guest).await.expect("it was not its own wish");
    assert!(why.contains("com.example.enough") || why.contains("go"), "{why}");
    driver.wrong(ROUTER, &kill("nothing", &authid), error::NO_SUCH_OBJECT).await;

    let guest = session(folder, "a.sock", "three").await;
    let stop = StopRouterRealm { realm_id: "third".to_owned(), with_instances: false };
    let stopped = driver.right(ROUTER, &stop).await;
    assert_eq!(
        (stopped.name.as_str(), &stopped.detached_sessions[..]),
        ("three", &[guest.session().id.0][..])
    );
    assert!(driver.hears("crossbar.worker.worker001.on_realm_stopped"), "this one is for all");
    closed(&guest).await;
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
}

/// Templates are tried in the order that was said, also those that come later.
async fn order_of_templates(driver: &mut Driver) {
    assert_eq!(driver.right(ROUTER, &GetRouterRealmTemplates {}).await, Vec::<String>::new());
    let order =
        |ids: &[&str]| OrderRouterRealmTemplates { realm_ids: ids.iter().map(ToString::to_string).collect() };
    assert_eq!(driver.right(ROUTER, &order(&["early", "late"])).await, Vec::<String>::new());
    for id in ["other", "late", "early"] {
        let mut config = realm("team-(?P<team>[a-z]+)", &["anonymous"]);
        config["template"] = json!(true);
        driver.right(ROUTER, &StartRouterRealm { realm_id: id.to_owned(), config, template_id: None }).await;
    }
    assert_eq!(driver.right(ROUTER, &GetRouterRealmTemplates {}).await, ["early", "late", "other"]);
    assert_eq!(driver.right(ROUTER, &order(&["other"])).await, ["other", "early", "late"]);
    for id in ["early", "late", "other"] {
        driver.right(ROUTER, &StopRouterRealm { realm_id: id.to_owned(), with_instances: false }).await;
    }
    assert_eq!(driver.right(ROUTER, &order(&[])).await, Vec::<String>::new());
}

async fn hot_uris(driver: &mut Driver, guest: &Client) {
    let asked = |limit| GetRouterHotUris { limit };
    let begun = driver.right(ROUTER, &asked(10)).await;
    assert_eq!((begun.seconds, begun.uris, begun.has_forgotten), (0.0, Vec::new(), false));
    for _ in 0..3 {
        guest.publish("com.hot", "secret").acknowledged().await.unwrap();
    }
    guest.call("com.nothing").await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(110)).await;
    assert_eq!(driver.right(ROUTER, &asked(0)).await.uris, [], "it is counted on");
    let told = driver.right(ROUTER, &asked(1000)).await;
    let shown: Vec<_> =
        told.uris.iter().map(|it| (it.realm.as_str(), it.kind.as_str(), it.uri.as_str())).collect();
    assert_eq!(shown, [("three", "topic", "com.hot"), ("three", "procedure", "com.nothing")]);
    let of_topic = told.uris[0].received_per_second;
    assert!((of_topic * told.seconds - 3.0).abs() < 0.001 && told.seconds > 0.1, "{told:?}");
    assert_eq!(told.uris[0].sent_per_second, 0.0, "nobody has subscribed");
    driver.wrong(ROUTER, &asked(1001), error::INVALID_ARGUMENT).await;
}

async fn roles(driver: &mut Driver) {
    let of = |realm_id: &str| GetRouterRealmRoles { realm_id: realm_id.to_owned() };
    let started = driver.right(ROUTER, &of("realm001")).await;
    assert_eq!(started.iter().map(|it| it.config["name"].clone()).collect::<Vec<_>>(), ["anonymous", "user"]);
    driver.wrong(ROUTER, &of("nothing"), error::NO_SUCH_OBJECT).await;
    let start = |realm_id: &str, config: Value| StartRouterRealmRole {
        realm_id: realm_id.to_owned(),
        role_id: "guests".to_owned(),
        config,
    };
    let config = json!({"name": "guest", "permissions": permissions()});
    let role = driver.right(ROUTER, &start("third", config.clone())).await;
    assert_eq!((role.id.as_str(), &role.config), ("guests", &config));
    driver.wrong(ROUTER, &start("third", config.clone()), error::ALREADY_EXISTS).await;
    driver.wrong(ROUTER, &start("nothing", config.clone()), error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &start("third", json!({"permissions": 5})), error::INVALID_CONFIGURATION).await;
    let (realm_id, role_id) = ("third".to_owned(), "guests".to_owned());
    let asked = GetRouterRealmRole { realm_id: realm_id.clone(), role_id: role_id.clone() };
    assert_eq!(driver.right(ROUTER, &asked).await.config, config);
    let change = |config: Value| {
        let (realm_id, role_id) = (realm_id.clone(), role_id.clone());
        ChangeRouterRealmRole { realm_id, role_id, config }
    };
    let other = json!({"name": "guest", "permissions": []});
    assert_eq!(driver.right(ROUTER, &change(other.clone())).await.config, other);
    assert_eq!(driver.right(ROUTER, &asked).await.config, other);
    driver.wrong(ROUTER, &change(json!({"name": "host"})), error::INVALID_CONFIGURATION).await;
    driver.wrong(ROUTER, &change(json!({"nam": 1})), error::INVALID_CONFIGURATION).await;
    let of_nobody = ChangeRouterRealmRole { role_id: "nobody".to_owned(), ..change(other) };
    driver.wrong(ROUTER, &of_nobody, error::NO_SUCH_OBJECT).await;
    let stop = StopRouterRealmRole { realm_id, role_id };
    assert_eq!(driver.right(ROUTER, &stop).await.id, "guests");
    driver.wrong(ROUTER, &stop, error::NO_SUCH_OBJECT).await;
    driver.wrong(ROUTER, &asked, error::NO_SUCH_OBJECT).await;
}

/// A realm that is started by its first client: the router asks the controller for it, and nobody else may.
pub(super) async fn templates(driver: &mut Driver, folder: &TempDir) {
    const ASKED: &Contract = &ActivateRealm::CONTRACT;
    let mut config = realm("^shop-[a-z]{3}$", &["anonymous"]);
    config["template"] = json!(true);
    let start = StartRouterRealm { realm_id: "shops".to_owned(), config: config.clone(), template_id: None };
    driver.right(ROUTER, &start).await;
    let client = session(folder, "a.sock", "shop-abc").await;
    let told = driver.event("crossbar.on_realm_activated").await;
    assert_eq!(
        [&told["worker_id"], &told["realm"], &told["template_id"]],
        [&json!("worker001"), &json!("shop-abc"), &json!("shops")]
    );
    driver.note_driven(ASKED);
    let (pattern, realm_id) = ("^shop-[a-z]{3}$".to_owned(), "another".to_owned());
    let (worker_id, template_id) = ("worker001".to_owned(), "shops".to_owned());
    let activate = ActivateRealm { worker_id, template_id, pattern, realm_id, config: config.clone() };
    driver.wrong(None, &activate, error::INVALID_ARGUMENT).await;
    let of_nobody = ActivateRealm { worker_id: "nobody".to_owned(), ..activate };
    driver.wrong(None, &of_nobody, error::NO_SUCH_WORKER).await;
    let change =
        |realm_id: &str, config: Value| ChangeRouterRealmTemplate { realm_id: realm_id.to_owned(), config };
    driver.wrong(ROUTER, &change("shops", realm("shop", &[])), error::INVALID_CONFIGURATION).await;
    driver.wrong(ROUTER, &change("realm001", config.clone()), error::NO_SUCH_OBJECT).await;
    // The realm that runs ends.
    config["name"] = json!("^shops?-[a-z]{3}$");
    let changed = driver.right(ROUTER, &change("shops", config)).await;
    assert_eq!((&*changed.kind, &changed.config["name"]), ("template", &json!("^shops?-[a-z]{3}$")));
    assert_eq!(driver.right(ROUTER, &GetRouterRealms {}).await, ["realm001", "realm002", "shops"]);
    client.leave().await;
    session(folder, "a.sock", "shops-abc").await.leave().await;
    let stop = StopRouterRealm { realm_id: "shops".to_owned(), with_instances: true };
    driver.right(ROUTER, &stop).await;
}
