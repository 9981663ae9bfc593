//! A router worker by itself, with a management realm around it.

use crossweave_api::REALM;
use crossweave_client::{Client, Options, Reconnect};
use crossweave_config::{Limits, TRUSTED};
use crossweave_router::{AdmissionOptions, RealmDefinition, Router};
use serde_json::Value as Json;

use super::{RouterOptions, RouterWorker};
use crate::component::Interpreter;
use crate::extension::Extensions;
use crate::native::SERIALIZER;
use crate::service::Service;

/// A router with a management realm.
pub(super) fn management() -> Router {
    let management = Router::new(AdmissionOptions::default());
    management.start_realm(REALM, RealmDefinition::default()).expect("it is the first one");
    management
}

/// A session on the management realm that may do everything.
pub(super) async fn join(management: &Router) -> Client {
    let stream = management.connect_local(SERIALIZER, TRUSTED, "w1");
    let options = Options { reconnect: Reconnect::Off, ..Options::default() };
    Client::join_stream(stream, SERIALIZER, REALM, options).await.expect("there is a place")
}

/// A worker with the id `w1` and nothing that runs.
pub(super) async fn start_worker(management: &Router, extensions: Extensions) -> RouterWorker {
    start_worker_with(management, |options| options.extensions = extensions).await
}

/// The same, with other options.
pub(super) async fn start_worker_with(
    management: &Router,
    change: impl FnOnce(&mut RouterOptions),
) -> RouterWorker {
    let cbdir = std::path::PathBuf::from("/");
    let mut options = RouterOptions {
        node_id: "the-node".to_owned(),
        interpreter: Interpreter::of(&Json::Null, "router", &cbdir),
        cbdir,
        limits: Limits::default(),
        has_start_page: false,
        extensions: Extensions::default(),
    };
    change(&mut options);
    let service = Service::new(join(management).await, Some("w1"));
    RouterWorker::start("w1", service, options).await.expect("it starts")
}
