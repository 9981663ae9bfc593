//! Group 6: UTF-8 in text messages, valid and invalid code points, and failing fast.

use crate::harness::{Event, Feeding, Wire, check, feed, text};
use crossweave_transport::websocket::{Decoder, Limits, Role};

const GREETING: &str = "Hello-µ@ßöäüàá-UTF-8!!";
const COSMOS: &str = "κόσμε";

/// One text message of one frame, and again with a frame for each octet.
fn check_text(id: &str, payload: &[u8]) {
    let expected = match std::str::from_utf8(payload) {
        Ok(valid) => text(valid),
        Err(_) => Event::Fail(1007),
    };
    check(id, Wire::default().frame(1, true, payload), std::slice::from_ref(&expected));
    check(id, octet_fragments(payload), &[expected]);
}

fn octet_fragments(payload: &[u8]) -> Wire {
    let start = Wire::default().frame(1, false, b"");
    payload.iter().fold(start, |wire, octet| wire.frame(0, false, &[*octet])).frame(0, true, b"")
}

fn check_valid(id: &str, payloads: &[&[u8]]) {
    for (index, payload) in payloads.iter().enumerate() {
        assert!(std::str::from_utf8(payload).is_ok(), "case {id}.{} is meant to be valid", index + 1);
        check_text(&format!("{id}.{}", index + 1), payload);
    }
}

fn check_invalid(id: &str, payloads: &[&[u8]]) {
    for (index, payload) in payloads.iter().enumerate() {
        assert!(std::str::from_utf8(payload).is_err(), "case {id}.{} is meant to be invalid", index + 1);
        check_text(&format!("{id}.{}", index + 1), payload);
    }
}

#[test]
fn group_6_1_and_6_2_valid_text_in_fragments() {
    let new = Wire::default;
    check("6.1.1", new().text(""), &[text("")]);
    check("6.1.2", new().frame(1, false, b"").frame(0, false, b"").frame(0, true, b""), &[text("")]);
    let wire = new().frame(1, false, b"").frame(0, false, b"middle frame payload").frame(0, true, b"");
    check("6.1.3", wire, &[text("middle frame payload")]);
    let (first, second) = GREETING.as_bytes().split_at(GREETING.find('ä').unwrap());
    check("6.2.2", new().frame(1, false, first).frame(0, true, second), &[text(GREETING)]);
    check_valid("6.2.1, 6.2.3, 6.2.4", &[GREETING.as_bytes(), COSMOS.as_bytes()]);
}

#[test]
fn group_6_3_invalid_text() {
    let payload = [COSMOS.as_bytes(), b"\xed\xa0\x80", b"edited"].concat();
    check_invalid("6.3", &[&payload]);
}

/// Fails no later than with the fragment that cannot become UTF-8 any more.
#[test]
fn group_6_4_invalid_fragments_fail_fast() {
    let start = COSMOS.as_bytes();
    for (id, bad) in [("6.4.1", &[&b"\xf4\x90\x80\x80"[..]][..]), ("6.4.2", &[b"\xf4", b"\x90"])] {
        let bad_end =
            bad.iter().fold(Wire::default().frame(1, false, start), |w, part| w.frame(0, false, part));
        let fail_at = bad_end.0.len();
        let wire = bad_end.frame(0, true, b"edited");
        let mut decoder = Decoder::new(Role::Server, Limits::default(), None);
        let (events, offered) = feed(&mut decoder, &wire.0, Feeding::Chunks(1));
        assert_eq!((events, offered), (vec![Event::Fail(1007)], fail_at), "case {id}");
        check(id, wire, &[Event::Fail(1007)]);
    }
}

