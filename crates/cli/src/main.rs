//! The program `crossweave`: a WAMP router, and the tools to try it.
//!
//! It composes the other crates and holds no logic of theirs.
//!
//! | look for | in |
//! | --- | --- |
//! | the commands and their options | `command`, one file each |
//! | a configuration turned into routers, realms and transports | `node` |
//! | what log lines look like | `log` |
//! | how a value is written on a command line and on a terminal | `value`, `terminal` |
//! | what the client commands share | `connection` |
//! | exit codes | `exit` |

mod command;
mod connection;
mod exit;
mod log;
mod node;
mod signals;
mod terminal;
mod value;
mod writing;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
