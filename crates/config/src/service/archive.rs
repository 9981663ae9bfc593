//! `archive` and `catalog`: what is in a file.

use std::path::PathBuf;

use super::files::mime_types;
use crate::connecting::url;
use crate::reading::{At, Fields, Finding, Reading, quoted};

/// `"type": "archive"`: files of a zip archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// `archive`: the zip file; relative ones start at the node directory. Needed. It need not be there if there is an `origin`.
    pub archive: PathBuf,
    /// `origin`: the URL it is from. Default: none.
    pub origin: Option<String>,
    /// `download`: fetch it from there if it is not there. Default: false.
    pub download: bool,
    /// `cache`: keep what was read in memory. Default: false.
    pub cache: bool,
    /// `default_object`: what is sent for the path of the service itself. Default: none.
    pub default_object: Option<String>,
    /// `object_prefix`: the directory in the archive. Default: its root.
    pub object_prefix: Option<String>,
    /// `mime_types`: types by the ends of file names. Default: none.
    pub mime_types: Vec<(String, String)>,
    /// `hashes`: SHA-256 of the archives that are good, 64 hexadecimal digits each. Default: any.
    pub hashes: Vec<String>,
    /// `options.default_file`: what is sent instead of a file that is not there. Default: 404.
    pub default_file: Option<String>,
}

impl Archive {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let has_origin = fields.get("origin").is_some();
        let archive = fields.required(reading, "archive").and_then(|at| match has_origin {
            true => reading.text(&at).map(|name| reading.path(&name)),
            false => reading.existing_file(&at),
        });
        let list = fields.list(reading, "hashes", "a list of hashes");
        let read = Self {
            archive: PathBuf::new(),
            origin: fields.get("origin").and_then(|at| url(reading, &at, &["http://", "https://"])),
            download: fields.bool(reading, "download", false),
            cache: fields.bool(reading, "cache", false),
            default_object: fields.text(reading, "default_object"),
            object_prefix: fields.text(reading, "object_prefix"),
            mime_types: mime_types(reading, fields),
            hashes: list.iter().filter_map(|at| hash(reading, at)).collect(),
            default_file: default_file(reading, fields),
        };
        if read.download && read.origin.is_none() {
            let message = "`download` is true, and there is no `origin` to download from";
            reading.report(&fields.at.start(), Finding::error(message).expected("`origin`"));
        }
        Some(Self { archive: archive?, ..read })
    }
}

fn default_file(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let mut fields = fields.object(reading, "options", "the options of an archive")?;
    let default_file = fields.text(reading, "default_file");
    fields.finish(reading);
    default_file
}

fn hash(reading: &mut Reading<'_>, at: &At<'_>) -> Option<String> {
    let text = reading.text(at)?;
    let digits = text.strip_prefix("0x").unwrap_or(&text);
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = format!("{} is not a hash", quoted(&text));
        reading.report(at, Finding::error(message).expected("64 hexadecimal digits: SHA-256"));
        return None;
    }
    Some(digits.to_ascii_lowercase())
}

/// `"type": "catalog"`: a page about an API that FlatBuffers schemas describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// `filename`: a binary schema (`.bfbs`) or a zip file with such. Needed.
    pub filename: PathBuf,
    /// `path`: the path of the page. Default: that of the service.
    pub path: Option<String>,
}

impl Catalog {
    pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<Self> {
        let filename = fields.required(reading, "filename").and_then(|at| reading.existing_file(&at));
        let path = fields.text(reading, "path");
        Some(Self { filename: filename?, path })
    }
}
