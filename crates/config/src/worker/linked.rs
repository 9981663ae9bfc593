//! `"type": "rust"`: a worker of a type that is linked into the program. Not in Crossbar.io.

use super::{Siblings, WorkerOptions};
use crate::linked::Linked;
use crate::reading::{Fields, Reading};

/// A process of the program that runs what was registered there.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkedWorker {
    /// `id`. Default: `worker001`, ...
    pub id: String,
    /// `options`.
    pub options: WorkerOptions,
    /// `options.name` and `options.extra`: what it runs. Needed.
    pub linked: Option<Linked>,
}

impl LinkedWorker {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>, siblings: &mut Siblings) -> Self {
        let id = fields.id(reading, "worker", &mut siblings.ids);
        let given = fields.required(reading, "options");
        let given = given.and_then(|at| reading.object(at, "the options of a worker of the program"));
        let (options, linked) =
            given.map_or_else(Default::default, |fields| Self::read_options(reading, fields));
        fields.finish(reading);
        Self { id, options, linked }
    }

    pub(crate) fn read_options(
        reading: &mut Reading<'_>,
        mut fields: Fields<'_>,
    ) -> (WorkerOptions, Option<Linked>) {
        let options = WorkerOptions::read(reading, &mut fields);
        let linked = Linked::read(reading, &mut fields);
        fields.finish(reading);
        (options, linked)
    }
}
