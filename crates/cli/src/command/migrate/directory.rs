//! Other files that Crossbar.io leaves in a node directory.

use std::fs;
use std::path::Path;

/// Files that are known by name, and what becomes of them.
const KNOWN: &[(&str, &str)] = &[
    ("key.priv", "the node's key; it stays the same"),
    ("key.pub", "the public part of the node's key; it stays the same"),
    ("node.pid", "of a node that runs, or did not end in order: stop it before this one is started"),
    ("node.log", "the log of Crossbar.io; not read"),
    ("key.activate", "of the management by Crossbar.io FX; not read"),
    ("release.info", "of Crossbar.io's installation; not read"),
];

/// The files that are there, by name.
pub(super) fn files(cbdir: &Path) -> Vec<(String, &'static str)> {
    let Ok(entries) = fs::read_dir(cbdir) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            known(&name).map(|what| (name, what))
        })
        .collect();
    files.sort();
    files
}

fn known(name: &str) -> Option<&'static str> {
    if let Some((_, what)) = KNOWN.iter().find(|(known, _)| *known == name) {
        return Some(what);
    }
    if name.starts_with(".vmprof-") {
        return Some("a profile of Crossbar.io; not read");
    }
    if name.starts_with(".db-") || name.ends_with(".mdb") {
        return Some("a database of Crossbar.io; it cannot be read, and `sqlite` begins empty");
    }
    None
}
