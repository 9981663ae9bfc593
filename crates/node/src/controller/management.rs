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

/// The name of the socket in the node directory.
pub const SOCKET: &str = "node.sock";

/// The role of the controller. It may do everything.
pub(super) const CONTROLLER: &str = "controller";
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

/// The role of a worker: it answers and tells under its own URIs, and may call and hear what others have.
pub(super) fn role_of(worker: &str) -> Role {
    let rule = |uri: String, allow: Actions| Permission {
        uri,
        match_policy: MatchPolicy::Prefix,
        allow,
        disclose: disclosed(),
    };
    let others = Actions { call: true, subscribe: true, ..Actions::default() };
    let rules =
        [rule(format!("crossbar.worker.{worker}."), Actions::ALL), rule("crossbar.".to_owned(), others)];
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
