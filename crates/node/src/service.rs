//! Answering the procedures of the management API, and publishing its events.

use std::future::Future;
use std::sync::Arc;

use crossweave_api::process::{Requester, SessionIdent};
use crossweave_api::{ABSENT, Error, Event, Procedure, Scope, error};
use crossweave_client::{Arguments, CallError, Client, Dict, Invocation, Value, WampError};
use crossweave_config::{ID, Problem, Problems, is_id};
use crossweave_wamp::{Serializer, SessionId};
use serde::Serialize;
use serde_json::Value as Json;
use tracing::debug;

/// The role of the controller on the management realm. It may do everything there.
pub(crate) const CONTROLLER: &str = "controller";

/// The place of one process, or of one worker, on the management realm.
#[derive(Clone)]
pub(crate) struct Service {
    client: Client,
    prefix: Arc<str>,
}

/// Who calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    pub(crate) session: Option<u64>,
    authid: Option<String>,
    authrole: Option<String>,
    /// The call, if its caller takes progressive results.
    call: Option<Arc<Invocation>>,
}

impl Caller {
    fn of(invocation: &Invocation) -> Caller {
        Caller {
            session: invocation.caller.map(|it| it.0),
            authid: invocation.caller_authid.clone(),
            authrole: invocation.caller_authrole.clone(),
            call: invocation.wants_progress.then(|| Arc::new(invocation.clone())),
        }
    }

    /// What is to be said of a part of a configuration that it has given. The controller gives what stands in the node's
    /// configuration, and whoever has read that has said it.
    pub(crate) fn warnings<'p>(&self, found: &'p Problems) -> impl Iterator<Item = &'p Problem> + use<'p> {
        let is_said = self.authrole() == Some(CONTROLLER);
        found.iter().filter(move |_| !is_said)
    }

    /// A progressive result, if the caller takes any.
    pub(crate) async fn progress(&self, result: &impl Serialize) {
        if let Some(call) = &self.call
            && let Err(error) = call.progress(to_result(result)).await
        {
            debug!(procedure = %call.procedure, %error, "progressive result was not sent");
        }
    }

    pub(crate) fn authrole(&self) -> Option<&str> {
        self.authrole.as_deref()
    }

    pub(crate) fn requester(&self) -> Requester {
        Requester { session_id: self.session, auth_id: self.authid.clone(), auth_role: self.authrole.clone() }
    }

    pub(crate) fn ident(&self) -> SessionIdent {
        SessionIdent { session: self.session, authid: self.authid.clone(), authrole: self.authrole.clone() }
    }
}

