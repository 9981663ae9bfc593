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

/// A folder that nobody knows yet.
#[derive(Debug)]
pub(super) struct Unknown {
    /// Where its files are to be served.
    path: String,
    /// The package and the resource.
    folder: (String, String),
}

/// The folders that services need, but for those that are served as they are to be already, and those that are known.
pub(super) fn unknown(web: &Web, before: &Served, known: &Folders) -> Vec<Unknown> {
    let is_new = |at: &&WebPath| !before.iter().any(|(was, _)| was == *at);
    let folder = |at: &WebPath| Some(Unknown { path: at.path.clone(), folder: package_of(&at.service)? });
    let needed = web.paths.iter().filter(is_new).filter_map(folder);
    needed.filter(|it| !known.contains_key(&it.folder)).collect()
}

/// Asks where these are. The interpreter is run once, and only if there are any. It may take its time: nobody should have to wait
/// for this but who has asked.
///
/// # Errors
/// A folder is not there, or the interpreter does not say: the path of the service, and why.
pub(super) async fn locate(
    interpreter: &Interpreter,
    unknown: Vec<Unknown>,
) -> Result<Folders, (String, String)> {
    let Some(first) = unknown.first() else { return Ok(Folders::new()) };
    let packages: Vec<_> = unknown.iter().map(|it| &it.folder).collect();
    let answers = ask(interpreter, &json!(packages)).await.map_err(|why| (first.path.clone(), why))?;
    let mut folders = Folders::new();
    for (Unknown { path, folder }, answer) in unknown.into_iter().zip(&answers) {
        let Some(found) = answer["folder"].as_str() else {
            let why = answer["failed"].as_str().unwrap_or("the interpreter does not say where it is");
            let (package, resource) = folder;
            return Err((path, format!("resource {resource:?} of python package {package:?}: {why}")));
        };
        folders.insert(folder, found.into());
    }
    Ok(folders)
}

fn package_of(service: &WebService) -> Option<(String, String)> {
    match service {
        WebService::Static(files) => match &files.source {
            StaticSource::Package { package, resource } => Some((package.clone(), resource.clone())),
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
