//! `cargo xtask mutants`: whether the tests of `router-core` notice defects that are put in on purpose.
//!
//! The defects stand in `crates/router-core/mutants.txt`. Each is put into a copy of the crates below the target directory, and
//! the crate's tests are run there, the quickest first; a test that fails or does not end in time has noticed it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;

use crate::workspace::Workspace;

/// Where the defects stand.
const LIST: &str = "crates/router-core/mutants.txt";
/// Where they are put in.
const SOURCE: &str = "crates/router-core/src";
/// The tests, the quickest first.
const TESTS: [&[&str]; 4] =
    [&["--lib"], &["--test", "transcripts"], &["--test", "many_calls"], &["--test", "simulation"]];
/// A test that takes longer has noticed something: the mutant does not end.
const DEADLINE: Duration = Duration::from_secs(180);
/// The first build is of everything.
const BUILD_DEADLINE: Duration = Duration::from_secs(1800);

/// Which mutants to try.
#[derive(Args)]
pub(crate) struct Options {
    /// Only mutants whose name contains this
    #[arg(long)]
    only: Option<String>,
}

/// A defect.
#[derive(Debug, PartialEq, Eq)]
struct Mutant {
    name: String,
    file: String,
    before: String,
    after: String,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// These tests noticed it.
    Caught(String),
    /// No test did.
    Survived,
    /// It could not be tried.
    Broken(String),
}

/// Tries all mutants. Returns whether each was caught.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> bool {
    match try_all(workspace, options) {
        Ok(passed) => passed,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            false
        }
    }
}

fn try_all(workspace: &Workspace, options: &Options) -> Result<bool, String> {
    let list = workspace.root.join(LIST);
    let text = fs::read_to_string(&list).map_err(|error| format!("cannot read {LIST}: {error}"))?;
    let mutants = parse(&text).map_err(|problem| format!("{LIST}: {problem}"))?;
    let copy = workspace.target.join("mutants");
    copy_tree(&workspace.root, &copy).map_err(|error| format!("cannot copy the source: {error}"))?;
    let wanted = |mutant: &&Mutant| options.only.as_ref().is_none_or(|only| mutant.name.contains(only));
    let mut survivors = 0;
    let mut tried = 0;
    for mutant in mutants.iter().filter(wanted) {
        let fate = mutant.try_in(&copy);
        tried += 1;
        survivors += usize::from(!matches!(fate, Fate::Caught(_)));
        match fate {
            Fate::Caught(by) => println!("caught    {} ({by})", mutant.name),
            Fate::Survived => println!("SURVIVED  {}", mutant.name),
            Fate::Broken(why) => println!("BROKEN    {}: {why}", mutant.name),
        }
    }
    println!("{} of {tried} mutants caught", tried - survivors);
    Ok(tried > 0 && survivors == 0)
}

impl Mutant {
    fn try_in(&self, copy: &Path) -> Fate {
        let path = copy.join(SOURCE).join(&self.file);
        let source = match fs::read_to_string(&path) {
            Ok(source) => source,
            Err(error) => return Fate::Broken(format!("cannot read {}: {error}", self.file)),
        };
        let places = source.matches(&self.before).count();
        if places != 1 {
            return Fate::Broken(format!("its text is in {} {places} times", self.file));
        }
        if let Err(error) = fs::write(&path, source.replacen(&self.before, &self.after, 1)) {
            return Fate::Broken(format!("cannot write {}: {error}", self.file));
        }
        let fate = test(copy);
        match fs::write(&path, source) {
            Ok(()) => fate,
            Err(error) => Fate::Broken(format!("cannot restore {}: {error}", self.file)),
        }
    }
}

fn test(copy: &Path) -> Fate {
    if let Err(why) = cargo(copy, &["--no-run"], false) {
        return Fate::Broken(why);
    }
    for test in TESTS {
        match cargo(copy, test, true) {
            Ok(true) => {}
            Ok(false) => return Fate::Caught(test.join(" ")),
            Err(why) => return Fate::Broken(why),
        }
    }
    Fate::Survived
}

