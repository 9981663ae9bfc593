use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossweave_api::router::{ChangeRouterRealmTemplate, RouterRealm, StartRouterRealm, StopRouterRealm};
use crossweave_api::{Error, error};
use crossweave_client::Dict;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::super::tests::{join, management, start_worker};
use super::*;
use crate::extension::Extensions;
use crate::service::Service;

const PATIENCE: Duration = Duration::from_secs(10);

/// A worker with a template whose realms end after so many seconds, and one realm of it.
async fn worker_with_a_realm(idle_timeout: u32) -> RouterWorker {
    let worker = start_worker(&management(), Extensions::default()).await;
    start(&worker, "users", users(idle_timeout, &["anonymous"]), None).await;
    let instance = json!({"name": "realm-joe", "roles": [{"name": "anonymous"}]});
    start(&worker, "r1", instance, Some("users")).await;
    worker
}

/// A template with these roles.
fn users(idle_timeout: u32, roles: &[&str]) -> Config {
    let roles: Vec<Config> = roles.iter().map(|name| json!({"name": name})).collect();
    json!({"name": "^realm-(?P<user>[a-z]+)$", "template": true, "activation": {"idle_timeout": idle_timeout},
        "roles": roles})
}

async fn start(worker: &RouterWorker, id: &str, config: Config, template_id: Option<&str>) {
    let (realm_id, template_id) = (id.to_owned(), template_id.map(str::to_owned));
    let asked = StartRouterRealm { realm_id, config, template_id };
    worker.start_router_realm(Caller::default(), asked).await.expect("it is right");
}

async fn change(worker: &RouterWorker, id: &str, config: Config) -> Result<RouterRealm, Error> {
    let asked = ChangeRouterRealmTemplate { realm_id: id.to_owned(), config };
    worker.change_router_realm_template(Caller::default(), asked).await
}

/// What a client asks for that wants to join this realm.
fn wanted(realm: &str) -> Activation {
    Activation {
        realm: realm.to_owned(),
        authrole: "anonymous".into(),
        authid: "somebody".into(),
        authmethod: "anonymous",
        proof: Some(AuthMethod::Anonymous),
        authprovider: "static",
        transport: Dict::new().with("peer", "tcp4:10.0.0.1:5000"),
        behind_proxy: None,
        missing: Missing::Realm,
    }
}

/// Waits until this is so.
async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it comes to be");
}

#[test]
fn a_client_that_does_not_log_in_is_one_whichever_port_address_or_process_it_takes() {
    for (one, same, other) in [
        ("tcp4:10.0.0.1:5000", "tcp4:10.0.0.1:5001", "tcp4:10.0.0.2:5000"),
        ("tcp6:[2001:db8:0:1::1]:5000", "tcp6:[2001:db8:0:1:ffff::2]:5001", "tcp6:[2001:db8:0:2::1]:5000"),
        ("tcp6:[::ffff:10.0.0.1]:5000", "tcp4:10.0.0.1:7", "tcp6:[::ffff:10.0.0.2]:5000"),
        ("unix:pid=5,uid=1000", "unix:pid=6,uid=1000", "unix:pid=5,uid=1001"),
        ("unix:uid=1000", "unix:pid=7,uid=1000", "memory"),
    ] {
        assert_eq!(peer_host(one), peer_host(same));
        assert_ne!(peer_host(one), peer_host(other));
    }
}

#[test]
fn clients_behind_a_proxy_pay_by_their_own_address_and_not_by_that_of_the_proxy() {
    let behind = |peer: Option<&str>| {
        let transport = Dict::new().with("peer", "unix:pid=5,uid=1000");
        principal(&Activation { transport, behind_proxy: peer.map(Into::into), ..wanted("realm1") })
    };
    assert_ne!(behind(Some("tcp4:10.0.0.1:5000")), behind(Some("tcp4:10.0.0.2:5000")));
    assert_eq!(behind(Some("tcp6:[2001:db8::1]:5")), behind(Some("tcp6:[2001:db8::2]:6")));
    assert_eq!(behind(Some("tcp4:10.0.0.1:5000")), principal(&wanted("realm1")), "as without a proxy");
    assert_eq!(behind(None), "unix:uid=1000", "a proxy that does not tell pays itself");
    let user =
        Activation { authmethod: "ticket", behind_proxy: Some("tcp4:10.0.0.2:1".into()), ..wanted("realm1") };
    assert_eq!(principal(&user), "authid somebody");
}

