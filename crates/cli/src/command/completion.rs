//! `crossweave completion`.

use clap::Args;
use clap_complete::Shell;

use crate::exit::Failure;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave completion bash > ~/.local/share/bash-completion/completions/crossweave
  crossweave completion zsh > ~/.zfunc/_crossweave
  crossweave completion fish > ~/.config/fish/completions/crossweave.fish";

/// Print what makes a shell complete our command lines
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self, terminal: Terminal, mut command: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "crossweave", &mut script);
        terminal.print(String::from_utf8_lossy(&script).trim_end())
    }
}
