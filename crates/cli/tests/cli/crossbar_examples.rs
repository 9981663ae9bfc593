//! The nodes that Crossbar.io publishes as examples, by their shapes: each is checked, upgraded where it is of version 1, and
//! started, or answered with the right sentence. `docs/crossbar-examples.md` lists them.
//!
//! Files that a node names are made up. Ports are replaced by free ones. Programs of guests do nothing but go on, and classes of
//! components nothing but join; nodes with such need an interpreter with Autobahn, as in `components.rs`.

mod nodes;
mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::background::{Background, Outcome, PATIENCE, crossweave, run};
use crate::components::python;
use nodes::{Comes, Example};

/// So deep that what nodes name above them is still in the folder.
const DEPTH: &str = "a/b/c/d/e/example/.crossbar";

/// A node directory with all that its configuration names.
struct Directory {
    root: TempDir,
    config: Value,
}

impl Directory {
    fn of(example: &Example, python: Option<&Path>) -> Directory {
        let root = TempDir::new().unwrap();
        let mut config = example.config.clone();
        replace_ports(&mut config);
        let directory = Directory { root, config };
        fs::create_dir_all(directory.cbdir()).unwrap();
        directory.make_files(&directory.config);
        directory.make_programs();
        directory.make_certificates();
        directory.write(python)
    }

    fn cbdir(&self) -> PathBuf {
        self.root.path().join(DEPTH)
    }

    /// Writes the configuration, with the interpreter for components.
    fn write(mut self, python: Option<&Path>) -> Directory {
        for worker in self.config["workers"].as_array_mut().into_iter().flatten() {
            if let Some(python) = python.filter(|_| worker.get("components").is_some()) {
                worker["options"]["python"] = python.to_str().into();
            }
        }
        fs::write(self.cbdir().join("config.json"), self.config.to_string()).unwrap();
        self
    }

