//! A WELCOME that its peer takes, however little that is.

use crossweave_wamp::message::Welcome;
use crossweave_wamp::{Dict, Message, Value};

use crate::peer::Peer;

/// A peer that takes messages of so many octets takes any WELCOME that does not carry somebody's own `authextra`.
const WELCOME_LEN_MAX: usize = 8 * 1024;

/// Room for what is said of a session that may be resumed, in octets.
pub(super) const RESUMPTION_LEN_MAX: usize = 256;

/// What a client can do without, the most dispensable first. It knows its realm and most of the others by itself, or by
/// `wamp.session.get`. Not among them: `roles`, without which it is no WELCOME, `authextra`, by which a client may have to
/// check the router, and the token of a session that may be resumed.
const DISPENSABLE: [&str; 6] = ["agent", "authprovider", "authmethod", "realm", "authrole", "authid"];

/// Leaves out what must be left out for the peer to take it with so much more. False if that is not enough.
pub(super) fn shorten(welcome: &mut Welcome, peer: &Peer, more: usize) -> bool {
    let is_plain = || !welcome.details.iter().any(|(key, _)| key == "authextra");
    if peer.message_len_max == usize::MAX || peer.message_len_max >= WELCOME_LEN_MAX && is_plain() {
        return true;
    }
    cut(welcome, |welcome| len(welcome, peer) + more <= peer.message_len_max)
}

fn len(welcome: &Welcome, peer: &Peer) -> usize {
    let mut framed = Vec::new();
    peer.wire.append(&Message::from(welcome.clone()), &mut framed).body_len()
}

#[cold]
fn cut(welcome: &mut Welcome, fits: impl Fn(&Welcome) -> bool) -> bool {
    if fits(welcome) {
        return true;
    }
    // The longest part: a client that is not told of a feature does without.
    let bare = welcome.details.dict("roles").map(|roles| {
        roles.iter().map(|(role, _)| (role.to_owned(), Value::Dict(Dict::new()))).collect::<Dict>()
    });
    welcome.details.insert("roles", bare.unwrap_or_default());
    let mut dispensable = DISPENSABLE.iter();
    while !fits(welcome) {
        let Some(key) = dispensable.next() else { return false };
        welcome.details.remove(key);
    }
    true
}

#[cfg(test)]
mod tests {
    use crossweave_wamp::features::Roles;
    use crossweave_wamp::{Serializer, SessionId};

    use super::*;

    fn welcome() -> Welcome {
        let details = Dict::new()
            .with("realm", "realm1")
            .with("authid", "K3J4-QRTV-9XMN-W7PA")
            .with("authrole", "anonymous")
            .with("authmethod", "anonymous")
            .with("authprovider", "static")
            .with("agent", "Crossweave/0.1.0")
            .with("roles", Roles::router().to_dict());
        Welcome { session: SessionId(1 << 52), details }
    }

    fn fits(serializer: Serializer, len_max: usize) -> impl Fn(&Welcome) -> bool {
        move |welcome| Message::from(welcome.clone()).to_bytes(serializer).len() <= len_max
    }

    #[test]
    fn a_welcome_without_features_fits_512_octets_in_every_serializer() {
        for serializer in Serializer::ALL {
            let mut shortened = welcome();
            assert!(cut(&mut shortened, fits(serializer, 512)), "{serializer:?}");
            let roles = Roles::from_details(&shortened.details);
            assert!(roles.broker.is_some() && roles.dealer.is_some(), "{serializer:?}");
        }
        let mut shortened = welcome();
        assert!(cut(&mut shortened, fits(Serializer::Json, 512)));
        assert_eq!(shortened.details.str("authid"), Some("K3J4-QRTV-9XMN-W7PA"), "no more than needed");
        assert_eq!(shortened.details.str("agent"), Some("Crossweave/0.1.0"));
    }

    #[test]
    fn a_welcome_that_fits_stays_whole() {
        let mut whole = welcome();
        assert!(cut(&mut whole, fits(Serializer::Json, 1 << 12)));
        assert_eq!(whole, welcome());
    }

    #[test]
    fn the_most_dispensable_goes_first_and_a_proof_never() {
        let mut long = welcome();
        long.details.insert("authextra", Dict::new().with("verifier", "v".repeat(300)));
        let mut shortened = long.clone();
        assert!(cut(&mut shortened, fits(Serializer::Json, 512)));
        assert!(shortened.details.str("agent").is_none(), "there is no room for it");
        assert_eq!(shortened.details.get("authextra"), long.details.get("authextra"));
        let mut too_long = welcome();
        too_long.details.insert("authextra", Dict::new().with("verifier", "v".repeat(600)));
        assert!(!cut(&mut too_long, fits(Serializer::Json, 512)));
    }
}
