//! What decoding costs. Run with `cargo test --release -p crossweave-transport --test speed -- --ignored --nocapture`.

use crossweave_transport::item::Item;
use crossweave_transport::websocket::{Decoder, Encoder, Limits, Opcode, Role, append_masked_frame};
use std::hint::black_box;
use std::time::Instant;

fn masked_text_ns(len: usize) -> f64 {
    let count = 64 * 1024 / (len + 14);
    let mut wire = Vec::new();
    for _ in 0..count {
        append_masked_frame(&mut wire, Opcode::Text, &vec![b'a'; len], [1, 2, 3, 4]);
    }
    let mut decoder = Decoder::new(Role::Server, Limits::default(), None);
    let mut best = f64::MAX;
    for _ in 0..200 {
        // Unmasking in place changes the buffer, and ascii would not stay ascii: start afresh.
        let mut buffer = wire.clone();
        let (start, mut at) = (Instant::now(), 0);
        loop {
            let decoded = decoder.decode(&mut buffer[at..]).expect("frames are valid");
            at += decoded.consumed;
            match decoded.item {
                Item::Incomplete => break,
                item => drop(black_box(item)),
            }
        }
        best = best.min(start.elapsed().as_nanos() as f64 / count as f64);
    }
    best
}

#[test]
#[ignore = "a measurement"]
fn masked_text_frame_of_64_octets_decodes_in_less_than_60_ns() {
    for len in [0, 16, 64, 192, 1024, 16_000] {
        println!("decode masked text of {len} octets: {:.1} ns", masked_text_ns(len));
    }
    let mut encoder = Encoder::new(Role::Server, None);
    let (payload, mut out) = (vec![b'a'; 64], Vec::with_capacity(1 << 20));
    let start = Instant::now();
    for _ in 0..10_000 {
        encoder.append_message(&mut out, true, black_box(&payload));
    }
    println!("encode text of 64 octets: {:.1} ns", start.elapsed().as_nanos() as f64 / 10_000.0);
    assert!(masked_text_ns(64) < 60.0);
}
