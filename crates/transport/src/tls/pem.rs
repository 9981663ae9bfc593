//! Reading certificates and keys from PEM files.

use super::TlsError;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// Every certificate of a file, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |cause: String| TlsError::File { what: "certificates", path: path.to_owned(), cause };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| failed(cause(error, "certificate")))?;
    if certificates.is_empty() {
        return Err(failed("no certificate in the file".to_owned()));
    }
    Ok(certificates)
}

/// The first private key of a file: PKCS#8, PKCS#1 or SEC1. The error never holds what was in the file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File {
        what: "a private key",
        path: path.to_owned(),
        cause: cause(error, "private key"),
    })
}

/// Why a file gave no `what`, without anything that is in it.
fn cause(error: pem::Error, what: &str) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => format!("no {what} in the file"),
        pem::Error::MissingSectionEnd { .. } => "it is cut off: a BEGIN line has no END line".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
        pem::Error::Base64Decode(_) => "what is between BEGIN and END is not base64".to_owned(),
        _ => "not valid pem".to_owned(),
    }
}
