//! `wsgi`, `resource` and `cgi`: other programs and Python applications.

use std::path::PathBuf;

use crate::reading::{Fields, Finding, Reading};

/// `"type": "wsgi"`: a Python web application, such as one of Django or Flask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wsgi {
    /// `module`: the Python module. Needed.
    pub module: String,
    /// `object`: the application in it. Needed.
    pub object: String,
    /// `minthreads`: 0 to 1000. Default: 0.
    pub minthreads: u16,
    /// `maxthreads`: 1 to 1000. Default: 20.
    pub maxthreads: u16,
}

impl Wsgi {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let module = fields.required(reading, "module").and_then(|at| reading.text(&at));
        let object = fields.required(reading, "object").and_then(|at| reading.text(&at));
        let minthreads = fields.int(reading, "minthreads", 0..=1_000, "threads").unwrap_or(0);
        let maxthreads = fields.int(reading, "maxthreads", 1..=1_000, "threads").unwrap_or(20);
        if minthreads > maxthreads
            && let Some(at) = fields.get("minthreads")
        {
            reading.report(&at, Finding::error("`minthreads` is more than `maxthreads`"));
        }
        Some(Self { module: module?, object: object?, minthreads, maxthreads })
    }
}

/// `"type": "resource"`: a class of Twisted.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// `classname`: the class with its module. Needed.
    pub classname: String,
    /// `extra`: any value, handed to it. Default: none.
    pub extra: Option<serde_json::Value>,
}

impl Resource {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let classname = fields.required(reading, "classname").and_then(|at| reading.text(&at));
        let extra = fields.any(reading, "extra");
        Some(Self { classname: classname?, extra })
    }
}

/// `"type": "cgi"`: programs that answer requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgi {
    /// `directory`: where the scripts are; relative ones start at the node directory. Needed.
    pub directory: PathBuf,
    /// `processor`: the program that runs them. Needed.
    pub processor: String,
}

impl Cgi {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let directory = fields.required(reading, "directory").and_then(|at| reading.existing_directory(&at));
        let processor = fields.required(reading, "processor").and_then(|at| reading.text(&at));
        Some(Self { directory: directory?, processor: processor? })
    }
}
