//! How the program ends.

use std::process::Command;

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::node::{Node, router, transport};

#[tokio::test]
async fn crossweave_stop_ends_it_in_order() {
    let node = Node::start(&[router(&[transport(json!({}))])]);
    let client = node.client().await;
    let folder = node.stop_by(Signal::TERM);
    let why = client.closed().await.map(|it| it.to_string()).unwrap_or_default();
    assert!(why.contains("wamp.close.system_shutdown"), "{why}");
    for left in ["node.pid", "node.sock", "router"] {
        assert!(!folder.path().join(left).exists(), "{left}");
    }
}

#[test]
fn what_is_wrong_with_a_configuration_is_told_in_lines() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("config.json"), r#"{"version": 2, "wrokers": []}"#).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_extended-node")).arg(folder.path()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.starts_with("error: unknown key `wrokers`") && told.contains("did you mean `workers`?"),
        "{told}"
    );
    assert!(told.lines().count() > 3 && !told.contains(r"\n"), "{told}");
}
