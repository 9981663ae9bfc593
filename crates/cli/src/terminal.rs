//! Writing to whoever started the program: a person at a terminal, or another program.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use anstyle::Style;

use crate::exit::Failure;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColourChoice {
    /// On a terminal, unless the environment variable NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    True,
    /// Never.
    False,
}

/// Where output goes and whether it may have colours there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Whether stdout shows colours.
    pub(crate) has_colours: bool,
    /// Whether a person sees stdout.
    pub(crate) is_terminal: bool,
    /// Whether stderr shows colours.
    pub(crate) has_colours_on_stderr: bool,
}

impl Terminal {
    pub(crate) fn new(choice: ColourChoice) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let allowed = |is_terminal: bool| match choice {
            ColourChoice::Auto => is_terminal && !no_color && !is_dumb,
            ColourChoice::True => true,
            ColourChoice::False => false,
        };
        Terminal {
            is_terminal: io::stdout().is_terminal(),
            has_colours: allowed(io::stdout().is_terminal()),
            has_colours_on_stderr: allowed(io::stderr().is_terminal()),
        }
    }

    /// `text` in this style, if stdout shows colours.
    pub(crate) fn painted<'t>(&self, style: Style, text: &'t str) -> Cow<'t, str> {
        paint(self.has_colours, style, text)
    }

    /// A line for something that happened: when, to which topic or procedure, with what.
    pub(crate) fn happening(&self, time: &str, uri: &str, content: &str) -> String {
        let uri = printable(uri).replace('\n', "\\n");
        let time = self.painted(Style::new().dimmed(), time);
        let uri = self.painted(anstyle::AnsiColor::Cyan.on_default(), &uri);
        let separator = if content.is_empty() { "" } else { " " };
        format!("{time} {uri}{separator}{content}")
    }

    /// Text of a peer for stdout: as it is for a program, without what would steer it for a terminal.
    pub(crate) fn shown<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_terminal { printable(text) } else { Cow::Borrowed(text) }
    }

    /// Writes a line to stdout, at once: another program may be waiting for it.
    ///
    /// # Errors
    /// Nobody reads stdout any more, or the disk is full.
    pub(crate) fn print(&self, line: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::unread(),
            _ => Failure::setup(format_args!("cannot write to stdout: {error}")),
        })
    }

    /// Tells something beside the output. If stderr is closed, nobody wants to know.
    pub(crate) fn notice(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", printable(line));
    }

    /// Tells why the program fails. Problems of a configuration say themselves that they are errors.
    pub(crate) fn complain(&self, message: &str) {
        if message.starts_with("error: ") {
            return self.notice(message);
        }
        let style = anstyle::AnsiColor::Red.on_default().bold();
        let label = paint(self.has_colours_on_stderr, style, "error");
        let _ = writeln!(io::stderr().lock(), "{label}: {}", printable(message));
    }
}

fn paint(has_colours: bool, style: Style, text: &str) -> Cow<'_, str> {
    match has_colours {
        true => Cow::Owned(format!("{style}{text}{style:#}")),
        false => Cow::Borrowed(text),
    }
}

/// The text without what would steer a terminal: control characters and those that turn the direction of writing are
/// written as `\u001b`, which in JSON means the same. Line breaks and tabs stay.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match steers(character) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(character))),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

fn steers(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character.is_control() && !matches!(character, '\n' | '\t')) || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_obeyed() {
        assert_eq!(printable("\x1b[2Jhi\r\u{9b}\u{202e}"), "\\u001b[2Jhi\\u000d\\u009b\\u202e");
        assert!(matches!(printable("zwei\n\tZeilen ü"), Cow::Borrowed(_)));
    }

    #[test]
    fn colours_are_left_out_where_they_are_not_wanted() {
        let bold = Style::new().bold();
        assert_eq!(paint(false, bold, "a"), "a");
        assert_eq!(paint(true, bold, "a"), "\u{1b}[1ma\u{1b}[0m");
    }
}
