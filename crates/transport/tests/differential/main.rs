//! Our codec against others: tungstenite for framing, miniz_oxide for deflate. Seeded, so every failure repeats.

mod puff;

use crossweave_transport::item::Item;
use crossweave_transport::websocket::deflate::{Deflate, DeflateOptions, DeflateParams, Inflate};
use crossweave_transport::websocket::{Decoder, Encoder, Limits, Role, WsError};
use miniz_oxide::deflate::core::{CompressorOxide, create_comp_flags_from_zip_params};
use miniz_oxide::inflate::stream::InflateState;
use miniz_oxide::{DataFormat, MZFlush};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::io::{self, Read, Write};
use tungstenite::protocol::{Message, Role as TheirRole, WebSocket, WebSocketConfig};

/// A socket for tungstenite: reads what is given, keeps what is written, then is at its end.
#[derive(Default)]
struct Pipe {
    input: Vec<u8>,
    at: usize,
    output: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(self.input.len() - self.at);
        buf[..len].copy_from_slice(&self.input[self.at..][..len]);
        self.at += len;
        Ok(len)
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(1 << 20)).max_frame_size(Some(1 << 20))
}

fn limits() -> Limits {
    Limits { max_frame_size: 1 << 20, max_message_size: 1 << 20 }
}

fn theirs(role: TheirRole, input: Vec<u8>) -> WebSocket<Pipe> {
    WebSocket::from_raw_socket(Pipe { input, ..Default::default() }, role, Some(config()))
}

/// What an implementation makes of a stream.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

/// Our reading, in chunks of random length; the error's text if there was one.
fn our_events(role: Role, wire: &[u8], random: &mut ChaCha8Rng) -> (Vec<Event>, Option<String>) {
    let mut decoder = Decoder::new(role, limits(), None);
    let (mut events, mut buffer, mut offered) = (Vec::new(), Vec::new(), 0);
    while offered < wire.len() {
        let len = (1 + random.next_u32() as usize % 5000).min(wire.len() - offered);
        buffer.extend_from_slice(&wire[offered..offered + len]);
        offered += len;
        let mut at = 0;
        loop {
            let decoded = match decoder.decode(&mut buffer[at..]) {
                Ok(decoded) => decoded,
                Err(error) => return (events, Some(error.to_string())),
            };
            at += decoded.consumed;
            match decoded.item {
                Item::Incomplete => break,
                Item::Message { text: true, data } => events.push(Event::Text(data.to_vec())),
                Item::Message { text: false, data } => events.push(Event::Binary(data.to_vec())),
                Item::Ping(data) => events.push(Event::Ping(data.to_vec())),
                Item::Pong(data) => events.push(Event::Pong(data.to_vec())),
                Item::Close { code, .. } => events.push(Event::Close(code)),
            }
        }
        buffer.drain(..at);
    }
    (events, None)
}

fn their_events(role: TheirRole, wire: &[u8]) -> (Vec<Event>, String) {
    let mut socket = theirs(role, wire.to_vec());
    let mut events = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => events.push(Event::Text(text.as_bytes().to_vec())),
            Ok(Message::Binary(data)) => events.push(Event::Binary(data.to_vec())),
            Ok(Message::Ping(data)) => events.push(Event::Ping(data.to_vec())),
            Ok(Message::Pong(data)) => events.push(Event::Pong(data.to_vec())),
            Ok(Message::Close(frame)) => events.push(Event::Close(frame.map(|frame| frame.code.into()))),
            Ok(Message::Frame(_)) => {}
            Err(error) => return (events, error.to_string()),
        }
    }
}

fn random_message(random: &mut ChaCha8Rng) -> Event {
    let len = match random.next_u32() % 6 {
        0 => random.next_u32() % 8,
        1 => 120 + random.next_u32() % 12,
        2 => 65_530 + random.next_u32() % 12,
        3 => random.next_u32() % 40_000,
        _ => random.next_u32() % 600,
    } as usize;
    let mut payload = vec![0; len];
    random.fill_bytes(&mut payload);
    match random.next_u32() % 8 {
        0 => Event::Ping(payload[..len.min(125)].to_vec()),
        1 => Event::Pong(payload[..len.min(125)].to_vec()),
        2..=4 => Event::Binary(payload),
        _ => Event::Text(payload.iter().map(|octet| char::from(*octet)).collect::<String>().into_bytes()),
    }
}

fn encode_ours(encoder: &mut Encoder, wire: &mut Vec<u8>, event: &Event) {
    match event {
        Event::Text(payload) => encoder.append_message(wire, true, payload),
        Event::Binary(payload) => encoder.append_message(wire, false, payload),
        Event::Ping(payload) => encoder.append_ping(wire, payload),
        Event::Pong(payload) => encoder.append_pong(wire, payload),
        Event::Close(code) => encoder.append_close(wire, *code, "bye"),
    }
}

