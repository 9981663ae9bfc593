//! What TLS adds: client certificates, and logins that hold for their connection.

use std::path::PathBuf;

use crossweave_client::{Auth, Client, ConnectError, Options, Session};
use crossweave_router::{
    Answer, Asked, AuthenticateRequest, Authenticator, Fingerprint, Granted, Methods, NotGranted, Source,
};
use crossweave_transport::tls::{CertificateFiles, TlsServerOptions};
use sha1::Digest as _;

use super::methods::{cryptosign, key, scram};
use super::node::{Node, known, node_with};

/// An authority with a server and clients.
pub(crate) struct Authority {
    folder: tempfile::TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Authority { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Issues a certificate: its files and its DER.
    pub(crate) fn issue(&self, name: &str) -> ((PathBuf, PathBuf), Vec<u8>) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        std::fs::write(&files.0, certificate.pem()).unwrap();
        std::fs::write(&files.1, key.serialize_pem()).unwrap();
        (files, certificate.der().to_vec())
    }

    async fn node(&self, methods: Methods, asks_for_certificates: bool) -> Node {
        let ((certificate, key), _) = self.issue("server");
        let client_ca = if asks_for_certificates { vec![self.path("ca.pem")] } else { Vec::new() };
        node_with(methods, |transport| {
            let certificates = vec![CertificateFiles { certificate, chain: Vec::new(), key }];
            transport.tls = Some(TlsServerOptions { certificates, client_ca });
        })
        .await
    }

    async fn join(&self, node: &Node, options: Options) -> Result<std::sync::Arc<Session>, ConnectError> {
        let options = Options { ca_file: Some(self.path("ca.pem")), ..options };
        let url = format!("rss://localhost:{}", node.port);
        Ok(Client::connect_with(&url, "realm1", options).await?.session())
    }
}

#[tokio::test]
async fn a_login_holds_for_its_tls_connection() {
    let authority = Authority::new();
    let node = authority.node(Methods { scram: scram().scram, ..cryptosign() }, false).await;
    node.router.set_key(key(100));
    for binds_channel in [true, false] {
        let join =
            async |auth| authority.join(&node, Options { auth, binds_channel, ..Options::default() }).await;
        assert_eq!(join(Auth::scram("joe", "pencil")).await.unwrap().authid.as_deref(), Some("joe"));
        assert!(join(Auth::scram("joe", "pencils")).await.is_err());
        let router = Some(key(100).public());
        assert!(join(Auth::Cryptosign { authid: None, key: key(1), router }).await.is_ok());
    }
}

#[tokio::test]
async fn a_certificate_opens_if_it_is_known() {
    let authority = Authority::new();
    let (joe, joe_der) = authority.issue("joe");
    let (ann, ann_der) = authority.issue("ann");
    let (stranger, _) = authority.issue("stranger");
    let principals = [
        known("joe", "user", Fingerprint::Sha1(sha1::Sha1::digest(&joe_der).into())),
        known("ann", "admin", Fingerprint::Sha256(sha2::Sha256::digest(&ann_der).into())),
    ];
    let methods =
        Methods { tls: Some(Source::Static(principals.into_iter().collect())), ..Methods::default() };
    let node = authority.node(methods, true).await;
    let join = async |certificate, authid: Option<&str>| {
        let auth = Auth::Tls { authid: authid.map(str::to_owned) };
        authority.join(&node, Options { auth, certificate: Some(certificate), ..Options::default() }).await
    };
    let session = join(joe.clone(), None).await.unwrap();
    assert_eq!((session.authid.as_deref(), session.authrole.as_deref()), (Some("joe"), Some("user")));
    assert_eq!(session.authmethod.as_deref(), Some("tls"));
    assert_eq!(join(ann, Some("ann")).await.unwrap().authrole.as_deref(), Some("admin"));
    for (certificate, authid) in [(joe, Some("ann")), (stranger, None)] {
        let refused = join(certificate, authid).await.unwrap_err().to_string();
        assert!(refused.contains("wamp.error.authentication_failed"), "{refused}");
    }
}

/// Lets in whoever has a certificate, by the name in it.
#[derive(Debug)]
struct ByName;

impl Authenticator for ByName {
    fn authenticate(&self, request: AuthenticateRequest) -> Answer<'_> {
        Box::pin(async move {
            let transport = request.details.dict("transport");
            let name = transport.and_then(|it| it.dict("peer_cert")).and_then(|it| it.str("cn"));
            let authid = Some(name.ok_or_else(|| NotGranted::Failed("no name".into()))?.to_owned());
            Ok(Granted { authid, authrole: "user".into(), ..Granted::default() })
        })
    }
}

#[tokio::test]
async fn an_authenticator_is_told_the_name_in_the_certificate() {
    let authority = Authority::new();
    let (ann, _) = authority.issue("ann");
    let methods = Methods {
        tls: Some(Source::Asked(Asked::Function(std::sync::Arc::new(ByName)))),
        ..Methods::default()
    };
    let node = authority.node(methods, true).await;
    let options = Options { auth: Auth::Tls { authid: None }, certificate: Some(ann), ..Options::default() };
    assert_eq!(authority.join(&node, options).await.unwrap().authid.as_deref(), Some("ann"));
}

#[tokio::test]
async fn a_client_without_certificate_uses_another_method() {
    let authority = Authority::new();
    let methods = Methods { tls: Some(Source::Static([].into_iter().collect())), ..scram() };
    let node = authority.node(methods, false).await;
    let join = async |auth| authority.join(&node, Options { auth, ..Options::default() }).await;
    let refused = join(Auth::Tls { authid: None }).await.unwrap_err().to_string();
    assert!(refused.contains("wamp.error.no_matching_auth_method"), "{refused}");
    assert!(join(Auth::scram("joe", "pencil")).await.is_ok());
}
