//! `crossweave top`.

mod sample;

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep, sleep_until};

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
  crossweave top --uris 20
  crossweave top --json | jq '.realms[] | {name, received_per_second}'";

/// Routers count how often URIs are used for 10 s after each question: they are asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(4);

/// Watch what a running node does: sessions and messages by realm, CPU, memory and lag by process, URIs with most messages
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
    /// Show so many topics and procedures with most messages, 0 to 1000
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(0..=1000))]
    uris: u32,
    /// Print each measurement as a JSON object: node, uptime, seconds, processes, realms, hot_uris, silent
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
        let mut before = Sample::take(management, self.uris).await?;
        for _ in 0..times {
            self.wait(management, &before).await?;
            let now = Sample::take(management, self.uris).await?;
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
    /// Until the interval is over. The routers must not think that nobody looks any more.
    async fn wait(&self, management: &Management, before: &Sample) -> Result<(), Failure> {
        let end = Instant::now() + self.interval;
        while self.uris > 0 && Instant::now() + ASK_AGAIN < end {
            sleep(ASK_AGAIN).await;
            before.count_on(management).await?;
        }
        sleep_until(end).await;
        Ok(())
    }
}
