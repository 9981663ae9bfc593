//! `auth.cryptosign`.

use std::collections::HashMap;

use super::By;
use super::principals::{self, Who, hexadecimal};
use crate::reading::{Fields, Finding, Reading, quoted};

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
    let principals = principals::read(reading, fields, "principals", by, |reading, fields, who| {
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
    });
    warn_of_shared_keys(reading, fields, &principals);
    principals
}

/// Warns of a key that several clients have: who does not say which of them it is would be found by its key.
fn warn_of_shared_keys(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    principals: &[CryptosignPrincipal],
) {
    let mut owners: HashMap<[u8; 32], &str> = HashMap::new();
    for CryptosignPrincipal { authid, authorized_keys, .. } in principals {
        for key in authorized_keys {
            let owner = *owners.entry(*key).or_insert(authid);
            let at = fields.get("principals").and_then(|at| at.peek(authid)?.peek("authorized_keys"));
            let (true, Some(at)) = (owner != authid, at) else { continue };
            let (owner, authid) = (quoted(owner), quoted(authid));
            let message = format!(
                "clients {owner} and {authid} have the same public key: a login by it that names no authid is refused"
            );
            reading.report(&at, Finding::warning(message).expected("a key of its own for each client"));
        }
    }
}
