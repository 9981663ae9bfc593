//! `env`: the environment variables of a process.

use crate::document::Value;
use crate::environment::Environment;
use crate::reading::{Fields, Finding, Reading, quoted};

/// `env` of `options`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessEnv {
    /// `inherit`: which variables of the node it has: true, false, or a list of names. Default: true.
    pub inherit: Inherit,
    /// `vars`: more variables, by name. They count before those that are inherited. Default: none.
    pub vars: Vec<(String, String)>,
}

/// `inherit` of `env`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Inherit {
    /// `true`: all.
    #[default]
    All,
    /// `false`: none.
    None,
    /// These, if they are set.
    Only(Vec<String>),
}

impl ProcessEnv {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Self {
        let Some(mut fields) = fields.object(reading, "env", "the environment of a process") else {
            return Self::default();
        };
        let env = Self { inherit: inherit(reading, &mut fields), vars: vars(reading, &mut fields) };
        fields.finish(reading);
        env
    }

    /// The value that a variable has in the process, if that is started by a process with this environment.
    pub(crate) fn value(&self, name: &str, outer: Environment<'_>) -> Option<String> {
        if let Some((_, value)) = self.vars.iter().find(|(given, _)| given == name) {
            return Some(value.clone());
        }
        let is_inherited = match &self.inherit {
            Inherit::All => true,
            Inherit::None => false,
            Inherit::Only(names) => names.iter().any(|it| it == name),
        };
        outer.get(name).filter(|_| is_inherited)
    }
}

fn inherit(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Inherit {
    match fields.get("inherit") {
        Some(at) if matches!(at.item.value, Value::List(_)) => {
            Inherit::Only(reading.texts(&at, "a list of names of environment variables"))
        }
        _ if fields.bool(reading, "inherit", true) => Inherit::All,
        _ => Inherit::None,
    }
}

fn vars(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let Some(fields) = fields.object(reading, "vars", "environment variables by name") else {
        return Vec::new();
    };
    let mut vars = Vec::new();
    for (entry, at) in fields.named(reading) {
        if entry.key.is_empty() || entry.key.contains(['=', '\0']) {
            let finding = Finding::error(format!("{} cannot be an environment variable", quoted(&entry.key)));
            reading.add(entry.key_range.clone(), &at.path, finding.expected("a name without `=`"));
        }
        let value = match &at.item.value {
            // What it is set to may be empty.
            Value::String(value) if value.is_empty() => Some(String::new()),
            _ => reading.expanded(&at),
        };
        vars.extend(value.map(|value| (entry.key.clone(), value)));
    }
    vars
}
