//! Registering procedures.

use std::future::IntoFuture;
use std::pin::Pin;

use tokio::sync::{oneshot, watch};

use crossweave_wamp::MatchPolicy;
use crossweave_wamp::message::{InvokePolicy, RegisterOptions};

use crate::client::Client;
use crate::core::{Handler, NewProcedure, ProcedureId};
use crate::error::RequestError;
use crate::limits::HANDLERS_MAX;
use crate::request;
use crate::withdrawn::Withdrawn;

/// A registration that is being prepared. `.await` it.
#[must_use = "a procedure is registered when it is awaited"]
pub struct Register {
    client: Client,
    procedure: String,
    handler: Handler,
    options: RegisterOptions,
    drop_on_interrupt: bool,
}

impl std::fmt::Debug for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Register");
        shown.field("procedure", &self.procedure).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Register {
    pub(crate) fn new(client: Client, procedure: String, handler: Handler) -> Register {
        Register { client, procedure, handler, options: RegisterOptions::default(), drop_on_interrupt: true }
    }

    /// All procedures that start with this one. Characters, not components: `com.app` also matches `com.apple`.
    pub fn prefix(self) -> Register {
        self.match_policy(MatchPolicy::Prefix)
    }

    /// All procedures that have as many components, where an empty component stands for any: `com..create`.
    pub fn wildcard(self) -> Register {
        self.match_policy(MatchPolicy::Wildcard)
    }

    /// How procedures are compared. Default exact.
    pub fn match_policy(mut self, policy: MatchPolicy) -> Register {
        self.options.match_policy = policy;
        self
    }

    /// Shares the procedure with other callees that choose the same policy. Default [`InvokePolicy::Single`].
    pub fn invoke(mut self, policy: InvokePolicy) -> Register {
        self.options.invoke = policy;
        self
    }

    /// Calls at the same time at most. The router is told, and it is kept to here as well.
    ///
    /// Default: the router sends as many as come, and [`HANDLERS_MAX`] run at the same time; the others wait their turn.
    pub fn concurrency(mut self, calls: u32) -> Register {
        self.options.concurrency = Some(u64::from(calls.max(1)));
        self
    }

    /// Takes the procedure from whoever has it.
    pub fn force_reregister(mut self) -> Register {
        self.options.force_reregister = true;
        self
    }

    /// Asks the router to tell who calls.
    pub fn disclose_caller(mut self) -> Register {
        self.options.disclose_caller = true;
        self
    }

    /// Lets handlers run on when their call is cancelled or the connection lost: they are told by
    /// [`Invocation::canceled`](crate::Invocation::canceled) and end by themselves. Default: they are dropped at their next
    /// await, and the call is answered with `wamp.error.canceled`.
    pub fn tell_interrupts(mut self) -> Register {
        self.drop_on_interrupt = false;
        self
    }

    /// Names the node that this callee is (`nkey`), in a sharded registration: a call with
    /// [`RunMode::Partition`](crate::RunMode) and an [`rkey`](crate::Call::rkey) goes to the one node that has the key,
    /// whatever the [`invoke`](Register::invoke) policy, which still has to be one that shares. A callee without it is a node of
    /// its own.
    ///
    /// A router that does not announce `sharded_registration` ignores it. So does one that is not Crossweave where the session
    /// speaks FlatBuffers, whose schema has no place for it.
    pub fn nkey(mut self, nkey: impl Into<Box<str>>) -> Register {
        self.options.nkey = Some(nkey.into());
        self
    }

    async fn run(self) -> Result<Registration, RequestError> {
        let shared = self.client.shared().clone();
        let procedure = NewProcedure {
            uri: self.procedure.as_str().into(),
            handlers_max: self.options.concurrency.map_or(HANDLERS_MAX, |calls| calls as usize),
            options: self.options,
            handler: self.handler,
            drop_on_interrupt: self.drop_on_interrupt,
            withdrawn: watch::Sender::default(),
        };
        let withdrawn = procedure.withdrawn.subscribe();
        let (ack, answer) = oneshot::channel();
        let id = shared.send(move |core| core.register(procedure, ack)).await.map_err(request::not_sent)?;
        // Made before the answer: dropping this future leaves nothing behind.
        let mut registration =
            Registration { client: Some(self.client), procedure: self.procedure, id, withdrawn };
        match request::answered(&shared, answer, "REGISTER", &registration.procedure).await {
            Ok(_) => Ok(registration),
            Err(error) => {
                registration.give_up();
                Err(error)
            }
        }
    }
}

impl IntoFuture for Register {
    type Output = Result<Registration, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A procedure that others can call, for as long as this is kept. It is registered again on every new connection.
///
/// Dropping it unregisters; calls that run are answered. [`Registration::detach`] keeps it for the client's life.
#[derive(Debug)]
#[must_use = "dropping a registration unregisters; detach() keeps it"]
pub struct Registration {
    /// Nothing once it is detached.
    client: Option<Client>,
    procedure: String,
    id: ProcedureId,
    withdrawn: watch::Receiver<Option<Withdrawn>>,
}

impl Registration {
    /// The procedure or pattern.
    pub fn procedure(&self) -> &str {
        &self.procedure
    }

    /// Whether it still stands: the router may revoke it, or refuse it on a new connection.
    pub fn is_live(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.shared().with(|core, _| core.is_registered(self.id)))
    }

    /// Waits until it is over, and says why the router ended it; nothing if the client was closed.
    ///
    /// May be dropped and asked again.
    pub async fn withdrawn(&self) -> Option<Withdrawn> {
        let mut withdrawn = self.withdrawn.clone();
        withdrawn.wait_for(Option::is_some).await.ok().and_then(|why| why.clone())
    }

    /// Keeps the procedure for the rest of the client's life. It no longer keeps the client alive.
    pub fn detach(mut self) {
        self.client = None;
    }

    /// Unregisters and waits for the router's answer.
    ///
    /// # Errors
    /// The connection was lost before the answer, or the router refused.
    pub async fn unregister(mut self) -> Result<(), RequestError> {
        let Some(client) = self.client.take() else { return Ok(()) };
        let (ack, answer) = oneshot::channel();
        client.shared().with(|core, effects| core.unregister(self.id, Some(ack), effects));
        request::answered(client.shared(), answer, "UNREGISTER", &self.procedure).await.map(drop)
    }

    fn give_up(&mut self) {
        if let Some(client) = self.client.take() {
            client.shared().with(|core, effects| core.unregister(self.id, None, effects));
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.give_up();
    }
}
