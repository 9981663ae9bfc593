use std::fs;
use std::path::Path;

use crossweave_api::router::StartRouterRealm;
use tokio::time::sleep;

use super::super::tests::{management, start_worker_with};
use super::*;
use crate::component::Pythonpath;
use crate::service::Caller;

/// Where all of a transport's packages are.
async fn folders(interpreter: &Interpreter, web: &Web) -> Result<Folders, (String, String)> {
    locate(interpreter, unknown(web, &Served::new(), &Folders::new())).await
}

/// A folder with packages, and the interpreter that finds them there.
fn scratch() -> (tempfile::TempDir, Interpreter) {
    let scratch = tempfile::tempdir().unwrap();
    let library = scratch.path().join("library");
    fs::create_dir_all(library.join("shop/pages/web")).unwrap();
    fs::write(library.join("shop/__init__.py"), "print('imported'); import sys; sys.stdout.flush()").unwrap();
    fs::write(library.join("shop/pages/__init__.py"), "raise RuntimeError('not to be imported')").unwrap();
    fs::create_dir_all(library.join("broken/inner")).unwrap();
    fs::write(library.join("broken/__init__.py"), "import sys; sys.exit(3)").unwrap();
    let interpreter = Interpreter {
        program: "python3".into(),
        pythonpath: Pythonpath::from(vec![library]),
        directory: scratch.path().into(),
    };
    (scratch, interpreter)
}

/// A transport with files of these packages, at `/0`, `/1`, ….
fn web(packages: &[(&str, &str)]) -> Web {
    let at = |(index, (package, resource)): (usize, &(&str, &str))| {
        let source =
            StaticSource::Package { package: (*package).to_owned(), resource: (*resource).to_owned() };
        WebPath {
            path: format!("/{index}"),
            service: WebService::Static(crossweave_config::StaticFiles::of(source)),
        }
    };
    Web { paths: packages.iter().enumerate().map(at).collect(), ..Web::default() }
}

#[tokio::test]
async fn folders_are_found_and_the_package_is_not_imported() {
    let (scratch, interpreter) = scratch();
    let web = web(&[("shop", "pages"), ("shop.pages", "web")]);
    let folders = folders(&interpreter, &web).await.unwrap();
    assert!(unknown(&web, &Served::new(), &folders).is_empty());
    let folder = |package: &str, resource: &str| folders[&(package.to_owned(), resource.to_owned())].clone();
    let library = scratch.path().join("library");
    assert_eq!(folder("shop", "pages"), library.join("shop/pages"));
    assert_eq!(folder("shop.pages", "web"), library.join("shop/pages/web"));
}

#[tokio::test]
async fn what_is_not_there_is_named_with_its_place() {
    let (_scratch, interpreter) = scratch();
    for (package, resource, text) in [
        ("shop", "nothing", "there is no such folder in "),
        ("shop", "__init__.py", "there is no such folder in "),
        ("shpo", "pages", "there is no such package"),
        ("shpo.inner", "pages", "there is no package 'shpo'"),
        ("broken.inner", "pages", "it cannot be looked for: SystemExit: 3"),
        ("sys", "pages", "there is no such folder in a package that has no files"),
    ] {
        let web = web(&[("shop", "pages"), (package, resource)]);
        let (path, why) = folders(&interpreter, &web).await.unwrap_err();
        assert_eq!(path, "/1");
        assert!(why.contains(text) && why.contains(&format!("python package {package:?}")), "{why}");
    }
}

#[tokio::test]
async fn what_is_no_python_is_named() {
    let (_scratch, interpreter) = scratch();
    for (program, text) in [("no-such-python", "cannot be run"), ("true", "it may be no Python 3")] {
        let interpreter = Interpreter { program: Path::new(program).into(), ..interpreter.clone() };
        let (path, why) = folders(&interpreter, &web(&[("shop", "pages")])).await.unwrap_err();
        assert_eq!(path, "/0");
        assert!(why.contains(program) && why.contains(text), "{why}");
    }
}

#[tokio::test]
async fn nobody_is_asked_without_a_package() {
    let (_scratch, interpreter) = scratch();
    let interpreter = Interpreter { program: "no-such-python".into(), ..interpreter };
    assert_eq!(folders(&interpreter, &Web::default()).await, Ok(Folders::new()));
}

#[tokio::test]
async fn a_worker_goes_on_while_the_interpreter_is_asked() {
    /// Less than the interpreter has.
    const PATIENCE: Duration = Duration::from_secs(5);
    let scratch = tempfile::tempdir().unwrap();
    let (asked, go) = (scratch.path().join("asked"), scratch.path().join("go"));
    fs::create_dir_all(scratch.path().join("slow/inner/pages")).unwrap();
    // A package within it is looked for by importing it.
    let slow = format!(
        "import os, time\nopen({asked:?}, 'w').close()\nwhile not os.path.exists({go:?}): time.sleep(0.01)\n"
    );
    fs::write(scratch.path().join("slow/__init__.py"), slow).unwrap();
    fs::write(scratch.path().join("slow/inner/__init__.py"), "").unwrap();
    let interpreter = Interpreter {
        program: "python3".into(),
        pythonpath: Pythonpath::from(vec![scratch.path().into()]),
        directory: scratch.path().into(),
    };
    let worker = start_worker_with(&management(), |options| options.interpreter = interpreter).await;
    let starting = tokio::spawn({
        let worker = worker.clone();
        let pages = json!({"type": "static", "package": "slow.inner", "resource": "pages"});
        let endpoint = json!({"type": "tcp", "interface": "127.0.0.1", "port": 0});
        let config = json!({"type": "web", "endpoint": endpoint, "paths": {"/": pages}});
        async move { worker.start_transport(&Caller::default(), "web".to_owned(), config).await }
    });
    let is_asked = async {
        while !asked.exists() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, is_asked).await.expect("the interpreter is asked");
    let realm =
        StartRouterRealm { realm_id: "r1".to_owned(), config: json!({"name": "realm1"}), template_id: None };
    let started = timeout(PATIENCE, worker.start_router_realm(Caller::default(), realm)).await;
    started.expect("the worker does not wait for it").expect("it is right");
    fs::write(go, "").unwrap();
    let transport = timeout(PATIENCE, starting).await.expect("the interpreter answers").unwrap();
    assert_eq!(transport.expect("the folder is there").id, "web");
}
