//! The README of `examples/authentication`: every command in it is run, and prints what stands there.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::background::{Background, Outcome, crossweave};
use crate::node::Node;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/authentication");
/// Where the example listens; the test takes a free port.
const PORT: &str = "8080";

/// A command of the README, and what it says of it.
struct Step {
    command: String,
    /// What it prints, with `…` for anything; of a command that goes on, nothing.
    expected: Vec<String>,
    code: i32,
}

/// The steps of each block.
fn blocks(readme: &str) -> Vec<Vec<Step>> {
    let mut blocks: Vec<Vec<Step>> = Vec::new();
    let mut is_inside = false;
    for line in readme.lines() {
        match line.strip_prefix("$ ") {
            _ if line.starts_with("```") => {
                is_inside = line == "```console";
                if is_inside {
                    blocks.push(Vec::new());
                }
            }
            _ if !is_inside => {}
            Some(command) => {
                let code = command.split_once("# code ").map_or("0", |(_, code)| code);
                let code = code.trim().parse().expect("the code is a number");
                let block = blocks.last_mut().expect("a block is open");
                block.push(Step { command: command.to_owned(), expected: Vec::new(), code });
            }
            None => {
                let step = blocks.last_mut().and_then(|block| block.last_mut());
                step.expect("a command stands before what it prints").expected.push(line.to_owned());
            }
        }
    }
    blocks
}

/// Copies the example, which then listens on a free port.
fn copy_example(folder: &Path) {
    fs::create_dir(folder.join(".crossbar")).unwrap();
    for file in [".crossbar/config.yaml", "authorize.py"] {
        fs::copy(Path::new(EXAMPLE).join(file), folder.join(file)).unwrap();
    }
    let config = folder.join(".crossbar/config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&format!("port: {PORT}")));
    fs::write(config, text.replace(&format!("port: {PORT}"), "port: 0")).unwrap();
}

/// Whether the text is what was expected; `…` stands for anything.
fn fits(text: &str, expected: &str) -> bool {
    let Some((start, ends)) = expected.split_once('…') else { return text == expected };
    let Some(mut rest) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = ends.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

/// What runs the README's commands in this folder against this node.
struct Reader<'r> {
    folder: &'r Path,
    port: u16,
    running: Vec<Background>,
}

impl Reader<'_> {
    fn shell(&self, command: &str) -> Command {
        let program = crossweave();
        let bin = Path::new(program.get_program()).parent().unwrap().to_owned();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("PATH", path).env("CROSSWEAVE_URL", format!("ws://127.0.0.1:{}/ws", self.port));
        shell.args(["-c", command]).current_dir(self.folder);
        shell
    }

    fn follow(&mut self, step: &Step) {
        if let Some(command) = step.command.strip_suffix(" &") {
            let process = Background::start(&mut self.shell(&format!("exec env {command}")));
            let told = if command.contains(" register ") { "registered" } else { "subscribed" };
            process.wait_for(told);
            self.running.push(process);
            return;
        }
        let outcome = Outcome::of(self.shell(&step.command).output().expect("a shell runs"));
        let printed = format!("{}{}", outcome.stdout, outcome.stderr);
        let lines: Vec<&str> = printed.lines().collect();
        let port = format!(":{}/", self.port);
        let expected: Vec<String> =
            step.expected.iter().map(|line| line.replace(&format!(":{PORT}/"), &port)).collect();
        let is_same = lines.len() == expected.len()
            && lines.iter().zip(&expected).all(|(line, expected)| fits(line, expected));
        assert!(is_same, "{}\nprints\n{printed}\nand not\n{}", step.command, expected.join("\n"));
        assert_eq!(outcome.code, Some(step.code), "{}\n{printed}", step.command);
    }
}

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn every_command_of_the_readme_prints_what_stands_there() {
    let folder = TempDir::new().unwrap();
    copy_example(folder.path());
    let mut node = Node::start_in(folder.path(), &["--cbdir", ".crossbar"], 1);
    let mut reader = Reader { folder: folder.path(), port: node.address().port(), running: Vec::new() };
    let readme = fs::read_to_string(Path::new(EXAMPLE).join("README.md")).unwrap();
    let (mut commands, mut explained) = (0, 0);
    for block in blocks(&readme) {
        if block.iter().any(|step| step.command.contains(".py")) && !has_python() {
            eprintln!("skipped, for want of python3: {}", block[0].command);
            continue;
        }
        for step in block {
            // The node runs already.
            if !step.command.starts_with("crossweave start") {
                reader.follow(&step);
            }
            commands += 1;
            explained += usize::from(step.command.starts_with("crossweave explain"));
        }
    }
    assert!(commands >= 20 && explained >= 12, "{commands} commands, {explained} of them of explain");
    drop(reader);
    node.process.signal(rustix::process::Signal::INT);
    assert_eq!(node.process.end(), Some(0));
    let log = [node.process.told(), node.process.rest()].concat().join("\n");
    for told in ["\"tom\": wrong answer to the challenge", "\"nobody\": no such client"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains("example-"), "secrets are in the log: {log}");
}

#[test]
fn an_ellipsis_stands_for_anything_and_nothing_else_does() {
    assert!(fits("at /home/x/.crossbar/config.yaml:1:2", "at …/.crossbar/config.yaml:1:2"));
    assert!(fits("(id 7f)", "(id …)") && fits("a", "a") && fits("17", "…") && fits("a1b2c", "a…b…c"));
    assert!(!fits("(id 7f) and more", "(id …)") && !fits("b", "a") && !fits("", "a"));
}
