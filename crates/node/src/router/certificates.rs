//! Whether the certificates and keys of a configuration can be used, before anything is started.

use std::path::{Path, PathBuf};

use crossweave_config::{Tls, UnusableFile};
use crossweave_transport::tls::{CertificateFiles, TlsAcceptor, TlsError, TlsServerOptions};

/// What a listener is told.
pub(super) fn tls_options(tls: &Tls) -> TlsServerOptions {
    let first = CertificateFiles {
        certificate: tls.certificate.clone(),
        chain: tls.chain_certificates.clone(),
        key: tls.key.clone(),
    };
    let more = tls.certificates.iter().map(|it| CertificateFiles {
        certificate: it.certificate.clone(),
        chain: it.chain_certificates.clone(),
        key: it.key.clone(),
    });
    let certificates = std::iter::once(first).chain(more).collect();
    TlsServerOptions { certificates, client_ca: tls.ca_certificates.clone() }
}

/// Loads them as a listener would, and says what cannot be used.
pub(crate) fn unusable(tls: &Tls) -> Vec<UnusableFile> {
    let all = tls_options(tls);
    // Each without the others and the clients' authorities first: so it is known which files an error is about.
    let unusable: Vec<UnusableFile> = all.certificates.iter().filter_map(unusable_certificate).collect();
    if !unusable.is_empty() {
        return unusable;
    }
    let failure = TlsAcceptor::new(&all).err().map(|error| explain(&error, tls.ca_certificates.iter()));
    failure.into_iter().collect()
}

fn unusable_certificate(files: &CertificateFiles) -> Option<UnusableFile> {
    let alone = TlsServerOptions { certificates: vec![files.clone()], client_ca: Vec::new() };
    let paths = [&files.key, &files.certificate].into_iter().chain(&files.chain);
    TlsAcceptor::new(&alone).err().map(|error| explain(&error, paths))
}

/// Names the files of which an error may be, and blames the first.
fn explain<'p>(error: &TlsError, paths: impl Iterator<Item = &'p PathBuf>) -> UnusableFile {
    if let TlsError::File { path, .. } | TlsError::Pair { key: path, .. } = error {
        return UnusableFile { path: path.clone(), message: error.to_string() };
    }
    let paths: Vec<&Path> = paths.map(PathBuf::as_path).collect();
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let path = paths.first().map(|path| path.to_path_buf()).unwrap_or_default();
    UnusableFile { path, message: format!("{error} ({})", names.join(", ")) }
}
