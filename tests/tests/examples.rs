//! Every node directory in `examples/` is a configuration that starts.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn every_example_node_passes_the_check() {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut checked = 0;
    for folder in std::fs::read_dir(&examples).expect("examples/ is there") {
        let node = folder.expect("examples/ can be listed").path().join(".crossbar");
        if node.is_dir() {
            let check = Command::new(e2e::crossweave()).arg("check").arg("--cbdir").arg(&node).output();
            let output = check.expect("the binary runs");
            let report = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: {report}", node.display());
            checked += 1;
        }
    }
    assert!(checked >= 4, "only {checked} node directories in {}", examples.display());
}
