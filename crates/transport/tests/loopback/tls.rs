//! TLS with certificates made on the spot.

use crate::connect::{check_echo, options};
use crate::scratch::Scratch;
use crate::server::Server;
use crossweave_transport::connector::Step;
use crossweave_transport::tls::{
    CertificateFiles, TlsAcceptor, TlsClientOptions, TlsConnector, TlsError, TlsServerOptions,
};
use crossweave_transport::{ConnectOptions, ListenEndpoint, Stream, connect, memory};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A certificate authority of the test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Files of a certificate for `name`.
    fn issue(&self, scratch: &Scratch, name: &str) -> CertificateFiles {
        self.issue_for(scratch, name, &KeyPair::generate().unwrap())
    }

    fn issue_for(&self, scratch: &Scratch, name: &str, key: &KeyPair) -> CertificateFiles {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(key, &self.0).unwrap();
        CertificateFiles {
            certificate: scratch.write(&format!("{name}.pem"), &certificate.pem()),
            chain: Vec::new(),
            key: scratch.write(&format!("{name}.key"), &key.serialize_pem()),
        }
    }
}

struct Setup {
    scratch: Scratch,
    authority: Authority,
    client: TlsClientOptions,
}

impl Setup {
    fn new() -> Setup {
        let (scratch, authority) = (Scratch::new(), Authority::new());
        let client =
            TlsClientOptions { ca_file: Some(scratch.write("ca.pem", &authority.pem())), certificate: None };
        Setup { scratch, authority, client }
    }

    fn acceptor(&self, names: &[&str], client_ca: bool) -> TlsAcceptor {
        let certificates = names.iter().map(|name| self.authority.issue(&self.scratch, name)).collect();
        let client_ca = if client_ca { vec![self.scratch.path("ca.pem")] } else { Vec::new() };
        TlsAcceptor::new(&TlsServerOptions { certificates, client_ca }).unwrap()
    }
}

/// A TLS handshake in memory; both ends, or the first error of either.
async fn shake(
    acceptor: &TlsAcceptor,
    client: &TlsClientOptions,
    host: &str,
) -> Result<(Stream, Stream), TlsError> {
    let (near, far) = memory::pair();
    let connector = TlsConnector::new(client)?;
    let (server, client) = tokio::join!(acceptor.secure(near), async {
        let mut stream = connector.secure(far, host).await?;
        // The server's verdict on a client certificate comes after the client's handshake.
        stream.write_all(b"!").await.map_err(TlsError::Handshake)?;
        stream.flush().await.map_err(TlsError::Handshake)?;
        Ok::<_, TlsError>(stream)
    });
    Ok((server?, client?))
}

#[tokio::test]
async fn both_framings_run_on_tls() {
    let setup = Setup::new();
    let server =
        Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), Some(setup.acceptor(&["localhost"], false)))
            .await;
    let options = ConnectOptions { tls: setup.client.clone(), ..options() };
    for scheme in ["wss", "rss"] {
        let connection = connect(&format!("{scheme}://localhost:{}", server.port()), &options).await.unwrap();
        assert!(!connection.stream.is_direct());
        assert_eq!(connection.stream.tls().unwrap().version, "TLSv1_3");
        check_echo(connection).await;
    }
}

#[tokio::test]
async fn untrusted_authority_and_wrong_name_are_refused() {
    let setup = Setup::new();
    let server =
        Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), Some(setup.acceptor(&["localhost"], false)))
            .await;
    let stranger = Setup::new();
    let untrusting = ConnectOptions { tls: stranger.client.clone(), ..options() };
    let error = connect(&format!("wss://localhost:{}", server.port()), &untrusting).await.err().unwrap();
    assert_eq!(error.step, Step::Tls);
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    let trusting = ConnectOptions { tls: setup.client.clone(), ..options() };
    let error = connect(&format!("wss://127.0.0.1:{}", server.port()), &trusting).await.err().unwrap();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn slow_peer_does_not_hold_others() {
    let setup = Setup::new();
    let server =
        Server::start(&ListenEndpoint::tcp("127.0.0.1", 0), Some(setup.acceptor(&["localhost"], false)))
            .await;
    let _silent: Vec<_> =
        (0..20).map(|_| std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap()).collect();
    let options = ConnectOptions { tls: setup.client.clone(), ..options() };
    check_echo(connect(&format!("wss://localhost:{}", server.port()), &options).await.unwrap()).await;
}

