//! Running handlers: interrupts, panics, answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crossweave_wamp::message::{self, Kind, YieldOptions};
use crossweave_wamp::{Payload, RequestId, Serializer, uris};

use crate::arguments::Arguments;
use crate::core::{Handler, Start};
use crate::error::WampError;
use crate::invocation::Invocation;
use crate::shared::{Answer, Shared};

/// Runs a handler, then those whose calls wait for their turn.
pub(crate) async fn run(shared: Arc<Shared>, start: Start) {
    let mut next = Some(start);
    while let Some(start) = next {
        let procedure = start.procedure;
        run_one(&shared, start).await;
        next = shared.with(|core, _| core.next_start(procedure));
    }
}

async fn run_one(shared: &Arc<Shared>, start: Start) {
    let Start { handler, mut invocation, drop_on_interrupt, .. } = start;
    invocation.attach(shared);
    let (epoch, request, token) =
        (invocation.epoch(), invocation.request(), invocation.cancel_token().clone());
    let result = if drop_on_interrupt {
        tokio::select! {
            biased;
            () = token.canceled() => Err(WampError::new(uris::CANCELED)),
            result = guarded(&handler, invocation) => result,
        }
    } else {
        guarded(&handler, invocation).await
    };
    drop(handler);
    shared.answer(epoch, answer(request, result, shared.serializer())).await;
}

/// Runs the handler; a panic is its error.
async fn guarded(handler: &Handler, invocation: Invocation) -> Result<Arguments, WampError> {
    let procedure = invocation.procedure.clone();
    let running = AssertUnwindSafe(|| handler(invocation));
    let panicked = || {
        tracing::error!(%procedure, "handler panicked");
        WampError::runtime("the procedure failed unexpectedly")
    };
    let running = catch_unwind(running).map_err(|_| panicked())?;
    let mut running = pin!(running);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Err(panicked())),
    })
    .await
}

fn answer(request: RequestId, result: Result<Arguments, WampError>, serializer: Serializer) -> Answer {
    let encoded = result.and_then(|arguments| {
        arguments.into_payload(serializer).map_err(|error| {
            tracing::error!(%error, "result cannot be sent");
            WampError::runtime("the procedure's result cannot be serialized")
        })
    });
    match encoded {
        Ok((payload, passthru)) => {
            let options = YieldOptions { progress: false, passthru, forward_for: None };
            Answer::Yield(message::Yield { request, options, payload })
        }
        Err(error) => {
            let mut answer = message::Error::new(Kind::Invocation, request, error.uri);
            answer.payload = Payload::new(serializer, &error.args, &error.kwargs);
            Answer::Error(answer)
        }
    }
}
