//! `crossweave apply`.

use clap::Args;
use crossweave_api::node::{ApplyConfiguration, ConfigurationApplied, ConfigurationDifference};

use crate::exit::Failure;
use crate::node::{Cbdir, manage};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Exit code 0 if the node is now what its configuration says, 1 if that could not
be done and the node is what it was before, 2 if the configuration has errors, 69 if no node runs.

Examples:
  crossweave apply --dry-run
  crossweave apply
  crossweave apply --cbdir /srv/app/.crossbar --json | jq .differences";

/// Make a running node what its configuration says now
///
/// The node reads its configuration again, checks it, and changes what is different: realms, roles, transports, workers.
/// Nothing else is touched, and its sessions go on; so do those of a role that changes. A realm, transport or worker that
/// changes is stopped and started again. If a part of it cannot be started, the node is made what it was before.
/// Certificates are read again, too. SIGHUP does the same.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Apply {
    #[command(flatten)]
    directory: Cbdir,
    /// Only show what is different and what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object: file, dry_run, differences, done, failed, left, put_back, not_put_back,
    /// certificates_read, certificates_kept, needs_restart
    #[arg(long)]
    json: bool,
}

impl Apply {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.apply(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn apply(&self, terminal: Terminal) -> Result<(), Failure> {
        let directory = self.directory.find()?;
        let asked = ApplyConfiguration { dry_run: self.dry_run };
        let applied = manage(&directory, async |management| management.ask(None, &asked).await)?;
        if self.json {
            let text = serde_json::to_string(&applied).expect("the API's own types can be written as JSON");
            terminal.print(&text)?;
        } else {
            let lines = lines(&applied);
            lines.iter().try_for_each(|line| terminal.print(&terminal.shown(line)))?;
        }
        applied.certificates_kept.iter().for_each(|kept| {
            terminal.notice(&format!("warning: certificates stay as they were: {kept}"));
        });
        applied.needs_restart.iter().for_each(|part| {
            terminal.notice(&format!("warning: `{part}` has changed: that needs a new start of the node"));
        });
        match applied.failed {
            Some(_) if self.json => Err(Failure::told()),
            Some(why) => Err(Failure::setup(why)),
            None => Ok(()),
        }
    }
}

fn lines(applied: &ConfigurationApplied) -> Vec<String> {
    let mut lines: Vec<String> = applied.differences.iter().map(shown).collect();
    if lines.is_empty() && applied.failed.is_none() {
        let file = &applied.file;
        let has_read = !applied.certificates_read.is_empty();
        lines.push(match &applied.needs_restart[..] {
            [] if has_read => format!("no difference: the node is what {file} says"),
            [] => format!("nothing to do: the node is what {file} says"),
            parts => {
                let parts = parts.join("`, `");
                format!("nothing that can be applied: `{parts}` of {file} comes with a new start of the node")
            }
        });
    }
    let mut list = |title: &str, items: &[String]| {
        if !items.is_empty() {
            lines.push(title.to_owned());
            lines.extend(items.iter().map(|item| format!("  {item}")));
        }
    };
    list("done:", &applied.done);
    let title = if applied.dry_run { "would be done:" } else { "not done:" };
    list(title, &applied.left);
    list("put back as it was:", &applied.put_back);
    list("could not be put back as it was:", &applied.not_put_back);
    list("certificates read again:", &applied.certificates_read);
    lines
}

/// `+ worker001: realm "realm1"`.
fn shown(it: &ConfigurationDifference) -> String {
    let sign = match it.change.as_str() {
        "added" => '+',
        "removed" => '-',
        _ => '~',
    };
    let part = if it.what.is_empty() { String::new() } else { format!(": {}", it.what) };
    format!("{sign} worker {}{part}", it.worker)
}
