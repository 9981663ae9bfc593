//! Whether the certificates and keys of a configuration can be used, before anything is started.

use std::path::{Path, PathBuf};

use crossweave_config::{Tls, UnusableFile};
use crossweave_transport::tls::{CertificateFiles, TlsAcceptor, TlsError, TlsServerOptions};

/// What a listener is told.
pub(super) fn tls_options(tls: &Tls) -> TlsServerOptions {
    let files = CertificateFiles {
        certificate: tls.certificate.clone(),
        chain: tls.chain_certificates.clone(),
        key: tls.key.clone(),
    };
    TlsServerOptions { certificates: vec![files], client_ca: tls.ca_certificates.clone() }
}

/// Loads them as a listener would, and says what cannot be used.
pub(super) fn unusable(tls: &Tls) -> Vec<UnusableFile> {
    let all = tls_options(tls);
    // Without the clients' authorities first: so it is known which files an error is about.
    let own = TlsServerOptions { client_ca: Vec::new(), ..all.clone() };
    let own_paths = [&tls.key, &tls.certificate].into_iter().chain(&tls.chain_certificates);
    let failure = match TlsAcceptor::new(&own) {
        Err(error) => Some(explain(&error, own_paths)),
        Ok(_) => TlsAcceptor::new(&all).err().map(|error| explain(&error, tls.ca_certificates.iter())),
    };
    failure.into_iter().collect()
}

/// Names the files of which an error may be, and blames the first.
fn explain<'p>(error: &TlsError, paths: impl Iterator<Item = &'p PathBuf>) -> UnusableFile {
    if let TlsError::File { path, .. } = error {
        return UnusableFile { path: path.clone(), message: error.to_string() };
    }
    let paths: Vec<&Path> = paths.map(PathBuf::as_path).collect();
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    let path = paths.first().map(|path| path.to_path_buf()).unwrap_or_default();
    UnusableFile { path, message: format!("{error} ({})", names.join(", ")) }
}