#[test]
fn group_6_4_invalid_octets_within_one_frame_fail_at_its_end_at_the_latest() {
    let payload = [COSMOS.as_bytes(), b"\xf4\x90\x80\x80", b"edited"].concat();
    check_invalid("6.4.3, 6.4.4", &[&payload]);
    // In a frame that is taken in part by part, each part counts.
    let long = [&payload[..], &[b'*'; 100_000]].concat();
    let wire = Wire::default().frame(1, true, &long);
    let mut decoder = Decoder::new(Role::Server, Limits::default(), None);
    let (events, offered) = feed(&mut decoder, &wire.0, Feeding::Chunks(100));
    assert_eq!((events, offered), (vec![Event::Fail(1007)], 100));
}

#[test]
fn group_6_5_and_6_6_every_prefix_of_a_word() {
    for len in 0..=COSMOS.len() {
        check_text(&format!("6.6.{len}"), &COSMOS.as_bytes()[..len]);
    }
}

#[test]
fn group_6_7_to_6_11_boundaries() {
    check_valid("6.7", &[b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"]);
    check_invalid("6.8", &[b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"]);
    check_valid("6.9", &[b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"]);
    check_invalid("6.10", &[b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"]);
    check_valid("6.11", &[b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"]);
    check_invalid("6.11.5", &[b"\xf4\x90\x80\x80"]);
}

#[test]
fn group_6_12_unexpected_continuation_octets() {
    let alternating = b"\x80\xbf\x80\xbf\x80\xbf\x80";
    let mut cases: Vec<&[u8]> = vec![b"\x80", b"\xbf"];
    cases.extend((2..=7).map(|len| &alternating[..len]));
    let all: Vec<u8> = (0x80..=0xbf).collect();
    cases.push(&all);
    check_invalid("6.12", &cases);
}

#[test]
fn group_6_13_lonely_start_octets() {
    for (index, range) in
        [0xc0..=0xdfu8, 0xe0..=0xef, 0xf0..=0xf7, 0xf8..=0xfb, 0xfc..=0xfd].into_iter().enumerate()
    {
        let payload: Vec<u8> = range.flat_map(|start| [start, b' ']).collect();
        check_invalid(&format!("6.13.{}", index + 1), &[&payload]);
    }
}

const LAST_MISSING: [&[u8]; 10] = [
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xf8\x80\x80\x80",
    b"\xfc\x80\x80\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xf7\xbf\xbf",
    b"\xfb\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf",
];

#[test]
fn group_6_14_to_6_16_incomplete_and_impossible_sequences() {
    check_invalid("6.14", &LAST_MISSING);
    check_invalid("6.15", &[&LAST_MISSING.concat()]);
    check_invalid("6.16", &[b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]);
}

#[test]
fn group_6_17_to_6_19_overlong_sequences() {
    check_invalid(
        "6.17",
        &[
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ],
    );
    check_invalid(
        "6.18",
        &[
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xf8\x87\xbf\xbf\xbf",
            b"\xfc\x83\xbf\xbf\xbf\xbf",
        ],
    );
    check_invalid(
        "6.19",
        &[
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
            b"\xf8\x80\x80\x80\x80",
            b"\xfc\x80\x80\x80\x80\x80",
        ],
    );
}

#[test]
fn group_6_20_and_6_21_surrogates() {
    let single: [&[u8]; 7] = [
        b"\xed\xa0\x80",
        b"\xed\xad\xbf",
        b"\xed\xae\x80",
        b"\xed\xaf\xbf",
        b"\xed\xb0\x80",
        b"\xed\xbe\x80",
        b"\xed\xbf\xbf",
    ];
    check_invalid("6.20", &single);
    for high in &single[..4] {
        for low in &single[4..] {
            check_invalid("6.21", &[&[*high, *low].concat()]);
        }
    }
}

#[test]
fn group_6_22_and_6_23_non_characters_and_specials_are_valid() {
    for plane in 0..=16u32 {
        for low in [0xfffe, 0xffff] {
            let character = char::from_u32(plane << 16 | low).unwrap();
            check_valid("6.22", &[character.to_string().as_bytes()]);
        }
    }
    for code in 0xfff9..=0xffff {
        check_valid("6.23", &[char::from_u32(code).unwrap().to_string().as_bytes()]);
    }
}
