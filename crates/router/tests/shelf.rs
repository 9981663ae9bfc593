//! Event histories at a place of the program's own: one that works, and ones that fail in each of their ways.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crossweave_client::{Client, Options, Reconnect};
use crossweave_router::{
    AdmissionOptions, EventShelf, HistoryStore, KeptEvent, NamedEventShelf, RealmDefinition, RealmOptions,
    Role, Router,
};
use crossweave_router_core::HistoryRule;
use crossweave_wamp::{Dict, MatchPolicy, Serializer, Value};

/// How a shelf fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    None,
    Error,
    Panic,
    /// It does not come back until the test says so.
    Hang,
}

impl Fault {
    fn strike(self, until: &Mutex<mpsc::Receiver<()>>) -> Result<(), String> {
        match self {
            Fault::None => Ok(()),
            Fault::Error => Err("no paper left".to_owned()),
            Fault::Panic => panic!("a defect of the store"),
            Fault::Hang => {
                let _ = until.lock().unwrap().recv();
                Ok(())
            }
        }
    }
}

/// What is kept, by realm and number, as octets.
struct Ledger {
    kept: Mutex<BTreeMap<(String, u64), Vec<u8>>>,
    load: Fault,
    keep: Mutex<Fault>,
    forget: Fault,
    keeps: AtomicUsize,
    until: Mutex<mpsc::Receiver<()>>,
    /// Lets go of whatever hangs when it is dropped.
    release: Mutex<Option<mpsc::Sender<()>>>,
}

impl Default for Ledger {
    fn default() -> Self {
        let (release, until) = mpsc::channel();
        Ledger {
            kept: Mutex::default(),
            load: Fault::None,
            keep: Mutex::default(),
            forget: Fault::None,
            keeps: AtomicUsize::new(0),
            until: Mutex::new(until),
            release: Mutex::new(Some(release)),
        }
    }
}

impl EventShelf for Ledger {
    fn load(&self, realm: &str) -> Result<Vec<KeptEvent>, String> {
        self.load.strike(&self.until)?;
        let kept = self.kept.lock().unwrap();
        let of_realm = kept.iter().filter(|((name, _), _)| name == realm);
        Ok(of_realm.map(|(_, octets)| KeptEvent::from_bytes(octets).unwrap()).collect())
    }

    fn keep(&self, realm: &str, events: &[KeptEvent]) -> Result<(), String> {
        self.keeps.fetch_add(1, Ordering::Relaxed);
        let fault = *self.keep.lock().unwrap();
        fault.strike(&self.until)?;
        for event in events {
            self.kept.lock().unwrap().insert((realm.to_owned(), event.number), event.to_bytes());
        }
        Ok(())
    }

    fn forget(&self, realm: &str, numbers: &[u64]) -> Result<(), String> {
        self.forget.strike(&self.until)?;
        numbers.iter().for_each(|number| {
            self.kept.lock().unwrap().remove(&(realm.to_owned(), *number));
        });
        Ok(())
    }
}

impl Ledger {
    fn events(&self) -> Vec<KeptEvent> {
        self.kept.lock().unwrap().values().map(|octets| KeptEvent::from_bytes(octets).unwrap()).collect()
    }
}

fn definition(ledger: &Arc<Ledger>, events_max: usize) -> RealmDefinition {
    let rule = HistoryRule { events_max, ..HistoryRule::new("com.", MatchPolicy::Prefix) };
    RealmDefinition {
        options: RealmOptions { history: vec![rule], ..RealmOptions::default() },
        roles: vec![Role::allow_all("user")],
        history: HistoryStore::Shelf(NamedEventShelf::new("ledger", ledger.clone())),
        ..RealmDefinition::default()
    }
}

/// Routers that use this ledger keep the last three events.
fn start(ledger: &Arc<Ledger>) -> Router {
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition(ledger, 3)).unwrap();
    router
}

fn refusal(ledger: Ledger) -> String {
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition(&Arc::new(ledger), 3)).unwrap_err().to_string()
}

async fn client(router: &Router) -> Client {
    let stream = router.connect_local(Serializer::Cbor, "user", "joe");
    let options = Options { reconnect: Reconnect::Off, ..Options::default() };
    Client::join_stream(stream, Serializer::Cbor, "realm1", options).await.unwrap()
}

async fn publish(client: &Client, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        client.publish("com.x", (number,)).acknowledged().await.unwrap();
    }
}

