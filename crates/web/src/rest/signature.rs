//! Signed requests.
//!
//! The query of a signed request has `key`, `timestamp` (`2026-11-21T08:30:00.000Z`), `seq`, `nonce` and `signature`: base64 in
//! its alphabet for URLs, of the HMAC-SHA256 over key, timestamp, seq, nonce and body, one behind the other.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crossweave_wamp::uris;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::RestOptions;
use super::options::SigningKey;
use super::replay::NotNew;
use crate::bridge::Refusal;
use crate::reply::single;

/// Clients may leave out the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The parts of a query that signs a request.
struct Signed<'q> {
    key: Cow<'q, str>,
    timestamp: Cow<'q, str>,
    seq: Cow<'q, str>,
    nonce: Cow<'q, str>,
    signature: Cow<'q, str>,
}

impl RestOptions {
    /// Checks the signature, if there must be one, and remembers it.
    pub(super) async fn check_signature(
        &self,
        query: &str,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let Some(key) = &self.signed else { return Ok(()) };
        let signed = Signed::read(query)?;
        let time = self.check_time(&signed.timestamp, now)?;
        let signature = signed.check(key, body)?;
        match self.remembered.remember(&signature, time, now).await {
            Ok(()) => Ok(()),
            Err(NotNew::Replayed) => Err(unauthorized("this request was carried out before")),
            Err(NotNew::Forgotten) => {
                let text = "the request is too old to know whether it was carried out before; sign a new one";
                Err(malformed(text))
            }
            Err(NotNew::Full) => {
                let text = "too many signed requests in too short a time; try again later";
                Err(Refusal::new(503, uris::RESOURCE_EXHAUSTED, text))
            }
            Err(NotNew::NotKept) => {
                let text = "signed requests cannot be remembered now; try again later";
                Err(Refusal::new(503, uris::UNAVAILABLE, text))
            }
        }
    }

    /// Checks the time of a request, and gives it back.
    fn check_time(&self, timestamp: &str, now: SystemTime) -> Result<SystemTime, Refusal> {
        let Ok(time) = humantime::parse_rfc3339(timestamp) else {
            let text = "\"timestamp\" must be a time in UTC, such as 2011-10-14T16:59:51.123Z";
            return Err(malformed(text));
        };
        let limit = Duration::from_secs(self.timestamp_delta_limit_s.into());
        self.remembered.expect(limit);
        let off = now.duration_since(time).unwrap_or_else(|ahead| ahead.duration());
        match off > limit && !limit.is_zero() {
            true => Err(malformed("the request is expired, or its time is ahead")),
            false => Ok(time),
        }
    }

    /// Checks the signature of a webhook, if there must be one.
    pub(super) fn check_webhook_signature(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        let Some(secret) = &self.github_secret else { return Ok(()) };
        let is_good = match single(headers, "x-hub-signature-256") {
            Some(signature) => is_signed::<Hmac<Sha256>>(secret, body, signature.strip_prefix("sha256=")),
            // What GitHub sent before, and others still do.
            None => {
                let signature = single(headers, "x-hub-signature");
                is_signed::<Hmac<Sha1>>(secret, body, signature.and_then(|it| it.strip_prefix("sha1=")))
            }
        };
        match is_good {
            true => Ok(()),
            false => Err(malformed("the signature of the webhook is missing or wrong")),
        }
    }
}

/// Whether a signature in hexadecimal is right. Compared in constant time.
fn is_signed<M: hmac::Mac + hmac::KeyInit>(secret: &str, body: &[u8], signature: Option<&str>) -> bool {
    let Some(signature) = signature.and_then(from_hex) else { return false };
    let Ok(mac) = <M as hmac::KeyInit>::new_from_slice(secret.as_bytes()) else { return false };
    mac.chain_update(body).verify_slice(&signature).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let is_hex = text.len().is_multiple_of(2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| text.as_bytes().chunks(2).map(octet).collect())?
}

impl<'q> Signed<'q> {
    fn read(query: &'q str) -> Result<Self, Refusal> {
        let member = |name: &str| {
            let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
            let value = values.next().map(|(_, value)| value);
            let missing = || malformed(&format!("the request must be signed, and {name:?} is missing"));
            let value = value.ok_or_else(missing)?;
            match values.next() {
                None => Ok(value),
                Some(_) => Err(malformed(&format!("{name:?} is repeated"))),
            }
        };
        let number = |name: &str| {
            let value = member(name)?;
            match value.parse::<i128>() {
                Ok(_) => Ok(value),
                Err(_) => Err(malformed(&format!("{name:?} must be an integer"))),
            }
        };
        Ok(Signed {
            key: member("key")?,
            timestamp: member("timestamp")?,
            seq: number("seq")?,
            nonce: number("nonce")?,
            signature: member("signature")?,
        })
    }

    /// Checks the signature, and gives it back.
    fn check(&self, key: &SigningKey, body: &[u8]) -> Result<[u8; 32], Refusal> {
        let is_known = bool::from(self.key.as_bytes().ct_eq(key.key.as_bytes()));
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.secret.as_bytes()).expect("a key of HMAC may have any length");
        for part in [&self.key, &self.timestamp, &self.seq, &self.nonce] {
            mac.update(part.as_bytes());
        }
        mac.update(body);
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        let given = BASE64.decode(self.signature.as_bytes()).unwrap_or_default();
        // Which of the two is wrong is nobody's business: the key's name may be a guess, too.
        match is_known & bool::from(given.ct_eq(&expected)) {
            true => Ok(expected),
            false => Err(unauthorized("the key is unknown or the signature is wrong")),
        }
    }
}

fn malformed(text: &str) -> Refusal {
    Refusal::new(400, uris::NOT_AUTHORIZED, text)
}

fn unauthorized(text: &str) -> Refusal {
    Refusal::new(401, uris::NOT_AUTHORIZED, text)
}

#[cfg(test)]
mod tests;
