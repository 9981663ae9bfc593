//! The management realm: who is on it, and how one gets there.

use std::path::Path;

use crossweave_api::REALM;
use crossweave_client::{Client, Options, Reconnect};
use crossweave_router::{
    AdmissionOptions, Authentication, RawSocketOptions, RealmDefinition, RealmOptions, Role, Router,
    TransportOptions,
};
use crossweave_router_core::{Actions, Disclose, Disclosure, Permission, Permissions};
use crossweave_transport::ListenEndpoint;
use crossweave_wamp::MatchPolicy;
use tracing::warn;

use crate::native::SERIALIZER;
use crate::service::CONTROLLER;

/// The name of the socket in the node directory.
pub const SOCKET: &str = "node.sock";

/// The role of whoever connects to the socket. It may do everything.
const OPERATOR: &str = "operator";

/// The longest path that a Unix socket can have, in octets.
const SOCKET_PATH_LEN_MAX: usize = 107;

/// The router of the management realm.
///
/// # Errors
/// The realm cannot be started.
pub(super) fn router() -> Result<Router, String> {
    let router = Router::new(AdmissionOptions::default());
    let roles = vec![everything(CONTROLLER), everything(OPERATOR)];
    let options = RealmOptions::default();
    let realm = RealmDefinition { options, roles, ..RealmDefinition::default() };
    router.start_realm(REALM, realm).map_err(|error| error.to_string())?;
    Ok(router)
}

/// The controller's own session.
///
/// # Errors
/// The realm does not let it in.
pub(super) async fn join(router: &Router) -> Result<Client, String> {
    let stream = router.connect_local(SERIALIZER, CONTROLLER, CONTROLLER);
    let options = Options { reconnect: Reconnect::Off, ..Options::default() };
    let client = Client::join_stream(stream, SERIALIZER, REALM, options).await;
    client.map_err(|error| format!("the controller cannot join its own realm: {error}"))
}

/// Lets programs of the same user manage the node, by a socket in its directory.
///
/// # Errors
/// The socket cannot be made.
pub(super) async fn listen(router: &Router, directory: &Path) -> Result<(), String> {
    let path = directory.join(SOCKET);
    if path.as_os_str().len() > SOCKET_PATH_LEN_MAX {
        warn!("{} is too long for a socket: the node can be managed from within only", path.display());
        return Ok(());
    }
    let endpoint = ListenEndpoint::Unix { path: path.clone(), mode: Some(0o600), backlog: 16 };
    let mut transport = TransportOptions::new(endpoint);
    let authentication = Some(Authentication::anonymous(OPERATOR));
    transport.rawsocket = Some(RawSocketOptions { authentication, ..RawSocketOptions::default() });
    let listening = router.listen(transport).await;
    listening.map(drop).map_err(|error| format!("the node cannot be managed: {error}"))
}

/// The role of a worker: it answers and tells under its own URIs. With `expose_controller`, it may call and hear what others have;
/// without, it may only ask for the node's status, and for the realms that its clients need.
pub(super) fn role_of(worker: &str, exposes_controller: bool) -> Role {
    let rule = |uri: &str, match_policy, allow: Actions| Permission {
        uri: uri.to_owned(),
        match_policy,
        allow,
        disclose: disclosed(),
    };
    let call = Actions { call: true, ..Actions::default() };
    let mut rules = vec![rule(&format!("crossbar.worker.{worker}."), MatchPolicy::Prefix, Actions::ALL)];
    if exposes_controller {
        let others = Actions { subscribe: true, ..call };
        rules.push(rule("crossbar.", MatchPolicy::Prefix, others));
    } else {
        let asked = ["crossbar.get_status", "crossbar.activate_realm"];
        rules.extend(asked.map(|uri| rule(uri, MatchPolicy::Exact, call)));
    }
    Role::fixed(role_name(worker), Permissions::new(rules).expect("worker ids are URI components"))
}

pub(super) fn role_name(worker: &str) -> String {
    format!("crossbar.worker.{worker}")
}

/// Everyone learns who manages.
fn disclosed() -> Disclosure {
    Disclosure { caller: Disclose::Always, publisher: Disclose::Always }
}

fn everything(name: &str) -> Role {
    let rule = |uri: &str| Permission {
        uri: uri.to_owned(),
        match_policy: MatchPolicy::Prefix,
        allow: Actions::ALL,
        disclose: disclosed(),
    };
    // What gives power over sessions has to be named.
    let permissions = Permissions::new([rule(""), rule("wamp.")]);
    Role::fixed(name, permissions.expect("two different prefixes are good rules"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_worker_that_exposes_no_controller_may_ask_for_little() {
        let router = router().unwrap();
        for (worker, exposes_controller) in [("open", true), ("closed", false)] {
            router.set_role(REALM, role_of(worker, exposes_controller)).unwrap();
            let stream = router.connect_local(SERIALIZER, &role_name(worker), worker);
            let options = Options { reconnect: Reconnect::Off, ..Options::default() };
            let client = Client::join_stream(stream, SERIALIZER, REALM, options).await.unwrap();
            let own = format!("crossbar.worker.{worker}.anything");
            for (uri, is_allowed) in [
                ("crossbar.get_status", true),
                ("crossbar.activate_realm", true),
                (&own, true),
                ("crossbar.get_workers", exposes_controller),
                ("crossbar.worker.other.get_node_id", exposes_controller),
                ("wamp.session.count", false),
            ] {
                // Nobody answers them here.
                let error = client.call(uri).await.map(drop).unwrap_err().to_string();
                let expected = if is_allowed { "no_such_procedure" } else { "not_authorized" };
                assert!(error.contains(expected), "{worker}, {uri}: {error}");
            }
            assert_eq!(client.subscribe("crossbar.on_ready").await.is_ok(), exposes_controller);
            assert!(client.subscribe(format!("crossbar.worker.{worker}.on_log")).await.is_ok());
        }
    }
}
