//! What realms cost that start with their first client: memory of each with its session, and how much later that client joins.
//!
//!     cargo run --release -p crossweave-router --example many_realms -- 10000
//!
//! Clients are this process's own, on a Unix socket, and hold next to nothing; what is told as memory is all of both sides.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crossweave_router::{
    Activating, Activation, AdmissionOptions, RawSocketOptions, RealmDefinition, RealmProvider, Role, Router,
    TransportOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Goodbye, Hello};
use crossweave_wamp::{Dict, Message, Serializer, uris};

const SERIALIZER: Serializer = Serializer::Json;

/// Starts every realm that is asked for.
struct Templates(Router);

impl RealmProvider for Templates {
    fn activate(&self, activation: Activation) -> Activating<'_> {
        let roles = vec![Role::allow_all("anonymous"), Role::allow_all("user")];
        let definition = RealmDefinition { roles, ..RealmDefinition::default() };
        let started = self.0.start_realm(&activation.realm, definition);
        Box::pin(async move {
            started.map_err(|why| {
                crossweave_router::NotActivated::new("wamp.error.runtime_error", why.to_string())
            })
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let count: usize = std::env::args().nth(1).map_or(Ok(10_000), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("router.sock");
    let router =
        Router::new(AdmissionOptions { connections_max: 2 * count + 10, ..AdmissionOptions::default() });
    let mut transport = TransportOptions::new(ListenEndpoint::unix(&path));
    transport.rawsocket = Some(RawSocketOptions::default());
    router.listen(transport).await?;
    router.set_realm_provider(Some(std::sync::Arc::new(Templates(router.clone()))));
    tokio::task::spawn_blocking(move || measure(&path, count)).await??;
    let stopping = Instant::now();
    for realm in router.realms() {
        router.stop_realm(&realm).await?;
    }
    println!("stopped in {:?}", stopping.elapsed());
    tokio::time::sleep(Duration::from_millis(500)).await;
    println!("in the end: {} KiB", rss_kib()?);
    Ok(())
}

fn measure(path: &Path, count: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    // Whatever is made once is not a realm's.
    join(path, "warm.up")?;
    let before = rss_kib()?;
    let mut sessions = Vec::with_capacity(count);
    let mut first = Vec::with_capacity(count);
    for number in 0..count {
        let started = Instant::now();
        sessions.push(join(path, &format!("com.example.realm{number}"))?);
        first.push(started.elapsed());
    }
    let after = rss_kib()?;
    let mut second = Vec::with_capacity(1_000);
    for number in 0..count.min(1_000) {
        let started = Instant::now();
        sessions.push(join(path, &format!("com.example.realm{number}"))?);
        second.push(started.elapsed());
    }
    println!(
        "{count} realms with a session each: {after} KiB, {} KiB each",
        (after - before) as f64 / count as f64
    );
    println!("a join that starts its realm:   {}", percentiles(&mut first));
    println!("a join of a realm that runs:    {}", percentiles(&mut second));
    for session in &mut sessions {
        send(session, Goodbye::new(uris::CLOSE_REALM).into())?;
    }
    Ok(())
}

fn join(path: &Path, realm: &str) -> Result<UnixStream, Box<dyn Error + Send + Sync>> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&[0x7f, 0xf0 | SERIALIZER.rawsocket_id(), 0, 0])?;
    stream.read_exact(&mut [0; 4])?;
    let details = Dict::new().with("roles", Roles::client().to_dict());
    send(&mut stream, Hello { realm: Some(realm.to_owned()), details }.into())?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let mut answer = vec![0; u32::from_be_bytes(len) as usize];
    stream.read_exact(&mut answer)?;
    match Message::decode(SERIALIZER, &answer)? {
        Message::Welcome(_) => Ok(stream),
        other => Err(format!("{realm}: {other:?}").into()),
    }
}

fn send(stream: &mut UnixStream, message: Message<'_>) -> std::io::Result<()> {
    let bytes = message.to_bytes(SERIALIZER);
    let mut framed = (bytes.len() as u32).to_be_bytes().to_vec();
    framed.extend_from_slice(&bytes);
    stream.write_all(&framed)
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    format!("median {:?}, p99 {:?}, longest {:?}", at(0.5), at(0.99), at(1.0))
}

/// Resident memory of this process.
fn rss_kib() -> Result<i64, Box<dyn Error + Send + Sync>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