#[tokio::test]
async fn clients_that_come_and_go_leave_one_watch_of_an_idle_realm() {
    let worker = worker_with_a_realm(3600).await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    let provider = Provider(Arc::downgrade(&worker.shared));
    // One watches since the realm was started.
    let before = alive();
    for _ in 0..500 {
        provider.emptied("realm-joe");
        tokio::task::yield_now().await;
        provider.occupied("realm-joe");
    }
    provider.emptied("realm-joe");
    until(|| alive() <= before).await;
}

#[tokio::test]
async fn a_realm_of_a_template_that_nobody_comes_to_ends_and_counts_until_then() {
    let worker = worker_with_a_realm(1).await;
    let running = async || worker.shared.state.lock().await.templates[0].running();
    assert_eq!(running().await, 1);
    until(|| worker.router().realms().is_empty()).await;
    timeout(PATIENCE, async { while running().await > 0 {} }).await.expect("it counts no more");
    assert!(worker.shared.idle.lock().0.is_empty());
}

#[tokio::test]
async fn nothing_watches_a_realm_that_was_stopped() {
    let worker = worker_with_a_realm(3600).await;
    let alive = || Handle::current().metrics().num_alive_tasks();
    let with_a_watch = alive();
    let asked = StopRouterRealm { realm_id: "r1".to_owned(), with_instances: false };
    worker.stop_router_realm(Caller::default(), asked).await.expect("it runs");
    assert!(worker.shared.idle.lock().0.is_empty());
    until(|| alive() < with_a_watch).await;
}

#[tokio::test]
async fn a_template_that_changes_ends_its_realms_and_is_none_at_no_time() {
    let worker = worker_with_a_realm(3600).await;
    let changed = change(&worker, "users", users(3600, &["anonymous", "owner"])).await.expect("it is right");
    assert_eq!((&*changed.id, &*changed.kind), ("users", "template"));
    assert!(worker.router().realms().is_empty());
    let templates = async || {
        let state = worker.shared.state.lock().await;
        let [template] = &state.templates[..] else { panic!("one template") };
        assert!(template.role("owner").is_some());
        template.running()
    };
    assert_eq!(templates().await, 0, "the one that has ended counts no more");
    for (id, config, uri) in [
        ("users", json!({"name": "realm-joe"}), error::INVALID_CONFIGURATION),
        ("users", json!({"name": "^(", "template": true}), error::INVALID_CONFIGURATION),
        ("r1", users(3600, &["anonymous"]), error::NO_SUCH_OBJECT),
    ] {
        assert_eq!(change(&worker, id, config).await.expect_err("it is wrong").uri, uri);
    }
    templates().await;
}

#[tokio::test]
async fn a_realm_that_starts_as_its_template_changes_is_one_of_the_new_template() {
    let management = management();
    let worker = start_worker(&management, Extensions::default()).await;
    start(&worker, "users", users(3600, &["anonymous"]), None).await;
    let (starting, has_changed) = (worker.clone(), Arc::new(AtomicBool::new(false)));
    let activate = move |_: Caller, asked: ActivateRealm| {
        let (worker, has_changed) = (starting.clone(), has_changed.swap(true, Ordering::Relaxed));
        async move {
            if !has_changed {
                change(&worker, "users", users(3600, &["anonymous", "owner"])).await?;
            }
            start(&worker, &asked.realm_id, asked.config, Some(&asked.template_id)).await;
            Ok(())
        }
    };
    let controller = Service::new(join(&management).await, None);
    controller.answer::<ActivateRealm, _, _>(activate).await.expect("nobody else answers");
    let activated = timeout(PATIENCE, worker.activate_realm(&wanted("realm-joe"))).await;
    assert_eq!(activated.expect("it ends"), Ok(()));
    let state = worker.shared.state.lock().await;
    let [realm] = &state.realms[..] else { panic!("one realm") };
    assert_eq!(realm.config["roles"].as_array().map(Vec::len), Some(2));
    assert_eq!(state.templates[0].running(), 1);
}

