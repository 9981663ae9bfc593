//! Parts of a configuration by themselves, as the management API takes them.
//!
//! Each is checked as it is within a file: the problems name the part as their file, and what they point at stands in the part
//! written as JSON.

use std::path::Path;
use std::sync::Arc;

use crate::Severity;
use crate::controller::Limits;
use crate::document::{Document, Format};
use crate::environment::Environment;
use crate::problem::Problems;
use crate::reading::{At, Finding, Reading, Unique};
use crate::realm::Realm;
use crate::role::Role;
use crate::source::Source;
use crate::transport::Transport;

/// A part of a configuration, and what is probably not meant as it is written.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// What it says.
    pub value: T,
    /// Warnings.
    pub warnings: Problems,
}

/// An item of `realms`. Relative paths in it are joined to the node directory. `what` names it in problems.
///
/// # Errors
/// All that is wrong with it.
pub fn realm(config: &serde_json::Value, what: &str, cbdir: &Path) -> Result<Part<Realm>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Realm::read(reading, at, &mut Unique::new("realm id"), &mut Unique::new("realm"))
    })
}

/// An item of `roles`.
///
/// # Errors
/// All that is wrong with it.
pub fn role(config: &serde_json::Value, what: &str, cbdir: &Path) -> Result<Part<Role>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Role::read(reading, at, &mut Unique::new("role id"), &mut Unique::new("role"))
    })
}

/// An item of `transports`, on a worker with these realms.
///
/// # Errors
/// All that is wrong with it.
pub fn transport(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
    realms: &[Realm],
) -> Result<Part<Transport>, Problems> {
    part(config, what, cbdir, |reading, at| {
        Transport::read(reading, at, realms, &mut Unique::new("transport id"), &mut Vec::new())
    })
}

/// `controller.options.limits`.
///
/// # Errors
/// All that is wrong with it.
pub fn limits(config: &serde_json::Value, cbdir: &Path) -> Result<Part<Limits>, Problems> {
    part(config, "limits", cbdir, |reading, at| {
        reading.object(at, "the limits").map(|fields| Limits::read(reading, fields))
    })
}

fn part<T>(
    config: &serde_json::Value,
    what: &str,
    cbdir: &Path,
    read: impl FnOnce(&mut Reading<'_>, At<'_>) -> Option<T>,
) -> Result<Part<T>, Problems> {
    let text = serde_json::to_string_pretty(config).expect("JSON can be written as JSON");
    let source = Arc::new(Source::new(what, &text));
    let mut reading = Reading::new(&source, Environment::process(), Some(cbdir));
    let value = match Document::parse(&source, Format::Json) {
        Ok(document) => {
            let root = reading.root(&document);
            read(&mut reading, root)
        }
        Err(error) => {
            let finding = Finding::error(error.message).expected_if(error.expected);
            reading.add(error.range, "$", finding);
            None
        }
    };
    let (list, _) = reading.into_findings();
    let is_refused = list.iter().any(|problem| problem.severity == Severity::Error);
    let problems = Problems::new(source.clone(), list);
    match value {
        Some(value) if !is_refused => Ok(Part { value, warnings: problems }),
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cbdir() -> &'static Path {
        Path::new("/srv/node")
    }

    #[test]
    fn a_realm_by_itself_is_read_as_one_of_a_file() {
        let roles = json!([{"name": "anonymous", "permissions": [{"uri": "*", "allow": {"call": true}}]}]);
        let realm = realm(&json!({"name": "realm1", "roles": roles}), "realm r1", cbdir()).unwrap().value;
        assert_eq!((realm.name.as_str(), realm.roles.len()), ("realm1", 1));
    }

    #[test]
    fn problems_name_the_part_and_the_place_in_it() {
        let permissions = json!([{"uri": "com.", "match": "prefx"}]);
        let config = json!({"name": "user", "permissions": permissions});
        let text = role(&config, "role user", cbdir()).unwrap_err().to_string();
        assert!(text.contains("role user") && text.contains("prefx"), "{text}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(realm(&json!("realm1"), "realm r1", cbdir()).is_err());
        assert!(limits(&json!([]), cbdir()).is_err());
    }
}
