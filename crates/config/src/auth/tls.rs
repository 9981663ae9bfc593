//! `auth.tls`.

use super::By;
use super::principals::{self, Who, hexadecimal};
use crate::reading::{Fields, Reading};

/// A client with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPrincipal {
    /// The key in `principals`.
    pub authid: String,
    /// `role`. Needed.
    pub role: String,
    /// `realm`: the realm it joins. Default: the one it asks for.
    pub realm: Option<String>,
    /// `certificate-sha1` or, which is ours, `certificate-sha256`: the hash of the certificate, in hexadecimal digits with or
    /// without colons. One of them is needed. 20 or 32 bytes.
    pub fingerprint: Vec<u8>,
}

pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, by: &By<'_>) -> Vec<TlsPrincipal> {
    principals::read(reading, fields, "principals", by, |reading, fields, who| {
        let fingerprint = match fields.get("certificate-sha256") {
            Some(at) => {
                let _ = fields.get("certificate-sha1");
                hexadecimal(reading, &at, 32)
            }
            None => fields.required(reading, "certificate-sha1").and_then(|at| hexadecimal(reading, &at, 20)),
        };
        let Who { authid, role, realm } = who;
        Some(TlsPrincipal { authid, role, realm, fingerprint: fingerprint? })
    })
}
