//! `static`: files.

use std::path::{Component, Path, PathBuf};

use crate::reading::{At, Fields, Finding, Reading, Shape, quoted};

/// `"type": "static"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticFiles {
    /// `directory`, or `package` and `resource`. One of the two is needed.
    pub source: StaticSource,
    /// `options.enable_directory_listing`: show what is in a directory. Default: false.
    pub enable_directory_listing: bool,
    /// `options.mime_types`: types by the ends of file names, `".svg": "image/svg+xml"`; beside those that are known. Default: none.
    pub mime_types: Vec<(String, String)>,
    /// `options.cache_timeout`: seconds for which browsers may keep a file, 0 to 315360000. Null: nothing is said.
    /// Default: 43200, twelve hours.
    pub cache_timeout: Option<u32>,
    /// `options.default_file`: what is sent instead of a file that is not there. Default: 404.
    pub default_file: Option<String>,
    /// `options.allow_cross_origin`: pages of other origins may read the files. Default: true.
    pub allow_cross_origin: bool,
}

/// Where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticSource {
    /// `directory`: relative ones start at the node directory.
    Directory(PathBuf),
    /// `package` and `resource`: in a Python package, which the worker's interpreter finds when the transport starts.
    Package {
        /// `package`: its name, such as `shop.pages`.
        package: String,
        /// `resource`: the folder in it, a relative path without steps up.
        resource: String,
    },
}

impl StaticFiles {
    /// Files from here, with the defaults.
    pub fn of(source: StaticSource) -> Self {
        Self {
            source,
            enable_directory_listing: false,
            mime_types: Vec::new(),
            cache_timeout: Some(43_200),
            default_file: None,
            allow_cross_origin: true,
        }
    }

    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let source = StaticSource::read(reading, fields);
        let mut files = Self::of(StaticSource::Directory(PathBuf::new()));
        if let Some(mut fields) = fields.object(reading, "options", "the options of static files") {
            files.enable_directory_listing = fields.bool(reading, "enable_directory_listing", false);
            files.mime_types = mime_types(reading, &mut fields);
            files.cache_timeout = cache_timeout(reading, &mut fields);
            files.default_file = fields.text(reading, "default_file");
            files.allow_cross_origin = fields.bool(reading, "allow_cross_origin", true);
            fields.finish(reading);
        }
        Some(Self { source: source?, ..files })
    }
}

impl StaticSource {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let directory = fields.get("directory");
        let package = fields.text(reading, "package");
        let resource = fields.text(reading, "resource");
        if let Some(at) = fields.get("resource")
            && resource.as_deref().is_some_and(|it| !is_below(it))
        {
            let message = "a resource is a folder in its package";
            reading.report(
                &at,
                Finding::error(message).expected("a relative path without `..`, such as `web/static`"),
            );
        }
        match (directory, package, resource) {
            (Some(at), None, None) => {
                let directory = reading.existing_directory(&at)?;
                warn_of_node_directory(reading, &at, &directory);
                Some(Self::Directory(directory))
            }
            (None, Some(package), Some(resource)) => Some(Self::Package { package, resource }),
            (Some(at), ..) => {
                reading.report(
                    &at,
                    Finding::error("files are in a `directory` or in a `package`, not both")
                        .expected("`directory` alone, or `package` and `resource`"),
                );
                None
            }
            (None, ..) => {
                fields.missing(reading, "directory");
                None
            }
        }
    }
}

fn is_below(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// Files that begin with a dot, and what is in such directories, are not served; the node directory may have another name.
fn warn_of_node_directory(reading: &mut Reading<'_>, at: &At<'_>, directory: &Path) {
    let is_hidden = |part: Component<'_>| part.as_os_str().to_string_lossy().starts_with('.');
    let Some((directory, cbdir)) = directory.canonicalize().ok().zip(reading.cbdir()) else { return };
    if cbdir.strip_prefix(&directory).is_ok_and(|below| !below.components().any(is_hidden)) {
        let message = "the node directory is in it, and with it the node's key, the configuration and what else is there: \
                       whoever can connect reads them";
        reading.report(at, Finding::warning(message).expected("a directory for what is to be served"));
    }
}

/// `mime_types` of some options.
pub(super) fn mime_types(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Vec<(String, String)> {
    let Some(fields) = fields.object(reading, "mime_types", "types by the ends of file names") else {
        return Vec::new();
    };
    let mut types = Vec::new();
    for (entry, at) in fields.named(reading) {
        let Some(name) = reading.text(&at) else { continue };
        if !name.contains('/') || name.contains(|c: char| c.is_control()) {
            let message = format!("{} is not a MIME type", quoted(&name));
            reading.report(&at, Finding::error(message).expected("such as `image/svg+xml`"));
        }
        types.push((entry.key.clone(), name));
    }
    types
}

/// Null turns it off, unlike no key at all.
fn cache_timeout(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<u32> {
    let Some(at) = fields.get("cache_timeout") else { return Some(43_200) };
    reading.note(&at.path, || Shape::Null);
    match at.item.value {
        crate::document::Value::Null => None,
        _ => fields.int(reading, "cache_timeout", 0..=315_360_000, "seconds"),
    }
}