impl Service {
    /// Of the worker of this id, or of the controller.
    pub(crate) fn new(client: Client, worker: Option<&str>) -> Service {
        Service { client, prefix: Scope::prefix(worker).into() }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Answers a procedure from now on.
    ///
    /// # Errors
    /// It cannot be registered.
    pub(crate) async fn answer<P, H, F>(&self, handler: H) -> Result<(), String>
    where
        P: Procedure,
        H: Fn(Caller, P) -> F + Send + Sync + 'static,
        F: Future<Output = Result<P::Result, Error>> + Send + 'static,
    {
        let uri = format!("{}.{}", self.prefix, P::CONTRACT.name);
        let handler = Arc::new(handler);
        let answer = move |invocation: Invocation| {
            let handler = handler.clone();
            async move {
                let arguments = arguments::<P>(&invocation).map_err(wamp_error)?;
                let caller = Caller::of(&invocation);
                debug!(procedure = %invocation.procedure, who = caller.session, "management call");
                let result = handler(caller, arguments).await.map_err(wamp_error)?;
                Ok(to_result(&result))
            }
        };
        // Whoever gives up waiting does not stop what was begun.
        let registration = self.client.register_dynamic(uri.clone(), answer).tell_interrupts().await;
        registration.map_err(|error| format!("cannot register {uri}: {error}"))?.detach();
        Ok(())
    }

    /// Says from now on why what Crossbar.io has in this scope is not here.
    ///
    /// # Errors
    /// A procedure cannot be registered.
    pub(crate) async fn refuse_absent(&self, scope: Scope) -> Result<(), String> {
        for absent in ABSENT.iter().filter(|it| it.scope == scope) {
            for name in absent.names {
                let uri = format!("{}.{name}", self.prefix);
                let answer = |_: Invocation| async {
                    Err::<Arguments, _>(wamp_error(Error::new(error::FEATURE_UNAVAILABLE, absent.why)))
                };
                let registration = self.client.register_dynamic(uri.clone(), answer).await;
                registration.map_err(|error| format!("cannot register {uri}: {error}"))?.detach();
            }
        }
        Ok(())
    }

    /// Publishes an event with one argument, to everybody.
    pub(crate) async fn tell(&self, event: &Event, argument: &impl Serialize) {
        self.publish(event.name, None, one(argument)).await;
    }

    /// Publishes an event with one argument, to everybody but the session that has called for it.
    pub(crate) async fn tell_others(&self, event: &Event, who: Option<u64>, argument: &impl Serialize) {
        self.publish(event.name, who, one(argument)).await;
    }

    /// The same with several arguments.
    pub(crate) async fn tell_several(&self, event: &Event, who: Option<u64>, arguments: Vec<Value>) {
        self.publish(event.name, who, arguments.into()).await;
    }

    /// Publishes an event whose name depends on what it is about, to everybody but the session that has called for it.
    pub(crate) async fn tell_as(&self, name: &str, who: Option<u64>, argument: &impl Serialize) {
        self.publish(name, who, one(argument)).await;
    }

    async fn publish(&self, name: &str, but: Option<u64>, arguments: Arguments) {
        let topic = format!("{}.{name}", self.prefix);
        let event = self.client.publish_arguments(topic.clone(), arguments);
        let event = match but {
            Some(session) => event.exclude([SessionId(session)]),
            None => event,
        };
        if let Err(error) = event.await {
            debug!(topic, %error, "event was not published");
        }
    }
}

/// Answers procedures by methods of the same arguments, each time on a clone of who has them.
macro_rules! answers {
    ($service:expr, $who:expr, $($procedure:ty => $method:ident),+ $(,)?) => {
        $({
            let who = $who.clone();
            let handler = move |caller, arguments: $procedure| {
                let who = who.clone();
                async move { who.$method(caller, arguments).await }
            };
            $service.answer::<$procedure, _, _>(handler).await?;
        })+
    };
}
pub(crate) use answers;

/// The arguments of a procedure by their names, for a call.
pub(crate) fn by_name(arguments: &impl Serialize) -> Arguments {
    let given = to_value(arguments).as_dict().cloned().unwrap_or_default();
    given.into_iter().fold(Arguments::new(), |arguments, (name, value)| arguments.kwarg(name, value))
}

/// What a failed call says, for people.
pub(crate) fn reason(error: &CallError) -> String {
    match error {
        CallError::Application(answer) => match answer.args.first().and_then(|it| it.as_str()) {
            Some(text) => text.to_owned(),
            None => answer.uri.clone(),
        },
        other => other.to_string(),
    }
}

/// The arguments of a call, given by position or by name.
fn arguments<P: Procedure>(invocation: &Invocation) -> Result<P, Error> {
    from_call::<P>(invocation.args(), invocation.kwargs())
}

fn from_call<P: Procedure>(args: Vec<Value>, kwargs: Dict) -> Result<P, Error> {
    let contract = P::CONTRACT;
    let invalid =
        |what: String| Err(Error::new(error::INVALID_ARGUMENT, format!("{}: {what}", contract.name)));
    if args.len() > contract.arguments.len() {
        return invalid(format!(
            "{} arguments are too many, it takes {}",
            args.len(),
            contract.arguments.len()
        ));
    }
    let mut given = serde_json::Map::new();
    for (argument, value) in contract.arguments.iter().zip(args) {
        given.insert(argument.name.to_owned(), to_json(&value));
    }
    for (name, value) in kwargs {
        if given.insert(name.clone(), to_json(&value)).is_some() {
            return invalid(format!("argument `{name}` is given twice"));
        }
    }
    // Who gives arguments by position cannot leave out one before another.
    for argument in contract.arguments.iter().filter(|it| it.has_default()) {
        if given.get(argument.name).is_some_and(Json::is_null) {
            given.remove(argument.name);
        }
    }
    match serde_json::from_value(Json::Object(given)) {
        Ok(arguments) => Ok(arguments),
        Err(error) => invalid(in_words_of_wamp(&error.to_string())),
    }
}

/// What a Rust library says of a value, in the words that callers have for it.
#[cold]
fn in_words_of_wamp(text: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("missing field", "missing argument"),
        ("unknown field", "unknown argument"),
        ("duplicate field", "twice the same argument"),
        ("sequence", "list"),
        (" map", " dict"),
        ("floating point", "number"),
    ];
    const KINDS: &[(&[&str], &str)] = &[
        (&["u8", "u16", "u32", "u64", "usize"], "an integer that is not negative and not too large"),
        (&["i8", "i16", "i32", "i64", "isize"], "an integer that is not too large"),
        (&["f32", "f64"], "a number"),
    ];
    let mut text = WORDS.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours));
    if let Some((before, expected)) = text.clone().rsplit_once("expected ") {
        if let Some((_, ours)) = KINDS.iter().find(|(theirs, _)| theirs.contains(&expected)) {
            text = format!("{before}expected {ours}");
        } else if expected.starts_with("struct ") {
            text = format!("{before}expected a dict");
        }
    }
    text
}

