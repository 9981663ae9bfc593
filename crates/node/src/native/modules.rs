//! Where the components of a worker look for modules of Python.

use std::path::{Path, PathBuf};

use crossweave_api::worker::{AddPythonpath, GetPythonpath, ON_PYTHONPATH_ADD, PathAdded, PythonpathAdded};
use crossweave_api::{Error, error};

use crate::component::Pythonpath;
use crate::service::{Caller, Service, answers};

/// Directories that a worker has.
const PATHS_MAX: usize = 256;

/// The directories of a worker, as the management API shows and changes them.
#[derive(Clone)]
pub(super) struct Modules {
    service: Service,
    cbdir: PathBuf,
    /// None of a worker that runs nothing in Python.
    pythonpath: Option<Pythonpath>,
}

impl Modules {
    /// Answers from now on.
    ///
    /// # Errors
    /// The procedures cannot be registered.
    pub(super) async fn answer(
        service: &Service,
        cbdir: &Path,
        pythonpath: Option<Pythonpath>,
    ) -> Result<(), String> {
        let modules = Modules { service: service.clone(), cbdir: cbdir.to_owned(), pythonpath };
        answers!(service, modules, GetPythonpath => get_pythonpath, AddPythonpath => add_pythonpath);
        Ok(())
    }

    fn paths(&self) -> Vec<String> {
        let paths = self.pythonpath.as_ref().map(Pythonpath::paths).unwrap_or_default();
        paths.iter().map(|path| path.display().to_string()).collect()
    }

    async fn get_pythonpath(&self, _: Caller, _: GetPythonpath) -> Result<Vec<String>, Error> {
        Ok(self.paths())
    }

    async fn add_pythonpath(&self, caller: Caller, asked: AddPythonpath) -> Result<PythonpathAdded, Error> {
        let Some(pythonpath) = &self.pythonpath else {
            return Err(Error::new(error::FEATURE_UNAVAILABLE, "this worker runs nothing in Python"));
        };
        let added = asked.paths.iter().map(|path| self.resolved(path)).collect::<Result<Vec<_>, _>>()?;
        if pythonpath.paths().len() + added.len() > PATHS_MAX {
            let message = format!("add_pythonpath: a worker has at most {PATHS_MAX} directories");
            return Err(Error::new(error::INVALID_ARGUMENT, message));
        }
        pythonpath.add(&added, asked.prepend);
        let shown = |(requested, path): (String, &PathBuf)| PathAdded {
            requested,
            resolved: path.display().to_string(),
        };
        let paths_added = asked.paths.into_iter().zip(&added).map(shown).collect();
        let added =
            PythonpathAdded { paths: self.paths(), paths_added, prepend: asked.prepend, who: caller.session };
        self.service.tell_others(&ON_PYTHONPATH_ADD, caller.session, &added).await;
        Ok(added)
    }

    fn resolved(&self, path: &str) -> Result<PathBuf, Error> {
        let whole = self.cbdir.join(path);
        let invalid = |why: &dyn std::fmt::Display| {
            Error::new(error::INVALID_ARGUMENT, format!("add_pythonpath: {}: {why}", whole.display()))
        };
        let resolved = whole.canonicalize().map_err(|error| invalid(&error))?;
        match resolved.is_dir() {
            true => Ok(resolved),
            false => Err(invalid(&"it is no directory")),
        }
    }
}
