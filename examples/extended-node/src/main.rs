//! A node with something of its own at each extension point; each is a file of this folder.
//!
//! `extended-node DIR` runs the node of that directory. The node starts its workers as `extended-node worker ...`, so that they
//! are this program too, with the same extensions.

mod beacon;
mod clerk;
mod codes;
mod door;
mod drawer;
mod greeting;
mod guard;
mod ledger;
mod lines;
mod visitors;

use std::ffi::OsString;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crossweave_node::{
    Components, Controller, Extensions, NativeOptions, NodeOptions, Obstacle, Registry, boot, findings,
    run_worker,
};
use tokio::signal::unix::{SignalKind, signal};

/// Who has a list of codes, with PIN and codes.
const PEOPLE: &[(&str, &str, &[&str])] = &[("anna", "4711", &["kiwi", "plum", "pear"])];

/// What this program adds, by the names that configurations use.
fn extensions(cbdir: &Path) -> Extensions {
    let visitors = cbdir.join("visitors");
    Extensions {
        cookie_stores: Registry::default()
            .with("drawer", Arc::new(drawer::Drawer::new(cbdir.join("cookies")))),
        event_stores: Registry::default().with("ledger", Arc::new(ledger::Ledger::new(cbdir.join("events")))),
        authenticators: Registry::default().with("door", Arc::new(door::Door)),
        login_methods: Registry::default().with("codes", Arc::new(codes::Codes::of(PEOPLE))),
        management_sessions: Components::default().with("guard", |_| Ok(Box::new(guard::Guard::default()))),
        realm_sessions: Components::default()
            .with("clerk", |extra| Ok(Box::new(clerk::Clerk::new(extra))))
            .with("visitors", move |extra| Ok(Box::new(visitors::Visitors::new(&visitors, extra)))),
        transports: Registry::default().with("lines", Arc::new(lines::make)),
        workers: Components::default().with("beacon", |about| Ok(Box::new(beacon::Beacon::new(about)?))),
        web_services: Registry::default().with("greeting", Arc::new(greeting::make)),
        ..Extensions::default()
    }
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
    let first = arguments.next().ok_or("usage: extended-node DIR")?;
    let runtime = crossweave_router::runtime().map_err(|error| error.to_string())?;
    let ended = runtime.block_on(async {
        if first == "worker" {
            let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
            let mut options = NativeOptions::from_arguments(arguments, Extensions::default())?;
            options.extensions = extensions(&options.cbdir);
            return run_worker(options, pending()).await;
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
    let loaded = crossweave_config::load_checking(cbdir, None, &extensions(cbdir));
    let loaded = loaded.map_err(|problems| problems.to_string())?;
    // What is to be said of the configuration, which is right.
    if !loaded.warnings.is_empty() {
        eprintln!("{}", loaded.warnings);
    }
    findings(&loaded.node, &extensions(&loaded.cbdir)).map_err(lines_of)?;
    let options = NodeOptions {
        directory: Some(loaded.cbdir.clone()),
        worker_command: vec![OsString::from("/proc/self/exe"), OsString::from("worker")],
        extensions: extensions(&loaded.cbdir),
        ..NodeOptions::new(loaded.cbdir.clone())
    };
    let controller = Controller::start(options).await.map_err(|error| error.to_string())?;
    // From here on: who sees that the node is ready may end it at once.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let booted = controller.boot(boot::plan(&loaded.node, &loaded.document)).await;
    if let Ok(listening) = &booted {
        listening.iter().for_each(|line| println!("listening on {line}"));
        println!("ready");
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
    controller.shutdown(None).await;
    booted.map(drop).map_err(|error| error.to_string())
}
