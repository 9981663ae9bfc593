//! `auth.cryptosign`.

use super::By;
use super::principals::{self, Who, hexadecimal};
use crate::reading::{Fields, Finding, Reading};

/// A client with private keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptosignPrincipal {
    /// The key in `principals`.
    pub authid: String,
    /// `role`. Needed.
    pub role: String,
    /// `realm`: the realm it joins. Default: the one it asks for.
    pub realm: Option<String>,
    /// `authorized_keys`: the public keys (Ed25519), 64 hexadecimal digits each. At least one.
    pub authorized_keys: Vec<[u8; 32]>,
}

pub(super) fn read(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    by: &By<'_>,
) -> Vec<CryptosignPrincipal> {
    if let Some(at) = fields.key("trustroots") {
        let message = "`trustroots` are not built: certificates of Ethereum accounts, anchored on a blockchain, are not checked here";
        let expected = "`principals`, or `\"type\": \"dynamic\"` with an authenticator that checks them";
        reading.report(&at, Finding::error(message).expected(expected));
        return Vec::new();
    }
    principals::read(reading, fields, "principals", by, |reading, fields, who| {
        let list = fields.required(reading, "authorized_keys")?;
        let mut authorized_keys = Vec::new();
        for at in reading.elements(&list, "a list of public keys") {
            let key = hexadecimal(reading, &at, 32).and_then(|key| <[u8; 32]>::try_from(key).ok());
            authorized_keys.extend(key);
        }
        if authorized_keys.is_empty() && reading.elements(&list, "").is_empty() {
            reading.report(&list, Finding::error("this client has no key").expected("at least one"));
        }
        let Who { authid, role, realm } = who;
        Some(CryptosignPrincipal { authid, role, realm, authorized_keys })
    })
}