fn encode_theirs(socket: &mut WebSocket<Pipe>, event: &Event) {
    let message = match event {
        Event::Text(payload) => Message::text(String::from_utf8(payload.clone()).unwrap()),
        Event::Binary(payload) => Message::binary(payload.clone()),
        Event::Ping(payload) => Message::Ping(payload.clone().into()),
        Event::Pong(payload) => Message::Pong(payload.clone().into()),
        Event::Close(_) => Message::Close(None),
    };
    socket.send(message).unwrap();
}

#[test]
fn what_tungstenite_writes_we_read() {
    for (seed, role, their_role) in
        [(1, Role::Server, TheirRole::Client), (2, Role::Client, TheirRole::Server)]
    {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut socket = theirs(their_role, Vec::new());
        let sent: Vec<Event> = (0..400).map(|_| random_message(&mut random)).collect();
        sent.iter().for_each(|event| encode_theirs(&mut socket, event));
        let (received, error) = our_events(role, &socket.get_ref().output, &mut random);
        assert_eq!(error, None);
        assert!(received == sent, "as {role:?}");
    }
}

#[test]
fn what_we_write_tungstenite_reads() {
    for fragment_len in [0, 1, 100, 5000] {
        for (role, their_role) in [(Role::Server, TheirRole::Client), (Role::Client, TheirRole::Server)] {
            let mut random = ChaCha8Rng::seed_from_u64(3);
            let mut encoder = Encoder::new(role, None);
            encoder.set_fragment_len(fragment_len);
            let count = if fragment_len == 1 { 20 } else { 200 };
            let mut sent: Vec<Event> = (0..count).map(|_| random_message(&mut random)).collect();
            sent.push(Event::Close(Some(1000)));
            let mut wire = Vec::new();
            sent.iter().for_each(|event| encode_ours(&mut encoder, &mut wire, event));
            let (received, _) = their_events(their_role, &wire);
            assert!(received == sent, "as {role:?} in fragments of {fragment_len}");
        }
    }
}

/// What we refuse and tungstenite takes: it is the more lenient one in these points.
const STRICTER: [&str; 3] = ["frame length", "invalid close code", "unmasked frame"];

#[test]
fn damaged_streams_are_read_alike_or_refused_earlier() {
    let mut refused = 0;
    for seed in 0..2000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut encoder = Encoder::new(Role::Client, None);
        encoder.set_fragment_len([0, 0, 50][seed as usize % 3]);
        let mut wire = Vec::new();
        for _ in 0..1 + random.next_u32() % 6 {
            let mut event = random_message(&mut random);
            if let Event::Binary(payload) | Event::Text(payload) = &mut event {
                payload.truncate(
                    payload.iter().position(|octet| !octet.is_ascii()).unwrap_or(payload.len()).max(40),
                );
                payload.iter_mut().for_each(|octet| *octet &= 0x7f);
            }
            encode_ours(&mut encoder, &mut wire, &event);
        }
        if random.next_u32() % 4 == 0 {
            encoder.append_close(&mut wire, Some(1000), "bye");
        }
        for _ in 0..1 + random.next_u32() % 3 {
            let at = random.next_u32() as usize % wire.len();
            wire[at] ^= 1 << (random.next_u32() % 8);
        }
        let (ours, our_error) = our_events(Role::Server, &wire, &mut random);
        let (theirs, their_error) = their_events(TheirRole::Server, &wire);
        let context = || format!("seed {seed}: our error {our_error:?}, theirs {their_error:?}");
        assert!(theirs.len() >= ours.len() && theirs[..ours.len()] == ours, "{}", context());
        refused += usize::from(our_error.is_some());
        if theirs.len() > ours.len() {
            let error = our_error.as_deref().unwrap_or("none");
            assert!(STRICTER.iter().any(|known| error.starts_with(known)), "{}", context());
        }
    }
    assert!(refused > 200, "damage is noticed: {refused}");
}

fn window(bits: u8) -> (DeflateParams, DeflateOptions) {
    let params =
        DeflateParams { server_max_window_bits: bits, client_max_window_bits: bits, ..Default::default() };
    (params, DeflateOptions { min_len: 0, ..Default::default() })
}

/// Compressible, with repetitions at all distances up to beyond the largest window.
fn random_payload(random: &mut ChaCha8Rng) -> Vec<u8> {
    let len = 1 + random.next_u32() as usize % 60_000;
    let mut payload: Vec<u8> = Vec::with_capacity(len);
    while payload.len() < len {
        let run = 1 + random.next_u32() as usize % 300;
        let distance = 1 + random.next_u32() as usize % 40_000;
        for _ in 0..run {
            let octet = match payload.len().checked_sub(distance) {
                Some(at) => payload[at],
                None => random.next_u32() as u8,
            };
            payload.push(octet);
        }
    }
    payload
}

