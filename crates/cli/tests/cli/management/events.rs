//! The events of a node, held against their contracts.

use std::collections::{BTreeSet, VecDeque};

use crossweave_api::{Argument, Event as Contract, events, shapes};
use crossweave_client::{Client, Event, Subscription, Value};
use serde_json::Value as Json;
use tokio::time::timeout;

use super::driver::to_json;
use crate::background::PATIENCE;

/// All events under `crossbar.`.
pub(super) struct Events {
    subscription: Subscription,
    /// What came and was not asked for yet.
    seen: VecDeque<(String, Json)>,
    /// The names of all that ever came.
    heard: BTreeSet<&'static str>,
}

impl Events {
    pub(super) async fn listen(client: &Client) -> Events {
        let subscription = client.subscribe("crossbar.").prefix().await.expect("everything can be heard");
        Events { subscription, seen: VecDeque::new(), heard: BTreeSet::new() }
    }

    /// What came so far is of no interest any more.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// The next event of a topic, with what it tells.
    pub(super) async fn next(&mut self, topic: &str) -> Json {
        loop {
            if let Some(at) = self.seen.iter().position(|(seen, _)| seen == topic) {
                return self.seen.remove(at).expect("it is there").1;
            }
            let event = timeout(PATIENCE, self.subscription.next()).await;
            let event = event.unwrap_or_else(|_| panic!("{topic} was not published, but {:?}", self.seen));
            let event = event.expect("the session is there").expect("no event is lost");
            let (name, told) = told(&event);
            self.heard.insert(name);
            self.seen.push_back((event.topic.to_string(), told));
        }
    }

    /// The events of the contracts that never came.
    pub(super) fn never_heard(&self) -> Vec<&'static str> {
        events().map(|it| it.name).filter(|name| !self.heard.contains(name)).collect()
    }
}

/// The event, and what it tells; it is what its contract says.
fn told(event: &Event) -> (&'static str, Json) {
    let topic = &*event.topic;
    let prefix = topic.strip_prefix("crossbar.worker.").and_then(|rest| rest.split_once('.'));
    let name = prefix.map_or(topic.strip_prefix("crossbar.").unwrap_or(topic), |(_, name)| name);
    let in_two =
        |documented: &'static str| documented.split_once("TYPE").or_else(|| documented.split_once("SENSOR"));
    let is_it = |documented: &'static str| match in_two(documented) {
        Some((before, after)) => name.starts_with(before) && name.ends_with(after),
        None => documented == name,
    };
    // Names with a type in them are looked for last: they could be any.
    let mut known = events().filter(|it| it.name == name).chain(events().filter(|it| is_it(it.name)));
    let contract = known.next().unwrap_or_else(|| panic!("{topic} is not documented"));
    let args = event.args();
    assert!(event.kwargs().is_empty(), "{topic} has keyword arguments");
    (contract.name, arguments(topic, contract, &args))
}

fn arguments(topic: &str, contract: &Contract, args: &[Value]) -> Json {
    if let Some(several) = contract.payload.strip_prefix('(').filter(|rest| rest.contains(',')) {
        assert_eq!(args.len(), several.split(',').count(), "{topic}: {args:?}");
        return args.iter().map(to_json).collect();
    }
    if contract.payload.is_empty() || contract.payload == "()" {
        assert!(args.is_empty(), "{topic}: {args:?}");
        return Json::Null;
    }
    assert_eq!(args.len(), 1, "{topic}: {args:?}");
    let told = to_json(&args[0]);
    match (shapes().find(|shape| shape.name == contract.payload), contract.payload) {
        (Some(shape), _) => has_fields(topic, &told, shape.fields),
        (None, "String") => assert!(told.is_string(), "{topic}: {told}"),
        (None, "f64") => assert!(told.is_number(), "{topic}: {told}"),
        (None, "Config") => assert!(told.is_object(), "{topic}: {told}"),
        (None, other) => panic!("{topic}: {other} is no object of the API"),
    }
    told
}

fn has_fields(topic: &str, told: &Json, fields: &[Argument]) {
    for field in fields {
        let attributes = field.attributes.join(" ");
        let renamed = attributes.split("rename = \"").nth(1).and_then(|rest| rest.split('"').next());
        let name = renamed.unwrap_or(field.name);
        let may_be_left_out = attributes.contains("skip_serializing_if") || attributes.contains("flatten");
        assert!(may_be_left_out || told.get(name).is_some(), "{topic} has no {name}: {told}");
    }
}
