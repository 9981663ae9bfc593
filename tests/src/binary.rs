//! Which executable the tests boot.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `crossweave` executable: `CROSSWEAVE_BIN` if set, else the newest build next to this test, else a new build.
///
/// # Panics
///
/// If there is none and it cannot be built; the message carries cargo's output.
pub fn crossweave() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| named().or_else(newest_built).unwrap_or_else(build))
}

fn named() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("CROSSWEAVE_BIN")?);
    assert!(path.is_file(), "CROSSWEAVE_BIN names {}, which is no file", path.display());
    Some(path)
}

fn newest_built() -> Option<PathBuf> {
    let candidates = ["debug", "release"].map(executable);
    candidates
        .into_iter()
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
}

fn executable(profile: &str) -> PathBuf {
    target().join(profile).join(format!("crossweave{}", env::consts::EXE_SUFFIX))
}

/// The target directory: this test runs from `<target>/<profile>/deps`.
fn target() -> PathBuf {
    if let Some(folder) = env::var_os("CARGO_TARGET_DIR") {
        return PathBuf::from(folder);
    }
    let test = env::current_exe().expect("a running test has a path");
    let folder = test.ancestors().nth(3).expect("a test lies in <target>/<profile>/deps");
    folder.to_path_buf()
}

fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "-p", "crossweave", "--target-dir"])
        .arg(target())
        .current_dir(root)
        .output()
        .expect("cargo can be started");
    let path = executable("debug");
    assert!(
        output.status.success() && path.is_file(),
        "cannot build the crossweave binary these tests boot:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    path
}