/// The arguments of the events that the realm has.
async fn told(client: &Client) -> Vec<u64> {
    let options = Dict::new().with("match", "prefix");
    let rule = client.call("wamp.subscription.lookup").arg("com.").arg(options).await.unwrap();
    let events = client.call("wamp.subscription.get_events").arg(rule.args()[0].clone()).await.unwrap();
    let number = |event: &Value| event.as_dict()?.get("args")?.as_list()?.first()?.as_u64();
    events.args().iter().map(|event| number(event).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_on_a_shelf_are_there_again_and_only_those_for_which_there_is_room() {
    let ledger = Arc::new(Ledger::default());
    let router = start(&ledger);
    let joe = client(&router).await;
    publish(&joe, 1..=5).await;
    assert_eq!(told(&joe).await, [3, 4, 5]);
    router.shutdown().await;
    let kept = ledger.events();
    let arguments: Vec<_> = kept.iter().map(|event| event.arguments().unwrap().0).collect();
    assert_eq!(arguments, [[Value::from(3)], [Value::from(4)], [Value::from(5)]]);
    assert_eq!((kept[0].topic.as_str(), kept[0].serializer), ("com.x", Serializer::Cbor));

    let router = start(&ledger);
    let joe = client(&router).await;
    assert_eq!(told(&joe).await, [3, 4, 5]);
    publish(&joe, [6]).await;
    assert_eq!(told(&joe).await, [4, 5, 6]);
    assert_eq!(router.unwritten_events("realm1"), 0);
    router.shutdown().await;
    assert_eq!(ledger.events().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_have_no_room_for_any_more_is_forgotten_when_the_realm_starts() {
    let ledger = Arc::new(Ledger::default());
    let router = start(&ledger);
    publish(&client(&router).await, 1..=3).await;
    router.shutdown().await;
    let router = Router::new(AdmissionOptions::default());
    router.start_realm("realm1", definition(&ledger, 1)).unwrap();
    assert_eq!(told(&client(&router).await).await, [3]);
    assert_eq!(ledger.events().len(), 1);
    router.start_realm("realm2", definition(&ledger, 1)).unwrap();
    router.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shelf_holds_that_is_no_event_is_left_out_and_forgotten() {
    let ledger = Arc::new(Ledger::default());
    let router = start(&ledger);
    publish(&client(&router).await, 1..=3).await;
    router.shutdown().await;
    let mut broken = ledger.events().remove(1);
    broken.publish.truncate(4);
    ledger.kept.lock().unwrap().insert(("realm1".to_owned(), broken.number), broken.to_bytes());
    let router = start(&ledger);
    assert_eq!(told(&client(&router).await).await, [1, 3]);
    assert_eq!(ledger.events().len(), 2);
    router.shutdown().await;
    assert_eq!(KeptEvent::from_bytes(b"\x83\x01\x02\x03"), None);
    assert_eq!(KeptEvent::from_bytes(b""), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_that_cannot_be_read_keeps_the_realm_from_starting() {
    let why = refusal(Ledger { load: Fault::Error, ..Ledger::default() });
    assert_eq!(why, "cannot keep the event history in rust:ledger: no paper left");
    let why = refusal(Ledger { load: Fault::Panic, ..Ledger::default() });
    assert_eq!(why, "cannot keep the event history in rust:ledger: it panicked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_that_does_not_answer_keeps_the_realm_from_starting_for_a_while() {
    let since = Instant::now();
    let why = refusal(Ledger { load: Fault::Hang, ..Ledger::default() });
    assert_eq!(why, "cannot keep the event history in rust:ledger: it did not answer within 10 s");
    assert!(since.elapsed() < Duration::from_secs(15));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shelf_does_not_take_is_counted_and_the_realm_goes_on() {
    for fault in [Fault::Error, Fault::Panic] {
        let ledger = Arc::new(Ledger::default());
        *ledger.keep.lock().unwrap() = fault;
        let router = start(&ledger);
        let joe = client(&router).await;
        publish(&joe, 1..=9).await;
        assert_eq!(told(&joe).await, [7, 8, 9], "{fault:?}");
        let lost = async {
            while router.unwritten_events("realm1") < 9 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), lost).await.expect("all of them are counted");
        *ledger.keep.lock().unwrap() = Fault::None;
        publish(&joe, [10]).await;
        router.shutdown().await;
        assert_eq!(ledger.events().len(), 1, "{fault:?}: it is used again once it works");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shelf_that_does_not_forget_is_asked_again() {
    let ledger = Arc::new(Ledger { forget: Fault::Error, ..Ledger::default() });
    let router = start(&ledger);
    let joe = client(&router).await;
    publish(&joe, 1..=5).await;
    assert_eq!(told(&joe).await, [3, 4, 5]);
    router.shutdown().await;
    assert!(ledger.events().len() > 3, "what it does not forget is there");
    let (kept, forgetful) = (ledger.kept.lock().unwrap().clone(), Ledger::default());
    *forgetful.kept.lock().unwrap() = kept;
    let ledger = Arc::new(forgetful);
    assert_eq!(told(&client(&start(&ledger)).await).await, [3, 4, 5]);
    assert_eq!(ledger.events().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_shelf_that_hangs() {
    let ledger = Arc::new(Ledger::default());
    *ledger.keep.lock().unwrap() = Fault::Hang;
    let router = start(&ledger);
    let joe = client(&router).await;
    let since = Instant::now();
    publish(&joe, 1..=2_000).await;
    assert_eq!(told(&joe).await, [1_998, 1_999, 2_000]);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(ledger.keeps.load(Ordering::Relaxed), 1, "it hangs in its first call");
    // The realm ends, and its name is free, though the store still has what it was given.
    let since = Instant::now();
    router.stop_realm("realm1").await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    let fresh = Arc::new(Ledger::default());
    router.start_realm("realm1", definition(&fresh, 3)).unwrap();
    assert_eq!(told(&client(&router).await).await, Vec::<u64>::new());
    drop(ledger.release.lock().unwrap().take());
    router.shutdown().await;
}
