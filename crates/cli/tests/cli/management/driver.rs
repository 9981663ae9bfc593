//! Calls the management API and holds what comes back against the contracts.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use crossweave_api::{ABSENT, Argument, Contract, Procedure, REALM, Scope, error, events, procedures};
use crossweave_client::{Arguments, CallError, Client, Reply, Subscription, Value};
use crossweave_wamp::Serializer;
use serde_json::{Value as Json, json};
use tokio::time::{sleep, timeout};

use super::events::Events;
use super::{CONTAINER, MONITOR, PROXY, ROUTER, TESTEE};
use crate::background::PATIENCE;

/// What needs an interpreter of Python with Autobahn.
const IN_PYTHON: [&str; 7] = [
    "start_component",
    "stop_component",
    "restart_component",
    "get_component",
    "get_router_component",
    "start_router_component",
    "stop_router_component",
];
/// The events of those.
const EVENTS_IN_PYTHON: [&str; 7] = [
    "container.on_component_stop",
    "on_component_start",
    "on_component_ready",
    "on_component_stop",
    "on_component_started",
    "on_component_stopped",
    "on_component_restarted",
];

/// What marks a moment in the events of the management realm.
const MARK: &str = "crossbar.mark";

/// Two sessions with a node: one calls, and both hear the events.
pub(super) struct Driver {
    client: Client,
    /// What it hears itself.
    own: Subscription,
    /// The topics that it has heard since its last call.
    heard: Vec<String>,
    observer: Client,
    events: Events,
    driven: HashSet<(&'static str, &'static str)>,
    /// Arguments are given by name and by position in turn.
    is_by_position: bool,
}

impl Driver {
    pub(super) async fn connect(folder: &Path) -> Driver {
        let url = format!("unix:{}", folder.join("node.sock").display());
        // The node may only have been started.
        let connecting = async {
            loop {
                match Client::connect(&url, REALM).await {
                    Ok(client) => return client,
                    Err(_) => sleep(Duration::from_millis(2)).await,
                }
            }
        };
        let client = timeout(PATIENCE, connecting).await.expect("the node can be managed");
        let own = client.subscribe("crossbar.").prefix().await.expect("everything can be heard");
        let observer = Client::connect(&url, REALM).await.expect("the node can be managed");
        let events = Events::listen(&observer).await;
        let (heard, driven) = (Vec::new(), HashSet::new());
        Driver { client, own, heard, observer, events, driven, is_by_position: false }
    }

    /// The id of the session.
    pub(super) fn session(&self) -> Option<u64> {
        Some(self.client.session().id.0)
    }

    /// A call that works, and leads to the events of its contract.
    pub(super) async fn right<P: Procedure>(&mut self, who: Option<&str>, call: &P) -> P::Result {
        self.right_with(who, call, P::CONTRACT.events).await
    }

    /// A call that works, and leads to these events.
    pub(super) async fn right_with<P: Procedure>(
        &mut self,
        who: Option<&str>,
        call: &P,
        events: &[&str],
    ) -> P::Result {
        let uri = uri::<P>(who);
        let given = serde_json::to_value(call).unwrap();
        self.events.forget();
        self.is_by_position = !self.is_by_position;
        let arguments = match self.is_by_position {
            true => by_position(&P::CONTRACT, &given),
            false => by_name(&given),
        };
        let reply = self.call(&uri, arguments).await;
        let reply = reply.unwrap_or_else(|error| panic!("{uri} with {given}: {error}"));
        assert!(reply.args().len() <= 1 && reply.kwargs().is_empty(), "{uri}: {reply:?}");
        for event in events {
            // The type of a worker is part of their names.
            let event = event.replace("TYPE", "router");
            let topic = format!("{}.{event}", Scope::prefix(who));
            self.events.next(&topic).await;
        }
        if P::CONTRACT.name != "shutdown" {
            self.listen().await;
            self.hears_nothing_for_others(who, &P::CONTRACT);
        }
        self.driven.insert((scope(P::CONTRACT.scope), P::CONTRACT.name));
        let result = to_json(&reply.args().into_iter().next().unwrap_or_default());
        serde_json::from_value(result.clone())
            .unwrap_or_else(|error| panic!("{uri}: {result} is not what the contract says: {error}"))
    }

