//! `crossweave top`.

mod sample;

use std::time::Duration;

use clap::Args;

use crate::exit::Failure;
use crate::node::{Cbdir, Management, manage};
use crate::terminal::Terminal;
use crate::value;
use sample::{Sample, View};

/// Moves to the upper left corner of a terminal and clears it.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

const EXAMPLES: &str = "\
Examples:
  crossweave top
  crossweave top --interval 10
  crossweave top --json | jq '.realms[] | {name, received_per_second}'";

/// Watch what a running node does: sessions and messages by realm, CPU and memory by process
///
/// On a terminal it goes on until Ctrl-C. Otherwise, and with --json, it measures once; --count says how often.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Top {
    #[command(flatten)]
    directory: Cbdir,
    /// Seconds over which it is measured, 0.1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = parse_interval)]
    interval: Duration,
    /// End after so many measurements
    #[arg(long, value_name = "N", value_parser = value::parse_count)]
    count: Option<u64>,
    /// Print each measurement as a JSON object: node, uptime, seconds, processes, realms, silent
    #[arg(long)]
    json: bool,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds, 0.1 to 3600".to_owned())
}

impl Top {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.watch(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn watch(&self, terminal: Terminal) -> Result<(), Failure> {
        let directory = self.directory.find()?;
        manage(&directory, async |management| self.measure(management, terminal).await)
    }

    async fn measure(&self, management: &Management, terminal: Terminal) -> Result<(), Failure> {
        let goes_on = terminal.is_terminal && !self.json;
        let times = self.count.unwrap_or(if goes_on { u64::MAX } else { 1 });
        let mut before = Sample::take(management).await?;
        for _ in 0..times {
            tokio::time::sleep(self.interval).await;
            let now = Sample::take(management).await?;
            let view = View::between(&before, &now);
            if self.json {
                terminal.print(&view.json().to_string())?;
            } else {
                let clear = if goes_on { CLEAR } else { "" };
                let lines: Vec<String> =
                    view.lines().iter().map(|line| terminal.shown(line).into_owned()).collect();
                terminal.print(&format!("{clear}{}", lines.join("\n")))?;
            }
            before = now;
        }
        Ok(())
    }
}
