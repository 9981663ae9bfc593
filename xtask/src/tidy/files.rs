//! Names, sizes and presence of files.

use super::Report;
use super::tree::File;

/// What every clone must have.
const REQUIRED: [&str; 5] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", ".ci/run"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "types", "manager", "misc"];

const SOURCE: [&str; 5] = ["rs", "py", "js", "mjs", "sh"];

/// Lines from which a source file probably holds two ideas.
const LINES_WARN: usize = 800;
/// Lines from which it certainly does.
const LINES_MAX: usize = 1200;

pub(super) fn check(tree: &[File], report: &mut Report) {
    for required in REQUIRED {
        if !tree.iter().any(|file| file.path == required) {
            report.offence(required, "is missing");
        }
    }
    if !tree.iter().any(|file| !file.path.contains('/') && file.path.starts_with("LICENSE")) {
        report.offence("LICENSE", "is missing");
    }
    for file in tree.iter().filter(|file| file.is(&SOURCE)) {
        check_name(file, report);
        check_size(file, report);
    }
}

fn check_name(file: &File, report: &mut Report) {
    if file.name() == "mod.rs" {
        report.offence(&file.path, "mod.rs is not used here; name the module foo.rs beside foo/");
    }
    let stem = |name: &str| name.split('.').next().unwrap_or(name).to_lowercase();
    for part in file.path.split('/').map(stem) {
        if EMPTY_NAMES.contains(&part.as_str()) {
            report.offence(&file.path, format_args!("{part:?} names no idea; find the noun of the field"));
        }
    }
}

fn check_size(file: &File, report: &mut Report) {
    let lines = file.text.as_deref().unwrap_or_default().lines().count();
    if lines > LINES_MAX {
        report.offence(&file.path, format_args!("{lines} lines, at most {LINES_MAX}; split it by idea"));
    } else if lines > LINES_WARN {
        report.warning(
            &file.path,
            format_args!("{lines} lines; above {LINES_WARN} two ideas may share the file"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offences(path: &str, lines: usize) -> Vec<String> {
        let mut report = Report::default();
        let file = File { path: path.to_owned(), text: Some("x\n".repeat(lines)) };
        check_name(&file, &mut report);
        check_size(&file, &mut report);
        report.offences
    }

    #[test]
    fn names_without_an_idea_are_refused() {
        assert_eq!(offences("crates/wamp/src/utils.rs", 1).len(), 1);
        assert_eq!(offences("crates/wamp/src/helpers/time.rs", 1).len(), 1);
        assert_eq!(offences("crates/wamp/src/message/mod.rs", 1).len(), 1);
        assert!(offences("crates/wamp/src/prototypes.rs", 1).is_empty());
    }

    #[test]
    fn long_files_are_refused() {
        assert_eq!(offences("crates/wamp/src/uri.rs", LINES_MAX + 1).len(), 1);
        assert!(offences("crates/wamp/src/uri.rs", LINES_MAX).is_empty());
    }
}
