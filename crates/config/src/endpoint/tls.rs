//! TLS of a listening endpoint.

use std::path::PathBuf;

use crate::reading::{Fields, Reading};

/// TLS of a listening endpoint. All files are PEM; relative paths start at the node directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// `key`: the file with the private key. Needed.
    pub key: PathBuf,
    /// `certificate`: the file with the certificate, which may be followed by its chain. Needed.
    pub certificate: PathBuf,
    /// `chain_certificates`: files with the certificates between this one and the root. Default: none.
    pub chain_certificates: Vec<PathBuf>,
    /// `ca_certificates`: if there are any, clients must show a certificate issued by one of them. Default: none.
    pub ca_certificates: Vec<PathBuf>,
}

impl Tls {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let required = |fields: &mut Fields<'_>, reading: &mut Reading<'_>, key| {
            fields.required(reading, key).and_then(|at| reading.existing_file(&at)).unwrap_or_default()
        };
        let tls = Self {
            key: required(&mut fields, reading, "key"),
            certificate: required(&mut fields, reading, "certificate"),
            chain_certificates: fields.files(reading, "chain_certificates"),
            ca_certificates: fields.files(reading, "ca_certificates"),
        };
        fields.no_effect(reading, "dhparam", "keys are agreed on with elliptic curves");
        fields.no_effect(reading, "ciphers", "TLS 1.2 and 1.3 are spoken with safe cipher suites only");
        fields.finish(reading);
        tls
    }
}
