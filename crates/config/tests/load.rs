//! Node directories: which file is read, and what is wrong with files as such.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crossweave_config::{
    Endpoint, Environment, Loaded, Problems, Protocol, Severity, default_node, find_cbdir, load_with, tidy,
};

/// A directory of one test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("crossweave-config-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a directory for the test");
        for (name, bytes) in files {
            fs::write(path.join(name), bytes).expect("a file for the test");
        }
        Self(path)
    }

    fn load(&self, config: Option<&str>) -> Result<Loaded, Problems> {
        load_with(&self.0, config.map(Path::new), Environment::empty())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

const EMPTY: &[u8] = b"{\"version\": 2}";

#[test]
fn yaml_comes_before_json_and_an_argument_before_both() {
    let dir = Dir::new(&[
        ("config.json", EMPTY),
        ("config.yaml", b"version: 2\ncontroller: {id: yaml}\n"),
        ("my.json", EMPTY),
    ]);
    let loaded = dir.load(None).expect("a configuration");
    assert_eq!(loaded.config_file, Some(dir.0.join("config.yaml")));
    assert_eq!(loaded.node.controller.id.as_deref(), Some("yaml"));
    assert_eq!(dir.load(Some("my.json")).expect("a configuration").config_file, Some(dir.0.join("my.json")));
}

#[test]
fn a_directory_without_configuration_runs_the_default() {
    let loaded = Dir::new(&[]).load(None).expect("the default");
    assert_eq!((loaded.config_file, loaded.node), (None, default_node()));
}

#[test]
fn files_that_cannot_be_a_configuration_are_refused_with_a_sentence() {
    let large = vec![b' '; 1024 * 1024 + 1];
    let dir = Dir::new(&[
        ("a.yml", EMPTY),
        ("a.toml", EMPTY),
        ("large.json", &large),
        ("latin.json", b"{\n  \"caf\xe9\": 1}"),
    ]);
    for (file, sentence) in [
        ("missing.json", "the file cannot be read"),
        ("missing.json", "expected a path from the node directory"),
        ("a.yml", "must end with `.yaml`, as in Crossbar.io, not with `.yml`"),
        ("a.toml", "must end with `.json` or `.yaml`"),
        ("large.json", "larger than 1048576 bytes"),
        ("latin.json", "latin.json:2:7"),
    ] {
        let problems = dir.load(Some(file)).expect_err(file);
        assert!(problems.to_string().contains(sentence), "{problems}");
        assert!(problems.to_string().contains(file), "{problems}");
    }
    assert!(load_with(&dir.0, Some(Path::new("/dev/zero.json")), Environment::empty()).is_err());
}

#[test]
fn paths_start_at_the_node_directory_and_missing_files_are_errors() {
    let config = br#"{"version": 2, "workers": [{"type": "router", "transports": [
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "run/sock"}},
        {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8080,
            "tls": {"key": "there.key", "certificate": "missing.crt"}}}]}]}"#;
    let dir = Dir::new(&[("config.json", config), ("there.key", b"")]);
    let problems = dir.load(None).expect_err("a file is missing");
    let problems: Vec<_> = problems.iter().map(|problem| problem.to_owned()).collect();
    let [missing] = problems.as_slice() else { panic!("told once: {problems:?}") };
    assert_eq!(missing.severity, Severity::Error);
    assert!(missing.path.ends_with("endpoint.tls.certificate"), "{}", missing.path);
    assert!(missing.message.contains("there is no file") && missing.message.contains("missing.crt"));
    fs::create_dir(dir.0.join("missing.crt")).expect("a directory for the test");
    let problems = dir.load(None).expect_err("a directory is no file");
    assert!(
        problems.iter().all(|problem| problem.message.ends_with("missing.crt` is not a file")),
        "{problems}"
    );
    fs::remove_dir(dir.0.join("missing.crt")).expect("it is empty");
    fs::write(dir.0.join("missing.crt"), b"").expect("a file for the test");
    let loaded = dir.load(None).expect("a configuration");
    let router = loaded.node.workers[0].as_router().expect("a router");
    let [Endpoint::Unix(unix), Endpoint::Tcp(tcp)] =
        [&router.transports[0].endpoint, &router.transports[1].endpoint]
    else {
        panic!("other endpoints");
    };
    assert!(matches!(router.transports[0].protocol, Protocol::RawSocket(_)));
    assert_eq!(unix.path, dir.0.join("run/sock"));
    assert_eq!(tcp.tls.as_ref().map(|tls| tls.key.clone()), Some(dir.0.join("there.key")));
}

