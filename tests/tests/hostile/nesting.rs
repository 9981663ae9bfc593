//! Depth and claimed sizes in each serializer, where a parser that recurses or trusts a length would fall.

use e2e::wire::frame;

use crate::attack::{Answer, Attack, Opening, run};

const DEEP: usize = 50_000;
/// More than a message of this node may hold, which the node finds out by its length.
const DEEPER: usize = 100_000;

const JSON: u8 = 1;
const MSGPACK: u8 = 2;
const CBOR: u8 = 3;

fn early(name: &'static str, serializer: u8, message: Vec<u8>) -> Attack {
    Attack {
        name,
        opening: Opening::RawSocket(serializer),
        bytes: frame(&message),
        answer: Answer::Violation,
    }
}

fn repeat(start: &[u8], unit: &[u8], times: usize) -> Vec<u8> {
    [start, &unit.repeat(times)].concat()
}

#[test]
fn deep_nesting_before_a_session_is_a_protocol_violation() {
    run(vec![
        early("JSON lists", JSON, repeat(b"[1,\"realm1\",", b"[", DEEP)),
        early("JSON objects", JSON, repeat(b"[1,\"realm1\",", b"{\"\":", DEEP / 5)),
        early("JSON closed lists", JSON, [repeat(b"", b"[", DEEP / 2), b"]".repeat(DEEP / 2)].concat()),
        early("MessagePack lists", MSGPACK, repeat(b"\x93\x01\xa6realm1", b"\x91", DEEP)),
        early("MessagePack maps", MSGPACK, repeat(b"\x93\x01\xa6realm1", b"\x81\xa0", DEEP / 2)),
        early("CBOR lists", CBOR, repeat(b"\x83\x01\x66realm1", b"\x81", DEEP)),
        early("CBOR maps", CBOR, repeat(b"\x83\x01\x66realm1", b"\xa1\x60", DEEP / 2)),
        early("CBOR endless lists", CBOR, repeat(b"\x83\x01\x66realm1", b"\x9f", DEEP)),
        early("CBOR tags", CBOR, repeat(b"\x83\x01\x66realm1", b"\xc6", DEEP)),
    ]);
}

#[test]
fn deep_nesting_in_a_payload_is_refused_or_too_long() {
    let nested = |times: usize| {
        let lists = format!("{}{}", "[".repeat(times), "]".repeat(times));
        frame(format!("[16,1,{{}},\"com.example.nested\",[{lists}]]").as_bytes())
    };
    let attack = |name, times, answer| {
        let opening = Opening::RawSocketSession;
        Attack { name, opening, bytes: nested(times), answer }
    };
    run(vec![
        attack("30,000 lists in args", 30_000, Answer::Violation),
        attack("100,000 lists in args", DEEPER, Answer::Closed),
    ]);
}

#[test]
fn claimed_sizes_do_not_allocate() {
    run(vec![
        early("MessagePack list of 2^32 - 1", MSGPACK, b"\xdd\xff\xff\xff\xff".to_vec()),
        early("MessagePack map of 2^32 - 1", MSGPACK, b"\x93\x01\xa6realm1\xdf\xff\xff\xff\xff".to_vec()),
        early("MessagePack text of 2^32 - 1", MSGPACK, b"\x93\x01\xdb\xff\xff\xff\xff".to_vec()),
        early("MessagePack binary of 2^32 - 1", MSGPACK, b"\x93\x01\xc6\xff\xff\xff\xff".to_vec()),
        early("MessagePack reserved octet", MSGPACK, b"\xc1".to_vec()),
        early("CBOR list of 2^64 - 1", CBOR, b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        early(
            "CBOR map of 2^64 - 1",
            CBOR,
            b"\x83\x01\x66realm1\xbb\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
        early("CBOR text of 2^64 - 1", CBOR, b"\x83\x01\x7b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        early("CBOR bytes of 2^63", CBOR, b"\x83\x01\x5b\x80\x00\x00\x00\x00\x00\x00\x00".to_vec()),
        early("CBOR reserved length", CBOR, b"\x83\x01\x7c".to_vec()),
        early("CBOR stray break", CBOR, b"\x83\x01\xff".to_vec()),
        early("MessagePack text not UTF-8", MSGPACK, b"\x93\x01\xa2\xff\xfe\x80".to_vec()),
        early("CBOR text not UTF-8", CBOR, b"\x83\x01\x62\xff\xfe\xa0".to_vec()),
        early("JSON number of 60,000 digits", JSON, repeat(b"[", b"9", 60_000)),
    ]);
}
