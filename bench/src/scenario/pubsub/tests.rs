//! The counts, against a server that is known to lose and to repeat.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::login::Login;
use crate::wire::Wire;

/// What the server did wrong, and the one subscriber it has.
#[derive(Default)]
struct Faults {
    published: AtomicU64,
    dropped: AtomicU64,
    doubled: AtomicU64,
    subscriber: Mutex<Option<TcpStream>>,
}

/// Serves the few NATS commands the scenario uses; drops each publication `n` with `n % 10 == 3`, sends those with
/// `n % 25 == 7` twice.
fn serve(stream: TcpStream, faults: &Faults) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    writer.write_all(b"INFO {}\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["PING"] => writer.write_all(b"PONG\r\n")?,
            ["SUB", ..] => *faults.subscriber.lock().expect("no thread panics") = Some(writer.try_clone()?),
            ["PUB", topic, length] => {
                let mut payload = vec![0; length.parse::<usize>().expect("a length") + 2];
                reader.read_exact(&mut payload)?;
                let mut event = format!("MSG {topic} 2 {length}\r\n").into_bytes();
                event.extend(payload);
                deliver(&event, faults)?;
            }
            _ => {}
        }
        line.clear();
    }
    Ok(())
}

fn deliver(event: &[u8], faults: &Faults) -> std::io::Result<()> {
    let number = faults.published.fetch_add(1, Ordering::Relaxed);
    let mut subscriber = faults.subscriber.lock().expect("no thread panics");
    let subscriber = subscriber.as_mut().expect("the scenario subscribes before it publishes");
    if number % 10 == 3 {
        faults.dropped.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    subscriber.write_all(event)?;
    if number % 25 == 7 {
        faults.doubled.fetch_add(1, Ordering::Relaxed);
        subscriber.write_all(event)?;
    }
    Ok(())
}

fn faulty_server() -> (SocketAddr, Arc<Faults>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    let address = listener.local_addr().expect("the listener is bound");
    let faults = Arc::new(Faults::default());
    let shared = Arc::clone(&faults);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream, &shared));
        }
    });
    (address, faults)
}

#[test]
fn every_loss_and_repetition_of_a_faulty_server_is_counted() {
    let (address, faults) = faulty_server();
    let target = Target { address, wire: Wire::Nats, path: "", realm: "".into(), login: Login::Anonymous };
    let plan = Plan { publishers: 1, subscribers: 1, pace: Pace::Window(16), payload: 64 };
    let outcome = run(&plan, &target, std::process::id(), Timing::ms(20, 100)).expect("the server answers");
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
    assert!(count(&faults.dropped) > 0.0 && count(&faults.doubled) > 0.0, "too few publications to tell");
    assert_eq!(outcome[&Metric::Lost], count(&faults.dropped));
    assert_eq!(outcome[&Metric::Repeated], count(&faults.doubled));
    assert!(outcome[&Metric::Rate] > 0.0 && outcome.contains_key(&Metric::P999Us));
}
