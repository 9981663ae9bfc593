//! Channel binding `tls-unique`, against OpenSSL's and with Autobahn|Python: `CROSSWEAVE_PYTHON` names an interpreter that has it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crossweave_router::Methods;
use crossweave_transport::tls::{CertificateFiles, TlsServerOptions};

use super::methods::{cryptosign, scram};
use super::node::node_with;
use super::tls::Authority;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/authentication/tls_unique.py");

fn python() -> Option<OsString> {
    let python = std::env::var_os("CROSSWEAVE_PYTHON");
    if python.is_none() {
        eprintln!("skipped: CROSSWEAVE_PYTHON names no interpreter with Autobahn");
    }
    python
}

/// Runs the script; what it says.
fn run(python: &OsString, arguments: &[&str]) -> String {
    let output = Command::new(python).arg(SCRIPT).args(arguments).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn text(path: &Path) -> String {
    format!("{:?}", path.display().to_string())
}

/// Logs in at a router that has this certificate, with those cipher suites.
async fn check(
    python: OsString,
    (certificate, key): (PathBuf, PathBuf),
    ca: &Path,
    suites: &[&str],
    client: Option<(&Authority, (PathBuf, PathBuf))>,
) {
    let client_ca = client.iter().map(|(authority, _)| authority.path("ca.pem")).collect();
    let methods = Methods { scram: scram().scram, ..cryptosign() };
    let node = node_with(methods, |transport| {
        let certificates = vec![CertificateFiles { certificate, chain: Vec::new(), key }];
        transport.tls = Some(TlsServerOptions { certificates, client_ca });
    })
    .await;
    let shown =
        client.map_or("null".to_owned(), |(_, files)| format!("[{},{}]", text(&files.0), text(&files.1)));
    let told =
        format!(r#"{{"port":{},"ca":{},"certificate":{shown},"suites":{suites:?}}}"#, node.port, text(ca));
    let said = tokio::task::spawn_blocking(move || run(&python, &[&told])).await.unwrap();
    assert_eq!(said.trim_end(), "well");
}

const ECDSA: [&str; 3] =
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"];
const RSA: [&str; 2] = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"];

#[tokio::test]
async fn a_login_over_tls_1_2_holds_for_its_connection() {
    let Some(python) = python() else { return };
    let authority = Authority::new();
    let (server, _) = authority.issue("server");
    check(python, server, &authority.path("ca.pem"), &ECDSA, None).await;
}

#[tokio::test]
async fn a_login_over_tls_1_2_with_rsa_holds_for_its_connection() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&python, &["make-rsa", folder.path().to_str().unwrap()]), "");
    let path = |name| folder.path().join(name);
    check(python, (path("rsa.pem"), path("rsa.key")), &path("rsa.pem"), &RSA, None).await;
}

#[tokio::test]
async fn a_login_with_a_client_certificate_holds_for_its_connection() {
    let Some(python) = python() else { return };
    let authority = Authority::new();
    let ((server, _), (joe, _)) = (authority.issue("server"), authority.issue("joe"));
    check(python, server, &authority.path("ca.pem"), &ECDSA[..2], Some((&authority, joe))).await;
}
