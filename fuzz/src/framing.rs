//! What takes frames off a stream. Beyond not panicking: how the bytes are cut into reads must not matter.

use crossweave_transport::codec::Decoder;
use crossweave_transport::http::{HEAD_LEN_MAX, parse_request};
use crossweave_transport::item::Item;
use crossweave_transport::rawsocket::{self, ClientHello};
use crossweave_transport::websocket::deflate::{Deflate, DeflateOptions, DeflateParams, Inflate};
use crossweave_transport::websocket::handshake::{ClientHandshake, ServerOptions, upgrade};
use crossweave_transport::websocket::origin::OriginPolicy;
use crossweave_transport::websocket::{self, Limits, Role, WsError};

const LEN_MAX: usize = 64 * 1024;

/// All items in `data`, which arrives in reads of `step` bytes, and whether it ended in an error, with its close code.
///
/// Not with the error itself: a message that is wrong in two ways may show either first.
fn items(mut decoder: Decoder, data: &[u8], step: usize) -> (Vec<String>, Option<Option<u16>>) {
    let mut found = Vec::new();
    let mut buffer: Vec<u8> = Vec::new();
    for read in data.chunks(step.max(1)) {
        buffer.extend_from_slice(read);
        loop {
            match decoder.decode(&mut buffer) {
                Err(error) => return (found, Some(error.close_code())),
                Ok(decoded) => {
                    let consumed = decoded.consumed;
                    let is_incomplete = decoded.item == Item::Incomplete;
                    if !is_incomplete {
                        found.push(format!("{:?}", decoded.item));
                    }
                    buffer.drain(..consumed);
                    if is_incomplete {
                        break;
                    }
                }
            }
        }
        // Bounded by the message's limit, not by what a header claims.
        assert!(decoder.buffered_len() <= 4 * LEN_MAX, "{} bytes held", decoder.buffered_len());
    }
    (found, None)
}

fn is_the_same_in_any_reads(data: &[u8], decoder: impl Fn() -> Decoder) {
    let whole = items(decoder(), data, usize::MAX);
    let step = data.len() % 13 + 1;
    let parts = items(decoder(), data, step);
    assert_eq!(whole, parts, "in reads of {step}");
}

/// RawSocket handshakes and frames.
pub fn rawsocket(data: &[u8]) {
    if let Some(octets) = data.first_chunk() {
        if let Ok(hello) = ClientHello::parse(*octets) {
            assert_eq!(hello.request(), *octets);
        }
        let _ = rawsocket::parse_reply(*octets, 1);
    }
    is_the_same_in_any_reads(data, || Decoder::RawSocket(rawsocket::Decoder::with_limit(LEN_MAX)));
}

/// WebSocket frames, both roles, with and without compression by the first byte.
pub fn ws_frame(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let limits = Limits { max_frame_size: LEN_MAX, max_message_size: LEN_MAX };
    let params = DeflateParams { client_no_context_takeover: choice & 4 != 0, ..DeflateParams::default() };
    is_the_same_in_any_reads(data, || {
        let inflate = (choice & 2 != 0).then(|| Inflate::new(role, &params));
        Decoder::WebSocket(websocket::Decoder::new(role, limits, inflate))
    });
}

/// Upgrade requests, and answers to ours.
pub fn ws_handshake(data: &[u8]) {
    let options = ServerOptions {
        protocols: vec!["wamp.2.json".into(), "wamp.2.cbor".into()],
        allows_no_protocol: data.len().is_multiple_of(2),
        origins: OriginPolicy::any(),
        deflate: Some(DeflateOptions::default()),
        limits: Limits::default(),
        fragment_len: 0,
    };
    if let Ok(Some((request, head_len))) = parse_request(data) {
        assert!(head_len <= data.len());
        match upgrade(&request, &options, false) {
            Ok(agreed) => {
                let response = agreed.response(&[]);
                assert!(response.starts_with(b"HTTP/1.1 101 ") && response.ends_with(b"\r\n\r\n"));
                assert!(agreed.protocol.is_none_or(|chosen| options.protocols.contains(&chosen)));
            }
            Err(refused) => assert!(refused.response().status() >= 400),
        }
    }
    let mut client = ClientHandshake::new("localhost", "/ws");
    client.protocols = options.protocols.clone();
    client.deflate = options.deflate.clone();
    // The key is random, so no answer can be right; all must be survived.
    assert!(!matches!(client.verify(data), Ok(Some(_))));
    // The same for the one field whose grammar is rich.
    if let Ok(text) = std::str::from_utf8(data) {
        let deflate = DeflateOptions::default();
        if let Some(params) = deflate.accept(text) {
            assert!(
                (8..=15).contains(&params.server_max_window_bits)
                    && (8..=15).contains(&params.client_max_window_bits)
            );
        }
        let _ = deflate.verify(text);
        let _ = options.origins.admits(text, Some("localhost:8080"), false);
    }
}

/// HTTP/1.1 request heads: a head is complete at the same place however many bytes follow.
pub fn http1(data: &[u8]) {
    match parse_request(data) {
        Ok(Some((request, head_len))) => {
            assert!(head_len <= data.len() && head_len <= HEAD_LEN_MAX + 4);
            assert_eq!(parse_request(&data[..head_len]).ok().flatten(), Some((request, head_len)));
            for len in 0..head_len.min(64) {
                assert!(!matches!(parse_request(&data[..len]), Ok(Some(_))), "complete at {len} already");
            }
        }
        Ok(None) => assert!(data.len() <= HEAD_LEN_MAX, "a head without an end is refused at last"),
        Err(error) => {
            let _ = error.response();
        }
    }
}

/// Inflating anything stops at the cap; inflating what we compressed gives it back.
pub fn deflate(data: &[u8]) {
    let params = DeflateParams::default();
    let mut inflated = Vec::new();
    match Inflate::new(Role::Server, &params).inflate(data, true, &mut inflated, LEN_MAX) {
        Ok(()) => assert!(inflated.len() <= LEN_MAX),
        Err(WsError::MessageTooLong { .. } | WsError::InvalidDeflate) => {
            assert!(inflated.len() <= LEN_MAX + 1)
        }
        Err(other) => panic!("unexpected {other:?}"),
    }
    let mut deflate = Deflate::new(Role::Client, &params, &DeflateOptions::default());
    let mut inflate = Inflate::new(Role::Server, &params);
    for message in [data, &data[data.len() / 2..], data] {
        let (mut compressed, mut again) = (Vec::new(), Vec::new());
        deflate.compress(message, &mut compressed);
        inflate.inflate(&compressed, true, &mut again, usize::MAX).expect("our own stream");
        assert_eq!(again, message);
    }
}
