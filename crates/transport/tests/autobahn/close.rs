//! Group 7: the closing handshake.

use crate::harness::{Event, Wire, check, closed, text};

#[test]
fn group_7_1_nothing_counts_after_a_close() {
    let new = Wire::default;
    check("7.1.1", new().text("Hello").close(1000, b""), &[text("Hello"), closed(1000)]);
    check("7.1.2", new().close(1000, b"").close(1000, b""), &[closed(1000)]);
    check("7.1.3", new().close(1000, b"").ping(b""), &[closed(1000)]);
    check("7.1.4", new().close(1000, b"").text("Hello"), &[closed(1000)]);
    let wire = new().frame(1, false, b"fragment1").close(1000, b"").frame(0, true, b"fragment2");
    check("7.1.5", wire, &[closed(1000)]);
    let large = "*".repeat(256 * 1024);
    check("7.1.6", new().text(&large).close(1000, b"").ping(b""), &[Event::Text(large), closed(1000)]);
}

#[test]
fn group_7_3_close_payloads() {
    let new = Wire::default;
    check("7.3.1", new().raw(0x88, b""), &[Event::Close(None, String::new())]);
    check("7.3.2", new().raw(0x88, b"a"), &[Event::Fail(1002)]);
    check("7.3.3", new().close(1000, b""), &[closed(1000)]);
    for (id, reason) in [("7.3.4", "Hello World!".to_owned()), ("7.3.5", "*".repeat(123))] {
        check(id, new().close(1000, reason.as_bytes()), &[Event::Close(Some(1000), reason)]);
    }
    check("7.3.6", new().close(1000, &[b'*'; 124]), &[Event::Fail(1002)]);
}

#[test]
fn group_7_5_close_reasons_are_utf8() {
    let reason = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64";
    check("7.5.1", Wire::default().close(1000, reason), &[Event::Fail(1007)]);
}

#[test]
fn group_7_7_valid_close_codes() {
    let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for (index, code) in codes.into_iter().enumerate() {
        check(&format!("7.7.{}", index + 1), Wire::default().close(code, b""), &[closed(code)]);
    }
}

#[test]
fn group_7_9_and_7_13_invalid_close_codes() {
    for (index, code) in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].into_iter().enumerate() {
        check(&format!("7.9.{}", index + 1), Wire::default().close(code, b""), &[Event::Fail(1002)]);
    }
    for (index, code) in [5000, 65_535].into_iter().enumerate() {
        check(&format!("7.13.{}", index + 1), Wire::default().close(code, b""), &[Event::Fail(1002)]);
    }
}

#[test]
fn every_close_code_is_either_valid_or_fails() {
    for code in 0..=u16::MAX {
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let expected = if is_valid { closed(code) } else { Event::Fail(1002) };
        let mut decoder = crossweave_transport::websocket::Decoder::new(
            crossweave_transport::websocket::Role::Server,
            crossweave_transport::websocket::Limits::default(),
            None,
        );
        let wire = Wire::default().close(code, b"").0;
        let (events, _) = crate::harness::feed(&mut decoder, &wire, crate::harness::Feeding::Whole);
        assert_eq!(events, [expected], "close code {code}");
    }
}
