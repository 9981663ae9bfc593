//! `keyring`: where the node's key is.

use std::path::PathBuf;

use crate::reading::{Fields, Reading};

/// Where the node's key is. Crossbar.io checks it and then uses `key.priv` all the same, and so does Crossweave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyring {
    /// `"type": "file"`.
    File {
        /// `path`. Default: none.
        path: Option<PathBuf>,
    },
    /// `"type": "hsm"`: a hardware security module.
    Hsm {
        /// `driver`. Needed.
        driver: String,
        /// `port`. Needed.
        port: String,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    File,
    Hsm,
}

impl Keyring {
    pub(super) fn read(reading: &mut Reading<'_>, mut fields: Fields<'_>) -> Option<Self> {
        let words = &[("file", Kind::File), ("hsm", Kind::Hsm)];
        let at = fields.required(reading, "type")?;
        let keyring = match reading.word(&at, words)? {
            Kind::File => {
                let path = fields.text(reading, "path").map(|path| reading.path(&path));
                Some(Self::File { path })
            }
            Kind::Hsm => {
                let driver = fields.required(reading, "driver").and_then(|at| reading.text(&at));
                let port = fields.required(reading, "port").and_then(|at| reading.text(&at));
                driver.zip(port).map(|(driver, port)| Self::Hsm { driver, port })
            }
        };
        fields.finish(reading);
        keyring
    }
}