/// Refuses an id that could not stand in a configuration; `what` it is the id of.
///
/// # Errors
/// It is no such id.
pub(crate) fn check_id(what: &str, id: &str) -> Result<(), Error> {
    if is_id(id) {
        return Ok(());
    }
    let message = format!("{id:?} cannot be the id of a {what}: expected {ID}");
    Err(Error::new(error::INVALID_ARGUMENT, message))
}

/// The one argument of an event, or none.
fn one(argument: &impl Serialize) -> Arguments {
    match to_value(argument) {
        Value::Null => Arguments::new(),
        value => Arguments::new().arg(value),
    }
}

fn to_result(result: &impl Serialize) -> Arguments {
    Arguments::new().arg(to_value(result))
}

/// A value of the management API as WAMP has it.
pub(crate) fn to_value(value: &impl Serialize) -> Value {
    let bytes = serde_json::to_vec(value).expect("the API's own types can be written as JSON");
    Serializer::Json.decode_value(&bytes).unwrap_or_default()
}

pub(crate) fn to_json(value: &Value) -> Json {
    let mut bytes = Vec::new();
    Serializer::Json.encode_value(value, &mut bytes);
    serde_json::from_slice(&bytes).unwrap_or_default()
}

pub(crate) fn wamp_error(error: Error) -> WampError {
    WampError::new(error.uri).arg(error.message)
}

#[cfg(test)]
mod tests {
    use crossweave_api::node::{GetWorker, GetWorkers};
    use crossweave_api::router::StartRouterRealmRole;
    use serde_json::json;

    use super::*;

    fn get_worker(args: &[Value], kwargs: Dict) -> Result<GetWorker, String> {
        from_call(args.to_vec(), kwargs).map_err(|error| error.message)
    }

    #[test]
    fn arguments_come_by_position_and_by_name() {
        let expected = GetWorker { worker_id: "w1".to_owned(), include_stats: true };
        assert_eq!(get_worker(&["w1".into(), true.into()], Dict::new()), Ok(expected.clone()));
        assert_eq!(get_worker(&["w1".into()], Dict::new().with("include_stats", true)), Ok(expected.clone()));
        let named = Dict::new().with("worker_id", "w1").with("include_stats", true);
        assert_eq!(get_worker(&[], named), Ok(expected));
        for args in [vec![], vec![Value::Null]] {
            let all = from_call::<GetWorkers>(args, Dict::new()).unwrap();
            assert!(all.filter_types.is_empty());
        }
    }

    #[test]
    fn arguments_have_the_names_that_crossbar_has_for_them() {
        let config = || Dict::new().with("name", "user");
        let expected = json!({"realm_id": "realm1", "role_id": "role1", "config": {"name": "user"}});
        let expected: StartRouterRealmRole = serde_json::from_value(expected).unwrap();
        let ids = || vec!["realm1".into(), "role1".into()];
        for name in ["config", "role_config"] {
            let named = Dict::new().with(name, Value::Dict(config()));
            assert_eq!(from_call::<StartRouterRealmRole>(ids(), named), Ok(expected.clone()), "{name}");
        }
        let mut args = ids();
        args.push(Value::Dict(config()));
        let twice = from_call::<StartRouterRealmRole>(args, Dict::new().with("role_config", 1)).unwrap_err();
        assert!(twice.message.contains("twice the same argument `config`"), "{twice}");
    }

    #[test]
    fn errors_are_in_words_that_callers_know() {
        for (theirs, ours) in [
            (
                "invalid value: integer `-1`, expected u64",
                "expected an integer that is not negative and not too large",
            ),
            ("invalid type: string \"a\", expected a sequence", "expected a list"),
            ("invalid type: sequence, expected struct Limits", "invalid type: list, expected a dict"),
            ("invalid type: map, expected f64", "invalid type: dict, expected a number"),
            ("missing field `worker_id`", "missing argument `worker_id`"),
        ] {
            let told = in_words_of_wamp(theirs);
            assert!(told.ends_with(ours), "{theirs}: {told}");
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let twice = Dict::new().with("worker_id", "w1");
        for (args, kwargs, named) in [
            (vec![], Dict::new(), "worker_id"),
            (vec!["w1".into()], twice, "given twice"),
            (vec!["w1".into()], Dict::new().with("stats", true), "stats"),
            (vec![5.into()], Dict::new(), "invalid type: integer `5`, expected a string"),
            (vec!["a".into(), true.into(), 3.into()], Dict::new(), "too many"),
        ] {
            let error = get_worker(&args, kwargs).unwrap_err();
            assert!(error.contains(named) && error.starts_with("get_worker: "), "{error}");
        }
    }
}
