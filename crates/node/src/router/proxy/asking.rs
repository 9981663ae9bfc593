//! Procedures on the routers behind a proxy, which it calls itself to find out who a client is.
//!
//! For each realm and role in which it asks, the proxy has one session at a router: opened when it is first needed, and again when it
//! was lost. Who is asked about waits for that as for the answer.

use std::collections::HashMap;
use std::sync::Arc;

use crossweave_client::{Arguments, CallError, Client, Value};
use crossweave_router::{NotAnswered, Question};
use parking_lot::Mutex;
use tracing::debug;

use super::backend::{Backend, first_that_answers};

/// A realm, and a role there.
pub(super) type Place = (String, String);

/// The sessions by which the proxy asks. There are no more of them than routes.
#[derive(Default)]
pub(super) struct Askers(Mutex<HashMap<Place, Arc<Asker>>>);

/// Who asks on one realm in one role.
#[derive(Default)]
pub(super) struct Asker {
    /// Held while the session is opened, so that there is one.
    session: tokio::sync::Mutex<Option<Asking>>,
}

/// An open session.
struct Asking {
    client: Client,
    /// The connection over which it is.
    connection: String,
}

impl Askers {
    /// Who asks there; only for places to which there is a route.
    pub(super) fn of(&self, place: &Place) -> Arc<Asker> {
        self.0.lock().entry(place.clone()).or_default().clone()
    }

    /// Ends the sessions of other places.
    pub(super) fn keep_those_of(&self, is_there: impl Fn(&Place) -> bool) {
        self.0.lock().retain(|place, _| is_there(place));
    }

    /// Ends the sessions over a connection.
    pub(super) fn forget_those_over(&self, connection: &str) {
        for asker in self.0.lock().values() {
            // One that is being opened now is noticed when it is used.
            if let Ok(mut session) = asker.session.try_lock() {
                session.take_if(|asking| asking.connection == connection);
            }
        }
    }
}

impl Asker {
    /// Calls a procedure. Dropped, the call is cancelled.
    ///
    /// # Errors
    /// The procedure says no, or nobody can be asked.
    pub(super) async fn ask(
        &self,
        question: Question,
        candidates: Vec<(String, Arc<Backend>)>,
    ) -> Result<Vec<Value>, NotAnswered> {
        let Question { realm, authrole, procedure, args } = question;
        let client = self.client(&realm, &authrole, candidates).await?;
        let arguments = args.into_iter().fold(Arguments::new(), Arguments::arg);
        match client.call(procedure).arguments(arguments).await {
            Ok(reply) => Ok(reply.args()),
            Err(CallError::Application(error)) => {
                let message = error.args.into_iter().next().and_then(|text| text.as_str().map(str::to_owned));
                Err(NotAnswered::Error { uri: error.uri, message })
            }
            Err(error) => Err(NotAnswered::Failed(error.to_string())),
        }
    }

    /// The session, opened at the first router that can be reached if there is none.
    async fn client(
        &self,
        realm: &str,
        role: &str,
        candidates: Vec<(String, Arc<Backend>)>,
    ) -> Result<Client, NotAnswered> {
        let mut session = self.session.lock().await;
        if let Some(Asking { client, connection }) = &*session
            && client.state().is_connected()
            && candidates.iter().any(|(name, _)| name == connection)
        {
            return Ok(client.clone());
        }
        let join = |backend: Arc<Backend>| async move { backend.join(realm, role).await };
        let opened = first_that_answers(candidates, join).await;
        let (connection, client) = opened.map_err(|refusal| {
            NotAnswered::Failed(match refusal {
                Some(refusal) => format!("the proxy cannot ask there: {refusal}"),
                None => "no router behind this proxy can be reached".to_owned(),
            })
        })?;
        debug!(realm, role, connection, "the proxy joined the realm to make calls on it");
        *session = Some(Asking { client: client.clone(), connection });
        Ok(client)
    }
}
