//! `cargo xtask bench`: release builds, then `crossweave-bench compare`.

use clap::Args;

use crate::workspace::Workspace;

/// What to compare.
#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for `crossweave-bench compare`; `-- --help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Builds the binary and the load generator and runs the comparison. Returns whether it succeeded.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> bool {
    let mut build = workspace.cargo(&["build", "--release", "-p", "crossweave", "-p", "crossweave-bench"]);
    if !succeeds(&mut build) {
        return false;
    }
    let mut compare = std::process::Command::new(workspace.executable("release", "crossweave-bench"));
    compare
        .arg("compare")
        .args(&options.arguments)
        .current_dir(&workspace.root)
        .env("CROSSWEAVE_BIN", workspace.executable("release", "crossweave"));
    succeeds(&mut compare)
}

fn succeeds(command: &mut std::process::Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(e) => {
            eprintln!("xtask: cannot run {}: {e}", command.get_program().to_string_lossy());
            false
        }
    }
}
