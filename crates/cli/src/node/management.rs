//! Asking a running node, by the socket in its directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossweave_api::error::INVALID_CONFIGURATION;
use crossweave_api::{Procedure, REALM, Scope};
use crossweave_client::{Arguments, CallError, Client, Options, Reconnect, Value};
use crossweave_node::{SOCKET, running_pid, untold_pid};
use crossweave_wamp::Serializer;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::connection::call_failure;
use crate::exit::Failure;
use crate::node::meant;
use crate::signals::{self, Signals};

/// What connecting may take. The socket is on this machine.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// How long an orderly end may take after Ctrl-C.
const GRACE: Duration = Duration::from_millis(1500);
/// How long an answer may take. Starting and stopping take their time.
const ANSWER_DEADLINE: Duration = Duration::from_secs(90);

/// How long whoever only looks waits for an answer.
const LOOK_DEADLINE: Duration = Duration::from_secs(3);

/// A session with a running node.
#[derive(Clone)]
pub(crate) struct Management {
    client: Client,
}

/// The process that runs the node of a directory.
///
/// # Errors
/// None does.
pub(crate) fn running(directory: &Path) -> Result<u32, Failure> {
    check_told(directory)?;
    running_pid(directory).ok_or_else(|| not_running(directory))
}

/// # Errors
/// This user cannot tell whether a node runs there, as it is another user's.
pub(crate) fn check_told(directory: &Path) -> Result<(), Failure> {
    let Some(error) = untold_pid(directory) else { return Ok(()) };
    let (shown, file) = (directory.display(), directory.join("node.pid"));
    let message = format_args!("cannot tell whether a node runs in {shown}: {}: {error}", file.display());
    Err(Failure::unavailable(message))
}

/// No node runs in this directory.
pub(crate) fn not_running(directory: &Path) -> Failure {
    let was_left = directory.join("node.pid").exists();
    let why = if was_left { " (node.pid was left behind by one that was killed)" } else { "" };
    let hint = meant(directory).unwrap_or_default();
    Failure::unavailable(format_args!("no node runs in {}{why}{hint}", directory.display()))
}

/// Asks the node of a directory, then leaves. Ctrl-C ends it.
///
/// # Errors
/// No node runs there, it cannot be reached, or what `work` says.
pub(crate) fn manage<T>(
    directory: &Path,
    work: impl AsyncFnOnce(&Management) -> Result<T, Failure>,
) -> Result<T, Failure> {
    manage_then(directory, work, async |_| {})
}

/// The same, and does something at the end, also after Ctrl-C.
///
/// # Errors
/// As [`manage`].
pub(crate) fn manage_then<T>(
    directory: &Path,
    work: impl AsyncFnOnce(&Management) -> Result<T, Failure>,
    end: impl AsyncFnOnce(&Management),
) -> Result<T, Failure> {
    running(directory)?;
    let cannot = |error| Failure::setup(format_args!("cannot set up input and output: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(cannot)?;
    signals::watch(GRACE).map_err(cannot)?;
    let ended = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(cannot)?;
        let management = Management::connect(directory).await?;
        let ended = tokio::select! {
            ended = work(&management) => ended,
            _ = signals.next() => Err(Failure::interrupted()),
        };
        end(&management).await;
        management.client.leave().await;
        ended
    });
    runtime.shutdown_background();
    ended
}

impl Management {
    async fn connect(directory: &Path) -> Result<Management, Failure> {
        let socket: PathBuf = directory.join(SOCKET);
        let cannot = |why: &dyn std::fmt::Display| {
            let socket = socket.display();
            Failure::unavailable(format_args!("a node runs, but cannot be asked at {socket}: {why}"))
        };
        let options = Options {
            reconnect: Reconnect::Off,
            connect_timeout: CONNECT_DEADLINE,
            join_timeout: CONNECT_DEADLINE,
            ..Options::default()
        };
        let client = Client::connect_with(&format!("unix:{}", socket.display()), REALM, options).await;
        client.map(|client| Management { client }).map_err(|error| cannot(&error))
    }

    /// The same for what is only looked at, and has to be there soon: none if nobody answers within 3 s.
    ///
    /// # Errors
    /// It answered with an error.
    pub(crate) async fn ask_soon<P: Procedure>(
        &self,
        worker: Option<&str>,
        call: &P,
    ) -> Result<Option<P::Result>, Failure> {
        match timeout(LOOK_DEADLINE, self.ask(worker, call)).await {
            Ok(answer) => answer.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Calls a procedure of the controller, or of the worker of this id.
    ///
    /// # Errors
    /// It answered with an error, or not at all.
    pub(crate) async fn ask<P: Procedure>(
        &self,
        worker: Option<&str>,
        call: &P,
    ) -> Result<P::Result, Failure> {
        let uri = format!("{}.{}", Scope::prefix(worker), P::CONTRACT.name);
        let mut arguments = Arguments::new();
        for (name, value) in to_value(call).as_dict().cloned().unwrap_or_default() {
            arguments = arguments.kwarg(name, value);
        }
        let call = self.client.call(&uri).arguments(arguments).timeout(ANSWER_DEADLINE);
        let reply = call.await.map_err(failure)?;
        let result = to_json(&reply.args().into_iter().next().unwrap_or_default());
        serde_json::from_value(result)
            .map_err(|error| Failure::setup(format_args!("{uri} answered something else: {error}")))
    }
}

/// Problems of a configuration say all that there is to be said.
fn failure(error: CallError) -> Failure {
    let problems = match &error {
        CallError::Application(answer) if answer.uri == INVALID_CONFIGURATION => {
            answer.args.first().and_then(|it| it.as_str()).map(str::to_owned)
        }
        _ => None,
    };
    let mut failure = call_failure(error);
    failure.message = problems.or(failure.message);
    failure
}

fn to_value(value: &impl serde::Serialize) -> Value {
    let bytes = serde_json::to_vec(value).expect("the API's own types can be written as JSON");
    Serializer::Json.decode_value(&bytes).unwrap_or_default()
}

/// A value of the management API as JSON.
pub(crate) fn to_json(value: &Value) -> serde_json::Value {
    let mut bytes = Vec::new();
    Serializer::Json.encode_value(value, &mut bytes);
    serde_json::from_slice(&bytes).unwrap_or_default()
}
