//! Against handshakes of OpenSSL, which says what its `tls-unique` was.

use super::secret::MasterSecret;
use super::transcript::{Side, Transcript};
use super::verify_data;
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::{HandshakeKind, SupportedCipherSuite, Tls12CipherSuite};

/// A recorded handshake.
struct Handshake {
    name: &'static str,
    suite: &'static Tls12CipherSuite,
    kind: HandshakeKind,
    up: Vec<u8>,
    down: Vec<u8>,
    random: [u8; 32],
    master: Vec<u8>,
    unique: Vec<u8>,
}

fn recorded() -> Vec<Handshake> {
    let text = include_str!("handshakes.txt");
    text.split("\n\n").skip(1).map(parse).collect()
}

fn parse(paragraph: &'static str) -> Handshake {
    let mut lines = paragraph.lines();
    let (name, suite) = lines.next().unwrap().split_once(' ').unwrap();
    let mut field = |expected: &str| {
        let (key, value) = lines.next().unwrap().split_once(' ').unwrap();
        assert_eq!(key, expected);
        bytes(value)
    };
    let (up, down, random) = (field("up"), field("down"), field("random"));
    let suite = match suite {
        "ECDHE-ECDSA-AES128-GCM-SHA256" => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES256-GCM-SHA384" => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        other => panic!("{other}"),
    };
    let SupportedCipherSuite::Tls12(suite) = suite else { panic!("not of tls 1.2") };
    let kind = if name.starts_with("full") { HandshakeKind::Full } else { HandshakeKind::Resumed };
    let random = random.try_into().unwrap();
    Handshake { name, suite, kind, up, down, random, master: field("master"), unique: field("unique") }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

impl Handshake {
    fn transcript(&self, chunk_len: usize) -> Transcript {
        transcript(&self.up, &self.down, chunk_len)
    }

    /// What the first Finished is over.
    fn messages(&self) -> Vec<u8> {
        self.transcript(100_000).first_finished(self.kind).unwrap().messages.concat()
    }

    fn unique(&self, transcript: &Transcript) -> Option<Vec<u8>> {
        let finished = transcript.first_finished(self.kind)?;
        let secret = MasterSecret::new(self.random, &self.master);
        assert!(secret.is_of(finished.client_random));
        Some(verify_data(self.suite, &secret, &finished).to_vec())
    }
}

fn transcript(up: &[u8], down: &[u8], chunk_len: usize) -> Transcript {
    let mut transcript = Transcript::default();
    up.chunks(chunk_len).for_each(|chunk| transcript.record(Side::Client, chunk));
    down.chunks(chunk_len).for_each(|chunk| transcript.record(Side::Server, chunk));
    transcript
}

/// The same messages in records of `len` bytes each, those behind ChangeCipherSpec as they are.
fn in_records_of(len: usize, stream: &[u8]) -> Vec<u8> {
    let (mut rest, mut messages) = (stream, Vec::new());
    while rest[0] == 22 {
        let body_len = usize::from(u16::from_be_bytes([rest[3], rest[4]]));
        messages.extend_from_slice(&rest[5..5 + body_len]);
        rest = &rest[5 + body_len..];
    }
    let records = messages.chunks(len).flat_map(|part| {
        let header = [&[22, 3, 3][..], &u16::try_from(part.len()).unwrap().to_be_bytes()].concat();
        [header, part.to_vec()].concat()
    });
    records.chain(rest.iter().copied()).collect()
}

#[test]
fn the_first_finished_is_what_openssl_says() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 4);
    for handshake in recorded {
        for chunk_len in [1, 7, 100_000] {
            let unique = handshake.unique(&handshake.transcript(chunk_len));
            assert_eq!(unique.as_ref(), Some(&handshake.unique), "{} {chunk_len}", handshake.name);
        }
    }
}

