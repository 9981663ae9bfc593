//! Disks that are too slow, or full.

use std::path::Path;
use std::sync::mpsc::Receiver;

use crossweave_router_core::{Input, Outbox, Realm, RealmOptions, Role, Session, Slot, TrustRule};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Publish, PublishOptions, Welcome};
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId, Serializer, SessionId};

use super::*;

/// A realm of which only its history is of interest.
struct Recording {
    realm: Realm,
    recorded: Heard,
}

#[derive(Default)]
struct Heard(Vec<Recorded>);

impl Outbox for Heard {
    fn send(&mut self, _: Slot, _: &Message<'_>) {}
    fn multicast(&mut self, _: impl Iterator<Item = Slot>, _: &Message<'_>) {}
    fn ask(&mut self, _: crossweave_router_core::QuestionId, _: crossweave_router_core::AuthorizeRequest) {}
    fn recorded(&mut self, event: Recorded) {
        self.0.push(event);
    }
    fn resume(&mut self, _: Slot) {}
    fn detach(&mut self, _: Slot, _: Option<&'static str>) {}
    fn free(&mut self, _: Slot) {}
}

fn rules() -> Vec<HistoryRule> {
    vec![HistoryRule { bytes_max: 1 << 30, events_max: 1 << 20, ..HistoryRule::new("", MatchPolicy::Prefix) }]
}

impl Recording {
    fn new() -> Recording {
        let match_policy = MatchPolicy::Prefix;
        let trust = TrustRule { role: "user".into(), uri: "com.".into(), match_policy, level: 3 };
        let options = RealmOptions { history: rules(), trust: vec![trust], ..RealmOptions::default() };
        let mut realm = Realm::new("realm1", options, [1; 32]);
        realm.set_clock(Instant::now(), unix_ms());
        realm.set_role(Role::allow_all("user"));
        let session = Session {
            id: SessionId(1),
            authid: "ann".into(),
            authrole: "user".into(),
            authmethod: "anonymous".into(),
            authprovider: "static".into(),
            roles: Roles::client(),
            authextra: Dict::new(),
            transport: Dict::new(),
        };
        let welcome = Welcome { session: SessionId(1), details: Dict::new() };
        let mut recorded = Heard::default();
        let join = Input::Join(Slot(0), Box::new(session), Box::new(welcome));
        let _ = realm.handle(Instant::now(), join, &mut recorded);
        Recording { realm, recorded }
    }

    fn event(&mut self, payload_len: usize) -> Recorded {
        let payload = Payload::new(Serializer::Cbor, &["x".repeat(payload_len).into()], &Dict::new());
        let options = PublishOptions::default();
        let publish = Publish { request: RequestId(1), options, topic: "com.x".into(), payload };
        let message = &mut publish.into();
        let _ = self.realm.handle(Instant::now(), Input::Message(Slot(0), message), &mut self.recorded);
        self.recorded.0.pop().expect("there is a rule for everything")
    }
}

fn drain(orders: &Receiver<Order>, queue: &Queue) -> usize {
    let mut count = 0;
    while let Ok(Order::Write(event)) = orders.try_recv() {
        queue.taken(event.bytes());
        count += 1;
    }
    count
}

#[test]
fn events_beyond_the_bounds_are_counted_and_nobody_waits() {
    let (queue, orders) = Queue::new();
    let mut realm = Recording::new();
    let event = realm.event(1);
    for _ in 0..queue::EVENTS_MAX + 5 {
        queue.push(event.clone());
    }
    assert_eq!(queue.lost(), 5);
    assert_eq!(drain(&orders, &queue), queue::EVENTS_MAX);

    let large = realm.event(queue::BYTES_MAX / 2);
    (0..3).for_each(|_| queue.push(large.clone()));
    assert_eq!((queue.lost(), drain(&orders, &queue)), (7, 1), "two of them are a little too much");

    let enormous = realm.event(queue::BYTES_MAX + 1);
    queue.push(enormous);
    queue.push(event);
    assert_eq!((queue.lost(), drain(&orders, &queue)), (8, 1), "one alone may be larger");
}

fn file(path: &Path) -> Keeper {
    Keeper::of_file(path, "realm1", &rules(), unix_ms()).unwrap()
}

#[test]
fn a_full_disk_costs_the_events_that_find_no_room_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut realm = Recording::new();
    let (small, large) = (realm.event(100), realm.event(1 << 20));
    let mut file = file(&path);
    file.bound_pages(50);
    file.write(std::slice::from_ref(&small), unix_ms()).unwrap();
    let why = file.write(&[realm.event(5), large.clone()], unix_ms()).unwrap_err();
    assert!(why.contains("full"), "{why}");
    let (queue, orders) = Queue::new();
    let queue = Arc::new(queue);
    let last = realm.event(7);
    [large, last.clone()].into_iter().for_each(|event| queue.push(event));
    queue.order(Order::End);
    Writer::new("realm1", &path, file, queue.clone()).run(&orders);
    assert_eq!(queue.lost(), 1);
    let numbers: Vec<u64> = self::file(&path).load().unwrap().iter().map(|record| record.number).collect();
    assert_eq!(numbers, [small.number(), last.number()]);
}

#[test]
fn what_is_written_is_read_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut realm = Recording::new();
    let events: Vec<Recorded> = [0, 1, 100_000].into_iter().map(|len| realm.event(len)).collect();
    file(&path).write(&events, unix_ms()).unwrap();
    let expected: Vec<Record> = events.iter().map(Recorded::to_record).collect();
    assert_eq!(expected[0].trustlevel, Some(3));
    assert_eq!(file(&path).load().unwrap(), expected);
}

#[test]
fn a_file_of_the_first_version_is_read_and_goes_on_as_one_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.db");
    let mut realm = Recording::new();
    let (old, new) = (realm.event(5), realm.event(7));
    file(&path).write(std::slice::from_ref(&old), unix_ms()).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("ALTER TABLE events DROP COLUMN trustlevel; PRAGMA user_version = 1").unwrap();
    drop(database);
    let untold = Record { trustlevel: None, ..old.to_record() };
    let mut renewed = file(&path);
    assert_eq!(renewed.load().unwrap(), std::slice::from_ref(&untold));
    renewed.write(std::slice::from_ref(&new), unix_ms()).unwrap();
    drop(renewed);
    assert_eq!(file(&path).load().unwrap(), [untold, new.to_record()]);
    let database = rusqlite::Connection::open(&path).unwrap();
    let version: i32 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
    database.pragma_update(None, "user_version", 3).unwrap();
    drop(database);
    let why = Keeper::of_file(&path, "realm1", &rules(), unix_ms()).err().unwrap();
    assert!(why.contains("version 3"), "{why}");
}

#[test]
fn a_disk_that_hangs_is_not_waited_for() {
    let (queue, _orders) = Queue::new();
    let event = Recording::new().event(1);
    (0..queue::EVENTS_MAX).for_each(|_| queue.push(event.clone()));
    assert!(!queue.order_until(Order::End, Instant::now() + Duration::from_millis(5)));
}
