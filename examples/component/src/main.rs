//! A node with a component of its own.
//!
//! `counting-node DIR` runs the node of that directory. The node starts its workers as `counting-node worker ...` and its guests
//! as `counting-node guest ...`, so that they are this program too, with the same components linked in.

mod counter;

use std::ffi::OsString;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crossweave_node::{
    Components, Controller, Extensions, NativeOptions, NodeOptions, Obstacle, become_guest, boot, run_worker,
};

use counter::Counter;
use tokio::signal::unix::{SignalKind, signal};

/// What is linked in, by the `name` that configurations use.
fn extensions() -> Extensions {
    let components = Components::default().with("counter", |extra| Ok(Box::new(Counter::new(extra)?)));
    Extensions { components, ..Extensions::default() }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // As it is: problems of a configuration are shown in several lines.
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next().ok_or("usage: counting-node DIR")?;
    if first == "guest" {
        return Err(guest(arguments));
    }
    let runtime = crossweave_router::runtime().map_err(|error| error.to_string())?;
    let ended = runtime.block_on(async {
        if first == "worker" {
            let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
            return run_worker(NativeOptions::from_arguments(arguments, extensions())?, pending()).await;
        }
        node(&PathBuf::from(first)).await
    });
    runtime.shutdown_background();
    ended
}

/// What is in the way, a line for each.
fn lines_of(obstacles: Vec<Obstacle>) -> String {
    let lines: Vec<String> = obstacles.iter().map(|it| format!("error: {}: {}", it.place, it.what)).collect();
    lines.join("\n")
}

/// Runs the node of a directory until Ctrl-C or `crossweave stop`, which sends SIGTERM.
async fn node(cbdir: &Path) -> Result<(), String> {
    let loaded = crossweave_config::load(cbdir, None).map_err(|problems| problems.to_string())?;
    // What is to be said of the configuration, which is right.
    if !loaded.warnings.is_empty() {
        eprintln!("{}", loaded.warnings);
    }
    crossweave_node::findings(&loaded.node, &extensions()).map_err(lines_of)?;
    let this = |role: &str| vec![OsString::from("/proc/self/exe"), OsString::from(role)];
    let options = NodeOptions {
        directory: Some(loaded.cbdir.clone()),
        worker_command: this("worker"),
        guest_command: this("guest"),
        extensions: extensions(),
        ..NodeOptions::new(loaded.cbdir.clone())
    };
    let controller = Controller::start(options).await.map_err(|error| error.to_string())?;
    // From here on: who sees that the node is ready may end it at once.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let booted = controller.boot(boot::plan(&loaded.node, &loaded.document)).await;
    if let Ok(listening) = &booted {
        listening.iter().for_each(|line| println!("listening on {line}"));
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    controller.shutdown(None).await;
    booted.map(drop).map_err(|error| error.to_string())
}

/// Becomes a guest. The result is why that did not work.
fn guest(mut arguments: impl Iterator<Item = OsString>) -> String {
    let parent = arguments.next().and_then(|it| it.to_str()?.parse().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return "a guest is started by its node".to_owned();
    };
    let arguments: Vec<OsString> = arguments.collect();
    become_guest(parent, &program, &arguments).to_string()
}