#[test]
fn how_messages_are_put_into_records_does_not_matter() {
    for handshake in recorded() {
        for len in [1, 5, 16_000] {
            let (up, down) = (in_records_of(len, &handshake.up), in_records_of(len, &handshake.down));
            let unique = handshake.unique(&transcript(&up, &down, 1000));
            assert_eq!(unique.as_ref(), Some(&handshake.unique), "{} {len}", handshake.name);
        }
    }
}

#[test]
fn another_kind_of_handshake_than_the_one_recorded_has_no_binding() {
    for mut handshake in recorded() {
        let transcript = handshake.transcript(1000);
        handshake.kind = match handshake.kind {
            HandshakeKind::Full => HandshakeKind::Resumed,
            _ => HandshakeKind::Full,
        };
        assert_eq!(handshake.unique(&transcript), None, "{}", handshake.name);
        assert!(transcript.first_finished(HandshakeKind::FullWithHelloRetryRequest).is_none());
    }
}

#[test]
fn without_extended_master_secret_and_with_tls_1_3_there_is_no_binding() {
    for handshake in recorded() {
        let extension = [0, 23, 0, 0];
        let at = handshake.down.windows(4).position(|window| window == extension).unwrap();
        for other in [[0, 99, 0, 0], [0, 43, 0, 0], [0, 23, 0, 9]] {
            let mut down = handshake.down.clone();
            down[at..at + 4].copy_from_slice(&other);
            assert_eq!(handshake.unique(&transcript(&handshake.up, &down, 1000)), None, "{other:?}");
        }
    }
}

#[test]
fn what_is_cut_off_or_no_handshake_has_no_binding() {
    let handshake = &recorded()[0];
    let clear = handshake.up.windows(6).position(|window| window == [20, 3, 3, 0, 1, 1]).unwrap();
    for len in 0..clear {
        let transcript = transcript(&handshake.up[..len], &handshake.down, 1000);
        assert_eq!(handshake.unique(&transcript), None, "{len}");
    }
    let alert = [21, 3, 3, 0, 2, 1, 0];
    let with_alert = [&alert[..], &handshake.up].concat();
    assert_eq!(handshake.unique(&transcript(&with_alert, &handshake.down, 1000)), None);
    let begun = [&handshake.up[..clear], &[22, 3, 3, 0, 4, 15, 0, 0, 9], &handshake.up[clear..]].concat();
    assert_eq!(handshake.unique(&transcript(&begun, &handshake.down, 1000)), None);
}

#[test]
fn a_handshake_that_is_too_long_has_no_binding() {
    let handshake = &recorded()[0];
    let record = [&[22, 3, 3, 0x40, 0][..], &[0; 1 << 14]].concat();
    let up = [record.repeat(3), handshake.up.clone()].concat();
    assert_eq!(handshake.unique(&transcript(&up, &handshake.down, 1000)), None);
}

#[test]
fn changed_bytes_never_panic_and_bind_only_to_the_same_messages() {
    let ccs = [20, 3, 3, 0, 1, 1];
    for handshake in recorded() {
        let clear = |stream: &[u8]| stream.windows(6).position(|window| window == ccs).unwrap();
        let (up_len, messages) = (clear(&handshake.up), handshake.messages());
        for at in 0..up_len + clear(&handshake.down) {
            for flip in [0x01, 0x80, 0xff] {
                let (mut up, mut down) = (handshake.up.clone(), handshake.down.clone());
                match at.checked_sub(up_len) {
                    None => up[at] ^= flip,
                    Some(at) => down[at] ^= flip,
                }
                let transcript = transcript(&up, &down, 100_000);
                let Some(finished) = transcript.first_finished(handshake.kind) else { continue };
                let secret = MasterSecret::new(handshake.random, &handshake.master);
                let is_bound =
                    verify_data(handshake.suite, &secret, &finished).as_slice() == handshake.unique;
                // Not part of them: versions of records, and the ticket of a full handshake.
                assert_eq!(is_bound, finished.messages.concat() == messages, "{} {at}", handshake.name);
            }
        }
    }
}
