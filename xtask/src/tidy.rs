//! The rules of the tree that no compiler checks.
//!
//! Every rule reads the workspace and adds to a [`Report`]; each entry names the offender and the rule.

mod dependencies;
mod files;
mod links;
mod sources;
mod tree;
mod vendored;

use crate::workspace::Workspace;

/// What the rules found.
#[derive(Default)]
pub(crate) struct Report {
    offences: Vec<String>,
    warnings: Vec<String>,
}

impl Report {
    /// Breaks a rule: the run fails.
    fn offence(&mut self, offender: impl std::fmt::Display, rule: impl std::fmt::Display) {
        self.offences.push(format!("{offender}: {rule}"));
    }

    /// Worth a look; the run passes.
    fn warning(&mut self, offender: impl std::fmt::Display, rule: impl std::fmt::Display) {
        self.warnings.push(format!("{offender}: {rule}"));
    }
}

/// Checks every rule and prints what it found. Returns whether all rules hold.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let report = check(workspace);
    for warning in &report.warnings {
        println!("tidy: warning: {warning}");
    }
    for offence in &report.offences {
        println!("tidy: {offence}");
    }
    println!("tidy: {} offences, {} warnings", report.offences.len(), report.warnings.len());
    report.offences.is_empty()
}

fn check(workspace: &Workspace) -> Report {
    let mut report = Report::default();
    let tree = match tree::read(&workspace.root) {
        Ok(tree) => tree,
        Err(e) => {
            report.offence(workspace.root.display(), e);
            return report;
        }
    };
    dependencies::check(&workspace.packages, &mut report);
    files::check(&tree, &mut report);
    links::check(&tree, &mut report);
    sources::check(&tree, &mut report);
    vendored::check(&workspace.root, &tree, &mut report);
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_tidy() {
        let workspace = Workspace::load().expect("cargo metadata works in a test");
        let report = check(&workspace);
        assert!(report.offences.is_empty(), "\n{}", report.offences.join("\n"));
    }
}
