//! Frames of both transports: reserved bits, lying lengths, control frames, fragments.

use e2e::wire::{frame, frame_header, ws_frame, ws_header};

use crate::attack::{Answer, Attack, Opening, run};

/// More than the 64 KiB that the node accepts.
const TOO_LONG: usize = (1 << 16) + 1;

const PROTOCOL_ERROR: Answer = Answer::WebSocketClose(&[1002]);
const TOO_BIG: Answer = Answer::WebSocketClose(&[1009]);
const INVALID_PAYLOAD: Answer = Answer::WebSocketClose(&[1007]);

fn rawsocket(name: &'static str, bytes: impl Into<Vec<u8>>, answer: Answer) -> Attack {
    Attack { name, opening: Opening::RawSocketSession, bytes: bytes.into(), answer }
}

fn websocket(name: &'static str, bytes: impl Into<Vec<u8>>, answer: Answer) -> Attack {
    Attack { name, opening: Opening::WebSocketSession, bytes: bytes.into(), answer }
}

#[test]
fn rawsocket_frames_that_break_the_rules_end_the_connection() {
    let too_long = u32::try_from(TOO_LONG).expect("64 KiB fit");
    run(vec![
        rawsocket("reserved frame type 3", frame_header(3, 0), Answer::Closed),
        rawsocket("reserved frame type 7", frame_header(7, 0), Answer::Closed),
        rawsocket("reserved bits of the type octet", frame_header(0xf8, 0), Answer::Closed),
        rawsocket("message of 0 bytes", frame(b""), Answer::Violation),
        rawsocket("oversized message", frame(&vec![b' '; TOO_LONG]), Answer::Closed),
        rawsocket("oversized length, no bytes", frame_header(0, 0x00ff_ffff), Answer::Closed),
        rawsocket("oversized ping, no bytes", frame_header(1, too_long), Answer::Closed),
        rawsocket("second handshake", [0x7f, 0xf1, 0, 0], Answer::Closed),
    ]);
}

#[test]
fn websocket_frames_that_break_the_rules_fail_the_connection() {
    let unmasked = [&ws_header(0x81, 2, false)[..], b"[]"].concat();
    run(vec![
        websocket("unmasked frame", unmasked, PROTOCOL_ERROR),
        websocket("RSV1 without deflate", ws_frame(0xc1, b"[]"), PROTOCOL_ERROR),
        websocket("RSV2", ws_frame(0xa1, b"[]"), PROTOCOL_ERROR),
        websocket("RSV3", ws_frame(0x91, b"[]"), PROTOCOL_ERROR),
        websocket("reserved opcode 3", ws_frame(0x83, b""), PROTOCOL_ERROR),
        websocket("reserved opcode 11", ws_frame(0x8b, b""), PROTOCOL_ERROR),
        websocket("fragmented ping", ws_frame(0x09, b""), PROTOCOL_ERROR),
        websocket("ping of 126 bytes", ws_frame(0x89, &[0; 126]), PROTOCOL_ERROR),
        websocket("continuation of nothing", ws_frame(0x80, b"[]"), PROTOCOL_ERROR),
        websocket(
            "new message inside another",
            [ws_frame(0x01, b"["), ws_frame(0x81, b"]")].concat(),
            PROTOCOL_ERROR,
        ),
    ]);
}

#[test]
fn websocket_lengths_that_lie_are_refused_before_the_bytes_come() {
    let beyond = |length| [ws_header(0x81, length, true), vec![0; 4]].concat();
    let halves = [ws_frame(0x01, &vec![b' '; TOO_LONG / 2]), ws_frame(0x80, &vec![b' '; TOO_LONG / 2 + 1])];
    run(vec![
        websocket("64-bit length with the top bit", beyond(u64::MAX), Answer::WebSocketClose(&[1002, 1009])),
        websocket("length of 2^62", beyond(1 << 62), TOO_BIG),
        websocket("length of 1 GiB", beyond(1 << 30), TOO_BIG),
        websocket("oversized message", ws_frame(0x81, &vec![b' '; TOO_LONG]), TOO_BIG),
        websocket("oversized in two fragments", halves.concat(), TOO_BIG),
    ]);
}

#[test]
fn websocket_close_frames_are_checked() {
    run(vec![
        websocket("close with one byte", ws_frame(0x88, &[3]), PROTOCOL_ERROR),
        websocket("close code 999", ws_frame(0x88, &999_u16.to_be_bytes()), PROTOCOL_ERROR),
        websocket("close code 1005", ws_frame(0x88, &1005_u16.to_be_bytes()), PROTOCOL_ERROR),
        websocket(
            "close reason not UTF-8",
            ws_frame(0x88, b"\x03\xe8\xff"),
            Answer::WebSocketClose(&[1002, 1007]),
        ),
        websocket("close without a code", ws_frame(0x88, b""), Answer::Closed),
    ]);
}

#[test]
fn websocket_payloads_of_the_wrong_kind_are_refused() {
    let kind = |name, opening, bytes| Attack { name, opening, bytes, answer: Answer::Violation };
    run(vec![
        websocket("text that is not UTF-8", ws_frame(0x81, b"[\"\xff\xfe\"]"), INVALID_PAYLOAD),
        websocket("text cut inside a character", ws_frame(0x81, b"[\"\xe2\x82\"]"), INVALID_PAYLOAD),
        websocket("surrogate in UTF-8", ws_frame(0x81, b"[\"\xed\xa0\x80\"]"), INVALID_PAYLOAD),
        websocket("binary to JSON", ws_frame(0x82, b"[]"), Answer::WebSocketClose(&[1003])),
        kind("text to MessagePack", Opening::WebSocket("wamp.2.msgpack"), ws_frame(0x81, b"[]")),
        kind("text to CBOR", Opening::WebSocket("wamp.2.cbor"), ws_frame(0x81, b"[]")),
    ]);
}
