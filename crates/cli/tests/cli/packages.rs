//! Files of Python packages. The interpreter needs nothing but itself.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::background::{Outcome, crossweave};
use crate::managed::Managed;
use crate::services::{address, request, web};

/// A folder with a package that has files.
fn library() -> TempDir {
    let library = TempDir::new().unwrap();
    let pages = library.path().join("shop/pages");
    fs::create_dir_all(&pages).unwrap();
    fs::write(library.path().join("shop/__init__.py"), "SECRET = 1").unwrap();
    fs::write(pages.join("index.html"), "<p>shop").unwrap();
    fs::write(pages.join(".hidden"), "hidden").unwrap();
    library
}

fn workers(library: &TempDir, paths: &Value) -> Value {
    let mut workers = web(paths);
    workers[0]["options"] = json!({"pythonpath": [library.path()]});
    workers
}

fn package(resource: &str) -> Value {
    json!({"type": "static", "package": "shop", "resource": resource})
}

#[test]
fn files_of_a_python_package_are_served_and_nothing_beside_them() {
    let library = library();
    let node =
        Managed::start(&workers(&library, &json!({"/": package("pages"), "ws": {"type": "websocket"}})), &[]);
    let address = address(&node);
    let get = |path: &str| request(address, &format!("GET {path}"), "", "");
    assert_eq!(get("/"), (200, "<p>shop".to_owned()));
    for path in ["/.hidden", "/../__init__.py", "/%2e%2e/__init__.py", "/..%2f__init__.py", "/pages"] {
        let (status, body) = get(path);
        assert!(matches!(status, 400 | 404) && !body.contains("SECRET"), "{path}: {status} {body}");
    }
    let start = "crossbar.worker.router.start_web_transport_service";
    node.call(start, &[json!("web"), json!("more"), package("pages")]).unwrap();
    assert_eq!(get("/more/index.html").0, 200, "also of a service that comes later");
    let refused = node.call(start, &[json!("web"), json!("bad"), package("nothing")]).unwrap_err();
    assert!(refused.contains("there is no such folder in"), "{refused}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_package_that_is_not_there_is_named_when_the_node_starts() {
    let library = library();
    for (service, text) in [
        (
            json!({"type": "static", "package": "shpo", "resource": "a"}),
            "python package \"shpo\": there is no such package",
        ),
        (package("nothing"), "resource \"nothing\" of python package \"shop\": there is no such folder in"),
        (package("../x"), "a resource is a folder in its package"),
    ] {
        let folder = TempDir::new().unwrap();
        let workers = workers(&library, &json!({"/": service, "ws": {"type": "websocket"}}));
        let config = json!({"version": 2, "workers": workers}).to_string();
        fs::write(folder.path().join("config.json"), config).unwrap();
        let mut start = crossweave();
        start.args(["start", "--shutdownafter", "10", "--cbdir"]).arg(folder.path());
        let outcome = Outcome::of(start.output().unwrap());
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
    }
}

#[test]
fn an_interpreter_that_is_not_there_is_an_error_of_the_configuration() {
    let library = library();
    let folder = TempDir::new().unwrap();
    let mut workers = workers(&library, &json!({"/": package("pages"), "ws": {"type": "websocket"}}));
    workers[0]["options"]["python"] = json!("no-such-python");
    fs::write(folder.path().join("config.json"), json!({"version": 2, "workers": workers}).to_string())
        .unwrap();
    let outcome = Outcome::of(crossweave().arg("check").current_dir(folder.path()).output().unwrap());
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no-such-python"), "{}", outcome.stderr);
}
