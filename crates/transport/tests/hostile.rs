//! Peers that lie: lengths, masks, bombs, and endless beginnings. Nothing is stored that did not arrive.

use crossweave_transport::codec::{self, Codec, CodecError};
use crossweave_transport::item::Item;
use crossweave_transport::rawsocket::{self, FrameType, MaxLen, RawSocketError};
use crossweave_transport::websocket::deflate::{Deflate, DeflateOptions, DeflateParams, Inflate};
use crossweave_transport::websocket::frame::append_frame_with;
use crossweave_transport::websocket::{Decoder, Encoder, Limits, Opcode, Role, WsError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

fn server() -> Decoder {
    Decoder::new(Role::Server, Limits { max_frame_size: 1000, max_message_size: 2000 }, None)
}

fn refusal(wire: &[u8]) -> WsError {
    server().decode(&mut wire.to_vec()).expect_err("hostile octets are refused")
}

#[test]
fn lengths_that_lie_are_refused_from_the_header() {
    let extended = |len: u64| [&[0x82, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat();
    for len in [1 << 63, u64::MAX, (1 << 63) | 5, 0, 125, 65_535] {
        assert_eq!(refusal(&extended(len)), WsError::LengthForm(len));
    }
    for len in [65_536, i64::MAX as u64, 1 << 40] {
        assert_eq!(refusal(&extended(len)), WsError::FrameTooLong { max: 1000 });
    }
    for len in [0u16, 1, 125] {
        let wire = [&[0x82, 0xfe][..], &len.to_be_bytes(), &[0; 4]].concat();
        assert_eq!(refusal(&wire), WsError::LengthForm(len.into()));
    }
    assert_eq!(refusal(&[0x82, 0xfe, 0x03, 0xe9, 0, 0, 0, 0]), WsError::FrameTooLong { max: 1000 });
    assert_eq!(WsError::FrameTooLong { max: 1000 }.close_code(), 1009);
}

#[test]
fn masks_are_required_of_clients_and_refused_of_servers() {
    assert_eq!(refusal(&[0x81, 0x00]), WsError::MaskMissing);
    assert_eq!(refusal(&[0x89, 0x00]), WsError::MaskMissing);
    let mut client = Decoder::new(Role::Client, Limits::default(), None);
    assert_eq!(client.decode(&mut [0x81, 0x80, 0, 0, 0, 0]), Err(WsError::MaskUnexpected));
}

#[test]
fn every_strict_prefix_of_a_header_asks_for_more_and_stores_nothing() {
    let wire = [&[0x82, 0xff][..], &70_000u64.to_be_bytes(), &[1, 2, 3, 4]].concat();
    for cut in 0..wire.len() {
        let mut decoder = Decoder::new(Role::Server, Limits::default(), None);
        let decoded = decoder.decode(&mut wire[..cut].to_vec()).unwrap().consumed;
        assert_eq!((decoded, decoder.buffered_len()), (0, 0), "cut at {cut}");
    }
}

#[test]
fn memory_follows_what_arrived_and_not_what_was_claimed() {
    let limits = Limits { max_frame_size: usize::MAX, max_message_size: usize::MAX };
    let mut decoder = Decoder::new(Role::Server, limits, None);
    let mut wire = [&[0x82, 0xff][..], &(1u64 << 62).to_be_bytes(), &[9; 4 + 100]].concat();
    assert_eq!(decoder.decode(&mut wire).unwrap().consumed, wire.len());
    assert!(decoder.is_mid_message());
    assert!(decoder.buffered_len() < 1000, "{} octets held", decoder.buffered_len());

    let mut raw = rawsocket::Decoder::new(MaxLen::MAX);
    let mut wire = [&[0, 0xff, 0xff, 0xff][..], &[9; 100]].concat();
    assert_eq!(raw.decode(&mut wire).unwrap().consumed, wire.len());
    assert!(raw.buffered_len() < 1000, "{} octets held", raw.buffered_len());
}

#[test]
fn fragments_add_up_to_the_message_limit() {
    let mut decoder = server();
    let mut wire = Vec::new();
    append_frame_with(&mut wire, Opcode::Binary, &[0; 1000], false, false, Some([1; 4]));
    append_frame_with(&mut wire, Opcode::Continuation, &[0; 1000], false, false, Some([1; 4]));
    let consumed = decoder.decode(&mut wire).unwrap().consumed;
    assert_eq!(consumed, wire.len());
    // One octet too many, known from the header.
    let error = decoder.decode(&mut [0x80, 0x81, 0, 0, 0, 0]).unwrap_err();
    assert_eq!(error, WsError::MessageTooLong { max: 2000 });
    assert_eq!(error.close_code(), 1009);
}

#[test]
fn a_million_empty_fragments_take_no_memory() {
    let mut decoder = server();
    let mut start = [0x02, 0x80, 1, 2, 3, 4];
    assert_eq!(decoder.decode(&mut start).unwrap().item, Item::Incomplete);
    let mut wire = [0x00, 0x80, 1, 2, 3, 4].repeat(10_000);
    for _ in 0..100 {
        assert_eq!(decoder.decode(&mut wire).unwrap().consumed, wire.len());
        assert_eq!(decoder.buffered_len(), 0);
    }
    assert_eq!(
        decoder.decode(&mut [0x80, 0x80, 0, 0, 0, 0]).unwrap().item,
        Item::Message { text: false, data: &[] }
    );
}

fn params() -> DeflateParams {
    DeflateParams { client_no_context_takeover: true, ..Default::default() }
}

fn deflating(max_message_size: usize) -> Decoder {
    let limits = Limits { max_frame_size: 10 << 20, max_message_size };
    Decoder::new(Role::Server, limits, Some(Inflate::new(Role::Server, &params())))
}

fn compressed(payload: &[u8]) -> Vec<u8> {
    let options = DeflateOptions { min_len: 0, level: 9, ..Default::default() };
    let mut encoder = Encoder::new(Role::Client, Some(Deflate::new(Role::Client, &params(), &options)));
    let mut wire = Vec::new();
    encoder.append_message(&mut wire, false, payload);
    wire
}

#[test]
fn deflate_bomb_stops_at_the_cap() {
    let max = 1 << 20;
    let bomb = compressed(&vec![0; 64 << 20]);
    assert!(bomb.len() < 80_000, "a bomb of {} octets", bomb.len());
    for chunk_len in [bomb.len(), 1000] {
        let mut decoder = deflating(max);
        let (mut error, mut offered, mut buffer) = (None, 0, Vec::new());
        for chunk in bomb.chunks(chunk_len) {
            buffer.extend_from_slice(chunk);
            offered += chunk.len();
            match decoder.decode(&mut buffer).map(|decoded| decoded.consumed) {
                Ok(consumed) => drop(buffer.drain(..consumed)),
                Err(refused) => {
                    error = Some(refused);
                    break;
                }
            }
        }
        assert_eq!(error, Some(WsError::MessageTooLong { max }));
        assert!(decoder.buffered_len() <= 2 * max, "{} octets held", decoder.buffered_len());
        assert!(offered <= 40_000 || chunk_len > 1000, "stopped after {offered} octets only");
    }
}

#[test]
fn message_of_exactly_the_cap_is_taken_and_one_octet_more_is_not() {
    for len in [0, 1, 4095, 4096, 4097, 8192, 100_000] {
        let mut wire = compressed(&vec![7; len]);
        let item = Item::Message { text: false, data: &vec![7; len] };
        assert_eq!(deflating(len).decode(&mut wire.clone()).unwrap().item, item, "{len} octets");
        if len > 0 {
            let error = deflating(len - 1).decode(&mut wire).unwrap_err();
            assert_eq!(error, WsError::MessageTooLong { max: len - 1 });
        }
    }
}

#[test]
fn garbage_in_place_of_deflate_data_is_refused_or_inflates_within_the_cap() {
    let mut refused = 0;
    for seed in 0..2000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut garbage = vec![0; 1 + random.next_u32() as usize % 400];
        random.fill_bytes(&mut garbage);
        let mut wire = Vec::new();
        append_frame_with(&mut wire, Opcode::Binary, &garbage, true, true, Some([1, 2, 3, 4]));
        match deflating(5000).decode(&mut wire) {
            Ok(decoded) => assert!(matches!(decoded.item, Item::Message { data, .. } if data.len() <= 5000)),
            Err(error) => {
                refused += 1;
                assert!(matches!(error, WsError::InvalidDeflate | WsError::MessageTooLong { .. }));
            }
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn compressed_frames_without_negotiation_are_refused() {
    assert_eq!(refusal(&[0xc2, 0x80, 0, 0, 0, 0]), WsError::ReservedBits(0x40));
    // The bit belongs to the first fragment only.
    let mut decoder = deflating(1000);
    let mut wire = [0x42, 0x80, 0, 0, 0, 0, 0xc0, 0x80, 0, 0, 0, 0];
    assert_eq!(decoder.decode(&mut wire), Err(WsError::ReservedBits(0x40)));
}

#[test]
fn compressed_text_is_checked_after_inflation() {
    let options = DeflateOptions { min_len: 0, ..Default::default() };
    let mut encoder = Encoder::new(Role::Client, Some(Deflate::new(Role::Client, &params(), &options)));
    let mut wire = Vec::new();
    encoder.append_message(&mut wire, true, b"\xed\xa0\x80");
    assert_eq!(deflating(1000).decode(&mut wire), Err(WsError::InvalidUtf8));
}

/// Whatever comes, a decoder neither panics nor goes round in circles nor keeps more than it was given.
#[test]
fn random_octets_never_break_a_decoder() {
    for seed in 0..20_000 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut codec = match seed % 3 {
            0 => Codec::rawsocket(MaxLen::MIN, MaxLen::MIN),
            1 => Codec::websocket(deflating(1000), Encoder::new(Role::Server, None)),
            _ => Codec::websocket(
                Decoder::new(Role::Client, Limits::default(), None),
                Encoder::new(Role::Client, None),
            ),
        };
        let mut buffer = vec![0; random.next_u32() as usize % 300];
        random.fill_bytes(&mut buffer);
        if random.next_u32() % 2 == 0 {
            for at in (0..buffer.len()).step_by(7) {
                buffer[at] = [0x81, 0x82, 0x80, 0xc1, 0x00, 0x89][at % 6];
            }
        }
        let mut at = 0;
        for round in 0.. {
            assert!(round <= 300, "seed {seed} goes round in circles");
            match codec.decode(&mut buffer[at..]) {
                Ok(decoded) if decoded.item == Item::Incomplete => break,
                Ok(decoded) => at += decoded.consumed,
                Err(_) => break,
            }
        }
        assert!(codec.decoder.buffered_len() <= 4096, "seed {seed}");
    }
}

#[test]
fn rawsocket_frames_arrive_in_any_chunks_and_long_ones_move_into_the_decoder() {
    let payloads: Vec<Vec<u8>> =
        [0, 1, 100, 16_380, 16_381, 100_000, 3].iter().map(|len| vec![*len as u8; *len]).collect();
    let mut wire = Vec::new();
    for payload in &payloads {
        rawsocket::append_frame(&mut wire, FrameType::Message, payload);
    }
    for chunk_len in [1, 7, 1000, 65_536, wire.len()] {
        let mut decoder = rawsocket::Decoder::new(MaxLen::MAX);
        let (mut received, mut buffer) = (Vec::new(), Vec::new());
        for chunk in wire.chunks(chunk_len) {
            buffer.extend_from_slice(chunk);
            let mut at = 0;
            loop {
                let decoded = decoder.decode(&mut buffer[at..]).unwrap();
                at += decoded.consumed;
                match decoded.item {
                    Item::Incomplete => break,
                    Item::Message { data, .. } => received.push(data.to_vec()),
                    other => panic!("unexpected {other:?}"),
                }
            }
            buffer.drain(..at);
            assert!(buffer.len() <= 16 * 1024);
        }
        assert!(received == payloads, "in chunks of {chunk_len}");
        assert_eq!(decoder.buffered_len(), 0);
    }
}

fn masked(opcode: Opcode, len: usize, fin: bool) -> Vec<u8> {
    let mut wire = Vec::new();
    append_frame_with(&mut wire, opcode, &vec![7; len], fin, false, Some([1, 2, 3, 4]));
    wire
}

#[test]
fn a_lowered_message_limit_holds_for_frames_and_messages_until_it_is_lifted() {
    let mut decoder = codec::Decoder::WebSocket(server());
    decoder.set_message_len_max(100);
    let whole = |len| masked(Opcode::Binary, len, true);
    assert_eq!(decoder.decode(&mut whole(100)).unwrap().item, Item::Message { text: false, data: &[7; 100] });
    let too_long = CodecError::WebSocket(WsError::FrameTooLong { max: 100 });
    assert_eq!(decoder.decode(&mut whole(101)[..8]), Err(too_long));
    assert_eq!(too_long.close_code(), Some(1009));

    let mut decoder = codec::Decoder::WebSocket(server());
    decoder.set_message_len_max(100);
    decoder.decode(&mut masked(Opcode::Binary, 60, false)).unwrap();
    let error = decoder.decode(&mut masked(Opcode::Continuation, 41, true)).unwrap_err();
    assert_eq!(error, CodecError::WebSocket(WsError::MessageTooLong { max: 100 }));
}

#[test]
fn a_lifted_message_limit_restores_the_configured_one_and_a_high_one_does_not_exceed_it() {
    for lifted in [usize::MAX, 1 << 30] {
        let mut decoder = codec::Decoder::WebSocket(server());
        decoder.set_message_len_max(100);
        decoder.set_message_len_max(lifted);
        let mut wire = masked(Opcode::Binary, 1000, true);
        assert_eq!(decoder.decode(&mut wire).unwrap().consumed, wire.len());
        let error = decoder.decode(&mut masked(Opcode::Binary, 1001, true)).unwrap_err();
        assert_eq!(error, CodecError::WebSocket(WsError::FrameTooLong { max: 1000 }));

        let mut raw = codec::Decoder::RawSocket(rawsocket::Decoder::new(MaxLen::at_least(1024)));
        raw.set_message_len_max(100);
        raw.set_message_len_max(lifted);
        assert_eq!(raw.decode(&mut [0, 0, 4, 0]).unwrap().item, Item::Incomplete);
        let error = raw.decode(&mut [0, 0, 4, 1]).unwrap_err();
        assert_eq!(error, CodecError::RawSocket(RawSocketError::TooLong { len: 1025, max: 1024 }));
    }
}

#[test]
fn a_lowered_message_limit_holds_for_rawsocket_from_the_header() {
    let lowered = || {
        let mut raw = codec::Decoder::RawSocket(rawsocket::Decoder::new(MaxLen::MAX));
        raw.set_message_len_max(64 << 10);
        raw
    };
    assert_eq!(lowered().decode(&mut [0, 1, 0, 0]).unwrap().item, Item::Incomplete);
    let error = lowered().decode(&mut [0, 1, 0, 1]).unwrap_err();
    assert_eq!(error, CodecError::RawSocket(RawSocketError::TooLong { len: 65_537, max: 65_536 }));
}

#[test]
fn a_lowered_message_limit_holds_for_what_is_inflated_and_a_started_message_is_measured_anew() {
    let mut decoder = codec::Decoder::WebSocket(deflating(10_000));
    decoder.set_message_len_max(5000);
    let error = decoder.decode(&mut compressed(&[7; 5001])).unwrap_err();
    assert_eq!(error, CodecError::WebSocket(WsError::MessageTooLong { max: 5000 }));

    let mut decoder = codec::Decoder::WebSocket(server());
    decoder.decode(&mut masked(Opcode::Binary, 500, false)).unwrap();
    decoder.set_message_len_max(400);
    let error = decoder.decode(&mut masked(Opcode::Continuation, 1, true)).unwrap_err();
    assert_eq!(error, CodecError::WebSocket(WsError::MessageTooLong { max: 400 }));
}

#[test]
fn compressed_messages_are_a_violation_while_they_are_not_allowed() {
    let mut decoder = codec::Decoder::WebSocket(deflating(1000));
    decoder.set_compression_allowed(false);
    let mut plain = masked(Opcode::Binary, 5, true);
    assert_eq!(decoder.decode(&mut plain).unwrap().item, Item::Message { text: false, data: &[7; 5] });
    let error = decoder.decode(&mut compressed(b"hello")).unwrap_err();
    assert_eq!(error, CodecError::WebSocket(WsError::ReservedBits(0x40)));
    assert_eq!(error.close_code(), Some(1002));

    let mut decoder = codec::Decoder::WebSocket(deflating(1000));
    decoder.set_compression_allowed(false);
    decoder.decode(&mut plain).unwrap();
    decoder.set_compression_allowed(true);
    let mut wire = compressed(b"hello");
    assert_eq!(decoder.decode(&mut wire).unwrap().item, Item::Message { text: false, data: b"hello" });
}

#[test]
fn codec_errors_tell_the_close_code_where_there_is_one() {
    let mut codec = Codec::rawsocket(MaxLen::MIN, MaxLen::MIN);
    let error = codec.decode(&mut [0, 0, 0xff, 0]).unwrap_err();
    assert_eq!(error, CodecError::RawSocket(RawSocketError::TooLong { len: 0xff00, max: 512 }));
    assert_eq!(error.close_code(), None);
    assert_eq!(CodecError::WebSocket(WsError::MaskMissing).close_code(), Some(1002));
}

#[test]
fn idle_decoders_are_small() {
    assert!(size_of::<Decoder>() <= 48, "{}", size_of::<Decoder>());
    assert!(size_of::<Encoder>() <= 24, "{}", size_of::<Encoder>());
    assert!(size_of::<Codec>() <= 96, "{}", size_of::<Codec>());
}
