//! Files taken over from elsewhere stay as they were.
//!
//! A folder with vendored files has a `VENDORED.sha256` in the format of `sha256sum` that lists all of them.

use std::path::Path;
use std::process::Command;

use super::Report;
use super::tree::File;

const LIST: &str = "VENDORED.sha256";

pub(super) fn check(root: &Path, tree: &[File], report: &mut Report) {
    for list in tree.iter().filter(|file| file.name() == LIST) {
        let folder = list.path.strip_suffix(LIST).unwrap_or_default();
        check_hashes(root, list, folder, report);
        check_all_listed(tree, list, folder, report);
    }
}

fn check_hashes(root: &Path, list: &File, folder: &str, report: &mut Report) {
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", LIST])
        .current_dir(root.join(folder))
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout).replace('\n', "; ");
            report.offence(&list.path, format_args!("a vendored file was changed: {said}"));
        }
        Err(e) => report.warning(&list.path, format_args!("not checked, cannot run sha256sum: {e}")),
    }
}

fn check_all_listed(tree: &[File], list: &File, folder: &str, report: &mut Report) {
    let text = list.text.as_deref().unwrap_or_default();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("  ")).map(|(_, path)| path).collect();
    for file in tree.iter().filter(|file| file.path.starts_with(folder) && file.name() != LIST) {
        let path = &file.path[folder.len()..];
        if !listed.iter().any(|l| l.trim_start_matches("./") == path) {
            report.offence(&file.path, format_args!("is not listed in {}", list.path));
        }
    }
}
