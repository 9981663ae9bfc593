//! Load generator for Crossweave and its comparison with other routers and brokers.
//!
//! One epoll thread sends prepared messages and skims what comes back (`wire`, `reactor`), so that it is not what is
//! measured. A `scenario` says what is asked of a peer and measures the peer's CPU and memory meanwhile (`accounting`);
//! `compare` runs all scenarios against all peers, interleaved, and writes the tables (`report`).

mod accounting;
mod args;
mod compare;
mod latency;
mod login;
mod outcome;
mod payload;
mod peer;
mod plan;
mod reactor;
mod report;
mod scenario;
mod trouble;
mod wire;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match args::Args::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::FAILURE
        }
    }
}
