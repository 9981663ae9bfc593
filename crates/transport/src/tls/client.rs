//! The client's side of TLS.

use super::{TlsError, TlsFacts, pem, provider};
use crate::stream::{Duplex, Stream};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio_rustls::client::TlsStream;

/// TLS of an outgoing connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsClientOptions {
    /// PEM file of authorities that are trusted beside those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// PEM files of certificate and key to show to servers that ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Does the client's part of TLS handshakes. Cheap to clone.
#[derive(Clone)]
pub struct TlsConnector(tokio_rustls::TlsConnector);

impl TlsConnector {
    /// Reads the files and the operating system's authorities; the latter only once if there are no files.
    ///
    /// # Errors
    /// Names the file that cannot be used; or the system has no authorities and none were given.
    pub fn new(options: &TlsClientOptions) -> Result<TlsConnector, TlsError> {
        static PLAIN: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if *options != TlsClientOptions::default() {
            return Ok(TlsConnector(config(options)?.into()));
        }
        if PLAIN.get().is_none() {
            // Two tasks may both get here; the first one's configuration is kept.
            let _ = PLAIN.set(config(options)?);
        }
        let config = PLAIN.get().expect("was set above").clone();
        Ok(TlsConnector(config.into()))
    }

    /// Does the handshake with the server that is `host`, a DNS name or an address.
    ///
    /// # Errors
    /// The server does not speak TLS, or its certificate is not trusted or not for `host`.
    pub async fn secure(&self, stream: Stream, host: &str) -> Result<Stream, TlsError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName(host.to_owned()))?;
        let stream = self.0.connect(name, stream).await.map_err(TlsError::Handshake)?;
        Ok(Stream::Boxed(Box::new(stream)))
    }
}

impl Duplex for TlsStream<Stream> {
    fn tls(&self) -> Option<TlsFacts> {
        let (_, connection) = self.get_ref();
        Some(TlsFacts::of(connection, None, None))
    }
}

fn config(options: &TlsClientOptions) -> Result<Arc<ClientConfig>, TlsError> {
    let extra = options.ca_file.as_deref().map(pem::certificates).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(extra, provider()).map_err(TlsError::Config)?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?
        // The name is rustls's; the verifier is the operating system's own, nothing is switched off.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &options.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(pem::certificates(certificate)?, pem::private_key(key)?)
            .map_err(TlsError::Config)?,
    };
    Ok(Arc::new(config))
}
