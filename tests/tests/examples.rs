//! Every node directory in `examples/` is a configuration that starts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The nodes of examples: those of this program, or those of programs that add to it, which have a package of their own.
fn nodes(of_own_programs: bool) -> Vec<PathBuf> {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = std::fs::read_dir(&examples).expect("examples/ is there");
    let folders = folders.map(|folder| folder.expect("examples/ can be listed").path());
    let wanted = folders.filter(|folder| folder.join("Cargo.toml").exists() == of_own_programs);
    wanted.map(|folder| folder.join(".crossbar")).filter(|node| node.is_dir()).collect()
}

fn check(node: &Path) -> Output {
    let check = Command::new(e2e::crossweave()).arg("check").arg("--cbdir").arg(node).output();
    check.expect("the binary runs")
}

#[test]
fn every_example_node_passes_the_check() {
    let nodes = nodes(false);
    for node in &nodes {
        let output = check(node);
        let report = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {report}", node.display());
    }
    assert!(nodes.len() >= 4, "only {nodes:?}");
}

#[test]
fn an_example_that_needs_its_own_program_is_told_from_one_that_does_not() {
    let nodes = nodes(true);
    for node in &nodes {
        let output = check(node);
        let report = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{}: {report}", node.display());
        assert!(report.contains("linked into this program"), "{}: {report}", node.display());
    }
    assert!(!nodes.is_empty());
}
