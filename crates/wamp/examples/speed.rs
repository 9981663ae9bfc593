//! Nanoseconds per message, one thread: `cargo run --release -p crossweave-wamp --example speed [filter]`.
//!
//! Each line is the median of eleven rounds, so that a neighbour on the machine does not decide the figure.

use std::hint::black_box;
use std::time::Instant;

use crossweave_wamp::message::{Call, Event, Invocation, Message, Publish, Result, Yield};
use crossweave_wamp::{
    Dict, Payload, PublicationId, RegistrationId, RequestId, Serializer, SubscriptionId, Value,
};

const ROUNDS: usize = 11;
const OPS_PER_ROUND: u32 = 100_000;

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    println!("size_of Message {} bytes", size_of::<Message<'_>>());
    for serializer in Serializer::ALL {
        for (name, message) in messages(serializer) {
            let bytes = message.to_bytes(serializer);
            report(&filter, &format!("decode {name} {serializer} ({} B)", bytes.len()), || {
                black_box(Message::decode(serializer, black_box(&bytes)).is_ok());
            });
            let mut out = Vec::with_capacity(4096);
            report(&filter, &format!("encode {name} {serializer}"), || {
                out.clear();
                black_box(&message).encode(serializer, &mut out);
                black_box(&out);
            });
        }
    }
    transcoding(&filter);
}

/// The messages of the hot path, with a payload of 64 bytes of text.
fn messages(serializer: Serializer) -> Vec<(&'static str, Message<'static>)> {
    let payload = || Payload::new(serializer, &[Value::from("x".repeat(64))], &Dict::new());
    let request = RequestId(123_456);
    let (topic, procedure) = ("com.example.topic.one", "com.example.procedure.one");
    let publication = PublicationId(5_512_315_355_123);
    let subscription = SubscriptionId(7_731_215_004_921);
    let registration = RegistrationId(7_731_215_004_921);
    let plain = Publish { request, options: Default::default(), topic: topic.into(), payload: payload() };
    let mut acknowledged = plain.clone();
    (acknowledged.options.acknowledge, acknowledged.options.exclude_me) = (true, false);
    vec![
        ("PUBLISH", plain.into()),
        ("PUBLISH+options", acknowledged.into()),
        (
            "EVENT",
            Event { subscription, publication, details: Default::default(), payload: payload() }.into(),
        ),
        (
            "CALL",
            Call { request, options: Default::default(), procedure: procedure.into(), payload: payload() }
                .into(),
        ),
        (
            "INVOCATION",
            Invocation { request, registration, details: Default::default(), payload: payload() }.into(),
        ),
        ("YIELD", Yield { request, options: Default::default(), payload: payload() }.into()),
        ("RESULT", Result { request, details: Default::default(), payload: payload() }.into()),
    ]
}

/// A payload from one serializer to another.
fn transcoding(filter: &str) {
    let kwargs =
        Dict::new().with("id", 4711).with("name", "sensor-17").with("value", 21.5).with("valid", true);
    for from in Serializer::ALL {
        for to in Serializer::ALL.into_iter().filter(|to| *to != from) {
            let payload = Payload::new(from, &[Value::from("reading")], &kwargs);
            report(filter, &format!("transcode {from} to {to} ({} B)", payload.bytes().len()), || {
                black_box(black_box(&payload).transcoded(to).bytes());
            });
        }
    }
}

fn report(filter: &str, name: &str, mut op: impl FnMut()) {
    if !name.contains(filter) {
        return;
    }
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..OPS_PER_ROUND).for_each(|_| op());
            start.elapsed().as_nanos() as f64 / f64::from(OPS_PER_ROUND)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:<40} {:>7.1} ns", rounds[ROUNDS / 2]);
}
