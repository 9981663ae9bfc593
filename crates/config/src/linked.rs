//! `"type": "rust"`: what a program that embeds the node has registered. Not in Crossbar.io.

use crate::reading::{Fields, Reading};

/// Something that is linked into the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// `name`: by which it was registered. Needed.
    pub name: String,
    /// `extra`: any value, handed to it. Default: none.
    pub extra: Option<serde_json::Value>,
}

impl Linked {
    pub(crate) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required(reading, "name").and_then(|at| reading.text(&at));
        let extra = fields.any(reading, "extra");
        Some(Self { name: name?, extra })
    }
}
