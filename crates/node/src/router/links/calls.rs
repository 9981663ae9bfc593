//! Forwarding calls.

use std::collections::HashSet;
use std::sync::Arc;

use crossweave_client::{
    Arguments, Call, CallError, Client, ForwardFor, Invocation, InvokePolicy, MatchPolicy, Registration,
    RequestError, SessionId, WampError, uris,
};

use super::watched::is_reserved;

/// Calls of one procedure that go through a link at the same time.
const CALLS_MAX: u32 = 4096;

/// Where calls go, and whose do not.
pub(super) struct Calls {
    pub(super) to: Client,
    pub(super) excluded: Arc<HashSet<String>>,
    /// The session to which they come.
    pub(super) from: SessionId,
}

impl Calls {
    /// Registers a procedure whose calls go to the other realm.
    pub(super) async fn register(
        self: &Arc<Calls>,
        from: &Client,
        procedure: String,
        policy: MatchPolicy,
        invoke: InvokePolicy,
    ) -> Result<Registration, RequestError> {
        let calls = self.clone();
        let handler = move |invocation: Invocation| {
            let calls = calls.clone();
            async move { calls.forward(invocation).await }
        };
        let register = from.register_dynamic(procedure, handler).match_policy(policy).invoke(invoke);
        register.concurrency(CALLS_MAX).await
    }

    async fn forward(&self, invocation: Invocation) -> Result<Arguments, WampError> {
        let is_excluded = |authid: &String| self.excluded.contains(authid);
        if is_reserved(&invocation.procedure) {
            return Err(unavailable("this procedure is each router's own"));
        }
        // Another callee of the realm gets the call, if there is one.
        if !invocation.forward_for.is_empty() {
            return Err(unavailable(
                "the call has come through a link between routers, and goes through no other",
            ));
        }
        if invocation.caller_authid.as_ref().is_some_and(is_excluded) {
            return Err(unavailable("calls of this authid do not go through the link between routers"));
        }
        let call = self.call(&invocation);
        if !invocation.wants_progress {
            return call.await.map(|reply| Arguments::received(reply.content)).map_err(failed);
        }
        let mut results = call.progress().await.map_err(failed)?;
        while let Some(reply) = results.next().await {
            let reply = reply.map_err(failed)?;
            let arguments = Arguments::received(reply.content);
            if reply.is_final {
                return Ok(arguments);
            }
            invocation.progress(arguments).await.map_err(failed)?;
        }
        Err(unavailable("the call has ended without a result"))
    }

    fn call(&self, invocation: &Invocation) -> Call {
        let hop = ForwardFor {
            session: invocation.caller.unwrap_or(self.from),
            authid: invocation.caller_authid.clone(),
            authrole: invocation.caller_authrole.clone().unwrap_or_else(|| "rlink".to_owned()),
        };
        let arguments = Arguments::received(invocation.content.clone());
        let mut call = self.to.call(&*invocation.procedure).arguments(arguments).forward_for([hop]);
        if invocation.caller.is_some() {
            call = call.disclose_me();
        }
        if let Some(timeout) = invocation.timeout {
            call = call.timeout(timeout);
        }
        call
    }
}

fn unavailable(why: &str) -> WampError {
    WampError::new(uris::UNAVAILABLE).arg(why)
}

/// What the callee said, or that nobody can be reached.
fn failed(error: CallError) -> WampError {
    match error {
        CallError::Disconnected(_) => unavailable("the link to the router of this procedure is down"),
        other => other.into(),
    }
}
