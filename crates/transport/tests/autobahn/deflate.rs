//! Groups 12 (compressed messages of several kinds and sizes) and 13 (compression parameters).
//!
//! Client and server negotiate by header text, then a client's messages travel to the server and back. The suite's
//! 1,000 messages a case are three to ten here.

use crate::harness::{Event, Feeding, feed};
use crossweave_transport::websocket::deflate::{Deflate, DeflateOptions, DeflateParams, Inflate};
use crossweave_transport::websocket::{Decoder, Encoder, Limits, Role};

/// Fewer of the long ones: zlib is slow without optimization.
fn message_count(len: usize) -> usize {
    if len > 8192 { 3 } else { 10 }
}

/// Size of a message and of its fragments (zero: none).
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16_384, 0),
    (32_768, 0),
    (65_536, 0),
    (131_072, 0),
    (8192, 256),
    (16_384, 256),
    (32_768, 256),
    (65_536, 256),
    (131_072, 256),
    (65_536, 1024),
    (131_072, 1024),
    (131_072, 4096),
];

/// The suite's payloads: JSON, an image, a book, numbers, and a mix, here made by arithmetic.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Json,
    Noise,
    Prose,
    Zeros,
    Mixed,
}

const KINDS: [Kind; 5] = [Kind::Json, Kind::Noise, Kind::Prose, Kind::Zeros, Kind::Mixed];

impl Kind {
    fn is_text(self) -> bool {
        matches!(self, Kind::Json | Kind::Prose)
    }

    fn payload(self, len: usize, seed: usize) -> Vec<u8> {
        let mut state = (seed as u32).wrapping_mul(2_654_435_761) | 1;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let mut payload = Vec::new();
        while payload.len() < len {
            match self {
                Kind::Json => payload.extend(format!("{{\"id\":{},\"name\":\"x\"}},", random()).bytes()),
                Kind::Noise => payload.push(random() as u8),
                Kind::Prose => {
                    payload.extend(["the ", "whale ", "sea ", "captain "][random() as usize % 4].bytes());
                }
                Kind::Zeros => payload.push(0),
                Kind::Mixed if random() % 2 == 0 => payload.extend([7; 300]),
                Kind::Mixed => payload.extend((0..300).map(|_| random() as u8)),
            }
        }
        payload.truncate(len);
        payload
    }

    fn event(self, payload: Vec<u8>) -> Event {
        if self.is_text() {
            Event::Text(String::from_utf8(payload).expect("text payloads are ascii"))
        } else {
            Event::Binary(payload)
        }
    }
}

/// One end of a connection with compression.
struct End {
    encoder: Encoder,
    decoder: Decoder,
}

impl End {
    fn new(role: Role, params: &DeflateParams, options: &DeflateOptions, fragment_len: usize) -> End {
        let mut encoder = Encoder::new(role, Some(Deflate::new(role, params, options)));
        encoder.set_fragment_len(fragment_len);
        End { encoder, decoder: Decoder::new(role, Limits::default(), Some(Inflate::new(role, params))) }
    }

    fn send(&mut self, event: &Event) -> Vec<u8> {
        let mut wire = Vec::new();
        match event {
            Event::Text(payload) => self.encoder.append_message(&mut wire, true, payload.as_bytes()),
            Event::Binary(payload) => self.encoder.append_message(&mut wire, false, payload),
            other => panic!("not a message: {other:?}"),
        }
        wire
    }
}

/// Negotiates, then echoes messages of one kind and size. Returns (octets of payload, octets on the wire).
fn echo(
    client: &DeflateOptions,
    server: &DeflateOptions,
    kind: Kind,
    size: (usize, usize),
) -> (usize, usize) {
    let accepted = server.accept(&client.offer()).expect("the offer is acceptable");
    let params =
        client.verify(&accepted.response()).expect("the answer is acceptable").expect("deflate is on");
    let mut client = End::new(Role::Client, &params, client, size.1);
    let mut server = End::new(Role::Server, &accepted, server, size.1);
    let (mut payload_len, mut wire_len) = (0, 0);
    for seed in 0..message_count(size.0) {
        let event = kind.event(kind.payload(size.0, seed));
        let feeding = if seed == 0 { Feeding::Chunks(61) } else { Feeding::Whole };
        let wire = client.send(&event);
        let (received, _) = feed(&mut server.decoder, &wire, feeding);
        assert!(received == [event.clone()], "{kind:?} {size:?} message {seed} to the server");
        let back = server.send(&received[0]);
        let (echoed, _) = feed(&mut client.decoder, &back, feeding);
        assert!(echoed == [event], "{kind:?} {size:?} message {seed} to the client");
        payload_len += size.0;
        wire_len += back.len();
    }
    (payload_len, wire_len)
}

#[test]
fn group_12_compressed_messages_of_every_kind_and_size_are_echoed() {
    let options = DeflateOptions { max_window_bits: 15, request_max_window_bits: 15, ..Default::default() };
    for kind in KINDS {
        for size in SIZES {
            let (payload_len, wire_len) = echo(&options, &options, kind, size);
            let is_compressible = !matches!(kind, Kind::Noise) && size.0 >= 256 && size.1 == 0;
            assert!(!is_compressible || wire_len * 10 < payload_len * 9, "{kind:?} {size:?} did not shrink");
        }
    }
}

#[test]
fn group_13_every_combination_of_parameters_works() {
    let with = |no_context: bool, bits: u8| DeflateOptions {
        no_context_takeover: no_context,
        request_no_context_takeover: no_context,
        max_window_bits: bits,
        request_max_window_bits: bits,
        min_len: 0,
        ..Default::default()
    };
    let any = with(false, 15);
    // 13.1 to 13.6, and the memory-saving defaults of ours; 13.7 offers a list, see below.
    let sets =
        [with(false, 15), with(true, 15), with(false, 9), with(true, 9), with(false, 12), with(true, 12)];
    for (index, options) in sets.iter().enumerate() {
        for size in SIZES.into_iter().filter(|size| size.0 <= 32_768) {
            echo(options, &any, KINDS[index % KINDS.len()], size);
            echo(&any, options, KINDS[(index + 2) % KINDS.len()], size);
        }
    }
}

#[test]
fn group_13_7_first_acceptable_offer_of_a_list_is_taken() {
    let server = DeflateOptions { max_window_bits: 15, request_max_window_bits: 15, ..Default::default() };
    let list = "permessage-deflate; client_no_context_takeover; server_max_window_bits=9, \
                permessage-deflate; server_max_window_bits=15, permessage-deflate";
    let params = server.accept(list).unwrap();
    assert!(params.client_no_context_takeover);
    assert_eq!(params.server_max_window_bits, 9);
}

/// zlib has no 8-bit window; the RFC does.
#[test]
fn window_of_eight_bits_is_honoured_by_sending_long_messages_uncompressed() {
    let options = DeflateOptions { min_len: 0, ..Default::default() };
    let params = options.accept("permessage-deflate; server_max_window_bits=8").unwrap();
    assert_eq!(params.server_max_window_bits, 8);
    let mut server = End::new(Role::Server, &params, &options, 0);
    let mut client = End::new(Role::Client, &params, &options, 0);
    for (len, is_compressed) in [(1, true), (256, true), (257, false), (256, true), (5000, false)] {
        let event = Event::Binary(vec![1; len]);
        let wire = server.send(&event);
        assert_eq!(wire[0] & 0x40 != 0, is_compressed, "{len} octets");
        assert_eq!(feed(&mut client.decoder, &wire, Feeding::Whole).0, [event]);
    }
}
