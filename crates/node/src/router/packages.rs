//! Folders of Python packages whose files are served: the interpreter that runs components knows where they are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crossweave_config::{StaticSource, Web, WebPath, WebService};
use serde_json::{Value as Json, json};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use super::site::Served;
use crate::component::Interpreter;
use crate::native::{LIMITS_VARIABLE, OPTIONS_VARIABLE};

/// What the interpreter runs: the answer is a line of JSON.
const LOCATE: &str = include_str!("packages/locate.py");
/// It has so long for all packages of a transport.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most octets of its answer.
const ANSWER_LEN_MAX: u64 = 64 * 1024;

/// Folders, by package and resource.
pub(super) type Folders = HashMap<(String, String), PathBuf>;

/// Asks for the folders of the services that are not served as they are to be already. The interpreter is run once, and only if
/// there are any.
///
/// # Errors
/// A folder is not there, or the interpreter does not say: the path of the service, and why.
pub(super) async fn folders(
    interpreter: &Interpreter,
    web: &Web,
    before: &Served,
) -> Result<Folders, (String, String)> {
    let is_new = |at: &&WebPath| !before.iter().any(|(was, _)| was == *at);
    let asked: Vec<(&WebPath, [&String; 2])> =
        web.paths.iter().filter(is_new).filter_map(|at| Some((at, package_of(&at.service)?))).collect();
    let Some((first, _)) = asked.first() else { return Ok(Folders::new()) };
    let packages: Vec<_> = asked.iter().map(|(_, package)| package).collect();
    let answers = ask(interpreter, &json!(packages)).await.map_err(|why| (first.path.clone(), why))?;
    let mut folders = Folders::new();
    for ((at, [package, resource]), answer) in asked.into_iter().zip(&answers) {
        let Some(folder) = answer["folder"].as_str() else {
            let why = answer["failed"].as_str().unwrap_or("the interpreter does not say where it is");
            let why = format!("resource {resource:?} of python package {package:?}: {why}");
            return Err((at.path.clone(), why));
        };
        folders.insert((package.clone(), resource.clone()), folder.into());
    }
    Ok(folders)
}

fn package_of(service: &WebService) -> Option<[&String; 2]> {
    match service {
        WebService::Static(files) => match &files.source {
            StaticSource::Package { package, resource } => Some([package, resource]),
            StaticSource::Directory(_) => None,
        },
        _ => None,
    }
}

/// Asks the interpreter. The result has one answer for each package.
async fn ask(interpreter: &Interpreter, packages: &Json) -> Result<Vec<Json>, String> {
    let name = interpreter.program.display();
    let task = json!({"packages": packages, "pythonpath": interpreter.pythonpath.paths()});
    let mut child = Command::new(&interpreter.program)
        .args(["-c", LOCATE, &task.to_string()])
        .current_dir(&interpreter.directory)
        .env_remove(OPTIONS_VARIABLE)
        .env_remove(LIMITS_VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{name} cannot be run: {error}"))?;
    let stdout = child.stdout.take().ok_or("its output is not there")?;
    let mut answer = Vec::new();
    let asking = async {
        stdout.take(ANSWER_LEN_MAX).read_to_end(&mut answer).await?;
        child.wait().await
    };
    let ended = timeout(DEADLINE, asking)
        .await
        .map_err(|_| format!("{name} does not say within {} s where the package is", DEADLINE.as_secs()))?;
    let status = ended.map_err(|error| format!("{name} cannot be heard: {error}"))?;
    let answers: Option<Vec<Json>> = serde_json::from_slice(&answer).ok();
    answers
        .filter(|answers| Some(answers.len()) == packages.as_array().map(Vec::len))
        .ok_or_else(|| format!("{name} does not say where the package is ({status}); it may be no Python 3"))
}

#[cfg(test)]
mod tests;
