//! Agreeing on permessage-deflate parameters (RFC 7692 sections 5 and 7.1).

use super::super::frame::Role;

const EXTENSION: &str = "permessage-deflate";

/// More extensions or parameters than this in one header are not looked at.
const OFFERS_MAX: usize = 16;

/// What we want of compression. The same type serves servers (what to accept) and clients (what to offer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeflateOptions {
    /// The largest window for what we send, in bits, 9–15. Default 12, which takes 205 KiB; 15 takes 316 KiB.
    pub max_window_bits: u8,
    /// The window asked of the peer, in bits, 9–15. A server can ask only a client that offered it. Default 12.
    pub request_max_window_bits: u8,
    /// Whether we forget the context after each message, so that idle connections hold no compressor. Default `false`.
    pub no_context_takeover: bool,
    /// Whether the peer is asked to forget its context after each message. Default `false`.
    pub request_no_context_takeover: bool,
    /// zlib's level, 1 (fast) to 9 (small). Default 6.
    pub level: u32,
    /// Messages shorter than this many octets are sent uncompressed. Default 64.
    pub min_len: usize,
}

impl Default for DeflateOptions {
    fn default() -> DeflateOptions {
        DeflateOptions {
            max_window_bits: 12,
            request_max_window_bits: 12,
            no_context_takeover: false,
            request_no_context_takeover: false,
            level: 6,
            min_len: 64,
        }
    }
}

/// The parameters that both ends agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeflateParams {
    /// The server forgets its context after each message.
    pub server_no_context_takeover: bool,
    /// The client forgets its context after each message.
    pub client_no_context_takeover: bool,
    /// The server's window in bits, 8–15.
    pub server_max_window_bits: u8,
    /// The client's window in bits, 8–15.
    pub client_max_window_bits: u8,
}

impl Default for DeflateParams {
    fn default() -> DeflateParams {
        DeflateParams {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

/// Why a server's answer to our offer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// The server chose an extension that was not offered, or chose twice.
    #[error("server chose extension {0:?}, which was not offered")]
    NotOffered(String),
    /// The server's parameters are malformed or not what was offered.
    #[error("server answered with unacceptable extension parameters {0:?}")]
    Parameters(String),
}

impl DeflateParams {
    /// Window bits and "no context takeover" of what `role` sends.
    pub(crate) fn sent_by(&self, role: Role) -> (u8, bool) {
        match role {
            Role::Server => (self.server_max_window_bits, self.server_no_context_takeover),
            Role::Client => (self.client_max_window_bits, self.client_no_context_takeover),
        }
    }

    /// The value of the server's `Sec-WebSocket-Extensions` header.
    pub fn response(&self) -> String {
        let mut text = String::from(EXTENSION);
        if self.server_no_context_takeover {
            text.push_str("; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            text.push_str("; client_no_context_takeover");
        }
        if self.server_max_window_bits < 15 {
            text.push_str(&format!("; server_max_window_bits={}", self.server_max_window_bits));
        }
        if self.client_max_window_bits < 15 {
            text.push_str(&format!("; client_max_window_bits={}", self.client_max_window_bits));
        }
        text
    }
}

impl DeflateOptions {
    /// As a server: takes the first acceptable offer out of a `Sec-WebSocket-Extensions` header, if there is one.
    ///
    /// Malformed or unknown offers are passed over, as section 5.1 demands.
    pub fn accept(&self, offers: &str) -> Option<DeflateParams> {
        offers
            .split(',')
            .take(OFFERS_MAX)
            .filter(|offer| extension_name(offer) == EXTENSION)
            .find_map(|offer| self.accept_one(&Parameters::parse(offer, Role::Client)?))
    }

    fn accept_one(&self, offer: &Parameters) -> Option<DeflateParams> {
        let asked_of_us = offer.server_max_window_bits.unwrap_or(15);
        let server_bits = asked_of_us.min(window_bits(self.max_window_bits));
        let client_bits = match offer.client_max_window_bits {
            // Only a client that says so understands a limit.
            None => 15,
            Some(hint) => hint.unwrap_or(15).min(window_bits(self.request_max_window_bits)),
        };
        Some(DeflateParams {
            server_no_context_takeover: offer.server_no_context_takeover || self.no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover || self.request_no_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits,
        })
    }

    /// As a client: the value of our `Sec-WebSocket-Extensions` header.
    pub fn offer(&self) -> String {
        let mut text = String::from(EXTENSION);
        if self.request_no_context_takeover {
            text.push_str("; server_no_context_takeover");
        }
        if self.no_context_takeover {
            text.push_str("; client_no_context_takeover");
        }
        if window_bits(self.request_max_window_bits) < 15 {
            text.push_str(&format!("; server_max_window_bits={}", window_bits(self.request_max_window_bits)));
        }
        match window_bits(self.max_window_bits) {
            15 => text.push_str("; client_max_window_bits"),
            bits => text.push_str(&format!("; client_max_window_bits={bits}")),
        }
        text
    }

    /// As a client: checks the server's answer to [`DeflateOptions::offer`]. `None` is an answer without compression.
    ///
    /// # Errors
    /// The server answered something that was not offered; the connection must be failed.
    pub fn verify(&self, answer: &str) -> Result<Option<DeflateParams>, NegotiationError> {
        if answer.trim().is_empty() {
            return Ok(None);
        }
        if extension_name(answer) != EXTENSION || answer.contains(',') {
            return Err(NegotiationError::NotOffered(answer.to_owned()));
        }
        let refused = || NegotiationError::Parameters(answer.to_owned());
        let chosen = Parameters::parse(answer, Role::Server).ok_or_else(refused)?;
        let server_bits = chosen.server_max_window_bits.unwrap_or(15);
        let server_keeps_promises = (chosen.server_no_context_takeover || !self.request_no_context_takeover)
            && server_bits <= window_bits(self.request_max_window_bits);
        if !server_keeps_promises {
            return Err(refused());
        }
        let client_bits = chosen.client_max_window_bits.flatten().unwrap_or(15);
        Ok(Some(DeflateParams {
            server_no_context_takeover: chosen.server_no_context_takeover,
            client_no_context_takeover: chosen.client_no_context_takeover || self.no_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits.min(window_bits(self.max_window_bits)),
        }))
    }
}

/// Our own settings, held within what zlib can do.
fn window_bits(bits: u8) -> u8 {
    bits.clamp(9, 15)
}

fn extension_name(offer: &str) -> &str {
    offer.split(';').next().unwrap_or("").trim()
}

/// The parameters of one offer or answer, syntax checked.
#[derive(Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer the value may be left out.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// `None` for unknown, repeated or malformed parameters. `sender` is whose header it is.
    fn parse(text: &str, sender: Role) -> Option<Parameters> {
        let mut parsed = Parameters::default();
        for (index, parameter) in text.split(';').skip(1).enumerate() {
            if index == OFFERS_MAX {
                return None;
            }
            let (name, value) = match parameter.split_once('=') {
                Some((name, value)) => (name.trim(), Some(unquote(value.trim()))),
                None => (parameter.trim(), None),
            };
            parsed.set(name, value, sender)?;
        }
        Some(parsed)
    }

    fn set(&mut self, name: &str, value: Option<&str>, sender: Role) -> Option<()> {
        match (name, value) {
            ("server_no_context_takeover", None) if !self.server_no_context_takeover => {
                self.server_no_context_takeover = true;
            }
            ("client_no_context_takeover", None) if !self.client_no_context_takeover => {
                self.client_no_context_takeover = true;
            }
            ("server_max_window_bits", Some(bits)) if self.server_max_window_bits.is_none() => {
                self.server_max_window_bits = Some(parse_bits(bits)?);
            }
            ("client_max_window_bits", Some(bits)) if self.client_max_window_bits.is_none() => {
                self.client_max_window_bits = Some(Some(parse_bits(bits)?));
            }
            ("client_max_window_bits", None)
                if self.client_max_window_bits.is_none() && sender == Role::Client =>
            {
                self.client_max_window_bits = Some(None);
            }
            _ => return None,
        }
        Some(())
    }
}

/// 8–15 without a leading zero.
fn parse_bits(text: &str) -> Option<u8> {
    match text {
        "8" => Some(8),
        "9" => Some(9),
        _ if text.len() == 2 && text.starts_with('1') => text.parse().ok().filter(|bits| *bits <= 15),
        _ => None,
    }
}

fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> DeflateOptions {
        DeflateOptions { max_window_bits: 15, request_max_window_bits: 15, ..DeflateOptions::default() }
    }

    #[test]
    fn first_acceptable_offer_wins_and_bad_ones_are_passed_over() {
        let offers = "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=7, \
                      permessage-deflate; server_max_window_bits=\"10\", permessage-deflate";
        let params = full().accept(offers).unwrap();
        assert_eq!(params.server_max_window_bits, 10);
        assert_eq!(params.response(), "permessage-deflate; server_max_window_bits=10");
    }

    #[test]
    fn malformed_offers_are_declined() {
        for offer in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; server_max_window_bits=+9",
            "permessage-deflate; client_max_window_bits=1",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
            "permessage-deflate; unknown",
            "permessage-deflate;",
        ] {
            assert_eq!(full().accept(offer), None, "{offer:?}");
        }
    }

