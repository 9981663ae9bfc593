//! Groups 2 (pings and pongs), 3 (reserved bits) and 4 (opcodes).

use crate::harness::{Event, Wire, check, text};

const FAIL: Event = Event::Fail(1002);

#[test]
fn group_2_pings_and_pongs() {
    let ping = |payload: &[u8]| Event::Ping(payload.to_vec());
    let pong = |payload: &[u8]| Event::Pong(payload.to_vec());
    let odd = [0, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0, 0xff];
    let long = [0xfe; 125];
    let new = Wire::default;
    check("2.1", new().ping(b""), &[ping(b"")]);
    check("2.2", new().ping(b"Hello, world!"), &[ping(b"Hello, world!")]);
    check("2.3", new().ping(&odd), &[ping(&odd)]);
    check("2.4, 2.6", new().ping(&long), &[ping(&long)]);
    check("2.5", new().raw(0x89, &[0xfe; 126]), &[Event::Fail(1002)]);
    check("2.7", new().raw(0x8a, b""), &[pong(b"")]);
    check("2.8", new().raw(0x8a, b"unsolicited"), &[pong(b"unsolicited")]);
    check("2.9", new().raw(0x8a, b"unsolicited").ping(b"p"), &[pong(b"unsolicited"), ping(b"p")]);
    let ten: Vec<Vec<u8>> = (0..10).map(|i| format!("payload-{i}").into_bytes()).collect();
    let wire = ten.iter().fold(new(), |wire, payload| wire.ping(payload));
    check("2.10, 2.11", wire, &ten.iter().map(|payload| ping(payload)).collect::<Vec<_>>());
}

#[test]
fn group_3_reserved_bits_fail_the_connection() {
    let hello = "Hello, world!";
    let new = Wire::default;
    check("3.1", new().raw(0x80 | 1 << 4 | 1, hello.as_bytes()), &[FAIL]);
    for (id, rsv) in [("3.2", 2u8), ("3.3", 3), ("3.4", 4)] {
        let wire = new().text(hello).raw(0x80 | rsv << 4 | 1, hello.as_bytes()).ping(b"");
        check(id, wire, &[text(hello), FAIL]);
    }
    check("3.5", new().raw(0x80 | 5 << 4 | 2, b"\0\xff"), &[FAIL]);
    check("3.6", new().raw(0x80 | 6 << 4 | 9, b"ping"), &[FAIL]);
    check("3.7", new().raw(0x80 | 7 << 4 | 8, &1000u16.to_be_bytes()), &[FAIL]);
    for rsv in 1..8u8 {
        for opcode in [0, 1, 2, 8, 9, 10] {
            let id = format!("reserved bits {rsv} with opcode {opcode}");
            check(&id, new().raw(0x80 | rsv << 4 | opcode, b""), &[FAIL]);
        }
    }
}

#[test]
fn group_4_reserved_opcodes_fail_the_connection() {
    for (group, opcodes) in [(1, 3..=7u8), (2, 11..=15)] {
        for (index, opcode) in opcodes.enumerate() {
            for payload in [&b""[..], b"reserved opcode payload"] {
                let id = format!("4.{group}.{}", index + 1);
                check(&id, Wire::default().raw(0x80 | opcode, payload), &[FAIL]);
                let wire = Wire::default().text("Hello").raw(0x80 | opcode, payload).ping(b"");
                check(&id, wire, &[text("Hello"), FAIL]);
            }
        }
    }
}
