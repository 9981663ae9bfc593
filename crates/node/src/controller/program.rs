//! What a worker's process is, as its options say: what it is called, what it has in its environment.

use std::ffi::OsString;
use std::path::Path;

use crossweave_api::{Config, Error, error};
use crossweave_config::{GuestWorker, Inherit, Problems, ProcessEnv, WorkerOptions, part};
use serde_json::Value as Json;
use tokio::process::Command;

use crate::kind::WorkerKind;

/// Python programs show what they print at once, not when a buffer is full.
const UNBUFFERED: &str = "PYTHONUNBUFFERED";

/// What a worker's process is.
pub(super) enum Program {
    /// This program.
    Native(Box<WorkerOptions>),
    /// Another one.
    Guest(Box<GuestWorker>),
}

impl Program {
    /// Out of `options`; of a guest, out of its whole item. Also what is to be said of them.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(super) fn read(
        kind: WorkerKind,
        id: &str,
        options: &Config,
        cbdir: &Path,
    ) -> Result<(Program, Problems), Error> {
        let what = format!("{} {id}", kind.as_str());
        let (program, warnings) = match kind {
            WorkerKind::Native(kind) => {
                let part = part::worker_options(options, kind.as_str(), &what, cbdir);
                part.map(|part| (Program::Native(Box::new(part.value)), part.warnings))
            }
            WorkerKind::Guest => {
                let part = part::guest(options, &what, cbdir);
                part.map(|part| (Program::Guest(Box::new(part.value)), part.warnings))
            }
        }
        .map_err(|problems| Error::new(error::INVALID_CONFIGURATION, problems))?;
        if matches!(&program, Program::Guest(guest) if guest.template.is_some()) {
            let message = format!("{what} has a `template`: only a configuration starts workers with realms");
            return Err(Error::new(error::INVALID_CONFIGURATION, message));
        }
        Ok((program, warnings))
    }
}

/// The options that a worker is told itself: not its environment, which it has, and in which there may be secrets.
pub(super) fn told(options: &Config) -> String {
    let mut options = options.clone();
    if let Json::Object(options) = &mut options {
        options.remove("env");
    }
    options.to_string()
}

/// Gives a process the environment that `env` describes.
pub(super) fn set_environment(command: &mut Command, env: &ProcessEnv) {
    let inherited: Vec<(OsString, OsString)> = match &env.inherit {
        Inherit::All => std::env::vars_os().collect(),
        Inherit::None => Vec::new(),
        Inherit::Only(names) => {
            names.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect()
        }
    };
    command.env_clear().env(UNBUFFERED, "1").envs(inherited).envs(env.vars.iter().cloned());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn environment(env: &ProcessEnv) -> Vec<(String, String)> {
        let mut command = Command::new("true");
        set_environment(&mut command, env);
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        command.as_std().get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_bare_environment_has_what_is_given() {
        let env = ProcessEnv { inherit: Inherit::None, vars: vec![pair("A", "1")] };
        assert_eq!(environment(&env), [pair("A", "1"), pair(UNBUFFERED, "1")]);
    }

    #[test]
    fn variables_are_inherited_by_name_and_given_ones_count_before_them() {
        let path = std::env::var("PATH").unwrap();
        let only = |names: &[&str]| Inherit::Only(names.iter().map(|it| (*it).to_owned()).collect());
        let env = ProcessEnv { inherit: only(&["PATH", "NOT_SET_ANYWHERE"]), vars: Vec::new() };
        assert_eq!(environment(&env), [pair("PATH", &path), pair(UNBUFFERED, "1")]);
        let env =
            ProcessEnv { inherit: only(&["PATH"]), vars: vec![pair("PATH", "/x"), pair(UNBUFFERED, "")] };
        assert_eq!(environment(&env), [pair("PATH", "/x"), pair(UNBUFFERED, "")]);
        assert!(environment(&ProcessEnv::default()).contains(&pair("PATH", &path)));
    }

    #[test]
    fn the_environment_is_not_told_again() {
        let options = json!({"env": {"vars": {"SECRET": "s3cret"}}, "title": "x"});
        assert_eq!(told(&options), r#"{"title":"x"}"#);
    }
}