#[tokio::test]
async fn certificate_is_chosen_by_the_name_asked_for() {
    let setup = Setup::new();
    let acceptor = setup.acceptor(&["a.test", "b.test"], false);
    for name in ["a.test", "b.test"] {
        let (server, client) = shake(&acceptor, &setup.client, name).await.unwrap();
        assert_eq!(server.tls().unwrap().server_name.as_deref(), Some(name));
        let certificate = std::fs::read_to_string(setup.scratch.path(&format!("{name}.pem"))).unwrap();
        let shown = &client.tls().unwrap().peer_certificates[0];
        assert_eq!(pem_of(shown), certificate.split_whitespace().collect::<String>(), "{name}");
    }
    let error = shake(&acceptor, &setup.client, "c.test").await.err().unwrap();
    assert!(matches!(error, TlsError::ClientHandshake(_)), "{error}");
}

#[tokio::test]
async fn files_are_read_again_and_connections_go_on() {
    let setup = Setup::new();
    let acceptor = setup.acceptor(&["a.test"], false);
    let (mut server, mut client) = shake(&acceptor, &setup.client, "a.test").await.unwrap();
    let before = client.tls().unwrap().peer_certificates;
    let renewed = setup.authority.issue(&setup.scratch, "a.test");
    let (_server, client_before) = shake(&acceptor, &setup.client, "a.test").await.unwrap();
    assert_eq!(client_before.tls().unwrap().peer_certificates, before, "nobody has asked for it");
    acceptor.clone().reload().unwrap();
    let (_server, client_after) = shake(&acceptor, &setup.client, "a.test").await.unwrap();
    let after = client_after.tls().unwrap().peer_certificates;
    assert_ne!(after, before);
    // One that was there.
    client.write_all(b"on").await.unwrap();
    client.flush().await.unwrap();
    let mut octets = [0; 3];
    server.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"!on");
    // A broken file changes nothing.
    std::fs::write(&renewed.key, "no key").unwrap();
    let error = acceptor.reload().unwrap_err().to_string();
    assert!(error.contains("a.test.key: no private key in the file"), "{error}");
    let (_server, client) = shake(&acceptor, &setup.client, "a.test").await.unwrap();
    assert_eq!(client.tls().unwrap().peer_certificates, after);
}

