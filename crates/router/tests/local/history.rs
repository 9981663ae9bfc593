//! Event histories that survive a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::peer::Peer;
use crossweave_router::{AdmissionOptions, HistoryStore, RealmDefinition, RealmOptions, Role, Router};
use crossweave_router_core::{HistoryRule, TrustRule};
use crossweave_wamp::message::*;
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, PublicationId, RequestId, Serializer, Value};
use rusqlite::Connection;
use tempfile::TempDir;

fn definition(path: &Path, rules: Vec<HistoryRule>) -> RealmDefinition {
    RealmDefinition {
        options: RealmOptions { history: rules, trust: vec![trust()], ..RealmOptions::default() },
        roles: vec![Role::allow_all("user")],
        history: HistoryStore::Sqlite { path: path.to_owned() },
        ..RealmDefinition::default()
    }
}

/// What is published to `com.y` and below is trusted; nothing is said of the rest.
fn trust() -> TrustRule {
    TrustRule { role: "user".into(), uri: "com.y".into(), match_policy: MatchPolicy::Prefix, level: 7 }
}

fn everything() -> Vec<HistoryRule> {
    vec![HistoryRule::new("com.", MatchPolicy::Prefix)]
}

fn start(path: &Path, rules: Vec<HistoryRule>) -> Router {
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition(path, rules)).unwrap();
    router
}

/// Why a realm cannot be started with this file.
fn refusal(path: &Path) -> String {
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition(path, everything())).unwrap_err().to_string()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    (folder, path)
}

/// A session that numbers its requests.
struct Requester {
    peer: Peer,
    requests: u64,
}

impl Requester {
    async fn join(router: &Router, authid: &str, serializer: Serializer) -> Requester {
        Requester { peer: Peer::join(router, "user", authid, serializer).await, requests: 0 }
    }

    async fn publish_with(&mut self, topic: &str, value: Value, options: PublishOptions) -> PublicationId {
        self.requests += 1;
        let options = PublishOptions { acknowledge: true, ..options };
        let payload = Payload::new(self.peer.serializer, &[value], &Dict::new().with("k", 1.5));
        let topic = topic.to_owned().into();
        self.peer.send(Publish { request: RequestId(self.requests), options, topic, payload }).await;
        match self.peer.receive().await {
            Message::Published(published) => published.publication,
            other => panic!("expected PUBLISHED, got {other:?}"),
        }
    }

    async fn publish(&mut self, topic: &str, value: impl Into<Value>) -> PublicationId {
        self.publish_with(topic, value.into(), PublishOptions::default()).await
    }

    async fn call(&mut self, procedure: &'static str, args: &[Value]) -> Vec<Value> {
        self.requests += 1;
        let payload = Payload::new(self.peer.serializer, args, &Dict::new());
        let options = CallOptions::default();
        let request = RequestId(self.requests);
        self.peer.send(Call { request, options, procedure: procedure.into(), payload }).await;
        match self.peer.receive().await {
            Message::Result(result) => result.payload.args(),
            other => panic!("expected RESULT, got {other:?}"),
        }
    }

    /// The events of `com.`, in the specification's form.
    async fn events(&mut self) -> Vec<Value> {
        let id = self.rule().await;
        self.call("wamp.subscription.get_events", &[id]).await
    }

    /// The subscription that stands for the rule.
    async fn rule(&mut self) -> Value {
        let options = Dict::new().with("match", "prefix").into();
        self.call("wamp.subscription.lookup", &["com.".into(), options]).await.remove(0)
    }
}

fn field<'v>(event: &'v Value, key: &str) -> &'v Value {
    event.as_dict().unwrap().get(key).unwrap_or(&Value::Null)
}

