use std::fs;
use std::path::Path;

use super::*;
use crate::component::Pythonpath;

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
    let folders = folders(&interpreter, &web, &Served::new()).await.unwrap();
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
        let (path, why) =
            folders(&interpreter, &web(&[("shop", "pages"), (package, resource)]), &Served::new())
                .await
                .unwrap_err();
        assert_eq!(path, "/1");
        assert!(why.contains(text) && why.contains(&format!("python package {package:?}")), "{why}");
    }
}

#[tokio::test]
async fn what_is_no_python_is_named() {
    let (_scratch, interpreter) = scratch();
    for (program, text) in [("no-such-python", "cannot be run"), ("true", "it may be no Python 3")] {
        let interpreter = Interpreter { program: Path::new(program).into(), ..interpreter.clone() };
        let (path, why) =
            folders(&interpreter, &web(&[("shop", "pages")]), &Served::new()).await.unwrap_err();
        assert_eq!(path, "/0");
        assert!(why.contains(program) && why.contains(text), "{why}");
    }
}

#[tokio::test]
async fn nobody_is_asked_without_a_package() {
    let (_scratch, interpreter) = scratch();
    let interpreter = Interpreter { program: "no-such-python".into(), ..interpreter };
    assert_eq!(folders(&interpreter, &Web::default(), &Served::new()).await, Ok(Folders::new()));
}
