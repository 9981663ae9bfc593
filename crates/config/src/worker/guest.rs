//! `"type": "guest"`: any program, as a process of the node.

use std::path::{Path, PathBuf};

use super::options::disabled;
use super::{Disabled, ProcessEnv, Siblings, WorkerTemplate};
use crate::document::Value;
use crate::host::Needed;
use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};

/// A program that the node runs.
#[derive(Debug, Clone, PartialEq)]
pub struct GuestWorker {
    /// `id`. Default: `worker001`, ...
    pub id: String,
    /// `executable`: the program: a path from `workdir`, else a name that is looked for in `PATH`. Needed.
    pub executable: String,
    /// `arguments`. Default: none.
    pub arguments: Vec<String>,
    /// `options`.
    pub options: GuestOptions,
    /// `template` and `realm`: it is started with each realm whose name matches. Default: it is started with the node.
    pub template: Option<WorkerTemplate>,
}

/// `options` of a guest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GuestOptions {
    /// `env`: its environment variables.
    pub env: ProcessEnv,
    /// `workdir`: its current directory; relative ones start at the node directory. Default: the node directory.
    pub workdir: Option<PathBuf>,
    /// `stdin`: what it reads. Default: an input that stays open, with nothing in it.
    pub stdin: GuestStdin,
    /// `stdout`: what becomes of what it prints. Default: `log`.
    pub stdout: GuestOutput,
    /// `stderr`: the same for errors. Default: `log`.
    pub stderr: GuestOutput,
    /// `watch`: start it again when files change. Default: never.
    pub watch: Option<GuestWatch>,
    /// `disabled`: leave the worker out. Default: false. (Crossbar.io refuses it for guests.)
    pub disabled: Option<Disabled>,
}

/// `stdin` of a guest.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum GuestStdin {
    /// Open, with nothing in it.
    #[default]
    Open,
    /// `close`.
    Close,
    /// `{"type": "json", "value": ..., "close": ...}`: this value, as one line of JSON.
    Json {
        /// `value`. Needed.
        value: serde_json::Value,
        /// `close`: whether its input ends after it. Default: true.
        is_closed: bool,
    },
}

/// `stdout` and `stderr` of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GuestOutput {
    /// `log`: its lines go into the log.
    #[default]
    Log,
    /// `close`: it has none.
    Close,
    /// `drop`: nobody reads it.
    Drop,
}

/// `watch` of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestWatch {
    /// `directories`: whose files are watched; relative ones start at the node directory. Needed.
    pub directories: Vec<PathBuf>,
    /// `timeout`: seconds for which it may end by itself before it is killed, 1 to 3600. Default: 1.
    pub timeout: u32,
}

const OUTPUT: &[(&str, GuestOutput)] =
    &[("log", GuestOutput::Log), ("close", GuestOutput::Close), ("drop", GuestOutput::Drop)];

impl GuestWorker {
    pub(crate) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let template = WorkerTemplate::read(reading, &mut fields);
        let outer = std::mem::replace(&mut reading.groups, WorkerTemplate::names(template.as_ref()));
        let executable = fields.required(reading, "executable").and_then(|at| reading.expanded(&at));
        let arguments = match fields.get("arguments") {
            Some(at) => {
                let list = reading.elements(&at, "a list of arguments");
                list.iter().filter_map(|at| argument(reading, at)).collect()
            }
            None => Vec::new(),
        };
        let options = fields.section(reading, "options", "the guest's options", |reading, fields| {
            GuestOptions::read(reading, fields)
        });
        if let (Some(at), Some(program)) = (fields.get("executable"), &executable) {
            let (program, directory) = (Path::new(program), options.workdir.as_ref());
            reading.check_program(&at, &Needed { program, directory });
        }
        reading.groups = outer;
        fields.finish(reading);
        Self { id, executable: executable.unwrap_or_default(), arguments, options, template }
    }
}

/// An argument may be empty.
fn argument(reading: &mut Reading<'_>, at: &At<'_>) -> Option<String> {
    match &at.item.value {
        Value::String(text) if text.is_empty() => Some(String::new()),
        _ => reading.text(at),
    }
}

impl GuestOptions {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let options = Self {
            env: ProcessEnv::read(reading, &mut fields),
            workdir: fields.get("workdir").and_then(|at| reading.existing_directory(&at)),
            stdin: fields.get("stdin").map(|at| GuestStdin::read(reading, at)).unwrap_or_default(),
            stdout: fields.word(reading, "stdout", OUTPUT).unwrap_or_default(),
            stderr: fields.word(reading, "stderr", OUTPUT).unwrap_or_default(),
            watch: fields
                .part(reading, "watch", "what is watched")
                .map(|fields| GuestWatch::read(reading, fields)),
            disabled: disabled(reading, &mut fields),
        };
        fields.finish(reading);
        options
    }
}

/// What `stdin` can be.
const STDIN: &str =
    r#"`close`, or an object such as {"type": "json", "value": 1}; without it the input stays open"#;

impl GuestStdin {
    fn read(reading: &mut Reading<'_>, at: At<'_>) -> Self {
        reading.note(&at.path, || Shape::Object("what a guest reads"));
        match &at.item.value {
            Value::Null => Self::Open,
            Value::Object(_) => Self::value(reading, at),
            Value::String(word) if word == "close" => {
                reading.word(&at, &[("close", ())]);
                Self::Close
            }
            Value::String(word) => {
                let finding = Finding::error(format!("unknown stdin {}", quoted(word)));
                reading.report(&at, finding.expected(STDIN));
                Self::Open
            }
            _ => {
                reading.wrong_type(&at, STDIN);
                Self::Open
            }
        }
    }

    fn value(reading: &mut Reading<'_>, at: At<'_>) -> Self {
        let Some(mut fields) = reading.object(at, "what a guest reads") else { return Self::Open };
        if let Some(at) = fields.required(reading, "type") {
            reading.word(&at, &[("json", ())]);
        }
        let value = fields.any(reading, "value");
        if value.is_none() {
            fields.missing(reading, "value");
        }
        let is_closed = fields.bool(reading, "close", true);
        fields.finish(reading);
        Self::Json { value: value.unwrap_or_default(), is_closed }
    }
}

impl GuestWatch {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let expected = "a list of directories";
        let list = fields.required(reading, "directories");
        let directories: Vec<_> = list
            .iter()
            .flat_map(|at| reading.elements(at, expected))
            .collect::<Vec<_>>()
            .iter()
            .filter_map(|at| reading.existing_directory(at))
            .collect();
        if let Some(at) = list.filter(|at| matches!(&at.item.value, Value::List(items) if items.is_empty())) {
            reading.report(&at, Finding::error("nothing is watched").expected("at least one directory"));
        }
        fields.word(reading, "action", &[("restart", ())]);
        let timeout = fields.int(reading, "timeout", 1..=3_600, "seconds").unwrap_or(1);
        fields.finish(reading);
        Self { directories, timeout }
    }
}
