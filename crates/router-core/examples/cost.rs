//! What one message costs in a realm, in nanoseconds, with an outbox that does nothing: `cargo run --release --example cost`.
//!
//! Messages are decoded outside of the measured time; encoding is not included.

use std::hint::black_box;
use std::time::Instant;

use crossweave_router_core::{
    Actions, Authorization, AuthorizeRequest, Decision, Disclose, Disclosure, Input, Outbox, Permission,
    Permissions, QuestionId, Realm, RealmLimits, RealmOptions, Role, Session, Slot,
};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{
    Call, CallOptions, Cancel, CancelMode, Publish, PublishOptions, Register, RegisterOptions, Subscribe,
    SubscribeOptions, Welcome, Yield, YieldOptions,
};
use crossweave_wamp::{Dict, MatchPolicy, Message, Payload, RequestId, Serializer};

const ROUNDS: u64 = 1_000_000;

/// Counts and forgets.
#[derive(Default)]
struct Null {
    sent: u64,
    sum: u64,
}

impl Outbox for Null {
    #[inline]
    fn send(&mut self, to: Slot, message: &Message<'_>) {
        black_box(message);
        self.sent += 1;
        self.sum += u64::from(to.0);
    }

    #[inline]
    fn multicast(&mut self, to: impl Iterator<Item = Slot>, event: &Message<'_>) {
        black_box(event);
        for slot in to {
            self.sent += 1;
            self.sum += u64::from(slot.0);
        }
    }

    fn ask(&mut self, _: QuestionId, _: AuthorizeRequest) {}
    fn resume(&mut self, _: Slot) {}
    fn detach(&mut self, _: Slot, _: Option<&'static str>) {}
    fn free(&mut self, _: Slot) {}
}

struct Bench {
    realm: Realm,
    now: Instant,
    out: Null,
}

impl Bench {
    fn new(permissions: Permissions) -> Self {
        Bench::with(permissions, RealmLimits::default())
    }

    fn with(permissions: Permissions, limits: RealmLimits) -> Self {
        let options = RealmOptions { limits, ..RealmOptions::default() };
        let mut realm = Realm::new("bench", options, [1; 32]);
        realm.set_role(Role::new("user", Authorization::Static(permissions.into())));
        Bench { realm, now: Instant::now(), out: Null::default() }
    }

    fn join(&mut self, slot: u32) -> Slot {
        let id = self.realm.new_session_id();
        let session = Session {
            id,
            authid: "someone".into(),
            authrole: "user".into(),
            authmethod: "anonymous".into(),
            authprovider: "static".into(),
            roles: Roles::client(),
            authextra: Dict::new(),
            transport: Dict::new(),
        };
        let welcome = Welcome { session: id, details: Dict::new() };
        self.input(Input::Join(Slot(slot), Box::new(session), Box::new(welcome)));
        Slot(slot)
    }

    #[inline]
    fn input(&mut self, input: Input<'_, '_>) {
        let _ = self.realm.handle(self.now, input, &mut self.out);
    }

    fn subscribe(&mut self, slot: Slot, match_policy: MatchPolicy, topic: &str) {
        let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
        let subscribe = Subscribe { request: RequestId(1), options, topic: topic.into() };
        self.input(Input::Message(slot, &mut subscribe.into()));
    }

    /// Nanoseconds per PUBLISH.
    fn publish(&mut self, name: &str, topic: &str, rounds: u64) {
        let payload = Payload::new(Serializer::Json, &["x".repeat(48).into()], &Dict::new());
        self.measure(name, rounds, |bench, n| {
            let options = PublishOptions::default();
            let (topic, payload) = (topic.into(), payload.borrowed());
            let publish = Publish { request: RequestId(n), options, topic, payload };
            bench.input(Input::Message(Slot(0), &mut publish.into()));
        });
    }

    /// Nanoseconds per CALL with its YIELD.
    fn call(&mut self, name: &str, procedure: &str, timeout_ms: u64) {
        let payload = Payload::new(Serializer::Json, &["x".repeat(48).into()], &Dict::new());
        self.measure(name, ROUNDS, |bench, n| {
            let options = CallOptions { timeout_ms, ..CallOptions::default() };
            let procedure = procedure.into();
            let call = Call { request: RequestId(n + 1), options, procedure, payload: payload.borrowed() };
            bench.input(Input::Message(Slot(0), &mut call.into()));
            let options = YieldOptions::default();
            // Invocation ids of the callee go on from one measurement to the next.
            let request = RequestId(bench.realm.stats().invocations);
            let yield_ = Yield { request, options, payload: payload.borrowed() };
            bench.input(Input::Message(Slot(1), &mut yield_.into()));
        });
    }

