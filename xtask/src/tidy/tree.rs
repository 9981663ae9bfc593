//! The files of the project, without what is built or installed into it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours.
const IGNORED: [&str; 6] = ["target", "node_modules", ".git", "__pycache__", "corpus", "artifacts"];

/// One file.
pub(super) struct File {
    /// Relative to the root, with forward slashes.
    pub(super) path: String,
    /// Its text; `None` if it is not UTF-8.
    pub(super) text: Option<String>,
}

impl File {
    /// The last component of the path.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the name ends in `.` and one of the given extensions.
    pub(super) fn is(&self, extensions: &[&str]) -> bool {
        self.name().rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }
}

/// Reads all files below `root`, sorted by path.
pub(super) fn read(root: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_ignored(&entry.file_name().to_string_lossy()) {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(file(root, entry.path())?);
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn is_ignored(folder: &str) -> bool {
    IGNORED.contains(&folder) || folder.starts_with(".venv")
}

fn file(root: &Path, path: PathBuf) -> io::Result<File> {
    let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
    Ok(File { path: relative, text: String::from_utf8(fs::read(&path)?).ok() })
}
