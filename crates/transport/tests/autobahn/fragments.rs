//! Group 5: fragmentation.

use crate::harness::{Event, Wire, check, text};

const FAIL: Event = Event::Fail(1002);

#[test]
fn group_5_fragments() {
    let ping = |payload: &[u8]| Event::Ping(payload.to_vec());
    let new = Wire::default;
    check("5.1", new().frame(9, false, b"fragment1").frame(0, true, b"fragment2"), &[FAIL]);
    check("5.2", new().frame(10, false, b"fragment1").frame(0, true, b"fragment2"), &[FAIL]);
    let both = text("fragment1fragment2");
    let wire = new().frame(1, false, b"fragment1").frame(0, true, b"fragment2");
    check("5.3, 5.4, 5.5", wire, std::slice::from_ref(&both));
    let wire = new().frame(1, false, b"fragment1").ping(b"ping").frame(0, true, b"fragment2");
    check("5.6, 5.7, 5.8", wire, &[ping(b"ping"), both.clone()]);
    for (id, fin) in [("5.9, 5.10, 5.11", true), ("5.12, 5.13, 5.14", false)] {
        check(id, new().frame(0, fin, b"non-continuation").text("Hello"), &[FAIL]);
    }
    let wire = new()
        .frame(1, false, b"fragment1")
        .frame(0, true, b"fragment2")
        .frame(0, false, b"fragment3")
        .frame(1, true, b"fragment4");
    check("5.15", wire, &[both, FAIL]);
    check("5.16", new().frame(0, false, b"fragment1").frame(1, true, b"fragment2"), &[FAIL]);
    check("5.17", new().frame(0, true, b"fragment1").frame(1, true, b"fragment2"), &[FAIL]);
    check("5.18", new().frame(1, false, b"fragment1").frame(1, true, b"fragment2"), &[FAIL]);
    let wire = new()
        .frame(1, false, b"fragment1")
        .frame(0, false, b"fragment2")
        .ping(b"pongme 1!")
        .frame(0, false, b"fragment3")
        .frame(0, false, b"fragment4")
        .ping(b"pongme 2!")
        .frame(0, true, b"fragment5");
    let whole = text("fragment1fragment2fragment3fragment4fragment5");
    check("5.19, 5.20", wire, &[ping(b"pongme 1!"), ping(b"pongme 2!"), whole]);
}
