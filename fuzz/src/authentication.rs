//! What strangers say of who they are: `authextra` of HELLO, the answer to a challenge, and to clients the challenge itself.

use crossweave_auth::channel::Channel;
use crossweave_auth::cryptosign::{self, PrivateKey, PublicKey};
use crossweave_auth::decoy::Decoy;
use crossweave_auth::scram::{ClientExchange, Credential, ServerExchange};
use crossweave_auth::wampcra::{self, Salting};
use crossweave_auth::{Secret, ticket};
use crossweave_wamp::message::Authenticate;
use crossweave_wamp::{Dict, Serializer, SessionId, Value};

/// A list in JSON: `authextra` of HELLO, an answer (a text), and `extra` of AUTHENTICATE or CHALLENGE. No such answer is right.
pub fn authentication(data: &[u8]) {
    let Ok(Value::List(input)) = Serializer::Json.decode_value(data) else { return };
    let [Value::Dict(authextra), Value::Str(answer), Value::Dict(extra)] = &input[..] else { return };
    by_secret(answer, extra);
    by_key(authextra, answer);
    by_password(authextra, answer, extra);
}

fn by_secret(answer: &str, extra: &Dict) {
    let secret = Secret::from("a secret that nobody guesses");
    assert!(!ticket::is_same(&secret, answer), "a ticket was guessed");
    let _ = Salting::from_extra(extra);
    let credential = wampcra::Credential::new(secret, None);
    let (authid, authrole, authprovider) = ("joe", "user", "static");
    let (session, timestamp, nonce) = (SessionId(1), "2020-01-01T00:00:00.000Z", [3; 32]);
    let facts = wampcra::Facts { authid, authrole, authprovider, session, timestamp, nonce };
    let (_, text) = credential.challenge(&facts);
    assert!(!credential.is_signature(&text, answer), "a signature was guessed");
}

fn by_key(authextra: &Dict, answer: &str) {
    let key = PrivateKey::from_bytes(&[7; 32]).public();
    let channel = Channel { tls_unique: Some([8; 12]), tls_exporter: Some([9; 32]) };
    let binding = channel.requested(Some(authextra)).ok().flatten().map(|bound| bound.id());
    let message = cryptosign::message(&[5; 32], binding.as_ref());
    assert!(!key.is_signed(answer, &message), "a signature was guessed");
    for text in [Some(answer), authextra.str("pubkey")].into_iter().flatten() {
        if let Ok(key) = PublicKey::from_hex(text) {
            assert!(!key.is_signed(answer, &message), "the signature of another key was guessed");
        }
        let _ = cryptosign::challenge_from_hex(text);
    }
}

fn by_password(authextra: &Dict, answer: &str, extra: &Dict) {
    let credential = Credential::decoy(None, &Decoy::new([1; 32]), "joe");
    let channel = Channel::default();
    if let Ok((exchange, _)) = ServerExchange::start("joe", Some(authextra), &channel, credential, [2; 16]) {
        let answer = Authenticate { signature: answer.to_owned(), extra: extra.clone() };
        assert!(exchange.finish(&answer).is_none(), "a proof was guessed");
    }
    let cost = |name| extra.get(name).and_then(Value::as_u64).unwrap_or(0);
    if cost("iterations") <= 8 && cost("memory") <= 64 {
        let mut client = ClientExchange::new("joe", [4; 16], None);
        let _ = client.answer(extra, &Secret::from("pencil"));
        assert!(client.verify(authextra).is_err(), "a router that knows nothing was believed");
    }
}
