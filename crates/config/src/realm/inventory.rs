//! `inventory` of a realm: descriptions of what the payloads of its messages look like.

use std::path::PathBuf;

use crate::reading::{At, Fields, Finding, Reading};

/// The types that `validate` of permissions names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// `catalogs`. Default: none.
    pub catalogs: Vec<Catalog>,
}

/// A file with types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// `name`. Default: none.
    pub name: Option<String>,
    /// `bfbs`: a binary FlatBuffers schema, or `archive`: a zip file with such. One of the two is needed.
    pub file: PathBuf,
    /// Whether it is an archive.
    pub is_archive: bool,
}

impl Inventory {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        fields.word(reading, "type", &[("wamp.eth", ())]);
        let list = fields.list(reading, "catalogs", "a list of catalogs");
        let catalogs = list.into_iter().filter_map(|at| Catalog::read(reading, at)).collect();
        fields.finish_lenient(reading);
        Self { catalogs }
    }
}

impl Catalog {
    fn read(reading: &mut Reading<'_>, at: At<'_>) -> Option<Self> {
        let mut fields = reading.object(at, "a catalog of types")?;
        fields.refused(reading, "address", "it names a catalog on a blockchain, and Crossweave uses none");
        let name = fields.text(reading, "name");
        let bfbs = fields.get("bfbs").and_then(|at| reading.existing_file(&at));
        let archive = fields.get("archive").and_then(|at| reading.existing_file(&at));
        let given = ["bfbs", "archive", "address"].iter().filter(|key| fields.get(key).is_some()).count();
        if given != 1 {
            let message = "a catalog is either a `bfbs` or an `archive`";
            reading.report(&fields.at.start(), Finding::error(message).expected("one of the two"));
        }
        fields.finish_lenient(reading);
        let is_archive = archive.is_some();
        bfbs.or(archive).map(|file| Self { name, file, is_archive })
    }
}