    #[test]
    fn client_window_is_limited_only_if_the_client_offered_it() {
        let options = DeflateOptions { request_max_window_bits: 10, ..full() };
        assert_eq!(options.accept("permessage-deflate").unwrap().client_max_window_bits, 15);
        let offered = options.accept("permessage-deflate; client_max_window_bits").unwrap();
        assert_eq!(offered.client_max_window_bits, 10);
        let smaller = options.accept("permessage-deflate; client_max_window_bits=8").unwrap();
        assert_eq!(smaller.client_max_window_bits, 8);
    }

    #[test]
    fn every_offer_of_ours_is_accepted_by_our_server_and_its_answer_by_our_client() {
        for bits in 9..=15 {
            for (own, peer) in [(false, false), (false, true), (true, false), (true, true)] {
                let options = DeflateOptions {
                    max_window_bits: bits,
                    request_max_window_bits: 24 - bits,
                    no_context_takeover: own,
                    request_no_context_takeover: peer,
                    ..DeflateOptions::default()
                };
                let accepted = DeflateOptions::default().accept(&options.offer()).unwrap();
                let verified = options.verify(&accepted.response()).unwrap().unwrap();
                assert_eq!(verified.server_max_window_bits, accepted.server_max_window_bits);
                assert!(verified.client_max_window_bits <= accepted.client_max_window_bits);
                assert_eq!(verified.server_no_context_takeover, accepted.server_no_context_takeover);
                assert_eq!(verified.client_no_context_takeover, accepted.client_no_context_takeover);
            }
        }
    }

    #[test]
    fn client_refuses_answers_that_break_its_offer() {
        let options = DeflateOptions { request_no_context_takeover: true, ..DeflateOptions::default() };
        for answer in [
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=13",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits",
            "permessage-bzip2",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12, permessage-deflate",
        ] {
            assert!(options.verify(answer).is_err(), "{answer:?}");
        }
        let good = "permessage-deflate; server_no_context_takeover; server_max_window_bits=12";
        assert!(options.verify(good).unwrap().is_some());
        assert_eq!(options.verify("").unwrap(), None);
    }
}