#[tokio::test]
async fn a_realm_of_the_configuration_takes_the_place_of_one_that_a_client_has_started() {
    let worker = worker_with_a_realm(1).await;
    let provider = Provider(Arc::downgrade(&worker.shared));
    // Nobody is on it, and it is looked at soon.
    provider.emptied("realm-joe");
    start(&worker, "r2", json!({"name": "realm-joe"}), None).await;
    let state = worker.shared.state.lock().await;
    let [realm] = &state.realms[..] else { panic!("one realm") };
    assert_eq!((&*realm.id, &realm.template_id), ("r2", &None));
    assert_eq!(state.templates[0].running(), 0, "the one that has ended counts no more");
    drop(state);
    assert!(worker.stop_idle("realm-joe").await, "there is nothing to stop");
    assert_eq!(worker.router().realms(), ["realm-joe"]);
    let again = StartRouterRealm {
        realm_id: "r3".to_owned(),
        config: json!({"name": "realm-joe"}),
        template_id: None,
    };
    let refused = worker.start_router_realm(Caller::default(), again).await;
    assert_eq!(refused.expect_err("there is one").uri, error::ALREADY_EXISTS);
}

#[tokio::test]
async fn a_client_whose_realm_is_started_by_the_configuration_meanwhile_gets_that() {
    let management = management();
    let worker = start_worker(&management, Extensions::default()).await;
    start(&worker, "users", users(3600, &["anonymous"]), None).await;
    let starting = worker.clone();
    let activate = move |_: Caller, asked: ActivateRealm| {
        let worker = starting.clone();
        async move {
            start(&worker, "r2", json!({"name": "realm-joe"}), None).await;
            let ActivateRealm { realm_id, config, template_id, .. } = asked;
            let asked = StartRouterRealm { realm_id, config, template_id: Some(template_id) };
            worker.start_router_realm(Caller::default(), asked).await.map(drop)
        }
    };
    let controller = Service::new(join(&management).await, None);
    controller.answer::<ActivateRealm, _, _>(activate).await.expect("nobody else answers");
    let activated = timeout(PATIENCE, worker.activate_realm(&wanted("realm-joe"))).await;
    assert_eq!(activated.expect("it ends"), Ok(()));
    let state = worker.shared.state.lock().await;
    assert_eq!(state.realms.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["r2"]);
    assert_eq!(state.templates[0].running(), 0, "it is none of the template's");
}

/// Starts a role of the realm `r1` as the configuration would.
async fn start_role(worker: &RouterWorker, id: &str, name: &str) -> Result<(), Error> {
    let (realm_id, role_id) = ("r1".to_owned(), id.to_owned());
    let asked = StartRouterRealmRole { realm_id, role_id, config: json!({"name": name}) };
    worker.start_router_realm_role(Caller::default(), asked).await.map(drop)
}

#[tokio::test]
async fn a_role_of_the_configuration_takes_the_place_of_one_that_a_client_has_started() {
    let worker = start_worker(&management(), Extensions::default()).await;
    let teams = json!({"name": "^team-[a-z]+$", "template": true});
    start(&worker, "r1", json!({"name": "realm1", "roles": [teams]}), None).await;
    let activation = Activation { authrole: "team-red".into(), missing: Missing::Role, ..wanted("realm1") };
    worker.activate_role(&activation).await.expect("the template matches");
    let ids = async || {
        let state = worker.shared.state.lock().await;
        state.realms[0].roles.iter().map(|it| it.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids().await.len(), 1);
    start_role(&worker, "red", "team-red").await.expect("it takes its place");
    assert_eq!(ids().await, ["red"]);
    assert_eq!(start_role(&worker, "other", "team-red").await.unwrap_err().uri, error::ALREADY_EXISTS);
    assert_eq!(start_role(&worker, "red", "team-blue").await.unwrap_err().uri, error::ALREADY_EXISTS);
    // Whoever has asked for it meanwhile has it.
    assert_eq!(worker.activate_role(&activation).await, Ok(()));
    assert_eq!(ids().await, ["red"]);
}
