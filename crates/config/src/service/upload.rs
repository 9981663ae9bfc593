//! `upload`: takes files in pieces.

use std::path::PathBuf;

use super::rules::acts_as;
use crate::permission::{self, Matching};
use crate::reading::{Fields, Reading, Shape};
use crate::transport::Surroundings;

/// `"type": "upload"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// `realm`: the realm in which progress is published. Needed.
    pub realm: String,
    /// `role`: the role in which it is published. Needed.
    pub role: String,
    /// `directory`: where files go; relative ones start at the node directory. Needed.
    pub directory: PathBuf,
    /// `temp_directory`: where pieces go until they are a file. Default: `directory`.
    pub temp_directory: Option<PathBuf>,
    /// `form_fields`: the names of the fields of the form.
    pub form_fields: UploadFields,
    /// `options.max_file_size`: bytes of a file; 0 for no limit. Default: 0.
    pub max_file_size: u64,
    /// `options.file_types`: the ends of file names that are taken. Default: all.
    pub file_types: Vec<String>,
    /// `options.file_permissions`: permissions of the files, an octal number in quotes. Default: left to the umask.
    pub file_permissions: Option<String>,
}

/// `form_fields`: what the fields of the form are called. All are needed but the last four.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UploadFields {
    /// `file_name`.
    pub file_name: String,
    /// `mime_type`.
    pub mime_type: String,
    /// `total_size`.
    pub total_size: String,
    /// `chunk_number`.
    pub chunk_number: String,
    /// `chunk_size`.
    pub chunk_size: String,
    /// `total_chunks`.
    pub total_chunks: String,
    /// `content`.
    pub content: String,
    /// `on_progress`: the topic to which progress is published.
    pub on_progress: Option<String>,
    /// `session`: the session to which it is published.
    pub session: Option<String>,
    /// `chunk_extra`.
    pub chunk_extra: Option<String>,
    /// `finish_extra`.
    pub finish_extra: Option<String>,
}

impl Upload {
    pub(super) fn read(
        reading: &mut Reading<'_>,
        fields: &mut Fields<'_>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        let as_whom = acts_as(reading, fields, around, "role");
        let directory = fields.required(reading, "directory").and_then(|at| reading.existing_directory(&at));
        let temp_directory = fields.get("temp_directory").and_then(|at| reading.existing_directory(&at));
        let form_fields = fields.required(reading, "form_fields").and_then(|at| {
            let fields = reading.object(at, "the fields of the form")?;
            Some(UploadFields::read(reading, fields))
        });
        let (mut max_file_size, mut file_types, mut file_permissions) = (0, Vec::new(), None);
        if let Some(mut fields) = fields.object(reading, "options", "the options of uploads") {
            max_file_size = fields.int(reading, "max_file_size", 0..=i64::MAX, "bytes").unwrap_or(0);
            file_types = fields.texts(reading, "file_types", "a list of ends of file names");
            file_permissions = permissions(reading, &mut fields);
            fields.no_effect(reading, "debug", "requests are logged with `--loglevel debug`");
            fields.finish(reading);
        }
        let (realm, role) = as_whom?;
        Some(Self {
            realm,
            role,
            directory: directory?,
            temp_directory,
            form_fields: form_fields?,
            max_file_size,
            file_types,
            file_permissions,
        })
    }
}

fn permissions(reading: &mut Reading<'_>, fields: &mut Fields<'_>) -> Option<String> {
    let at = fields.get("file_permissions")?;
    let text = reading.text(&at)?;
    reading.note(&at.path, || Shape::Pattern("^(0o)?[0-7]{3,4}$"));
    let digits = text.strip_prefix("0o").unwrap_or(&text);
    if !(3..=4).contains(&digits.len()) || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        reading.wrong_type(&at, "an octal number in quotes, such as `\"0640\"`");
    }
    Some(text)
}

impl UploadFields {
    fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Self {
        let mut needed =
            |key| fields.required(reading, key).and_then(|at| reading.text(&at)).unwrap_or_default();
        let read = Self {
            file_name: needed("file_name"),
            mime_type: needed("mime_type"),
            total_size: needed("total_size"),
            chunk_number: needed("chunk_number"),
            chunk_size: needed("chunk_size"),
            total_chunks: needed("total_chunks"),
            content: needed("content"),
            ..Self::default()
        };
        let on_progress = fields.text(reading, "on_progress");
        if let (Some(at), Some(topic)) = (fields.get("on_progress"), &on_progress) {
            permission::check(reading, &at, topic, Matching::Exact);
        }
        let session = fields.text(reading, "session");
        fields.no_effect(reading, "file_id", "no version of Crossbar.io that takes it is left");
        let chunk_extra = fields.text(reading, "chunk_extra");
        let finish_extra = fields.text(reading, "finish_extra");
        fields.finish(reading);
        Self { on_progress, session, chunk_extra, finish_extra, ..read }
    }
}