#[tokio::test]
async fn keys_of_several_kinds_serve_side_by_side() {
    let setup = Setup::new();
    let kinds: [(&str, &'static rcgen::SignatureAlgorithm); 3] = [
        ("p256.test", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("p384.test", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("ed25519.test", &rcgen::PKCS_ED25519),
    ];
    let mut certificates = Vec::new();
    for (name, kind) in kinds {
        let key = KeyPair::generate_for(kind).unwrap();
        certificates.push(setup.authority.issue_for(&setup.scratch, name, &key));
    }
    let acceptor = TlsAcceptor::new(&TlsServerOptions { certificates, client_ca: Vec::new() }).unwrap();
    for (name, _) in kinds {
        let (_server, client) = shake(&acceptor, &setup.client, name).await.unwrap();
        let certificate = std::fs::read_to_string(setup.scratch.path(&format!("{name}.pem"))).unwrap();
        let shown = &client.tls().unwrap().peer_certificates[0];
        assert_eq!(pem_of(shown), certificate.split_whitespace().collect::<String>(), "{name}");
    }
}

fn pem_of(der: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("-----BEGINCERTIFICATE-----{}-----ENDCERTIFICATE-----", STANDARD.encode(der))
}

#[tokio::test]
async fn both_ends_compute_the_same_channel_binding() {
    let setup = Setup::new();
    let acceptor = setup.acceptor(&["localhost"], false);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (mut server, client) = shake(&acceptor, &setup.client, "localhost").await.unwrap();
        let binding = client.tls().unwrap().channel_binding;
        assert!(binding.is_some());
        assert_eq!(server.tls().unwrap().channel_binding, binding);
        let mut octet = [0];
        server.read_exact(&mut octet).await.unwrap();
        assert_eq!(&octet, b"!");
        seen.push(binding);
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test]
async fn client_certificates_are_demanded_and_shown() {
    let setup = Setup::new();
    let acceptor = setup.acceptor(&["localhost"], true);
    let error = shake(&acceptor, &setup.client, "localhost").await.err().unwrap();
    assert!(error.to_string().starts_with("tls handshake failed"), "{error}");

    let files = setup.authority.issue(&setup.scratch, "device-7");
    let certified = TlsClientOptions {
        certificate: Some((files.certificate.clone(), files.key)),
        ..setup.client.clone()
    };
    let (server, _client) = shake(&acceptor, &certified, "localhost").await.unwrap();
    let shown = &server.tls().unwrap().peer_certificates[0];
    let certificate = std::fs::read_to_string(&files.certificate).unwrap();
    assert_eq!(pem_of(shown), certificate.split_whitespace().collect::<String>());

    let strange = Setup::new();
    let files = strange.authority.issue(&strange.scratch, "device-7");
    let foreign =
        TlsClientOptions { certificate: Some((files.certificate, files.key)), ..setup.client.clone() };
    let error = shake(&acceptor, &foreign, "localhost").await.err().unwrap().to_string();
    assert!(error.ends_with("none of the `ca_certificates` issued the client's certificate"), "{error}");
}

#[test]
fn unusable_files_are_named_and_their_content_is_not_shown() {
    let setup = Setup::new();
    let good = setup.authority.issue(&setup.scratch, "localhost");
    let other = setup.authority.issue(&setup.scratch, "other");
    let broken = setup
        .scratch
        .write("broken.key", "-----BEGIN PRIVATE KEY-----\nsecret!\n-----END PRIVATE KEY-----\n");
    let empty = setup.scratch.write("empty.pem", "");
    let cut_off = setup.scratch.write("cut.pem", "-----BEGIN CERTIFICATE-----\nsecret");
    let malformed = setup.scratch.write("malformed.pem", "-----BEGIN secret\n");
    let missing = setup.scratch.path("missing.pem");
    let attempt = |certificate: &std::path::Path, key: &std::path::Path| {
        let files = CertificateFiles { certificate: certificate.into(), chain: Vec::new(), key: key.into() };
        let options = TlsServerOptions { certificates: vec![files], client_ca: Vec::new() };
        TlsAcceptor::new(&options).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(attempt(&good.certificate, &good.key), "");
    let (key, certificate) = (other.key.display(), good.certificate.display());
    let wrong_pair = format!(
        "cannot use key {key} with certificate {certificate}: the certificate is not that of this key"
    );
    for (certificate, key, expected) in [
        (&missing, &good.key, "missing.pem"),
        (&empty, &good.key, "empty.pem: no certificate in the file"),
        (&good.certificate, &empty, "empty.pem: no private key in the file"),
        (&good.certificate, &broken, "broken.key: what is between BEGIN and END is not base64"),
        (&cut_off, &good.key, "cut.pem: it is cut off: a BEGIN line has no END line"),
        (&malformed, &good.key, "malformed.pem: a BEGIN line is malformed"),
        (&good.certificate, &other.key, &wrong_pair),
    ] {
        let error = attempt(certificate, key);
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    assert!(matches!(TlsAcceptor::new(&TlsServerOptions::default()), Err(TlsError::NoCertificate)));
}
