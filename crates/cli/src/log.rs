//! The log: info and below on stdout, warnings and errors on stderr, in the formats of Crossbar.io.

mod file;
mod line;

use std::io::{self, Write};

pub(crate) use file::LogFile;
use line::Record;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::terminal::Terminal;

/// `--loglevel`: how much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    None,
    /// What a person must act on.
    Error,
    /// And what the router recovered from.
    Warn,
    /// And what was started, stopped and refused.
    #[default]
    Info,
    /// And what happens to connections.
    Debug,
    /// And each message that comes or goes: its kind, ids and URIs, never what it carries.
    Trace,
}

/// `--logformat`: what a log line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// `2026-01-31T12:00:00+0100 [Router      27629] text`.
    #[default]
    Standard,
    /// The same without the time, which syslog and journald know themselves.
    Syslogd,
    /// The text alone.
    None,
    /// One JSON object: time, level, target, pid, message, and the fields of the event.
    Json,
}

impl LogLevel {
    fn filter(self) -> LevelFilter {
        match self {
            LogLevel::None => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// Starts logging. Called once, before anything is started.
pub(crate) fn init(level: LogLevel, format: LogFormat, terminal: Terminal, file: Option<LogFile>) {
    let subscriber = registry().with(level.filter()).with(Log { format, terminal, file });
    // It fails only if there is a subscriber already, which would be as good.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Tells on stdout what other programs wait for, whatever the log level. Plain text, except in a log of JSON. If it cannot
/// be told, stderr says so.
pub(crate) fn announce(format: LogFormat, lines: &[String]) {
    let line = |level: Level, text: &str| match format {
        LogFormat::Json => Record::new(level, "crossweave", text).json(&now()),
        _ => text.to_owned(),
    };
    let told = lines.iter().try_for_each(|text| write(Level::INFO, &line(Level::INFO, text)));
    if let Err(error) = told {
        let text = format!("the node runs, but cannot write to stdout which addresses are open: {error}");
        // There is nowhere left to tell it.
        let _ = write(Level::WARN, &line(Level::WARN, &text));
    }
}

/// Writes events as lines.
struct Log {
    format: LogFormat,
    terminal: Terminal,
    /// Where it goes instead.
    file: Option<LogFile>,
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let record = Record::of(event);
        let has_colours = if self.file.is_some() {
            false
        } else if is_trouble(record.level) {
            self.terminal.has_colours_on_stderr
        } else {
            self.terminal.has_colours
        };
        let line = match self.format {
            LogFormat::Standard => record.standard(&now(), has_colours),
            LogFormat::Syslogd => record.syslogd(),
            LogFormat::None => record.text(),
            LogFormat::Json => record.json(&now()),
        };
        if let Some(file) = &self.file {
            return file.write(&line);
        }
        // A log that nobody reads any more is no reason to stop.
        let _ = write(record.level, &line);
    }
}

fn is_trouble(level: Level) -> bool {
    level <= Level::WARN
}

fn write(level: Level, line: &str) -> io::Result<()> {
    if is_trouble(level) {
        writeln!(io::stderr().lock(), "{line}")
    } else {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())
    }
}

/// The time as Crossbar.io writes it: local, with the offset from UTC.
fn now() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
}
