//! `"template": "realm"` of a container or guest: it is started with each realm whose name matches.

use crate::reading::{Fields, Finding, Reading, Shape};
use crate::template::Template;

/// A worker that is started for realms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerTemplate {
    /// `realm`: what the names of those realms look like.
    pub realm: Template,
}

impl WorkerTemplate {
    /// Reads `template` and `realm` of a worker.
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let is_template = fields.word(reading, "template", &[("realm", ())]).is_some();
        fields.note(reading, "realm", || Shape::Text);
        if !is_template {
            let has_template = fields.get("template").is_some();
            if let Some(at) = fields.key("realm")
                && !has_template
            {
                let message = "`realm` of a worker says for which realms it is started, if it is a template";
                reading.report(&at, Finding::error(message).expected("`\"template\": \"realm\"` beside it"));
            }
            return None;
        }
        fields.not_built(reading, "template", "starting workers with realms");
        let realm = fields.required(reading, "realm").and_then(|at| Template::read(reading, &at))?;
        Some(Self { realm })
    }
}