#[test]
fn what_we_compress_miniz_inflates_with_context_kept() {
    for bits in [9, 10, 12, 15] {
        let (params, options) = window(bits);
        let mut deflate = Deflate::new(Role::Server, &params, &options);
        let mut state = InflateState::new_boxed(DataFormat::Raw);
        let mut random = ChaCha8Rng::seed_from_u64(bits.into());
        for message in 0..10 {
            let payload = random_payload(&mut random);
            let mut compressed = Vec::new();
            deflate.compress(&payload, &mut compressed);
            compressed.extend([0, 0, 0xff, 0xff]);
            let (mut inflated, mut at) = (vec![0; payload.len() + 100], 0);
            let mut len = 0;
            while at < compressed.len() {
                let result = miniz_oxide::inflate::stream::inflate(
                    &mut state,
                    &compressed[at..],
                    &mut inflated[len..],
                    MZFlush::None,
                );
                at += result.bytes_consumed;
                len += result.bytes_written;
                assert!(result.bytes_consumed + result.bytes_written > 0, "{bits} bits: {:?}", result.status);
            }
            assert!(inflated[..len] == payload, "{bits} bits, message {message}");
        }
    }
}

#[test]
fn compressor_keeps_within_the_promised_window_and_uses_it() {
    for bits in 9..=15 {
        let (params, options) = window(bits);
        let mut deflate = Deflate::new(Role::Server, &params, &options);
        let mut random = ChaCha8Rng::seed_from_u64(100 + u64::from(bits));
        let (mut sent, mut inflated, mut farthest) = (Vec::new(), Vec::new(), 0);
        for _ in 0..5 {
            let payload = random_payload(&mut random);
            let mut compressed = Vec::new();
            deflate.compress(&payload, &mut compressed);
            compressed.extend([0, 0, 0xff, 0xff]);
            farthest = farthest.max(puff::inflate(&compressed, &mut inflated));
            sent.extend(payload);
        }
        assert!(inflated == sent, "{bits} bits");
        assert!((1 << (bits - 2)..=1 << bits).contains(&farthest), "{bits} bits, distance {farthest}");
    }
}

#[test]
fn what_miniz_compresses_we_inflate_at_every_cut() {
    let flags = create_comp_flags_from_zip_params(6, -15, 0);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut compressor = CompressorOxide::new(flags);
    let (params, _) = window(15);
    let mut inflate = Inflate::new(Role::Server, &params);
    for message in 0..30 {
        let payload = random_payload(&mut random);
        let mut compressed = vec![0; payload.len() * 2 + 1000];
        let result =
            miniz_oxide::deflate::stream::deflate(&mut compressor, &payload, &mut compressed, MZFlush::Sync);
        assert_eq!(result.bytes_consumed, payload.len());
        compressed.truncate(result.bytes_written);
        assert!(compressed.ends_with(&[0, 0, 0xff, 0xff]));
        compressed.truncate(compressed.len() - 4);
        let cut = random.next_u32() as usize % compressed.len();
        let mut inflated = Vec::new();
        inflate.inflate(&compressed[..cut], false, &mut inflated, payload.len()).unwrap();
        inflate.inflate(&compressed[cut..], true, &mut inflated, payload.len()).unwrap();
        assert!(inflated == payload, "message {message}");
    }
}

/// RFC 7692 section 7.2.3.5 lets a sender end a message with a final block.
#[test]
fn message_with_a_final_block_is_inflated() {
    let (params, _) = window(15);
    let mut inflate = Inflate::new(Role::Server, &params);
    // "Hello", as the RFC prints it.
    let message = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    for _ in 0..3 {
        let mut inflated = Vec::new();
        inflate.inflate(&message, true, &mut inflated, 5).unwrap();
        assert_eq!(inflated, b"Hello");
    }
}

/// The other examples of RFC 7692 section 7.2.3.
#[test]
fn examples_of_the_specification_are_inflated() {
    let (params, _) = window(15);
    let fresh = || Inflate::new(Role::Server, &params);
    for (parts, expected) in [
        (vec![&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..]], "Hello"),
        (vec![b"\xf2\x48\xcd", b"\xc9\xc9\x07\x00"], "Hello"),
        (vec![b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"], "Hello"),
        (vec![b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"], "Hello"),
        (vec![b"\x00"], ""),
    ] {
        let mut inflate = fresh();
        let mut inflated = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            inflate.inflate(part, index + 1 == parts.len(), &mut inflated, 5).unwrap();
        }
        assert_eq!(inflated, expected.as_bytes());
    }
    let mut inflate = fresh();
    for message in CONTEXT {
        let mut inflated = Vec::new();
        inflate.inflate(message, true, &mut inflated, 5).unwrap();
        assert_eq!(inflated, b"Hello");
    }
}

/// "Hello" twice; the second one refers to the first.
const CONTEXT: [&[u8]; 2] = [b"\xf2\x48\xcd\xc9\xc9\x07\x00", b"\xf2\x00\x11\x00\x00"];

#[test]
fn peer_that_promised_to_forget_its_context_may_not_refer_to_it() {
    let params = DeflateParams { client_no_context_takeover: true, ..Default::default() };
    let mut inflate = Inflate::new(Role::Server, &params);
    let mut inflated = Vec::new();
    inflate.inflate(CONTEXT[0], true, &mut inflated, 5).unwrap();
    assert_eq!(inflate.inflate(CONTEXT[1], true, &mut Vec::new(), 5), Err(WsError::InvalidDeflate));
}
