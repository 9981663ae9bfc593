//! Calling procedures.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crossweave_wamp::message::{self, CallOptions, CallSharding, CancelMode, ForwardFor, RunMode};
use crossweave_wamp::{RequestId, Value, features::Features};

use crate::arguments::Arguments;
use crate::client::Client;
use crate::core::{CallSlot, Epoch, SendError};
use crate::error::{CallError, EncodeError};
use crate::limits::{CALL_TIMEOUT_GRACE, PROGRESS_BYTES_MAX, PROGRESS_RESULTS_MAX};
use crate::queue::{Bounds, Next, Queue};
use crate::reply::Reply;
use crate::shared::Shared;

/// A call that is being prepared. `.await` sends it and waits for its result.
///
/// Dropping the future cancels the call at the router (CANCEL).
#[derive(Clone, Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct Call {
    client: Client,
    procedure: String,
    arguments: Arguments,
    timeout: Option<Duration>,
    disclose_me: bool,
    cancel_mode: CancelMode,
    sharding: Option<Box<CallSharding>>,
    forward_for: Option<Box<[ForwardFor]>>,
}

impl Call {
    pub(crate) fn new(client: Client, procedure: String) -> Call {
        let (arguments, cancel_mode) = (Arguments::new(), CancelMode::KillNoWait);
        Call {
            client,
            procedure,
            arguments,
            timeout: None,
            disclose_me: false,
            cancel_mode,
            sharding: None,
            forward_for: None,
        }
    }

    /// Appends an argument.
    pub fn arg(mut self, value: impl Into<Value>) -> Call {
        self.arguments = self.arguments.arg(value);
        self
    }

    /// Sets a keyword argument.
    pub fn kwarg(mut self, name: impl Into<String>, value: impl Into<Value>) -> Call {
        self.arguments = self.arguments.kwarg(name, value);
        self
    }

    /// Sets all arguments: a tuple or list is the arguments, `()` is none, any other value is the only one.
    pub fn args(mut self, args: &impl Serialize) -> Call {
        self.arguments = self.arguments.args(args);
        self
    }

    /// Sets all keyword arguments from a struct or a map.
    pub fn kwargs(mut self, kwargs: &impl Serialize) -> Call {
        self.arguments = self.arguments.kwargs(kwargs);
        self
    }

    /// Sets what is sent along.
    pub fn arguments(mut self, arguments: Arguments) -> Call {
        self.arguments = arguments;
        self
    }

    /// Gives up after this long; with [progressive results](Call::progress), when none has come for so long. The router is
    /// told (`CALL.Options.timeout`, in milliseconds) and ends the call; where it does not watch timeouts, or does not answer,
    /// the call is ended here.
    pub fn timeout(mut self, timeout: Duration) -> Call {
        self.timeout = Some(timeout);
        self
    }

    /// Tells the callee who calls, if the router agrees.
    pub fn disclose_me(mut self) -> Call {
        self.disclose_me = true;
        self
    }

    /// How to cancel when the future or stream is dropped. Default [`CancelMode::KillNoWait`].
    pub fn cancel_mode(mut self, mode: CancelMode) -> Call {
        self.cancel_mode = mode;
        self
    }

    /// Names what the call is about (`rkey`), for [`RunMode::Partition`]; alone it means nothing.
    pub fn rkey(mut self, rkey: impl Into<Box<str>>) -> Call {
        self.sharding.get_or_insert_default().rkey = Some(rkey.into());
        self
    }

    /// Which callees of a sharded registration get the call. [`RunMode::Partition`] needs an [`rkey`](Call::rkey) and is for the
    /// one [node](crate::Register::nkey) that has it; Crossweave refuses [`RunMode::All`], as the specification does not say
    /// what its caller gets. Default: the registration's policy chooses.
    ///
    /// A router that does not announce `sharded_registration` lets its policy choose. So does one that is not Crossweave where
    /// the session speaks FlatBuffers, whose schema has no place for it.
    pub fn runmode(mut self, mode: RunMode) -> Call {
        self.sharding.get_or_insert_default().runmode = Some(mode);
        self
    }

    /// Passes on a call that was made on another router: who calls, and which routers it came through.
    pub fn forward_for(mut self, hops: impl Into<Box<[ForwardFor]>>) -> Call {
        self.forward_for = Some(hops.into());
        self
    }

    /// Waits for the result as `R`: one argument is `R` itself, several are a tuple or list, none is `()` or `None`.
    ///
    /// # Errors
    /// The call failed, or its result is not an `R`.
    pub async fn get<R: DeserializeOwned>(self) -> Result<R, CallError> {
        let procedure = self.procedure.clone();
        let reply = self.run().await?;
        reply.result().map_err(|cause| CallError::Decode { procedure, cause })
    }

    /// Sends the call and asks for progressive results; they are read from the stream, the final one last.
    ///
    /// # Errors
    /// The call could not be sent.
    pub async fn progress(self) -> Result<CallStream, CallError> {
        let bounds = Bounds { len_max: PROGRESS_RESULTS_MAX, bytes_max: PROGRESS_BYTES_MAX };
        let queue = Arc::new(Queue::new(bounds));
        let patience = self.deadline().map(|wait| Patience { wait, end: Box::pin(tokio::time::sleep(wait)) });
        let guard = self.send(true, CallSlot::Stream(queue.clone())).await?;
        Ok(CallStream { queue, guard, patience, is_over: false })
    }

