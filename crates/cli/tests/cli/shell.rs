//! What shells and scripts rely on.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::background::{crossweave, run};

#[test]
fn version_names_the_program_and_its_version() {
    let outcome = run(&["version"]);
    let expected = format!("crossweave {}", env!("CARGO_PKG_VERSION"));
    assert_eq!((outcome.code, outcome.stdout.lines().next()), (Some(0), Some(expected.as_str())));
    let object: Value = serde_json::from_str(&run(&["version", "--json"]).stdout).unwrap();
    assert_eq!(object["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn completion_is_there_for_every_shell_and_bash_takes_it() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = run(&["completion", shell]);
        assert_eq!(outcome.code, Some(0), "{shell}");
        assert!(outcome.stdout.contains("crossweave") && outcome.stdout.contains("register"), "{shell}");
    }
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash is there");
    let script = run(&["completion", "bash"]).stdout;
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn a_wrong_command_line_ends_with_1_and_help_with_0() {
    let outcome = run(&["strat"]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("start"), "{}", outcome.stderr);
    assert_eq!(run(&["call"]).code, Some(1));
    let outcome = run(&["--help"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(run(&["sub", "--help"]).code, Some(0));
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let outcome = crossweave().arg("--help").stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(outcome.status.code(), Some(1));
    let told = String::from_utf8(outcome.stderr).unwrap();
    assert!(told.starts_with("error: cannot write to stdout: "), "{told}");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = crossweave().arg("--help").stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0), "whoever read it had enough");
}
