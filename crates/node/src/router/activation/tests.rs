use std::time::Duration;

use crossweave_api::router::{StartRouterRealm, StopRouterRealm};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::super::tests::{management, start_worker};
use super::*;
use crate::extension::Extensions;

const PATIENCE: Duration = Duration::from_secs(10);

/// A worker with a template whose realms end after so many seconds, and one realm of it.
async fn worker_with_a_realm(idle_timeout: u32) -> RouterWorker {
    let worker = start_worker(&management(), Extensions::default()).await;
    let template = json!({"name": "^realm-(?P<user>[a-z]+)$", "template": true,
        "activation": {"idle_timeout": idle_timeout}, "roles": [{"name": "anonymous"}]});
    let instance = json!({"name": "realm-joe", "roles": [{"name": "anonymous"}]});
    for (realm_id, config, template_id) in
        [("users", template, None), ("r1", instance, Some("users".to_owned()))]
    {
        let asked = StartRouterRealm { realm_id: realm_id.to_owned(), config, template_id };
        worker.start_router_realm(Caller::default(), asked).await.expect("it is right");
    }
    worker
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
    let host = |peer: &str| peer_host(&Dict::new().with("peer", peer));
    for (one, same, other) in [
        ("tcp4:10.0.0.1:5000", "tcp4:10.0.0.1:5001", "tcp4:10.0.0.2:5000"),
        ("tcp6:[2001:db8:0:1::1]:5000", "tcp6:[2001:db8:0:1:ffff::2]:5001", "tcp6:[2001:db8:0:2::1]:5000"),
        ("tcp6:[::ffff:10.0.0.1]:5000", "tcp4:10.0.0.1:7", "tcp6:[::ffff:10.0.0.2]:5000"),
        ("unix:pid=5,uid=1000", "unix:pid=6,uid=1000", "unix:pid=5,uid=1001"),
        ("unix:uid=1000", "unix:pid=7,uid=1000", "memory"),
    ] {
        assert_eq!(host(one), host(same));
        assert_ne!(host(one), host(other));
    }
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