#[test]
fn the_node_directory_is_the_argument_or_comes_from_the_environment() {
    let dir = Dir::new(&[("config.json", EMPTY)]);
    let set = |name: &str| (name == "CROSSBAR_DIR").then(|| "from_crossbar".to_owned());
    let both = |name: &str| {
        Some(if name == "CROSSBAR_DIR" { "from_crossbar" } else { "from_crossweave" }.to_owned())
    };
    let (set, both) = (Environment::new(&set), Environment::new(&both));
    assert_eq!(find_cbdir(Some(Path::new("given")), set, &dir.0), dir.0.join("given"));
    assert_eq!(find_cbdir(Some(Path::new("config.json")), set, &dir.0), dir.0);
    assert_eq!(find_cbdir(None, set, &dir.0), dir.0.join("from_crossbar"));
    assert_eq!(find_cbdir(None, both, &dir.0), dir.0.join("from_crossweave"));
    assert_eq!(find_cbdir(None, Environment::empty(), &dir.0), dir.0);
    fs::create_dir(dir.0.join(".crossbar")).expect("a directory");
    assert_eq!(find_cbdir(None, Environment::empty(), &dir.0), dir.0.join(".crossbar"));
}

#[test]
fn paths_are_shown_as_people_write_them() {
    for (path, shown) in [
        (".", "."),
        ("", "."),
        ("././config.json", "config.json"),
        ("./.crossbar/./config.json", ".crossbar/config.json"),
        ("/srv//app/./", "/srv/app"),
        ("/srv/./app/../b", "/srv/app/../b"),
        ("/.", "/"),
    ] {
        assert_eq!(tidy(Path::new(path)).to_str(), Some(shown), "{path:?}");
    }
    let dir = Dir::new(&[("config.json", EMPTY)]);
    for given in [".", "./", ".//.", "./config.json"] {
        let cbdir = find_cbdir(Some(Path::new(given)), Environment::empty(), &dir.0);
        assert_eq!(cbdir.as_os_str(), dir.0.as_os_str(), "{given:?}");
    }
    let loaded = dir.load(Some("././config.json")).expect("a configuration");
    assert_eq!(loaded.config_file.unwrap().as_os_str(), dir.0.join("config.json").as_os_str());
    let problems = dir.load(Some("./missing.json")).unwrap_err();
    assert_eq!(problems.file(), dir.0.join("missing.json").to_str().unwrap());
}

#[test]
fn a_directory_in_the_place_of_the_file_is_a_problem_and_not_absent() {
    let dir = Dir::new(&[]);
    fs::create_dir(dir.0.join("config.json")).expect("a directory");
    for config in [None, Some("."), Some("config.json")] {
        let problems = dir.load(config).expect_err("no configuration").to_string();
        assert!(problems.contains("this is a directory"), "{problems}");
    }
}

