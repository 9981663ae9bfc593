//! What a check has to ask of the program that is to run the node, and of the machine it runs on.

use std::path::{Path, PathBuf};

use crate::endpoint::{Tls, UnusableFile};
use crate::reading::{At, Finding, Reading};
use crate::transport::Transport;
use crate::worker::Code;

/// Who is to run what is checked. It looks, and changes nothing.
pub trait Host {
    /// Looks into the files of TLS, all of which are there, and says which cannot be used.
    fn unusable(&self, tls: &Tls) -> Vec<UnusableFile>;

    /// Why this program cannot be run: a path from this directory, else a name that is looked for in the directories of `path`.
    ///
    /// # Errors
    /// It is not there, or may not be run.
    fn program(&self, name: &Path, directory: &Path, path: &str) -> Result<(), String>;

    /// Why there is no component in Rust of this name.
    ///
    /// # Errors
    /// None is linked into the program.
    fn component(&self, name: &str) -> Result<(), String>;

    /// The names of the login methods that are linked into the program.
    fn login_methods(&self) -> Vec<String>;
}

/// Where programs are looked for by a process without `PATH`.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// A program that a guest or components need.
pub(crate) struct Needed<'p> {
    pub(crate) program: &'p Path,
    /// From where; none for the node directory.
    pub(crate) directory: Option<&'p PathBuf>,
}

impl Reading<'_> {
    /// Reports a program that cannot be run, at this place.
    pub(crate) fn check_program(&mut self, at: &At<'_>, needed: &Needed<'_>) {
        let Some(host) = self.host.filter(|_| !self.is_disabled) else { return };
        if self.is_filled_in(&needed.program.to_string_lossy()) {
            return;
        }
        let directory = needed.directory.cloned().unwrap_or_else(|| self.path(""));
        let path = self.variable_if_set("PATH").unwrap_or_else(|| USUAL_PATH.to_owned());
        if let Err(why) = host.program(needed.program, &directory, &path) {
            self.report(at, Finding::error(why).expected("a program that can be run"));
        }
    }

    /// Reports a component that is not part of the program.
    pub(crate) fn check_component(&mut self, at: &At<'_>, name: &str) {
        let Some(host) = self.host.filter(|_| !self.is_disabled) else { return };
        if let Err(why) = host.component(name) {
            self.report(at, Finding::error(why));
        }
    }

    /// Reports an interpreter that cannot be run and that components in Python, or files of Python packages, need. `worker` is
    /// the place of the worker.
    pub(crate) fn check_python<'c>(
        &mut self,
        worker: &At<'_>,
        python: Option<&PathBuf>,
        mut components: impl Iterator<Item = &'c Code>,
        transports: &[Transport],
    ) {
        let has_components = components.any(|code| !matches!(code, Code::Rust { .. }));
        if !has_components && !transports.iter().any(Transport::serves_package) {
            return;
        }
        let written = worker.peek("options").and_then(|options| options.peek("python"));
        let key = if has_components { "components" } else { "transports" };
        let at = written.or_else(|| worker.peek(key)).unwrap_or_else(|| worker.start());
        let program = python.map_or(Path::new("python3"), PathBuf::as_path);
        self.check_program(&at, &Needed { program, directory: None });
    }
}