    async fn run(self) -> Result<Reply, CallError> {
        let deadline = self.deadline();
        let (slot, answer) = oneshot::channel();
        let mut guard = self.send(false, CallSlot::Single(slot)).await?;
        let answer = match deadline {
            None => answer.await,
            Some(wait) => match tokio::time::timeout(wait, answer).await {
                Ok(answer) => answer,
                // The guard cancels.
                Err(_) => return Err(timed_out()),
            },
        };
        guard.is_armed = false;
        // The slot is dropped only with the runtime.
        answer.unwrap_or_else(|_| Err(guard.shared.disconnected("runtime is shutting down").into()))
    }

    /// How long to wait here: longer than the router, if it watches timeouts.
    fn deadline(&self) -> Option<Duration> {
        let dealer = self.client.session().roles.dealer.unwrap_or_default();
        let grace = if dealer.has(Features::CALL_TIMEOUT) { CALL_TIMEOUT_GRACE } else { Duration::ZERO };
        Some(self.timeout?.saturating_add(grace))
    }

    async fn send(self, receive_progress: bool, slot: CallSlot) -> Result<CancelOnDrop, CallError> {
        let shared = self.client.shared().clone();
        let (payload, passthru) = self.arguments.into_payload(shared.serializer())?;
        let timeout_ms = self.timeout.map_or(0, |timeout| timeout.as_millis().clamp(1, 1 << 53) as u64);
        let options = CallOptions {
            timeout_ms,
            receive_progress,
            disclose_me: self.disclose_me,
            sharding: self.sharding,
            passthru,
            forward_for: self.forward_for,
            ..CallOptions::default()
        };
        let procedure = self.procedure;
        let call = move |request| message::Call { request, options, procedure: procedure.into(), payload };
        let sent = shared.send(move |core| Ok((core.epoch(), core.call(call, slot)?))).await;
        let (epoch, request) = sent.map_err(not_sent)?;
        Ok(CancelOnDrop { shared, epoch, request, mode: self.cancel_mode, is_armed: true })
    }
}

fn timed_out() -> CallError {
    CallError::Timeout("no answer within the call's timeout".to_owned())
}

fn not_sent(error: SendError) -> CallError {
    match error {
        SendError::Disconnected(why) => CallError::Disconnected(why),
        SendError::TooLong(too_long) => CallError::Encode(EncodeError::TooLong(too_long)),
    }
}

impl IntoFuture for Call {
    type Output = Result<Reply, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Cancels a call that nobody waits for any more.
#[derive(Debug)]
struct CancelOnDrop {
    shared: Arc<Shared>,
    epoch: Epoch,
    request: RequestId,
    mode: CancelMode,
    is_armed: bool,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if self.is_armed {
            self.shared.with(|core, effects| core.cancel(self.epoch, self.request, self.mode, effects));
        }
    }
}

/// The results of a call, as they come: progressive ones, then the final one ([`Reply::is_final`]) or an error.
///
/// Dropping it before cancels the call. If too many results wait ([`PROGRESS_RESULTS_MAX`], [`PROGRESS_BYTES_MAX`]), the
/// call is cancelled and the stream ends with [`CallError::Overrun`].
#[must_use = "results are read from it"]
pub struct CallStream {
    queue: Arc<Queue<Result<Reply, CallError>>>,
    guard: CancelOnDrop,
    patience: Option<Patience>,
    is_over: bool,
}

/// How long to wait for the next result.
struct Patience {
    wait: Duration,
    end: Pin<Box<tokio::time::Sleep>>,
}

impl std::fmt::Debug for CallStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallStream").field("request", &self.guard.request).finish_non_exhaustive()
    }
}

impl CallStream {
    /// The next result; nothing after the final one or an error.
    pub async fn next(&mut self) -> Option<Result<Reply, CallError>> {
        std::future::poll_fn(|cx| self.poll_reply(cx)).await
    }

    fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Reply, CallError>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(next) = self.queue.poll_next(cx) {
            return Poll::Ready(self.take(next));
        }
        if let Some(patience) = &mut self.patience
            && patience.end.as_mut().poll(cx).is_ready()
        {
            self.is_over = true;
            let CancelOnDrop { shared, epoch, request, mode, .. } = &self.guard;
            shared.with(|core, effects| core.cancel(*epoch, *request, *mode, effects));
            return Poll::Ready(Some(Err(timed_out())));
        }
        Poll::Pending
    }

    fn take(&mut self, next: Next<Result<Reply, CallError>>) -> Option<Result<Reply, CallError>> {
        let Next::Item(reply) = next else {
            self.is_over = true;
            return None;
        };
        if !matches!(&reply, Ok(reply) if !reply.is_final) {
            self.is_over = true;
            self.guard.is_armed = false;
        } else if let Some(Patience { wait, end }) = &mut self.patience {
            end.as_mut().reset(tokio::time::Instant::now() + *wait);
        }
        Some(reply)
    }
}

impl Stream for CallStream {
    type Item = Result<Reply, CallError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_reply(cx)
    }
}