/// Runs `cargo test` for the crate in the copy: whether it passed, in time. If `may_fail` is not set, failing is an error.
fn cargo(copy: &Path, arguments: &[&str], may_fail: bool) -> Result<bool, String> {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "--quiet", "-p", "crossweave-router-core"])
        .args(arguments)
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", copy.join("target"))
        // Of no interest here, and slow.
        .env("RUST_BACKTRACE", "0")
        .env("CARGO_INCREMENTAL", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("cannot run cargo: {error}"))?;
    let deadline = if may_fail { DEADLINE } else { BUILD_DEADLINE };
    let passed = wait(child, deadline).map_err(|error| format!("cannot wait for cargo: {error}"))?;
    match passed || may_fail {
        true => Ok(passed),
        false => Err("it cannot be built".to_owned()),
    }
}

/// Whether the process succeeded in time.
fn wait(mut child: Child, deadline: Duration) -> io::Result<bool> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        sleep(Duration::from_millis(50));
    }
}

/// Copies what the crate's tests need, without touching files that are the same, so that little is built again.
fn copy_tree(root: &Path, copy: &Path) -> io::Result<()> {
    for name in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "clippy.toml"] {
        if root.join(name).is_file() {
            copy_file(&root.join(name), &copy.join(name))?;
        }
    }
    for folder in ["crates", "bench", "docs", "fuzz", "tests", "xtask", "examples"] {
        copy_folder(&root.join(folder), &copy.join(folder))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != "target" && entry.file_name() != "node_modules" {
            copy_folder(&from, &to)?;
        } else if kind.is_file() {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let bytes = fs::read(from)?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(to, bytes)
}

/// Reads the list; the text before the first name is for people.
fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    let mut mutants: Vec<Mutant> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let current = mutants.last_mut();
        match (line.split_at_checked(1).unwrap_or(("", "")), current) {
            (("#", name), _) => mutants.push(Mutant {
                name: name.trim().to_owned(),
                file: String::new(),
                before: String::new(),
                after: String::new(),
            }),
            (_, None) | (("", _), Some(_)) => {}
            (("-", before), Some(mutant)) => push_line(&mut mutant.before, before),
            (("+", after), Some(mutant)) => push_line(&mut mutant.after, after),
            (_, Some(mutant)) if mutant.file.is_empty() => mutant.file = line.trim().to_owned(),
            _ => return Err(format!("line {number}: expected a name, a file, or text after - or +")),
        }
    }
    match mutants.iter().find(|mutant| mutant.file.is_empty() || mutant.before.is_empty()) {
        Some(mutant) => Err(format!("mutant {:?} has no file or changes nothing", mutant.name)),
        None => Ok(mutants),
    }
}

fn push_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_line_by_line() {
        let list =
            "For people.\n\n# it forgets\na/b.rs\n-    one\n-    two\n+    three\n\n# it goes\nc.rs\n-x\n";
        let mutants = parse(list).unwrap();
        let [first, second] = &mutants[..] else { panic!("{mutants:?}") };
        assert_eq!((first.name.as_str(), first.file.as_str()), ("it forgets", "a/b.rs"));
        assert_eq!((first.before.as_str(), first.after.as_str()), ("    one\n    two", "    three"));
        assert_eq!((second.before.as_str(), second.after.as_str()), ("x", ""));
        assert!(parse("# nothing\na.rs\n").is_err());
        assert!(parse("# odd\na.rs\n-x\n!y\n").is_err());
    }

    #[test]
    fn the_texts_of_all_mutants_are_in_the_source_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mutants = parse(&fs::read_to_string(root.join(LIST)).unwrap()).unwrap();
        assert!(mutants.len() >= 15);
        for mutant in mutants {
            let source = fs::read_to_string(root.join(SOURCE).join(&mutant.file)).unwrap();
            assert_eq!(source.matches(&mutant.before).count(), 1, "{mutant:?}");
        }
    }
}
