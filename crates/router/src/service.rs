//! The router's own sessions: how it calls a procedure on one of its realms.
//!
//! A *service session* is an ordinary session of the ordinary client, joined over memory in a role of the realm; it is
//! authorized, disclosed and listed like any other. There is one per realm and role, made when it is first needed and again
//! after it was lost. Only names out of the configuration and of realms that run make one, so peers cannot make more.

use std::collections::HashMap;
use std::sync::Arc;

use crossweave_client::{Client, Options};
use crossweave_wamp::Serializer;
use tokio::sync::Mutex;

use crate::router::{Router, Shared};

/// Realm and role of a service session.
type Key = (String, String);

/// The service sessions of a router.
#[derive(Default)]
pub(crate) struct Services {
    /// Each behind a lock of its own: whoever comes while one is being made waits for that one.
    sessions: parking_lot::Mutex<HashMap<Key, Arc<Mutex<Option<Client>>>>>,
}

impl Shared {
    /// The service session in this role on this realm. The error is for the log.
    pub(crate) async fn service(self: &Arc<Shared>, realm: &str, authrole: &str) -> Result<Client, String> {
        if self.realm(realm).is_none() {
            return Err(format!("there is no realm {realm:?}"));
        }
        let key = (realm.to_owned(), authrole.to_owned());
        let place = self.services.sessions.lock().entry(key).or_default().clone();
        let mut session = place.lock().await;
        if let Some(client) = session.as_ref().filter(|client| client.state().is_connected()) {
            return Ok(client.clone());
        }
        let router = Router::of(self.clone());
        let authid = format!("crossweave-service-{authrole}");
        let stream = router.connect_local(Serializer::MsgPack, authrole, &authid);
        let joined = Client::join_stream(stream, Serializer::MsgPack, realm, Options::default()).await;
        let client = joined.map_err(|error| error.to_string())?;
        Ok(session.insert(client).clone())
    }

    /// Ends all of them.
    pub(crate) fn end_services(&self) {
        self.services.sessions.lock().clear();
    }
}