    /// Hears itself what the other session has heard so far.
    async fn listen(&mut self) {
        self.observer.publish(MARK, ()).acknowledged().await.expect("everything can be published");
        self.heard.clear();
        loop {
            let event = timeout(PATIENCE, self.own.next()).await.expect("the mark comes");
            let topic = event.expect("the session is there").expect("no event is lost").topic.to_string();
            if topic == MARK {
                return;
            }
            self.heard.push(topic);
        }
    }

    /// Whether it has heard this event since its last call itself.
    pub(super) fn hears(&self, topic: &str) -> bool {
        self.heard.iter().any(|it| it == topic)
    }

    fn hears_nothing_for_others(&self, who: Option<&str>, contract: &Contract) {
        let is_for_others = |name: &&&str| {
            events().any(|it| (it.scope, it.name) == (contract.scope, **name) && !it.is_for_all)
        };
        for name in contract.events.iter().filter(is_for_others) {
            let topic = format!("{}.{}", Scope::prefix(who), name.replace("TYPE", "router"));
            assert!(!self.hears(&topic), "{topic} was told to the caller, who has the result");
        }
    }

    /// A call by position that gives progressive results; the last one is the final one.
    pub(super) async fn progressive(&self, uri: &str, args: &[Json]) -> Vec<Json> {
        let call = self.client.call(uri).arguments(args.iter().map(to_value).collect::<Vec<Value>>().into());
        let mut results = call.progress().await.expect("it is sent");
        let mut told = Vec::new();
        while let Some(result) = timeout(PATIENCE, results.next()).await.expect("it answers") {
            told.push(to_json(&result.expect("it works").args()[0]));
        }
        told
    }

    /// A call that fails with this error.
    pub(super) async fn wrong<P: Procedure>(&mut self, who: Option<&str>, call: &P, expected: &str) {
        let contract = P::CONTRACT;
        let is_documented = contract.errors.contains(&expected) || expected == error::INVALID_ARGUMENT;
        assert!(is_documented, "{} can fail with {expected}, which its contract does not say", contract.name);
        let given = serde_json::to_value(call).unwrap();
        self.fails(&uri::<P>(who), by_name(&given), expected).await;
    }

    /// Arguments that no procedure takes: every one says so.
    pub(super) async fn wrong_arguments(&mut self) {
        for contract in procedures() {
            for who in who_answers(contract.scope) {
                self.wrong_arguments_of(contract, *who).await;
            }
        }
    }

    /// What of Crossbar.io is not here: it is said, whatever is asked.
    pub(super) async fn absent(&mut self) {
        for absent in ABSENT {
            for who in who_answers(absent.scope) {
                for name in absent.names {
                    let uri = format!("{}.{name}", Scope::prefix(*who));
                    let arguments = Arguments::new().arg("anything").kwarg("at", "all");
                    self.fails(&uri, arguments, error::FEATURE_UNAVAILABLE).await;
                }
            }
        }
    }

    async fn wrong_arguments_of(&mut self, contract: &Contract, who: Option<&str>) {
        let uri = format!("{}.{}", Scope::prefix(who), contract.name);
        let invalid = error::INVALID_ARGUMENT;
        let required = contract.arguments.iter().filter(|it| is_required(it));
        let mut good = json!({});
        for argument in required.clone() {
            good[argument.name] = example(argument);
        }
        let with = |name: &str, value: Json| {
            let mut arguments = good.clone();
            arguments[name] = value;
            by_name(&arguments)
        };
        self.fails(&uri, with("nonsense", json!(1)), invalid).await;
        let too_many = (0..=contract.arguments.len()).fold(Arguments::new(), |list, _| list.arg(1));
        self.fails(&uri, too_many, invalid).await;
        for argument in required {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(argument.name);
            self.fails(&uri, by_name(&without), invalid).await;
        }
        for argument in
            contract.arguments.iter().filter(|it| it.kind != "Config" && !it.kind.contains("Config"))
        {
            // No argument is a list of lists.
            self.fails(&uri, with(argument.name, json!([[]])), invalid).await;
        }
    }