fn first_args(events: &[Value]) -> Vec<Value> {
    events.iter().map(|event| field(event, "args").as_list().unwrap()[0].clone()).collect()
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<Value> {
    range.map(Value::from).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_there_again_in_both_forms() {
    let (_folder, path) = folder();
    let router = start(&path, everything());
    let mut ids = Vec::new();
    for serializer in Serializer::ALL {
        let mut peer = Requester::join(&router, "ann", serializer).await;
        ids.push(peer.publish("com.x", format!("by {serializer:?}")).await);
    }
    let mut peer = Requester::join(&router, "ann", Serializer::Cbor).await;
    let options = PublishOptions { disclose_me: true, ..PublishOptions::default() };
    ids.push(peer.publish_with("com.y", vec![0u8, 255].into(), options).await);
    let before = peer.events().await;
    router.shutdown().await;
    drop(router);

    let router = start(&path, everything());
    let mut peer = Requester::join(&router, "bob", Serializer::MsgPack).await;
    let after = peer.events().await;
    assert_eq!(after.len(), 7);
    assert_eq!(after, before, "publications, times, details, arguments");
    let found: Vec<Value> = after.iter().map(|event| field(event, "publication").clone()).collect();
    assert_eq!(found, ids.iter().map(|id| Value::from(id.0)).collect::<Vec<_>>());
    assert_eq!(field(field(&after[6], "details"), "publisher_authid"), &Value::from("ann"));
    assert_eq!(field(field(&after[6], "details"), "trustlevel"), &Value::from(7));
    assert_eq!(field(field(&after[0], "details"), "trustlevel"), &Value::Null);
    let rule = peer.rule().await;
    let answer = peer.call("wamp.subscription.get_events", &[rule, 2.into()]).await;
    let newest = answer[0].as_list().unwrap();
    assert_eq!(newest.len(), 2);
    assert_eq!(field(&newest[0], "publication"), &Value::from(ids[6].0));
    assert_eq!(field(&newest[0], "authid"), &Value::from("ann"));
    assert_eq!(field(&newest[1], "authid"), &Value::Null, "not disclosed");
    assert_eq!(field(&newest[1], "kwargs"), &Dict::new().with("k", 1.5).into());
    assert_eq!(router.unwritten_events("realm1"), 0);
    router.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stay_for_whom_they_were() {
    let (_folder, path) = folder();
    let router = start(&path, everything());
    let mut peer = Requester::join(&router, "ann", Serializer::Json).await;
    let lists = Receivers { eligible_authid: Some(vec!["bob".into()]), ..Receivers::default() };
    let options = PublishOptions { receivers: Some(Box::new(lists)), ..PublishOptions::default() };
    peer.publish_with("com.x", "for bob".into(), options).await;
    let lists = Receivers { exclude_authid: Some(vec!["bob".into()]), ..Receivers::default() };
    let options = PublishOptions { receivers: Some(Box::new(lists)), ..PublishOptions::default() };
    peer.publish_with("com.x", "not for bob".into(), options).await;
    router.shutdown().await;
    drop(router);

    let router = start(&path, everything());
    for (authid, expected) in [("bob", "for bob"), ("joe", "not for bob")] {
        let events = Requester::join(&router, authid, Serializer::Json).await.events().await;
        assert_eq!(first_args(&events), [Value::from(expected)], "{authid}");
    }
    router.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_holds_no_more_than_the_rules_have_room_for() {
    let (_folder, path) = folder();
    let count = || -> i64 {
        let database = Connection::open(&path).unwrap();
        database.query_row("SELECT count(*) FROM events", (), |row| row.get(0)).unwrap()
    };
    let rule = |events_max| HistoryRule { events_max, ..everything().remove(0) };
    let router = start(&path, vec![rule(10)]);
    let mut peer = Requester::join(&router, "ann", Serializer::MsgPack).await;
    for n in 1..=50u64 {
        peer.publish("com.x", n).await;
        peer.publish("net.nobody", n).await;
    }
    router.shutdown().await;
    drop((peer, router));
    assert_eq!(count(), 10);

    // With a narrower rule there is less, with a wider one no more.
    for (events_max, expected) in [(4, 47..=50), (100, 47..=50)] {
        let router = start(&path, vec![rule(events_max)]);
        let events = Requester::join(&router, "ann", Serializer::MsgPack).await.events().await;
        assert_eq!(first_args(&events), numbers(expected));
        router.shutdown().await;
        drop(router);
        assert_eq!(count(), 4);
    }

    // What is too old is gone.
    let database = Connection::open(&path).unwrap();
    database.execute("UPDATE events SET unix_ms = unix_ms - 60000 WHERE rowid IN (SELECT number FROM events ORDER BY number LIMIT 2)", ()).unwrap();
    drop(database);
    let old = HistoryRule { age_max_ms: Some(30_000), ..rule(100) };
    let router = start(&path, vec![old]);
    let events = Requester::join(&router, "ann", Serializer::MsgPack).await.events().await;
    assert_eq!(first_args(&events), numbers(49..=50));
    router.shutdown().await;
    drop(router);
    assert_eq!(count(), 2);

    // Without a rule there is nothing to keep.
    let router = start(&path, Vec::new());
    router.shutdown().await;
    drop(router);
    assert_eq!(count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_restart_comes_after_what_was() {
    let (_folder, path) = folder();
    for round in 0..3u64 {
        let router = start(&path, everything());
        let mut peer = Requester::join(&router, "ann", Serializer::Cbor).await;
        for n in 1..=5 {
            peer.publish("com.x", round * 5 + n).await;
        }
        assert_eq!(first_args(&peer.events().await), numbers(1..=(round + 1) * 5));
        router.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_many_publishers_are_in_the_file_in_the_realms_order() {
    let (_folder, path) = folder();
    let rules = vec![HistoryRule { events_max: 800, ..everything().remove(0) }];
    let router = start(&path, rules.clone());
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let router = router.clone();
            tokio::spawn(async move {
                let mut peer = Requester::join(&router, "ann", Serializer::MsgPack).await;
                for n in 0..250u64 {
                    peer.publish("com.x", publisher * 1_000 + n).await;
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let before = Requester::join(&router, "ann", Serializer::MsgPack).await.events().await;
    router.shutdown().await;
    drop(router);
    let router = start(&path, rules);
    let after = Requester::join(&router, "ann", Serializer::MsgPack).await.events().await;
    assert_eq!(before.len(), 800);
    assert_eq!(first_args(&after), first_args(&before));
    router.shutdown().await;
}

#[tokio::test]
async fn a_file_that_is_no_history_of_the_realm_is_refused() {
    let (folder, path) = folder();
    fs::write(
        &path,
        b"certainly no database, and long enough to have a header of one hundred bytes and more than that",
    )
    .unwrap();
    let why = refusal(&path);
    assert!(why.starts_with(&format!("cannot keep the event history in {}: ", path.display())), "{why}");
    assert!(why.contains("move the file away"), "{why}");

    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE cookies (id BLOB)").unwrap();
    assert!(refusal(&other).ends_with("it is another program's database"), "{}", refusal(&other));

    let why = refusal(&folder.path().join("no/such/folder.db"));
    assert!(why.contains("No such file or directory"), "{why}");

    let path = folder.path().join("mine.db");
    let router = start(&path, everything());
    let why = refusal(&path);
    assert!(why.contains("another program has it open, perhaps another Crossweave"), "{why}");
    router.shutdown().await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let other = Router::new(AdmissionOptions::default());
    let why = other.start_realm("realm2", definition(&path, everything())).unwrap_err().to_string();
    assert!(why.ends_with("it has the events of realm \"realm1\""), "{why}");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert!(refusal(&path).ends_with("it is of version 9, and this program knows versions up to 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_refused_and_a_damaged_event_left_out() {
    let (_folder, path) = folder();
    let router = start(&path, everything());
    let mut peer = Requester::join(&router, "ann", Serializer::Json).await;
    for n in 1..=60u64 {
        peer.publish("com.x", format!("{n} {}", "x".repeat(1_000))).await;
    }
    router.shutdown().await;
    drop((peer, router));

    let database = Connection::open(&path).unwrap();
    database
        .execute("UPDATE events SET publish = x'00' WHERE number = (SELECT min(number) FROM events)", ())
        .unwrap();
    drop(database);
    let router = start(&path, everything());
    assert_eq!(Requester::join(&router, "ann", Serializer::Json).await.events().await.len(), 59);
    router.shutdown().await;
    drop(router);

    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    let why = refusal(&path);
    assert!(why.contains("history begins anew"), "{why}");
}