    /// The best of forty parts: what else the machine does only ever adds.
    fn measure(&mut self, name: &str, rounds: u64, mut once: impl FnMut(&mut Bench, u64)) {
        let (part, sent) = (rounds / 40, self.out.sent);
        let mut best = f64::INFINITY;
        for at in 0..40 {
            let started = Instant::now();
            for n in at * part..(at + 1) * part {
                once(self, n);
            }
            best = best.min(started.elapsed().as_nanos() as f64 / part as f64);
        }
        report(name, best, (self.out.sent - sent) / rounds);
    }
}

fn report(name: &str, ns: f64, sent: u64) {
    println!("{name:<58} {ns:>9.1} ns  {sent:>6} sent each");
}

/// As a configuration has them: one for everything, then some that look closer.
fn rules() -> Permissions {
    let rule = |uri: &str, match_policy| Permission {
        uri: uri.into(),
        match_policy,
        allow: Actions::ALL,
        disclose: Disclosure::default(),
    };
    let rules = [
        rule("", MatchPolicy::Prefix),
        rule("com.example.", MatchPolicy::Prefix),
        rule("com.example.secret", MatchPolicy::Exact),
        rule("com..private", MatchPolicy::Wildcard),
    ];
    Permissions::new(rules).expect("the rules are well formed")
}

fn main() {
    let topic = "com.example.some.topic";
    for (name, permissions) in [("one rule", Permissions::allow_all()), ("four rules", rules())] {
        let mut bench = Bench::new(permissions);
        bench.join(0);
        bench.publish(&format!("publish to nobody, {name}"), topic, ROUNDS);
        let subscriber = bench.join(1);
        bench.subscribe(subscriber, MatchPolicy::Exact, topic);
        bench.publish(&format!("publish to 1, {name}"), topic, ROUNDS);
        bench.subscribe(subscriber, MatchPolicy::Prefix, "com.example.");
        bench.publish(&format!("publish to 1 exact and 1 prefix, {name}"), topic, ROUNDS);
        bench.subscribe(subscriber, MatchPolicy::Wildcard, "com..some.topic");
        bench.publish(&format!("publish to 1 exact, 1 prefix, 1 wildcard, {name}"), topic, ROUNDS);
    }
    let mut bench = Bench::new(Permissions::allow_all());
    bench.join(0);
    for slot in 1..=1000 {
        let subscriber = bench.join(slot);
        bench.subscribe(subscriber, MatchPolicy::Exact, topic);
    }
    bench.publish("publish to 1000", topic, ROUNDS / 100);

    let mut bench = Bench::new(Permissions::allow_all());
    bench.join(0);
    let callee = bench.join(1);
    let register = |procedure: &'static str, match_policy| Register {
        request: RequestId(1),
        options: RegisterOptions { match_policy, ..RegisterOptions::default() },
        procedure: procedure.into(),
    };
    bench.input(Input::Message(callee, &mut register("com.example.procedure", MatchPolicy::Exact).into()));
    bench.input(Input::Message(callee, &mut register("com.prefix.", MatchPolicy::Prefix).into()));
    bench.call("call and yield", "com.example.procedure", 0);
    bench.call("call and yield, prefix", "com.prefix.procedure", 0);
    bench.call("call and yield with timeout", "com.example.procedure", 10_000);
    many_rules();
    remembered_decision();
    crowd();
    hostile_patterns();
    skipped_calls();
}

/// A role of 10,000 rules, half of which deny; what a SUBSCRIBE of a pattern costs of which each such rule may deny a part.
fn many_rules() {
    let rule = |n: usize| {
        let (uri, match_policy) = match n % 4 {
            0 => (format!("com.app{n}."), MatchPolicy::Prefix),
            1 => (format!("com.app{n}..x"), MatchPolicy::Wildcard),
            _ => (format!("com.app{n}.topic"), MatchPolicy::Exact),
        };
        let allow = if n.is_multiple_of(2) { Actions::ALL } else { Actions::default() };
        Permission { uri, match_policy, allow, disclose: Disclosure::default() }
    };
    let everything = Permission { uri: String::new(), match_policy: MatchPolicy::Prefix, ..rule(0) };
    let rules = (1..10_000).map(rule).chain([everything]);
    let mut bench = Bench::new(Permissions::new(rules).expect("the rules are well formed"));
    let session = bench.join(0);
    bench.publish("publish to nobody, 10,000 rules", "com.app4000.some.topic", ROUNDS / 10);
    for (name, policy, pattern) in [
        ("subscribe com.app4000., 10,000 rules", MatchPolicy::Prefix, "com.app4000."),
        ("subscribe com..other, 10,000 rules", MatchPolicy::Wildcard, "com..other"),
        ("subscribe ..x., 10,000 rules", MatchPolicy::Wildcard, "..x."),
    ] {
        bench.measure(name, 4_000, |bench, _| bench.subscribe(session, policy, pattern));
    }
}

