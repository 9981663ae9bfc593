//! Whether the certificates and keys of a plan can be used, before anything is started.

use std::path::Path;

use crossweave_transport::tls::{TlsAcceptor, TlsError, TlsServerOptions};

use super::Obstacle;
use super::plan::{Plan, Step};

/// Loads all of them.
///
/// # Errors
/// Those that cannot be used, each with its files and the cause.
pub(crate) fn load_certificates(plan: &Plan) -> Result<(), Vec<Obstacle>> {
    let mut obstacles = Vec::new();
    let mut worker_id = "";
    for step in &plan.steps {
        match step {
            Step::Router { worker, .. } => worker_id = worker,
            Step::Listen(listen) => {
                let place = format!("worker {worker_id:?}, transport {:?}", listen.transport);
                let failure = listen.options.tls.as_ref().and_then(|options| load(options).err());
                obstacles.extend(failure.map(|what| Obstacle { place, what }));
            }
            Step::Realm { .. } | Step::Demo { .. } => {}
        }
    }
    if obstacles.is_empty() { Ok(()) } else { Err(obstacles) }
}

fn load(options: &TlsServerOptions) -> Result<(), String> {
    // Without the clients' authorities first: so it is known which files an error is about.
    for files in &options.certificates {
        let own = TlsServerOptions { certificates: vec![files.clone()], client_ca: Vec::new() };
        let paths = [&files.certificate].into_iter().chain(&files.chain).chain([&files.key]);
        TlsAcceptor::new(&own).map_err(|error| explain(&error, paths.map(|path| path.as_path())))?;
    }
    let authorities = options.client_ca.iter().map(|path| path.as_path());
    TlsAcceptor::new(options).map(drop).map_err(|error| explain(&error, authorities))
}

fn explain<'p>(error: &TlsError, paths: impl Iterator<Item = &'p Path>) -> String {
    match error {
        TlsError::File { .. } => error.to_string(),
        error => {
            let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
            format!("{error} ({})", paths.join(", "))
        }
    }
}
