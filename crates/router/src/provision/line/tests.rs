//! Lines of clients, without connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use crossweave_wamp::Dict;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::*;
use crate::options::AdmissionOptions;
use crate::provision::{Activating, RealmProvider};
use crate::router::{RealmDefinition, Router};

/// Starts a realm when it is told to.
struct Waits {
    router: Router,
    asked: AtomicUsize,
    go: Notify,
}

impl RealmProvider for Waits {
    fn activate(&self, activation: Activation) -> Activating<'_> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            self.go.notified().await;
            let roles = vec![crossweave_router_core::Role::allow_all("guest")];
            let definition = RealmDefinition { roles, ..RealmDefinition::default() };
            self.router.start_realm(&activation.realm, definition).unwrap();
            Ok(())
        })
    }
}

fn node() -> (Router, Arc<Waits>) {
    let router = Router::new(AdmissionOptions::default());
    let provider = Arc::new(Waits { router: router.clone(), asked: AtomicUsize::new(0), go: Notify::new() });
    router.set_realm_provider(Some(provider.clone()));
    (router, provider)
}

fn activation(realm: &str) -> Activation {
    Activation {
        realm: realm.to_owned(),
        authrole: "guest".into(),
        authid: "joe".into(),
        authmethod: "anonymous",
        proof: None,
        authprovider: "static",
        transport: Dict::new(),
        behind_proxy: None,
        missing: Missing::Realm,
    }
}

#[tokio::test]
async fn clients_are_let_in_in_the_order_in_which_they_came() {
    let (router, provider) = node();
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let (place, order) = (join(&router.shared(), activation("realm1")), order.clone());
            tokio::spawn(async move {
                place.await.unwrap();
                order.lock().push(number);
            })
        })
        .collect();
    while provider.asked.load(Ordering::Relaxed) == 0 {
        yield_now().await;
    }
    provider.go.notify_one();
    for waiting in waiting {
        waiting.await.unwrap();
    }
    assert_eq!(*order.lock(), (0..50).collect::<Vec<_>>());
    assert_eq!(provider.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn those_who_wait_for_one_realm_are_bounded() {
    let (router, provider) = node();
    let shared = router.shared();
    let mut waiting: Vec<_> =
        (0..WAITERS_PER_REALM_MAX).map(|_| Box::pin(join(&shared, activation("realm1")))).collect();
    let refused = join(&shared, activation("realm1")).await.unwrap_err();
    assert_eq!(refused.uri, uris::UNAVAILABLE);
    // One leaves: there is a place again.
    waiting.pop();
    waiting.push(Box::pin(join(&shared, activation("realm1"))));
    yield_now().await;
    provider.go.notify_one();
    for waiting in waiting {
        waiting.await.unwrap();
    }
    let table = shared.provision.lines.table.lock();
    assert_eq!((table.waiting, provider.asked.load(Ordering::Relaxed)), (0, 1));
}

#[tokio::test]
async fn those_who_wait_for_all_realms_are_bounded_also_if_they_do_not_wait() {
    let (router, _provider) = node();
    let shared = router.shared();
    for number in 0..WAITERS_MAX {
        drop(join(&shared, activation(&format!("realm{number}"))));
    }
    // Their lines are still there, as nobody has looked.
    assert_eq!(shared.provision.lines.table.lock().waiting, 0);
    let refused = join(&shared, activation("another")).await.unwrap_err();
    assert_eq!(refused.uri, uris::UNAVAILABLE);
    // Whoever has nobody in line any more asks nothing.
    while !shared.provision.lines.table.lock().lines.is_empty() {
        yield_now().await;
    }
}
