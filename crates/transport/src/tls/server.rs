//! The server's side of TLS.

use super::secured::Secured;
use super::unique::{MasterSecrets, Recorder, tls_unique, watch};
use super::{TlsError, pem, provider};
use crate::stream::Stream;
use rustls::client::verify_server_name;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::ServerName;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// One certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the certificate, optionally followed by its chain.
    pub certificate: PathBuf,
    /// PEM: more certificates of the chain.
    pub chain: Vec<PathBuf>,
    /// PEM: the private key.
    pub key: PathBuf,
}

/// TLS of a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsServerOptions {
    /// The certificates; the one that covers the name a client asks for is used, otherwise the first.
    pub certificates: Vec<CertificateFiles>,
    /// PEM files of authorities. If there are any, clients must show a certificate of one of them.
    pub client_ca: Vec<PathBuf>,
}

/// Does the server's part of TLS handshakes. Cheap to clone; clones share what [`TlsAcceptor::reload`] reads.
#[derive(Clone)]
pub struct TlsAcceptor(Arc<Reloadable>);

struct Reloadable {
    options: TlsServerOptions,
    /// Behind a lock only to be replaced: a handshake takes a reference and lets go.
    current: RwLock<tokio_rustls::TlsAcceptor>,
}

impl TlsAcceptor {
    /// Reads the files and checks that certificates and keys belong together.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn new(options: &TlsServerOptions) -> Result<TlsAcceptor, TlsError> {
        let current = RwLock::new(load(options)?);
        Ok(TlsAcceptor(Arc::new(Reloadable { options: options.clone(), current })))
    }

    /// Reads the files again, for handshakes that begin from now on; connections that are there go on. Blocks while it reads.
    ///
    /// # Errors
    /// Names the file that cannot be used. What was read before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = load(&self.0.options)?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Does the handshake. As long as the peer wishes: put a deadline around it.
    ///
    /// # Errors
    /// The peer does not speak TLS, does not trust us, or shows no acceptable certificate.
    pub async fn secure(&self, stream: Stream) -> Result<Stream, TlsError> {
        let acceptor = self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let recorder = Recorder::default();
        let (stream, secret) = watch(acceptor.accept(recorder.put_around(stream))).await;
        let mut stream = stream.map_err(TlsError::ClientHandshake)?;
        let (below, connection) = stream.get_mut();
        let tls_unique = tls_unique(connection, &recorder.take_off(below), secret);
        Ok(Stream::Boxed(Box::new(Secured { stream, tls_unique })))
    }
}

fn load(options: &TlsServerOptions) -> Result<tokio_rustls::TlsAcceptor, TlsError> {
    let keys = options.certificates.iter().map(load_key).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Config)?;
    let builder = match client_roots(options)? {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider())
                .build()
                .map_err(|error| TlsError::Config(rustls::Error::General(error.to_string())))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(CertificateChoice { keys }));
    config.key_log = Arc::new(MasterSecrets);
    Ok(Arc::new(config).into())
}

fn load_key(files: &CertificateFiles) -> Result<Arc<CertifiedKey>, TlsError> {
    let mut chain = pem::certificates(&files.certificate)?;
    for path in &files.chain {
        chain.extend(pem::certificates(path)?);
    }
    let key = pem::private_key(&files.key)?;
    let unusable = |cause| {
        let CertificateFiles { key, certificate, .. } = files.clone();
        TlsError::Pair { key, certificate, cause }
    };
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider()).map_err(unusable)?))
}

fn client_roots(options: &TlsServerOptions) -> Result<Option<RootCertStore>, TlsError> {
    if options.client_ca.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for path in &options.client_ca {
        for certificate in pem::certificates(path)? {
            roots.add(certificate).map_err(|cause| TlsError::File {
                what: "certificates",
                path: path.clone(),
                cause: cause.to_string(),
            })?;
        }
    }
    Ok(Some(roots))
}

/// Picks the certificate for the name that a client asks for.
#[derive(Debug)]
struct CertificateChoice {
    keys: Vec<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for CertificateChoice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let default = self.keys.first()?;
        if self.keys.len() == 1 {
            return Some(default.clone());
        }
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fitting = name.and_then(|name| self.keys.iter().find(|key| covers(key, &name)));
        Some(fitting.unwrap_or(default).clone())
    }
}

fn covers(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    key.cert
        .first()
        .and_then(|certificate| ParsedCertificate::try_from(certificate).ok())
        .is_some_and(|certificate| verify_server_name(&certificate, name).is_ok())
}
