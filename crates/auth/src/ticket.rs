//! `ticket`: a shared text, sent as it is.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::Secret;

/// Whether this is the ticket. Takes the same time wherever they differ; both are hashed first, so that not even the length
/// shows.
pub fn is_same(ticket: &Secret, given: &str) -> bool {
    let (ticket, given) = (Sha256::digest(ticket.reveal()), Sha256::digest(given));
    ticket.as_slice().ct_eq(given.as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_ticket_is_the_ticket() {
        let ticket = Secret::from("secret!!!");
        assert!(is_same(&ticket, "secret!!!"));
        for wrong in ["", "secret!!", "secret!!! ", "Secret!!!"] {
            assert!(!is_same(&ticket, wrong), "{wrong}");
        }
    }
}
