//! `auth.wampcra`.

use super::By;
use super::principals::{self, Who};
use crate::reading::{Fields, Finding, Reading};
use crate::secrets::Secret;

/// A client with a shared secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WampCraUser {
    /// The key in `users`.
    pub authid: String,
    /// `role`. Needed.
    pub role: String,
    /// `realm`: the realm it joins. Default: the one it asks for.
    pub realm: Option<String>,
    /// `secret`: the secret, or `${NAME}` for an environment variable. Needed. With a salt, the password or what is derived
    /// from it: both work.
    pub secret: Secret,
    /// `salt`, `iterations` and `keylen`: how the secret is derived from a password. Default: it is not.
    pub salting: Option<Salting>,
}

/// How a password becomes a secret: PBKDF2 with HMAC-SHA256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salting {
    /// `salt`: a text.
    pub salt: String,
    /// `iterations`: 1 to 1000000. Default: 1000.
    pub iterations: u32,
    /// `keylen`: bytes of the secret, 1 to 64. Default: 32.
    pub keylen: u32,
}

pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, by: &By<'_>) -> Vec<WampCraUser> {
    principals::read(reading, fields, "users", by, |reading, fields, who| {
        let secret = fields.required(reading, "secret").and_then(|at| reading.secret(&at));
        let salt = fields.text(reading, "salt");
        let iterations = fields.int(reading, "iterations", 1..=1_000_000, "");
        let keylen = fields.int(reading, "keylen", 1..=64, "bytes");
        if salt.is_none() && (iterations.is_some() || keylen.is_some()) {
            let message = "`iterations` and `keylen` mean nothing without a `salt`";
            reading.report(&fields.at.start(), Finding::warning(message).expected("`salt` beside them"));
        }
        let salting = salt.map(|salt| Salting {
            salt,
            iterations: iterations.unwrap_or(1000),
            keylen: keylen.unwrap_or(32),
        });
        let Who { authid, role, realm } = who;
        Some(WampCraUser { authid, role, realm, secret: secret?, salting })
    })
}
