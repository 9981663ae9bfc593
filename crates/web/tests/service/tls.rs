//! What is different over TLS.

use std::sync::Arc;

use crossweave_router::{AdmissionOptions, Router, TransportOptions};
use crossweave_transport::tls::{CertificateFiles, TlsClientOptions, TlsConnector, TlsServerOptions};
use crossweave_transport::{ListenEndpoint, Stream};
use crossweave_web::{Json, JsonOptions, Publisher, RestOptions, Site, SiteOptions, WebService};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::node::{Answer, DEADLINE};

/// A certificate for `localhost` that is its own authority: its file and its key's.
fn certificate(folder: &std::path::Path) -> CertificateFiles {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let (certificate, path) = (params.self_signed(&key).unwrap(), folder.join("key.pem"));
    std::fs::write(&path, key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    CertificateFiles { certificate: folder.join("cert.pem"), chain: Vec::new(), key: path }
}

#[tokio::test]
async fn hsts_is_said_and_services_know_that_it_is_tls() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = vec![certificate(folder.path())];
    let router = Router::new(AdmissionOptions::default());
    let required = RestOptions { require_tls: true, ..RestOptions::default() };
    let services: [(String, Arc<dyn WebService>); 2] = [
        ("/".into(), Arc::new(Json::new(&json!(1), JsonOptions::default()))),
        ("/pub".into(), Arc::new(Publisher::new(router.clone(), "nowhere", "anonymous", required))),
    ];
    let options = SiteOptions { hsts_max_age_s: Some(60), ..SiteOptions::default() };
    let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
    transport.tls = Some(TlsServerOptions { certificates, client_ca: Vec::new() });
    transport.http = Some(Arc::new(Site::new(options, services).unwrap()));
    let bound = router.listen(transport).await.unwrap().to_string();
    let port: u16 = bound.rsplit(':').next().unwrap().parse().unwrap();

    let ca_file = Some(folder.path().join("cert.pem"));
    let connector = TlsConnector::new(&TlsClientOptions { ca_file, ..Default::default() }).unwrap();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        // Refused for its realm, which is not there, and no more for its transport.
        (
            "POST /pub HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 13\r\n\r\n{\"topic\":\"a\"}",
            503,
        ),
    ] {
        let stream = Stream::Tcp(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        let mut stream = connector.secure(stream, "localhost").await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("the end comes in time");
        let answer = Answer::parse(&answer);
        assert_eq!((answer.status, answer.field("Strict-Transport-Security")), (status, "max-age=60"));
    }
}