    async fn fails(&mut self, uri: &str, arguments: Arguments, expected: &str) {
        let shown = format!("{arguments:?}");
        match self.call(uri, arguments).await {
            Err(CallError::Application(answer)) => {
                assert_eq!(answer.uri, expected, "{uri} with {shown}: {:?}", answer.args);
                let text = answer.args.first().and_then(Value::as_str).unwrap_or_default();
                assert!(!text.is_empty() && !text.ends_with('.'), "{uri} says {text:?}");
            }
            other => panic!("{uri} with {shown} does not fail with {expected}: {other:?}"),
        }
    }

    async fn call(&self, uri: &str, arguments: Arguments) -> Result<Reply, CallError> {
        let call = self.client.call(uri).arguments(arguments);
        timeout(PATIENCE, call).await.unwrap_or_else(|_| panic!("{uri} does not answer"))
    }

    /// The next event of a topic, also one that came before.
    pub(super) async fn event(&mut self, topic: &str) -> Json {
        self.events.next(topic).await
    }

    /// A procedure that was driven in another way than by this.
    pub(super) fn note_driven(&mut self, contract: &Contract) {
        self.driven.insert((scope(contract.scope), contract.name));
    }

    /// Everything of the contracts was driven and has come. Without Python, what needs it is left out.
    pub(super) fn is_complete(&self, has_python: bool) {
        let is_left_out = |names: &[&str], name: &str| !has_python && names.contains(&name);
        let driven = |it: &&Contract| self.driven.contains(&(scope(it.scope), it.name));
        let missing: Vec<&str> = procedures()
            .filter(|it| !driven(it) && !is_left_out(&IN_PYTHON, it.name))
            .map(|it| it.name)
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "these were not driven");
        let mut missing = self.events.never_heard();
        missing.retain(|name| !is_left_out(&EVENTS_IN_PYTHON, name));
        assert_eq!(missing, Vec::<&str>::new(), "these events never came");
    }
}

/// Who answers in a scope, as the test names its workers.
fn who_answers(scope: Scope) -> &'static [Option<&'static str>] {
    match scope {
        Scope::Node => &[None],
        Scope::Process => &[None, ROUTER],
        Scope::Worker | Scope::Router => &[ROUTER],
        Scope::Proxy => &[PROXY],
        Scope::Container => &[CONTAINER],
        Scope::HostMonitor => &[MONITOR],
        Scope::Testee => &[TESTEE],
    }
}

fn uri<P: Procedure>(who: Option<&str>) -> String {
    format!("{}.{}", Scope::prefix(who), P::CONTRACT.name)
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Node => "node",
        Scope::Process => "process",
        Scope::Worker => "worker",
        Scope::Router => "router",
        Scope::Proxy => "proxy",
        Scope::Container => "container",
        Scope::HostMonitor => "host monitor",
        Scope::Testee => "testee",
    }
}

fn by_name(given: &Json) -> Arguments {
    let given = given.as_object().into_iter().flatten();
    given.fold(Arguments::new(), |arguments, (name, value)| arguments.kwarg(name, to_value(value)))
}

fn by_position(contract: &Contract, given: &Json) -> Arguments {
    contract.arguments.iter().fold(Arguments::new(), |list, it| list.arg(to_value(&given[it.name])))
}

fn is_required(argument: &Argument) -> bool {
    !argument.attributes.iter().any(|it| it.contains("default"))
}

/// Something of the argument's type.
fn example(argument: &Argument) -> Json {
    match argument.kind.replace(' ', "").as_str() {
        "String" => json!("nothing"),
        "bool" => json!(false),
        "u64" | "u32" | "f64" => json!(1),
        "Config" => json!({}),
        kind if kind.starts_with("Vec<") => json!([]),
        kind => panic!("{kind}: say what an example of it is"),
    }
}

fn to_value(json: &Json) -> Value {
    Serializer::Json.decode_value(json.to_string().as_bytes()).expect("JSON is a value")
}

pub(super) fn to_json(value: &Value) -> Json {
    let mut bytes = Vec::new();
    Serializer::Json.encode_value(value, &mut bytes);
    serde_json::from_slice(&bytes).expect("values can be written as JSON")
}