    /// Folders, and modules with the classes of components.
    fn make_files(&self, config: &Value) {
        let mut classes = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (key, text) in texts(config) {
            match key {
                "directory" | "temp_directory" | "workdir" | "directories" | "pythonpath" => {
                    fs::create_dir_all(self.cbdir().join(text)).unwrap();
                }
                "classname" => {
                    let (module, class) = text.rsplit_once('.').unwrap();
                    classes.entry(module).or_default().insert(class);
                }
                _ => {}
            }
        }
        for folder in ["..", "../components"].map(|folder| self.cbdir().join(folder)) {
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("dynauth.py"), "async def setup(session, details):\n    pass\n").unwrap();
        }
        for (module, classes) in classes {
            let base = "from autobahn.twisted.wamp import ApplicationSession\n".to_owned();
            let text = classes.iter().fold(base, |text, class| {
                text + &format!("\n\nclass {class}(ApplicationSession):\n    pass\n")
            });
            for folder in ["..", "../components"] {
                let folder = self.cbdir().join(folder);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(format!("{module}.py")), &text).unwrap();
            }
        }
    }

    /// What guests execute.
    fn make_programs(&self) {
        let programs = self.root.path().join("programs");
        fs::create_dir_all(&programs).unwrap();
        for name in ["node", "php", "python"] {
            let path = programs.join(name);
            fs::write(&path, "#!/bin/sh\nexec sleep 600\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn make_certificates(&self) {
        let key = rcgen::KeyPair::generate().unwrap();
        let named = |name: &str, hosts: Vec<String>| {
            let mut params = rcgen::CertificateParams::new(hosts).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params
        };
        let mut params = named("authority", Vec::new());
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(params, key);
        let write = |name: &str, text: String| fs::write(self.cbdir().join(name), text).unwrap();
        write("ca.cert.pem", ca.clone());
        write("intermediate.cert.pem", ca);
        write("dhparam.pem", "none is needed".to_owned());
        write("home.zip", "is not read".to_owned());
        for name in ["server", "client"] {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = named(name, vec!["localhost".to_owned()]);
            write(&format!("{name}.crt"), params.signed_by(&key, &issuer).unwrap().pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
    }

    fn run(&self, command: &str) -> Outcome {
        Outcome::of(self.command(command).output().expect("the program can be started"))
    }

    /// A command for this node, in the environment that examples ask for.
    fn command(&self, command: &str) -> Command {
        let path =
            format!("{}:{}", self.root.path().join("programs").display(), std::env::var("PATH").unwrap());
        let mut program = crossweave();
        program.args([command, "--cbdir"]).arg(self.cbdir()).env("PATH", path).env("MYSECRET", "s3cret");
        program
    }

    /// Upgrades what is of version 1, which `check` says to do.
    fn upgrade(&self, name: &str) {
        let told = self.run("check");
        assert_eq!(told.code, Some(1), "{name}");
        assert!(
            told.stderr.contains("version 1") && told.stderr.contains("upgrade"),
            "{name}: {}",
            told.stderr
        );
        let upgraded = self.run("upgrade");
        assert_eq!(upgraded.code, Some(0), "{name}: {}", upgraded.stderr);
    }

    fn start(&self) -> Background {
        Background::start(&mut self.command("start"))
    }

    /// What a procedure of the management realm answers.
    fn ask(&self, procedure: &str, args: &[&str]) -> Option<Value> {
        let url = format!("unix:{}", self.cbdir().join("node.sock").display());
        let line = [&["call", procedure], args, &["--url", &url, "--realm", "crossbar", "--json"]].concat();
        let answer: Value = serde_json::from_str(&run(&line).stdout).ok()?;
        Some(answer["args"][0].clone())
    }
}

/// Puts a free port in the place of each.
fn replace_ports(config: &mut Value) {
    let mut free = BTreeMap::new();
    let mut taken = Vec::new();
    let mut ports = BTreeSet::new();
    each(config, &mut |key, value| {
        ports.extend(value.as_u64().filter(|_| key == "port"));
    });
    for port in ports {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        free.insert(port, listener.local_addr().unwrap().port());
        taken.push(listener);
    }
    each(config, &mut |key, value| match value {
        Value::Number(number) if key == "port" => *value = free[&number.as_u64().unwrap()].into(),
        Value::String(text) if key == "url" || text.starts_with("ws://") => {
            for (port, free) in &free {
                *text = text.replace(&format!(":{port}"), &format!(":{free}"));
            }
        }
        _ => {}
    });
}

/// Shows each value that is no list or object, with the key that it is under.
fn each(value: &mut Value, show: &mut impl FnMut(&str, &mut Value)) {
    fn walk(key: &str, value: &mut Value, show: &mut impl FnMut(&str, &mut Value)) {
        match value {
            Value::Object(object) => object.iter_mut().for_each(|(key, value)| walk(key, value, show)),
            Value::Array(list) => list.iter_mut().for_each(|value| walk(key, value, show)),
            other => show(key, other),
        }
    }
    walk("", value, show);
}

fn texts(config: &Value) -> Vec<(&str, &str)> {
    fn walk<'v>(key: &'v str, value: &'v Value, found: &mut Vec<(&'v str, &'v str)>) {
        match value {
            Value::Object(object) => object.iter().for_each(|(key, value)| walk(key, value, found)),
            Value::Array(list) => list.iter().for_each(|value| walk(key, value, found)),
            Value::String(text) => found.push((key, text)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", config, &mut found);
    found
}

/// Starts a node, waits until all its workers and components run and its paths answer, and ends it.
fn runs(directory: &Directory, name: &str, unbuilt: &[&str]) {
    let mut process = directory.start();
    let workers = directory.config["workers"].as_array().unwrap();
    let listens = workers.iter().any(|worker| worker.get("transports").is_some());
    // The line comes when the whole node is there; a node that is ended before ends with another code.
    while listens && !process.line().starts_with("listening on ") {}
    let until = Instant::now() + PATIENCE;
    while !are_started(directory, workers.len()) {
        let told = process.told();
        assert!(Instant::now() < until, "{name}: not started in time: {told:#?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    paths_answer(directory, name, unbuilt);
    process.signal(Signal::TERM);
    let code = process.end();
    assert!(code == Some(0) || !listens, "{name}: {code:?} {:#?}", process.told());
}

/// Whether as many workers are there, with all their transports and components.
fn are_started(directory: &Directory, workers: usize) -> bool {
    let Some(ids) = directory.ask("crossbar.get_workers", &[]) else { return false };
    let ids: Vec<&str> = ids.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let started = |id: &&str| {
        let worker = directory.ask("crossbar.get_worker", &[id]);
        worker.is_some_and(|worker| worker["status"] == "started")
    };
    let configured = directory.config["workers"].as_array().unwrap();
    let count = |key: &str, kind: &str| -> usize {
        let of_kind = configured.iter().filter(|worker| worker["type"] == kind);
        of_kind.map(|worker| worker[key].as_array().map_or(0, Vec::len)).sum()
    };
    let running = |procedure: &str| -> usize {
        let all =
            ids.iter().filter_map(|id| directory.ask(&format!("crossbar.worker.{id}.{procedure}"), &[]));
        all.map(|list| list.as_array().map_or(0, Vec::len)).sum()
    };
    ids.len() == workers
        && ids.iter().all(started)
        && running("get_router_transports") == count("transports", "router")
        && running("get_router_components") == count("components", "router")
        && running("get_components") == count("components", "container")
}

/// Asks for each path of each web transport without TLS.
fn paths_answer(directory: &Directory, name: &str, unbuilt: &[&str]) {
    let transports = directory.config["workers"].as_array().into_iter().flatten();
    let transports = transports.filter_map(|worker| worker["transports"].as_array()).flatten();
    for transport in transports.filter(|it| it["endpoint"].get("tls").is_none()) {
        let paths = transport["paths"].as_object().or_else(|| transport["web"]["paths"].as_object());
        let port = transport["endpoint"]["port"].as_u64();
        for (path, service) in paths.into_iter().flatten() {
            let path = format!("/{}", path.trim_matches('/'));
            let expected = match service["type"].as_str().unwrap() {
                _ if unbuilt.contains(&&*path) => 501,
                "websocket" => 426,
                "publisher" | "caller" | "webhook" => 405,
                "redirect" => 302,
                // A folder without files.
                "static" if path == "/" => 404,
                "static" => 307,
                _ => 200,
            };
            let answer = get(port.unwrap() as u16, &path);
            let is_there = answer.starts_with(&format!("HTTP/1.1 {expected}"));
            assert!(is_there, "{name}, {path}: expected {expected}: {answer}");
        }
    }
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn needs_python(config: &Value) -> bool {
    texts(config).iter().any(|(key, _)| ["classname", "join"].contains(key))
        && config["workers"]
            .as_array()
            .is_some_and(|workers| workers.iter().any(|it| it.get("components").is_some()))
}

/// Checks an example, and starts it unless that takes what is not there.
fn try_out(example: &Example, python: Option<&Path>) {
    let name = example.of.join(", ");
    let directory = Directory::of(example, python);
    if example.config.get("version").is_none() {
        directory.upgrade(&name);
    }
    let checked = directory.run("check");
    if let Comes::Refused(sentence) = example.comes {
        assert_eq!(checked.code, Some(1), "{name}");
        assert!(checked.stderr.contains(sentence), "{name}: {}", checked.stderr);
        let started = directory.run("start");
        assert_eq!(started.code, Some(1), "{name}");
        assert!(started.stderr.contains(sentence), "{name}: {}", started.stderr);
        return;
    }
    assert_eq!(checked.code, Some(0), "{name}: {}", checked.stderr);
    match example.comes {
        Comes::NotBuilt(part) => {
            let started = directory.run("start");
            assert_eq!(started.code, Some(1), "{name}: {}", started.stderr);
            assert!(started.stderr.contains(part), "{name}: {}", started.stderr);
        }
        Comes::Fails(sentence) if python.is_some() => {
            let started = directory.run("start");
            assert_eq!(started.code, Some(1), "{name}: {}", started.stderr);
            assert!(started.stderr.contains(sentence), "{name}: {}", started.stderr);
        }
        Comes::Runs(unbuilt) if python.is_some() || !needs_python(&example.config) => {
            runs(&directory, &name, unbuilt);
        }
        _ => {}
    }
}

fn try_all(which: impl Fn(&Example) -> bool) {
    let python = python();
    let examples: Vec<Example> = nodes::all().into_iter().filter(which).collect();
    assert!(examples.len() > 10);
    let mut failed = 0;
    for example in &examples {
        let tried = std::panic::catch_unwind(|| try_out(example, python.as_deref()));
        failed += usize::from(tried.is_err());
    }
    assert_eq!(failed, 0, "of {} shapes of nodes", examples.len());
}

#[test]
fn examples_without_programs_of_their_own_run_or_say_why_not() {
    try_all(|example| !needs_python(&example.config));
}

#[test]
fn examples_with_components_in_python_run_or_say_why_not() {
    try_all(|example| needs_python(&example.config));
}

#[test]
fn the_manual_lists_every_example() {
    let manual = include_str!("../../../../docs/crossbar-examples.md");
    for example in nodes::all() {
        for of in example.of {
            let is_named = |name: &str| manual.contains(&format!("`{name}`"));
            // Files of a folder may stand behind it.
            let apart = of.rsplit_once('/').is_some_and(|(folder, file)| is_named(folder) && is_named(file));
            let alike = of
                .rsplit_once("/config_shared")
                .is_some_and(|(folder, _)| is_named(&format!("{folder}/config_shared*")));
            let sibling =
                of.rsplit_once('/').is_some_and(|(_, name)| name.starts_with("failure") && is_named(name));
            assert!(is_named(of) || apart || alike || sibling, "{of} is not in the manual");
        }
    }
}
