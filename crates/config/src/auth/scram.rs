//! `auth.scram`.

use super::By;
use super::principals::{self, Who, hexadecimal};
use crate::reading::{Fields, Finding, Reading};

/// A client with a password of which only hashes are known.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramPrincipal {
    /// The key in `principals`.
    pub authid: String,
    /// `role`. Needed.
    pub role: String,
    /// `realm`: the realm it joins. Default: the one it asks for.
    pub realm: Option<String>,
    /// `kdf`: `argon2id-13` (as Autobahn hashes), `argon2id13` (as the specification has it) or `pbkdf2`. Needed.
    pub kdf: &'static str,
    /// `iterations`. Needed.
    pub iterations: u32,
    /// `memory`: KiB, for Argon2. Needed there.
    pub memory: u32,
    /// `salt`: hexadecimal; 8 bytes or more for Argon2. Needed.
    pub salt: Vec<u8>,
    /// `stored-key`: 64 hexadecimal digits. Needed.
    pub stored_key: [u8; 32],
    /// `server-key`: 64 hexadecimal digits. Needed.
    pub server_key: [u8; 32],
}

impl std::fmt::Debug for ScramPrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ScramPrincipal { authid, role, kdf, .. } = self;
        f.debug_struct("ScramPrincipal")
            .field("authid", authid)
            .field("role", role)
            .field("kdf", kdf)
            .finish_non_exhaustive()
    }
}

const KDFS: &[(&str, &str)] =
    &[("argon2id-13", "argon2id-13"), ("argon2id13", "argon2id13"), ("pbkdf2", "pbkdf2")];

/// Passes times KiB of Argon2: seconds of computing for the client.
const ARGON2_WORK_MAX: u64 = 1 << 24;

pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, by: &By<'_>) -> Vec<ScramPrincipal> {
    principals::read(reading, fields, "principals", by, principal)
}

fn principal(reading: &mut Reading<'_>, fields: &mut Fields<'_>, who: Who) -> Option<ScramPrincipal> {
    let kdf = fields.required(reading, "kdf").and_then(|at| reading.word(&at, KDFS));
    let iterations =
        fields.required(reading, "iterations").and_then(|at| reading.integer(&at, 1..=1_000_000, ""));
    let is_argon2 = kdf.is_none_or(|kdf| kdf != "pbkdf2");
    let memory: Option<u32> = fields.int(reading, "memory", 8..=1 << 20, "KiB");
    if is_argon2 && memory.is_none() && kdf.is_some() && fields.get("memory").is_none() {
        fields.missing(reading, "memory");
    }
    let salt = fields.required(reading, "salt").and_then(|at| {
        let salt = hexadecimal(reading, &at, 0)?;
        if is_argon2 && salt.len() < 8 || salt.len() > 256 {
            reading.report(&at, Finding::error("a salt has 8 to 256 bytes"));
        }
        Some(salt)
    });
    let mut key = |reading: &mut Reading<'_>, name| {
        let bytes = fields.required(reading, name).and_then(|at| hexadecimal(reading, &at, 32));
        bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
    };
    let (stored_key, server_key) = (key(reading, "stored-key"), key(reading, "server-key"));
    let (iterations, memory) = (u32::try_from(iterations?).ok()?, memory.unwrap_or(0));
    if is_argon2 && u64::from(iterations) * u64::from(memory) > ARGON2_WORK_MAX {
        let message = "`iterations` times `memory` is more work than clients do";
        let expected = format!("at most {ARGON2_WORK_MAX}");
        reading.report(&fields.at.start(), Finding::error(message).expected(expected));
    }
    let Who { authid, role, realm } = who;
    Some(ScramPrincipal {
        authid,
        role,
        realm,
        kdf: kdf?,
        iterations,
        memory,
        salt: salt?,
        stored_key: stored_key?,
        server_key: server_key?,
    })
}
