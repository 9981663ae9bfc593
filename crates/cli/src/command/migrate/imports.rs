//! Python components that need Crossbar.io itself.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crossweave_config::{Code, Node, Problem, Severity, Worker, WorkerOptions};

use super::at;

/// What is read of a module: imports stand at its beginning.
const MODULE_LEN_MAX: u64 = 256 * 1024;

/// A warning for each component whose class or function is in the package of Crossbar.io, or whose module imports it. Modules are
/// looked for in `pythonpath` and in the node directory; nothing is run.
pub(super) fn warnings(node: &Node, cbdir: &Path) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for worker in &node.workers {
        let (options, codes): (_, Vec<(&str, &Code)>) = match worker {
            Worker::Router(it) => {
                (&it.options, it.components.iter().map(|it| (it.id.as_str(), &it.code)).collect())
            }
            Worker::Container(it) => {
                (&it.options, it.components.iter().map(|it| (it.id.as_str(), &it.code)).collect())
            }
            _ => continue,
        };
        for (component, code) in codes {
            let place = format!("worker {:?}, component {component:?}", worker.id());
            let told = names(code).into_iter().filter_map(|name| of_name(name, options, cbdir));
            warnings.extend(told.map(|message| at(Severity::Warning, &place, message)));
        }
    }
    warnings
}

/// The classes and functions that a component is made of.
fn names(code: &Code) -> Vec<&str> {
    match code {
        Code::Class { classname, .. } => vec![classname],
        Code::Function { callbacks: it, .. } => [&it.join, &it.leave, &it.connect, &it.disconnect]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect(),
        Code::Rust { .. } => Vec::new(),
    }
}

fn of_name(name: &str, options: &WorkerOptions, cbdir: &Path) -> Option<String> {
    const NOT_THERE: &str = "it is there only if Crossbar.io is installed for the worker's `python`";
    if is_of_crossbar(name) {
        let better = match name {
            "crossbar.adapter.rest.RESTCallee" => {
                "; `crossweave register PROCEDURE --exec curl ...` does the like"
            }
            _ => "",
        };
        return Some(format!("`{name}` is a part of Crossbar.io itself: {NOT_THERE}{better}"));
    }
    let (module, _) = name.rsplit_once('.')?;
    let (file, text) = module_text(module, options, cbdir)?;
    let imported = text.lines().find_map(imported)?;
    Some(format!("{} imports `{imported}`, a part of Crossbar.io itself: {NOT_THERE}", file.display()))
}

fn is_of_crossbar(name: &str) -> bool {
    name == "crossbar" || name.starts_with("crossbar.")
}

/// The module of Crossbar.io that a line imports.
fn imported(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let name = matches!(words.next(), Some("import" | "from")).then(|| words.next())??;
    let name = name.trim_end_matches([',', ';']);
    is_of_crossbar(name).then_some(name)
}

/// The file of a module, and its beginning.
fn module_text(module: &str, options: &WorkerOptions, cbdir: &Path) -> Option<(PathBuf, String)> {
    let relative = module.replace('.', "/");
    let folders = options.pythonpath.iter().map(PathBuf::as_path).chain([cbdir]);
    let mut files =
        folders.flat_map(|it| [it.join(format!("{relative}.py")), it.join(&relative).join("__init__.py")]);
    let file = files.find(|file| file.is_file())?;
    let mut octets = Vec::new();
    fs::File::open(&file).ok()?.take(MODULE_LEN_MAX).read_to_end(&mut octets).ok()?;
    Some((file, String::from_utf8_lossy(&octets).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_crossbar_are_seen() {
        for (line, name) in [
            ("from crossbar.adapter.rest import RESTCallee", Some("crossbar.adapter.rest")),
            ("    import crossbar", Some("crossbar")),
            ("import crossbar.common, os", Some("crossbar.common")),
            ("from crossbarfx import x", None),
            ("# import crossbar", None),
            ("", None),
        ] {
            assert_eq!(imported(line), name, "{line}");
        }
    }
}
