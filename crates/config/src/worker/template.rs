//! `"template": "realm"` of a container or guest: it is started with each realm of a template whose name matches.
//!
//! An example of Crossbar.io writes `"template": true` and `template-realm` for that: it means the same.

use crate::reading::{Fields, Finding, Reading, Shape};
use crate::template::Template;

/// In the texts of such a worker, `{realm}` stands for the name of the realm.
const REALM: &str = "realm";
/// What an example of Crossbar.io calls the key `realm` of such a worker.
const TEMPLATE_REALM: &str = "template-realm";

/// A worker that is started for realms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerTemplate {
    /// `realm`: what the names of those realms look like.
    pub realm: Template,
    /// `max_workers`: workers of this template that run at a time, 1 to 10000; further realms go without. Default: 100.
    pub max_workers: u32,
}

impl WorkerTemplate {
    /// Reads `template`, `realm` and `max_workers` of a worker.
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        fields.note(reading, "template", || Shape::Bool);
        let flag = fields.get("template").and_then(|at| at.item.as_bool());
        let is_template =
            flag.unwrap_or_else(|| fields.word(reading, "template", &[("realm", ())]).is_some());
        fields.note(reading, REALM, || Shape::Text);
        fields.note(reading, TEMPLATE_REALM, || Shape::Text);
        let max_workers = fields.int(reading, "max_workers", 1..=10_000, "").unwrap_or(100);
        if !is_template {
            let has_template = flag.is_none() && fields.get("template").is_some();
            for (key, message) in [
                (REALM, "`realm` of a worker says for which realms it is started, if it is a template"),
                (
                    TEMPLATE_REALM,
                    "`template-realm` says for which realms a worker is started, if it is a template",
                ),
                ("max_workers", "`max_workers` says how many workers a template starts"),
            ] {
                if let Some(at) = fields.key(key)
                    && !has_template
                {
                    let finding = Finding::error(message).expected("`\"template\": \"realm\"` beside it");
                    reading.report(&at, finding);
                }
            }
            return None;
        }
        let other = fields.set(TEMPLATE_REALM);
        if let (Some(_), Some(other)) = (fields.set(REALM), &other) {
            let message = "`template-realm` is another word for `realm`, which is there, too";
            reading.report(other, Finding::error(message).expected("one of them"));
        }
        let at = other.or_else(|| fields.required(reading, REALM))?;
        let realm = Template::read(reading, &at)?;
        Some(Self { realm, max_workers })
    }

    /// The names that can stand in braces in the texts of the worker.
    pub(super) fn names(template: Option<&Self>) -> Vec<String> {
        let Some(template) = template else { return Vec::new() };
        let groups = template.realm.groups.iter().filter(|group| *group != REALM);
        groups.cloned().chain([REALM.to_owned()]).collect()
    }
}