/// An authorizer's decision that is remembered, in the place of rules.
fn remembered_decision() {
    let mut bench = Bench::new(Permissions::allow_all());
    bench.realm.set_role(Role::new("user", Authorization::Dynamic));
    bench.join(0);
    let options = PublishOptions::default();
    let publish =
        Publish { request: RequestId(1), options, topic: "com.x".into(), payload: Payload::empty() };
    bench.input(Input::Message(Slot(0), &mut publish.into()));
    bench.input(Input::Answer(QuestionId(1), Decision::Allow { disclose: Disclose::AsAsked, cache: true }));
    bench.publish("publish to nobody, remembered decision", "com.x", ROUNDS / 10);
    assert_eq!(bench.realm.question_count(), 0, "it was remembered");
}

/// 100,000 subscriptions, a tenth of them prefixes and a twentieth wildcards; one session has half of them and leaves.
fn crowd() {
    let limits = RealmLimits { patterns_per_session_max: 100_000, ..RealmLimits::default() };
    let mut bench = Bench::with(Permissions::allow_all(), limits);
    bench.join(0);
    let subscribers = [bench.join(1), bench.join(2)];
    let started = Instant::now();
    for n in 0..100_000_usize {
        let (policy, topic) = match n % 20 {
            0 | 1 => (MatchPolicy::Prefix, format!("com.app{}.prefix{n}.", n % 100)),
            2 => (MatchPolicy::Wildcard, format!("com.app{}..wild{n}", n % 100)),
            _ => (MatchPolicy::Exact, format!("com.app{}.topic{n}", n % 100)),
        };
        bench.subscribe(subscribers[n % 2], policy, &topic);
    }
    report("subscribe, up to 100,000", started.elapsed().as_nanos() as f64 / 100_000.0, 0);
    bench.publish("publish among 100,000 subscriptions: exact", "com.app5.topic99905", ROUNDS / 10);
    bench.publish("publish among 100,000 subscriptions: prefix", "com.app20.prefix20.x", ROUNDS / 10);
    bench.publish("publish among 100,000 subscriptions: wildcard", "com.app2.x.wild2", ROUNDS / 10);
    let started = Instant::now();
    bench.input(Input::Leave(subscribers[0]));
    let (mut longest, mut turns) = (started.elapsed(), 1);
    while bench.realm.deadline().is_some() {
        let started = Instant::now();
        bench.input(Input::Tick);
        longest = longest.max(started.elapsed());
        turns += 1;
    }
    let all = started.elapsed();
    println!("a session with 50,000 subscriptions leaves in {all:?}: {turns} turns, the longest {longest:?}");
}

/// Two sessions try every choice of empty components among the first sixteen of as many as a URI may have.
/// What is taken of them is the most that patterns can make one PUBLISH visit.
fn hostile_patterns() {
    let mut bench = Bench::new(Permissions::allow_all());
    bench.join(0);
    let components: Vec<String> = (0..32).map(|n| format!("c{n}")).collect();
    let topic = components.join(".");
    let subscribers = [bench.join(1), bench.join(2)];
    for subscriber in subscribers {
        for mask in 0_u32..1 << 16 {
            let component = |n: usize| if mask >> n & 1 != 0 { "" } else { &*components[n] };
            let pattern: Vec<&str> = (0..32).map(component).collect();
            bench.subscribe(subscriber, MatchPolicy::Wildcard, &pattern.join("."));
        }
    }
    println!("hostile wildcards that were taken: {}", bench.realm.subscription_count());
    bench.publish("publish to all hostile wildcards", &topic, ROUNDS / 1000);
    let missed = format!("{}.other", components[..31].join("."));
    bench.publish("publish past all hostile wildcards", &missed, ROUNDS / 1000);
}

/// Calls that are skipped at a callee that says it takes any number: what is remembered of them has a bound.
fn skipped_calls() {
    let mut bench = Bench::new(Permissions::allow_all());
    bench.join(0);
    let callee = bench.join(1);
    let options = RegisterOptions { concurrency: Some(1 << 40), ..RegisterOptions::default() };
    for n in 0..8 {
        let (request, options) = (RequestId(n + 1), options.clone());
        let register = Register { request, options, procedure: format!("com.example.procedure{n}").into() };
        bench.input(Input::Message(callee, &mut register.into()));
    }
    for n in 0..500_000_u64 {
        let request = RequestId(n + 1);
        let (options, payload) = (CallOptions::default(), Payload::empty());
        let procedure = format!("com.example.procedure{}", n % 8).into();
        bench.input(Input::Message(Slot(0), &mut Call { request, options, procedure, payload }.into()));
        let cancel = Cancel { request, mode: Some(CancelMode::Skip), forward_for: None };
        bench.input(Input::Message(Slot(0), &mut cancel.into()));
    }
    println!("invocations remembered after 500,000 skipped calls: {}", bench.realm.invocation_count());
}
