//! TLS by rustls with the aws-lc-rs provider: certificates from PEM files, both sides.
//!
//! A client trusts what the operating system trusts (rustls-platform-verifier), since that is where operators install
//! the authorities of their own company and withdraw others; a bundled list would know neither. An extra file of
//! authorities can be added. There is no switch that turns verification off.

pub mod client;
mod facts;
mod pem;
mod secured;
pub mod server;
mod unique;

pub use client::{TlsClientOptions, TlsConnector};
pub use facts::TlsFacts;
pub use server::{CertificateFiles, TlsAcceptor, TlsServerOptions};

use rustls::crypto::CryptoProvider;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// TLS cannot be set up, or a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read {what} from {path}: {cause}", path = path.display())]
    File {
        /// What was looked for: certificates or a private key.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// What is in a key and its certificate can be read, and cannot be used.
    #[error("cannot use key {key} with certificate {certificate}: {cause}", key = key.display(), certificate = certificate.display(), cause = of_pair(cause))]
    Pair {
        /// Where the key is.
        key: PathBuf,
        /// Where the certificate is.
        certificate: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
    /// Certificates or keys are unusable.
    #[error("unusable tls configuration: {0}")]
    Config(rustls::Error),
    /// No certificate was configured.
    #[error("tls needs at least one certificate")]
    NoCertificate,
    /// The host is neither a DNS name nor an address.
    #[error("{0:?} is no host name that a certificate could be for")]
    ServerName(String),
    /// The handshake failed.
    #[error("tls handshake failed: {0}{hint}", hint = hint(.0))]
    Handshake(io::Error),
    /// The handshake with a client failed.
    #[error("tls handshake failed: {0}{hint}", hint = hint_to_server(.0))]
    ClientHandshake(io::Error),
}

/// Why a key and a certificate cannot be used together.
fn of_pair(cause: &rustls::Error) -> String {
    match cause {
        rustls::Error::InconsistentKeys(_) => "the certificate is not that of this key".to_owned(),
        cause => cause.to_string(),
    }
}

/// What to do about a failure whose own text does not say so.
fn hint(error: &io::Error) -> &'static str {
    let text = error.to_string();
    if text.contains("CaUsedAsEndEntity") {
        "; the server's certificate is one for signing others: make one with basicConstraints CA:FALSE"
    } else if text.contains("UnknownIssuer") {
        "; nobody this machine trusts signed the server's certificate: name its issuer as an extra root"
    } else {
        ""
    }
}

/// The same on the server's side, where it is the client's certificate that is looked at.
fn hint_to_server(error: &io::Error) -> &'static str {
    let text = error.to_string();
    if text.contains("CaUsedAsEndEntity") {
        "; the client's certificate is one for signing others: make one with basicConstraints CA:FALSE"
    } else if text.contains("UnknownIssuer") || text.contains("certificate: BadSignature") {
        // The latter is an authority of the same name with another key.
        "; none of the `ca_certificates` issued the client's certificate"
    } else {
        ""
    }
}

/// The one provider of cryptography; passed explicitly, so that no other crate's choice matters.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
