//! `options` of a worker that is a process of this program.

use std::path::PathBuf;

use super::process::ProcessEnv;
use crate::document::Value;
use crate::environment::whole_variable;
use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};

/// `options` of a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerOptions {
    /// `title`: the title of the process. Default: the program's own.
    pub title: Option<String>,
    /// `python`: the Python that runs components written in it: an absolute path, or a name that is looked for in `PATH`.
    /// Default: `python3`.
    pub python: Option<PathBuf>,
    /// `pythonpath`: directories in which Python looks for modules first; relative ones start at the node directory.
    /// Default: none.
    pub pythonpath: Vec<PathBuf>,
    /// `cpu_affinity`: the numbers of the CPUs that it may run on, 0 to 4095. Default: all.
    pub cpu_affinity: Vec<u16>,
    /// `env`: its environment variables.
    pub env: ProcessEnv,
    /// `extra`: any value, handed to the worker. Default: none.
    pub extra: Option<serde_json::Value>,
    /// `expose_controller`: whether it may call and hear all of the management realm, beside what is its own. Default: true.
    pub expose_controller: bool,
    /// `expose_shared`: whether components in it share one object. Default: false.
    pub expose_shared: bool,
    /// `disabled`: leave the worker out: true, false, or the name of an environment variable (`"${NAME}"`, `"$NAME"` or
    /// `"NAME"`), which is true if it is set and not empty. Default: false.
    pub disabled: Option<Disabled>,
}

/// Why a worker is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disabled {
    /// The configuration says so.
    Parameter,
    /// This environment variable is set.
    Variable(String),
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            title: None,
            python: None,
            pythonpath: Vec::new(),
            cpu_affinity: Vec::new(),
            env: ProcessEnv::default(),
            extra: None,
            expose_controller: true,
            expose_shared: false,
            disabled: None,
        }
    }
}

impl WorkerOptions {
    /// Reads them out of `options`; the caller finishes the fields.
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let title = fields.text(reading, "title");
        fields.no_effect(reading, "reactor", "there is no Twisted");
        fields.no_effect(reading, "traceback", "there is no Python to trace");
        let options = Self {
            title,
            python: python(reading, fields),
            pythonpath: pythonpath(reading, fields),
            cpu_affinity: cpu_affinity(reading, fields),
            env: ProcessEnv::read(reading, fields),
            extra: fields.any(reading, "extra"),
            expose_controller: fields.bool(reading, "expose_controller", true),
            expose_shared: fields.bool(reading, "expose_shared", false),
            disabled: disabled(reading, fields),
        };
        reading.worker_env = Some(options.env.clone());
        options
    }

    /// Reads `options` of a worker that has no others.
    pub(super) fn alone(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let fields = fields.object(reading, "options", "the worker's options");
        fields.map(|fields| Self::whole(reading, fields)).unwrap_or_default()
    }

    /// Reads them where there are no others.
    pub(crate) fn whole(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let options = Self::read(reading, &mut fields);
        fields.finish(reading);
        options
    }
}

fn python(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<PathBuf> {
    let text = fields.text(reading, "python")?;
    let path = PathBuf::from(&text);
    if let Some(at) = fields.get("python")
        && text.contains('/')
        && !path.is_absolute()
    {
        let message = format!("{} is neither an absolute path nor a name", quoted(&text));
        reading.report(&at, Finding::error(message).expected("such as `/usr/bin/python3` or `python3`"));
    }
    Some(path)
}

fn pythonpath(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<PathBuf> {
    let paths = fields.texts(reading, "pythonpath", "a list of directories");
    paths.iter().map(|path| reading.path(path)).collect()
}

fn cpu_affinity(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<u16> {
    let mut cpus = Vec::new();
    for at in fields.list(reading, "cpu_affinity", "a list of CPU numbers") {
        let Some(cpu) = reading.integer(&at, 0..=4_095, "").and_then(|cpu| u16::try_from(cpu).ok()) else {
            continue;
        };
        if cpus.contains(&cpu) {
            reading.report(&at, Finding::warning(format!("CPU {cpu} is in the list already")));
            continue;
        }
        cpus.push(cpu);
    }
    cpus
}

/// `disabled` of some `options`.
pub(super) fn disabled(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Disabled> {
    fields.note(reading, "disabled", || Shape::Text);
    fields.note(reading, "disabled", || Shape::Bool);
    let at = fields.get("disabled")?;
    if let Some(variable) = variable(&at) {
        return is_set(reading, variable).then(|| Disabled::Variable(variable.to_owned()));
    }
    match &at.item.value {
        Value::String(text) if text.is_empty() => None,
        Value::String(_) if at.item.as_bool().is_none() => {
            let expected = "true, false or the name of an environment variable, `\"${NAME}\"`";
            reading.wrong_type(&at, expected);
            None
        }
        _ => fields.bool(reading, "disabled", false).then_some(Disabled::Parameter),
    }
}

/// The environment variable that decides, as `${NAME}`, `$NAME` or `NAME`.
fn variable<'d>(at: &At<'d>) -> Option<&'d str> {
    let Value::String(text) = &at.item.value else { return None };
    if at.item.as_bool().is_some() {
        return None;
    }
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    whole_variable(text).or_else(|| is_name(text).then_some(text.as_str()))
}

fn is_set(reading: &Reading<'_>, variable: &str) -> bool {
    reading.variable_if_set(variable).is_some_and(|value| !value.is_empty())
}

/// Whether the worker is left out, looked up before anything else of it is read, and without reporting anything.
pub(super) fn is_disabled(reading: &Reading<'_>, worker: &Fields<'_>) -> bool {
    let Some(at) = worker.peek("options").and_then(|options| options.peek("disabled")) else { return false };
    match variable(&at) {
        Some(variable) => is_set(reading, variable),
        None => at.item.as_bool() == Some(true),
    }
}
