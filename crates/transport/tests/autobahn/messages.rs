//! Groups 1 (framing), 9 (limits and performance) and 10 (automatic fragmentation).

use crate::harness::{Event, Feeding, Wire, check, feed};
use crossweave_transport::websocket::{Decoder, Encoder, Limits, Role};

const SIZES: [usize; 8] = [0, 125, 126, 127, 128, 65_535, 65_536, 65_536];

fn message(is_text: bool, len: usize) -> (u8, Vec<u8>, Event) {
    if is_text {
        let payload = "*".repeat(len);
        (1, payload.clone().into_bytes(), Event::Text(payload))
    } else {
        let payload = vec![0xfe; len];
        (2, payload.clone(), Event::Binary(payload))
    }
}

#[test]
fn group_1_messages_of_every_length_form_are_echoed() {
    for (kind, is_text) in [(1, true), (2, false)] {
        for (index, len) in SIZES.into_iter().enumerate() {
            let (opcode, payload, event) = message(is_text, len);
            let id = format!("1.{kind}.{}", index + 1);
            check(&id, Wire::default().frame(opcode, true, &payload), &[event]);
        }
    }
}

/// Group 9's sizes are for a day's patience; divide them.
fn scale() -> usize {
    if std::env::var_os("AUTOBAHN_FULL").is_some() { 1 } else { 16 }
}

#[test]
fn group_9_1_and_9_2_large_messages_are_echoed() {
    for (kind, is_text) in [(1, true), (2, false)] {
        for (index, kib) in [64, 256, 1024, 4096, 8192, 16_384].into_iter().enumerate() {
            let (opcode, payload, event) = message(is_text, kib * 1024 / scale());
            check(
                &format!("9.{kind}.{}", index + 1),
                Wire::default().frame(opcode, true, &payload),
                &[event],
            );
        }
    }
}

#[test]
fn group_9_3_and_9_4_large_fragmented_messages_are_echoed() {
    for (kind, is_text) in [(3, true), (4, false)] {
        for index in 0..9u32 {
            let fragment_len = 64 * 4usize.pow(index);
            let (opcode, payload, event) = message(is_text, (4 << 20) / scale());
            let count = payload.len().div_ceil(fragment_len);
            let wire = payload.chunks(fragment_len).enumerate().fold(Wire::default(), |wire, (i, part)| {
                wire.frame(if i == 0 { opcode } else { 0 }, i + 1 == count, part)
            });
            check(&format!("9.{kind}.{}", index + 1), wire, &[event]);
        }
    }
}

#[test]
fn group_9_5_and_9_6_large_messages_in_chopped_writes_are_echoed() {
    for (kind, is_text) in [(5, true), (6, false)] {
        for (index, chop) in [64, 128, 256, 512, 1024, 2048].into_iter().enumerate() {
            let (opcode, payload, event) = message(is_text, (1 << 20) / scale());
            let wire = Wire::default().frame(opcode, true, &payload);
            let mut decoder = Decoder::new(Role::Server, Limits::default(), None);
            let (events, _) = feed(&mut decoder, &wire.0, Feeding::Chunks(chop));
            assert!(events == [event], "9.{kind}.{}", index + 1);
        }
    }
}

#[test]
fn group_9_7_and_9_8_many_messages_are_echoed() {
    for (kind, is_text) in [(7, true), (8, false)] {
        for (index, len) in [0, 16, 64, 256, 1024, 4096].into_iter().enumerate() {
            let (opcode, payload, event) = message(is_text, len);
            let count = 1000 / scale();
            let wire = (0..count).fold(Wire::default(), |wire, _| wire.frame(opcode, true, &payload));
            check(&format!("9.{kind}.{}", index + 1), wire, &vec![event; count]);
        }
    }
}

#[test]
fn group_10_automatically_fragmented_messages_are_echoed() {
    let payload = "*".repeat(65_536);
    let mut encoder = Encoder::new(Role::Client, None);
    encoder.set_fragment_len(1300);
    let mut wire = Vec::new();
    encoder.append_message(&mut wire, true, payload.as_bytes());
    assert!(wire.len() > 65_536 + 50 * 8, "51 fragments have 51 headers");
    crate::harness::check_octets("10.1.1", &wire, &[Event::Text(payload)]);
}
