//! How much is computed for a client, by count and not by the clock: one that does not exist costs what one does that does.

use std::cell::Cell;

use crossweave_wamp::message::Authenticate;
use crossweave_wamp::{Dict, SessionId};

use crate::channel::Channel;
use crate::decoy::Decoy;
use crate::scram::credential::{Credential as Scram, Hashing};
use crate::scram::{Kdf, ServerExchange};
use crate::wampcra;

thread_local! {
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

/// Blocks of SHA-256 that go into one HMAC: two of the key, those of the message with its padding, one of the outer hash.
pub(crate) fn count_hmac(key: &[u8], message: &[u8]) {
    let of_key = if key.len() > 64 { 2 + key.len() / 64 } else { 2 };
    BLOCKS.set(BLOCKS.get() + of_key + (message.len() + 9).div_ceil(64) + 1);
}

/// The blocks that are hashed meanwhile.
fn blocks(work: impl FnOnce()) -> usize {
    let before = BLOCKS.get();
    work();
    BLOCKS.get() - before
}

/// What a router does for a HELLO and an AUTHENTICATE: the decoy is made for every client, and who exists is challenged with its own.
fn wampcra_login(known: Option<&wampcra::Credential>, model: &wampcra::Credential, authid: &str) -> usize {
    blocks(|| {
        let fake = wampcra::Credential::decoy(Some(model), &Decoy::new([3; 32]), authid);
        let credential = known.cloned().unwrap_or(fake);
        let facts = wampcra::Facts {
            authid,
            authrole: "user",
            authprovider: "static",
            session: SessionId(7),
            timestamp: "2026-11-21T12:00:00.000Z",
            nonce: [1; 32],
        };
        let (_, text) = credential.challenge(&facts);
        assert!(!credential.is_signature(&text, "AmHHdsvDO9WP5e741AdR0Asi6XW0sq+p4GSHTsykUek="));
    })
}

#[test]
fn a_wampcra_client_that_does_not_exist_costs_what_one_does_that_does() {
    let salting = wampcra::Salting { salt: "2481f36dfc515ca7".into(), iterations: 100, key_len: 32 };
    for salting in [None, Some(salting)] {
        let real = wampcra::Credential::new("secret!!!".into(), salting);
        let known = wampcra_login(Some(&real), &real, "joe");
        assert!(known > 0);
        assert_eq!(known, wampcra_login(None, &real, "jim"), "{real:?}");
    }
}

fn scram_login(known: Option<&Scram>, model: &Scram, authid: &str, signature: &str) -> usize {
    blocks(|| {
        let fake = Scram::decoy(Some(model), &Decoy::new([3; 32]), authid);
        let credential = known.cloned().unwrap_or(fake);
        let extra = Dict::new().with("nonce", "egVDf3DMJh0=");
        let channel = Channel { tls_unique: None, tls_exporter: None };
        let (exchange, _) =
            ServerExchange::start(authid, Some(&extra), &channel, credential, [6; 16]).expect("a good HELLO");
        let answer = Authenticate { signature: signature.to_owned(), extra: Dict::new() };
        assert!(exchange.finish(&answer).is_none());
    })
}

#[test]
fn a_scram_client_that_does_not_exist_costs_what_one_does_that_does() {
    for (kdf, memory) in [(Kdf::Pbkdf2, 0), (Kdf::Argon2id13, 512), (Kdf::Argon2id13Text, 512)] {
        let hashing = Hashing { kdf, salt: vec![1; 16], iterations: 4, memory };
        let real = Scram::derive(&"pencil".into(), hashing).expect("a good cost");
        for signature in ["VTNFiE9k8/CeT9IWmgVHGCR7Q7apwmD52dy5X31fz+U=", "", "not base64!"] {
            let known = scram_login(Some(&real), &real, "joe", signature);
            assert!(known > 0);
            assert_eq!(known, scram_login(None, &real, "jim", signature), "{kdf:?} {signature:?}");
        }
    }
}

/// The counter sees a difference: a client with a salt has one key more to be compared with.
#[test]
fn another_amount_of_work_is_seen() {
    let salting = wampcra::Salting { salt: "salt".into(), iterations: 1, key_len: 32 };
    let (plain, salted) = (
        wampcra::Credential::new("secret!!!".into(), None),
        wampcra::Credential::new("secret!!!".into(), Some(salting)),
    );
    assert_ne!(wampcra_login(Some(&plain), &plain, "joe"), wampcra_login(Some(&salted), &salted, "joe"));
}