#[test]
#[cfg(unix)]
fn what_cannot_be_looked_at_is_a_problem_and_not_absent() {
    use std::os::unix::fs::symlink;
    // Links in a circle fail for root too, unlike missing permissions.
    let dir = Dir::new(&[]);
    symlink("config.json", dir.0.join("config.json")).unwrap();
    let problems = dir.load(None).unwrap_err().to_string();
    assert!(problems.contains("config.json") && problems.contains("cannot be read"), "{problems}");
    let dir = Dir::new(&[]);
    symlink("nothing", dir.0.join("config.yaml")).unwrap();
    assert!(dir.load(None).is_err(), "a link to nothing");
    let dir = Dir::new(&[]);
    symlink(".crossbar", dir.0.join(".crossbar")).unwrap();
    let cbdir = find_cbdir(None, Environment::empty(), &dir.0);
    assert_eq!(cbdir, dir.0.join(".crossbar"));
    assert!(load_with(&cbdir, None, Environment::empty()).is_err());
}

/// A node with a guest, a container and files, none of which is there.
fn absent(is_disabled: bool) -> String {
    let options = format!(r#""disabled": {is_disabled}"#);
    format!(
        r#"{{"version": 2, "workers": [
    {{"type": "guest", "executable": "date", "options": {{{options}, "workdir": "no1", "watch": {{"directories": ["no2"]}}}}}},
    {{"type": "container", "options": {{{options}}}, "components": [{{"type": "class", "classname": "a.B", "realm": "realm1",
        "transport": {{"type": "websocket", "url": "wss://h/", "endpoint": {{"type": "tcp", "host": "h", "port": 1,
            "tls": {{"hostname": "h", "ca_certificates": ["no3"]}}}}}}}}]}},
    {{"type": "router", "options": {{{options}}}, "transports": [{{"type": "web", "endpoint": {{"type": "tcp", "port": 1,
        "tls": {{"key": "no4", "certificate": "no5"}}}}, "paths": {{
            "/": {{"type": "static", "directory": "no6"}}, "a": {{"type": "catalog", "filename": "no7"}},
            "b": {{"type": "archive", "archive": "no8"}},
            "c": {{"type": "archive", "archive": "yes", "origin": "https://example.com/a.zip", "download": true}}}}}}]}}]}}"#
    )
}

#[test]
fn files_and_directories_that_are_not_there_are_named_unless_their_worker_is_disabled() {
    let dir = Dir::new(&[("config.json", absent(false).as_bytes())]);
    let problems = dir.load(None).expect_err("nothing is there");
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let missing: Vec<&str> = errors.map(|problem| problem.message.rsplit('/').next().unwrap()).collect();
    assert_eq!(missing, ["no1`", "no2`", "no3`", "no4`", "no5`", "no6`", "no7`", "no8`"], "{problems}");
    let dir = Dir::new(&[("config.json", absent(true).as_bytes())]);
    dir.load(None).expect("nobody misses them");
}

#[test]
fn a_static_service_of_the_node_directory_is_warned_of() {
    let config = |directory: &str| {
        let paths = format!("{{\"/\": {{\"type\": \"static\", \"directory\": \"{directory}\"}}}}");
        let endpoint = "{\"type\": \"tcp\", \"port\": 8080}";
        let transport = format!("{{\"type\": \"web\", \"endpoint\": {endpoint}, \"paths\": {paths}}}");
        format!("{{\"version\": 2, \"workers\": [{{\"type\": \"router\", \"transports\": [{transport}]}}]}}")
    };
    let warned = |cbdir: &str, directory: &str| {
        let dir = Dir::new(&[]);
        for name in [cbdir, "web", &format!("{cbdir}/web")] {
            fs::create_dir_all(dir.0.join(name)).expect("a directory for the test");
        }
        fs::write(dir.0.join(cbdir).join("config.json"), config(directory)).expect("a file for the test");
        let loaded = load_with(&dir.0.join(cbdir), None, Environment::empty());
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        loaded.warnings.iter().any(|it| it.message.contains("the node directory is in it"))
    };
    assert!(warned("node", ".") && warned("node", "..") && warned(".crossbar", "."));
    assert!(!warned("node", "web") && !warned("node", "../web"));
    assert!(!warned(".crossbar", ".."), "what begins with a dot is not served");
}
