//! The command line.

mod apply;
mod call;
mod check;
mod completion;
mod convert;
mod explain;
mod guest;
mod init;
mod keygen;
mod keys;
mod migrate;
mod publish;
mod realm;
mod register;
mod schema;
mod start;
mod status;
mod stop;
mod subscribe;
mod tap;
mod top;
mod upgrade;
mod version;
mod worker;

use std::fs::Permissions;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::exit::{Code, Failure};
use crate::terminal::{ColourChoice, Terminal};

const ABOUT: &str = "A WAMP application router: publish/subscribe and remote procedure calls";

const EXAMPLES: &str = "\
Try it, in three terminals:
  crossweave start
  crossweave sub com.example.greeting
  crossweave pub com.example.greeting 'hello'

Exit codes:
  0    it worked
  1    the command line, the configuration or the connection is at fault
  2    the router or a peer answered with an error; for `explain`, it would
  3    for `explain`: an authorizer decides while the node runs
  69   no node runs in the directory; for `status --assert`, it is otherwise
  75   for `start`: it was asked to stop and to be started again
  130  ended by Ctrl-C before it was done";

/// Crossweave
#[derive(Debug, Parser)]
#[command(name = "crossweave", version, about = ABOUT, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct CommandLine {
    /// When to use colours
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        hide_possible_values = false
    )]
    color: ColourChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(start::Start),
    Stop(stop::Stop),
    Status(status::Status),
    Apply(apply::Apply),
    Top(top::Top),
    Tap(tap::Tap),
    Check(check::Check),
    Convert(convert::Convert),
    Upgrade(upgrade::Upgrade),
    Migrate(migrate::Migrate),
    Schema(schema::Schema),
    Explain(explain::Explain),
    Realm(realm::Realm),
    Init(init::Init),
    Keys(keys::Keys),
    Keygen(keygen::Keygen),
    Sub(subscribe::Sub),
    Pub(publish::Pub),
    Call(call::Call),
    Register(register::Register),
    Version(version::Version),
    Completion(completion::Completion),
}

/// What this program starts itself as. Not among the commands for people, so that nothing suggests it to them.
#[derive(Debug, Parser)]
#[command(name = "crossweave")]
enum Part {
    #[command(name = worker::NAME)]
    Worker(worker::Worker),
    #[command(name = guest::NAME)]
    Guest(guest::Guest),
    /// End what guests have started when the node is gone; started by its controller
    #[command(name = guest::WATCH)]
    Watch,
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let is_part =
        std::env::args_os().nth(1).is_some_and(|name| Part::has_subcommand(&name.to_string_lossy()));
    let (terminal, outcome) = match if is_part { run_part() } else { run_command() } {
        Ok(ran) => ran,
        Err(error) => return refuse(&error),
    };
    match outcome {
        Ok(()) => Code::Success.into(),
        Err(Failure { code, message, .. }) => {
            if let Some(message) = message {
                terminal.complain(&message);
            }
            code.into()
        }
    }
}

fn run_command() -> Result<(Terminal, Result<(), Failure>), clap::Error> {
    let line = CommandLine::try_parse()?;
    let terminal = Terminal::new(line.color);
    Ok((terminal, line.command.run(terminal)))
}

fn run_part() -> Result<(Terminal, Result<(), Failure>), clap::Error> {
    let (part, terminal) = (Part::try_parse()?, Terminal::new(ColourChoice::Auto));
    Ok((terminal, part.run(terminal)))
}

/// The permissions of a file, for another one with the same content: a configuration may hold secrets.
fn permissions_of(file: &Path) -> io::Result<Permissions> {
    std::fs::metadata(file).map(|metadata| metadata.permissions())
}

/// Shows help, or what is wrong with the command line.
fn refuse(error: &clap::Error) -> ExitCode {
    match error.print() {
        _ if error.use_stderr() => Code::Setup.into(),
        // As for other output: whoever has read enough is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Terminal::new(ColourChoice::Auto).complain(&format!("cannot write to stdout: {error}"));
            Code::Setup.into()
        }
        _ => Code::Success.into(),
    }
}

impl Command {
    fn run(self, terminal: Terminal) -> Result<(), Failure> {
        match self {
            Command::Start(start) => start.run(terminal),
            Command::Stop(stop) => stop.run(terminal),
            Command::Status(status) => status.run(terminal),
            Command::Apply(apply) => apply.run(terminal),
            Command::Top(top) => top.run(terminal),
            Command::Tap(tap) => tap.run(terminal),
            Command::Check(check) => check.run(terminal),
            Command::Convert(convert) => convert.run(terminal),
            Command::Upgrade(upgrade) => upgrade.run(terminal),
            Command::Migrate(migrate) => migrate.run(terminal),
            Command::Schema(schema) => schema.run(terminal),
            Command::Realm(realm) => realm.run(terminal),
            Command::Explain(explain) => explain.run(terminal),
            Command::Init(init) => init.run(terminal),
            Command::Keys(keys) => keys.run(terminal),
            Command::Keygen(keygen) => keygen.run(terminal),
            Command::Sub(sub) => sub.run(terminal),
            Command::Pub(publish) => publish.run(terminal),
            Command::Call(call) => call.run(terminal),
            Command::Register(register) => register.run(terminal),
            Command::Version(version) => version.run(terminal),
            Command::Completion(completion) => completion.run(terminal, CommandLine::command()),
        }
    }
}

impl Part {
    fn run(self, terminal: Terminal) -> Result<(), Failure> {
        match self {
            Part::Worker(worker) => worker.run(terminal),
            Part::Guest(guest) => guest.run(),
            Part::Watch => {
                guest::watch();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
